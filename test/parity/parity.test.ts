/** Kinds that answer as the reference does must go on doing so. Needs a reference (README.md). */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

const skip = process.env['K8TS_REFERENCE'] ? false : 'K8TS_REFERENCE names no kube-apiserver to compare with';

for (const [mode, kinds] of [
  ['create', ['configmaps', 'secrets', 'roles', 'rolebindings', 'certificatesigningrequests', 'deviceclasses']],
  ['update', ['configmaps', 'secrets', 'roles', 'flowschemas', 'podcertificaterequests']],
  ['status', ['flowschemas', 'podcertificaterequests', 'storageversionmigrations']],
] as const) {
  test(`${kinds.join(', ')}: ${mode} answers as the reference does`, { skip }, () => {
    const run = fileURLToPath(new URL('run.ts', import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [run, ...kinds, `--mode=${mode}`], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, `${stdout}\n${stderr}`);
  });
}
