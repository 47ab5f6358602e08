/**
 * Pod sandboxes: network, IPC and UTS namespaces kept alive by bind mounts of their files, a /dev/shm of their own, and the
 * pod's control group. No process holds them; only a shared PID namespace needs one, and that one sees nothing but this
 * machine's read-only programs. Every step can be taken back, also half-way and by a later process.
 */
import { type Sandbox, type SandboxConfig, RuntimeError } from '../container-runtime.ts';
import {
  newId,
  type OciContext,
  podCgroup,
  runtimeRoot,
  sandboxDirectory,
  type SandboxFile,
  type SandboxRecord,
} from './context.ts';
import { podDialer } from './dial.ts';
import { hostToolsSpec } from './engine.ts';
import { quote } from './helper-shell.ts';

const shmBytes = 64 * 1024 * 1024;
/** Unprivileged ping and low ports inside a pod's own network, as containerd 2 sets them. */
const networkDefaults: Readonly<Record<string, string>> = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
};
const sysctlPattern = /^[a-z0-9]([a-z0-9_-]*[a-z0-9])?([./][a-z0-9]([a-z0-9_*-]*[a-z0-9*])?)+$/i;

export async function runSandbox(context: OciContext, config: SandboxConfig): Promise<Sandbox> {
  const { world } = context;
  const id = newId(world);
  const directory = sandboxDirectory(context, id);
  const record: SandboxRecord = {
    file: { id, config, createdAt: world.clock.now(), state: 'making', ips: [], bootId: context.bootId },
  };
  await world.disk.makeDirectory(directory, { mode: 0o711 });
  context.sandboxes.set(id, record);
  try {
    await allOf(
      save(context, record.file),
      context.cgroups.create(podCgroup(context, config), config.cgroup.resources),
      makeNamespaces(context, id, config),
    );
    const holderPid =
      config.shareProcessNamespace && !config.hostPid ? await startHolder(context, id, config) : undefined;
    const { ips } = config.hostNetwork
      ? { ips: [] }
      : await context.network.attach(id, `${directory}/net`, attachRequest(config)).catch((error: unknown) => {
          throw new Error(`failed to setup network for sandbox "${id}": ${(error as Error).message}`, { cause: error });
        });
    record.file = { ...record.file, state: 'ready', ips, ...(holderPid === undefined ? {} : { holderPid }) };
    await save(context, record.file);
  } catch (error) {
    await removeSandbox(context, id).catch((failure: unknown) => {
      world.log.warn('cannot clean up after a failed sandbox', { sandbox: id, error: (failure as Error).message });
    });
    if (error instanceof RuntimeError) throw error;
    throw new RuntimeError('CreatePodSandboxError', `failed to create pod sandbox: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return sandboxView(record);
}

/** Fails with the first failure, but only when nothing is under way any more: cleaning up must not race with making. */
async function allOf(...work: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(work);
  await Promise.all(work);
}

export function sandboxView({ file }: SandboxRecord): Sandbox {
  const { id, config, createdAt, ips } = file;
  const state = file.state === 'ready' ? 'ready' : 'notReady';
  return { id, pod: config.pod, state, createdAt, ips, labels: config.labels, annotations: config.annotations };
}

/** Releases network, namespaces and the PID holder. The containers must have ended before. */
export async function releaseSandbox(context: OciContext, record: SandboxRecord): Promise<void> {
  const { file } = record;
  if (file.state === 'notReady') return;
  await record.dialer?.stop();
  delete record.dialer;
  if (!file.config.hostNetwork) await context.network.detach(file.id);
  if (file.config.shareProcessNamespace) await stopHolder(context, file);
  await releasePlaces(context, file.id);
  record.file = { ...file, state: 'notReady' };
  await save(context, record.file);
}

/** Unmounts what holds the namespaces of a sandbox, whatever is known about it. */
export async function releasePlaces(context: OciContext, id: string): Promise<void> {
  await context.shell.must(
    `cannot release the namespaces of sandbox ${id}`,
    `cd ${quote(sandboxDirectory(context, id))} || exit 0
for place in net ipc uts shm; do if mountpoint -q $place; then umount $place || umount -l $place || exit 1; fi; done`,
  );
}

/** Takes away what is left; idempotent, also for half-made ones. Containers must be removed before. */
export async function removeSandbox(context: OciContext, id: string): Promise<void> {
  const record = context.sandboxes.get(id);
  if (!record) return;
  await releaseSandbox(context, record);
  context.sandboxes.delete(id);
  const group = podCgroup(context, record.file.config);
  // The pod's next sandbox uses the same group.
  const shared = [...context.sandboxes.values()].some((other) => podCgroup(context, other.file.config) === group);
  if (!shared) await context.cgroups.remove(group);
  await context.world.disk.remove(sandboxDirectory(context, id), { recursive: true });
}

/** A stream to the pod's own loopback. */
export function sandboxDialer(context: OciContext, record: SandboxRecord): NonNullable<SandboxRecord['dialer']> {
  const directory = sandboxDirectory(context, record.file.id);
  const programPath = decodeURIComponent(new URL('./relay.mjs', import.meta.url).pathname);
  return (record.dialer ??= podDialer(context.world, { directory, netnsPath: `${directory}/net`, programPath }));
}

export function attachRequest(config: SandboxConfig): Parameters<OciContext['network']['attach']>[2] {
  const { pod, portMappings, annotations } = config;
  return { pod: { namespace: pod.namespace, name: pod.name, uid: pod.uid }, portMappings, annotations };
}

async function makeNamespaces(context: OciContext, id: string, config: SandboxConfig): Promise<void> {
  const flags = ['--uts=uts', ...(config.hostNetwork ? [] : ['--net=net']), ...(config.hostIpc ? [] : ['--ipc=ipc'])];
  const settings = { ...(config.hostNetwork ? {} : networkDefaults), ...config.sysctls };
  const inside = [
    `printf %s ${quote(config.hostname)} >/proc/sys/kernel/hostname`,
    ...(config.hostNetwork ? [] : ['ip link set lo up']),
    ...Object.entries(settings).map(([name, value]) => sysctlStep(name, value, networkDefaults[name] === value)),
  ];
  const script = [
    `cd ${quote(sandboxDirectory(context, id))}`,
    ': >net; : >uts; : >ipc',
    ...(config.hostIpc
      ? []
      : [`mkdir shm && mount -t tmpfs -o nosuid,nodev,noexec,mode=1777,size=${shmBytes} shm shm`]),
    `unshare ${flags.join(' ')} /bin/sh -c ${quote(inside.join(' && '))}`,
  ];
  await context.shell.must('cannot make namespaces', script.join(' && '));
}

function sysctlStep(name: string, value: string, optional: boolean): string {
  if (!sysctlPattern.test(name) || name.includes('..'))
    throw new RuntimeError('CreatePodSandboxError', `invalid sysctl "${name}"`);
  // Dots separate, slashes do too: an interface's name may have a dot itself.
  const path = name.includes('/') ? name : name.replaceAll('.', '/');
  const write = `printf %s ${quote(value)} >/proc/sys/${path}`;
  return optional ? `{ ${write} 2>/dev/null || :; }` : write;
}

/** The first process of a shared PID namespace: it adopts orphans and does nothing else. */
async function startHolder(context: OciContext, id: string, config: SandboxConfig): Promise<number> {
  const { world, engine } = context;
  const bundle = `${sandboxDirectory(context, id)}/holder`;
  await world.disk.makeDirectory(`${bundle}/rootfs`);
  const loop = 'trap "exit 0" TERM; while :; do sleep 2147483647 & wait; done';
  await world.disk.write(
    `${bundle}/config.json`,
    JSON.stringify(hostToolsSpec(['/bin/sh', '-c', loop], `${podCgroup(context, config)}/holder`)),
  );
  const result = await context.shell.run(
    `${quote(engine.path)} --root ${quote(runtimeRoot(context))} run --detach --bundle ${quote(bundle)} --pid-file ${quote(`${bundle}/pid`)} ${holderId(id)} >/dev/null`,
  );
  const pid = Number(await world.disk.readText(`${bundle}/pid`));
  if (result.code !== 0 || !Number.isInteger(pid) || pid < 2)
    throw new Error(`cannot share a process namespace: ${result.output.trim()}`);
  return pid;
}

async function stopHolder(context: OciContext, file: SandboxFile): Promise<void> {
  const group = `${podCgroup(context, file.config)}/holder`;
  await context.cgroups.killAll(group);
  await context.cgroups.remove(group);
  await context.world.disk.remove(`${runtimeRoot(context)}/${holderId(file.id)}`, { recursive: true });
}

function holderId(sandboxId: string): string {
  return `holder-${sandboxId}`;
}

async function save(context: OciContext, file: SandboxFile): Promise<void> {
  await context.world.disk.write(`${sandboxDirectory(context, file.id)}/sandbox.json`, JSON.stringify(file), {
    mode: 0o600,
  });
}
