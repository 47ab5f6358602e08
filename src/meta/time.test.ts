import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalMicroTime, canonicalTime, formatAge, formatTime, parseTime } from './time.ts';

test('instants are stored in UTC with whole seconds or microseconds', () => {
  assert.equal(canonicalTime('2026-01-02T03:04:05Z'), '2026-01-02T03:04:05Z');
  assert.equal(canonicalTime('2026-01-02T03:04:05.999+02:00'), '2026-01-02T01:04:05Z');
  assert.equal(canonicalMicroTime('2026-01-02T03:04:05.1234567Z'), '2026-01-02T03:04:05.123456Z');
  assert.equal(canonicalMicroTime('2026-01-02T03:04:05Z'), '2026-01-02T03:04:05.000000Z');
  for (const bad of [
    '',
    'now',
    '2026-02-29T00:00:00Z',
    '2026-01-02',
    '2026-01-02T24:00:00Z',
    '2026-01-02 03:04:05Z',
    '2026-13-01T00:00:00Z',
  ]) {
    assert.equal(canonicalTime(bad), undefined, bad);
  }
  assert.equal(canonicalTime('2024-02-29T00:00:00Z'), '2024-02-29T00:00:00Z');
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4e9 }),
      (seconds) => parseTime(formatTime(seconds * 1000)) === seconds * 1000,
    ),
  );
});

test('ages read as kubectl’s', () => {
  const second = 1000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const day = 24 * hour;
  const ages: [number, string][] = [
    [-5 * second, '<invalid>'],
    [-1500, '0s'],
    [0, '0s'],
    [119 * second, '119s'],
    [2 * minute, '2m'],
    [3 * minute + 12 * second, '3m12s'],
    [10 * minute + 5 * second, '10m'],
    [3 * hour, '3h'],
    [7 * hour + 59 * minute, '7h59m'],
    [8 * hour + 5 * minute, '8h'],
    [48 * hour, '2d'],
    [2 * day + 4 * hour, '2d4h'],
    [9 * day + 4 * hour, '9d'],
    [729 * day, '729d'],
    [731 * day, '2y1d'],
    [9 * 365 * day, '9y'],
  ];
  for (const [ms, text] of ages) assert.equal(formatAge(ms), text);
});
