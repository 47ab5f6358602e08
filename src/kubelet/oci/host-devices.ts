/** The device nodes of this machine, for privileged containers. What every container has anyway is left out. */
import type { World } from '#world/world.ts';

const ownOfContainers = new Set([
  '/dev/console',
  '/dev/fd',
  '/dev/full',
  '/dev/mqueue',
  '/dev/null',
  '/dev/ptmx',
  '/dev/pts',
  '/dev/random',
  '/dev/shm',
  '/dev/stderr',
  '/dev/stdin',
  '/dev/stdout',
  '/dev/tty',
  '/dev/urandom',
  '/dev/zero',
  '/dev/core',
  '/dev/hugepages',
  '/dev/initctl',
  '/dev/log',
]);
const devicesMax = 1000;

export async function hostDevices(world: World, directory = '/dev'): Promise<readonly string[]> {
  const found: string[] = [];
  for (const entry of (await world.disk.list(directory)) ?? []) {
    const path = `${directory}/${entry.name}`;
    if (ownOfContainers.has(path) || /^tty(?:S|\d)/.test(entry.name) || found.length >= devicesMax) continue;
    if (entry.type === 'other') found.push(path);
    else if (entry.type === 'directory') found.push(...(await hostDevices(world, path)));
  }
  return found;
}
