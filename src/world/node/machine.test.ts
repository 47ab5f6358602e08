/**
 * Clock, randomness, disk, processes and log of the real machine, each in a folder or process of its own.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { nodeLog } from './log.ts';
import { nodeWorld } from './world.ts';

const { clock, random, disk, processes } = nodeWorld({ log: { level: 'silent' } });
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'k8ts-machine-'));
});
after(() => rm(folder, { recursive: true }));

test('sleep ends by time and by abort, and a cancelled timer never fires', async () => {
  const started = clock.monotonic();
  await clock.sleep(20);
  assert.ok(clock.monotonic() - started >= 15);
  const abort = new AbortController();
  const long = clock.sleep(60_000, { signal: abort.signal });
  abort.abort(new Error('enough'));
  await assert.rejects(long, /enough/);
  await assert.rejects(clock.sleep(1, { signal: AbortSignal.abort(new Error('before')) }), /before/);
  let fired = false;
  clock.after(1, () => (fired = true)).cancel();
  // Beyond setTimeout's 2^31 ms: must not fire at once.
  const far = clock.after(2 ** 40, () => (fired = true), { unref: true });
  await clock.sleep(10);
  await clock.yield();
  far.cancel();
  assert.equal(fired, false);
});

test('random names use the name alphabet evenly', () => {
  assert.match(random.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(random.bytes(16).length, 16);
  const suffix = random.suffix(27_000);
  assert.match(suffix, /^[bcdfghjklmnpqrstvwxz2456789]{27000}$/);
  for (const letter of 'bcdfghjklmnpqrstvwxz2456789') {
    const count = suffix.split(letter).length - 1;
    assert.ok(count > 700 && count < 1300, `${letter}: ${count}`);
  }
  for (let i = 0; i < 100; i++) assert.ok(random.fraction() >= 0 && random.fraction() < 1);
});

test('files are written whole, with their mode, and leave no temporary file', async () => {
  const path = join(folder, 'file');
  await disk.write(path, 'one', { mode: 0o600 });
  await Promise.all(Array.from({ length: 20 }, (_, i) => disk.write(path, `version ${i}`)));
  assert.match((await disk.readText(path)) as string, /^version \d+$/);
  await disk.write(path, Buffer.from([1, 2, 3]), { mode: 0o666 });
  assert.equal((await stat(path)).mode & 0o777, 0o666);
  assert.deepEqual(await disk.read(path), Buffer.from([1, 2, 3]));
  assert.deepEqual(await readdir(folder), ['file']);
  await assert.rejects(disk.write(join(folder, 'none', 'x'), 'x'), { code: 'ENOENT' });
  await assert.rejects(disk.write('relative', 'x'), TypeError);
  await disk.remove(path);
});

test('what is missing answers undefined, and what is wrong throws', async () => {
  const missing = join(folder, 'missing');
  assert.equal(await disk.read(missing), undefined);
  assert.equal(await disk.readText(missing), undefined);
  assert.equal(await disk.list(missing), undefined);
  assert.equal(await disk.stat(missing), undefined);
  assert.equal(await disk.readLink(missing), undefined);
  await disk.remove(missing);
  await assert.rejects(disk.read(folder), { code: 'EISDIR' });
  await assert.rejects(disk.openPipe(folder), /not a named pipe/);
});

test('trees are made, listed, linked and removed', async () => {
  const tree = join(folder, 'tree');
  await disk.makeDirectory(join(tree, 'a', 'b'));
  await disk.append(join(tree, 'log'), 'one\n');
  await disk.append(join(tree, 'log'), 'two\n');
  await disk.symlink('log', join(tree, 'latest'));
  await disk.link(join(tree, 'log'), join(tree, 'hard'));
  await disk.rename(join(tree, 'hard'), join(tree, 'moved'));
  const names = (await disk.list(tree))?.map(({ name, type }) => `${name}:${type}`);
  assert.deepEqual(names, ['a:directory', 'latest:symlink', 'log:file', 'moved:file']);
  assert.equal(await disk.readLink(join(tree, 'latest')), 'log');
  assert.equal((await disk.stat(join(tree, 'latest')))?.type, 'symlink');
  assert.equal((await disk.stat(join(tree, 'log')))?.sizeBytes, 8);
  await disk.chmod(join(tree, 'log'), 0o640);
  assert.equal((await disk.stat(join(tree, 'log')))?.mode, 0o640);
  await disk.truncate(join(tree, 'log'), 4);
  assert.equal(await disk.readText(join(tree, 'moved')), 'one\n');
  const streamed = disk.readStream(join(tree, 'log'), { start: 1, end: 2 });
  assert.equal((await streamed.toArray()).join(''), 'ne');
  const out = disk.writeStream(join(tree, 'out'), { append: true });
  await new Promise((resolve) => out.end('text', () => resolve(undefined)));
  assert.equal(await disk.readText(join(tree, 'out')), 'text');
  await assert.rejects(disk.remove(tree));
  await disk.remove(tree, { recursive: true });
  assert.ok((await disk.space(folder)).totalBytes > 0);
});

test('a named pipe is read over several writers, and closed without any', async () => {
  const path = join(folder, 'pipe');
  assert.equal((await processes.run(['mkfifo', path])).code, 0);
  {
    await using pipe = await disk.openPipe(path);
    let text = '';
    const twice = new Promise<void>((resolve) => {
      pipe.on('data', (chunk: Buffer) => {
        text += String(chunk);
        if (text.includes('two')) resolve();
      });
    });
    await processes.run(['sh', '-c', `echo one > ${path}`]);
    await processes.run(['sh', '-c', `echo two > ${path}`]);
    await twice;
    assert.equal(text, 'one\ntwo\n');
  }
  await disk.remove(path);
});

test('programs run to their end and report their codes', async () => {
  const cat = await processes.run(['cat'], { input: 'hello' });
  assert.deepEqual(cat, { code: 0, stdout: 'hello', stderr: '' });
  assert.equal((await processes.run(['sh', '-c', 'echo bad >&2; exit 3'])).stderr, 'bad\n');
  assert.equal((await processes.run(['sh', '-c', 'kill -9 $$'])).code, 137);
  assert.equal((await processes.run(['sh', '-c', 'echo $A $HOME'], { env: { A: 'x', HOME: 'y' } })).stdout, 'x y\n');
  assert.equal((await processes.run(['pwd'], { cwd: folder })).stdout, `${folder}\n`);
  // The reader of a large input that ends early is not our failure.
  assert.equal((await processes.run(['true'], { input: Buffer.alloc(1_000_000) })).code, 0);
});

test('a missing program, folder or command is a clear error', async () => {
  await assert.rejects(processes.run(['no-such-program']), {
    code: 'ENOENT',
    message: /no-such-program: program not found/,
  });
  assert.throws(() => processes.spawn(['no-such-program']), { code: 'ENOENT' });
  await assert.rejects(processes.run(['true'], { cwd: join(folder, 'gone') }), /working directory/);
  await assert.rejects(processes.run([]), TypeError);
  assert.throws(() => processes.spawnPty(['no-such-program']), { code: 'ENOENT' });
  assert.equal(await processes.which('no-such-program'), undefined);
  assert.match((await processes.which('sh')) as string, /\/sh$/);
});

test('a program that hangs is killed by time-out or abort', async () => {
  await assert.rejects(processes.run(['sleep', '60'], { timeoutMs: 50 }), /did not end within 50 ms/);
  const abort = new AbortController();
  const run = processes.run(['sleep', '60'], { signal: abort.signal });
  abort.abort(new Error('stop'));
  await assert.rejects(run, /stop/);
});

test('a daemon that holds the output open does not hold its parent', async () => {
  const { stdout } = await processes.run(['sh', '-c', 'sleep 60 & echo $!']);
  assert.equal(processes.kill(Number(stdout), 'SIGKILL'), true);
});

test('a detached child lives in its own session and writes to its file', async () => {
  const file = join(folder, 'child.log');
  const child = processes.spawn(['sh', '-c', 'echo out; echo err >&2; sleep 60'], {
    detached: true,
    stdio: { appendTo: file },
  });
  while (((await disk.readText(file)) ?? '').length < 8) await clock.sleep(5);
  assert.equal(processes.kill(child.pid, 0), true);
  assert.equal(processes.kill(-child.pid, 'SIGTERM'), true);
  assert.equal(await child.exited, 143);
  assert.equal(processes.kill(child.pid, 0), false);
  assert.equal(await disk.readText(file), 'out\nerr\n');
  assert.throws(() => processes.kill(-1, 'SIGTERM'), RangeError);
  assert.ok(processes.usage().residentBytes > 0);
});

test('a terminal echoes, resizes and reports the exit code', async () => {
  const pty = processes.spawnPty(['sh', '-c', 'stty -echo; read x; stty size; echo "got $x"; exit 7'], {
    columns: 100,
    rows: 40,
  });
  let text = '';
  pty.terminal.on('data', (chunk: Buffer) => (text += String(chunk)));
  pty.resize(120, 50);
  pty.terminal.write('hello\n');
  assert.equal(await pty.exited, 7);
  assert.match(text, /50 120\r\ngot hello\r\n$/);
});

test('closing a terminal hangs up its program', async () => {
  const pty = processes.spawnPty(['sleep', '60']);
  pty.terminal.destroy();
  assert.equal(await pty.exited, 129);
});

test('the log writes JSON lines at its level, and the last words before an exit', async () => {
  const path = join(folder, 'log');
  const log = nodeLog({ level: 'info', destination: path }).with({ component: 'test' });
  log.debug('hidden');
  log.info('shown', {
    n: 1,
    at: new Error('broken', { cause: new Error('deep') }),
    big: 'x'.repeat(10_000),
    time: 'kept',
  });
  log.warn('circular', {
    loop: ((): unknown => {
      const a: Record<string, unknown> = {};
      a['a'] = a;
      return a;
    })(),
  });
  await clock.yield();
  const lines = ((await disk.readText(path)) as string)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(lines.length, 2);
  assert.equal(lines[0].component, 'test');
  assert.equal(lines[0].at.cause.error, 'deep');
  assert.ok(lines[0].big.length < 5_000);
  assert.equal(lines[0].time_, 'kept');
  assert.match(lines[1].loop, /unprintable/);
  const module = new URL('log.ts', import.meta.url).pathname;
  const crash = `const { nodeLog } = await import(${JSON.stringify(module)}); nodeLog({ format: 'text' }).error('last\\nwords', { a: 'b c' }); process.exit(3)`;
  const { code, stderr } = await processes.run([process.execPath, '--input-type=module', '-e', crash]);
  assert.equal(code, 3);
  assert.match(stderr, /ERROR last words a="b c"\n$/);
});
