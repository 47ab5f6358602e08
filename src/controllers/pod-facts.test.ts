import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/core/pod.ts';
import { availableIn, cheapestFirst, isAvailable } from './pod-facts.ts';

const now = Date.parse('2025-01-01T01:00:00Z');
const time = (secondsAgo: number): string => new Date(now - secondsAgo * 1000).toISOString();

interface Draft {
  readonly node?: string;
  readonly phase?: string;
  readonly readyFor?: number;
  readonly cost?: string;
  readonly restarts?: number;
  readonly age?: number;
}

const pod = (
  name: string,
  { node = 'n', phase = 'Running', readyFor, cost, restarts = 0, age = 600 }: Draft = {},
): Pod =>
  ({
    metadata: {
      name,
      uid: name,
      creationTimestamp: time(age),
      ...(cost === undefined ? {} : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }),
    },
    spec: { ...(node ? { nodeName: node } : {}) },
    status: {
      phase,
      conditions: readyFor === undefined ? [] : [{ type: 'Ready', status: 'True', lastTransitionTime: time(readyFor) }],
      containerStatuses: [{ restartCount: restarts }],
    },
  }) as unknown as Pod;

const well = { readyFor: 300 };
const orders: readonly (readonly [string, Pod, Pod])[] = [
  ['one without a node', pod('a', { node: '' }), pod('b')],
  ['a pending one', pod('a', { phase: 'Pending' }), pod('b', well)],
  ['one that is not ready', pod('a'), pod('b', well)],
  ['one of lower deletion cost', pod('a', { ...well, cost: '-1' }), pod('b', well)],
  ['one that has been ready for less long', pod('a', { readyFor: 10 }), pod('b', { readyFor: 5_000 })],
  ['one that restarted more often', pod('a', { ...well, restarts: 3 }), pod('b', well)],
  ['a younger one', pod('a', { ...well, age: 400 }), pod('b', { ...well, age: 90_000 })],
];

for (const [what, first, second] of orders) {
  test(`of two pods ${what} goes first`, () => {
    assert.deepEqual(cheapestFirst([second, first], [first, second], now)[0], first);
    assert.deepEqual(cheapestFirst([first, second], [first, second], now)[0], first);
  });
}

test('of equal pods the one on the more crowded node goes first', () => {
  const [lonely, crowded, neighbour] = [
    pod('a', { ...well, node: 'x' }),
    pod('b', { ...well, node: 'y' }),
    pod('c', { ...well, node: 'y' }),
  ];
  assert.equal(cheapestFirst([lonely, crowded], [lonely, crowded, neighbour], now)[0], crowded);
});

test('a pod is available once it has been ready long enough', () => {
  assert.ok(isAvailable(pod('a', { readyFor: 30 }), 30, now));
  assert.equal(availableIn(pod('a', { readyFor: 10 }), 30, now), 20_000);
  assert.equal(availableIn(pod('a'), 0, now), Infinity);
});
