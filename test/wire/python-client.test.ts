/**
 * The Python client, of its newest version: typed calls, watches, patches, pages, the dynamic client. It is fetched from PyPI on first use, beside the
 * other clients; where Python or the registry is missing the tests skip.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { toolsDirectory } from '#cluster/client-tools.ts';
import { everyKind, everyManifest } from './every-kind.ts';
import { wireCluster, type WireCluster } from './fixture.ts';

const program = fileURLToPath(new URL('python-client/client.py', import.meta.url));
const packages = join(dirname(toolsDirectory), 'k8ts-python-client-37');
const installMsMax = 120_000;

/** Why the client cannot run; false when it can. */
function lacking(): string | false {
  const run = (...args: readonly string[]) => spawnSync('python3', args, { encoding: 'utf8', timeout: installMsMax });
  if (run('--version').status !== 0) return 'needs Python';
  if (existsSync(packages)) return false;
  if (run('-m', 'pip', '--version').status !== 0) return 'needs pip';
  const fresh = `${packages}.new`;
  const flags = ['--quiet', '--no-input', '--retries=1', '--timeout=10', '--no-compile', '--disable-pip-version-check'];
  const { status, stderr } = run('-m', 'pip', 'install', ...flags, '--target', fresh, 'kubernetes==37.*');
  if (status !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    return `needs the package kubernetes from PyPI: ${stderr?.trim().split('\n').at(-1)}`;
  }
  renameSync(fresh, packages);
  return false;
}

const skip = lacking();

let cluster: WireCluster;
before(async () => {
  if (!skip) cluster = await wireCluster();
});
after(() => cluster?.[Symbol.asyncDispose]());

async function python(name: string, input = ''): Promise<string> {
  const command = ['python3', program, cluster.kubeconfig, name];
  const { code, stdout, stderr } = await cluster.world.processes.run(command, {
    env: { PYTHONPATH: packages, HOME: cluster.directory },
    input,
    timeoutMs: 60_000,
  });
  assert.equal(code, 0, stderr + stdout);
  assert.match(stdout, new RegExp(`^ok ${name}$`, 'm'));
  return stdout;
}

test('Python: an object of every kind fits its type', { skip }, async () => {
  assert.match(await python('every', everyManifest), new RegExp(`^created ${everyKind.length}$`, 'm'));
});

const checks: readonly (readonly [string, string])[] = [
  ['typed calls in many groups', 'typed'],
  ['a watch', 'watch'],
  ['patches of every type, and apply', 'patches'],
  ['a list in pages', 'pages'],
  ['the dynamic client', 'dynamic'],
];
for (const [what, name] of checks)
  test(`Python: ${what}`, { skip }, async () => {
    await python(name);
  });
