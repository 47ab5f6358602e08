/**
 * The embedded container runtime: pods from our own image store, overlayfs, namespaces and control groups, with crun or
 * runc for the last step. Containers do not depend on this process: each has a monitor of its own (monitor.ts), and a new
 * runtime on the same directory adopts everything (recovery.ts). Removing all sandboxes leaves no process, mount, namespace
 * or group behind.
 */
import type { ImageStore } from '#images/image-store.ts';
import type { World } from '#world/world.ts';
import { type ContainerRuntime, type ContainerStats, RuntimeError } from '../container-runtime.ts';
import type { PodNetwork } from '../pod-network.ts';
import { capabilitiesOf } from './capabilities.ts';
import { openCgroups } from './cgroups.ts';
import { type LogLimits, logLimits } from './container-log.ts';
import {
  containerView,
  createContainer,
  removeContainer,
  startContainer,
  stopContainer,
  updateLimits,
} from './container.ts';
import {
  containerCgroup,
  containerDirectory,
  podCgroup,
  type ContainerRecord,
  type OciContext,
  type SandboxRecord,
} from './context.ts';
import { chooseEngine } from './engine.ts';
import { attachToContainer, execInContainer } from './exec.ts';
import { helperShell, quote } from './helper-shell.ts';
import { recover, watchOrphans } from './recovery.ts';
import { runtimeImages } from './runtime-images.ts';
import { releaseSandbox, removeSandbox, runSandbox, sandboxDialer, sandboxView } from './sandbox.ts';

export interface OciRuntimeOptions {
  /** State of this node's pods; absolute, no comma or colon in it (overlayfs cannot take them). */
  readonly directory: string;
  readonly images: ImageStore;
  /** `k8ts-<cluster>/<node>`: the group of all pods of this node, below the root of each hierarchy. */
  readonly cgroupRoot: string;
  readonly network: PodNetwork;
  readonly nodeName: string;
  /** Use this program instead of the first of crun and runc that works here. */
  readonly program?: string;
  readonly logLimits?: LogLimits;
}

export interface OciRuntime extends ContainerRuntime {
  /** Kills and removes every sandbox and container, and the node's control group. */
  removeEverything(): Promise<void>;
}

const writableLayerCachedMs = 60_000;
const neededPrograms = ['mount', 'umount', 'mountpoint', 'unshare', 'nsenter', 'setsid', 'mkfifo', 'ip'];

/** Opens the runtime and adopts what an earlier one left running. Throws an error that says what this machine lacks. */
export async function openOciRuntime(world: World, options: OciRuntimeOptions): Promise<OciRuntime> {
  const { directory, cgroupRoot, images, network } = options;
  if (world.processes.self.platform !== 'linux' || world.processes.self.uid !== 0)
    throw new Error('the oci runtime needs root on Linux');
  for (const path of [directory, images.directory]) {
    if (!path.startsWith('/') || /[,:\\\s"]/.test(path))
      throw new Error(
        `the directory ${JSON.stringify(path)} must be absolute and free of commas, colons, quotes, backslashes and blanks`,
      );
  }
  if (!/^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/.test(cgroupRoot) || cgroupRoot.split('/').includes('..'))
    throw new Error(`bad control group name ${JSON.stringify(cgroupRoot)}`);
  for (const program of neededPrograms) {
    if ((await world.processes.which(program)) === undefined)
      throw new Error(`the program ${program} is missing on this machine`);
  }
  for (const folder of ['sandboxes', 'containers', 'run', 'empty'])
    await world.disk.makeDirectory(`${directory}/${folder}`, { mode: 0o711 });

  const log = world.log.with({ node: options.nodeName });
  const inner: World = { ...world, log };
  const shell = helperShell(inner);
  const listeners = new Set<(sandboxId: string) => void>();
  try {
    const cgroups = await openCgroups(inner, shell);
    const engine = await chooseEngine(inner, shell, cgroups, {
      directory,
      cgroupRoot,
      ...(options.program === undefined ? {} : { program: options.program }),
    });
    const status = (await world.disk.readText('/proc/self/status')) ?? '';
    const capabilities = capabilitiesOf(status, 'CapEff');
    const context: OciContext = {
      world: inner,
      images,
      network,
      engine,
      cgroups,
      shell,
      directory,
      cgroupRoot,
      logLimits: options.logLimits ?? logLimits,
      bootId: ((await world.disk.readText('/proc/sys/kernel/random/boot_id')) ?? '').trim(),
      // Lowering the score below our own takes CAP_SYS_RESOURCE.
      oomScoreMin: capabilities.has('SYS_RESOURCE')
        ? -1000
        : Number((await world.disk.readText('/proc/self/oom_score_adj')) ?? 0),
      capabilities,
      closing: false,
      sandboxes: new Map(),
      containers: new Map(),
      changed(sandboxId) {
        for (const listener of listeners) listener(sandboxId);
      },
    };
    await recover(context);
    return runtime(context, listeners, watchOrphans(context));
  } catch (error) {
    await shell[Symbol.asyncDispose]();
    throw error;
  }
}

function runtime(context: OciContext, listeners: Set<(sandboxId: string) => void>, orphans: Disposable): OciRuntime {
  const { world, engine } = context;
  /** Work on one sandbox or container happens one step after the other, whoever asks. */
  const lines = new Map<string, Promise<unknown>>();
  async function inLine<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = lines.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    const settled = mine.catch(() => {});
    lines.set(key, settled);
    try {
      return await mine;
    } finally {
      if (lines.get(key) === settled) lines.delete(key);
    }
  }

  const sandboxOf = (id: string): SandboxRecord => {
    const found = context.sandboxes.get(id);
    if (!found) throw new RuntimeError('NotFound', `an error occurred when try to find sandbox "${id}": not found`);
    return found;
  };
  const containerOf = (id: string): ContainerRecord => {
    const found = context.containers.get(id);
    if (!found) throw new RuntimeError('NotFound', `an error occurred when try to find container "${id}": not found`);
    return found;
  };
  const containersIn = (sandboxId: string): readonly ContainerRecord[] =>
    [...context.containers.values()].filter(({ file }) => file.sandboxId === sandboxId);

  async function stopSandbox(id: string): Promise<void> {
    const record = context.sandboxes.get(id);
    if (!record) return;
    await Promise.all(
      containersIn(id).map((container) => inLine(container.file.id, () => stopContainer(context, container, 0))),
    );
    const wasReady = record.file.state === 'ready';
    await releaseSandbox(context, record);
    if (wasReady) context.changed(id);
  }

  async function removeSandboxAndContainers(id: string): Promise<void> {
    await stopSandbox(id);
    await Promise.all(
      containersIn(id).map((container) => inLine(container.file.id, () => removeContainer(context, container))),
    );
    await removeSandbox(context, id);
  }

  async function statsOf(record: ContainerRecord): Promise<ContainerStats | undefined> {
    const usage = await context.cgroups.usage(containerCgroup(context, record));
    if (!usage) return undefined;
    const at = world.clock.now();
    if (!record.writable || at - record.writable.at > writableLayerCachedMs) {
      const { code, output } = await context.shell.run(
        `du -skx ${quote(`${containerDirectory(context, record.file.id)}/upper`)} 2>/dev/null`,
      );
      record.writable = { at, bytes: code === 0 ? Number.parseInt(output, 10) * 1024 : (record.writable?.bytes ?? 0) };
    }
    return {
      containerId: record.file.id,
      sandboxId: record.file.sandboxId,
      name: record.file.config.name,
      at,
      cpuNanos: usage.cpuNanos,
      memoryBytes: usage.memoryBytes,
      memoryWorkingSetBytes: usage.workingSetBytes,
      writableLayerBytes: record.writable.bytes,
    };
  }

  async function close(): Promise<void> {
    orphans[Symbol.dispose]();
    context.closing = true;
    await Promise.allSettled(lines.values());
    await Promise.allSettled([...context.containers.values()].map(async (record) => record.finishing && record.gone));
    for (const record of context.containers.values()) {
      await record.io?.[Symbol.asyncDispose]();
      await record.io?.log.end(false);
    }
    for (const record of context.sandboxes.values()) await record.dialer?.stop();
    await context.shell[Symbol.asyncDispose]();
  }

  return {
    info: { name: engine.kind, version: engine.version },
    images: runtimeImages(context.images),
    runSandbox: (config) => runSandbox(context, config),
    stopSandbox: (id) => inLine(id, () => stopSandbox(id)),
    removeSandbox: (id) => inLine(id, () => removeSandboxAndContainers(id)),
    async sandboxes() {
      return [...context.sandboxes.values()].filter(({ file }) => file.state !== 'making').map(sandboxView);
    },
    async createContainer(sandboxId, config) {
      const sandbox = sandboxOf(sandboxId);
      if (sandbox.file.state !== 'ready')
        throw new RuntimeError('CreateContainerError', `sandbox container "${sandboxId}" is not running`);
      return createContainer(context, sandbox, config);
    },
    async startContainer(id) {
      const record = containerOf(id);
      await inLine(id, () => startContainer(context, record));
      context.changed(record.file.sandboxId);
    },
    async stopContainer(id, graceMs) {
      // Not in line: a second stop with a shorter grace must not wait for the first.
      const record = context.containers.get(id);
      if (record) await stopContainer(context, record, graceMs);
    },
    async removeContainer(id) {
      const record = context.containers.get(id);
      if (record) await inLine(id, () => removeContainer(context, record));
    },
    async containers() {
      return [...context.containers.values()].map(containerView);
    },
    async updateResources(id, resources) {
      const record = containerOf(id);
      await inLine(id, async () => {
        const file = {
          ...record.file,
          config: { ...record.file.config, resources: { ...record.file.config.resources, ...resources } },
        };
        await updateLimits(context, record, resources);
        await world.disk.write(`${containerDirectory(context, id)}/container.json`, JSON.stringify(file), {
          mode: 0o600,
        });
        record.file = file;
      });
    },
    async updateSandboxResources(id, resources) {
      const record = sandboxOf(id);
      await inLine(id, () =>
        context.cgroups.update(podCgroup(context, record.file.config), {
          cpuQuotaMicros: -1,
          memoryLimitBytes: -1,
          ...resources,
        }),
      );
    },
    exec: async (id, options) => execInContainer(context, containerOf(id), options),
    attach: async (id, options) => attachToContainer(context, containerOf(id), options),
    async dial(sandboxId, port) {
      const sandbox = sandboxOf(sandboxId);
      if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new RangeError(`bad port ${port}`);
      if (sandbox.file.config.hostNetwork) return world.network.dialTcp({ host: '127.0.0.1', port });
      if (sandbox.file.state !== 'ready')
        throw new RuntimeError('NotFound', `sandbox container "${sandboxId}" is not running`);
      return sandboxDialer(context, sandbox).dial(port);
    },
    async reopenLog(id) {
      await containerOf(id).io?.log.reopen();
    },
    async stats() {
      const running = [...context.containers.values()].filter(({ state }) => state === 'running');
      const all = await Promise.all(running.map(statsOf));
      return all.filter((stats) => stats !== undefined);
    },
    onChange(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    async removeEverything() {
      await Promise.all([...context.sandboxes.keys()].map((id) => inLine(id, () => removeSandboxAndContainers(id))));
      await context.cgroups.remove(context.cgroupRoot);
      // The cluster's group goes with its last node.
      const slash = context.cgroupRoot.lastIndexOf('/');
      if (slash > 0) await context.cgroups.removeIfEmpty(context.cgroupRoot.slice(0, slash));
    },
    [Symbol.asyncDispose]: close,
  };
}
