/**
 * Writes a volume's files so that a container sees all of the old or all of the new content: files stand in a directory with a timestamp, `..data` points at
 * it, and the visible names point through `..data`. Replacing the one link switches everything. The layout is upstream's, programs rely on it.
 */
import { dirname, join } from 'node:path';
import type { World } from '#world/world.ts';

export interface VolumeFile {
  readonly content: Buffer;
  readonly mode: number;
}

export interface Ownership {
  readonly uid?: number;
  readonly gid?: number;
}

/** Makes `directory` hold exactly `files` (relative path → content). True when something changed. */
export async function writeAtomically(
  world: World,
  directory: string,
  files: ReadonlyMap<string, VolumeFile>,
  owner: Ownership = {},
): Promise<boolean> {
  const { disk } = world;
  await disk.makeDirectory(directory, { mode: 0o755 });
  const link = join(directory, '..data');
  const before = await disk.readLink(link);
  if (before !== undefined && (await isSame(world, join(directory, before), files))) return false;
  const stamp = `..${new Date(world.clock.now()).toISOString().replaceAll(/[-:]/g, '_').replace('T', '_').replace('Z', '')}${world.random.suffix(6)}`;
  const fresh = join(directory, stamp);
  await disk.makeDirectory(fresh, { mode: 0o755 });
  for (const [path, file] of files) {
    const target = join(fresh, path);
    if (!target.startsWith(`${fresh}/`)) throw new Error(`the path ${path} leaves its volume`);
    await disk.makeDirectory(dirname(target), { mode: 0o755 });
    // The directory is new and nobody sees it yet; what a power cut leaves of it is written again with the pod.
    await disk.append(target, file.content);
    await disk.chmod(target, owner.gid === undefined ? file.mode : file.mode | 0o440);
    if (owner.uid !== undefined || owner.gid !== undefined) await disk.chown(target, owner.uid ?? 0, owner.gid ?? 0);
  }
  const temporary = join(directory, '..data_tmp');
  await disk.remove(temporary);
  await disk.symlink(stamp, temporary);
  await disk.rename(temporary, link);
  await showNames(world, directory, files);
  if (before !== undefined) await disk.remove(join(directory, before), { recursive: true });
  return true;
}

/** The first part of every path is a link through `..data`; links of names that went are removed. */
async function showNames(world: World, directory: string, files: ReadonlyMap<string, VolumeFile>): Promise<void> {
  const wanted = new Set([...files.keys()].map((path) => path.split('/')[0] as string));
  const present = (await world.disk.list(directory)) ?? [];
  for (const { name, type } of present) {
    if (type === 'symlink' && !name.startsWith('..') && !wanted.delete(name))
      await world.disk.remove(join(directory, name));
  }
  for (const name of wanted) await world.disk.symlink(join('..data', name), join(directory, name));
}

async function isSame(world: World, directory: string, files: ReadonlyMap<string, VolumeFile>): Promise<boolean> {
  const found: string[] = [];
  const walk = async (at: string, prefix: string): Promise<void> => {
    for (const { name, type } of (await world.disk.list(at)) ?? []) {
      if (type === 'directory') await walk(join(at, name), `${prefix}${name}/`);
      else found.push(prefix + name);
    }
  };
  await walk(directory, '');
  if (found.length !== files.size) return false;
  for (const path of found) {
    const file = files.get(path);
    const content = await world.disk.read(join(directory, path));
    if (!file || !content?.equals(file.content)) return false;
  }
  return true;
}
