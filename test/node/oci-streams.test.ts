import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Readable } from 'node:stream';
import { asRoot, withApplets, ociFixture, textOf, until, world } from './oci-fixture.ts';

test('exec gives both outputs, the input, the exit code, and ends when told', asRoot, async () => {
  await using fixture = await ociFixture();
  const sandbox = await fixture.sandbox();
  const id = await fixture.run(sandbox, 'exec sleep 1000');
  assert.deepEqual(await fixture.exec(id, ['sh', '-c', 'cat; echo err >&2; exit 42'], { input: 'hello' }), {
    code: 42,
    stdout: 'hello',
    stderr: 'err\n',
  });
  const big = await fixture.exec(id, ['sh', '-c', 'head -c 3000000 /dev/zero']);
  assert.equal(big.stdout.length, 3_000_000);
  await assert.rejects(fixture.exec(id, ['missing']), {
    reason: 'ExecError',
    message:
      'failed to exec in container: OCI runtime exec failed: exec failed: unable to start container process: exec: "missing": executable file not found in $PATH: unknown',
  });
  await assert.rejects(fixture.exec(id, ['sh', '-c', 'sleep 777 & sleep 777'], { timeoutMs: 200 }), {
    reason: 'DeadlineExceeded',
    message: /timeout 0\.2s exceeded: context deadline exceeded/,
  });
  const session = await fixture.runtime.exec(id, {
    command: ['sh', '-c', 'echo up; exec sleep 777'],
    stdin: false,
    tty: false,
  });
  await firstChunk(session.stdout);
  session.close();
  assert.equal(await session.exited, 137);
  const { stdout } = await fixture.exec(id, ['sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "']);
  assert.equal(stdout.includes('sleep 777'), false);
  await fixture.runtime.stopContainer(id, 0);
  await assert.rejects(fixture.runtime.exec(id, { command: ['true'], stdin: false, tty: false }), {
    reason: 'ExecError',
    message: /CONTAINER_EXITED state/,
  });
});

test('exec with a terminal: echo, size, control characters, exit code', withApplets, async () => {
  await using fixture = await ociFixture();
  const sandbox = await fixture.sandbox();
  const id = await fixture.run(sandbox, 'exec sleep 1000');
  const session = await fixture.runtime.exec(id, { command: ['sh'], stdin: true, tty: true });
  assert.equal(session.stderr, undefined);
  const seen = collect(session.stdout);
  session.resize(101, 33);
  await until(async () => {
    session.stdin?.write('stty size; tty\n');
    await world.clock.sleep(50);
    return seen().includes('33 101') && seen().includes('/dev/pts/');
  });
  session.stdin?.write('sleep 1000\n');
  await until(async () => seen().includes('sleep 1000'));
  await world.clock.sleep(100);
  session.stdin?.write('\u0003');
  session.stdin?.write('echo "after $((6*7))"; exit 9\n');
  assert.equal(await session.exited, 9);
  assert.match(seen(), /after 42/);
});

test(
  'several clients attach to one container; its input ends after the first one that brought some',
  asRoot,
  async () => {
    await using fixture = await ociFixture();
    const sandbox = await fixture.sandbox();
    const id = await fixture.run(
      sandbox,
      'echo before; while read line; do echo "got $line"; done; echo done; exit 4',
      { stdin: true, stdinOnce: true },
    );
    await until(async () => (await fixture.log(id)).includes('before'));
    const writer = await fixture.runtime.attach(id, { stdin: true, tty: false });
    const watcher = await fixture.runtime.attach(id, { stdin: false, tty: false });
    const seen = [textOf(writer.stdout), textOf(watcher.stdout)];
    writer.stdin?.write('one\n');
    writer.stdin?.end('two\n');
    assert.deepEqual(await Promise.all(seen), ['got one\ngot two\ndone\n', 'got one\ngot two\ndone\n']);
    assert.deepEqual([await writer.exited, await watcher.exited], [4, 4]);
    assert.match(await fixture.log(id), /before\n[^]*got one\n[^]*got two\n[^]*done\n$/);
  },
);

test('input without stdinOnce stays open for the next client', asRoot, async () => {
  await using fixture = await ociFixture();
  const sandbox = await fixture.sandbox();
  const id = await fixture.run(sandbox, 'while read line; do echo "got $line"; done; echo ended', { stdin: true });
  for (const word of ['first', 'second']) {
    const session = await fixture.runtime.attach(id, { stdin: true, tty: false });
    session.stdin?.end(`${word}\n`);
    await until(async () => (await fixture.log(id)).includes(`got ${word}`));
    session.close();
  }
  assert.equal((await fixture.container(id)).state, 'running');
});

test('a container with a terminal can be attached and resized, also by a later agent', withApplets, async () => {
  await using fixture = await ociFixture();
  const sandbox = await fixture.sandbox();
  const id = await fixture.run(sandbox, ['sh'], { stdin: true, tty: true });
  for (const columns of [90, 120]) {
    const session = await fixture.runtime.attach(id, { stdin: true, tty: true });
    const seen = collect(session.stdout);
    await until(async () => {
      session.resize(columns, 40);
      session.stdin?.write('stty size\n');
      await world.clock.sleep(50);
      return seen().includes(`40 ${columns}`);
    });
    session.close();
    await fixture.restart();
    assert.equal((await fixture.container(id)).state, 'running');
  }
  const last = await fixture.runtime.attach(id, { stdin: true, tty: true });
  last.stdout.resume();
  last.stdin?.write('exit 6\n');
  assert.equal(await last.exited, 6);
  assert.equal((await fixture.exited(id)).exitCode, 6);
});

function collect(stream: Readable): () => string {
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  return () => text;
}

async function firstChunk(stream: Readable): Promise<void> {
  await new Promise((resolve) => stream.once('data', resolve));
}
