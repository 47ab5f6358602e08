import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/core/pod.ts';
import type { Clock } from '#world/world.ts';
import { demandOf, type PodDemand } from './pod-demand.ts';
import { SchedulingQueue, type Hint } from './queue.ts';

/** A clock that is moved by hand. */
function handClock(): Clock & { advance(ms: number): void } {
  let now = 0;
  const timers = new Set<{ at: number; run: () => void }>();
  return {
    now: () => now,
    monotonic: () => now,
    sleep: async () => undefined,
    yield: async () => undefined,
    after(ms, run) {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    advance(ms) {
      now += ms;
      for (const timer of [...timers].filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at)) {
        timers.delete(timer);
        timer.run();
      }
    },
  };
}

const demand = (name: string, priority = 0): PodDemand =>
  demandOf({
    metadata: { name, uid: name, namespace: 'default' },
    spec: { containers: [], priority },
  } as unknown as Pod);

function queueWith(hint: Hint = () => true) {
  const clock = handClock();
  const queue = new SchedulingQueue(clock, hint, () => {});
  return { clock, queue };
}

test('the most important pod comes first, of equals the one that waited longest', () => {
  const { queue } = queueWith();
  for (const each of [demand('a'), demand('b', 5), demand('c')]) queue.set(each);
  assert.deepEqual([queue.take()?.uid, queue.take()?.uid, queue.take()?.uid, queue.take()], ['b', 'a', 'c', undefined]);
});

test('a refused pod waits until something happens that may help, and backs off longer each time', () => {
  const { clock, queue } = queueWith((plugin, event) => plugin === 'Fit' && event.type === 'node-added');
  queue.set(demand('a'));
  for (const wait of [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
    assert.equal(queue.take()?.uid, 'a');
    queue.refused('a', new Set(['Fit']));
    queue.happened({ type: 'namespace-changed' });
    assert.ok(queue.idle);
    queue.happened({ type: 'node-added' });
    clock.advance(wait - 1);
    assert.equal(queue.take(), undefined);
    clock.advance(1);
  }
  assert.equal(queue.take()?.uid, 'a');
});

test('what happens while a pod is tried is not missed', () => {
  const { clock, queue } = queueWith();
  queue.set(demand('a'));
  queue.take();
  queue.happened({ type: 'node-added' });
  queue.refused('a', new Set(['Fit']));
  clock.advance(1_000);
  assert.equal(queue.take()?.uid, 'a');
});

test('a refused pod is tried again after five minutes whatever happens', () => {
  const { clock, queue } = queueWith(() => false);
  queue.set(demand('a'));
  queue.take();
  queue.refused('a', new Set(['Fit']));
  clock.advance(5 * 60_000 - 1);
  assert.equal(queue.take(), undefined);
  clock.advance(1);
  assert.equal(queue.take()?.uid, 'a');
});

test('a pod that is gone is not tried', () => {
  const { clock, queue } = queueWith();
  queue.set(demand('a'));
  queue.take();
  queue.failed('a');
  queue.remove('a');
  clock.advance(10_000);
  assert.equal(queue.take(), undefined);
  assert.ok(queue.idle);
});
