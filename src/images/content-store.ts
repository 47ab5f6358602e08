/**
 * Content-addressed blobs in a directory: `blobs/sha256/<hex>`. Bytes are hashed while they arrive and become visible in
 * one rename, under the digest they really have; two callers that want the same blob share one transfer. Several processes
 * may use one directory. It must never show a blob whose bytes do not match its name.
 */
import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import type { World } from '#world/world.ts';
import { type Digest, digestOf, hexOf } from './reference.ts';

/** The bytes do not match their name, or there are more or fewer than promised. */
export class ContentMismatch extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ContentMismatch';
  }
}

export interface ContentStore {
  has(digest: Digest): Promise<boolean>;
  /** The whole blob, verified; undefined when absent. Throws RangeError past `limitBytes`. */
  read(digest: Digest, limitBytes: number): Promise<Buffer | undefined>;
  /** The blob's path on disk; the caller checks its digest when it matters. */
  path(digest: Digest): string;
  write(bytes: Uint8Array): Promise<Digest>;
  /** Stores a stream under the digest it turns out to have. */
  ingest(
    source: AsyncIterable<Uint8Array>,
    options: { limitBytes: number },
  ): Promise<{ digest: Digest; sizeBytes: number }>;
  /**
   * Gets a blob unless it is here already. `open` gives the bytes from `offset` on; when it fails in the middle with an
   * error for which `retry` answers true, it is asked again for the rest.
   */
  fetch(digest: Digest, sizeBytes: number, transfer: Transfer): Promise<void>;
  remove(digest: Digest): Promise<void>;
  list(): Promise<readonly Digest[]>;
}

export interface Transfer {
  open(offset: number): Promise<{ stream: AsyncIterable<Uint8Array>; offset: number }>;
  /** Resolves to true when another attempt makes sense, after having waited as long as it should. */
  retry(error: unknown, attempt: number): Promise<boolean>;
  onProgress?(bytes: number): void;
}

/** Opens (and makes) the store below `directory`. */
export async function openContentStore(world: World, directory: string): Promise<ContentStore> {
  const blobs = `${directory}/blobs/sha256`;
  const incoming = `${directory}/incoming`;
  await world.disk.makeDirectory(blobs, { mode: 0o700 });
  await world.disk.makeDirectory(incoming, { mode: 0o700 });
  const transfers = new Map<Digest, Promise<void>>();
  const path = (digest: Digest): string => `${blobs}/${hexOf(digest)}`;

  /** Runs `fill` with a fresh file and publishes it under the digest of what was written. */
  async function collect(
    fill: (file: IncomingFile) => Promise<void>,
    expected?: { digest: Digest; sizeBytes: number },
  ): Promise<{ digest: Digest; sizeBytes: number }> {
    const temporary = `${incoming}/${world.random.uuid()}`;
    const stream = world.disk.writeStream(temporary, { mode: 0o600 });
    const file: IncomingFile = {
      hash: createHash('sha256'),
      sizeBytes: 0,
      write: async (chunk) => {
        file.hash.update(chunk);
        file.sizeBytes += chunk.length;
        if (!stream.write(chunk)) await once(stream, 'drain');
      },
    };
    try {
      await fill(file);
      stream.end();
      await finished(stream);
      const digest: Digest = `sha256:${file.hash.digest('hex')}`;
      if (expected && (digest !== expected.digest || file.sizeBytes !== expected.sizeBytes)) {
        throw new ContentMismatch(
          `unexpected commit digest ${digest}, expected ${expected.digest} (${file.sizeBytes} of ${expected.sizeBytes} bytes): failed precondition`,
        );
      }
      await world.disk.rename(temporary, path(digest));
      return { digest, sizeBytes: file.sizeBytes };
    } catch (error) {
      stream.destroy();
      await world.disk.remove(temporary);
      throw error;
    }
  }

  async function transferOnce(digest: Digest, sizeBytes: number, transfer: Transfer): Promise<void> {
    const fill = async (file: IncomingFile): Promise<void> => {
      for (let attempt = 1; file.sizeBytes < sizeBytes || attempt === 1; attempt++) {
        try {
          const { stream, offset } = await transfer.open(file.sizeBytes);
          // A server that ignores Range starts again at 0: what we have already is skipped.
          let skip = file.sizeBytes - offset;
          if (skip < 0)
            throw new ContentMismatch(
              `blob ${digest} goes on at byte ${offset}, and only the first ${file.sizeBytes} are here`,
            );
          for await (const chunk of stream) {
            const fresh = chunk.subarray(Math.min(skip, chunk.length));
            skip -= chunk.length - fresh.length;
            if (file.sizeBytes + fresh.length > sizeBytes) {
              throw new ContentMismatch(`blob ${digest} is larger than its ${sizeBytes} bytes`);
            }
            await file.write(fresh);
            transfer.onProgress?.(fresh.length);
          }
          if (file.sizeBytes < sizeBytes)
            throw new ContentMismatch(
              `blob ${digest} ended after ${file.sizeBytes} of ${sizeBytes} bytes: unexpected EOF`,
            );
        } catch (error) {
          if (!(await transfer.retry(error, attempt))) throw error;
        }
      }
    };
    await collect(fill, { digest, sizeBytes });
  }

  return {
    path,
    async has(digest) {
      return (await world.disk.stat(path(digest)))?.type === 'file';
    },
    async read(digest, limitBytes) {
      const stat = await world.disk.stat(path(digest));
      if (!stat) return undefined;
      if (stat.sizeBytes > limitBytes)
        throw new RangeError(`blob ${digest} has ${stat.sizeBytes} bytes, more than ${limitBytes}`);
      const bytes = await world.disk.read(path(digest));
      if (bytes && digestOf(bytes) !== digest) {
        // A torn write of an earlier crash: forget it, so that it is fetched again.
        await world.disk.remove(path(digest));
        return undefined;
      }
      return bytes;
    },
    async write(bytes) {
      const digest = digestOf(bytes);
      const here = await world.disk.stat(path(digest));
      if (here?.sizeBytes !== bytes.length) await world.disk.write(path(digest), bytes, { mode: 0o600 });
      return digest;
    },
    ingest(source, { limitBytes }) {
      return collect(async (file) => {
        for await (const chunk of source) {
          if (file.sizeBytes + chunk.length > limitBytes)
            throw new RangeError(`content is larger than ${limitBytes} bytes`);
          await file.write(chunk);
        }
      });
    },
    async fetch(digest, sizeBytes, transfer) {
      if ((await world.disk.stat(path(digest)))?.sizeBytes === sizeBytes) return;
      const running = transfers.get(digest);
      if (running) return running;
      const work = transferOnce(digest, sizeBytes, transfer).finally(() => transfers.delete(digest));
      transfers.set(digest, work);
      return work;
    },
    remove: (digest) => world.disk.remove(path(digest)),
    async list() {
      const names = (await world.disk.list(blobs)) ?? [];
      return names.filter((entry) => /^[a-f0-9]{64}$/.test(entry.name)).map((entry): Digest => `sha256:${entry.name}`);
    },
  };
}

interface IncomingFile {
  readonly hash: Hash;
  sizeBytes: number;
  write(chunk: Uint8Array): Promise<void>;
}
