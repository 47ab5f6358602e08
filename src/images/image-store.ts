/**
 * The images of a machine: names → config and layer directories, below one directory that any number of processes may use
 * at once (the agents of several nodes, `k8ts image`). Everything becomes visible by a rename and nothing is ever changed
 * in place, so a crash leaves rubbish at most, and the next clean-up removes it. It must never remove a layer that an image
 * or a container still needs.
 *
 *   names/<sha256 of the name>.json   { name, id, kind }
 *   images/<hex of the id>.json       ImageRecord
 *   uses/<holder>                     the id of the image this container runs on
 *   layers/<key>/                     layer-store.ts
 *   blobs/ incoming/                  content-store.ts
 */
import type { Millis, World } from '#world/world.ts';
import { type ContentStore, openContentStore } from './content-store.ts';
import { layerStore } from './layer-store.ts';
import { type ImageConfig, InvalidImage, parseConfig } from './manifest.ts';
import { puller } from './pull.ts';
import {
  type Digest,
  digestOf,
  formatReference,
  hexOf,
  InvalidReference,
  isImageId,
  parseReference,
  repositoryName,
} from './reference.ts';
import type { RegistryCredentials } from './registry-auth.ts';
import type { RegistryOptions } from './registry-client.ts';
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

const holderPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

export async function openImageStore(world: World, options: ImageStoreOptions): Promise<ImageStore> {
  const { directory } = options;
  for (const folder of ['names', 'images', 'uses', 'layers'])
    await world.disk.makeDirectory(`${directory}/${folder}`, { mode: 0o700 });
  const content = await openContentStore(world, directory);
  const lock = storeLock(world, `${directory}/lock`);
  const layers = layerStore(world, directory);

  const imagePath = (id: Digest): string => `${directory}/images/${hexOf(id)}.json`;
  const namePath = (name: string): string => `${directory}/names/${hexOf(digestOf(name))}.json`;

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

  async function commit(configBytes: Buffer, keys: readonly string[], named: NewImage['names']): Promise<StoredImage> {
    const id = digestOf(configBytes);
    const known = await readJson<ImageRecord>(imagePath(id));
    const sizes = await Promise.all(keys.map((key) => layers.sizeBytes(key)));
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
        keys.push(
          await layers.unpack({ diffId, below: keys, signal: image.signal }, () => image.openLayer(index, diffId)),
        );
      }
      return commit(image.configBytes, keys, image.names);
    });
  }

  async function addLocal(image: LocalImage): Promise<StoredImage> {
    return lock.shared(async () => {
      const keys: string[] = [];
      for (const { diffId, build } of image.layers) keys.push(await layers.build(diffId, build));
      const named = image.names.map((name) => ({ name: formatReference(parseReference(name)), kind: 'tag' as const }));
      return commit(image.configBytes, keys, named);
    });
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
    return { config: parseConfig(Buffer.from(record.config)), layers: record.layers.toReversed().map(layers.path) };
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
      await layers.keepOnly(needed);
      for (const digest of await content.list()) await content.remove(digest);
      for (const { name } of (await world.disk.list(`${directory}/incoming`)) ?? []) {
        await world.disk.remove(`${directory}/incoming/${name}`, { recursive: true });
      }
    });
  }

  const pulling = puller(world, { content, layers, shared: (work) => lock.shared(work), add, collectGarbage }, options);
  return {
    directory,
    pull: pulling.pull,
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
      await pulling[Symbol.asyncDispose]();
      await layers[Symbol.asyncDispose]();
    },
  };
}
