/**
 * A disk in memory, which can lose its power: what was appended or streamed and never synced is then gone; what `write` put down whole stays. Owners and modes are
 * kept, rights are not enforced.
 */
import { posix } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import type { Disk, FileStat, Millis } from '#world/world.ts';

interface Entry {
  type: FileStat['type'];
  content: Buffer;
  /** What a power failure leaves. */
  synced: Buffer;
  target: string;
  mode: number;
  uid: number;
  gid: number;
  modifiedAt: Millis;
  readonly inode: number;
}

const linksMax = 40;
const sizeBytes = 100 * 1024 ** 3;

const missing = (path: string): Error =>
  Object.assign(new Error(`ENOENT: no such file or directory, '${path}'`), { code: 'ENOENT' });

export interface SimDisk extends Disk {
  /** Forgets what was not synced; `kept` says how many of so many unsynced bytes at the end of a file survive all the same (none when absent). */
  losePower(kept?: (bytes: number) => number): void;
  /** What the file holds now stays. */
  sync(path: string): Promise<void>;
}

export function simDisk(now: () => Millis, files: Readonly<Record<string, string>> = {}): SimDisk {
  const entries = new Map<string, Entry>();
  let lastInode = 1;
  const entry = (type: Entry['type'], more: Partial<Entry> = {}): Entry => ({
    type,
    content: Buffer.alloc(0),
    synced: Buffer.alloc(0),
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
    entries.set(at, entry('file', { content: bytes, synced: bytes, mode: mode ?? before?.mode ?? 0o644 }));
  };
  const grow = (path: string, content: Uint8Array, mode?: number): void => {
    parents(path);
    const at = real(path);
    const before = entries.get(at) ?? entry('file', mode === undefined ? {} : { mode });
    before.content = Buffer.concat([before.content, content]);
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
    losePower(kept = () => 0) {
      for (const each of entries.values()) {
        const grown = each.content.length - each.synced.length;
        if (grown > 0 && each.content.subarray(0, each.synced.length).equals(each.synced))
          each.synced = each.content.subarray(0, each.synced.length + kept(grown));
        each.content = each.synced;
      }
    },
    async sync(path) {
      const file = found(path);
      file.synced = file.content;
    },
    async read(path) {
      const present = entries.get(real(path));
      return present?.type === 'file' ? present.content : undefined;
    },
    async readText(path) {
      const present = entries.get(real(path));
      return present?.type === 'file' ? present.content.toString('utf8') : undefined;
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
      const bytes = present.content.subarray(
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
      const { type, content, mode, uid, gid, modifiedAt, inode } = present;
      return { type, sizeBytes: content.length, mode, uid, gid, modifiedAt, inode };
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
      file.content = Buffer.concat([file.content, Buffer.alloc(Math.max(0, length - file.content.length))]).subarray(
        0,
        length,
      );
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
      for (const { content } of entries.values()) used += content.length;
      return {
        totalBytes: sizeBytes,
        freeBytes: sizeBytes - used,
        inodes: 1_000_000,
        inodesFree: 1_000_000 - entries.size,
      };
    },
  };
}
