import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { nodeWorld } from '#world/node/world.ts';
import { apiServersOf, controlPlanesOf, defaults, nodesOf, type Configuration } from './configuration.ts';
import { etcdCommand, etcdOf, openControlPlaneIdentities } from './control-planes.ts';
import { openIdentities } from './identities.ts';
import { layoutOf } from './layout.ts';

const world = nodeWorld({ log: { level: 'silent' } });
const nodeSubnet = '172.29.3.0/24';
const configuration: Configuration = {
  ...defaults,
  id: 'abcdef',
  nodeKind: 'containers',
  nodes: nodesOf(1, nodeSubnet),
  controlPlanes: controlPlanesOf(3, nodeSubnet),
  nodeSubnet,
  createdAt: '2026-01-01T00:00:00Z',
};
const [, second] = configuration.controlPlanes ?? [];
assert.ok(second);

test('a server asks the member beside it first, and clients reach every server', () => {
  const layout = layoutOf('/data');
  assert.deepEqual(etcdOf(layout, configuration, second).servers, [
    'https://172.29.3.3:2379',
    'https://172.29.3.2:2379',
    'https://172.29.3.4:2379',
  ]);
  assert.deepEqual(
    apiServersOf(configuration).map(({ host }) => host),
    ['172.29.3.2', '172.29.3.3', '172.29.3.4'],
  );
});

test('a member speaks TLS only, and with nobody who shows no certificate', () => {
  const command = etcdCommand(layoutOf('/data'), configuration, second);
  assert.ok(!command.some((word) => word.includes('http://')));
  for (const flag of ['--client-cert-auth=true', '--peer-client-cert-auth=true']) assert.ok(command.includes(flag));
  assert.ok(command.some((word) => word.startsWith('--initial-cluster=') && word.split(',').length === 3));
});

test("etcd's authority is its own: no certificate of the cluster opens it", async () => {
  const root = await mkdtemp(join(tmpdir(), 'k8ts-planes-'));
  try {
    const layout = layoutOf(root);
    const { ca, admin } = await openIdentities(world, layout, configuration);
    const { servers } = await openControlPlaneIdentities(world, layout, configuration);
    const { caFile = '', certFile = '' } = etcdOf(layout, configuration);
    const certificate = async (file: string): Promise<X509Certificate> => new X509Certificate(await readFile(file));
    const etcdAuthority = await certificate(caFile);
    const signs = (authority: X509Certificate, other: X509Certificate): boolean => other.verify(authority.publicKey);
    assert.equal(signs(etcdAuthority, new X509Certificate(admin.cert)), false);
    assert.equal(signs(etcdAuthority, await certificate(certFile)), true);
    const server = new X509Certificate(servers.get(second.name)?.cert ?? '');
    assert.equal(signs(new X509Certificate(ca), server), true);
    assert.match(server.subjectAltName ?? '', /IP Address:172\.29\.3\.3/);
  } finally {
    await rm(root, { recursive: true });
  }
});
