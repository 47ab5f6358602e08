/** What images, registries and their files say: references, manifests, configs, challenges, tars, layers, accounts, container logs. */
import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { LayerEntries } from '#images/layer-entries.ts';
import { decompress } from '#images/layer.ts';
import { InvalidImage, parseConfig, parseManifest } from '#images/manifest.ts';
import { InvalidReference, parseReference } from '#images/reference.ts';
import { matchingCredentials, parseChallenges } from '#images/registry-auth.ts';
import { readTar, TarError } from '#images/tar-reader.ts';
import { tarHeader } from '#images/tar-writer.ts';
import { chunksOf } from '#images/testing.ts';
import { RuntimeError } from '#kubelet/container-runtime.ts';
import { readLog } from '#kubelet/logs.ts';
import { lastError, parseExit } from '#kubelet/oci/monitor.ts';
import { resolveUser } from '#kubelet/oci/users.ts';
import { parseResolvConf } from '#kubelet/pod-files.ts';
import { simUniverse, type SimWorld } from '#sim/world/world.ts';
import { halves, type Target } from '../target.ts';

/** A machine with these files, and nothing else on it. */
export async function machineWith(files: Readonly<Record<string, Buffer>>): Promise<SimWorld> {
  const world = simUniverse('fuzz', 'real').machine('fuzz');
  for (const [path, content] of Object.entries(files)) {
    await world.disk.makeDirectory(posix.dirname(path));
    await world.disk.write(path, content);
  }
  return world;
}

/** Entries and bytes that a run looks at: a small archive may unpack to a large one, which its limits stop in earnest. */
const entriesMax = 2_000;
const unpackedMax = 4 * 1024 * 1024;

async function* bounded(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let left = unpackedMax;
  for await (const chunk of source) {
    left -= chunk.length;
    if (left < 0) throw new TarError('more than a fuzzer looks at');
    yield chunk;
  }
}

const nothingBelow = { directory: async () => undefined, file: async () => undefined };

export const imageTargets: readonly Target[] = [
  {
    name: 'image-reference',
    refuses: [InvalidReference],
    run(bytes) {
      const reference = parseReference(bytes.toString('utf8'));
      const { registry, repository, tag, digest } = reference;
      const whole = `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
      assert.deepEqual(parseReference(whole), reference);
      matchingCredentials(reference, [{ registry: bytes.toString('utf8') }, { registry: '*.example.com' }]);
    },
  },
  { name: 'image-manifest', refuses: [InvalidImage], run: (bytes) => void parseManifest(bytes, '') },
  { name: 'image-config', refuses: [InvalidImage], run: (bytes) => void parseConfig(bytes) },
  {
    name: 'registry-challenge',
    refuses: [],
    run(bytes) {
      for (const { scheme, parameters } of parseChallenges(bytes.toString('latin1'))) {
        assert.ok(scheme === 'basic' || scheme === 'bearer');
        assert.ok(Object.values(parameters).every((value) => typeof value === 'string'));
      }
    },
  },
  {
    name: 'layer',
    // What zlib and zstd refuse are plain Errors.
    refuses: [TarError, Error],
    async run(bytes) {
      const entries = new LayerEntries(nothingBelow);
      let count = 0;
      for await (const { header, body } of readTar(bounded(await decompress(chunksOf(bytes, 700))))) {
        if (++count > entriesMax) return;
        for (const converted of await entries.convert(header)) {
          const { name } = converted.header;
          assert.ok(!name.startsWith('/') && !name.split('/').includes('..'), `${name} leaves the layer`);
          // A hard link's target is looked up by whoever unpacks: it must lie in the layer too.
          if (converted.header.type === 'link')
            assert.ok(
              !converted.header.linkName.startsWith('/') && !converted.header.linkName.split('/').includes('..'),
            );
          tarHeader(converted.header);
        }
        // Every second body is left unread, as a whiteout's is.
        if (count % 2 === 0) for await (const chunk of body) assert.ok((chunk as Buffer).length > 0);
      }
    },
  },
  {
    name: 'image-accounts',
    refuses: [RuntimeError],
    async run(bytes) {
      const [accounts, user] = halves(bytes);
      const world = await machineWith({ '/image/etc/passwd': accounts, '/image/etc/group': accounts });
      const found = await resolveUser(world, '/image', user.toString('utf8'), {
        privileged: false,
        readOnlyRootFilesystem: false,
        noNewPrivileges: true,
        supplementalGroups: [],
        addCapabilities: [],
        dropCapabilities: [],
        seccomp: 'RuntimeDefault',
      } as never);
      for (const id of [found.uid, found.gid, ...found.additionalGids])
        assert.ok(Number.isInteger(id) && id >= 0 && id < 2 ** 31, `${id} is no id`);
    },
  },
  {
    name: 'container-log',
    refuses: [],
    async run(bytes) {
      const world = await machineWith({ '/log': bytes });
      for (const options of [
        { tailLines: 2, timestamps: true },
        { sinceMs: 1 },
        { limitBytes: 10, stream: 'Stdout' },
      ]) {
        let length = 0;
        for await (const chunk of readLog(world, '/log', { follow: false, ...options } as never))
          length += chunk.length;
        assert.ok(length <= bytes.length * 2);
        if ('limitBytes' in options) assert.ok(length <= 10);
      }
    },
  },
  {
    name: 'host-files',
    refuses: [],
    run(bytes) {
      const text = bytes.toString('utf8');
      parseResolvConf(text);
      parseExit(text);
      lastError(text);
    },
  },
];
