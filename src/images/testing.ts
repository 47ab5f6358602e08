/**
 * What the tests of this folder and of the node runtime share: a temporary directory, tars made by hand (also hostile ones
 * that no program would write), and small images. Only tests import it.
 */
import { nodeWorld } from '#world/node/world.ts';
import type { TarHeader } from './tar-reader.ts';
import { tarEnd, tarHeader, tarPadding } from './tar-writer.ts';

export async function temporaryDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const { disk, random, processes } = nodeWorld();
  const path = `${processes.env['TMPDIR'] ?? '/tmp'}/k8ts-test-${random.uuid()}`;
  await disk.makeDirectory(path, { mode: 0o755 });
  return { path, [Symbol.asyncDispose]: () => disk.remove(path, { recursive: true }) };
}

export interface TestEntry extends Partial<Omit<TarHeader, 'sizeBytes'>> {
  readonly name: string;
  readonly content?: string | Buffer;
}

/** A tar of these entries; nothing is checked or corrected. */
export function tarOf(...entries: readonly TestEntry[]): Buffer {
  const parts: Buffer[] = [];
  for (const { content, ...entry } of entries) {
    const bytes = Buffer.from(content ?? '');
    const type = entry.type ?? (entry.name.endsWith('/') ? 'directory' : entry.linkName ? 'symlink' : 'file');
    const defaults = {
      mode: type === 'directory' ? 0o755 : 0o644,
      uid: 0,
      gid: 0,
      modifiedAt: 1_700_000_000,
      linkName: '',
      deviceMajor: 0,
      deviceMinor: 0,
      attributes: {},
    };
    parts.push(tarHeader({ ...defaults, ...entry, type, sizeBytes: bytes.length }), bytes, tarPadding(bytes.length));
  }
  return Buffer.concat([...parts, tarEnd]);
}

export async function* chunksOf(bytes: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
