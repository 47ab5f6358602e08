/** Seats: full is full, streams and masters need none, and one user cannot take them all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Route } from '../route.ts';
import { userOf } from '../user.ts';
import { inFlightLimits } from './in-flight.ts';

const way = (verb: string, subresource?: string): Pick<Route, 'verb' | 'resource'> => ({
  verb,
  resource: {
    group: '',
    version: 'v1',
    namespace: 'default',
    plural: 'pods',
    name: undefined,
    subresource,
    rest: undefined,
  },
});

test('reads and writes have seats of their own, and a seat that is left is free again', () => {
  const flow = inFlightLimits({ reading: 2, writing: 2 });
  const seats = ['a', 'b'].map((name) => flow.enter(way('get'), userOf(name)));
  assert.throws(() => flow.enter(way('list'), userOf('c')), { reason: 'TooManyRequests', code: 429 });
  flow.enter(way('create'), userOf('c'))[Symbol.dispose]();
  seats[0]?.[Symbol.dispose]();
  flow.enter(way('list'), userOf('c'));
  assert.throws(() => flow.enter(way('get'), userOf('a')), { reason: 'TooManyRequests' });
});

test('one user leaves room for the others', () => {
  const flow = inFlightLimits({ reading: 4, writing: 4 });
  for (let i = 0; i < 3; i++) flow.enter(way('get'), userOf('greedy'));
  assert.throws(() => flow.enter(way('get'), userOf('greedy')), { reason: 'TooManyRequests' });
  flow.enter(way('get'), userOf('modest'));
});

test('streams, health and masters are never turned away', () => {
  const flow = inFlightLimits({ reading: 1, writing: 1 });
  flow.enter(way('get'), userOf('a'));
  flow.enter(way('watch'), userOf('b'));
  flow.enter(way('get', 'log'), userOf('b'));
  flow.enter({ verb: 'get' }, userOf('b'));
  flow.enter(way('get'), userOf('admin', 'system:masters'));
});
