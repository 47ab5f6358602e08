import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextBackoff, planPod, restarts } from './plan.ts';
import type { PodPicture } from './pod-state.ts';
import { at, containerOf, deadOf, pictureOf, podOf, runOf, sandboxOf } from './testing.ts';

/** The plan in short: `start main#0`, `kill a`, `wait 5000` … */
const plan = (more: Partial<PodPicture>): readonly string[] =>
  planPod(pictureOf(more)).map((action) => {
    switch (action.do) {
      case 'start':
        return `start ${action.container.name}#${action.attempt}`;
      case 'kill':
        return `kill ${action.container.name}`;
      case 'resize':
        return `resize ${action.containers.map(({ run }) => run.name).join(' ')}`;
      case 'forget':
        return `forget ${action.container.id}`;
      case 'wait':
        return `wait ${action.untilMs - at}`;
      case 'make sandbox':
        return `make sandbox ${action.attempt}`;
      case 'stop sandbox':
      case 'remove sandbox':
        return `${action.do} ${action.sandbox.id}`;
      default:
        return action.do;
    }
  });

test('a new pod gets a sandbox, then its containers', () => {
  assert.deepEqual(plan({ sandboxes: [] }), ['make sandbox 0']);
  assert.deepEqual(plan({ pod: podOf({ containers: [containerOf('a'), containerOf('b')] }) }), [
    'start a#0',
    'start b#0',
  ]);
  assert.deepEqual(plan({ containers: [runOf('main')] }), []);
});

test('init containers run one after the other; sidecars only have to have started', () => {
  const pod = podOf({
    initContainers: [
      containerOf('one'),
      containerOf('side', { restartPolicy: 'Always', startupProbe: {} }),
      containerOf('two'),
    ],
  });
  assert.deepEqual(plan({ pod }), ['start one#0']);
  assert.deepEqual(plan({ pod, containers: [runOf('one')] }), []);
  assert.deepEqual(plan({ pod, containers: [deadOf('one', 0)] }), ['start side#0']);
  const early = [deadOf('one', 0), runOf('side')];
  assert.deepEqual(plan({ pod, containers: early }), []);
  const probes = new Map([['side-0', { startup: true }]]);
  assert.deepEqual(plan({ pod, containers: early, probes }), ['start two#0']);
  assert.deepEqual(
    plan({
      pod,
      containers: [...early, deadOf('two', 1)],
      probes,
      backoffs: new Map([['two', { failures: 1, until: at + 9 }]]),
    }),
    ['wait 9'],
  );
  assert.deepEqual(plan({ pod, containers: [...early, deadOf('two', 0)], probes }), ['start main#0']);
  // A sidecar that dies is started again while the main container runs.
  assert.deepEqual(
    plan({ pod, containers: [deadOf('one', 0), deadOf('side', 1), deadOf('two', 0), runOf('main')], probes }),
    ['start side#1'],
  );
});

test('a sandbox that died is followed by another, whose containers count on', () => {
  const old = sandboxOf({ state: 'notReady' });
  assert.deepEqual(plan({ sandboxes: [old], containers: [deadOf('main', 137)] }), ['make sandbox 1']);
  const fresh = sandboxOf({ id: 's1', pod: { uid: 'u1', name: 'web', namespace: 'shop', attempt: 1 } });
  const pod = podOf({ initContainers: [containerOf('one')] });
  assert.deepEqual(plan({ pod, sandboxes: [fresh, old], containers: [deadOf('main', 137), deadOf('one', 0)] }), [
    'start one#1',
  ]);
  assert.deepEqual(plan({ sandboxes: [fresh, old], containers: [deadOf('main', 137)] }), ['start main#1']);
  assert.deepEqual(plan({ sandboxes: [fresh, old], containers: [runOf('main', { sandboxId: 's1' })] }), [
    'remove sandbox s0',
  ]);
});

test('a pod that is forbidden to restart is over after its node was', () => {
  const pod = podOf({ restartPolicy: 'Never' });
  assert.deepEqual(plan({ pod, sandboxes: [sandboxOf({ state: 'notReady' })], containers: [deadOf('main', 137)] }), [
    'finish',
  ]);
});

test('an ending pod ends its main containers, then its sidecars from the last to the first', () => {
  const pod = podOf({
    initContainers: [containerOf('s1', { restartPolicy: 'Always' }), containerOf('s2', { restartPolicy: 'Always' })],
    containers: [containerOf('a'), containerOf('b')],
  });
  const ending = { graceMs: 1000 };
  assert.deepEqual(plan({ pod, ending, containers: [runOf('a'), runOf('b'), runOf('s1'), runOf('s2')] }), [
    'kill a',
    'kill b',
  ]);
  assert.deepEqual(plan({ pod, ending, containers: [deadOf('a', 0), runOf('s1'), runOf('s2')] }), ['kill s2']);
  assert.deepEqual(plan({ pod, ending, containers: [deadOf('s2', 0), runOf('s1')] }), ['kill s1']);
  assert.deepEqual(plan({ pod, ending, containers: [deadOf('a', 0)] }), ['stop sandbox s0', 'finish']);
});

test('a container is restarted for its probes and for its image', () => {
  const pod = podOf({ containers: [containerOf('main', { livenessProbe: {} })] });
  assert.deepEqual(plan({ pod, containers: [runOf('main')], probes: new Map([['main-0', { liveness: false }]]) }), [
    'kill main',
  ]);
  assert.deepEqual(
    plan({ pod: podOf({ containers: [containerOf('main', { image: 'app:v2' })] }), containers: [runOf('main')] }),
    ['kill main'],
  );
});

test('of dead runs the newest is kept', () => {
  assert.deepEqual(
    plan({
      containers: [runOf('main', { attempt: 3 }), deadOf('main', 1, { attempt: 2 }), deadOf('main', 1, { attempt: 1 })],
    }),
    ['forget main-1'],
  );
});

test('what the runtime forgot and the status remembers is counted on', () => {
  const pod = podOf(
    {},
    {
      status: {
        phase: 'Running',
        containerStatuses: [{ name: 'main', containerID: 'runc://x', restartCount: 4, state: {}, lastState: {} }],
      },
    },
  );
  assert.deepEqual(plan({ pod }), ['start main#5']);
});

test('restart policies and their rules', () => {
  const decide = (policy: string, exitCode: number, more = {}): boolean =>
    restarts({ pod: podOf({ restartPolicy: policy }) }, containerOf('main', more) as never, deadOf('main', exitCode));
  assert.deepEqual(
    ['Always', 'OnFailure', 'Never'].map((policy) => [decide(policy, 0), decide(policy, 1)]),
    [
      [true, true],
      [false, true],
      [false, false],
    ],
  );
  const restartPolicyRules = [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }];
  assert.deepEqual(
    [decide('Never', 42, { restartPolicyRules }), decide('Never', 41, { restartPolicyRules })],
    [true, false],
  );
});

test('pauses double from ten seconds to five minutes, and a long run starts them anew', () => {
  let before: { failures: number } | undefined;
  const delays = Array.from({ length: 7 }, () => {
    const next = nextBackoff(before, 1_000);
    before = next;
    return next.delayMs / 1000;
  });
  assert.deepEqual(delays, [10, 20, 40, 80, 160, 300, 300]);
  assert.equal(nextBackoff(before, 11 * 60_000).delayMs, 10_000);
});
