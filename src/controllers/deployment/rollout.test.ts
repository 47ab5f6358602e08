import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Deployment } from '#api/apps/deployment.ts';
import type { ReplicaSet } from '#api/apps/replicaset.ts';
import { desiredAnnotation, fenceposts, maxAnnotation, maxSurge, maxUnavailable } from './replica-sets.ts';
import { isScaling, rollingStep, scaleInProportion } from './rollout.ts';

const deployment = (
  replicas: number,
  rolling: { maxSurge?: number | string; maxUnavailable?: number | string } = {},
  status = {},
): Deployment =>
  ({
    metadata: { name: 'web', uid: 'web' },
    spec: {
      replicas,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%', ...rolling } },
    },
    status,
  }) as unknown as Deployment;

let age = 0;
const replicaSet = (
  name: string,
  replicas: number,
  available = replicas,
  annotations: Record<string, string> = {},
): ReplicaSet =>
  ({
    metadata: { name, uid: name, creationTimestamp: new Date(++age * 1000).toISOString(), annotations },
    spec: { replicas },
    status: { replicas, availableReplicas: available },
  }) as unknown as ReplicaSet;

const named = (sizes: ReadonlyMap<ReplicaSet, number>): Readonly<Record<string, number>> =>
  Object.fromEntries([...sizes].map(([rs, size]) => [rs.metadata.name, size]));

const steps: readonly (readonly [
  string,
  Deployment,
  ReplicaSet,
  readonly ReplicaSet[],
  Readonly<Record<string, number>>,
])[] = [
  [
    'the new one grows as far as surge allows',
    deployment(10),
    replicaSet('new', 0),
    [replicaSet('old', 10)],
    { new: 3 },
  ],
  [
    'old ones shrink as far as availability allows',
    deployment(10),
    replicaSet('new', 3, 0),
    [replicaSet('old', 10)],
    { old: 8 },
  ],
  ['what became available makes room', deployment(10), replicaSet('new', 3, 3), [replicaSet('old', 10)], { old: 5 }],
  ['old pods that serve nobody go first', deployment(10), replicaSet('new', 5, 0), [replicaSet('old', 8, 4)], {}],
  [
    'sick old pods go without a cost to availability',
    deployment(10, { maxSurge: 0, maxUnavailable: 2 }),
    replicaSet('new', 0, 0),
    [replicaSet('old', 10, 8)],
    { old: 8 },
  ],
  [
    'neither surge nor gap: one may be missing',
    deployment(3, { maxSurge: 0, maxUnavailable: 0 }),
    replicaSet('new', 0),
    [replicaSet('old', 3)],
    { old: 2 },
  ],
  ['too many new ones shrink at once', deployment(2), replicaSet('new', 5), [], { new: 2 }],
  ['a status that lags is no reserve', deployment(10), replicaSet('new', 7, 3), [replicaSet('old', 6, 10)], { old: 5 }],
  ['done: nothing', deployment(10), replicaSet('new', 10), [replicaSet('old', 0)], {}],
];

for (const [what, owner, now, old, expected] of steps) {
  test(`a step of a rollout: ${what}`, () => assert.deepEqual(named(rollingStep(owner, now, old)), expected));
}

test('no step exceeds surge or goes below availability, and every rollout arrives', () => {
  const part = fc.oneof(
    fc.integer({ min: 0, max: 5 }),
    fc.integer({ min: 0, max: 100 }).map((percent) => `${percent}%`),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 20 }),
      part,
      part,
      fc.integer({ min: 0, max: 2 ** 30 }),
      (replicas, surge, unavailable, seed) => {
        const owner = deployment(replicas, { maxSurge: surge, maxUnavailable: unavailable });
        let state = seed;
        const chance = (): number => (state = (state * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
        let sizes = { new: 0, old: replicas };
        let ready = { new: 0, old: replicas };
        for (let step = 0; step < 500; step++) {
          if (sizes.new === replicas && sizes.old === 0 && ready.new === replicas) return;
          const now = replicaSet('new', sizes.new, ready.new);
          const old = replicaSet('old', sizes.old, ready.old);
          const next = { ...sizes, ...named(rollingStep(owner, now, [old])) };
          const least = replicas - maxUnavailable(owner);
          if (next.new > sizes.new)
            assert.ok(next.new + next.old <= replicas + maxSurge(owner), `${JSON.stringify(next)} exceeds surge`);
          const before = ready.new + ready.old;
          ready = { new: Math.min(ready.new, next.new), old: Math.min(ready.old, next.old) };
          assert.ok(
            ready.new + ready.old >= Math.min(least, before),
            `${JSON.stringify(next)} leaves ${ready.new + ready.old} of ${least}`,
          );
          sizes = next;
          if (ready.new < sizes.new && chance() < 0.7) ready.new++;
        }
        assert.fail(`never done: ${JSON.stringify({ sizes, ready, ...fenceposts(owner) })}`);
      },
    ),
    { numRuns: 300 },
  );
});

const at = (desired: number, max: number) => ({ [desiredAnnotation]: String(desired), [maxAnnotation]: String(max) });

test('in the middle of a rollout a new size is shared in proportion', () => {
  const owner = deployment(20);
  const now = replicaSet('new', 4, 4, at(10, 13));
  const old = replicaSet('old', 8, 8, at(10, 13));
  assert.ok(isScaling(owner, [now, old]));
  const sizes = named(scaleInProportion(owner, now, [old]));
  assert.equal((sizes['new'] ?? 4) + (sizes['old'] ?? 8), 25, 'all that surge allows');
  assert.ok((sizes['old'] ?? 0) > (sizes['new'] ?? 0), 'the larger one gets more');
});

test('a single active ReplicaSet takes the whole new size', () => {
  assert.deepEqual(named(scaleInProportion(deployment(7), replicaSet('new', 3), [replicaSet('old', 0)])), { new: 7 });
});
