import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryDirectory } from '#images/testing.ts';
import { nodeWorld } from '#world/node/world.ts';
import { readLog, type LogOptions } from './logs.ts';

const world = nodeWorld();
const line = (second: number, text: string, { stream = 'stdout', tag = 'F' } = {}): string =>
  `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000001Z ${stream} ${tag} ${text}\n`;

async function read(path: string, options: Partial<LogOptions> = {}): Promise<string> {
  let text = '';
  for await (const chunk of readLog(world, path, { follow: false, ...options })) text += chunk.toString('utf8');
  return text;
}

test('a log is cut by lines, bytes, time and stream', async () => {
  await using place = await temporaryDirectory();
  const path = `${place.path}/0.log`;
  assert.equal(await read(path), '');
  await world.disk.append(
    path,
    line(1, 'one') + line(2, 'bad', { stream: 'stderr' }) + line(3, 'hal', { tag: 'P' }) + line(3, 'ves') + line(4, ''),
  );
  assert.equal(await read(path), 'one\nbad\nhalves\n\n');
  assert.equal(await read(path, { tailLines: 1 }), '\n');
  assert.equal(await read(path, { tailLines: 0 }), '');
  assert.equal(await read(path, { tailLines: 99 }), 'one\nbad\nhalves\n\n');
  assert.equal(await read(path, { limitBytes: 5 }), 'one\nb');
  assert.equal(await read(path, { sinceMs: Date.parse('2026-01-01T00:00:03Z') }), 'halves\n\n');
  assert.equal(await read(path, { stream: 'Stderr' }), 'bad\n');
  assert.equal(
    await read(path, { timestamps: true, tailLines: 4 }).then((text) => text.split('\n')[0]),
    '2026-01-01T00:00:02.000000001Z bad',
  );
});

test('the tail of a long log is found from its end', async () => {
  await using place = await temporaryDirectory();
  const path = `${place.path}/0.log`;
  await world.disk.append(
    path,
    Array.from({ length: 5_000 }, (_, index) => line(index % 60, `line ${index}`)).join(''),
  );
  const text = await read(path, { tailLines: 3_000 });
  assert.deepEqual([text.split('\n').length, text.split('\n')[0]], [3_001, 'line 2000']);
});

test('lines that are no log are left out', async () => {
  await using place = await temporaryDirectory();
  const path = `${place.path}/0.log`;
  await world.disk.append(path, `garbage\n\n${line(1, 'good')}no end`);
  assert.equal(await read(path), 'good\n');
});

test('following reads on over a rotation and ends with the container', async () => {
  await using place = await temporaryDirectory();
  const path = `${place.path}/0.log`;
  await world.disk.append(path, line(1, 'first'));
  let alive = true;
  const seen: string[] = [];
  const reading = (async () => {
    for await (const chunk of readLog(world, path, { follow: true, alive: () => alive }))
      seen.push(chunk.toString('utf8'));
  })();
  while (seen.length === 0) await world.clock.sleep(5);
  await world.disk.rename(path, `${path}.old`);
  await world.disk.append(path, line(2, 'second'));
  while (seen.length === 1) await world.clock.sleep(5);
  await world.disk.append(path, line(3, 'third'));
  alive = false;
  await reading;
  assert.equal(seen.join(''), 'first\nsecond\nthird\n');
});

test('following ends when the reader goes away', async () => {
  await using place = await temporaryDirectory();
  const stop = new AbortController();
  const reading = read(`${place.path}/0.log`, { follow: true, signal: stop.signal });
  stop.abort();
  assert.equal(await reading, '');
});
