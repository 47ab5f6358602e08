/** Helm with a chart of an object of every kind: the newest, and Helm 3, which patches on the client. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { everyKind, manifestOf, type Sample } from './every-kind.ts';
import { wireCluster, type WireCluster } from './fixture.ts';
import { oldTools } from './old-tools.ts';

/** A Node's taints belong to its controller, which a release that owned them would get into conflict with, as upstream. */
const charted = everyKind.map((sample) => ({ ...sample, yaml: sample.yaml.replace(/^ *taints: .*\n?/m, '') }));

const manifests = manifestOf(charted);

/** A chart with a template for each object, whose note is a value. */
async function chartOf(cluster: WireCluster, samples: readonly Sample[]): Promise<string> {
  const chart = join(cluster.directory, 'every');
  await mkdir(join(chart, 'templates'), { recursive: true });
  await cluster.file('every/Chart.yaml', 'apiVersion: v2\nname: every\nversion: 1.0.0\n');
  await cluster.file('every/values.yaml', 'note: first\n');
  for (const { kind, name, yaml } of samples) {
    const file = `${kind.plural}-${name.replaceAll(':', '-')}.yaml`;
    const text = yaml.replaceAll('note: first', 'note: {{ .Values.note | quote }}');
    await cluster.file(`every/templates/${file}`, `${text}\n`);
  }
  return chart;
}

interface Found {
  readonly kind: string;
  readonly metadata: { readonly annotations: Record<string, string>; readonly resourceVersion: string };
}

async function everyNote(cluster: WireCluster, note: string): Promise<void> {
  const { items } = JSON.parse(await cluster.ok('get -f - -o json', manifests)) as { readonly items: readonly Found[] };
  assert.equal(items.length, charted.length);
  for (const { kind, metadata } of items) {
    assert.equal(metadata.annotations['note'], note, kind);
    assert.equal(metadata.annotations['meta.helm.sh/release-name'], 'all', kind);
  }
}

async function wholeLife(cluster: WireCluster): Promise<void> {
  const chart = await chartOf(cluster, charted);
  const helm = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.helm(args);
    assert.equal(code, 0, `helm ${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
  assert.match(await helm('install', 'all', chart, '--dry-run=server'), /kind: ClusterTrustBundle/);
  assert.equal(await cluster.ok('get cm every --ignore-not-found'), '');
  await helm('install', 'all', chart);
  await everyNote(cluster, 'first');
  const manifest = await helm('get', 'manifest', 'all');
  for (const { kind } of charted) assert.match(manifest, new RegExp(`^kind: ${kind.kind}$`, 'm'));
  await helm('upgrade', 'all', chart, '--dry-run=server', '--set', 'note=never');
  await everyNote(cluster, 'first');
  await helm('upgrade', 'all', chart, '--set', 'note=second');
  await everyNote(cluster, 'second');
  await helm('rollback', 'all', '1');
  await everyNote(cluster, 'first');
  assert.equal(JSON.parse(await helm('status', 'all', '-o', 'json')).info.status, 'deployed');
  await helm('uninstall', 'all');
  // Their finalizers are taken by controllers, in their own time.
  await cluster.ok('wait --for=delete ns/every servicecidr/every pv/every pvc/every --timeout=30s');
  assert.equal(await cluster.ok('get -f - -o name --ignore-not-found', manifests), '');
}

test('Helm 4 installs, upgrades, rolls back and uninstalls every kind', async () => {
  await using cluster = await wireCluster({ controllers: true });
  await wholeLife(cluster);
});

test('Helm 3 does the same', async () => {
  await using cluster = await wireCluster({ controllers: true, tools: await oldTools() });
  assert.match((await cluster.helm('version --short')).stdout, /^v3\./);
  await wholeLife(cluster);
});
