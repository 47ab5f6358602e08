/**
 * One container's life: prepared (overlay root, config.json), started under its monitor, watched, stopped, removed. What is
 * on disk always tells a later process what to do next; memory only makes it fast.
 */
import type { Millis } from '#world/world.ts';
import { type Container, type ContainerConfig, type ContainerResources, RuntimeError } from '../container-runtime.ts';
import { containerCapabilities } from './capabilities.ts';
import { openContainerIo } from './container-io.ts';
import { openContainerLog } from './container-log.ts';
import {
  containerCgroup,
  containerDirectory,
  type ContainerFile,
  type ContainerRecord,
  type ContainerResult,
  newId,
  type OciContext,
  runtimeRoot,
  sandboxDirectory,
  type SandboxRecord,
} from './context.ts';
import { quote } from './helper-shell.ts';
import { endMark, lastError, monitorScript, parseExit, startFailure } from './monitor.ts';
import { hostDevices } from './host-devices.ts';
import { containerSpec, type SpecInput } from './spec.ts';
import { resolveUser } from './users.ts';

const startWithinMs: Millis = 60_000;
/** Neither runtime is faster than the first wait (crun 6 ms, runc 15 ms); after that every millisecond counts. */
const startFirstPollMs: Millis = 5;
const startPollMs: Millis = 1;
const goneWithinMs: Millis = 15_000;
const mountOptionsBytesMax = 4000; // one page, less the kernel's own part

export async function createContainer(
  context: OciContext,
  sandbox: SandboxRecord,
  config: ContainerConfig,
): Promise<string> {
  const { world } = context;
  const id = newId(world);
  const directory = containerDirectory(context, id);
  try {
    // The directory comes first: whatever follows is found and undone after a crash.
    await Promise.all(
      ['rootfs', 'upper', 'work'].map((name) =>
        world.disk.makeDirectory(`${directory}/${name}`, { mode: name === 'upper' ? 0o755 : 0o711 }),
      ),
    );
    const held = await context.images.hold(config.imageId, id);
    await mountRoot(context, directory, held.layers);
    const user = await resolveUser(world, `${directory}/rootfs`, held.config.user, config.security);
    const { entrypoint, command, environment, workingDirectory, stopSignal } = held.config;
    const file: ContainerFile = {
      id,
      sandboxId: sandbox.file.id,
      config,
      createdAt: world.clock.now(),
      bootId: context.bootId,
      nonce: Buffer.from(world.random.bytes(16)).toString('hex'),
      user,
      stopSignal,
      image: { entrypoint, command, environment, workingDirectory },
    };
    const spec = containerSpec(await specInput(context, sandbox, file));
    // Both are read by a process of this boot only: no need to wait for the disk, so `append` to fresh files.
    await world.disk.append(`${directory}/config.json`, JSON.stringify(spec));
    await world.disk.chmod(`${directory}/config.json`, 0o600);
    await world.disk.write(`${directory}/container.json`, JSON.stringify(file), { mode: 0o600 });
    context.containers.set(id, { file, state: 'created' });
    return id;
  } catch (error) {
    await discard(context, id).catch((failure: unknown) => {
      world.log.warn('cannot clean up after a failed container', { container: id, error: (failure as Error).message });
    });
    if (error instanceof RuntimeError) throw error;
    throw new RuntimeError('CreateContainerError', `failed to create container: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

export async function specInput(context: OciContext, sandbox: SandboxRecord, file: ContainerFile): Promise<SpecInput> {
  const { config: pod } = sandbox.file;
  const places = sandboxDirectory(context, sandbox.file.id);
  const { granted, refused } = grantedCapabilities(context, file.config);
  if (refused.length > 0)
    context.world.log.warn('capabilities that this machine does not have are left out', {
      container: file.config.name,
      capabilities: refused,
    });
  const group = containerCgroup(context, { file });
  return {
    config: file.config,
    sandbox: pod,
    image: file.image,
    user: file.user,
    capabilities: granted,
    namespaces: {
      ...(pod.hostNetwork ? {} : { network: `${places}/net` }),
      ...(pod.hostIpc ? {} : { ipc: `${places}/ipc` }),
      uts: `${places}/uts`,
      ...(sandbox.file.holderPid === undefined ? {} : { pid: `/proc/${sandbox.file.holderPid}/ns/pid` }),
    },
    shmPath: pod.hostIpc ? '/dev/shm' : `${places}/shm`,
    // An engine that removes its group at the end gets one inside of ours, so that the accounts can still be read.
    cgroupPath: context.engine.keeps ? group : `${group}/container`,
    cgroupLayout: context.cgroups.layout,
    oomScoreMin: context.oomScoreMin,
    hostDevices: file.config.security.privileged ? await hostDevices(context.world) : [],
    arch: context.world.processes.self.arch,
  };
}

function grantedCapabilities(context: OciContext, config: ContainerConfig): ReturnType<typeof containerCapabilities> {
  try {
    return containerCapabilities(config.security, context.capabilities);
  } catch (error) {
    throw new RuntimeError('CreateContainerError', `failed to generate container spec: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function mountRoot(context: OciContext, directory: string, layers: readonly string[]): Promise<void> {
  const store = `${context.images.directory}/layers`;
  const lower =
    layers.length === 0
      ? [`${context.directory}/empty`]
      : layers.map((layer) => (layer.startsWith(`${store}/`) ? layer.slice(store.length + 1) : layer));
  const flags = `lowerdir=${lower.join(':')},upperdir=${directory}/upper,workdir=${directory}/work${context.engine.volatileOverlay ? ',volatile' : ''}`;
  if (flags.length > mountOptionsBytesMax)
    throw new Error(`the image has too many layers (${layers.length}) for one overlay mount`);
  await context.shell.must(
    'cannot mount the root filesystem',
    `cd ${quote(store)} && mount -t overlay -o ${quote(flags)} overlay ${quote(`${directory}/rootfs`)} && cd ${quote(directory)} && mkfifo -m 600 stdin stdout stderr`,
  );
}

/** Starts it and waits until its program runs. */
export async function startContainer(context: OciContext, record: ContainerRecord): Promise<void> {
  const { world } = context;
  const { file } = record;
  if (record.state !== 'created')
    throw new RuntimeError('RunContainerError', `container ${file.id} is in ${record.state} state, not created`);
  record.state = 'starting';
  const directory = containerDirectory(context, file.id);
  try {
    // Where the engine removes its group at the end, this one stays and keeps the accounts.
    if (!context.engine.keeps)
      await context.cgroups.create(containerCgroup(context, record), accountLimits(context, file.config.resources), {
        oomGroup: true,
      });
    record.io = await openIo(context, file);
    await context.shell.must(
      'cannot start the monitor',
      monitorScript({
        engine: context.engine,
        directory,
        runtimeRoot: runtimeRoot(context),
        id: file.id,
        tty: file.config.tty,
        stdin: file.config.stdin,
        endMark: endMark(file.nonce),
      }),
    );
    const failure = await untilStarted(context, record);
    if (failure !== undefined) {
      await record.io.ended;
      await finish(context, record, {
        exitCode: 128,
        finishedAt: world.clock.now(),
        reason: 'StartError',
        message: failure,
      });
      throw new RuntimeError('RunContainerError', failure);
    }
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    await finish(context, record, {
      exitCode: 128,
      finishedAt: world.clock.now(),
      reason: 'StartError',
      message: (error as Error).message,
    });
    throw new RuntimeError('RunContainerError', `failed to start container: ${(error as Error).message}`, {
      cause: error,
    });
  }
  watch(context, record);
}

/**
 * Limits of the group above the engine's, which stays and keeps the accounts. The engine's own has the same ones, for
 * programs that read them; on v1 ours is a page smaller, so that it is the one that is hit and counts it.
 */
function accountLimits(context: OciContext, resources: ContainerResources): ContainerResources {
  const { memoryLimitBytes } = resources;
  if (context.cgroups.layout === 'v2' || memoryLimitBytes === undefined || memoryLimitBytes <= 0) return resources;
  return { ...resources, memoryLimitBytes: memoryLimitBytes - 4096 };
}

/** Changes the limits of a container that exists. */
export async function updateLimits(
  context: OciContext,
  record: ContainerRecord,
  resources: ContainerResources,
): Promise<void> {
  const group = containerCgroup(context, record);
  if (context.engine.keeps) return context.cgroups.update(group, resources);
  await context.cgroups.update(group, accountLimits(context, resources));
  await context.cgroups.update(`${group}/container`, resources);
}

export async function openIo(context: OciContext, file: ContainerFile): ReturnType<typeof openContainerIo> {
  const log = await openContainerLog(context.world, file.config.logPath, context.logLimits);
  return openContainerIo(context.world, {
    directory: containerDirectory(context, file.id),
    tty: file.config.tty,
    endMark: endMark(file.nonce),
    log,
  });
}

/** Undefined when the container's program runs (or has run already), else why it could not. */
async function untilStarted(context: OciContext, record: ContainerRecord): Promise<string | undefined> {
  const { world, engine } = context;
  const directory = containerDirectory(context, record.file.id);
  const deadline = world.clock.monotonic() + startWithinMs;
  await world.clock.sleep(startFirstPollMs);
  for (;;) {
    // In the reverse order of their writing: a program that ends at once must not seem never to have begun.
    const exit = parseExit(await world.disk.readText(`${directory}/exit`));
    const pid = Number((await world.disk.readText(`${directory}/pid`)) || Number.NaN);
    const ended = exit !== undefined;
    if (ended) {
      const complaint = lastError(await world.disk.readText(`${directory}/log.json`));
      // runc writes the pid file after the program has started; crun before, and then a complaint decides.
      if (!Number.isInteger(pid) || (engine.kind === 'crun' && complaint !== undefined)) {
        return startFailure(engine, complaint ?? `${engine.kind} ended with ${exit}`);
      }
    }
    if (Number.isInteger(pid) && (ended || (await runsOwnProgram(context, pid)))) {
      record.pid = pid;
      record.startedAt = (await world.disk.stat(`${directory}/pid`))?.modifiedAt ?? world.clock.now();
      record.state = 'running';
      return undefined;
    }
    if (world.clock.monotonic() > deadline)
      return startFailure(engine, `no answer within ${startWithinMs} ms: context deadline exceeded`);
    await world.clock.sleep(startPollMs);
  }
}

/** crun writes the pid before it becomes the container's program. */
async function runsOwnProgram({ world, engine }: OciContext, pid: number): Promise<boolean> {
  if (engine.kind !== 'crun') return true;
  const program = await world.disk.readLink(`/proc/${pid}/exe`);
  return program === undefined || !/crun/.test(program.slice(program.lastIndexOf('/') + 1));
}

/** From now on its end is noticed. */
export function watch(context: OciContext, record: ContainerRecord): void {
  const { io } = record;
  if (!io) return;
  record.gone = io.ended.then(async () => {
    if (context.closing) return;
    record.finishing = true;
    const directory = containerDirectory(context, record.file.id);
    const exitCode = parseExit(await context.world.disk.readText(`${directory}/exit`));
    if (exitCode === undefined) {
      await finish(context, record, {
        exitCode: 255,
        finishedAt: context.world.clock.now(),
        reason: 'Unknown',
        message: 'the exit code is lost: the process that watched the container ended before it',
      });
      return;
    }
    const killedForMemory = await ranOutOfMemory(context, record, exitCode);
    const complaint =
      context.engine.kind === 'crun' && exitCode !== 0
        ? lastError(await context.world.disk.readText(`${directory}/log.json`))
        : undefined;
    await finish(context, record, {
      exitCode,
      finishedAt: (await context.world.disk.stat(`${directory}/exit`))?.modifiedAt ?? context.world.clock.now(),
      reason: killedForMemory ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error',
      message: complaint ?? '',
    });
  });
  record.gone.catch((error: unknown) => {
    context.world.log.error('cannot finish a container', {
      container: record.file.id,
      error: (error as Error).message,
    });
  });
}

async function ranOutOfMemory(context: OciContext, record: ContainerRecord, exitCode: number): Promise<boolean> {
  const { cgroups, engine } = context;
  const group = containerCgroup(context, record);
  if ((await cgroups.oomKills(group)) > 0) return true;
  // v1 counts kills in the killed process' own group, which an engine without --keep has removed by now.
  const uncounted = !engine.keeps && cgroups.layout !== 'v2' && exitCode === 137 && !record.killed;
  return uncounted && (await cgroups.memoryRefusals(group)) > 0;
}

/** Writes down how it ended, tells everybody, and clears away processes, group and runtime state. */
export async function finish(context: OciContext, record: ContainerRecord, result: ContainerResult): Promise<void> {
  const { world } = context;
  const { id, sandboxId } = record.file;
  const full = { ...(record.startedAt === undefined ? {} : { startedAt: record.startedAt }), ...result };
  await record.io?.log.end(true);
  await world.disk.write(`${containerDirectory(context, id)}/result.json`, JSON.stringify(full), { mode: 0o600 });
  record.result = full;
  record.state = 'exited';
  context.changed(sandboxId);
  await record.io?.[Symbol.asyncDispose]();
  delete record.io;
  await clear(context, record.file);
}

/** Ends what still belongs to a container that has exited: leftover processes, monitor, group, the engine's state. */
export async function clear(context: OciContext, file: ContainerFile): Promise<void> {
  const group = containerCgroup(context, { file });
  await context.cgroups.killAll(group);
  await killMonitor(context, file.id);
  await context.cgroups.remove(group);
  await context.world.disk.remove(`${runtimeRoot(context)}/${file.id}`, { recursive: true });
}

/** The monitor and its helpers, recognised by the directory they stand in (a process id alone may be somebody else's). */
async function killMonitor(context: OciContext, id: string): Promise<void> {
  const directory = containerDirectory(context, id);
  for (const name of ['monitor', 'holder']) {
    const pid = Number((await context.world.disk.readText(`${directory}/${name}`)) || Number.NaN);
    if (await standsIn(context, pid, directory)) context.world.processes.kill(pid, 'SIGKILL');
  }
}

export async function standsIn({ world }: OciContext, pid: number, directory: string): Promise<boolean> {
  if (!Number.isInteger(pid) || pid < 2) return false;
  const cwd = await world.disk.readLink(`/proc/${pid}/cwd`).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ESRCH' || error.code === 'EINVAL') return undefined;
    throw error;
  });
  return cwd === directory;
}

/** Whether the container's first process is alive, and really it. */
export async function isAlive(context: OciContext, record: ContainerRecord): Promise<boolean> {
  if (record.pid === undefined) return false;
  const groups = await context.world.disk
    .readText(`/proc/${record.pid}/cgroup`)
    .catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ESRCH') return undefined;
      throw error;
    });
  return groups?.includes(record.file.id) ?? false;
}

/** The stop signal, then SIGKILL to everything after the grace; resolves when it is gone. */
export async function stopContainer(context: OciContext, record: ContainerRecord, graceMs: Millis): Promise<void> {
  const { world } = context;
  if (record.state === 'created' || record.state === 'exited') {
    await record.gone;
    return;
  }
  const ended = (): boolean => record.result !== undefined;
  if (graceMs > 0 && record.pid !== undefined && (await isAlive(context, record))) {
    await sendSignal(context, record.pid, record.file.stopSignal || 'SIGTERM');
    const timer = new AbortController();
    await Promise.race([record.gone, world.clock.sleep(graceMs, { signal: timer.signal }).catch(() => {})]);
    timer.abort();
  }
  if (!ended()) {
    record.killed = true;
    await context.cgroups.killAll(containerCgroup(context, record));
  }
  const timer = new AbortController();
  const late = world.clock.sleep(goneWithinMs, { signal: timer.signal }).then(
    () => true,
    () => false,
  );
  const isLate = await Promise.race([record.gone, late]);
  timer.abort();
  if (isLate === true && !ended()) {
    // Its monitor is stuck or gone: the processes are dead, so say so ourselves.
    await record.io?.giveUp();
    await record.gone;
    if (!ended())
      throw new RuntimeError('KillContainerError', `container ${record.file.id} does not end after SIGKILL`);
  }
}

async function sendSignal(context: OciContext, pid: number, signal: string): Promise<void> {
  const name = /^\d+$/.test(signal)
    ? signal
    : signal.toUpperCase().startsWith('SIG')
      ? signal.toUpperCase()
      : `SIG${signal.toUpperCase()}`;
  if (/^SIG[A-Z]+[12]?$/.test(name) && !name.startsWith('SIGRT')) {
    try {
      context.world.processes.kill(pid, name);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_UNKNOWN_SIGNAL') throw error;
    }
  }
  const { code } = await context.shell.run(`kill -${quote(name.replace(/^SIG/, ''))} ${pid}`);
  if (code !== 0) {
    context.world.log.warn('unknown stop signal, sending SIGTERM', { signal });
    context.world.processes.kill(pid, 'SIGTERM');
  }
}

/** Unmounts, forgets and deletes; the container must have ended. */
export async function removeContainer(context: OciContext, record: ContainerRecord): Promise<void> {
  const { id, sandboxId } = record.file;
  await stopContainer(context, record, 0);
  await record.gone;
  await record.io?.[Symbol.asyncDispose]();
  await discard(context, id);
  context.containers.delete(id);
  context.changed(sandboxId);
}

/** Everything of a container on disk, in any state of completion. */
export async function discard(context: OciContext, id: string): Promise<void> {
  const directory = containerDirectory(context, id);
  const root = `${directory}/rootfs`;
  await context.shell.must(
    `cannot unmount the root of container ${id}`,
    `if mountpoint -q ${quote(root)}; then umount ${quote(root)} 2>/dev/null || umount -l ${quote(root)} || exit 1; fi
rm -rf ${quote(directory)}`,
  );
  await context.images.release(id);
}

export function containerView({ file, state, startedAt, result }: ContainerRecord): Container {
  const { id, sandboxId, config, createdAt } = file;
  return {
    id,
    sandboxId,
    name: config.name,
    attempt: config.attempt,
    state: state === 'starting' ? 'created' : state,
    createdAt,
    ...(result?.startedAt !== undefined
      ? { startedAt: result.startedAt }
      : startedAt !== undefined
        ? { startedAt }
        : {}),
    ...(result
      ? { finishedAt: result.finishedAt, exitCode: result.exitCode, reason: result.reason, message: result.message }
      : {}),
    resources: config.resources,
    imageId: config.imageId,
    imageReference: config.imageReference,
    logPath: config.logPath,
    labels: config.labels,
    annotations: config.annotations,
  };
}
