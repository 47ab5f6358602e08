import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryDirectory } from '#images/testing.ts';
import { nodeWorld } from '#world/node/world.ts';
import { podOf } from '../testing.ts';
import { writeAtomically, type VolumeFile } from './atomic-files.ts';
import type { Sources } from './sources.ts';
import { mountedPath, prepareVolumes } from './volumes.ts';

const world = nodeWorld();
const files = (entries: Readonly<Record<string, string>>, mode = 0o644): ReadonlyMap<string, VolumeFile> =>
  new Map(Object.entries(entries).map(([path, content]) => [path, { content: Buffer.from(content), mode }]));

test('files are switched all at once, and only when they change', async () => {
  await using place = await temporaryDirectory();
  const directory = `${place.path}/volume`;
  const { disk } = world;
  assert.equal(await writeAtomically(world, directory, files({ a: '1', 'sub/b': '2' }, 0o400)), true);
  assert.deepEqual(
    [await disk.readLink(`${directory}/a`), await disk.readLink(`${directory}/sub`)],
    ['..data/a', '..data/sub'],
  );
  assert.equal((await disk.stat(`${directory}/${await disk.readLink(`${directory}/..data`)}/a`))?.mode, 0o400);
  assert.equal(await writeAtomically(world, directory, files({ a: '1', 'sub/b': '2' }, 0o400)), false);
  const before = await disk.readLink(`${directory}/..data`);
  assert.equal(await writeAtomically(world, directory, files({ c: '3' })), true);
  assert.deepEqual(
    (await disk.list(directory))?.map(({ name }) => name).toSorted(),
    [await disk.readLink(`${directory}/..data`), '..data', 'c'].toSorted(),
  );
  assert.notEqual(await disk.readLink(`${directory}/..data`), before);
  assert.equal(await writeAtomically(world, directory, new Map()), true);
  assert.equal(await writeAtomically(world, directory, new Map()), false);
});

test('a path that leaves the volume is refused', async () => {
  await using place = await temporaryDirectory();
  await assert.rejects(writeAtomically(world, `${place.path}/v`, files({ '../../x': '1' })), /leaves its volume/);
});

test('a subPath follows links inside the volume and none out of it', async () => {
  await using place = await temporaryDirectory();
  const volume = `${place.path}/volume`;
  const { disk } = world;
  await disk.makeDirectory(`${volume}/real`);
  await disk.write(`${volume}/real/f`, '');
  const links: Readonly<Record<string, string>> = {
    inside: 'real',
    up: '../',
    around: 'real/../../volume',
    absolute: '/etc',
    loop: 'loop',
    chain: 'hop',
    hop: '../..',
    '..data': '../..',
    planted: '..data/etc',
  };
  for (const [name, target] of Object.entries(links)) await disk.symlink(target, `${volume}/${name}`);
  const path = (subPath: string) => mountedPath(world, { name: 'v', mountPath: '/m' } as never, volume, subPath);
  assert.equal(await path(''), volume);
  assert.equal(await path('inside/f'), `${volume}/real/f`);
  assert.equal(await path('new/er'), `${volume}/new/er`);
  assert.equal((await disk.stat(`${volume}/new/er`))?.type, 'directory');
  for (const bad of ['up', 'around', 'absolute', 'loop', 'chain', 'planted', '../x', '/etc', 'inside/../../x'])
    await assert.rejects(path(bad), { name: 'ConfigError' }, bad);
  await assert.rejects(path('real/f/x'), /not a directory/);
});

test('a missing object fails its own volume in the words of upstream, and no other', async () => {
  await using place = await temporaryDirectory();
  const sources = {
    configMap: async (_pod: unknown, name: string) =>
      name === 'there' ? { data: { k: 'v' }, binaryData: { bin: 'AAE=' } } : undefined,
  } as unknown as Sources;
  const volumes = [
    { name: 'a', configMap: { name: 'gone' } },
    { name: 'b', configMap: { name: 'there', items: [{ key: 'bin', path: 'x/y' }] } },
    { name: 'c', configMap: { name: 'gone', optional: true } },
  ];
  const context = {
    world,
    sources,
    directory: place.path,
    pod: podOf({ volumes }),
    fields: { podIps: [], hostIp: '', nodeName: '' },
    allocatable: {},
  };
  await assert.rejects(prepareVolumes(context), {
    name: 'MountError',
    message: 'MountVolume.SetUp failed for volume "a" : configmap "gone" not found',
  });
  assert.deepEqual(await world.disk.read(`${place.path}/volumes/kubernetes.io~configmap/b/x/y`), Buffer.from([0, 1]));
  const key = {
    ...context,
    pod: podOf({ volumes: [{ name: 'a', configMap: { name: 'there', items: [{ key: 'no', path: 'p' }] } }] }),
  };
  await assert.rejects(prepareVolumes(key), /references non-existent config key: no$/);
  await assert.rejects(
    prepareVolumes({ ...context, pod: podOf({ volumes: [{ name: 'n', nfs: {} }] }) }),
    /volumes of kind nfs are not supported on this node/,
  );
});
