import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { CronJob } from './cronjob.ts';

const podSpec = { restartPolicy: 'Never', containers: [{ name: 'c', image: 'busybox:1' }] };
const job = (fields: object = {}): object => ({ spec: { template: { spec: podSpec }, ...fields } });
const cron = (fields: object = {}, name = 'nightly'): never =>
  ({ metadata: { name }, spec: { schedule: '0 3 * * *', jobTemplate: job(), ...fields } }) as never;

test('a cron job gets its defaults, and its Job only those of a pod', () => {
  const { spec, status } = written(CronJob, cron());
  const { concurrencyPolicy, suspend, successfulJobsHistoryLimit, failedJobsHistoryLimit } = spec;
  assert.deepEqual(
    [concurrencyPolicy, suspend, successfulJobsHistoryLimit, failedJobsHistoryLimit],
    ['Allow', false, 3, 1],
  );
  assert.deepEqual(Object.keys(spec.jobTemplate.spec), ['template']);
  assert.equal(spec.jobTemplate.spec.template.spec.containers[0]?.imagePullPolicy, 'IfNotPresent');
  assert.deepEqual(status, {});
});

const zone = (name: string, detail: string): [string, object, readonly string[]] => [
  `the time zone "${name}"`,
  { timeZone: name },
  [`spec.timeZone: Invalid value: "${name}": ${detail}`],
];
const table: readonly [string, object, readonly string[]][] = [
  ['names and steps', { schedule: '*/15 9-17 * jan-jun MON-FRI', timeZone: 'Europe/Berlin' }, []],
  ['a descriptor', { schedule: '@every 90m' }, []],
  ['no schedule', { schedule: '' }, ['spec.schedule: Required value']],
  [
    'too few fields',
    { schedule: '* * *' },
    ['spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]'],
  ],
  [
    'a zone in the schedule',
    { schedule: 'CRON_TZ=UTC 0 3 * * *' },
    [
      'spec.schedule: Invalid value: "CRON_TZ=UTC 0 3 * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    ],
  ],
  zone('', 'timeZone must be nil or non-empty string'),
  zone('Mars/Base', 'unknown time zone Mars/Base'),
  zone('europe/berlin', 'unknown time zone europe/berlin'),
  zone('../etc/passwd', 'unknown time zone ../etc/passwd'),
  zone('Local', 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'),
  [
    'wrong numbers and words',
    {
      concurrencyPolicy: 'Sometimes',
      startingDeadlineSeconds: -1,
      successfulJobsHistoryLimit: -1,
      failedJobsHistoryLimit: -2,
    },
    [
      'spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0',
      'spec.concurrencyPolicy: Unsupported value: "Sometimes": supported values: "Allow", "Forbid", "Replace"',
      'spec.successfulJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0',
      'spec.failedJobsHistoryLimit: Invalid value: -2: must be greater than or equal to 0',
    ],
  ],
  [
    'a Job with a selector',
    { jobTemplate: job({ selector: { matchLabels: { a: 'b' } }, manualSelector: true }) },
    [
      'spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: `selector` will be auto-generated',
      'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"',
    ],
  ],
  [
    'a Job that never ends',
    { jobTemplate: job({ template: { spec: { ...podSpec, restartPolicy: 'Always' } } }) },
    ['spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
  ],
  [
    'an indexed Job without a count',
    { jobTemplate: job({ completionMode: 'Indexed' }) },
    ['spec.jobTemplate.spec.completions: Required value: when completion mode is Indexed'],
  ],
];
for (const [what, fields, causes] of table)
  test(`a cron job with ${what}`, () => assert.deepEqual(createCauses(CronJob, cron(fields)), causes));

test('a name leaves room for the time', () => {
  assert.deepEqual(createCauses(CronJob, cron({}, 'a'.repeat(52))), []);
  const long = 'a'.repeat(53);
  assert.deepEqual(createCauses(CronJob, cron({}, long)), [
    `metadata.name: Invalid value: "${long}": must be no more than 52 characters`,
  ]);
});

test('its Job may change in every respect; what was allowed once stays allowed', () => {
  const stored = (fields: object) => {
    const object = written(CronJob, cron(fields));
    return { ...object, metadata: { ...object.metadata, resourceVersion: '7' } };
  };
  const old = stored({ jobTemplate: job({ completionMode: 'Indexed', completions: 2 }) });
  assert.deepEqual(updateCauses(CronJob, cron({ jobTemplate: job({ backoffLimitPerIndex: undefined }) }), old), []);
  const zoned = stored({ schedule: 'TZ=UTC 0 3 * * *' });
  assert.deepEqual(updateCauses(CronJob, cron({ schedule: 'TZ=UTC 0 4 * * *' }), zoned), []);
  assert.deepEqual(updateCauses(CronJob, cron({ schedule: 'TZ=UTC 0 4 * * *', timeZone: 'UTC' }), zoned), [
    'spec.schedule: Invalid value: "TZ=UTC 0 4 * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule',
  ]);
  assert.deepEqual(updateCauses(CronJob, cron({ schedule: 'TZ=UTC 0 4 * * *' }), old), [
    'spec.schedule: Invalid value: "TZ=UTC 0 4 * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
  ]);
  const lost = stored({ timeZone: 'Old/Zone' });
  assert.deepEqual(updateCauses(CronJob, cron({ timeZone: 'Old/Zone', suspend: true }), lost), []);
});

test('the table and the warnings of a cron job', () => {
  const object = written(CronJob, cron({ timeZone: 'UTC' }, 'a.b'));
  assert.deepEqual(
    row(CronJob, { ...object, status: { active: [{ name: 'x' }], lastScheduleTime: '2026-11-21T05:02:00Z' } }),
    {
      Name: 'a.b',
      Schedule: '0 3 * * *',
      Timezone: 'UTC',
      Suspend: 'False',
      Active: 1,
      'Last Schedule': '3m',
      Age: '5m',
      Containers: 'c',
      Images: 'busybox:1',
      Selector: '<none>',
    },
  );
  assert.match(CronJob.hooks.warnings?.(object, undefined)[0] ?? '', /^metadata\.name: this is used in Pod names/);
  assert.deepEqual(CronJob.hooks.warnings?.(object, object), []);
});
