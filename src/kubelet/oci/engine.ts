/**
 * Chooses crun or runc by running a real container on this machine, because versions and cgroup layouts decide what works,
 * not names (crun 1.8 refuses hybrid cgroups, runc takes them). The choice is remembered beside the state for as long as the
 * program and the kernel stay the same. A runtime that fails the test is never used.
 */
import type { World } from '#world/world.ts';
import type { Cgroups } from './cgroups.ts';
import { type HelperShell, quote } from './helper-shell.ts';

export interface Engine {
  readonly kind: 'crun' | 'runc';
  readonly path: string;
  readonly version: string;
  /** `run --keep`: the group of an ended container stays readable until we remove it. */
  readonly keeps: boolean;
  /** overlayfs takes `volatile`: no sync of the whole disk at every unmount. */
  readonly volatileOverlay: boolean;
}

export interface EngineOptions {
  /** State of the runtime; the test leaves nothing there but `engine.json`. */
  readonly directory: string;
  readonly cgroupRoot: string;
  /** Program to use instead of the first of crun and runc that works. It is tested all the same. */
  readonly program?: string;
}

interface Remembered extends Engine {
  readonly identity: string;
}

const testWithinMs = 20_000;

/** Throws an error that names every candidate and why it was not taken. */
export async function chooseEngine(
  world: World,
  shell: HelperShell,
  cgroups: Cgroups,
  options: EngineOptions,
): Promise<Engine> {
  // crun starts a container in a third of the time. On v1 runc comes first: it can keep the group of an ended container, and
  // only there v1 tells whether the kernel killed it for want of memory.
  const ours = cgroups.layout === 'v2' ? ['crun', 'runc'] : ['runc', 'crun'];
  const candidates = options.program === undefined ? ours : [options.program];
  const found: string[] = [];
  for (const candidate of candidates) {
    const path = await world.processes.which(candidate);
    if (path !== undefined) found.push(path);
  }
  if (found.length === 0) throw new Error(`no container runtime found: install ${candidates.join(' or ')}`);
  const identity = await identityOf(world, found);
  const memory = `${options.directory}/engine.json`;
  const remembered = await world.disk.readText(memory);
  if (remembered !== undefined) {
    const engine = JSON.parse(remembered) as Remembered;
    if (engine.identity === identity) return engine;
  }
  const volatileOverlay = await overlayTest(world, shell, options.directory);
  const failures: string[] = [];
  for (const path of found) {
    const kind = path.slice(path.lastIndexOf('/') + 1).includes('crun') ? 'crun' : 'runc';
    const help = await world.processes.run([path, 'run', '--help']);
    const keeps = /^\s+--keep\b/m.test(help.stdout);
    const failure = await containerTest(world, cgroups, { path, ...options });
    if (failure !== undefined) {
      failures.push(`${path}: ${failure}`);
      world.log.info('a container runtime does not work on this machine', { program: path, reason: failure });
      continue;
    }
    const version = /version:? v?(\S+)/.exec((await world.processes.run([path, '--version'])).stdout)?.[1] ?? 'unknown';
    const engine: Remembered = { kind, path, version, keeps, volatileOverlay, identity };
    await world.disk.write(memory, JSON.stringify(engine));
    return engine;
  }
  throw new Error(`no container runtime works on this machine: ${failures.join('; ')}`);
}

async function identityOf(world: World, paths: readonly string[]): Promise<string> {
  const stats = await Promise.all(paths.map(async (path) => [path, await world.disk.stat(path)] as const));
  const kernel = await world.disk.readText('/proc/version');
  return JSON.stringify([
    1,
    kernel,
    stats.map(([path, stat]) => [path, stat?.sizeBytes, stat?.modifiedAt, stat?.inode]),
  ]);
}

/** Fails with the kernel's words when overlayfs cannot be used here; answers whether it knows `volatile`. */
async function overlayTest(world: World, shell: HelperShell, directory: string): Promise<boolean> {
  const place = `${directory}/overlay-test`;
  for (const name of ['lower', 'upper', 'work', 'merged']) await world.disk.makeDirectory(`${place}/${name}`);
  const mount = (extra: string): string =>
    `cd ${quote(place)} && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work${extra} merged && umount merged`;
  try {
    if ((await shell.run(mount(',volatile'))).code === 0) return true;
    await shell.run(`rm -rf ${quote(`${place}/work`)}/*`);
    const plain = await shell.run(mount(''));
    if (plain.code !== 0) {
      throw new Error(
        `overlayfs does not work in ${directory}: ${plain.output.trim()}; choose a data directory on ext4, xfs, btrfs or tmpfs`,
      );
    }
    return false;
  } finally {
    await world.disk.remove(place, { recursive: true });
  }
}

/** Runs `exit 7` in a container made of this machine's own programs; answers why that failed. */
async function containerTest(
  world: World,
  cgroups: Cgroups,
  options: EngineOptions & { path: string },
): Promise<string | undefined> {
  const id = `k8ts-self-test-${world.random.suffix(8)}`;
  const bundle = `${options.directory}/${id}`;
  const cgroupPath = `${options.cgroupRoot}/${id}`;
  try {
    await world.disk.makeDirectory(`${bundle}/rootfs`);
    await cgroups.create(cgroupPath, {});
    await world.disk.write(
      `${bundle}/config.json`,
      JSON.stringify(hostToolsSpec(['/bin/sh', '-c', 'exit 7'], `${cgroupPath}/test`)),
    );
    const result = await world.processes.run(
      [options.path, '--root', `${bundle}/state`, 'run', '--bundle', bundle, id],
      { timeoutMs: testWithinMs },
    );
    if (result.code === 7) return undefined;
    const said = result.stderr.trim().split('\n').at(-1) ?? '';
    return (
      /msg="((?:[^"\\]|\\.)*)"/.exec(said)?.[1]?.replaceAll('\\"', '"') ??
      (said || `exit code ${result.code} instead of 7`)
    );
  } finally {
    await cgroups.remove(cgroupPath);
    await world.disk.remove(bundle, { recursive: true });
  }
}

/** A container without an image: this machine's programs, read-only, and nothing else. */
export function hostToolsSpec(args: readonly string[], cgroupPath: string): Record<string, unknown> {
  const folders = ['/bin', '/usr', '/lib', '/lib64', '/sbin'];
  const none: string[] = [];
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args,
      env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
      cwd: '/',
      capabilities: { bounding: none, effective: none, permitted: none, inheritable: none },
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
      ...folders.map((folder) => ({
        destination: folder,
        type: 'bind',
        source: folder,
        options: ['rbind', 'ro', 'nosuid', 'nodev'],
      })),
    ],
    linux: {
      cgroupsPath: `/${cgroupPath}`,
      namespaces: [{ type: 'pid' }, { type: 'mount' }],
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      maskedPaths: ['/proc/kcore', '/proc/keys'],
      readonlyPaths: ['/proc/sys', '/proc/sysrq-trigger'],
    },
  };
}
