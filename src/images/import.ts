/**
 * Images from files: `docker save` archives, OCI layouts (tar or directory), and plain root filesystems. Which one it is, is
 * told by the content. One pass over the file: blobs go straight into the content store under the digest they really have,
 * so an archive can claim nothing.
 */
import { createHash } from 'node:crypto';
import type { World } from '#world/world.ts';
import type { ContentStore } from './content-store.ts';
import type { ImageStore, StoredImage } from './image-store.ts';
import { decompress, unpackLimits } from './layer.ts';
import {
  configBytesMax,
  InvalidImage,
  manifestBytesMax,
  parseConfig,
  parseJson,
  parseManifest,
  platformOf,
  selectPlatform,
} from './manifest.ts';
import { type Digest, digestOf, formatReference, parseDigest, parseReference } from './reference.ts';
import { readTar, TarError } from './tar-reader.ts';

export interface ImportOptions {
  /** The name for an image that brings none (a root filesystem, an unnamed layout), or instead of its own. */
  readonly name?: string;
  readonly signal?: AbortSignal;
}

const smallBytesMax = 8 * 1024 * 1024; // documents (JSON) are kept in memory while the archive is read
const smallBytesTotalMax = 64 * 1024 * 1024;
/** What only an image archive has at its top. Anything else means: a root filesystem. */
const archiveEntry =
  /^(?:manifest\.json|repositories|index\.json|oci-layout|blobs(?:\/.*)?|[a-f0-9]{64}\.json|[a-f0-9]{64}(?:\/.*)?|[a-f0-9]{64}\.tar(?:\.gz)?)$/;

/** Imports every image of a file or directory. Throws InvalidImage or TarError where it is none. */
export async function importImages(
  world: World,
  store: ImageStore,
  path: string,
  options: ImportOptions = {},
): Promise<readonly StoredImage[]> {
  const stat = await world.disk.stat(path);
  if (!stat) throw new InvalidImage(`${path}: no such file or directory`);
  const images = await store.adding(async (content) => {
    if (stat.type === 'directory')
      return importParts(await directoryParts(world, content, path), { world, store, content, options });
    const parts = await archiveParts(world, content, path);
    if (parts) return importParts(parts, { world, store, content, options });
    return [await importRootfs(world, store, path, options)];
  });
  await store.collectGarbage();
  return images;
}

/** The files of an archive: all as blobs by digest, small ones also as bytes. */
interface Parts {
  readonly digests: ReadonlyMap<string, Digest>;
  readonly small: ReadonlyMap<string, Buffer>;
}

interface Context {
  readonly world: World;
  readonly store: ImageStore;
  readonly content: ContentStore;
  readonly options: ImportOptions;
}

async function archiveParts(world: World, content: ContentStore, path: string): Promise<Parts | undefined> {
  const digests = new Map<string, Digest>();
  const small = new Map<string, Buffer>();
  const links: [string, string][] = [];
  let smallBytes = 0;
  const source = await decompress(world.disk.readStream(path) as AsyncIterable<Uint8Array>);
  for await (const { header, body } of readTar(source)) {
    const name = header.name.replace(/^(?:\.\/)+/, '').replace(/\/+$/, '');
    if (name === '' || name === '.') continue;
    if (!archiveEntry.test(name)) return undefined;
    if (header.type === 'symlink') {
      // Old `docker save` links equal layers: `../<id>/layer.tar`.
      links.push([name, joinPath(name, header.linkName)]);
    } else if (header.type === 'link') links.push([name, header.linkName.replace(/^(?:\.\/)+/, '')]);
    else if (header.type === 'file') {
      if (header.sizeBytes <= smallBytesMax && smallBytes + header.sizeBytes <= smallBytesTotalMax) {
        const chunks: Buffer[] = [];
        for await (const chunk of body) chunks.push(Buffer.from(chunk));
        const bytes = Buffer.concat(chunks);
        smallBytes += bytes.length;
        small.set(name, bytes);
        digests.set(name, await content.write(bytes));
      } else digests.set(name, (await content.ingest(body, { limitBytes: unpackLimits.bytesMax })).digest);
    }
  }
  for (const [name, target] of links) {
    const digest = digests.get(target);
    if (digest) digests.set(name, digest);
  }
  return digests.has('manifest.json') || digests.has('index.json') ? { digests, small } : undefined;
}

async function directoryParts(world: World, content: ContentStore, directory: string): Promise<Parts> {
  const digests = new Map<string, Digest>();
  const small = new Map<string, Buffer>();
  const index = await world.disk.read(`${directory}/index.json`);
  if (!index) throw new InvalidImage(`${directory} is not an OCI image layout: index.json is missing`);
  small.set('index.json', index);
  for (const entry of (await world.disk.list(`${directory}/blobs/sha256`)) ?? []) {
    if (entry.type !== 'file' || !/^[a-f0-9]{64}$/.test(entry.name)) continue;
    const name = `blobs/sha256/${entry.name}`;
    const stream = world.disk.readStream(`${directory}/${name}`) as AsyncIterable<Uint8Array>;
    digests.set(name, (await content.ingest(stream, { limitBytes: unpackLimits.bytesMax })).digest);
  }
  return { digests, small };
}

async function importParts(parts: Parts, context: Context): Promise<readonly StoredImage[]> {
  // Since Docker 25 `docker save` writes both; index.json then names the same images, and manifest.json has all the tags.
  const images = parts.small.has('manifest.json')
    ? await importDocker(parts, context)
    : await importLayout(parts, context);
  if (images.length === 0) throw new InvalidImage('the archive holds no image for this platform');
  return images;
}

async function importDocker(
  parts: Parts,
  { world, store, content, options }: Context,
): Promise<readonly StoredImage[]> {
  const bytes = parts.small.get('manifest.json') as Buffer;
  const entries = parseJson(Buffer.concat([Buffer.from('{"entries":'), bytes, Buffer.from('}')]), 'manifest.json')[
    'entries'
  ];
  if (!Array.isArray(entries) || entries.length === 0) throw new InvalidImage('manifest.json names no image');
  if (options.name !== undefined && entries.length > 1)
    throw new InvalidImage(`the archive holds ${entries.length} images; --name fits only one`);
  const images: StoredImage[] = [];
  for (const entry of entries as readonly Record<string, unknown>[]) {
    const configBytes = await blob(parts, content, String(entry?.['Config']));
    const layers = Array.isArray(entry['Layers']) ? entry['Layers'].map(String) : [];
    const { diffIds } = parseConfig(configBytes);
    if (diffIds.length !== layers.length)
      throw new InvalidImage(`mismatched image rootfs and manifest layers: ${diffIds.length} and ${layers.length}`);
    const own = Array.isArray(entry['RepoTags']) ? entry['RepoTags'].map(String) : [];
    const names = options.name === undefined ? own : [options.name];
    images.push(
      await store.add({
        configBytes,
        names: tags(names, digestOf(configBytes)),
        signal: options.signal,
        async openLayer(index) {
          const digest = parts.digests.get(String(layers[index]));
          if (!digest) throw new InvalidImage(`the archive has no ${JSON.stringify(layers[index])}`);
          return world.disk.readStream(content.path(digest)) as AsyncIterable<Uint8Array>;
        },
      }),
    );
  }
  return images;
}

async function importLayout(parts: Parts, context: Context): Promise<readonly StoredImage[]> {
  const { world, store, content, options } = context;
  const top = parseManifest(
    parts.small.get('index.json') ?? Buffer.alloc(0),
    'application/vnd.oci.image.index.v1+json',
  );
  if (!('index' in top)) throw new InvalidImage('index.json is not an image index');
  const images: StoredImage[] = [];
  const named = top.index.manifests.filter((entry) => entry.annotations['vnd.docker.reference.type'] === undefined);
  if (options.name !== undefined && named.length > 1)
    throw new InvalidImage(`the layout holds ${named.length} images; --name fits only one`);
  for (const entry of named) {
    let parsed = parseManifest(await blobOf(parts, content, entry.digest), entry.mediaType);
    if ('index' in parsed) {
      const chosen = selectPlatform(parsed.index, platformOf(world.processes.self.arch));
      parsed = parseManifest(await blobOf(parts, content, chosen.digest), chosen.mediaType);
    }
    if ('index' in parsed) throw new InvalidImage('the image index is nested too deeply');
    const { manifest } = parsed;
    const configBytes = await blobOf(parts, content, manifest.config.digest);
    if (parseConfig(configBytes).diffIds.length !== manifest.layers.length)
      throw new InvalidImage('mismatched image rootfs and manifest layers');
    const full = entry.annotations['io.containerd.image.name'];
    const short = entry.annotations['org.opencontainers.image.ref.name'];
    const names =
      options.name !== undefined
        ? [options.name]
        : full
          ? [full]
          : short?.includes(':') || short?.includes('/')
            ? [short]
            : [];
    images.push(
      await store.add({
        configBytes,
        names: tags(names, digestOf(configBytes)),
        signal: options.signal,
        async openLayer(index) {
          const digest = (manifest.layers[index] as { digest: Digest }).digest;
          if (!(await content.has(digest))) throw new InvalidImage(`the layout has no blob ${digest}`);
          return world.disk.readStream(content.path(digest)) as AsyncIterable<Uint8Array>;
        },
      }),
    );
  }
  return images;
}

async function importRootfs(
  world: World,
  store: ImageStore,
  path: string,
  options: ImportOptions,
): Promise<StoredImage> {
  if (options.name === undefined)
    throw new InvalidImage(`${path} is a plain root filesystem: say what to call it with --name`);
  const name = formatReference(parseReference(options.name));
  const hash = createHash('sha256');
  for await (const chunk of await decompress(world.disk.readStream(path) as AsyncIterable<Uint8Array>))
    hash.update(chunk);
  const diffId: Digest = `sha256:${hash.digest('hex')}`;
  const { os, architecture } = platformOf(world.processes.self.arch);
  const config = { os, architecture, config: { Cmd: ['/bin/sh'] }, rootfs: { type: 'layers', diff_ids: [diffId] } };
  return store.add({
    configBytes: Buffer.from(JSON.stringify(config)),
    names: [{ name, kind: 'tag' }],
    signal: options.signal,
    openLayer: async () => world.disk.readStream(path) as AsyncIterable<Uint8Array>,
  });
}

function tags(names: readonly string[], id: Digest): readonly { name: string; kind: 'tag' }[] {
  if (names.length === 0) throw new InvalidImage(`the image ${id} has no name: give it one with --name`);
  return names.map((name) => ({ name: formatReference(parseReference(name)), kind: 'tag' }));
}

async function blob(parts: Parts, content: ContentStore, name: string): Promise<Buffer> {
  const digest = parts.digests.get(name);
  if (!digest) throw new InvalidImage(`the archive has no ${JSON.stringify(name)}`);
  return parts.small.get(name) ?? blobBytes(content, digest);
}

async function blobOf(parts: Parts, content: ContentStore, digest: Digest): Promise<Buffer> {
  const claimed = parts.digests.get(`blobs/sha256/${parseDigest(digest).slice(7)}`);
  if (claimed !== undefined && claimed !== digest)
    throw new InvalidImage(`blob ${digest} really has the digest ${claimed}`);
  return blobBytes(content, digest);
}

async function blobBytes(content: ContentStore, digest: Digest): Promise<Buffer> {
  const bytes = await content.read(digest, Math.max(configBytesMax, manifestBytesMax));
  if (!bytes) throw new InvalidImage(`the image has no blob ${digest}`);
  return bytes;
}

/** `a/b` + `../c` → `c`, inside the archive. */
function joinPath(from: string, target: string): string {
  const parts = from.split('/').slice(0, -1);
  for (const part of target.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  if (parts.length === 0) throw new TarError(`${from} links to ${JSON.stringify(target)}`);
  return parts.join('/');
}
