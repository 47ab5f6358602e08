import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerConfig, ContainerSecurity } from '../container-runtime.ts';
import { capabilitiesOf, capabilityNames, containerCapabilities } from './capabilities.ts';
import { execFailure, lastError, parseExit, startFailure } from './monitor.ts';
import { containerSpec, type SpecInput } from './spec.ts';

const security: ContainerSecurity = {
  privileged: false,
  readOnlyRootFilesystem: false,
  noNewPrivileges: true,
  supplementalGroups: [],
  addCapabilities: [],
  dropCapabilities: [],
  seccomp: 'RuntimeDefault',
  procMount: 'Default',
};

function input(config: Partial<ContainerConfig> = {}, rest: Partial<SpecInput> = {}): SpecInput {
  return {
    config: {
      name: 'c',
      attempt: 0,
      imageId: 'sha256:x',
      imageReference: 'x',
      environment: [],
      mounts: [],
      stdin: false,
      stdinOnce: false,
      tty: false,
      logPath: '/log',
      resources: {},
      security,
      labels: {},
      annotations: {},
      ...config,
    },
    sandbox: {
      pod: { uid: 'u', name: 'p', namespace: 'n', attempt: 0 },
      hostname: 'host',
      hostNetwork: false,
      hostPid: false,
      hostIpc: false,
      shareProcessNamespace: false,
      sysctls: {},
      portMappings: [],
      cgroup: { parent: 'podu', resources: {} },
      labels: {},
      annotations: {},
    },
    image: { entrypoint: ['/entry'], command: ['cmd'], environment: ['PATH=/image', 'A=1'], workingDirectory: '/work' },
    user: { uid: 1, gid: 2, additionalGids: [2] },
    capabilities: ['CAP_KILL'],
    namespaces: { network: '/net', ipc: '/ipc', uts: '/uts' },
    shmPath: '/shm',
    cgroupPath: 'root/podu/c',
    cgroupLayout: 'v2',
    oomScoreMin: -1000,
    hostDevices: [],
    arch: 'x64',
    ...rest,
  };
}

interface Spec {
  process: { args: string[]; env: string[]; cwd: string; oomScoreAdj?: number };
  mounts: { destination: string; source: string; options: string[] }[];
  linux: {
    namespaces: { type: string; path?: string }[];
    maskedPaths?: string[];
    seccomp?: { syscalls: { names: string[] }[] };
    resources: Record<string, unknown>;
    rootfsPropagation: string;
  };
}
const spec = (of: SpecInput): Spec => containerSpec(of) as unknown as Spec;

test('command and args replace what the image says by the rules of the kubelet', () => {
  const args = (config: Partial<ContainerConfig>) => spec(input(config)).process.args;
  assert.deepEqual(args({}), ['/entry', 'cmd']);
  assert.deepEqual(args({ args: ['a'] }), ['/entry', 'a']);
  assert.deepEqual(args({ command: ['x'] }), ['x']);
  assert.deepEqual(args({ command: ['x'], args: ['y'] }), ['x', 'y']);
  const none = { entrypoint: [], command: [], environment: [], workingDirectory: '' };
  assert.throws(() => spec(input({}, { image: none })), {
    reason: 'CreateContainerError',
    message: /no command specified/,
  });
});

test('the environment has PATH, HOSTNAME, the image and then the pod, the last of a name wins', () => {
  assert.deepEqual(
    spec(
      input({
        environment: [
          { name: 'A', value: '2' },
          { name: 'B', value: 'x=y' },
        ],
      }),
    ).process.env,
    ['PATH=/image', 'HOSTNAME=host', 'A=2', 'B=x=y'],
  );
  assert.match(
    spec(
      input({ tty: true }, { image: { entrypoint: ['x'], command: [], environment: [], workingDirectory: '' } }),
    ).process.env.join(),
    /^PATH=\/usr\/local\/sbin:.*,TERM=xterm,/,
  );
});

test('mounts come parents first, replace default ones, and cannot leave the root', () => {
  const mount = (containerPath: string, readOnly = false) => ({
    hostPath: `/host${containerPath}`,
    containerPath,
    readOnly,
    propagation: 'private' as const,
  });
  const { mounts } = spec(input({ mounts: [mount('/a/b/c'), mount('/a', true), mount('/dev/shm')] }));
  assert.deepEqual(
    mounts.slice(-3).map(({ destination }) => destination),
    ['/a', '/dev/shm', '/a/b/c'],
  );
  assert.deepEqual(mounts.at(-3)?.options, ['rbind', 'ro', 'rprivate']);
  assert.equal(mounts.filter(({ destination }) => destination === '/dev/shm').length, 1);
  for (const path of ['/', '/a/../..', ''])
    assert.throws(() => spec(input({ mounts: [mount(path)] })), { reason: 'CreateContainerError' }, path);
  assert.equal(
    spec(input({ mounts: [{ ...mount('/a'), propagation: 'rshared' }] })).linux.rootfsPropagation,
    'rshared',
  );
});

test('privileged means no filter and no masks; a low OOM score is cut to what we may set', () => {
  const open = spec(input({ security: { ...security, privileged: true } }, { hostDevices: ['/dev/kvm'] }));
  assert.equal(open.linux.seccomp ?? open.linux.maskedPaths, undefined);
  assert.ok(open.mounts.some(({ destination }) => destination === '/dev/kvm'));
  const locked = spec(input({ resources: { oomScoreAdjust: -997, memoryLimitBytes: 1000 } }, { oomScoreMin: 0 }));
  assert.equal(locked.process.oomScoreAdj, 0);
  assert.ok((locked.linux.maskedPaths ?? []).includes('/proc/kcore'));
  const names = locked.linux.seccomp?.syscalls.flatMap((rule) => rule.names) ?? [];
  assert.ok(
    names.includes('openat') && !names.includes('mount') && !names.includes('kexec_load') && !names.includes('bpf'),
  );
  assert.deepEqual(locked.linux.resources['memory'], { limit: 1000, swap: 1000 });
});

test('namespaces are the sandbox’s, or the host’s', () => {
  const types = (of: SpecInput) => spec(of).linux.namespaces.map(({ type, path }) => `${type}${path ?? ''}`);
  assert.deepEqual(types(input()), ['mount', 'network/net', 'ipc/ipc', 'uts/uts', 'pid', 'cgroup']);
  assert.deepEqual(types(input({}, { namespaces: { uts: '/uts', pid: '/proc/7/ns/pid' }, cgroupLayout: 'v1' })), [
    'mount',
    'uts/uts',
    'pid/proc/7/ns/pid',
  ]);
  const privileged = input({ security: { ...security, privileged: true } });
  assert.ok(!types(privileged).includes('cgroup'));
});

test('capabilities: defaults, added, dropped, all, and what this machine does not have', () => {
  const all = new Set(capabilityNames);
  const of = (change: Partial<ContainerSecurity>, available: ReadonlySet<string> = all) =>
    containerCapabilities({ ...security, ...change }, available);
  assert.equal(of({}).granted.length, 14);
  assert.deepEqual(of({ dropCapabilities: ['ALL'], addCapabilities: ['NET_ADMIN', 'CAP_SYS_TIME'] }).granted, [
    'CAP_NET_ADMIN',
    'CAP_SYS_TIME',
  ]);
  assert.equal(of({ addCapabilities: ['ALL'], dropCapabilities: ['KILL'] }).granted.length, capabilityNames.length - 1);
  assert.deepEqual(of({ addCapabilities: ['SYS_RESOURCE'] }, new Set(['KILL'])), {
    granted: ['CAP_KILL'],
    refused: ['SYS_RESOURCE'],
  });
  assert.equal(of({ privileged: true }, new Set(['KILL'])).granted.join(), 'CAP_KILL');
  assert.throws(() => of({ addCapabilities: ['FLY'] }), /unknown capability "CAP_FLY"/);
  assert.deepEqual([...capabilitiesOf('CapEff:\t0000000000000021\n', 'CapEff')], ['CHOWN', 'KILL']);
});

test('what runtimes complain about reads the same from both', () => {
  const engine = { path: '', version: '', keeps: false, volatileOverlay: true };
  const text = (kind: 'crun' | 'runc') =>
    `failed to create task: OCI runtime create failed: ${kind} create failed: unable to start container process: exec: "foo": executable file not found in $PATH: unknown`;
  assert.equal(
    startFailure(
      { ...engine, kind: 'runc' },
      'runc run failed: unable to start container process: exec: "foo": executable file not found in $PATH',
    ),
    text('runc'),
  );
  assert.equal(
    startFailure({ ...engine, kind: 'crun' }, 'executable file `foo` not found in $PATH: No such file or directory'),
    text('crun'),
  );
  assert.match(
    execFailure('exec failed: unable to start container process: x'),
    /^failed to exec in container: OCI runtime exec failed: exec failed: unable to start container process: x: unknown$/,
  );
  assert.equal(
    lastError(
      '{"level":"error","msg":"first"}\nnoise\n{"level":"error","msg":"last"}\n{"level":"info","msg":"no"}\n{broken',
    ),
    'last',
  );
  assert.equal(lastError(undefined), undefined);
  assert.deepEqual(
    [parseExit('137 end\n'), parseExit('137'), parseExit(''), parseExit(undefined)],
    [137, undefined, undefined, undefined],
  );
});
