/**
 * Real files. Writes of whole files are atomic and durable (temporary sibling, fsync, rename, fsync of the directory);
 * everything is asynchronous, because a slow disk must never stop the event loop.
 */
import { constants, createReadStream, createWriteStream, open as openFile } from 'node:fs';
import * as fs from 'node:fs/promises';
import { Socket } from 'node:net';
import { basename, dirname, isAbsolute, join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import type { DirectoryEntry, Disk, FileStat } from '../world.ts';

let temporaryFiles = 0;

export function nodeDisk(): Disk {
  return {
    read: (path) => unlessMissing(fs.readFile(absolute(path))),
    readText: (path) => unlessMissing(fs.readFile(absolute(path), 'utf8')),
    write,
    async append(path, content) {
      await fs.appendFile(absolute(path), content);
    },
    readStream: (path, options) => createReadStream(absolute(path), { ...options }),
    writeStream: (path, options) =>
      createWriteStream(absolute(path), { flags: options?.append ? 'a' : 'w', mode: options?.mode ?? 0o644 }),
    openPipe,
    async makeDirectory(path, options) {
      await fs.mkdir(absolute(path), { recursive: true, ...options });
    },
    async list(path) {
      const entries = await unlessMissing(fs.readdir(absolute(path), { withFileTypes: true }));
      return entries
        ?.map((entry) => ({ name: entry.name, type: typeOf(entry) }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async stat(path) {
      const found = await unlessMissing(fs.lstat(absolute(path)));
      return found && statOf(found);
    },
    rename: (from, to) => fs.rename(absolute(from), absolute(to)),
    symlink: (target, path) => fs.symlink(target, absolute(path)),
    readLink: (path) => unlessMissing(fs.readlink(absolute(path))),
    link: (existing, path) => fs.link(absolute(existing), absolute(path)),
    chmod: (path, mode) => fs.chmod(absolute(path), mode),
    chown: (path, uid, gid, options) =>
      options?.followLinks === false ? fs.lchown(absolute(path), uid, gid) : fs.chown(absolute(path), uid, gid),
    truncate: (path, length) => fs.truncate(absolute(path), length),
    async remove(path, options) {
      await fs.rm(absolute(path), { force: true, recursive: options?.recursive ?? false });
    },
    async space(path) {
      const found = await fs.statfs(absolute(path));
      return {
        totalBytes: found.blocks * found.bsize,
        freeBytes: found.bavail * found.bsize,
        inodes: found.files,
        inodesFree: found.ffree,
      };
    },
  };
}

async function write(path: string, content: string | Uint8Array, options?: { mode?: number }): Promise<void> {
  absolute(path);
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path)}.${process.pid}-${++temporaryFiles}.tmp`);
  const file = await fs.open(temporary, 'wx', options?.mode ?? 0o644);
  try {
    try {
      await file.writeFile(content);
      // The umask may have cut the mode that was asked for.
      if (options?.mode !== undefined) await file.chmod(options.mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(temporary, path);
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
  const parent = await fs.open(directory, 'r');
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}

/**
 * A named pipe as a stream on the event loop's poller: neither opening nor reading occupies a thread. Opened for both
 * directions, because a pipe without any writer would report its end for ever.
 */
async function openPipe(path: string): Promise<Readable & AsyncDisposable> {
  const found = await fs.lstat(absolute(path));
  if (!found.isFIFO()) throw new Error(`${path} is not a named pipe`);
  const descriptor = await promisify(openFile)(path, constants.O_RDWR | constants.O_NONBLOCK);
  const socket = new Socket({ fd: descriptor, readable: true, writable: false });
  return socket;
}

function absolute(path: string): string {
  if (!isAbsolute(path)) throw new TypeError(`path ${JSON.stringify(path)} is not absolute`);
  return path;
}

/** The result, or undefined when the path (or a directory on the way) does not exist. */
async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

interface TypeFlags {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

function typeOf(entry: TypeFlags): DirectoryEntry['type'] {
  return entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : entry.isSymbolicLink() ? 'symlink' : 'other';
}

function statOf(found: import('node:fs').Stats): FileStat {
  return {
    type: typeOf(found),
    sizeBytes: found.size,
    mode: found.mode & 0o7777,
    uid: found.uid,
    gid: found.gid,
    modifiedAt: found.mtimeMs,
    inode: found.ino,
  };
}
