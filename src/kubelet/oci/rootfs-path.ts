/**
 * Reads files of a container's root filesystem from outside. Every component is looked at without following it, and links
 * are followed as a chroot would: an image whose /etc is a link to the host's /etc gets its own /etc, or nothing.
 */
import type { World } from '#world/world.ts';

const symlinksFollowedMax = 40;

/** The path on this machine of `path` inside `root`; undefined when something on the way is missing. */
export async function resolveInRoot(world: World, root: string, path: string): Promise<string | undefined> {
  const todo = path.split('/').filter((part) => part !== '' && part !== '.');
  const done: string[] = [];
  let followed = 0;
  while (todo.length > 0) {
    const part = todo.shift() as string;
    if (part === '..') {
      done.pop();
      continue;
    }
    const current = [root, ...done, part].join('/');
    const stat = await world.disk.stat(current);
    if (!stat) return undefined;
    if (stat.type === 'symlink') {
      if (++followed > symlinksFollowedMax) return undefined;
      const target = (await world.disk.readLink(current)) ?? '';
      if (target.startsWith('/')) done.length = 0;
      todo.unshift(...target.split('/').filter((piece) => piece !== '' && piece !== '.'));
      continue;
    }
    done.push(part);
  }
  return [root, ...done].join('/');
}

/** A small text file inside `root`; undefined when it is missing, no regular file, or larger than `limitBytes`. */
export async function readInRoot(
  world: World,
  root: string,
  path: string,
  limitBytes: number,
): Promise<string | undefined> {
  const found = await resolveInRoot(world, root, path);
  const stat = found === undefined ? undefined : await world.disk.stat(found);
  if (found === undefined || stat?.type !== 'file' || stat.sizeBytes > limitBytes) return undefined;
  return world.disk.readText(found);
}
