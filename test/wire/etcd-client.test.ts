/**
 * A program of ours on etcd's Go client (`etcd-client/`) against `k8ts etcd serve`: transactions in software, locks, sessions, leases,
 * watches, elections, snapshots.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { goProgram } from './go-program.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const client = goProgram('etcd-client');
const skip = 'lacking' in client ? client.lacking : false;
const node = [process.execPath, '--disable-warning=ExperimentalWarning', main] as const;

test("etcd's Go client and its recipes work on the store alone", { skip }, async () => {
  assert.ok('program' in client);
  const folder = await mkdtemp(join(tmpdir(), 'k8ts-etcd-serve-'));
  const socket = join(folder, 'etcd.sock');
  const [command, ...args] = [
    ...node,
    'etcd',
    'serve',
    '--data-dir',
    folder,
    '--listen-client-urls',
    `unix://${socket}`,
  ];
  const server = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    assert.match(String((await once(server.stdout, 'data'))[0]), /^Serving .*state\.db on unix:/);
    const ran = spawnSync(client.program, [`unix://${socket}`], { encoding: 'utf8', timeout: 60_000 });
    assert.equal(ran.status, 0, ran.stderr + ran.stdout);
    assert.equal(ran.stdout.match(/^ok /gm)?.length, 6, ran.stdout);
    const status = spawnSync(
      command,
      [...args.slice(0, 2), 'etcd', 'status', '--endpoints', `unix://${socket}`, '-wjson'],
      {
        encoding: 'utf8',
      },
    );
    assert.ok((JSON.parse(status.stdout) as { revision: number }).revision > 200, status.stderr);
  } finally {
    const exited = once(server, 'exit');
    server.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
    await rm(folder, { recursive: true });
  }
});

test('certificates are looked for from where one stands', () => {
  const [command, ...args] = [...node, 'etcd', 'status', '--endpoints', 'https://127.0.0.1:1', '--cacert', 'none.crt'];
  const refused = spawnSync(command, args, { encoding: 'utf8' });
  assert.equal(refused.status, 2);
  assert.ok(refused.stderr.includes(`${resolve('none.crt')} is missing`), refused.stderr);
});

test('an etcd that everybody could reach is not started', () => {
  const [command, ...args] = [...node, 'etcd', 'serve', '--memory', '--listen-client-urls', 'http://0.0.0.0:1'];
  const refused = spawnSync(command, args, { encoding: 'utf8' });
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /whoever reaches it could read and write everything/);
});
