import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeWorld } from '#world/node/world.ts';
import { openContentStore } from './content-store.ts';
import { digestOf } from './reference.ts';
import { chunksOf, temporaryDirectory } from './testing.ts';

const world = nodeWorld({ log: { level: 'silent' } });
const blob = Buffer.from('0123456789');

test('a blob that goes on behind what is there is refused, and nothing of it is taken', async () => {
  await using place = await temporaryDirectory();
  const content = await openContentStore(world, place.path);
  const asked: number[] = [];
  async function* half(): AsyncGenerator<Uint8Array> {
    yield blob.subarray(0, 5);
    throw new Error('broken off');
  }
  const get = (offset: number): Promise<void> =>
    content.fetch(digestOf(blob), blob.length, {
      async open(from) {
        asked.push(from);
        return from === 0 ? { stream: half(), offset: 0 } : { stream: chunksOf(blob.subarray(offset), 2), offset };
      },
      retry: async (error) => (error as Error).message === 'broken off',
    });
  await assert.rejects(get(7), /goes on at byte 7, and only the first 5 are here/);
  assert.deepEqual(asked, [0, 5]);
  assert.equal(await content.has(digestOf(blob)), false);
  // One that begins again before, or where it was asked to, is joined.
  await get(3);
  assert.deepEqual(await content.read(digestOf(blob), 100), blob);
});
