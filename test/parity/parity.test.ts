/** Kinds that answer as the reference does must go on doing so. Needs a reference (README.md). */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

const skip = process.env['K8TS_REFERENCE'] ? false : 'K8TS_REFERENCE names no kube-apiserver to compare with';

const alike = [
  [
    'configmaps',
    'secrets',
    'serviceaccounts',
    'nodes',
    'namespaces',
    'runtimeclasses',
    'resourcequotas',
    'limitranges',
  ],
  [
    'services',
    'endpoints',
    'endpointslices',
    'ingresses',
    'ingressclasses',
    'networkpolicies',
    'ipaddresses',
    'servicecidrs',
  ],
  ['persistentvolumes', 'persistentvolumeclaims', 'storageclasses', 'volumeattributesclasses', 'csistoragecapacities'],
  ['volumeattachments', 'csidrivers', 'csinodes'],
];

for (const [mode, kinds] of [
  ['create', ['roles', 'rolebindings', 'certificatesigningrequests', 'deviceclasses']],
  ['update', ['roles', 'flowschemas', 'podcertificaterequests']],
  ['status', ['flowschemas', 'podcertificaterequests', 'storageversionmigrations']],
  ...['create', 'update', 'status'].flatMap((mode) => alike.map((kinds) => [mode, kinds] as const)),
] as const) {
  test(`${kinds.join(', ')}: ${mode} answers as the reference does`, { skip }, () => {
    const run = fileURLToPath(new URL('run.ts', import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [run, ...kinds, `--mode=${mode}`], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, `${stdout}\n${stderr}`);
  });
}
