/** Watchers that do not read cost the others nothing and the server little: `bench/stalled.ts` measures it with 10,000. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { testWire } from '#apiserver/test-api.ts';
import type { Watching, WatchingResult } from './watching-client.ts';

const stalled = 1_800;
const reading = 200;
const events = 100;
const eventBytes = 20_000;

test('most watchers do not read: the others get every event, none is closed, and memory stays bounded', async (t) => {
  await using wire = await testWire();
  const { cert, key } = await wire.pki.client({ commonName: 'admin', organizations: ['system:masters'] });
  const path = '/api/v1/namespaces/default/configmaps';
  const body = { metadata: { name: 'a', annotations: { at: '0' } }, data: { text: 'x'.repeat(eventBytes) } };
  const made = await wire.ask('POST', path, { body });
  const watching: Watching = {
    ...{ url: wire.url, ca: wire.pki.ca, cert, key, stalled, reading, events, filling: 20 },
    path: `${path}?watch=true&resourceVersion=${made.json.metadata.resourceVersion}`,
  };
  const client = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      join(import.meta.dirname, 'watching-client.ts'),
      JSON.stringify(watching),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines = createInterface({ input: client.stdout })[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, '{"open":true}');
  const before = process.memoryUsage();
  for (let i = 0; i < events; i++) {
    const metadata = { ...body.metadata, annotations: { at: String(process.hrtime.bigint() / 1_000n) } };
    assert.equal((await wire.ask('PUT', `${path}/a`, { body: { ...body, metadata } })).status, 200);
  }
  const result = JSON.parse((await lines.next()).value as string) as WatchingResult;
  const after = process.memoryUsage();
  await once(client, 'exit');
  const grown = after.heapUsed + after.external - before.heapUsed - before.external;
  t.diagnostic(
    `p50 ${result.p50Ms.toFixed(1)} ms, p99 ${result.p99Ms.toFixed(1)} ms; ${(grown / 1024 / 1024).toFixed(0)} MiB more`,
  );
  assert.equal(result.delivered, reading * events);
  assert.deepEqual(result.closed, { stalled: 0, reading: 0 });
  // What they did not take is 3.6 GB; each may hold a window's worth.
  assert.ok(grown < stalled * 150_000, `${grown} bytes for ${stalled} watchers that do not read`);
});
