/**
 * A disk in memory, which can lose its power: what was appended or streamed and never synced is then gone; what `write` put down whole stays. Owners and modes are
 * kept, rights are not enforced.
 */
import { posix } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import type { Disk, FileStat, Millis, Random } from '#world/world.ts';

interface Entry {
  type: FileStat['type'];
  /** What it holds, in the pieces that it was appended in: a log is not copied at every line. */
  parts: Buffer[];
  sizeBytes: number;
  /** So many of its bytes outlive a power failure; `kept` does instead, once it was cut and not synced. */
  syncedBytes: number;
  kept: Buffer | undefined;
  target: string;
  mode: number;
  uid: number;
  gid: number;
  modifiedAt: Millis;
  readonly inode: number;
}

const linksMax = 40;
const capacityBytes = 100 * 1024 ** 3;

const missing = (path: string): Error =>
  Object.assign(new Error(`ENOENT: no such file or directory, '${path}'`), { code: 'ENOENT' });

export interface SimDisk extends Disk {
  /** Forgets what was not synced; `survives` says what is left all the same of the unsynced bytes at the end of a file (nothing when absent). */
  losePower(survives?: (unsynced: Buffer) => Buffer): void;
  /** What the file holds now stays. */
  sync(path: string): Promise<void>;
}

/** What a power failure may leave of bytes that nobody has synced: any of their sectors, in whatever order the disk wrote them; zeros stand where one is missing. */
export const torn =
  (random: Random) =>
  (unsynced: Buffer): Buffer => {
    const left = Buffer.alloc(unsynced.length);
    const sectorBytes = 32 + Math.floor(random.fraction() * 480);
    let end = 0;
    for (let at = 0; at < unsynced.length; at += sectorBytes) {
      if (random.fraction() < 0.4) continue;
      end = Math.min(unsynced.length, at + sectorBytes);
      unsynced.copy(left, at, at, end);
    }
    return left.subarray(0, end);
  };

const contentOf = (entry: Entry): Buffer => {
  if (entry.parts.length !== 1) entry.parts = [Buffer.concat(entry.parts)];
  return entry.parts[0] as Buffer;
};

/** The file holds exactly this, synced or not. */
function hold(entry: Entry, content: Buffer, isSynced: boolean): void {
  if (!isSynced) entry.kept ??= contentOf(entry).subarray(0, entry.syncedBytes);
  entry.parts = [content];
  entry.sizeBytes = content.length;
  if (!isSynced) return;
  entry.syncedBytes = content.length;
  entry.kept = undefined;
}

export function simDisk(now: () => Millis, files: Readonly<Record<string, string>> = {}): SimDisk {
  const entries = new Map<string, Entry>();
  let lastInode = 1;
  const entry = (type: Entry['type'], more: Partial<Entry> = {}): Entry => ({
    type,
    parts: [],
    sizeBytes: 0,
    syncedBytes: 0,
    kept: undefined,
    target: '',
    mode: type === 'directory' ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    modifiedAt: now(),
    inode: ++lastInode,
    ...more,
  });
  entries.set('/', entry('directory'));

  /** The path without links; the last one only when asked. */
  const real = (path: string, followLast = true): string => {
    let parts = posix.normalize(path).split('/').filter(Boolean);
    let at = '/';
    for (let links = 0; parts.length > 0;) {
      const next = posix.join(at, parts[0] as string);
      const found = entries.get(next);
      if (found?.type === 'symlink' && (followLast || parts.length > 1)) {
        if (++links > linksMax)
          throw Object.assign(new Error(`ELOOP: too many symbolic links, '${path}'`), { code: 'ELOOP' });
        parts = [...posix.resolve(at, found.target).split('/').filter(Boolean), ...parts.slice(1)];
        at = '/';
      } else {
        at = next;
        parts = parts.slice(1);
      }
    }
    return at;
  };
  const parents = (path: string): void => {
    const parent = posix.dirname(path);
    if (parent !== path && entries.get(real(parent))?.type !== 'directory') throw missing(path);
  };
  const make = (path: string, mode: number | undefined): void => {
    const at = real(path);
    if (entries.has(at)) return;
    if (at !== '/') make(posix.dirname(at), undefined);
    entries.set(at, entry('directory', mode === undefined ? {} : { mode }));
  };
  const put = (path: string, content: string | Uint8Array, mode: number | undefined): void => {
    parents(path);
    const at = real(path);
    const bytes = Buffer.from(content as Uint8Array);
    const before = entries.get(at);
    const made = entry('file', { mode: mode ?? before?.mode ?? 0o644 });
    hold(made, bytes, true);
    entries.set(at, made);
  };
  const grow = (path: string, content: Uint8Array, mode?: number): void => {
    parents(path);
    const at = real(path);
    const before = entries.get(at) ?? entry('file', mode === undefined ? {} : { mode });
    before.parts.push(Buffer.from(content));
    before.sizeBytes += content.length;
    before.modifiedAt = now();
    entries.set(at, before);
  };
  const found = (path: string): Entry => {
    const present = entries.get(real(path));
    if (!present) throw missing(path);
    return present;
  };
  const childrenOf = (path: string): string[] => {
    const prefix = path === '/' ? '/' : `${path}/`;
    return [...entries.keys()].filter((each) => each !== path && each.startsWith(prefix));
  };
  for (const [path, content] of Object.entries(files)) {
    make(posix.dirname(path), undefined);
    put(path, content, undefined);
  }

  return {
    losePower(survives = () => Buffer.alloc(0)) {
      for (const each of entries.values()) {
        const content = contentOf(each);
        const synced = each.kept ?? content.subarray(0, each.syncedBytes);
        const grown = each.kept ? Buffer.alloc(0) : content.subarray(each.syncedBytes);
        hold(each, grown.length > 0 ? Buffer.concat([synced, survives(grown)]) : synced, true);
      }
    },
    async sync(path) {
      const file = found(path);
      file.syncedBytes = file.sizeBytes;
      file.kept = undefined;
    },
    async read(path) {
      const present = entries.get(real(path));
      return present?.type === 'file' ? contentOf(present) : undefined;
    },
    async readText(path) {
      const present = entries.get(real(path));
      return present?.type === 'file' ? contentOf(present).toString('utf8') : undefined;
    },
    async write(path, content, options) {
      put(path, typeof content === 'string' ? Buffer.from(content) : content, options?.mode);
    },
    async append(path, content) {
      grow(path, Buffer.from(content as Uint8Array));
    },
    readStream(path, options = {}) {
      const present = entries.get(real(path));
      if (!present) return new Readable({ read() { this.destroy(missing(path)); } }); // prettier-ignore
      const bytes = contentOf(present).subarray(
        options.start ?? 0,
        options.end === undefined ? undefined : options.end + 1,
      );
      return Readable.from(bytes.length > 0 ? [bytes] : []);
    },
    writeStream(path, options = {}) {
      if (!options.append) put(path, '', options.mode);
      return new Writable({
        write(chunk: Buffer, _encoding, done) {
          grow(path, chunk, options.mode);
          done();
        },
      });
    },
    async openPipe() {
      const pipe = new PassThrough();
      return Object.assign(pipe, { [Symbol.asyncDispose]: async () => void pipe.destroy() });
    },
    async makeDirectory(path, options) {
      make(path, options?.mode);
    },
    async list(path) {
      const at = real(path);
      if (entries.get(at)?.type !== 'directory') return undefined;
      return childrenOf(at)
        .filter((each) => posix.dirname(each) === at)
        .toSorted()
        .map((each) => ({ name: posix.basename(each), type: (entries.get(each) as Entry).type }));
    },
    async stat(path) {
      const present = entries.get(real(path));
      if (!present) return undefined;
      const { type, sizeBytes, mode, uid, gid, modifiedAt, inode } = present;
      return { type, sizeBytes, mode, uid, gid, modifiedAt, inode };
    },
    async rename(from, to) {
      const source = real(from, false);
      const present = entries.get(source);
      if (!present) throw missing(from);
      parents(to);
      const target = posix.join(real(posix.dirname(to)), posix.basename(to));
      for (const child of childrenOf(target)) entries.delete(child);
      for (const child of childrenOf(source)) {
        entries.set(target + child.slice(source.length), entries.get(child) as Entry);
        entries.delete(child);
      }
      entries.set(target, present);
      entries.delete(source);
    },
    async symlink(target, path) {
      parents(path);
      const at = posix.join(real(posix.dirname(path)), posix.basename(path));
      if (entries.has(at))
        throw Object.assign(new Error(`EEXIST: file already exists, symlink '${path}'`), { code: 'EEXIST' });
      entries.set(at, entry('symlink', { target, mode: 0o777 }));
    },
    async readLink(path) {
      const present = entries.get(real(path, false));
      return present?.type === 'symlink' ? present.target : undefined;
    },
    async link(existing, path) {
      parents(path);
      entries.set(real(path), found(existing));
    },
    async chmod(path, mode) {
      found(path).mode = mode;
    },
    async chown(path, uid, gid) {
      Object.assign(found(path), { uid, gid });
    },
    async truncate(path, length) {
      const file = found(path);
      const grown = Buffer.concat([contentOf(file), Buffer.alloc(Math.max(0, length - file.sizeBytes))]);
      hold(file, grown.subarray(0, length), false);
    },
    async remove(path, options) {
      const at = real(path, false);
      const children = childrenOf(at);
      if (children.length > 0 && !options?.recursive)
        throw Object.assign(new Error(`ENOTEMPTY: directory not empty, '${path}'`), { code: 'ENOTEMPTY' });
      for (const child of children) entries.delete(child);
      entries.delete(at);
    },
    async space() {
      let used = 0;
      for (const { sizeBytes } of entries.values()) used += sizeBytes;
      return {
        totalBytes: capacityBytes,
        freeBytes: capacityBytes - used,
        inodes: 1_000_000,
        inodesFree: 1_000_000 - entries.size,
      };
    },
  };
}
