import assert from 'node:assert/strict';
import { lstat, mkdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { nodeWorld } from '#world/node/world.ts';
import { unpackLayer, type UnpackLimits } from './layer.ts';
import { digestOf } from './reference.ts';
import { chunksOf, tarOf, temporaryDirectory, type TestEntry } from './testing.ts';

const world = nodeWorld({ log: { level: 'error' } });
const options = { skip: process.getuid?.() === 0 && process.platform === 'linux' ? false : 'needs root on Linux' };

async function unpack(
  entries: readonly TestEntry[],
  extra: { lower?: readonly string[]; limits?: UnpackLimits; directory?: string; bytes?: Buffer } = {},
) {
  const place = await temporaryDirectory();
  const directory = `${place.path}/layer`;
  await mkdir(directory);
  const bytes = extra.bytes ?? tarOf(...entries);
  try {
    const result = await unpackLayer(world, chunksOf(bytes, 1000), {
      directory,
      lower: extra.lower ?? [],
      ...(extra.limits ? { limits: extra.limits } : {}),
    });
    return { directory, result, bytes, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() };
  } catch (error) {
    await place[Symbol.asyncDispose]();
    throw error;
  }
}

test('owners, modes, links, times, long and odd names survive, whatever the compression', options, async () => {
  const long = `${'d'.repeat(90)}/${'e'.repeat(120)}`;
  const tar = tarOf(
    { name: 'a/', mode: 0o750, uid: 7, gid: 9 },
    { name: 'a/run', content: 'x', mode: 0o4755, uid: 70_000, gid: 3_000_000 },
    { name: 'a/same', type: 'link', linkName: 'a/run' },
    { name: 'a/to', linkName: '/a/run' },
    { name: 'pipe', type: 'fifo' },
    { name: 'null', type: 'character', deviceMajor: 1, deviceMinor: 3 },
    { name: `${'d'.repeat(90)}/` },
    { name: long, content: 'long' },
    { name: Buffer.from('é ü\n').toString('latin1'), content: 'utf' },
  );
  for (const bytes of [tar, gzipSync(tar), zstdCompressSync(tar)]) {
    await using layer = await unpack([], { bytes });
    const { directory } = layer;
    assert.equal(layer.result.diffId, digestOf(tar));
    assert.equal(layer.result.dependsOnLower, false);
    const run = await stat(`${directory}/a/run`);
    assert.deepEqual(
      [run.mode & 0o7777, run.uid, run.gid, run.nlink, run.mtimeMs],
      [0o4755, 70_000, 3_000_000, 2, 1_700_000_000_000],
    );
    assert.equal((await stat(`${directory}/a`)).mode & 0o7777, 0o750);
    assert.equal(await readlink(`${directory}/a/to`), '/a/run');
    assert.equal((await lstat(`${directory}/null`)).rdev, 0x103);
    assert.ok((await lstat(`${directory}/pipe`)).isFIFO());
    assert.equal(await readFile(`${directory}/${long}`, 'utf8'), 'long');
    assert.equal(await readFile(`${directory}/é ü\n`, 'utf8'), 'utf');
  }
});

test('file capabilities keep every byte', options, async () => {
  const capability = Buffer.from('0100000280200000000000000000000000000000', 'hex');
  await using layer = await unpack([
    { name: 'ping', content: 'p', attributes: { 'security.capability': capability.toString('latin1') } },
  ]);
  const { stdout } = await world.processes.run(['getcap', `${layer.directory}/ping`]).catch(() => ({ stdout: '' }));
  if (stdout !== '') assert.match(stdout, /cap_setuid,cap_net_raw=ep/);
});

test('whiteouts become devices, opaque directories hide what is below', options, async () => {
  await using layer = await unpack([
    { name: 'etc/.wh.gone', content: '' },
    { name: 'var/.wh..wh..opq', content: '' },
    { name: 'var/new', content: 'n' },
    { name: 'both/.wh.dir', content: '' },
    { name: 'both/dir/', mode: 0o700 },
    { name: 'kept/file', content: 'k' },
    { name: 'kept/.wh.file', content: '' },
    { name: '.wh..wh.plnk/x', content: '' },
  ]);
  const gone = await lstat(`${layer.directory}/etc/gone`);
  assert.ok(gone.isCharacterDevice());
  assert.equal(gone.rdev, 0);
  assert.equal(await readFile(`${layer.directory}/kept/file`, 'utf8'), 'k');
  const lower = `${layer.directory}-lower`;
  for (const path of ['etc', 'var', 'both/dir']) await mkdir(`${lower}/${path}`, { recursive: true });
  for (const path of ['etc/gone', 'etc/stays', 'var/old', 'both/dir/old']) await writeFile(`${lower}/${path}`, '');
  const merged = `${layer.directory}-merged`;
  await mkdir(merged);
  const mounted = await world.processes.run([
    'mount',
    '-t',
    'overlay',
    '-o',
    `lowerdir=${layer.directory}:${lower}`,
    'overlay',
    merged,
  ]);
  assert.equal(mounted.code, 0, mounted.stderr);
  try {
    const { stdout } = await world.processes.run(['find', '.', '-mindepth', '2', '-printf', '%P\n'], { cwd: merged });
    assert.deepEqual(stdout.trim().split('\n').sort(), ['both/dir', 'etc/stays', 'kept/file', 'var/new']);
  } finally {
    await world.processes.run(['umount', merged]);
  }
});

test('no archive reaches outside of its layer', options, async () => {
  await using outside = await temporaryDirectory();
  const { path } = outside;
  const hostile: TestEntry[][] = [
    [{ name: '../escaped', content: 'x' }],
    [{ name: 'a/../../escaped', content: 'x' }],
    [{ name: 'h', type: 'link', linkName: '../../../../etc/passwd' }],
    [{ name: 'h', type: 'link', linkName: '/etc/passwd' }],
    [{ name: '.wh...', content: '' }],
    [{ name: 'x/.wh.', content: '' }],
    [{ name: './', type: 'symlink', linkName: path }],
    [
      { name: 'file', content: 'x' },
      { name: 'file/below', content: 'x' },
    ],
    [
      { name: 'loop', linkName: 'loop' },
      { name: 'loop/x', content: 'x' },
    ],
  ];
  for (const entries of hostile) await assert.rejects(unpack(entries), { name: 'TarError' }, JSON.stringify(entries));

  // Links are followed as a chroot would follow them: the files land inside.
  await using layer = await unpack([
    { name: 'abs', linkName: path },
    { name: 'abs/planted', content: 'x' },
    { name: 'up', linkName: `../../../../..${path}` },
    { name: 'up/planted2', content: 'x' },
    { name: '/rooted', content: 'r' },
    { name: 'swap/' },
    { name: 'swap', linkName: path },
    { name: 'swap/planted3', content: 'x' },
    { name: 'wh', linkName: path },
    { name: 'wh/.wh.gone', content: '' },
  ]);
  assert.deepEqual(
    (await world.disk.list(path))?.map((entry) => entry.name),
    [],
  );
  assert.equal(await readFile(`${layer.directory}${path}/planted`, 'utf8'), 'x');
  assert.equal(await readFile(`${layer.directory}${path}/planted2`, 'utf8'), 'x');
  assert.equal(await readFile(`${layer.directory}${path}/planted3`, 'utf8'), 'x');
  assert.equal(await readFile(`${layer.directory}/rooted`, 'utf8'), 'r');
  assert.ok((await lstat(`${layer.directory}${path}/gone`)).isCharacterDevice());
});

test('overlay attributes of an archive are not believed', options, async () => {
  await using layer = await unpack([
    { name: 'd/', attributes: { 'trusted.overlay.redirect': '/etc', 'user.note': 'kept' } },
  ]);
  const { stdout, code } = await world.processes
    .run(['getfattr', '-d', '-m', '-', `${layer.directory}/d`])
    .catch(() => ({ stdout: '', code: 1 }));
  if (code === 0) assert.equal(stdout.includes('redirect'), false);
});

test('what a layer takes from the layers below makes it depend on them', options, async () => {
  await using base = await unpack([
    { name: 'tmp/', mode: 0o1777 },
    { name: 'data', content: 'from below', mode: 0o600, uid: 5 },
  ]);
  await using layer = await unpack(
    [
      { name: 'tmp/x', content: '1' },
      { name: 'copy', type: 'link', linkName: 'data' },
    ],
    { lower: [base.directory] },
  );
  assert.equal(layer.result.dependsOnLower, true);
  assert.equal((await stat(`${layer.directory}/tmp`)).mode & 0o7777, 0o1777);
  assert.equal(await readFile(`${layer.directory}/copy`, 'utf8'), 'from below');
  assert.equal((await stat(`${layer.directory}/copy`)).uid, 5);
});

test('damaged, endless and unsupported archives are refused with a reason', options, async () => {
  const limits = { entriesMax: 3, bytesMax: 1000 };
  await assert.rejects(
    unpack([{ name: '1' }, { name: '2' }, { name: '3' }, { name: '4' }], { limits }),
    /more than 3 entries/,
  );
  await assert.rejects(unpack([{ name: 'big', content: 'x'.repeat(1001) }], { limits }), /larger than 1000 bytes/);
  await assert.rejects(unpack([], { bytes: Buffer.from('no tar at all'.repeat(100)) }), /not a tar archive/);
  await assert.rejects(unpack([], { bytes: Buffer.alloc(0) }), /empty/);
  await assert.rejects(
    unpack([], { bytes: tarOf({ name: 'a', content: 'x'.repeat(5000) }).subarray(0, 3000) }),
    /ends in the middle/,
  );
  await assert.rejects(
    unpack([], { bytes: gzipSync(tarOf({ name: 'a', content: 'x'.repeat(5000) })).subarray(0, 60) }),
    /damaged compressed data/,
  );
  await assert.rejects(unpack([], { bytes: Buffer.from('BZh91AY', 'latin1') }), /bzip2 compression is not supported/);
  const sparse = tarOf({ name: 's', content: 'x' });
  sparse[156] = 'S'.charCodeAt(0);
  sparse.fill(0x20, 148, 156);
  sparse.write(
    `${[...sparse.subarray(0, 512)]
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0`,
    148,
    'latin1',
  );
  await assert.rejects(unpack([], { bytes: sparse }), /GNU sparse/);
});
