import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { countIn, isAfter, replyTo, Watched } from './counted-objects.ts';

test('a deletion is asked for with its preconditions, and its answer is heard', async () => {
  const server = createServer();
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      stream.respond({ ':status': 200 });
      stream.end(JSON.stringify({ method: headers[':method'], body: Buffer.concat(chunks).toString() }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const on = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  try {
    const body = { preconditions: { resourceVersion: '7' } };
    const reply = await replyTo(on, { method: 'DELETE', path: '/x', body });
    assert.deepEqual(JSON.parse(reply?.text ?? ''), { method: 'DELETE', body: JSON.stringify(body) });
    assert.match((await replyTo(on, { method: 'GET', path: '/x' }))?.text ?? '', /"GET","body":""/);
  } finally {
    on.destroy();
    server.close();
  }
});

test('a watcher that misses a change, or sees one twice, is found out', () => {
  const line = (type: string, count: number, revision: number): string =>
    JSON.stringify({
      type,
      object: { metadata: { name: 'w0-0', resourceVersion: String(revision) }, data: { count: String(count) } },
    });
  const seen = (...lines: readonly string[]): number => {
    const watched = new Watched(1);
    for (const each of lines) watched.see(each);
    return watched.countOf('w0-0');
  };
  assert.equal(seen(line('ADDED', 1, 2), line('MODIFIED', 2, 3)), 2);
  assert.throws(() => seen(line('ADDED', 1, 2), line('MODIFIED', 3, 3)), /after change 1 of w0-0/);
  assert.throws(() => seen(line('ADDED', 1, 2), line('ADDED', 1, 2)), /after revision 2/);
  assert.throws(() => seen(line('ADDED', 1, 2), line('DELETED', 1, 3)), /got DELETED of change 2/);
  assert.ok(isAfter(countIn({ status: 404, text: '{}' }), 23));
  assert.ok(!isAfter(countIn({ status: 404, text: '{}' }), 674));
});
