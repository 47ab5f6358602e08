/**
 * Control groups of pods and containers on every layout a machine may have: v2 ("unified"), v1, and hybrid (v1 controllers
 * with an empty v2 tree beside them). The pod's group is made here, the container's by crun or runc below it. A controller
 * that this machine does not give us is named in the log and otherwise done without: it must never fail a pod.
 */
import type { World } from '#world/world.ts';
import type { ContainerResources } from '../container-runtime.ts';
import { type HelperShell, quote } from './helper-shell.ts';

export interface GroupUsage {
  readonly cpuNanos: number;
  readonly memoryBytes: number;
  /** Without file pages that can be dropped at once: what the kubelet calls the working set. */
  readonly workingSetBytes: number;
}

export interface Cgroups {
  readonly layout: 'v1' | 'hybrid' | 'v2';
  /** Makes a group with its parents and sets its limits. Paths are relative to the hierarchy's root. */
  create(path: string, resources: ContainerResources, options?: { oomGroup?: boolean }): Promise<void>;
  update(path: string, resources: ContainerResources): Promise<void>;
  usage(path: string): Promise<GroupUsage | undefined>;
  /** How many processes the kernel killed in this group (and, on v2, below it) for want of memory. */
  oomKills(path: string): Promise<number>;
  /** v1: how often the limit was hit. Dropping file pages was enough, or a process was killed: it does not say. */
  memoryRefusals(path: string): Promise<number>;
  processes(path: string): Promise<readonly number[]>;
  /** Sends SIGKILL to everything in and below the group, until nothing is left. False when something cannot be killed. */
  killAll(path: string): Promise<boolean>;
  /** Removes groups with all that is below them. Missing ones are no error; busy ones are tried again for a while. */
  remove(...paths: readonly string[]): Promise<void>;
  /** Removes a group unless there are groups or processes in it. */
  removeIfEmpty(path: string): Promise<void>;
}

interface Hierarchies {
  readonly layout: Cgroups['layout'];
  /** v1: mount point by controller. */
  readonly controllers: ReadonlyMap<string, string>;
  /** Mount point of the v2 tree, when there is one. */
  readonly unified: string | undefined;
  readonly mounts: readonly string[];
}

const used = ['cpu', 'memory', 'pids'] as const;
const killRoundsMax = 50;
const removeRoundsMax = 20;
const roundMs = 20;

/** Reads how this machine's groups are mounted. Throws when there are none. */
export async function openCgroups(world: World, shell: HelperShell): Promise<Cgroups> {
  const found = readHierarchies((await world.disk.readText('/proc/self/mountinfo')) ?? '');
  const { layout } = found;
  const log = world.log.with({ area: 'cgroups' });
  const reported = new Set<string>();
  const missing = (controller: string, reason: string): void => {
    if (reported.has(controller)) return;
    reported.add(controller);
    log.warn(`the ${controller} controller is not available to us; its limits are not enforced`, { layout, reason });
  };

  const treeOf = (controller: string): string | undefined =>
    layout === 'v2' ? found.unified : found.controllers.get(controller);
  const read = async (controller: string, path: string, file: string): Promise<string | undefined> => {
    const tree = treeOf(controller);
    return tree === undefined ? undefined : readIfThere(`${tree}/${path}/${file}`);
  };
  /** A group that is removed while it is read answers "no such device". */
  async function readIfThere(path: string): Promise<string | undefined> {
    try {
      return await world.disk.readText(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENODEV') return undefined;
      throw error;
    }
  }

  /** Writes one file of a group. Kernel files cannot be replaced by rename, hence `append`. */
  async function set(controller: string, path: string, file: string, value: string): Promise<void> {
    const tree = treeOf(controller);
    if (tree === undefined) return missing(controller, 'not mounted');
    try {
      const target = `${tree}/${path}/${file}`;
      if (!(await world.disk.stat(target))) return missing(controller, `${file} does not exist`);
      await world.disk.append(target, value);
    } catch (error) {
      log.warn('cannot set a limit', { path, file, value, error: (error as Error).message });
    }
  }

  /** v2: a controller works in a group only when every group above passes it on. */
  async function delegate(path: string): Promise<void> {
    const root = found.unified as string;
    const parts = path.split('/');
    for (let depth = 0; depth < parts.length; depth++) {
      const group = [root, ...parts.slice(0, depth)].join('/');
      const offered = ((await world.disk.readText(`${group}/cgroup.controllers`)) ?? '').split(/\s+/);
      const passed = ((await world.disk.readText(`${group}/cgroup.subtree_control`)) ?? '').split(/\s+/);
      for (const controller of used) {
        if (passed.includes(controller)) continue;
        if (!offered.includes(controller)) {
          missing(controller, `${group} does not offer it`);
          continue;
        }
        try {
          await world.disk.append(`${group}/cgroup.subtree_control`, `+${controller}`);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'EBUSY' && (await evacuate(group))) {
            await world.disk.append(`${group}/cgroup.subtree_control`, `+${controller}`);
          } else missing(controller, (error as Error).message);
        }
      }
      await world.disk.makeDirectory([root, ...parts.slice(0, depth + 1)].join('/'));
    }
  }

  /**
   * Inside a container our root group holds processes, and such a group cannot pass controllers on. They move one level
   * down, as every container-in-container setup does.
   */
  async function evacuate(group: string): Promise<boolean> {
    if (group !== found.unified || !(await world.disk.stat(`${group}/cgroup.type`))) return false;
    const target = `${group}/k8ts-outside`;
    await world.disk.makeDirectory(target);
    for (const pid of pids(await world.disk.readText(`${group}/cgroup.procs`))) {
      try {
        await world.disk.append(`${target}/cgroup.procs`, String(pid));
      } catch (error) {
        log.debug('a process stays in the root group', { pid, error: (error as Error).message });
      }
    }
    log.info('moved the processes of the root control group one level down, so that it can have limited children', {
      target,
    });
    return true;
  }

  async function update(path: string, resources: ContainerResources): Promise<void> {
    const { cpuShares, cpuQuotaMicros, cpuPeriodMicros = 100_000, memoryLimitBytes, pidsLimit } = resources;
    if (layout === 'v2') {
      if (cpuShares !== undefined) await set('cpu', path, 'cpu.weight', String(weightOfShares(cpuShares)));
      if (cpuQuotaMicros !== undefined)
        await set('cpu', path, 'cpu.max', `${cpuQuotaMicros > 0 ? cpuQuotaMicros : 'max'} ${cpuPeriodMicros}`);
      if (memoryLimitBytes !== undefined)
        await set('memory', path, 'memory.max', memoryLimitBytes > 0 ? String(memoryLimitBytes) : 'max');
    } else {
      if (cpuShares !== undefined) await set('cpu', path, 'cpu.shares', String(Math.max(2, cpuShares)));
      if (cpuQuotaMicros !== undefined) {
        await set('cpu', path, 'cpu.cfs_period_us', String(cpuPeriodMicros));
        await set('cpu', path, 'cpu.cfs_quota_us', String(cpuQuotaMicros > 0 ? cpuQuotaMicros : -1));
      }
      if (memoryLimitBytes !== undefined)
        await set('memory', path, 'memory.limit_in_bytes', String(memoryLimitBytes > 0 ? memoryLimitBytes : -1));
    }
    if (pidsLimit !== undefined) await set('pids', path, 'pids.max', pidsLimit > 0 ? String(pidsLimit) : 'max');
  }

  async function processes(path: string): Promise<readonly number[]> {
    const all = new Set<number>();
    const visit = async (directory: string): Promise<void> => {
      for (const pid of pids(await readIfThere(`${directory}/cgroup.procs`))) all.add(pid);
      for (const entry of (await world.disk.list(directory)) ?? [])
        if (entry.type === 'directory') await visit(`${directory}/${entry.name}`);
    };
    // On v1 a container sits at the same path in every hierarchy; pids and memory are the ones it cannot have left.
    const tree =
      layout === 'v2'
        ? found.unified
        : (found.controllers.get('pids') ?? found.controllers.get('memory') ?? found.mounts[0]);
    if (tree !== undefined) await visit(`${tree}/${path}`);
    return [...all];
  }

  return {
    layout,
    update,
    processes,
    async create(path, resources, options = {}) {
      if (layout === 'v2') await delegate(path);
      else {
        for (const controller of used) {
          const tree = found.controllers.get(controller);
          if (tree === undefined) missing(controller, 'not mounted');
          else await world.disk.makeDirectory(`${tree}/${path}`);
        }
      }
      await update(path, resources);
      // The kernel kills what is limited as a whole, not one process of it (upstream's default on v2).
      if (layout === 'v2' && options.oomGroup) await set('memory', path, 'memory.oom.group', '1');
    },
    async usage(path) {
      if (layout === 'v2') {
        const [cpu, memory, stat] = await Promise.all([
          read('cpu', path, 'cpu.stat'),
          read('memory', path, 'memory.current'),
          read('memory', path, 'memory.stat'),
        ]);
        if (cpu === undefined && memory === undefined) return undefined;
        const memoryBytes = Number(memory ?? 0);
        return {
          cpuNanos: field(cpu, 'usage_usec') * 1000,
          memoryBytes,
          workingSetBytes: Math.max(0, memoryBytes - field(stat, 'inactive_file')),
        };
      }
      const [cpu, memory, stat] = await Promise.all([
        read('cpuacct', path, 'cpuacct.usage'),
        read('memory', path, 'memory.usage_in_bytes'),
        read('memory', path, 'memory.stat'),
      ]);
      if (cpu === undefined && memory === undefined) return undefined;
      const memoryBytes = Number(memory ?? 0);
      return {
        cpuNanos: Number(cpu ?? 0),
        memoryBytes,
        workingSetBytes: Math.max(0, memoryBytes - field(stat, 'total_inactive_file')),
      };
    },
    async oomKills(path) {
      if (layout === 'v2') return field(await read('memory', path, 'memory.events'), 'oom_kill');
      return field(await read('memory', path, 'memory.oom_control'), 'oom_kill');
    },
    async memoryRefusals(path) {
      return Number((await read('memory', path, 'memory.failcnt')) ?? 0);
    },
    async killAll(path) {
      if (layout === 'v2' && (await world.disk.stat(`${found.unified}/${path}/cgroup.kill`))) {
        await world.disk.append(`${found.unified}/${path}/cgroup.kill`, '1').catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT' && error.code !== 'ENODEV') throw error;
        });
      }
      for (let round = 0; round < killRoundsMax; round++) {
        const left = await processes(path);
        if (left.length === 0) return true;
        for (const pid of left) world.processes.kill(pid, 'SIGKILL');
        await world.clock.sleep(Math.min(roundMs, 1 + round));
      }
      log.warn('processes survive SIGKILL', { path, processes: (await processes(path)).slice(0, 10) });
      return false;
    },
    async removeIfEmpty(path) {
      // Where it is not empty, rmdir's refusal is the answer.
      await shell.run(`rmdir ${found.mounts.map((mount) => quote(`${mount}/${path}`)).join(' ')}`);
    },
    async remove(...paths) {
      for (let round = 0; round < removeRoundsMax; round++) {
        const directories: string[] = [];
        const visit = async (directory: string): Promise<void> => {
          const entries = await world.disk.list(directory);
          if (entries === undefined) return;
          for (const entry of entries) if (entry.type === 'directory') await visit(`${directory}/${entry.name}`);
          directories.push(directory);
        };
        await Promise.all(found.mounts.flatMap((mount) => paths.map((path) => visit(`${mount}/${path}`))));
        if (directories.length === 0) return;
        // Ending processes leave their group a moment after they are gone.
        const { code } = await shell.run(`rmdir ${directories.map(quote).join(' ')}`);
        if (code === 0) return;
        await world.clock.sleep(roundMs);
      }
      log.warn('a control group could not be removed', { paths });
    },
  };
}

/** The layout that /proc/self/mountinfo shows. */
export function readHierarchies(mountinfo: string): Hierarchies {
  const controllers = new Map<string, string>();
  const mounts = new Set<string>();
  let unified: string | undefined;
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ', 2);
    const mountPoint = (left.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const [type = '', , options = ''] = right.split(' ');
    if (!mountPoint.startsWith('/sys/fs/cgroup')) continue;
    if (type === 'cgroup2') unified = mountPoint;
    if (type !== 'cgroup') continue;
    mounts.add(mountPoint);
    for (const option of options.split(','))
      if (!['rw', 'ro', 'xattr'].includes(option)) controllers.set(option, mountPoint);
  }
  if (unified !== undefined) mounts.add(unified);
  if (mounts.size === 0)
    throw new Error('no control groups are mounted below /sys/fs/cgroup; the oci runtime needs them');
  const layout = controllers.size === 0 ? 'v2' : unified === undefined ? 'v1' : 'hybrid';
  return { layout, controllers, unified, mounts: [...mounts] };
}

/** v1's shares (2 to 262144) on v2's scale (1 to 10000), by the formula of crun and runc. */
export function weightOfShares(shares: number): number {
  const bounded = Math.min(262_144, Math.max(2, shares));
  return 1 + Math.floor(((bounded - 2) * 9999) / 262_142);
}

function field(text: string | undefined, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text ?? '')?.[1] ?? 0);
}

function pids(text: string | undefined): readonly number[] {
  // A process of another PID namespace reads as 0.
  return (text ?? '')
    .split('\n')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid > 1);
}
