import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTimeZone, nextTime, parseCron } from './cron.ts';

const wrong: readonly [string, string][] = [
  ['', 'empty spec string'],
  ['wrong', 'expected exactly 5 fields, found 1: [wrong]'],
  ['* * * * * *', 'expected exactly 5 fields, found 6: [* * * * * *]'],
  ['60 * * * *', 'end of range (60) above maximum (59): 60'],
  ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
  ['* * * * 7', 'end of range (7) above maximum (6): 7'],
  ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
  ['1/2/3 * * * *', 'too many slashes: 1/2/3'],
  ['a * * * *', 'failed to parse int from a: strconv.Atoi: parsing "a": invalid syntax'],
  [
    '99999999999999999999 * * * *',
    'failed to parse int from 99999999999999999999: strconv.Atoi: parsing "99999999999999999999": value out of range',
  ],
  ['@never', 'unrecognized descriptor: @never'],
  ['@every 1x', 'failed to parse duration @every 1x: time: unknown unit "x" in duration "1x"'],
  ['TZ=Mars/Base * * * * *', 'provided bad location Mars/Base: unknown time zone Mars/Base'],
  ['TZ=UTC', 'expected exactly 5 fields, found 0: []'],
];
for (const [text, error] of wrong) test(`"${text}" is no schedule`, () => assert.deepEqual(parseCron(text), { error }));

/** The first times after a moment. */
function times(text: string, after: string, zone?: string, count = 2): string[] {
  const parsed = parseCron(text);
  assert.ok('schedule' in parsed, JSON.stringify(parsed));
  const found: string[] = [];
  let at: number | undefined = Date.parse(after);
  for (let index = 0; index < count; index++) {
    at = nextTime(parsed.schedule, at, zone);
    if (at === undefined) return found;
    found.push(new Date(at).toISOString().replace('.000Z', 'Z'));
  }
  return found;
}

test('times in UTC', () => {
  const after = '2026-11-21T08:07:30.500Z';
  assert.deepEqual(times('* * * * *', after), ['2026-11-21T08:08:00Z', '2026-11-21T08:09:00Z']);
  assert.deepEqual(times('*/15 * * * *', after), ['2026-11-21T08:15:00Z', '2026-11-21T08:30:00Z']);
  assert.deepEqual(times('5,10 9-10 * * mon-FRI', after), ['2026-11-23T09:05:00Z', '2026-11-23T09:10:00Z']);
  assert.deepEqual(times('0 0 29 feb ?', after), ['2028-02-29T00:00:00Z', '2032-02-29T00:00:00Z']);
  assert.deepEqual(times('0 0 31 2 *', after), []);
  assert.deepEqual(times('30/10 0 1 JAN *', after), ['2027-01-01T00:30:00Z', '2027-01-01T00:40:00Z']);
  assert.deepEqual(times('0 0 13 * 5', after), ['2026-11-27T00:00:00Z', '2026-12-04T00:00:00Z']);
  assert.deepEqual(times('0 0 */2 * 5', after), ['2026-11-23T00:00:00Z', '2026-11-25T00:00:00Z']);
  assert.deepEqual(times('@hourly', after), ['2026-11-21T09:00:00Z', '2026-11-21T10:00:00Z']);
  assert.deepEqual(times('@yearly', after), ['2027-01-01T00:00:00Z', '2028-01-01T00:00:00Z']);
  assert.deepEqual(times('@every 1m30s', after), ['2026-11-21T08:09:00Z', '2026-11-21T08:10:30Z']);
  assert.deepEqual(times('@every 1ms', after, undefined, 1), ['2026-11-21T08:07:31Z']);
  assert.deepEqual(times('CRON_TZ=Asia/Tokyo 0 9 * * *', after), ['2026-11-22T00:00:00Z', '2026-11-23T00:00:00Z']);
});

test('an hour that clocks jump over is skipped, one that they show twice counts twice', () => {
  const zone = 'America/New_York';
  assert.deepEqual(times('30 2 * * *', '2026-03-07T12:00:00Z', zone), ['2026-03-09T06:30:00Z', '2026-03-10T06:30:00Z']);
  assert.deepEqual(times('30 1 * * *', '2026-10-31T12:00:00Z', zone, 3), [
    '2026-11-01T05:30:00Z',
    '2026-11-01T06:30:00Z',
    '2026-11-02T06:30:00Z',
  ]);
  // Midnight itself is jumped over there.
  assert.deepEqual(times('0 1 * * *', '2026-09-05T12:00:00Z', 'America/Santiago'), [
    '2026-09-06T04:00:00Z',
    '2026-09-07T04:00:00Z',
  ]);
});

test('names of time zones are those of the database, by letter', () => {
  for (const name of ['UTC', 'Europe/Berlin', 'Asia/Calcutta', 'US/Eastern', 'EST', 'Etc/GMT+5'])
    assert.equal(isTimeZone(name), true, name);
  for (const name of ['', 'europe/berlin', 'Europe/Bonn', '+0530', 'utc', 'Local', '../etc/passwd'])
    assert.equal(isTimeZone(name), false, name);
});
