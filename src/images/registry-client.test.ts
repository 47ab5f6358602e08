import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { nodeWorld } from '#world/node/world.ts';
import type { HttpExchange } from '#world/world.ts';
import { openImageStore } from './image-store.ts';
import { type Digest, digestOf } from './reference.ts';
import { isPlainHttp } from './registry-client.ts';
import { tarOf, temporaryDirectory } from './testing.ts';

const world = nodeWorld({ log: { level: 'error' } });
const options = { skip: process.getuid?.() === 0 && process.platform === 'linux' ? false : 'needs root on Linux' };

/** A registry in memory that can be told to misbehave. */
interface FakeRegistry extends AsyncDisposable {
  readonly host: string;
  readonly requests: { line: string; authorization: string; range: string }[];
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, { bytes: Buffer; type: string }>;
  misbehave?: (exchange: HttpExchange) => boolean;
}

async function fakeRegistry(auth: 'none' | 'basic' | 'bearer' = 'none'): Promise<FakeRegistry> {
  const token = 'the-token';
  const allowed = {
    none: '',
    basic: `Basic ${Buffer.from('user:secret').toString('base64')}`,
    bearer: `Bearer ${token}`,
  }[auth];
  const registry: FakeRegistry = {
    host: '',
    requests: [],
    blobs: new Map(),
    manifests: new Map(),
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
  const answer = (exchange: HttpExchange): void => {
    const { url, headers } = exchange;
    const authorization = String(headers['authorization'] ?? '');
    registry.requests.push({ line: `${exchange.method} ${url}`, authorization, range: String(headers['range'] ?? '') });
    if (registry.misbehave?.(exchange)) return;
    if (url.startsWith('/token')) {
      const expected = `Basic ${Buffer.from('user:secret').toString('base64')}`;
      if (authorization !== expected) return exchange.respond(401, {}, '{"details":"incorrect username or password"}');
      assert.match(url, /scope=repository%3Ateam%2Fapp%3Apull/);
      return exchange.respond(200, { 'content-type': 'application/json' }, JSON.stringify({ token }));
    }
    if (authorization !== allowed) {
      const challenge =
        auth === 'basic'
          ? 'Basic realm="test"'
          : `Bearer realm="http://${registry.host}/token",service="test",scope="repository:team/app:pull"`;
      return exchange.respond(
        401,
        { 'www-authenticate': challenge },
        JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] }),
      );
    }
    const [, kind, what = ''] = /^\/v2\/team\/app\/(manifests|blobs)\/(.+)$/.exec(url) ?? [];
    const manifest = kind === 'manifests' ? registry.manifests.get(what) : undefined;
    if (manifest) return exchange.respond(200, { 'content-type': manifest.type }, manifest.bytes);
    const blob = kind === 'blobs' ? registry.blobs.get(what) : undefined;
    if (!blob)
      return exchange.respond(
        404,
        {},
        JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] }),
      );
    const from = Number(/^bytes=(\d+)-$/.exec(String(headers['range'] ?? ''))?.[1] ?? 0);
    if (from > 0)
      return exchange.respond(
        206,
        { 'content-range': `bytes ${from}-${blob.length - 1}/${blob.length}` },
        blob.subarray(from),
      );
    return exchange.respond(200, {}, blob);
  };
  const server = await world.network.serveHttp({ listen: { host: '127.0.0.1', port: 0 } }, { request: answer });
  return Object.assign(registry, { host: `127.0.0.1:${server.port}` });
}

function publish(
  registry: FakeRegistry,
  tag: string,
  ...layers: readonly Buffer[]
): { manifest: Digest; id: Digest; blobs: Buffer[] } {
  const blobs = layers.map((layer) => gzipSync(layer));
  const config = Buffer.from(
    JSON.stringify({
      os: 'linux',
      architecture: 'amd64',
      config: { Cmd: ['run'], Env: ['A=b'], User: 'web' },
      rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
    }),
  );
  for (const blob of [config, ...blobs]) registry.blobs.set(digestOf(blob), blob);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length },
      layers: blobs.map((blob) => ({
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        digest: digestOf(blob),
        size: blob.length,
      })),
    }),
  );
  const type = 'application/vnd.oci.image.manifest.v1+json';
  for (const name of [tag, digestOf(manifest)]) registry.manifests.set(name, { bytes: manifest, type });
  return { manifest: digestOf(manifest), id: digestOf(config), blobs };
}

const layerA = tarOf({ name: 'a', content: randomBytes(300_000) });
const layerB = tarOf({ name: 'b', content: 'b' });

test('an image is pulled by tag and by digest, layers are fetched once and shared', options, async () => {
  await using registry = await fakeRegistry();
  await using place = await temporaryDirectory();
  await using store = await openImageStore(world, { directory: place.path });
  const one = publish(registry, 'v1', layerA);
  const [image, same] = await Promise.all([
    store.pull(`${registry.host}/team/app:v1`),
    store.pull(`${registry.host}/team/app:v1`),
  ]);
  assert.equal(image, same);
  assert.equal(image.id, one.id);
  assert.deepEqual(image.tags, [`${registry.host}/team/app:v1`]);
  assert.deepEqual(image.digests, [`${registry.host}/team/app@${one.manifest}`]);
  assert.deepEqual([image.config.user, image.config.command], ['web', ['run']]);

  const two = publish(registry, 'v2', layerA, layerB);
  registry.requests.length = 0;
  await store.pull(`${registry.host}/team/app@${two.manifest}`);
  assert.deepEqual(
    registry.requests.filter(({ line }) => line.includes(digestOf(one.blobs[0] as Buffer))),
    [],
  );
  assert.equal((await store.list()).length, 2);
  assert.deepEqual((await world.disk.list(`${place.path}/blobs/sha256`))?.length, 0);

  const held = await store.hold(two.id, 'container-1');
  assert.equal(held.layers.length, 2);
  assert.equal((await world.disk.stat(`${held.layers[1]}/a`))?.type, 'file');
  await store.remove(`${registry.host}/team/app@${two.manifest}`);
  assert.ok(await world.disk.stat(`${held.layers[0]}/b`), 'a running container keeps its layers');
  await store.release('container-1');
  await store.remove(one.id);
  assert.deepEqual(await store.list(), []);
  assert.deepEqual(await world.disk.list(`${place.path}/layers`), []);
});

test(
  'several processes share one directory: pulls, holds and removals at the same time lose nothing',
  options,
  async () => {
    await using registry = await fakeRegistry();
    await using place = await temporaryDirectory();
    const stores = await Promise.all([1, 2, 3].map(() => openImageStore(world, { directory: place.path })));
    const { id } = publish(registry, 'v1', layerA, layerB);
    const reference = `${registry.host}/team/app:v1`;
    for (let round = 0; round < 5; round++) {
      await Promise.all(stores.map((store) => store.pull(reference)));
      const outcomes = await Promise.allSettled([
        stores[0]?.hold(id, `holder-${round}`),
        stores[1]?.remove(reference),
        stores[2]?.collectGarbage(),
      ]);
      const [held] = outcomes;
      if (held.status === 'fulfilled') {
        for (const layer of held.value?.layers ?? []) assert.ok(await world.disk.stat(layer), 'a held layer stays');
      } else assert.match((held.reason as Error).message, /not found/);
      await stores[0]?.release(`holder-${round}`);
    }
    await stores[1]?.collectGarbage();
    assert.deepEqual(await stores[2]?.list(), []);
    assert.deepEqual(await world.disk.list(`${place.path}/layers`), []);
  },
);

test('token, basic and refused authentication', options, async () => {
  for (const auth of ['basic', 'bearer'] as const) {
    await using registry = await fakeRegistry(auth);
    await using place = await temporaryDirectory();
    await using store = await openImageStore(world, { directory: place.path });
    publish(registry, 'v1', layerB);
    const reference = `${registry.host}/team/app:v1`;
    await assert.rejects(store.pull(reference), (error: Error) => {
      assert.ok(
        error.message.startsWith(
          `failed to pull and unpack image "${reference}": failed to resolve reference "${reference}": `,
        ),
        error.message,
      );
      assert.match(
        error.message,
        auth === 'basic'
          ? /pull access denied.*unauthorized: authentication required/
          : /failed to authorize: failed to fetch anonymous token: .*401/,
      );
      return true;
    });
    const wrong = { registry: `${registry.host}/team`, username: 'user', password: 'wrong-password' };
    await assert.rejects(
      store.pull(reference, { credentials: [wrong] }),
      (error: Error) => !`${error.message} ${error.stack}`.includes('wrong-password'),
    );
    const right = { registry: registry.host, username: 'user', password: 'secret' };
    const image = await store.pull(reference, {
      credentials: [wrong, right, { registry: 'elsewhere.example', username: 'x', password: 'y' }],
    });
    assert.equal(image.tags[0], reference);
  }
});

test('a redirect to another host does not take the credentials along', options, async () => {
  await using registry = await fakeRegistry('basic');
  await using storage = await fakeRegistry();
  await using place = await temporaryDirectory();
  await using store = await openImageStore(world, { directory: place.path });
  publish(registry, 'v1', layerB);
  for (const [digest, blob] of registry.blobs) storage.blobs.set(digest, blob);
  registry.misbehave = (exchange) => {
    if (!exchange.url.includes('/blobs/') || !exchange.headers['authorization']) return false;
    exchange.respond(307, { location: `http://localhost:${storage.host.split(':')[1]}${exchange.url}` });
    return true;
  };
  await store.pull(`${registry.host}/team/app:v1`, {
    credentials: [{ registry: registry.host, username: 'user', password: 'secret' }],
  });
  assert.equal(storage.requests.length, 2);
  assert.deepEqual(
    storage.requests.map(({ authorization }) => authorization),
    ['', ''],
  );
});

test('a download that breaks is continued where it broke', options, async () => {
  await using registry = await fakeRegistry();
  await using place = await temporaryDirectory();
  await using store = await openImageStore(world, { directory: place.path });
  const { blobs } = publish(registry, 'v1', layerA);
  const [blob] = blobs as [Buffer];
  let broken = false;
  registry.misbehave = (exchange) => {
    if (broken || !exchange.url.endsWith(digestOf(blob))) return false;
    broken = true;
    const stream = exchange.stream(200, { 'content-length': String(blob.length) });
    stream.writable.write(blob.subarray(0, 200_000), () => stream.writable.destroy(new Error('cut')));
    return true;
  };
  await store.pull(`${registry.host}/team/app:v1`);
  const ranges = registry.requests.filter(({ line }) => line.endsWith(digestOf(blob))).map(({ range }) => range);
  assert.equal(ranges.length, 2);
  assert.match(ranges[1] ?? '', /^bytes=\d+-$/);
});

test('lies about content are found: blob, size, diff id, manifest', options, async () => {
  await using registry = await fakeRegistry();
  await using place = await temporaryDirectory();
  await using store = await openImageStore(world, { directory: place.path });
  const reference = `${registry.host}/team/app:v1`;
  const { blobs, manifest } = publish(registry, 'v1', layerA);
  const [blob] = blobs as [Buffer];
  const bad = Buffer.from(blob);
  bad[1000] = (bad[1000] ?? 0) ^ 1;
  registry.blobs.set(digestOf(blob), bad);
  await assert.rejects(store.pull(reference), /unexpected commit digest sha256:\w+, expected sha256:\w+/);
  registry.blobs.set(digestOf(blob), Buffer.concat([blob, Buffer.alloc(10)]));
  await assert.rejects(store.pull(reference), /larger than its/);
  await assert.rejects(
    store.pull(`${registry.host}/team/app:none`),
    new RegExp(
      `failed to resolve reference "${registry.host}/team/app:none": ${registry.host}/team/app:none: not found$`,
    ),
  );
  registry.manifests.set(manifest, { bytes: Buffer.from('{"schemaVersion":2}'), type: '' });
  await assert.rejects(store.pull(`${registry.host}/team/app@${manifest}`), /the registry sent a manifest with digest/);
  assert.deepEqual(await store.list(), []);
  assert.deepEqual(await world.disk.list(`${place.path}/incoming`), []);

  const wrongDiff = publish(registry, 'v1', layerB);
  const config = JSON.parse((registry.blobs.get(wrongDiff.id) as Buffer).toString()) as {
    rootfs: { diff_ids: string[] };
  };
  config.rootfs.diff_ids = [digestOf('other')];
  const configBytes = Buffer.from(JSON.stringify(config));
  const document = JSON.parse((registry.manifests.get('v1') as { bytes: Buffer }).bytes.toString()) as {
    config: { digest: string; size: number };
  };
  document.config = { ...document.config, digest: digestOf(configBytes), size: configBytes.length };
  registry.blobs.set(digestOf(configBytes), configBytes);
  registry.manifests.set('v1', {
    bytes: Buffer.from(JSON.stringify(document)),
    type: 'application/vnd.oci.image.manifest.v1+json',
  });
  await assert.rejects(store.pull(reference), /wrong diff id calculated on extraction/);
});

test('an index gives the image of this platform, or says that there is none', options, async () => {
  await using registry = await fakeRegistry();
  await using place = await temporaryDirectory();
  await using store = await openImageStore(world, { directory: place.path });
  const { manifest, id } = publish(registry, 'inner', layerB);
  const size = (registry.manifests.get(manifest) as { bytes: Buffer }).bytes.length;
  const entry = (architecture: string) => ({
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: manifest,
    size,
    platform: { os: 'linux', architecture },
  });
  const type = 'application/vnd.oci.image.index.v1+json';
  const own = { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch;
  registry.manifests.set('v1', {
    type,
    bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: type, manifests: [entry('s390x'), entry(own)] })),
  });
  registry.manifests.set('v2', {
    type,
    bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: type, manifests: [entry('s390x')] })),
  });
  assert.equal((await store.pull(`${registry.host}/team/app:v1`)).id, id);
  await assert.rejects(
    store.pull(`${registry.host}/team/app:v2`),
    /no match for platform in manifest: linux\/\w+.*: not found/,
  );
});

test('an unreachable registry is reported as upstream does', options, async () => {
  await using place = await temporaryDirectory();
  await using store = await openImageStore(world, { directory: place.path });
  await assert.rejects(store.pull('127.0.0.1:1/team/app:v1'), {
    message:
      'failed to pull and unpack image "127.0.0.1:1/team/app:v1": failed to resolve reference "127.0.0.1:1/team/app:v1": failed to do request: Get "http://127.0.0.1:1/v2/team/app/manifests/v1": dial tcp 127.0.0.1:1: connect: connection refused',
  });
});

test('plain HTTP is for this machine and for hosts that were named', () => {
  assert.deepEqual(
    ['localhost:5000', '127.0.0.1:80', '[::1]:5000', 'quay.io', 'my.registry:5000', '127.evil.org'].map((host) =>
      isPlainHttp(host, ['my.registry:5000']),
    ),
    [true, true, true, false, true, false],
  );
});
