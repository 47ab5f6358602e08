/**
 * A program of ours on client-go (`go-client/`): typed, metadata and dynamic clients in protobuf, JSON and CBOR, informers by streaming lists, apply
 * configurations, discovery. It is built where Go is on the PATH and its modules can be had; the program is kept beside the other clients.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { toolsDirectory } from '#cluster/client-tools.ts';
import { everyKind, everyManifest } from './every-kind.ts';
import { wireCluster, type WireCluster } from './fixture.ts';

const source = fileURLToPath(new URL('go-client', import.meta.url));
/** Cold, two cores compile the program in about 80 s. Both together stay under the limit of a test file. */
const [downloadMsMax, buildMsMax] = [100_000, 180_000];

/** The path of the program, or why there is none. */
function built(): { readonly program: string } | { readonly lacking: string } {
  const version = spawnSync('go', ['version'], { encoding: 'utf8' });
  if (version.status !== 0) return { lacking: 'needs Go on the PATH' };
  const hash = createHash('sha256').update(version.stdout);
  for (const file of globSync('*', { cwd: source }).toSorted()) hash.update(readFileSync(join(source, file)));
  const program = join(dirname(toolsDirectory), `k8ts-go-client-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(program)) return { program };
  for (const older of globSync(join(dirname(toolsDirectory), 'k8ts-go-client-*'))) rmSync(older);
  const modules = spawnSync('go', ['mod', 'download'], { cwd: source, encoding: 'utf8', timeout: downloadMsMax });
  if (modules.status !== 0) return { lacking: `needs Go 1.26 and modules: ${modules.stderr.split('\n')[0]}` };
  const build = spawnSync('go', ['build', '-mod=readonly', '-ldflags=-s -w', '-o', program, '.'], {
    cwd: source,
    encoding: 'utf8',
    timeout: buildMsMax,
  });
  if (build.status === null) return { lacking: `needs a machine that compiles client-go in ${buildMsMax / 1000} s` };
  assert.equal(build.status, 0, build.stderr);
  return { program };
}

const client = built();
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
