/** What a Job's status may say, and what of it is final. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { written } from '../written.ts';
import type { JobStatus } from './job.ts';
import { Job } from './job.ts';

const podSpec = { restartPolicy: 'Never', containers: [{ name: 'c', image: 'busybox:1' }] };
const [begin, end] = ['2026-11-21T05:00:00Z', '2026-11-21T05:01:00Z'];
const holds = (...types: string[]) => ({ conditions: types.map((type) => ({ type, status: 'True' as const })) });
const done: JobStatus = {
  ...holds('SuccessCriteriaMet', 'Complete'),
  startTime: begin,
  completionTime: end,
  succeeded: 1,
};
const failed: JobStatus = { ...holds('FailureTarget', 'Failed'), startTime: begin, failed: 7 };
const indexed = { completionMode: 'Indexed', completions: 5, parallelism: 5, backoffLimitPerIndex: 1 };

const table: readonly [string, readonly string[], JobStatus, { readonly old?: JobStatus; readonly spec?: object }?][] =
  [
    ['it runs', [], { startTime: begin, active: 2, ready: 1, terminating: 0 }],
    ['it is done', [], done],
    ['it failed', [], failed],
    ['less than nothing', ['active: Invalid value: -1: must be greater than or equal to 0'], { active: -1 }],
    [
      'more ready than active',
      ['ready: Invalid value: 2: cannot set more ready pods than active'],
      { active: 1, ready: 2 },
    ],
    [
      'done without its criteria',
      ['conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition'],
      { ...done, ...holds('Complete') },
    ],
    [
      'failed without its target',
      ['conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition'],
      { ...failed, ...holds('Failed') },
    ],
    [
      'both ends',
      ['conditions: Invalid value: cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'],
      { ...holds('SuccessCriteriaMet', 'FailureTarget') },
    ],
    [
      'done without times',
      [
        'completionTime: Required value: completionTime is required for Complete jobs',
        'startTime: Required value: startTime is required for finished job',
      ],
      { ...holds('SuccessCriteriaMet', 'Complete') },
    ],
    [
      'done before it began',
      ['completionTime: Invalid value: "2026-11-21T05:00:00Z": must be equal to or after `startTime`'],
      { ...done, startTime: end, completionTime: begin },
    ],
    [
      'done with pods',
      [
        'active: Invalid value: 1: active>0 is invalid for finished job',
        'terminating: Invalid value: 1: terminating>0 is invalid for finished job',
        'uncountedTerminatedPods: Invalid value: {"Succeeded":["x"],"Failed":null}: must be empty for finished job',
      ],
      { ...done, active: 1, terminating: 1, uncountedTerminatedPods: { succeeded: ['x'] } },
    ],
    [
      'an end taken back',
      ['conditions: Invalid value: cannot disable the terminal Failed=True condition'],
      { ...failed, ...holds('FailureTarget') },
      { old: failed },
    ],
    [
      'counters that fall',
      [
        'failed: Invalid value: 1: cannot decrease the failed counter',
        'succeeded: Invalid value: 0: cannot decrease the succeeded counter',
      ],
      { failed: 1 },
      { old: { failed: 2, succeeded: 1 } },
    ],
    ['an indexed Job made smaller', [], { succeeded: 1 }, { old: { succeeded: 2 }, spec: indexed }],
    [
      'another beginning',
      ['startTime: Invalid value: "2026-11-21T05:01:00Z": field is immutable for unsuspended job once set'],
      { startTime: end },
      { old: { startTime: begin } },
    ],
    [
      'pods twice',
      [
        'uncountedTerminatedPods.succeeded[1]: Duplicate value: "x"',
        'uncountedTerminatedPods.failed[0]: Invalid value: "": must not be empty',
      ],
      { uncountedTerminatedPods: { succeeded: ['x', 'x'], failed: [''] } },
    ],
    [
      'indexes of a Job without',
      [
        'completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode',
        'failedIndexes: Invalid value: "0": cannot set non-null failedIndexes when backoffLimitPerIndex is null',
        'failedIndexes: Invalid value: "0": failedIndexes and completedIndexes overlap at index: 0',
      ],
      { completedIndexes: '0', failedIndexes: '0' },
    ],
    [
      'indexes in both lists',
      ['failedIndexes: Invalid value: "0,3": failedIndexes and completedIndexes overlap at index: 3'],
      { completedIndexes: '1-3', failedIndexes: '0,3' },
      { spec: indexed },
    ],
    [
      'indexes that cannot be read',
      ['completedIndexes: Invalid value: "1-9": error parsing completedIndexes: too large index: "9"'],
      { completedIndexes: '1-9' },
      { spec: indexed },
    ],
    [
      'indexes that were too many before',
      [],
      { completedIndexes: '1-9' },
      { old: { completedIndexes: '1-9' }, spec: indexed },
    ],
  ];
for (const [what, causes, status, { old = {}, spec = {} } = {}] of table)
  test(`the status of a job: ${what}`, () => {
    const job = written(Job, { metadata: { name: 'sum' }, spec: { template: { spec: podSpec }, ...spec } } as never);
    const found = Job.hooks.validateStatus?.({ ...job, status }, { ...job, status: old }) ?? [];
    assert.deepEqual(
      found.map(({ field, message }) => `${field}: ${message}`),
      causes.map((cause) => `status.${cause}`),
    );
  });
