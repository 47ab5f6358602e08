import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Node } from '#api/core/node.ts';
import { Pod } from '#api/core/pod.ts';
import { Lease } from '#api/coordination/lease.ts';
import {
  asRoot,
  eventually,
  idle,
  image,
  kubeletFixture,
  leftovers,
  nodeName,
  shell,
  world,
  type KubeletFixture,
} from './kubelet-fixture.ts';

let node: KubeletFixture;
before(async () => {
  if (!asRoot.skip) node = await kubeletFixture();
});
after(async () => {
  if (!node) return;
  await node[Symbol.asyncDispose]();
  assert.deepEqual(await leftovers(node), []);
});

const stateOf = (pod: Pod, name: string) =>
  [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])].find(
    (each) => each.name === name,
  );
const conditionsOf = (pod: Pod) =>
  Object.fromEntries((pod.status.conditions ?? []).map(({ type, status }) => [type, status]));

test('a node registers itself with its addresses, capacity and a lease', asRoot, async () => {
  const object = await node.admin.get(Node, nodeName);
  assert.equal(object.status.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
  assert.deepEqual(object.status.addresses, [
    { type: 'InternalIP', address: '127.0.0.1' },
    { type: 'Hostname', address: nodeName },
  ]);
  assert.ok(Number(object.status.capacity?.['cpu']) > 0);
  assert.match(object.status.nodeInfo?.containerRuntimeVersion ?? '', /^(crun|runc):\/\/\d/);
  assert.ok(object.status.images?.some(({ names }) => names?.includes(image)));
  await eventually(async () => (await node.admin.list(Lease, { namespace: 'kube-node-lease' })).items.length === 1);
  const [lease] = (await node.admin.list(Lease, { namespace: 'kube-node-lease' })).items;
  assert.deepEqual(
    [lease?.spec.holderIdentity, lease?.metadata.ownerReferences?.[0]?.uid],
    [nodeName, object.metadata.uid],
  );
});

test('a pod runs with the status fields that upstream writes', asRoot, async () => {
  await node.script('plain', idle);
  const pod = await node.running('plain');
  const { status } = pod;
  assert.deepEqual(conditionsOf(pod), {
    PodReadyToStartContainers: 'True',
    Initialized: 'True',
    Ready: 'True',
    ContainersReady: 'True',
    PodScheduled: 'True',
  });
  for (const condition of status.conditions ?? []) {
    assert.ok(condition.lastTransitionTime);
    assert.equal(condition.reason, undefined, `${condition.type} holds and has no reason`);
  }
  assert.deepEqual(
    [status.qosClass, status.hostIP, status.observedGeneration, status.podIPs],
    ['BestEffort', '127.0.0.1', pod.metadata.generation, [{ ip: status.podIP }]],
  );
  assert.match(status.podIP ?? '', /^10\./);
  assert.ok(status.startTime);
  const [main] = status.containerStatuses ?? [];
  assert.match(main?.containerID ?? '', /^(runc|crun):\/\/[0-9a-f]{64}$/);
  assert.match(main?.imageID ?? '', /^sha256:[0-9a-f]{64}$/);
  assert.deepEqual(
    [main?.ready, main?.started, main?.restartCount, main?.image, main?.lastState],
    [true, true, 0, image, {}],
  );
  await eventually(async () => (await node.events('plain')).length >= 3);
  assert.deepEqual((await node.events('plain')).map(({ reason }) => reason).toSorted(), [
    'Created',
    'Pulled',
    'Started',
  ]);
  // What is settled is not written again.
  await world.clock.sleep(300);
  assert.equal((await node.get('plain')).metadata.resourceVersion, (await node.get('plain')).metadata.resourceVersion);
  await node.remove('plain');
  await node.gone('plain');
});

test('containers of a pod share its network, its IPC and its host name', asRoot, async () => {
  await node.pod('twins', { hostname: 'castor', containers: [shell('a', idle), shell('b', idle)] });
  await node.running('twins');
  const read = 'readlink /proc/self/ns/net /proc/self/ns/ipc /proc/self/ns/uts; hostname; cat /etc/hostname';
  const [a, b] = await Promise.all([node.exec('twins', read, 'a'), node.exec('twins', read, 'b')]);
  assert.equal(a.stdout, b.stdout);
  assert.match(a.stdout, /castor\ncastor\n$/);
  await node.remove('twins', 0);
  await node.gone('twins');
});

test('with shareProcessNamespace containers see each other', asRoot, async () => {
  await node.pod('shared', {
    shareProcessNamespace: true,
    containers: [shell('a', idle), shell('b', 'sleep 12345 & wait')],
  });
  await node.running('shared');
  await eventually(async () => (await node.exec('shared', 'cat /proc/[0-9]*/cmdline', 'a')).stdout.includes('12345'));
  await node.remove('shared', 0);
  await node.gone('shared');
});

test('init containers run one after the other before the main ones', asRoot, async () => {
  await node.pod('inits', {
    initContainers: [
      shell('one', 'sleep 0.2; echo one >> /w/log', mounted),
      shell('two', 'echo two >> /w/log', mounted),
    ],
    containers: [shell('main', `cat /w/log; ${idle}`, mounted)],
    volumes: [{ name: 'w', emptyDir: {} }],
  });
  const waiting = await node.until('inits', (pod) => stateOf(pod, 'one')?.state.running);
  assert.equal(waiting.status.phase, 'Pending');
  assert.equal(stateOf(waiting, 'main')?.state.waiting?.reason, 'PodInitializing');
  assert.deepEqual(conditionsOf(waiting)['Initialized'], 'False');
  assert.equal(
    waiting.status.conditions?.find(({ type }) => type === 'Initialized')?.message,
    'containers with incomplete status: [one two]',
  );
  const pod = await node.running('inits');
  await eventually(async () => (await node.log('inits', 'main')).startsWith('one\ntwo\n'));
  assert.deepEqual(
    [stateOf(pod, 'two')?.state.terminated?.reason, stateOf(pod, 'two')?.ready, conditionsOf(pod)['Initialized']],
    ['Completed', true, 'True'],
  );
  await node.remove('inits', 0);
  await node.gone('inits');
});

const mounted = { volumeMounts: [{ name: 'w', mountPath: '/w' }] };

test('a failing init container fails a pod that never restarts', asRoot, async () => {
  await node.pod('badinit', {
    restartPolicy: 'Never',
    initContainers: [shell('bad', 'exit 4')],
    containers: [shell('main', idle)],
  });
  const pod = await node.over('badinit');
  assert.equal(pod.status.phase, 'Failed');
  assert.equal(stateOf(pod, 'bad')?.state.terminated?.exitCode, 4);
  assert.equal(stateOf(pod, 'main')?.state.waiting?.reason, 'PodInitializing');
  await node.remove('badinit', 0);
  await node.gone('badinit');
});

test('a sidecar starts before the main container and ends after it', asRoot, async () => {
  await node.pod('side', {
    restartPolicy: 'Never',
    initContainers: [
      shell('side', 'trap "echo side-end >> /w/log; exit 0" TERM; echo side >> /w/log; while :; do sleep 0.05; done', {
        ...mounted,
        restartPolicy: 'Always',
        startupProbe: { exec: { command: ['test', '-e', '/w/log'] }, periodSeconds: 1 },
      }),
      shell('plain', 'echo plain >> /w/log', mounted),
    ],
    containers: [shell('main', 'echo main >> /w/log; sleep 0.5; echo main-end >> /w/log', mounted)],
    volumes: [{ name: 'w', hostPath: { path: `${node.path}/side`, type: 'DirectoryOrCreate' } }],
  });
  const pod = await node.over('side');
  assert.equal(pod.status.phase, 'Succeeded');
  assert.equal(await world.disk.readText(`${node.path}/side/log`), 'side\nplain\nmain\nmain-end\nside-end\n');
  await node.remove('side', 0);
  await node.gone('side');
});

test('a container that fails again waits longer each time', asRoot, async () => {
  await node.script('crash', 'echo words >&2; exit 7');
  const pod = await node.until('crash', (each) => stateOf(each, 'main')?.state.waiting?.reason === 'CrashLoopBackOff');
  const main = stateOf(pod, 'main');
  assert.equal(pod.status.phase, 'Running');
  assert.equal(
    main?.state.waiting?.message,
    `back-off 10s restarting failed container=main pod=crash_default(${pod.metadata.uid})`,
  );
  assert.deepEqual(
    [main?.restartCount, main?.lastState.terminated?.exitCode, main?.lastState.terminated?.reason, main?.ready],
    [1, 7, 'Error', false],
  );
  assert.equal(conditionsOf(pod)['Ready'], 'False');
  assert.equal(
    pod.status.conditions?.find(({ type }) => type === 'Ready')?.message,
    'containers with unready status: [main]',
  );
  await eventually(async () =>
    (await node.events('crash')).some(
      ({ message }) =>
        message === `Back-off restarting failed container main in pod crash_default(${pod.metadata.uid})`,
    ),
  );
  const later = await node.until(
    'crash',
    (each) => stateOf(each, 'main')?.state.waiting?.message?.includes('back-off 20s'),
    20_000,
  );
  assert.equal(stateOf(later, 'main')?.restartCount, 2);
  await node.remove('crash');
  await node.gone('crash');
});

test('restart policies decide how a pod ends', asRoot, async () => {
  await node.script('ok', 'exit 0', {}, { restartPolicy: 'Never' });
  await node.script('bad', 'exit 3', {}, { restartPolicy: 'Never' });
  await node.script('retried', 'test -e /w/x && exit 0; touch /w/x; exit 1', mounted, {
    restartPolicy: 'OnFailure',
    volumes: [{ name: 'w', emptyDir: {} }],
  });
  const [ok, bad, retried] = await Promise.all([node.over('ok'), node.over('bad'), node.over('retried')]);
  assert.deepEqual([ok.status.phase, bad.status.phase, retried.status.phase], ['Succeeded', 'Failed', 'Succeeded']);
  assert.deepEqual(
    [ok, bad].map(({ status }) => status.conditions?.find(({ type }) => type === 'Ready')?.reason),
    ['PodCompleted', 'PodFailed'],
  );
  assert.equal(stateOf(retried, 'main')?.restartCount, 1);
  // An ended pod keeps its container for its log, and gives its network and volumes back.
  await eventually(
    async () =>
      (await node.runtime.sandboxes()).filter(
        ({ pod, state }) => ['ok', 'bad', 'retried'].includes(pod.name) && state === 'ready',
      ).length === 0,
  );
  assert.match(stateOf(await node.get('ok'), 'main')?.containerID ?? '', /:\/\//);
  assert.ok((await node.runtime.containers()).some(({ labels }) => labels['io.kubernetes.pod.name'] === 'ok'));
  for (const name of ['ok', 'bad', 'retried']) {
    await node.remove(name);
    await node.gone(name);
  }
  await eventually(
    async () => !(await node.runtime.sandboxes()).some(({ pod }) => ['ok', 'bad', 'retried'].includes(pod.name)),
  );
});

test('a container over its memory limit is killed', asRoot, async () => {
  await node.pod('hungry', {
    restartPolicy: 'Never',
    containers: [
      {
        name: 'main',
        image,
        command: ['node', '-e', 'const a = []; for (;;) a.push(Buffer.alloc(1e7, 1))'],
        resources: { limits: { memory: '64Mi', cpu: '500m' } },
      },
    ],
  });
  const pod = await node.over('hungry', 30_000);
  assert.deepEqual(
    [
      stateOf(pod, 'main')?.state.terminated?.reason,
      stateOf(pod, 'main')?.state.terminated?.exitCode,
      pod.status.qosClass,
    ],
    ['OOMKilled', 137, 'Guaranteed'],
  );
  await node.remove('hungry');
  await node.gone('hungry');
});

test('a processor limit becomes a quota', asRoot, async () => {
  await node.script('slow', idle, { resources: { limits: { cpu: '250m' } } });
  await node.running('slow');
  const { stdout } = await node.exec(
    'slow',
    'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null',
  );
  assert.match(stdout, /^25000\b/);
  await node.remove('slow', 0);
  await node.gone('slow');
});

test('the grace of a deletion is kept, and can be shortened', asRoot, async () => {
  await node.script(
    'stubborn',
    'trap "" TERM; echo up; while :; do sleep 0.05; done',
    {},
    { terminationGracePeriodSeconds: 60 },
  );
  await node.running('stubborn');
  await eventually(async () => (await node.log('stubborn')).includes('up'));
  await node.remove('stubborn');
  await world.clock.sleep(300);
  const ending = await node.get('stubborn');
  assert.equal(ending.metadata.deletionGracePeriodSeconds, 60);
  assert.equal(stateOf(ending, 'main')?.ready, true);
  await node.remove('stubborn', 1);
  await node.gone('stubborn', 5_000);
  assert.ok(
    (await node.events('stubborn')).some(
      ({ reason, message }) => reason === 'Killing' && message === 'Stopping container main',
    ),
  );
});

test('hooks run after the start and before the end', asRoot, async () => {
  await node.script(
    'hooked',
    idle,
    {
      ...mounted,
      lifecycle: {
        postStart: { exec: { command: ['sh', '-c', 'echo post >> /w/log'] } },
        preStop: { exec: { command: ['sh', '-c', 'echo pre >> /w/log; sleep 0.2; echo done >> /w/log'] } },
      },
    },
    {
      terminationGracePeriodSeconds: 20,
      volumes: [{ name: 'w', hostPath: { path: `${node.path}/hooked`, type: 'DirectoryOrCreate' } }],
    },
  );
  await node.until('hooked', (pod) => pod.status.containerStatuses?.[0]?.ready);
  assert.equal(await world.disk.readText(`${node.path}/hooked/log`), 'post\n');
  await node.remove('hooked');
  await node.gone('hooked');
  assert.equal(await world.disk.readText(`${node.path}/hooked/log`), 'post\npre\ndone\n');
});

test('a pod that is given too long is failed', asRoot, async () => {
  await node.script('late', idle, {}, { activeDeadlineSeconds: 1 });
  const pod = await node.over('late');
  assert.deepEqual(
    [pod.status.phase, pod.status.reason, pod.status.message],
    ['Failed', 'DeadlineExceeded', 'Pod was active on the node longer than the specified deadline'],
  );
  await eventually(async () => stateOf(await node.get('late'), 'main')?.state.terminated);
  await node.remove('late');
  await node.gone('late');
});

test('a container says its last words', asRoot, async () => {
  await node.script('words', 'echo -n farewell > /dev/termination-log; exit 1', {}, { restartPolicy: 'Never' });
  await node.script(
    'logged',
    'echo from the log; exit 1',
    { terminationMessagePolicy: 'FallbackToLogsOnError' },
    { restartPolicy: 'Never' },
  );
  assert.equal(stateOf(await node.over('words'), 'main')?.state.terminated?.message, 'farewell');
  assert.equal(stateOf(await node.over('logged'), 'main')?.state.terminated?.message, 'from the log\n');
});

test('a container that cannot start says why', asRoot, async () => {
  await node.pod('nowhere', { containers: [{ name: 'main', image, command: ['no-such-program'] }] });
  const pod = await node.until('nowhere', (each) => stateOf(each, 'main')?.lastState.terminated);
  assert.match(
    stateOf(pod, 'main')?.lastState.terminated?.message ?? '',
    /exec: "no-such-program": executable file not found in \$PATH/,
  );
  assert.deepEqual(
    [stateOf(pod, 'main')?.lastState.terminated?.reason, stateOf(pod, 'main')?.lastState.terminated?.exitCode],
    ['StartError', 128],
  );
  assert.match(stateOf(pod, 'main')?.state.waiting?.reason ?? '', /^(RunContainerError|CrashLoopBackOff)$/);
  await node.remove('nowhere');
  await node.gone('nowhere');
});

test('a changed image restarts that container and no other', asRoot, async () => {
  await node.pod('changed', { containers: [shell('a', idle), shell('b', idle)] });
  const first = await node.running('changed');
  await node.admin.patch(
    Pod,
    'changed',
    { type: 'strategic', body: { spec: { containers: [{ name: 'a', image: 'k8ts.local/guestbook:v2' }] } } },
    { namespace: 'default' },
  );
  const pod = await node.until(
    'changed',
    (each) => stateOf(each, 'a')?.restartCount === 1 && stateOf(each, 'a')?.state.running,
  );
  assert.equal(stateOf(pod, 'a')?.image, 'k8ts.local/guestbook:v2');
  assert.equal(stateOf(pod, 'b')?.containerID, stateOf(first, 'b')?.containerID);
  assert.ok(
    (await node.events('changed')).some(
      ({ message }) => message === 'Container a definition changed, will be restarted',
    ),
  );
  await node.remove('changed', 0);
  await node.gone('changed');
});

test('a new agent adopts what runs, notices what ended, and ends what was deleted', asRoot, async () => {
  await node.pod('kept', {
    containers: [{ ...shell('main', idle), readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 } }],
  });
  await node.script('ends', 'sleep 1; exit 5', {}, { restartPolicy: 'Never' });
  await node.script('deleted', idle);
  await node.script('forced', idle);
  const kept = await node.until('kept', (pod) => pod.status.containerStatuses?.[0]?.ready);
  for (const name of ['ends', 'deleted', 'forced']) await node.running(name);
  await node.stop();
  await node.remove('deleted');
  await node.remove('forced', 0);
  await world.clock.sleep(1_200);
  const revision = (await node.get('kept')).metadata.resourceVersion;
  await node.start();
  const ended = await node.over('ends');
  assert.equal(stateOf(ended, 'main')?.state.terminated?.exitCode, 5);
  await node.gone('deleted');
  await eventually(async () => !(await node.runtime.sandboxes()).some(({ pod }) => pod.name === 'forced'));
  await world.clock.sleep(500);
  const again = await node.get('kept');
  assert.equal(stateOf(again, 'main')?.containerID, stateOf(kept, 'main')?.containerID);
  assert.equal(again.metadata.resourceVersion, revision, 'nothing changed, so nothing is written');
  for (const name of ['kept', 'ends']) {
    await node.remove(name, 0);
    await node.gone(name);
  }
});

test('after its pods are gone a node holds nothing of them', asRoot, async () => {
  for (const pod of (await node.admin.list(Pod, { namespace: 'default' })).items)
    await node.remove(pod.metadata.name, 0).catch(() => undefined);
  await eventually(async () => (await node.runtime.sandboxes()).length === 0 && node.kubelet.podCount === 0);
  assert.deepEqual(
    (await world.disk.list(`${node.path}/pods`))?.map(({ name }) => name),
    [],
  );
  assert.deepEqual(
    (await world.disk.list(`${node.path}/log`))?.map(({ name }) => name),
    [],
  );
  const mounts = (await world.disk.readText('/proc/self/mounts')) ?? '';
  assert.ok(!mounts.includes(`${node.path}/pods`));
});
