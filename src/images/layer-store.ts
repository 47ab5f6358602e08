/**
 * Unpacked layers, each a directory as overlayfs wants it, found by a key. A layer that was made without looking at those below it serves every image that has it. A layer
 * becomes visible by a rename once its files are on disk; several that want the same one share the work.
 */
import { createHash } from 'node:crypto';
import type { World } from '#world/world.ts';
import { unpackLayer } from './layer.ts';
import { InvalidImage } from './manifest.ts';
import type { Digest } from './reference.ts';

export interface LayerStore extends AsyncDisposable {
  /** Absolute. */
  path(key: string): string;
  sizeBytes(key: string): Promise<number>;
  /** True when the layer is here and serves any image. */
  has(diffId: Digest): Promise<boolean>;
  /** The key of a layer above those of the keys `below`, unpacked now unless it is here. */
  unpack(
    layer: { readonly diffId: Digest; readonly below: readonly string[]; readonly signal?: AbortSignal | undefined },
    open: () => Promise<AsyncIterable<Uint8Array>>,
  ): Promise<string>;
  /** The key of a layer that `build` fills, which answers how many bytes it put into the directory. */
  build(diffId: Digest, build: (directory: string) => Promise<number>): Promise<string>;
  /** Removes all but these. */
  keepOnly(keys: ReadonlySet<string>): Promise<void>;
}

/** Below `directory`: `layers/<key>/`, and `incoming/` for what is being made. */
export function layerStore(world: World, directory: string): LayerStore {
  const unpacking = new Map<string, Promise<string>>();
  const path = (key: string): string => `${directory}/layers/${key}`;
  const here = async (key: string): Promise<boolean> => (await world.disk.stat(path(key))) !== undefined;

  /** An empty directory beside its place, gone afterwards unless it was moved there. */
  async function making<T>(work: (temporary: string) => Promise<T>): Promise<T> {
    const temporary = `${directory}/incoming/${world.random.uuid()}`;
    await world.disk.makeDirectory(temporary, { mode: 0o755 });
    try {
      // A umask must not take the root directory's mode from a layer that does not declare it.
      await world.disk.chmod(temporary, 0o755);
      return await work(temporary);
    } finally {
      await world.disk.remove(temporary, { recursive: true });
    }
  }

  /** Moves a finished directory to its place; another process may have been faster, which is as good. */
  async function publish(temporary: string, key: string): Promise<void> {
    try {
      await world.disk.rename(temporary, path(key));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    }
  }

  /** A directory's files must be on disk before its name is: after a power cut the name would promise what is not there. */
  async function synced(made: string): Promise<void> {
    const result = await world.processes.run(['sync', '--file-system', made]);
    if (result.code !== 0) throw new Error(`cannot write layer to disk: ${result.stderr.trim()}`);
  }

  return {
    path,
    sizeBytes: async (key) => Number((await world.disk.readText(`${path(key)}.size`)) ?? 0),
    has: (diffId) => here(layerKey('own', diffId)),
    async unpack({ diffId, below, signal }, open) {
      const own = layerKey('own', diffId);
      const above = layerKey('above', diffId, ...below);
      for (const key of [own, above]) if (await here(key)) return key;
      const running = unpacking.get(above);
      if (running) return running;
      const work = making(async (temporary) => {
        const unpacked = await unpackLayer(world, await open(), {
          directory: temporary,
          lower: below.toReversed().map(path),
          ...(signal ? { signal } : {}),
        });
        if (unpacked.diffId !== diffId)
          throw new InvalidImage(
            `wrong diff id calculated on extraction "${unpacked.diffId}", the image's config says "${diffId}"`,
          );
        const key = unpacked.dependsOnLower ? above : own;
        await synced(temporary);
        if (await here(key)) return key;
        await world.disk.write(`${path(key)}.size`, String(unpacked.sizeBytes));
        await publish(temporary, key);
        return key;
      }).finally(() => unpacking.delete(above));
      unpacking.set(above, work);
      return work;
    },
    async build(diffId, build) {
      const key = layerKey('own', diffId);
      if (await here(key)) return key;
      return making(async (temporary) => {
        await world.disk.write(`${path(key)}.size`, String(await build(temporary)));
        await publish(temporary, key);
        return key;
      });
    },
    async keepOnly(keys) {
      for (const { name } of (await world.disk.list(`${directory}/layers`)) ?? [])
        if (!keys.has(name.replace(/\.size$/, ''))) await world.disk.remove(path(name), { recursive: true });
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(unpacking.values());
    },
  };
}

/**
 * A directory name of 22 characters: 127 of them must fit the 4096 bytes of overlayfs' mount options. 132 bits of a
 * SHA-256 leave no room for two layers made to collide.
 */
function layerKey(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('base64url').slice(0, 22).replace(/^-/, '_');
}
