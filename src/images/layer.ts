/**
 * Unpacks one layer into a directory that overlayfs can use as a lower layer. The archive is checked and rewritten here
 * (layer-entries.ts) and then given to the system's GNU tar, which knows how to set owners, devices, times and extended
 * attributes. Nothing an archive says may reach outside of the directory, and a layer counts only when its uncompressed
 * bytes have the digest that the image's config names.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { PassThrough, Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import type { World } from '#world/world.ts';
import { LayerEntries, type LowerLookup } from './layer-entries.ts';
import type { Digest } from './reference.ts';
import { readTar, TarError, type TarHeader } from './tar-reader.ts';
import { tarEnd, tarHeader, tarPadding } from './tar-writer.ts';

export interface UnpackLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

/** Far above real images (the largest public ones have 400,000 files and 30 GiB) and below what fills a disk unnoticed. */
export const unpackLimits: UnpackLimits = { entriesMax: 2_000_000, bytesMax: 128 * 1024 ** 3 };

export interface UnpackedLayer {
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
  readonly sizeBytes: number;
  /** The result holds something of the layers below, so it may be shared only above the same ones. */
  readonly dependsOnLower: boolean;
}

export interface UnpackOptions {
  /** An existing, empty directory. */
  readonly directory: string;
  /** Directories of the layers below, nearest first. */
  readonly lower: readonly string[];
  readonly limits?: UnpackLimits;
  readonly signal?: AbortSignal;
}

/** Unpacks a tar, gzip or zstd stream. Throws TarError for bad archives; the directory is then half full: remove it. */
export async function unpackLayer(
  world: World,
  source: AsyncIterable<Uint8Array>,
  options: UnpackOptions,
): Promise<UnpackedLayer> {
  const limits = options.limits ?? unpackLimits;
  const entries = new LayerEntries(lowerLookup(world, options.lower));
  const hash = createHash('sha256');
  const tar = startTar(world, options.directory);
  let count = 0;
  let sizeBytes = 0;
  try {
    for await (const entry of readTar(tap(await decompress(source), (chunk) => hash.update(chunk)))) {
      options.signal?.throwIfAborted();
      if (++count > limits.entriesMax) throw new TarError(`the layer has more than ${limits.entriesMax} entries`);
      sizeBytes += entry.header.type === 'file' ? entry.header.sizeBytes : 0;
      if (sizeBytes > limits.bytesMax) throw new TarError(`the layer is larger than ${limits.bytesMax} bytes`);
      for (const { header, content } of await entries.convert(entry.header)) {
        await tar.write(tarHeader(header));
        if (content === 'none') continue;
        const body = content === 'own' ? entry.body : world.disk.readStream(content.diskPath);
        let written = 0;
        for await (const chunk of body as AsyncIterable<Buffer>) {
          written += chunk.length;
          await tar.write(chunk);
        }
        if (written !== header.sizeBytes) throw new TarError(`${header.name} changed while it was copied`);
        await tar.write(tarPadding(header.sizeBytes));
      }
    }
    await tar.finish();
  } catch (error) {
    await tar.stop();
    throw error;
  }
  return { diffId: `sha256:${hash.digest('hex')}`, sizeBytes, dependsOnLower: entries.dependsOnLower };
}

/** The uncompressed bytes, whatever the compression: it is told by the first bytes, not by a media type. */
export async function decompress(source: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Buffer>> {
  const chunks = source[Symbol.asyncIterator]();
  const start: Buffer[] = [];
  let have = 0;
  while (have < 6) {
    const next = await chunks.next();
    if (next.done) break;
    start.push(Buffer.from(next.value));
    have += next.value.length;
  }
  const head = Buffer.concat(start);
  const whole = (async function* (): AsyncGenerator<Buffer> {
    try {
      yield head;
      for (let next = await chunks.next(); !next.done; next = await chunks.next())
        yield Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    } finally {
      await chunks.return?.();
    }
  })();
  const magic = head.toString('hex', 0, 6);
  if (magic.startsWith('1f8b')) return through(whole, createGunzip());
  if (magic.startsWith('28b52ffd')) return through(whole, createZstdDecompress());
  if (magic.startsWith('425a68')) throw new TarError('bzip2 compression is not supported; use gzip or zstd');
  if (magic === 'fd377a585a00') throw new TarError('xz compression is not supported; use gzip or zstd');
  return whole;
}

async function* through(source: AsyncIterable<Buffer>, transform: NodeJS.ReadWriteStream): AsyncGenerator<Buffer> {
  const output = new PassThrough({ highWaterMark: 1024 * 1024 });
  let failure: unknown;
  const done = pipeline(Readable.from(source, { objectMode: false }), transform, output).catch((error: unknown) => {
    failure = error;
  });
  try {
    yield* output as AsyncIterable<Buffer>;
  } catch (error) {
    await done;
    throw translate(failure ?? error);
  } finally {
    output.destroy();
    await done;
  }
  if (failure) throw translate(failure);
}

function translate(error: unknown): Error {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (
    /^Z_|^ZSTD_|^ERR_ZLIB|^ERR__ERROR_|^ERR_ZSTD/.test(code) ||
    (error as Error).message.includes('unexpected end of file')
  ) {
    return new TarError(`damaged compressed data: ${(error as Error).message}`);
  }
  return error as Error;
}

async function* tap(source: AsyncIterable<Buffer>, see: (chunk: Buffer) => void): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    see(chunk);
    yield chunk;
  }
}

interface TarProcess {
  write(chunk: Buffer): Promise<void>;
  finish(): Promise<void>;
  stop(): Promise<void>;
}

function startTar(world: World, directory: string): TarProcess {
  const child = world.processes.spawn(
    [
      'tar',
      '--extract',
      '--file=-',
      `--directory=${directory}`,
      '--numeric-owner',
      '--same-owner',
      '--preserve-permissions',
      '--delay-directory-restore',
      '--recursive-unlink',
      '--xattrs',
      '--xattrs-include=*',
      '--warning=no-timestamp',
    ],
    { env: { LC_ALL: 'C' } },
  );
  const stdin = child.stdin as Writable;
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (complaint.length < 4096) complaint += chunk.toString('utf8');
  });
  child.stdout?.resume();
  let ended: number | undefined;
  const exited = child.exited.then((code) => (ended = code));
  const failed = (): Error => {
    const hint = complaint.includes('unrecognized option') ? ' (GNU tar is needed to unpack images)' : '';
    return new Error(`cannot unpack the layer: ${complaint.trim() || `tar ended with ${ended}`}${hint}`);
  };
  return {
    async write(chunk) {
      if (ended !== undefined) throw failed();
      if (chunk.length === 0 || stdin.write(chunk)) return;
      await Promise.race([once(stdin, 'drain'), exited]);
    },
    async finish() {
      stdin.end(tarEnd);
      if ((await exited) !== 0) throw failed();
    },
    async stop() {
      stdin.destroy();
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Looks into the layers below without following any symbolic link, so that nothing outside of them is ever seen. */
function lowerLookup(world: World, lower: readonly string[]): LowerLookup {
  const find = async (
    path: string,
  ): Promise<{ diskPath: string; stat: import('#world/world.ts').FileStat } | undefined> => {
    const real = Buffer.from(path, 'latin1').toString('utf8');
    if (Buffer.from(real, 'utf8').toString('latin1') !== path) return undefined;
    for (const layer of lower) {
      let current = layer;
      let stat: import('#world/world.ts').FileStat | undefined;
      for (const part of real.split('/')) {
        current = `${current}/${part}`;
        stat = await world.disk.stat(current);
        if (stat?.type !== 'directory') break;
      }
      if (stat && current === `${layer}/${real}`) return { diskPath: current, stat };
      // Something else stands in the way here, and it hides the layers below.
      if (stat) return undefined;
    }
    return undefined;
  };
  return {
    async directory(path) {
      const found = await find(path);
      if (found?.stat.type !== 'directory') return undefined;
      const { mode, uid, gid, modifiedAt } = found.stat;
      return { mode, uid, gid, modifiedAt: Math.trunc(modifiedAt / 1000) };
    },
    async file(path) {
      const found = await find(path);
      if (found?.stat.type !== 'file') return undefined;
      const { mode, uid, gid, modifiedAt, sizeBytes } = found.stat;
      const header: TarHeader = {
        name: path,
        type: 'file',
        mode,
        uid,
        gid,
        sizeBytes,
        modifiedAt: Math.trunc(modifiedAt / 1000),
        linkName: '',
        deviceMajor: 0,
        deviceMinor: 0,
        attributes: {},
      };
      return { diskPath: found.diskPath, header };
    },
  };
}
