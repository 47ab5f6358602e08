/** What the writer writes the reader reads; and whatever else it is given ends in an error that names the file. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { nodeWorld } from '#world/node/world.ts';
import { pageHead } from './format.ts';
import { openBbolt } from './reader.ts';
import { pageBytes, planDatabase, type BucketSource } from './writer.ts';

const { disk } = nodeWorld({ log: { level: 'silent' } });
let path: string;
before(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'k8ts-bbolt-')), 'file.db');
});
after(() => rm(join(path, '..'), { recursive: true }));

type Items = readonly (readonly [key: Buffer, value: Buffer])[];

const source = (name: string, items: Items): BucketSource => ({
  name,
  count: items.length,
  key: (i) => items[i]![0],
  keyBytes: (i) => items[i]![0].length,
  valueBytes: (i) => items[i]![1].length,
  value: (i) => items[i]![1],
});

function bytesOf(buckets: Readonly<Record<string, Items>>): Buffer {
  const plan = planDatabase(Object.entries(buckets).map(([name, items]) => source(name, items)));
  const bytes = Buffer.concat([...plan.pages()]);
  assert.equal(bytes.length, plan.sizeBytes);
  assert.equal(bytes.length % pageBytes, 0);
  return bytes;
}

async function read(bytes: Buffer): Promise<Record<string, Items>> {
  await writeFile(path, bytes);
  const file = await openBbolt(disk, path, bytes.length);
  const found: Record<string, Items> = {};
  for await (const name of file.buckets()) found[name] = await Array.fromAsync(file.items(name));
  return found;
}

const numbered = (count: number, valueBytes: (i: number) => number): Items =>
  Array.from({ length: count }, (_, i) => {
    const key = Buffer.alloc(8);
    key.writeBigUInt64BE(BigInt(i));
    return [key, Buffer.alloc(valueBytes(i), i)] as const;
  });

test('buckets of any content are read as they were written', async () => {
  const items = fc
    .uniqueArray(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 600 }), fc.uint8Array({ maxLength: 9_000 })), {
      selector: ([key]) => Buffer.from(key).toString('latin1'),
      maxLength: 60,
    })
    .map((all) =>
      all.map(([key, value]) => [Buffer.from(key), Buffer.from(value)] as const).sort(([a], [b]) => a.compare(b)),
    );
  await fc.assert(
    fc.asyncProperty(items, items, async (one, two) => {
      assert.deepEqual(await read(bytesOf({ one, two, none: [] })), { none: [], one, two });
    }),
    { numRuns: 40 },
  );
});

test('a tree of several levels, values of many pages and an empty database', async () => {
  const large = { key: numbered(60_000, (i) => (i % 20_000 === 7 ? 300_000 : i % 50)) };
  assert.deepEqual(await read(bytesOf(large)), large);
  assert.deepEqual(await read(bytesOf({})), {});
});

test('a file that was flipped, cut or made up never does more than fail with its name', async () => {
  const bytes = bytesOf({ key: numbered(900, (i) => i % 100), meta: numbered(3, () => 8) });
  const outcome = async (changed: Buffer): Promise<string> =>
    read(changed).then(
      () => 'read',
      (error: Error) => {
        assert.ok(error.message.startsWith(path), error.stack);
        return error.message.slice(path.length);
      },
    );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.option(fc.nat(bytes.length)),
      async (flips, end) => {
        const changed = Buffer.from(bytes);
        // Where structure is, not only somewhere in the values.
        for (const [at, value] of flips) changed[at % 3 === 0 ? at : at - (at % pageBytes) + (at % 64)] = value;
        await outcome(end === null ? changed : changed.subarray(0, end));
      },
    ),
    { numRuns: 300 },
  );
  const changed = (at: number, write: (page: Buffer) => void): Promise<string> => {
    const copy = Buffer.from(bytes);
    write(copy.subarray(at * pageBytes));
    return outcome(copy);
  };
  // Page 3 is the root bucket, its first element the bucket "key"; both metas have the same numbers.
  assert.match(await outcome(Buffer.alloc(100_000, 'letter')), /is no bbolt database/);
  assert.match(await outcome(bytes.subarray(0, bytes.length - pageBytes)), /is cut: it has/);
  assert.match(await changed(4, (page) => page.writeBigUInt64LE(9n, 0)), /page 4 says it is another/);
  assert.match(await changed(4, (page) => page.writeUInt32LE(0xffff_ffff, 12)), /page 4 is larger than the file/);
  assert.match(await changed(4, (page) => page.writeUInt16LE(0xffff, 10)), /a page with too many elements/);
  assert.match(await changed(4, (page) => page.writeUInt32LE(0xffff_fff0, pageHead.bytes + 4)), /outside its page/);
  // Behind the elements of both buckets and the name of the first: the page of its root.
  const root = Number(bytes.readBigUInt64LE(3 * pageBytes + pageHead.bytes + 2 * 16 + 3));
  assert.match(
    await changed(root, (page) => page.writeBigUInt64LE(BigInt(root), pageHead.bytes + 8)),
    /is there twice/,
  );
  assert.match(
    await changed(root, (page) => page.writeBigUInt64LE(5n, pageHead.bytes + 8)),
    /not in order|is there twice/,
  );
  assert.match(await changed(root, (page) => page.writeBigUInt64LE(1n << 60n, pageHead.bytes + 8)), /there is no page/);
  assert.match(await changed(root, (page) => page.writeUInt16LE(4, 8)), /is of kind 4/);
  assert.equal(await changed(0, (page) => page.fill(0, 0, pageBytes)), 'read');
});
