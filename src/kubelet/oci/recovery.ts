/**
 * What a new process finds: sandboxes and containers of the one before it. Running ones are adopted with their output,
 * those that ended meanwhile are finished, half-made ones are taken back, and after a reboot everything counts as ended.
 */
import { attachRequest, releasePlaces, releaseSandbox, removeSandbox } from './sandbox.ts';
import { clear, discard, finish, isAlive, openIo, standsIn, watch } from './container.ts';
import {
  containerDirectory,
  type ContainerFile,
  type ContainerRecord,
  type ContainerResult,
  type OciContext,
  sandboxDirectory,
  type SandboxFile,
} from './context.ts';
import { parseExit } from './monitor.ts';

const orphanPollMs = 2000;

export async function recover(context: OciContext): Promise<void> {
  const { world } = context;
  for (const { name } of (await world.disk.list(context.directory)) ?? []) {
    if (name.startsWith('k8ts-self-test-') || name === 'overlay-test')
      await world.disk.remove(`${context.directory}/${name}`, { recursive: true });
  }
  for (const { name } of (await world.disk.list(`${context.directory}/sandboxes`)) ?? []) {
    const file = await readJson<SandboxFile>(context, `${sandboxDirectory(context, name)}/sandbox.json`);
    if (file) context.sandboxes.set(name, { file });
    else {
      await context.network.detach(name);
      await releasePlaces(context, name);
      await world.disk.remove(sandboxDirectory(context, name), { recursive: true });
    }
  }
  for (const { name } of (await world.disk.list(`${context.directory}/containers`)) ?? []) {
    await recoverContainer(context, name).catch((error: unknown) => {
      world.log.error('cannot recover a container', { container: name, error: (error as Error).message });
    });
  }
  for (const record of context.sandboxes.values()) await recoverSandbox(context, record.file.id);
}

async function recoverSandbox(context: OciContext, id: string): Promise<void> {
  const record = context.sandboxes.get(id);
  if (!record) return;
  const { file } = record;
  const { world, network } = context;
  try {
    if (file.state === 'making') {
      world.log.info('taking back a half-made sandbox', { sandbox: id });
      await removeSandbox(context, id);
    } else if (file.state === 'ready' && file.bootId !== context.bootId) await releaseSandbox(context, record);
    else if (file.state === 'ready') {
      const mounted = await context.shell.run(`mountpoint -q ${sandboxDirectory(context, id)}/uts`);
      if (mounted.code !== 0) {
        world.log.warn('the namespaces of a sandbox are gone', { sandbox: id, pod: file.config.pod.name });
        await releaseSandbox(context, record);
      } else if (!file.config.hostNetwork) {
        await network.restore?.(id, `${sandboxDirectory(context, id)}/net`, {
          ...attachRequest(file.config),
          ips: file.ips,
        });
      }
    }
  } catch (error) {
    world.log.error('cannot recover a sandbox', { sandbox: id, error: (error as Error).message });
  }
}

async function recoverContainer(context: OciContext, id: string): Promise<void> {
  const { world } = context;
  const directory = containerDirectory(context, id);
  const file = await readJson<ContainerFile>(context, `${directory}/container.json`);
  if (!file || !context.sandboxes.has(file.sandboxId)) {
    world.log.info('taking back a half-made container', { container: id });
    if (file) await clear(context, file);
    return discard(context, id);
  }
  const record: ContainerRecord = { file, state: 'created' };
  context.containers.set(id, record);
  const result = await readJson<ContainerResult>(context, `${directory}/result.json`);
  if (result) {
    record.result = result;
    record.state = 'exited';
    // The one before may have died between writing this and clearing away.
    if (await world.disk.stat(`${context.directory}/run/${id}`)) await clear(context, file);
    return;
  }
  const monitor = Number((await world.disk.readText(`${directory}/monitor`)) || Number.NaN);
  const neverStarted = Number.isNaN(monitor);
  if (neverStarted && file.bootId === context.bootId) return;
  const pid = Number((await world.disk.readText(`${directory}/pid`)) || Number.NaN);
  if (Number.isInteger(pid)) {
    record.pid = pid;
    record.startedAt = (await world.disk.stat(`${directory}/pid`))?.modifiedAt ?? file.createdAt;
  }
  const lost: ContainerResult = {
    exitCode: 255,
    finishedAt: world.clock.now(),
    reason: 'Unknown',
    message: 'the container ended while nobody watched',
  };
  if (file.bootId !== context.bootId) return finish(context, record, { ...lost, message: 'the machine was restarted' });
  record.state = 'running';
  if (await standsIn(context, monitor, directory)) {
    // Alive, or ended with its last words still in the pipes: the end mark will tell.
    record.io = await openIo(context, file);
    watch(context, record);
    return;
  }
  if (parseExit(await world.disk.readText(`${directory}/exit`)) === undefined && (await isAlive(context, record))) {
    world.log.warn('a container lost the process that watches it; its exit code will be unknown', {
      container: file.config.name,
    });
    record.io = await openIo(context, file);
    watch(context, record);
    return;
  }
  record.io = await openIo(context, file);
  watch(context, record);
  await record.io.giveUp();
  await record.gone;
}

/** Containers whose monitor was killed cannot tell their end themselves: look after them now and then. */
export function watchOrphans(context: OciContext): Disposable {
  const { world } = context;
  const stop = new AbortController();
  const loop = async (): Promise<void> => {
    for (;;) {
      await world.clock.sleep(orphanPollMs, { signal: stop.signal });
      for (const record of context.containers.values()) {
        if (record.state !== 'running' || !record.io) continue;
        const directory = containerDirectory(context, record.file.id);
        const monitor = Number((await world.disk.readText(`${directory}/monitor`)) || Number.NaN);
        if ((await standsIn(context, monitor, directory)) || (await isAlive(context, record))) continue;
        await record.io?.giveUp();
      }
    }
  };
  loop().catch((error: unknown) => {
    if (!stop.signal.aborted) world.log.error('the watch over containers stopped', { error: (error as Error).message });
  });
  return { [Symbol.dispose]: () => stop.abort() };
}

/** Undefined for a missing or torn file: whatever it described was not finished. */
async function readJson<T>(context: OciContext, path: string): Promise<T | undefined> {
  const text = await context.world.disk.readText(path);
  if (text === undefined || text === '') return undefined;
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    context.world.log.warn('a state file is damaged', { path, error: (error as Error).message });
    return undefined;
  }
}
