import assert from 'node:assert/strict';
import { test } from 'node:test';
import { row, written } from '../written.ts';
import { Pod } from './pod.ts';

const started = Date.parse('2026-11-21T05:00:00Z');
const state = (name: string, fields: object) => ({
  name,
  state: {},
  lastState: {},
  ready: false,
  restartCount: 0,
  image: '',
  imageID: '',
  ...fields,
});
const running = { state: { running: { startedAt: '2026-11-21T05:00:00Z' } }, ready: true };

function shown(
  status: object,
  { spec = {}, metadata = {} }: { spec?: object; metadata?: object } = {},
): readonly unknown[] {
  const draft = {
    metadata: { name: 'web', ...metadata },
    spec: { containers: [{ name: 'web', image: 'i' }], ...spec },
  };
  const pod = written(Pod, draft as never);
  const cells = row(Pod, { ...pod, status: { ...pod.status, ...status } } as never, started + 600_000);
  return [cells['Ready'], cells['Status'], cells['Restarts']];
}

const sidecar = { initContainers: [{ name: 'log', image: 'i', restartPolicy: 'Always' }] };
const init = {
  initContainers: [
    { name: 'a', image: 'i' },
    { name: 'b', image: 'i' },
  ],
};

const table: readonly [string, object, { spec?: object; metadata?: object }, readonly unknown[]][] = [
  ['a new pod', {}, {}, ['0/1', 'Pending', '0']],
  [
    'images that are pulled',
    { containerStatuses: [state('web', { state: { waiting: { reason: 'ContainerCreating' } } })] },
    {},
    ['0/1', 'ContainerCreating', '0'],
  ],
  ['a running pod', { phase: 'Running', containerStatuses: [state('web', running)] }, {}, ['1/1', 'Running', '0']],
  [
    'a crashing container',
    {
      phase: 'Running',
      containerStatuses: [
        state('web', {
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          restartCount: 2,
          lastState: { terminated: { exitCode: 1, finishedAt: '2026-11-21T05:05:00Z' } },
        }),
      ],
    },
    {},
    ['0/1', 'CrashLoopBackOff', '2 (5m ago)'],
  ],
  [
    'a done pod',
    {
      phase: 'Succeeded',
      containerStatuses: [state('web', { state: { terminated: { exitCode: 0, reason: 'Completed' } } })],
    },
    {},
    ['0/1', 'Completed', '0'],
  ],
  [
    'a container that was killed',
    { phase: 'Failed', containerStatuses: [state('web', { state: { terminated: { exitCode: 137, signal: 9 } } })] },
    {},
    ['0/1', 'Signal:9', '0'],
  ],
  [
    'an exit code without reason',
    { phase: 'Failed', containerStatuses: [state('web', { state: { terminated: { exitCode: 3 } } })] },
    {},
    ['0/1', 'ExitCode:3', '0'],
  ],
  [
    'a pod that is deleted',
    { phase: 'Running', containerStatuses: [state('web', running)] },
    { metadata: { deletionTimestamp: '2026-11-21T05:01:00Z' } },
    ['1/1', 'Terminating', '0'],
  ],
  [
    'a lost node',
    { phase: 'Running', reason: 'NodeLost' },
    { metadata: { deletionTimestamp: '2026-11-21T05:01:00Z' } },
    ['0/1', 'Unknown', '0'],
  ],
  ['an evicted pod', { phase: 'Failed', reason: 'Evicted' }, {}, ['0/1', 'Evicted', '0']],
  [
    'a first init container',
    { initContainerStatuses: [state('a', { state: { running: {} } }), state('b', {})] },
    { spec: init },
    ['0/1', 'Init:0/2', '0'],
  ],
  [
    'a second init container',
    {
      initContainerStatuses: [
        state('a', { state: { terminated: { exitCode: 0 } } }),
        state('b', { state: { waiting: { reason: 'PodInitializing' } } }),
      ],
    },
    { spec: init },
    ['0/1', 'Init:1/2', '0'],
  ],
  [
    'an init container that fails',
    { initContainerStatuses: [state('a', { state: { terminated: { exitCode: 1, reason: 'Error' } } })] },
    { spec: init },
    ['0/1', 'Init:Error', '0'],
  ],
  [
    'an init container that crashes',
    { initContainerStatuses: [state('a', { state: { waiting: { reason: 'CrashLoopBackOff' } }, restartCount: 3 })] },
    { spec: init },
    ['0/1', 'Init:CrashLoopBackOff', '3'],
  ],
  [
    'a sidecar',
    {
      phase: 'Running',
      conditions: [{ type: 'Initialized', status: 'True' }],
      initContainerStatuses: [state('log', { ...running, started: true })],
      containerStatuses: [state('web', running)],
    },
    { spec: sidecar },
    ['2/2', 'Running', '0'],
  ],
  [
    'one container done and one running',
    {
      phase: 'Running',
      containerStatuses: [
        state('web', { state: { terminated: { exitCode: 0, reason: 'Completed' } } }),
        state('b', running),
      ],
    },
    {},
    ['1/1', 'NotReady', '0'],
  ],
];
for (const [what, status, rest, cells] of table)
  test(`the table shows ${what}`, () => assert.deepEqual(shown(status, rest), cells));

test('a gated pod and its wide columns', () => {
  const pod = written(Pod, {
    metadata: { name: 'web' },
    spec: {
      containers: [{ name: 'web', image: 'i' }],
      schedulingGates: [{ name: 'g' }],
      readinessGates: [{ conditionType: 'x/y' }],
    },
  } as never);
  const cells = row(Pod, pod, started + 90_000);
  assert.equal(cells['Status'], 'SchedulingGated');
  assert.deepEqual(
    [cells['Age'], cells['IP'], cells['Node'], cells['Nominated Node'], cells['Readiness Gates']],
    ['90s', '<none>', '<none>', '<none>', '0/1'],
  );
  assert.deepEqual(
    Pod.columns.map(({ name, priority = 0 }) => `${name}${priority ? '*' : ''}`),
    ['Name', 'Ready', 'Status', 'Restarts', 'Age', 'IP*', 'Node*', 'Nominated Node*', 'Readiness Gates*'],
  );
});
