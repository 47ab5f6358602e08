/**
 * CronJob: makes a Job at the times of a schedule. Declares fields, defaults and columns; its rules stand in `cronjob-validation.ts`, schedules
 * are read by `meta/cron.ts`.
 */
import { selectorFrom, formatSelector } from '#meta/selector.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { objectMeta } from '#schema/object-meta.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn, since } from '../columns.ts';
import { fillTemplateOf } from '../core/pod-defaults.ts';
import { podWarnings } from '../core/pod-warnings.ts';
import { objectReference } from '../core/references.ts';
import { cronJobCauses, cronJobUpdateCauses, cronJobWarnings } from './cronjob-validation.ts';
import { jobSpec } from './job.ts';

export const jobTemplateSpec = struct(
  'batch.v1.JobTemplateSpec',
  {
    metadata: s.field(1, objectMeta).default({}).doc('Labels and annotations of each Job.'),
    spec: s
      .field(2, jobSpec)
      .default({} as never)
      .doc('What each Job should run.'),
  },
  { doc: 'The Job that a CronJob makes copies of.' },
);
export interface JobTemplateSpec extends Of<typeof jobTemplateSpec> {}

export const cronJobSpec = struct(
  'batch.v1.CronJobSpec',
  {
    schedule: s
      .string(1)
      .doc('When Jobs are made, as cron writes it: minute, hour, day, month, weekday; or @hourly, @every 2h …'),
    timeZone: s
      .string(8)
      .keepsZero()
      .optional()
      .doc('The time zone of the schedule, such as Europe/Berlin; that of the controller manager when absent.'),
    startingDeadlineSeconds: s
      .int64(2)
      .keepsZero()
      .min(0)
      .optional()
      .doc('How late a Job may still be made, in seconds; one that is later counts as missed.'),
    concurrencyPolicy: s
      .oneOf(3, 'Allow', 'Forbid', 'Replace')
      .default('Allow')
      .doc('When the last Job still runs: Allow another beside it, Forbid it, or Replace the old one.'),
    suspend: s.boolean(4).keepsZero().default(false).doc('When true, no Jobs are made.'),
    jobTemplate: s
      .field(5, jobTemplateSpec)
      .default({} as never)
      .doc('The Job to make.'),
    successfulJobsHistoryLimit: s.int32(6).keepsZero().min(0).default(3).doc('How many Jobs that succeeded are kept.'),
    failedJobsHistoryLimit: s.int32(7).keepsZero().min(0).default(1).doc('How many Jobs that failed are kept.'),
  },
  { doc: 'What should run, and when.' },
);
export interface CronJobSpec extends Of<typeof cronJobSpec> {}

export const cronJobStatus = struct(
  'batch.v1.CronJobStatus',
  {
    active: s.list(1, objectReference).optional().doc('Jobs that run now.'),
    lastScheduleTime: s.time(4).optional().doc('When a Job was last made.'),
    lastSuccessfulTime: s.time(5).optional().doc('When a Job last succeeded.'),
  },
  { doc: 'What was last seen.' },
);
export interface CronJobStatus extends Of<typeof cronJobStatus> {}

export const CronJob = resource({
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  shortNames: ['cj'],
  categories: ['all'],
  scope: 'Namespaced',
  subresources: { status: true },
  columns: [
    nameColumn,
    { name: 'Schedule', type: 'string', description: 'When Jobs are made.', cell: ({ spec }) => spec.schedule },
    {
      name: 'Timezone',
      type: 'string',
      description: 'The time zone of the schedule.',
      cell: ({ spec }) => spec.timeZone ?? '<none>',
    },
    {
      name: 'Suspend',
      type: 'boolean',
      description: 'Whether no Jobs are made.',
      cell: ({ spec }) => (spec.suspend ? 'True' : 'False'),
    },
    {
      name: 'Active',
      type: 'integer',
      description: 'How many Jobs run now.',
      cell: ({ status }) => status.active?.length ?? 0,
    },
    {
      name: 'Last Schedule',
      type: 'string',
      description: 'Time since a Job was last made.',
      cell: ({ status }, { now }) =>
        status.lastScheduleTime === undefined ? '<none>' : since(status.lastScheduleTime, now),
    },
    ageColumn,
    {
      name: 'Containers',
      type: 'string',
      priority: 1,
      description: 'Names of the containers in the template.',
      cell: ({ spec }) => spec.jobTemplate.spec.template.spec.containers.map(({ name }) => name).join(','),
    },
    {
      name: 'Images',
      type: 'string',
      priority: 1,
      description: 'Images of the containers in the template.',
      cell: ({ spec }) => spec.jobTemplate.spec.template.spec.containers.map(({ image }) => image).join(','),
    },
    {
      name: 'Selector',
      type: 'string',
      priority: 1,
      description: 'Labels of the pods that belong to its Jobs; each Job has its own.',
      cell: ({ spec: { jobTemplate } }) =>
        jobTemplate.spec.selector === undefined
          ? '<none>'
          : formatSelector(selectorFrom(jobTemplate.spec.selector)) || '<none>',
    },
  ],
  hooks: {
    validateCreate: (cronJob) => [...cronJobCauses(cronJob)],
    validateUpdate: ({ spec }, { spec: old }) => [...cronJobUpdateCauses(spec, old)],
    warnings: (cronJob, old) => [
      ...cronJobWarnings(cronJob, old === undefined),
      ...podWarnings('spec.jobTemplate.spec.template', cronJob.spec.jobTemplate.spec.template),
    ],
    fill: (draft) => {
      const { spec: job } = draft.spec?.jobTemplate ?? {};
      if (draft.spec === undefined || job === undefined) return draft;
      const spec = fillTemplateOf(job);
      return spec === job
        ? draft
        : { ...draft, spec: { ...draft.spec, jobTemplate: { ...draft.spec.jobTemplate, spec } } };
    },
    prepareCreate: (cronJob) => ({ ...cronJob, status: {} }),
  },
  name: 'batch.v1.CronJob',
  doc: 'Makes a Job at the times of a schedule.',
  fields: {
    spec: s
      .field(2, cronJobSpec)
      .default({} as never)
      .doc('What should run, and when.'),
    status: s.field(3, cronJobStatus).default({}).doc('What was last seen.'),
  },
});
export type CronJob = ObjectOf<typeof CronJob>;
