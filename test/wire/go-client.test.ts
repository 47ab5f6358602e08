/**
 * A program of ours on client-go (`go-client/`): typed, metadata and dynamic clients in protobuf, JSON and CBOR, informers by streaming lists, apply
 * configurations, discovery. It is built where Go is on the PATH and its modules can be had; the program is kept beside the other clients.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { everyKind, everyManifest } from './every-kind.ts';
import { wireCluster, type WireCluster } from './fixture.ts';
import { goProgram } from './go-program.ts';

const client = goProgram('go-client');
const skip = 'lacking' in client ? client.lacking : false;

let cluster: WireCluster;
before(async () => {
  if (!skip) cluster = await wireCluster();
});
after(() => cluster?.[Symbol.asyncDispose]());

type Environment = Readonly<Record<string, string>>;

async function go(name: string, env: Environment = {}, input = ''): Promise<string> {
  assert.ok('program' in client);
  const { code, stdout, stderr } = await cluster.world.processes.run([client.program, cluster.kubeconfig, name], {
    env,
    input,
    timeoutMs: 60_000,
  });
  assert.equal(code, 0, stderr + stdout);
  assert.match(stdout, new RegExp(`^ok ${name}$`, 'm'));
  return stdout;
}

test('client-go: an object of every kind is the same in protobuf and in JSON', { skip }, async () => {
  const stdout = await go('kinds', {}, everyManifest);
  assert.equal(stdout.match(/^did /gm)?.length, everyKind.length - 2, stdout);
});

const cbor = { KUBE_FEATURE_ClientsAllowCBOR: 'true', KUBE_FEATURE_ClientsPreferCBOR: 'true' };
const checks: readonly (readonly [string, string, Environment])[] = [
  ['informers stream their lists', 'informers', { KUBE_FEATURE_WatchListClient: 'true' }],
  ['apply configurations', 'apply', {}],
  ['subresources and reviews', 'subresources', {}],
  ['metadata alone', 'metadata', {}],
  ['objects without types, in JSON', 'dynamic', {}],
  ['objects without types, in CBOR', 'dynamic', cbor],
  ['discovery and schemas', 'discovery', {}],
  ['a list in pages', 'pages', {}],
  ['leader election', 'leader', {}],
];
for (const [what, name, env] of checks)
  test(`client-go: ${what}`, { skip }, async () => {
    await go(name, env);
  });
