/**
 * The OCI runtime configuration (config.json, https://github.com/opencontainers/runtime-spec) of a container: a pure
 * function of what the kubelet asked for, the image and the sandbox. What is not asked for is what containerd's CRI plugin
 * would choose.
 */
import {
  type ContainerConfig,
  type ContainerResources,
  RuntimeError,
  type SandboxConfig,
} from '../container-runtime.ts';
import { defaultSeccomp } from './seccomp.ts';
import type { ProcessUser } from './users.ts';

export interface SpecInput {
  readonly config: ContainerConfig;
  readonly sandbox: SandboxConfig;
  readonly image: {
    readonly entrypoint: readonly string[];
    readonly command: readonly string[];
    readonly environment: readonly string[];
    readonly workingDirectory: string;
  };
  readonly user: ProcessUser;
  readonly capabilities: readonly string[];
  /** Files that hold the sandbox's namespaces; absent: the host's. */
  readonly namespaces: {
    readonly network?: string;
    readonly ipc?: string;
    readonly uts?: string;
    readonly pid?: string;
  };
  readonly shmPath: string;
  readonly cgroupPath: string;
  readonly cgroupLayout: 'v1' | 'hybrid' | 'v2';
  /** The lowest oom_score_adj that we may set (CAP_SYS_RESOURCE may be missing). */
  readonly oomScoreMin: number;
  /** Device nodes of this machine for privileged containers. */
  readonly hostDevices: readonly string[];
  readonly arch: string;
}

const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** The whole config.json. Throws RuntimeError('CreateContainerError') where the wishes contradict. */
export function containerSpec(input: SpecInput): Record<string, unknown> {
  const { config, sandbox } = input;
  const { privileged } = config.security;
  const unmasked = privileged || config.security.procMount === 'Unmasked';
  const seccomp =
    privileged || config.security.seccomp === 'Unconfined' ? undefined : defaultSeccomp(input.capabilities, input.arch);
  return {
    ociVersion: '1.0.2',
    hostname: sandbox.hostname,
    process: containerProcess(input, commandOf(input)),
    root: { path: 'rootfs', readonly: config.security.readOnlyRootFilesystem },
    mounts: mounts(input),
    annotations: {
      'io.kubernetes.cri.container-name': config.name,
      'io.kubernetes.cri.sandbox-name': sandbox.pod.name,
      'io.kubernetes.cri.sandbox-namespace': sandbox.pod.namespace,
    },
    linux: {
      namespaces: namespaces(input),
      cgroupsPath: `/${input.cgroupPath}`,
      resources: {
        ...resources(config.resources, input.cgroupLayout),
        devices: [privileged ? { allow: true, access: 'rwm' } : { allow: false, access: 'rwm' }],
      },
      rootfsPropagation: config.mounts.some((mount) => mount.propagation === 'rshared')
        ? 'rshared'
        : config.mounts.some((mount) => mount.propagation === 'rslave')
          ? 'rslave'
          : 'rprivate',
      ...(unmasked ? {} : { maskedPaths, readonlyPaths }),
      ...(seccomp === undefined ? {} : { seccomp }),
    },
  };
}

/** The process part, also for exec (`runc exec --process`). */
export function containerProcess(
  input: SpecInput,
  args: readonly string[],
  options: { terminal?: boolean } = {},
): Record<string, unknown> {
  const { config, user } = input;
  const terminal = options.terminal ?? config.tty;
  return {
    terminal,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args,
    env: environment(input, terminal),
    cwd: config.workingDirectory || input.image.workingDirectory || '/',
    capabilities: {
      bounding: input.capabilities,
      effective: input.capabilities,
      permitted: input.capabilities,
      inheritable: [],
    },
    noNewPrivileges: config.security.noNewPrivileges,
    ...(config.resources.oomScoreAdjust === undefined
      ? {}
      : { oomScoreAdj: Math.max(input.oomScoreMin, config.resources.oomScoreAdjust) }),
  };
}

/** CRI's rules: command replaces the image's entrypoint and command, args replace the command only. */
function commandOf({ config, image }: SpecInput): readonly string[] {
  const command = config.command ?? [];
  const args = config.args ?? [];
  const entrypoint = command.length > 0 ? command : image.entrypoint;
  const rest = args.length > 0 ? args : command.length > 0 ? [] : image.command;
  const all = [...entrypoint, ...rest];
  if (all.length === 0)
    throw new RuntimeError('CreateContainerError', 'failed to generate container spec: no command specified');
  return all;
}

/** The image's variables, then the pod's; the last of one name wins, as exec would not have it otherwise. */
function environment({ config, sandbox, image }: SpecInput, terminal: boolean): readonly string[] {
  const variables = new Map<string, string>([['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']]);
  if (terminal) variables.set('TERM', 'xterm');
  variables.set('HOSTNAME', sandbox.hostname);
  for (const entry of image.environment)
    variables.set(entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1));
  for (const { name, value } of config.environment) variables.set(name, value);
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

function namespaces({
  namespaces: paths,
  sandbox,
  cgroupLayout,
  config,
}: SpecInput): readonly { type: string; path?: string }[] {
  const list: { type: string; path?: string }[] = [{ type: 'mount' }];
  for (const type of ['network', 'ipc', 'uts'] as const) {
    const path = paths[type];
    if (path !== undefined) list.push({ type, path });
  }
  if (paths.pid !== undefined) list.push({ type: 'pid', path: paths.pid });
  else if (!sandbox.hostPid) list.push({ type: 'pid' });
  // As containerd and CRI-O: with one hierarchy a container sees its own group as the root, and its limits where programs look for them.
  if (cgroupLayout === 'v2' && !config.security.privileged) list.push({ type: 'cgroup' });
  return list;
}

function mounts(input: SpecInput): readonly Record<string, unknown>[] {
  const { config } = input;
  const { privileged } = config.security;
  const access = privileged ? 'rw' : 'ro';
  const list: Record<string, unknown>[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', access] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'relatime', access],
    },
    {
      destination: '/dev/shm',
      type: 'bind',
      source: input.shmPath,
      options: ['rbind', 'nosuid', 'noexec', 'nodev', 'rw'],
    },
  ];
  if (privileged) {
    for (const device of input.hostDevices)
      list.push({ destination: device, type: 'bind', source: device, options: ['bind', 'rw', 'nosuid'] });
  }
  // Parents before what is mounted inside of them.
  const own = config.mounts.toSorted((a, b) => a.containerPath.split('/').length - b.containerPath.split('/').length);
  for (const mount of own) {
    const destination = mount.containerPath.startsWith('/') ? mount.containerPath : `/${mount.containerPath}`;
    if (destination.split('/').includes('..') || destination.replace(/\/+$/, '') === '') {
      throw new RuntimeError(
        'CreateContainerError',
        `failed to generate container spec: invalid mount path ${JSON.stringify(mount.containerPath)}`,
      );
    }
    // A mount of the pod's replaces a default one (a hostPath on /dev/shm, on /sys …).
    const clash = list.findIndex((entry) => entry['destination'] === destination.replace(/\/+$/, ''));
    if (clash >= 0) list.splice(clash, 1);
    list.push({
      destination,
      type: 'bind',
      source: mount.hostPath,
      options: [
        'rbind',
        mount.readOnly ? 'ro' : 'rw',
        mount.propagation === 'private' ? 'rprivate' : mount.propagation,
      ],
    });
  }
  return list;
}

function resources(wanted: ContainerResources, layout: SpecInput['cgroupLayout']): Record<string, unknown> {
  const { cpuShares, cpuQuotaMicros, cpuPeriodMicros, memoryLimitBytes, pidsLimit } = wanted;
  const limit = memoryLimitBytes !== undefined && memoryLimitBytes > 0 ? memoryLimitBytes : undefined;
  return {
    ...(limit === undefined
      ? {}
      : // On v2, memory and swap together: the same number means no swap. v1 without swap accounting refuses it.
        { memory: { limit, ...(layout === 'v2' ? { swap: limit } : {}) } }),
    cpu: {
      ...(cpuShares === undefined ? {} : { shares: Math.max(2, cpuShares) }),
      ...(cpuQuotaMicros === undefined ? {} : { quota: cpuQuotaMicros, period: cpuPeriodMicros ?? 100_000 }),
    },
    ...(pidsLimit === undefined || pidsLimit <= 0 ? {} : { pids: { limit: pidsLimit } }),
    // The kernel kills a container as a whole, not one of its processes (upstream's default on v2).
    ...(layout === 'v2' && limit !== undefined ? { unified: { 'memory.oom.group': '1' } } : {}),
  };
}
