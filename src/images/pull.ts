/**
 * Pulling: manifest, config and layers from a registry into the image store, with the credentials that fit. Downloads run ahead of unpacking, a few at a time; the same
 * question asked by several is asked once.
 */
import { createHash } from 'node:crypto';
import type { World } from '#world/world.ts';
import type { ContentStore } from './content-store.ts';
import type { NewImage, StoredImage } from './image-store.ts';
import type { LayerStore } from './layer-store.ts';
import {
  configBytesMax,
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
  formatReference,
  InvalidReference,
  parseReference,
  type Reference,
  repositoryName,
} from './reference.ts';
import { matchingCredentials, type RegistryCredentials } from './registry-auth.ts';
import { RegistryError, type RegistryOptions, type RegistrySession, registrySession } from './registry-client.ts';

const downloadsAtOnce = 3; // as containerd and Docker

/** What pulling does to the store. */
interface PullTarget {
  readonly content: ContentStore;
  readonly layers: LayerStore;
  /** Runs while no clean-up can take place. */
  shared<T>(work: () => Promise<T>): Promise<T>;
  add(image: NewImage): Promise<StoredImage>;
  collectGarbage(): Promise<void>;
}

export interface Puller extends AsyncDisposable {
  pull(
    reference: string,
    options?: { credentials?: readonly RegistryCredentials[]; signal?: AbortSignal },
  ): Promise<StoredImage>;
}

export function puller(world: World, store: PullTarget, registry: RegistryOptions): Puller {
  const { content, layers } = store;
  const pulls = new Map<string, Promise<StoredImage>>();
  const lifetime = new AbortController();

  async function pullWith(
    reference: Reference,
    credentials: RegistryCredentials | undefined,
    signal: AbortSignal,
  ): Promise<StoredImage> {
    const session = registrySession(world, reference, { ...registry, credentials, signal });
    const resolved = await resolve(session, reference).catch((error: unknown) => {
      throw rephrased(error, (message) => `failed to resolve reference "${formatReference(reference)}": ${message}`);
    });
    return store.shared(async () => {
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
          if (await layers.has(diffId)) return;
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
        return await store.add({
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
        await store.collectGarbage();
      });
    pulls.set(key, work);
    return work;
  }

  return {
    pull,
    async [Symbol.asyncDispose]() {
      lifetime.abort(new Error('the image store was closed'));
      await Promise.allSettled(pulls.values());
    },
  };

  function transfer(session: RegistrySession, digest: Digest): Parameters<ContentStore['fetch']>[2] {
    return { open: (offset) => session.blob(digest, offset), retry: session.retry };
  }
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
