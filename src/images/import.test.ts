import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { nodeWorld } from '#world/node/world.ts';
import { ensureDemoImages } from './demo.ts';
import { openImageStore } from './image-store.ts';
import { importImages } from './import.ts';
import { digestOf, hexOf } from './reference.ts';
import { tarOf, temporaryDirectory, type TestEntry } from './testing.ts';

const world = nodeWorld({ log: { level: 'error' } });
const options = { skip: process.getuid?.() === 0 && process.platform === 'linux' ? false : 'needs root on Linux' };
const layer = tarOf({ name: 'hello', content: 'hi' });
const config = Buffer.from(
  JSON.stringify({
    os: 'linux',
    architecture: 'amd64',
    config: {},
    rootfs: { type: 'layers', diff_ids: [digestOf(layer), digestOf(layer)] },
  }),
);

async function fixture() {
  const place = await temporaryDirectory();
  const store = await openImageStore(world, { directory: `${place.path}/store` });
  return {
    store,
    path: place.path,
    async file(...entries: readonly TestEntry[]) {
      const path = `${place.path}/archive.tar`;
      await writeFile(path, tarOf(...entries));
      return path;
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}

test(
  'docker save archives are imported, with linked layers, all their tags and nothing left over',
  options,
  async () => {
    await using at = await fixture();
    const path = await at.file(
      { name: 'one/', type: 'directory' },
      { name: `${'1'.repeat(64)}/layer.tar`, content: layer },
      { name: `${'2'.repeat(64)}/layer.tar`, linkName: `../${'1'.repeat(64)}/layer.tar` },
      { name: `${hexOf(digestOf(config))}.json`, content: config },
      {
        name: 'manifest.json',
        content: JSON.stringify([
          {
            Config: `${hexOf(digestOf(config))}.json`,
            RepoTags: ['app:v1', 'team/app:latest'],
            Layers: [`${'1'.repeat(64)}/layer.tar`, `${'2'.repeat(64)}/layer.tar`],
          },
        ]),
      },
    );
    // A folder that no image archive has makes it a root filesystem, and that needs a name.
    await assert.rejects(importImages(world, at.store, path), /say what to call it with --name/);
    const good = await at.file(
      { name: `${'1'.repeat(64)}/layer.tar`, content: layer },
      { name: `${'2'.repeat(64)}/layer.tar`, linkName: `../${'1'.repeat(64)}/layer.tar` },
      { name: `${hexOf(digestOf(config))}.json`, content: config },
      {
        name: 'manifest.json',
        content: JSON.stringify([
          {
            Config: `${hexOf(digestOf(config))}.json`,
            RepoTags: ['app:v1', 'team/app:latest'],
            Layers: [`${'1'.repeat(64)}/layer.tar`, `${'2'.repeat(64)}/layer.tar`],
          },
        ]),
      },
    );
    const [image] = await importImages(world, at.store, good);
    assert.deepEqual(image?.tags, ['docker.io/library/app:v1', 'docker.io/team/app:latest']);
    assert.equal((await at.store.get('app:v1'))?.id, digestOf(config));
    assert.deepEqual(await world.disk.list(`${at.path}/store/blobs/sha256`), []);
    await at.store.remove('app:v1');
    assert.deepEqual(
      (await at.store.list()).map(({ tags }) => tags),
      [['docker.io/team/app:latest']],
    );
  },
);

test('OCI layouts are imported from a tar and from a directory', options, async () => {
  await using at = await fixture();
  const blobs = new Map<string, Buffer>();
  const put = (bytes: Buffer) => {
    blobs.set(hexOf(digestOf(bytes)), bytes);
    return { digest: digestOf(bytes), size: bytes.length };
  };
  const compressed = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...put(gzipSync(layer)) };
  const manifest = put(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...put(config) },
        layers: [compressed, compressed],
      }),
    ),
  );
  const index = JSON.stringify({
    schemaVersion: 2,
    manifests: [
      {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        ...manifest,
        annotations: { 'org.opencontainers.image.ref.name': 'quay.io/team/app:v3' },
      },
    ],
  });
  const files = [...blobs].map(([hex, content]) => ({ name: `blobs/sha256/${hex}`, content }));
  const tar = await at.file({ name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' }, ...files, {
    name: 'index.json',
    content: index,
  });
  assert.deepEqual((await importImages(world, at.store, tar))[0]?.tags, ['quay.io/team/app:v3']);
  const directory = `${at.path}/layout`;
  await mkdir(`${directory}/blobs/sha256`, { recursive: true });
  await writeFile(`${directory}/index.json`, index);
  for (const [hex, content] of blobs) await writeFile(`${directory}/blobs/sha256/${hex}`, content);
  assert.deepEqual((await importImages(world, at.store, directory, { name: 'other:x' }))[0]?.tags, [
    'docker.io/library/other:x',
    'quay.io/team/app:v3',
  ]);
  await writeFile(`${directory}/blobs/sha256/${manifest.digest.slice(7)}`, 'forged');
  await assert.rejects(importImages(world, at.store, directory), /really has the digest/);
});

test('a root filesystem becomes an image under the given name', options, async () => {
  await using at = await fixture();
  const path = await at.file({ name: 'bin/' }, { name: 'bin/sh', content: '#!', mode: 0o755 });
  await assert.rejects(importImages(world, at.store, path), /plain root filesystem: say what to call it with --name/);
  await assert.rejects(importImages(world, at.store, path, { name: 'Bad Name' }), { name: 'InvalidReference' });
  const [image] = await importImages(world, at.store, path, { name: 'small' });
  assert.deepEqual(image?.tags, ['docker.io/library/small:latest']);
  const held = await at.store.hold(image?.id ?? '', 'test');
  assert.equal(await world.disk.readText(`${held.layers[0]}/bin/sh`), '#!');
  await assert.rejects(importImages(world, at.store, `${at.path}/missing`), /no such file or directory/);
});

test('the demo images are made once, in both flavours, and a shell and Node are inside', options, async () => {
  for (const withoutBusybox of [false, true]) {
    await using at = await fixture();
    const images = await ensureDemoImages(world, at.store, { withoutBusybox });
    assert.deepEqual(
      images.map(({ tags }) => tags),
      [['k8ts.local/guestbook:v1'], ['k8ts.local/guestbook:v2']],
    );
    assert.deepEqual(await ensureDemoImages(world, at.store, { withoutBusybox }), images);
    const held = await at.store.hold(images[0]?.id ?? '', 'test');
    const base = held.layers[held.layers.length - 1] ?? '';
    const run = await world.processes.run(['chroot', base, '/bin/sh', '-c', 'node -p 6*7; ls /; echo x | cat']);
    assert.match(run.stdout, /^42\n[^]*tmp[^]*x\n$/, run.stderr);
  }
});
