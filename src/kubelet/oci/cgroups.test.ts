import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeWorld } from '#world/node/world.ts';
import type { Disk, World } from '#world/world.ts';
import { openCgroups, readHierarchies, weightOfShares } from './cgroups.ts';
import type { HelperShell } from './helper-shell.ts';

const line = (mountPoint: string, type: string, options = 'rw') => `1 0 0:1 / ${mountPoint} rw - ${type} x ${options}`;
const v2 = line('/sys/fs/cgroup', 'cgroup2');
const v1 = [
  line('/sys/fs/cgroup', 'tmpfs'),
  line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct'),
  line('/sys/fs/cgroup/memory', 'cgroup', 'rw,memory'),
].join('\n');

test('the layout is told from what is mounted', () => {
  assert.equal(readHierarchies(v2).layout, 'v2');
  assert.equal(readHierarchies(v1).layout, 'v1');
  assert.equal(readHierarchies(v1).controllers.get('cpuacct'), '/sys/fs/cgroup/cpu,cpuacct');
  assert.equal(readHierarchies(`${v1}\n${line('/sys/fs/cgroup/unified', 'cgroup2')}`).layout, 'hybrid');
  assert.throws(() => readHierarchies(''), /no control groups are mounted/);
});

test('shares become weights by the formula of the runtimes', () => {
  assert.deepEqual([2, 102, 1024, 262_144, 0].map(weightOfShares), [1, 4, 39, 10_000, 1]);
});

/** A v2 tree in memory, with the kernel's rules that matter here: controllers must be passed on, a busy root refuses. */
function fakeTree(options: { offers: string; busyRoot?: boolean; container?: boolean }) {
  const files = new Map<string, string>([
    ['/proc/self/mountinfo', v2],
    ['/sys/fs/cgroup/cgroup.controllers', options.offers],
    ['/sys/fs/cgroup/cgroup.subtree_control', ''],
    ['/sys/fs/cgroup/cgroup.procs', options.busyRoot ? '10\n11\n' : ''],
    ...(options.container ? [['/sys/fs/cgroup/cgroup.type', 'domain'] as const] : []),
  ]);
  const parentOf = (path: string) => path.slice(0, path.lastIndexOf('/'));
  const disk: Partial<Disk> = {
    readText: async (path) => files.get(path),
    stat: async (path) => (files.has(path) ? ({ type: 'file' } as never) : undefined),
    list: async () => [],
    async makeDirectory(path) {
      if (files.has(`${path}/cgroup.procs`)) return;
      const passed = files.get(`${parentOf(path)}/cgroup.subtree_control`) ?? '';
      files.set(`${path}/cgroup.controllers`, passed);
      files.set(`${path}/cgroup.subtree_control`, '');
      files.set(`${path}/cgroup.procs`, '');
      for (const [controller, names] of Object.entries({
        cpu: ['cpu.max', 'cpu.weight'],
        memory: ['memory.max', 'memory.oom.group'],
        pids: ['pids.max'],
      })) {
        if (passed.includes(controller)) for (const name of names) files.set(`${path}/${name}`, 'max');
      }
    },
    async append(path, content) {
      const group = parentOf(path);
      if (path.endsWith('/cgroup.subtree_control')) {
        if (files.get(`${group}/cgroup.procs`)) throw Object.assign(new Error('EBUSY'), { code: 'EBUSY' });
        files.set(path, `${files.get(path)} ${String(content).slice(1)}`.trim());
      } else if (path.endsWith('/cgroup.procs')) {
        for (const [name, text] of files)
          if (name.endsWith('/cgroup.procs')) files.set(name, text.replace(`${String(content)}\n`, ''));
        files.set(path, `${files.get(path)}${String(content)}\n`);
      } else files.set(path, String(content));
    },
  };
  const warnings: string[] = [];
  const real = nodeWorld({ log: { level: 'error' } });
  const log = {
    ...real.log,
    warn: (message: string) => void warnings.push(message),
    info: () => {},
    debug: () => {},
    error: () => {},
    with: () => log,
  };
  const world = { ...real, disk: disk as Disk, log } satisfies World;
  return { files, warnings, open: () => openCgroups(world, {} as HelperShell) };
}

test('on v2 controllers are passed down and limits are set', async () => {
  const tree = fakeTree({ offers: 'cpuset cpu io memory hugetlb pids' });
  const cgroups = await tree.open();
  await cgroups.create(
    'k8ts/node/pod',
    { cpuShares: 512, cpuQuotaMicros: 50_000, memoryLimitBytes: 1_000_000, pidsLimit: 10 },
    { oomGroup: true },
  );
  const pod = '/sys/fs/cgroup/k8ts/node/pod';
  assert.deepEqual(
    ['cpu.weight', 'cpu.max', 'memory.max', 'memory.oom.group', 'pids.max'].map((name) =>
      tree.files.get(`${pod}/${name}`),
    ),
    ['20', '50000 100000', '1000000', '1', '10'],
  );
  await cgroups.update('k8ts/node/pod', { cpuQuotaMicros: -1, memoryLimitBytes: 0 });
  assert.deepEqual([tree.files.get(`${pod}/cpu.max`), tree.files.get(`${pod}/memory.max`)], ['max 100000', 'max']);
  assert.deepEqual(tree.warnings, []);
});

test('a missing controller is named once and fails nothing', async () => {
  const tree = fakeTree({ offers: 'cpu memory' });
  const cgroups = await tree.open();
  await cgroups.create('a/b', { pidsLimit: 5, cpuShares: 2 });
  await cgroups.create('a/c', { pidsLimit: 5 });
  assert.deepEqual(tree.warnings, ['the pids controller is not available to us; its limits are not enforced']);
});

test('inside a container the processes of the root group make room', async () => {
  const tree = fakeTree({ offers: 'cpu memory pids', busyRoot: true, container: true });
  const cgroups = await tree.open();
  await cgroups.create('a', { memoryLimitBytes: 5 });
  assert.equal(tree.files.get('/sys/fs/cgroup/a/memory.max'), '5');
  assert.equal(tree.files.get('/sys/fs/cgroup/k8ts-outside/cgroup.procs'), '10\n11\n');
  assert.deepEqual(tree.warnings, []);
});
