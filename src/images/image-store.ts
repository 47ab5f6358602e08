/**
 * The images of a machine: names → config and layer directories, below one directory that any number of processes may use
 * at once (the agents of several nodes, `k8ts image`). Everything becomes visible by a rename and nothing is ever changed
 * in place, so a crash leaves rubbish at most, and the next clean-up removes it. It must never remove a layer that an image
 * or a container still needs.
 *
 *   names/<sha256 of the name>.json   { name, id, kind }
 *   images/<hex of the id>.json       ImageRecord
 *   uses/<holder>                     the id of the image this container runs on
 *   layers/<key>/                     an unpacked layer, as overlayfs wants it
 *   blobs/ incoming/                  content-store.ts
 */
import { createHash } from 'node:crypto';
import type { Millis, World } from '#world/world.ts';
import { type ContentStore, openContentStore } from './content-store.ts';
import { unpackLayer } from './layer.ts';
import {
  configBytesMax,
  type ImageConfig,
  type ImageManifest,
  InvalidImage,
  manifestBytesMax,
  parseConfig,
  parseManifest,
  platformOf,
  selectPlatform,
} from './manifest.ts';
import {
  type Digest,
  digestOf,
  formatReference,
  hexOf,
  InvalidReference,
  isImageId,
  parseReference,
  type Reference,
  repositoryName,
} from './reference.ts';
import { matchingCredentials, type RegistryCredentials } from './registry-auth.ts';
import { RegistryError, type RegistryOptions, type RegistrySession, registrySession } from './registry-client.ts';
import { storeLock } from './store-lock.ts';

export interface ImageStoreOptions extends RegistryOptions {
  /** Made when missing. Layers need a filesystem that overlayfs accepts below it (ext4, xfs, btrfs, tmpfs). */
  readonly directory: string;
}

export interface StoredImage {
  readonly id: Digest;
  /** Complete names with a tag. */
  readonly tags: readonly string[];
  /** `repository@sha256:…` of the manifests it was pulled by. */
  readonly digests: readonly string[];
  /** Unpacked. */
  readonly sizeBytes: number;
  readonly createdAt: Millis;
  readonly config: ImageConfig;
}

export interface ImageStore extends AsyncDisposable {
  readonly directory: string;
  /** Gets an image from its registry. Throws with the registry's reason. */
  pull(
    reference: string,
    options?: { credentials?: readonly RegistryCredentials[]; signal?: AbortSignal },
  ): Promise<StoredImage>;
  /** By any name, `sha256:` id, or an unambiguous prefix of at least 12 digits of the id. */
  get(nameOrId: string): Promise<StoredImage | undefined>;
  list(): Promise<readonly StoredImage[]>;
  tag(id: Digest, name: string): Promise<void>;
  /** Removes one name, or an image by its id; what nobody needs any more is deleted. Throws when there is no such image. */
  remove(nameOrId: string): Promise<void>;
  /** Keeps the image's layers until `release`, whatever happens to its names; gives the layer directories, topmost first. */
  hold(id: string, holder: string): Promise<HeldImage>;
  release(holder: string): Promise<void>;
  /** Deletes what no name, holder or running transfer needs. Skips quietly when another process is adding content. */
  collectGarbage(): Promise<void>;

  /** For importers: runs while no clean-up can take place. */
  adding<T>(work: (content: ContentStore) => Promise<T>): Promise<T>;
  /** For importers: an image whose layers come from `openLayer` (in the order of the manifest). */
  add(image: NewImage): Promise<StoredImage>;
  /** For images made on this machine: registers layer directories that `build` fills in place. */
  addLocal(image: LocalImage): Promise<StoredImage>;
}

export interface HeldImage {
  readonly config: ImageConfig;
  /** Absolute, topmost first: overlayfs' order. */
  readonly layers: readonly string[];
}

export interface NewImage {
  readonly configBytes: Buffer;
  readonly names: readonly { name: string; kind: 'tag' | 'digest' }[];
  readonly openLayer: (index: number, diffId: Digest) => Promise<AsyncIterable<Uint8Array>>;
  readonly signal?: AbortSignal | undefined;
}

export interface LocalImage {
  readonly configBytes: Buffer;
  readonly names: readonly string[];
  /** In the config's order; `build` gets an empty directory and answers how many bytes it put there. */
  readonly layers: readonly { diffId: Digest; build(directory: string): Promise<number> }[];
}

interface ImageRecord {
  readonly id: Digest;
  readonly config: string;
  /** Names below `layers/`, in the config's order (lowest first). */
  readonly layers: readonly string[];
  readonly sizeBytes: number;
  readonly createdAt: Millis;
}

interface NameRecord {
  readonly name: string;
  readonly id: Digest;
  readonly kind: 'tag' | 'digest';
}

const downloadsAtOnce = 3; // as containerd and Docker
const holderPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

export async function openImageStore(world: World, options: ImageStoreOptions): Promise<ImageStore> {
  const { directory } = options;
  for (const folder of ['names', 'images', 'uses', 'layers'])
    await world.disk.makeDirectory(`${directory}/${folder}`, { mode: 0o700 });
  const content = await openContentStore(world, directory);
  const lock = storeLock(world, `${directory}/lock`);
  const pulls = new Map<string, Promise<StoredImage>>();
  const unpacking = new Map<string, Promise<string>>();
  const lifetime = new AbortController();

  const imagePath = (id: Digest): string => `${directory}/images/${hexOf(id)}.json`;
  const namePath = (name: string): string => `${directory}/names/${hexOf(digestOf(name))}.json`;
  const layerPath = (key: string): string => `${directory}/layers/${key}`;

  async function readJson<T>(path: string): Promise<T | undefined> {
    const text = await world.disk.readText(path);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      throw new Error(`image store: ${path} is damaged: ${(error as Error).message}`, { cause: error });
    }
  }

  async function names(): Promise<readonly NameRecord[]> {
    const entries = (await world.disk.list(`${directory}/names`)) ?? [];
    const files = entries.filter((entry) => /^[a-f0-9]{64}\.json$/.test(entry.name));
    const records = await Promise.all(files.map((entry) => readJson<NameRecord>(`${directory}/names/${entry.name}`)));
    return records.filter((record) => record !== undefined);
  }

  function stored(record: ImageRecord, all: readonly NameRecord[]): StoredImage {
    const own = all.filter((name) => name.id === record.id);
    return {
      id: record.id,
      tags: own
        .filter(({ kind }) => kind === 'tag')
        .map(({ name }) => name)
        .sort(),
      digests: own
        .filter(({ kind }) => kind === 'digest')
        .map(({ name }) => name)
        .sort(),
      sizeBytes: record.sizeBytes,
      createdAt: record.createdAt,
      config: parseConfig(Buffer.from(record.config)),
    };
  }

  async function idOf(nameOrId: string): Promise<Digest | undefined> {
    if (isImageId(nameOrId)) return nameOrId;
    const prefix = nameOrId.replace(/^sha256:/, '');
    if (/^[a-f0-9]{12,64}$/.test(prefix)) {
      const entries = (await world.disk.list(`${directory}/images`)) ?? [];
      const found = entries.filter((entry) => entry.name.startsWith(prefix) && entry.name.endsWith('.json'));
      if (found.length === 1 && found[0]) return `sha256:${found[0].name.slice(0, 64)}`;
      if (found.length > 1) throw new InvalidReference(`image id ${prefix} is ambiguous`);
      if (prefix.length === 64 || nameOrId.startsWith('sha256:')) return undefined;
    }
    const reference = parseReference(nameOrId);
    const name = reference.digest ? `${repositoryName(reference)}@${reference.digest}` : formatReference(reference);
    return (await readJson<NameRecord>(namePath(name)))?.id;
  }

  async function get(nameOrId: string): Promise<StoredImage | undefined> {
    const id = await idOf(nameOrId);
    const record = id && (await readJson<ImageRecord>(imagePath(id)));
    return record ? stored(record, await names()) : undefined;
  }

  async function setName(record: NameRecord): Promise<void> {
    const before = await readJson<NameRecord>(namePath(record.name));
    if (before?.id !== record.id)
      await world.disk.write(namePath(record.name), JSON.stringify(record), { mode: 0o600 });
  }

  /** The layer's directory name, unpacked now unless it is here; several images asking at once share the work. */
  async function layer(
    diffId: Digest,
    below: readonly string[],
    open: () => Promise<AsyncIterable<Uint8Array>>,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const own = layerKey('own', diffId);
    const above = layerKey('above', diffId, ...below);
    for (const key of [own, above]) if (await world.disk.stat(layerPath(key))) return key;
    const running = unpacking.get(above);
    if (running) return running;
    const work = (async () => {
      const temporary = `${directory}/incoming/${world.random.uuid()}`;
      await world.disk.makeDirectory(temporary, { mode: 0o755 });
      try {
        // A umask must not take the root directory's mode from a layer that does not declare it.
        await world.disk.chmod(temporary, 0o755);
        const lower = below.toReversed().map(layerPath);
        const unpacked = await unpackLayer(world, await open(), {
          directory: temporary,
          lower,
          ...(signal ? { signal } : {}),
        });
        if (unpacked.diffId !== diffId)
          throw new InvalidImage(
            `wrong diff id calculated on extraction "${unpacked.diffId}", the image's config says "${diffId}"`,
          );
        const key = unpacked.dependsOnLower ? above : own;
        await synced(temporary);
        if (await world.disk.stat(layerPath(key))) return key;
        await world.disk.write(`${layerPath(key)}.size`, String(unpacked.sizeBytes));
        await publish(temporary, key);
        return key;
      } finally {
        await world.disk.remove(temporary, { recursive: true });
      }
    })().finally(() => unpacking.delete(above));
    unpacking.set(above, work);
    return work;
  }

  /** Moves a finished directory to its place; another process may have been faster, which is as good. */
  async function publish(temporary: string, key: string): Promise<void> {
    try {
      await world.disk.rename(temporary, layerPath(key));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    }
  }

  /** A directory's files must be on disk before its name is: after a power cut the name would promise what is not there. */
  async function synced(path: string): Promise<void> {
    const result = await world.processes.run(['sync', '--file-system', path]);
    if (result.code !== 0) throw new Error(`cannot write layer to disk: ${result.stderr.trim()}`);
  }

  async function layerSize(key: string): Promise<number> {
    return Number((await world.disk.readText(`${layerPath(key)}.size`)) ?? 0);
  }

  async function commit(configBytes: Buffer, keys: readonly string[], named: NewImage['names']): Promise<StoredImage> {
    const id = digestOf(configBytes);
    const known = await readJson<ImageRecord>(imagePath(id));
    const sizes = await Promise.all(keys.map(layerSize));
    const sizeBytes = sizes.reduce((sum, size) => sum + size, 0);
    const record: ImageRecord = {
      id,
      config: configBytes.toString('utf8'),
      layers: keys,
      sizeBytes,
      createdAt: known?.createdAt ?? world.clock.now(),
    };
    if (digestOf(record.config) !== id) throw new InvalidImage("the image's config is not UTF-8");
    if (!known || known.layers.join() !== keys.join())
      await world.disk.write(imagePath(id), JSON.stringify(record), { mode: 0o600 });
    for (const { name, kind } of named) await setName({ name, id, kind });
    return stored(record, await names());
  }

  async function add(image: NewImage): Promise<StoredImage> {
    const config = parseConfig(image.configBytes);
    return lock.shared(async () => {
      const keys: string[] = [];
      for (const [index, diffId] of config.diffIds.entries()) {
        keys.push(await layer(diffId, keys, () => image.openLayer(index, diffId), image.signal));
      }
      return commit(image.configBytes, keys, image.names);
    });
  }

  async function addLocal(image: LocalImage): Promise<StoredImage> {
    return lock.shared(async () => {
      const keys: string[] = [];
      for (const { diffId, build } of image.layers) {
        const key = layerKey('own', diffId);
        keys.push(key);
        if (await world.disk.stat(layerPath(key))) continue;
        const temporary = `${directory}/incoming/${world.random.uuid()}`;
        await world.disk.makeDirectory(temporary, { mode: 0o755 });
        try {
          await world.disk.chmod(temporary, 0o755);
          await world.disk.write(`${layerPath(key)}.size`, String(await build(temporary)));
          await publish(temporary, key);
        } finally {
          await world.disk.remove(temporary, { recursive: true });
        }
      }
      const named = image.names.map((name) => ({ name: formatReference(parseReference(name)), kind: 'tag' as const }));
      return commit(image.configBytes, keys, named);
    });
  }

  async function pullWith(
    reference: Reference,
    credentials: RegistryCredentials | undefined,
    signal: AbortSignal,
  ): Promise<StoredImage> {
    const session = registrySession(world, reference, { ...options, credentials, signal });
    const resolved = await resolve(session, reference).catch((error: unknown) => {
      throw rephrased(error, (message) => `failed to resolve reference "${formatReference(reference)}": ${message}`);
    });
    return lock.shared(async () => {
      const { manifest } = resolved;
      await content.fetch(manifest.config.digest, manifest.config.sizeBytes, transfer(session, manifest.config.digest));
      const configBytes = await content.read(manifest.config.digest, configBytesMax);
      if (!configBytes) throw new InvalidImage(`the config ${manifest.config.digest} is damaged`);
      const { diffIds } = parseConfig(configBytes);
      if (diffIds.length !== manifest.layers.length) {
        throw new InvalidImage(
          `mismatched image rootfs and manifest layers: ${diffIds.length} and ${manifest.layers.length}`,
        );
      }
      // Downloads run ahead of unpacking, a few at a time; a layer that is here already is not fetched.
      const slots = limiter(downloadsAtOnce);
      const stop = new AbortController();
      const downloads = manifest.layers.map((blob, index) => {
        const work = slots(async () => {
          stop.signal.throwIfAborted();
          const diffId = diffIds[index] as Digest;
          if (await world.disk.stat(layerPath(layerKey('own', diffId)))) return;
          await content.fetch(blob.digest, blob.sizeBytes, transfer(session, blob.digest));
        });
        work.catch(() => {});
        return work;
      });
      try {
        const pulled = [
          ...(reference.tag === undefined || reference.digest
            ? []
            : [{ name: formatReference(reference), kind: 'tag' as const }]),
          { name: `${repositoryName(reference)}@${resolved.digest}`, kind: 'digest' as const },
          ...(reference.digest && reference.digest !== resolved.digest
            ? [{ name: `${repositoryName(reference)}@${reference.digest}`, kind: 'digest' as const }]
            : []),
        ];
        return await add({
          configBytes,
          names: pulled,
          signal,
          async openLayer(index) {
            await downloads[index];
            const blob = manifest.layers[index] as ImageManifest['layers'][number];
            await content.fetch(blob.digest, blob.sizeBytes, transfer(session, blob.digest));
            return world.disk.readStream(content.path(blob.digest)) as AsyncIterable<Uint8Array>;
          },
        });
      } finally {
        stop.abort();
        await Promise.allSettled(downloads);
      }
    });
  }

  async function resolve(
    session: RegistrySession,
    reference: Reference,
  ): Promise<{ manifest: ImageManifest; digest: Digest }> {
    const top = await session.manifest(reference.digest ?? reference.tag ?? 'latest');
    let parsed = parseManifest(top.bytes, top.mediaType);
    for (let depth = 0; 'index' in parsed; depth++) {
      if (depth === 2) throw new InvalidImage('the image index is nested too deeply');
      const chosen = selectPlatform(parsed.index, platformOf(world.processes.self.arch));
      const next = await session.manifest(chosen.digest);
      parsed = parseManifest(next.bytes.subarray(0, manifestBytesMax), next.mediaType);
    }
    return { manifest: parsed.manifest, digest: top.digest };
  }

  async function pull(
    text: string,
    pullOptions: { credentials?: readonly RegistryCredentials[]; signal?: AbortSignal } = {},
  ): Promise<StoredImage> {
    const reference = parseReference(text);
    const name = formatReference(reference);
    const fitting = matchingCredentials(reference, pullOptions.credentials ?? []);
    // Pulls with different credentials are different questions: one must not see what only the other may.
    const key = JSON.stringify([name, createHash('sha256').update(JSON.stringify(fitting)).digest('hex')]);
    const running = pulls.get(key);
    if (running) return running;
    const signal = pullOptions.signal ? AbortSignal.any([pullOptions.signal, lifetime.signal]) : lifetime.signal;
    const work = (async () => {
      let denied: unknown;
      for (const credentials of fitting.length > 0 ? fitting : [undefined]) {
        try {
          return await pullWith(reference, credentials, signal);
        } catch (error) {
          denied ??= error;
          const { status, code } = ((error as Error).cause as RegistryError & { code?: string }) ?? {};
          if (status !== 401 && status !== 403 && code !== 'EAUTH') throw error;
        }
      }
      throw denied;
    })()
      .catch((error: unknown) => {
        throw rephrased(error, (message) => `failed to pull and unpack image "${name}": ${message}`);
      })
      .finally(async () => {
        pulls.delete(key);
        // The compressed layers have served; so has an image whose name went to the new one.
        await collectGarbage();
      });
    pulls.set(key, work);
    return work;
  }

  async function remove(nameOrId: string): Promise<void> {
    const id = await idOf(nameOrId);
    const image = id && (await get(id));
    if (!image) throw new Error(`image "${nameOrId}" not found`);
    const all = [...image.tags, ...image.digests];
    const byId = nameOrId.startsWith('sha256:') || /^[a-f0-9]{12,64}$/.test(nameOrId);
    const reference = byId ? undefined : parseReference(nameOrId);
    const name =
      reference && (reference.digest ? `${repositoryName(reference)}@${reference.digest}` : formatReference(reference));
    const tagsLeft = image.tags.filter((tag) => tag !== name);
    // Digests are the traces of a pull; without any tag (and when it was not a digest that was removed) they go too.
    const going = name === undefined ? all : tagsLeft.length === 0 && !reference?.digest ? all : [name];
    for (const gone of going) await world.disk.remove(namePath(gone));
    await collectGarbage();
  }

  async function hold(id: string, holder: string): Promise<HeldImage> {
    if (!holderPattern.test(holder)) throw new TypeError(`bad holder name ${JSON.stringify(holder)}`);
    if (!isImageId(id)) throw new TypeError(`${JSON.stringify(id)} is not an image id`);
    // First the use, then the look: a clean-up that runs between them sees the use before it deletes (see collectGarbage).
    await world.disk.append(`${directory}/uses/${holder}`, `${id}\n`);
    const record = await readJson<ImageRecord>(imagePath(id));
    if (!record) {
      await release(holder);
      throw new Error(`image "${id}" not found`);
    }
    return { config: parseConfig(Buffer.from(record.config)), layers: record.layers.toReversed().map(layerPath) };
  }

  async function release(holder: string): Promise<void> {
    if (!holderPattern.test(holder)) throw new TypeError(`bad holder name ${JSON.stringify(holder)}`);
    await world.disk.remove(`${directory}/uses/${holder}`);
  }

  async function usedIds(): Promise<ReadonlySet<string>> {
    const holders = (await world.disk.list(`${directory}/uses`)) ?? [];
    const texts = await Promise.all(holders.map((entry) => world.disk.readText(`${directory}/uses/${entry.name}`)));
    return new Set(texts.flatMap((text) => (text ?? '').split('\n')));
  }

  async function collectGarbage(): Promise<void> {
    await lock.tryExclusive(async () => {
      // A clean-up that died half-way may have left a record aside.
      for (const { name } of (await world.disk.list(`${directory}/incoming`)) ?? []) {
        if (/^[a-f0-9]{64}\.json$/.test(name))
          await world.disk.rename(`${directory}/incoming/${name}`, `${directory}/images/${name}`);
      }
      const named = new Set((await names()).map((record) => record.id));
      const files = ((await world.disk.list(`${directory}/images`)) ?? []).filter((entry) =>
        /^[a-f0-9]{64}\.json$/.test(entry.name),
      );
      const needed = new Set<string>();
      for (const { name } of files) {
        const id: Digest = `sha256:${name.slice(0, 64)}`;
        const record = await readJson<ImageRecord>(imagePath(id));
        if (!record) continue;
        let keep = named.has(id) || (await usedIds()).has(id);
        if (!keep) {
          // Take the record away first and look at the uses again: whoever held it before that is seen now, and whoever
          // comes later finds no record.
          const aside = `${directory}/incoming/${name}`;
          await world.disk.rename(imagePath(id), aside);
          keep = (await usedIds()).has(id);
          if (keep) await world.disk.rename(aside, imagePath(id));
        }
        if (keep) for (const key of record.layers) needed.add(key);
      }
      for (const { name } of (await world.disk.list(`${directory}/layers`)) ?? []) {
        if (!needed.has(name.replace(/\.size$/, ''))) await world.disk.remove(layerPath(name), { recursive: true });
      }
      for (const digest of await content.list()) await content.remove(digest);
      for (const { name } of (await world.disk.list(`${directory}/incoming`)) ?? []) {
        await world.disk.remove(`${directory}/incoming/${name}`, { recursive: true });
      }
    });
  }

  return {
    directory,
    pull,
    get,
    async list() {
      const all = await names();
      const files = ((await world.disk.list(`${directory}/images`)) ?? []).filter((entry) =>
        /^[a-f0-9]{64}\.json$/.test(entry.name),
      );
      const records = await Promise.all(
        files.map((entry) => readJson<ImageRecord>(`${directory}/images/${entry.name}`)),
      );
      return records.filter((record) => record !== undefined).map((record) => stored(record, all));
    },
    async tag(id, name) {
      if (!(await readJson<ImageRecord>(imagePath(id)))) throw new Error(`image "${id}" not found`);
      await setName({ name: formatReference(parseReference(name)), id, kind: 'tag' });
    },
    remove,
    hold,
    release,
    collectGarbage,
    adding: (work) => lock.shared(() => work(content)),
    add,
    addLocal,
    async [Symbol.asyncDispose]() {
      lifetime.abort(new Error('the image store was closed'));
      await Promise.allSettled([...pulls.values(), ...unpacking.values()]);
    },
  };

  function transfer(session: RegistrySession, digest: Digest): Parameters<ContentStore['fetch']>[2] {
    return { open: (offset) => session.blob(digest, offset), retry: session.retry };
  }
}

/**
 * A directory name of 22 characters: 127 of them must fit the 4096 bytes of overlayfs' mount options. 132 bits of a
 * SHA-256 leave no room for two layers made to collide.
 */
export function layerKey(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('base64url').slice(0, 22).replace(/^-/, '_');
}

/** The same error with more context in front, and itself as the cause, so that its kind can still be told. */
function rephrased(error: unknown, phrase: (message: string) => string): Error {
  if (error instanceof InvalidReference || (error as Error).name === 'AbortError') return error as Error;
  const origin = error as Error;
  return new Error(phrase(origin.message), { cause: origin.cause instanceof RegistryError ? origin.cause : origin });
}

/** Runs at most `count` jobs at once, in order. */
function limiter(count: number): <T>(job: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (job) => {
    if (running >= count) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await job();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
