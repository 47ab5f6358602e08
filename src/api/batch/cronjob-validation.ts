/**
 * Rules of a CronJob: a schedule that can be read, a time zone that exists, a Job that could be made. Paths and wording are upstream's
 * (pkg/apis/batch/validation).
 */
import { invalidValue } from '#meta/causes.ts';
import { isTimeZone, parseCron } from '#meta/cron.ts';
import { dns1123Label } from '#meta/names.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import type { Causes } from '../field-checks.ts';
import type { CronJobSpec } from './cronjob.ts';
import { jobTemplateCauses } from './job-validation.ts';

interface CronJobLike {
  readonly metadata: ObjectMeta;
  readonly spec: CronJobSpec;
}

/** A Job's name is at most 63 characters, of which 11 are the time. */
const nameMax = 52;

function* timeZoneCauses(name: string | undefined): Causes {
  if (name === undefined) return;
  const path = 'spec.timeZone';
  if (name === '') {
    yield invalidValue(path, name, 'timeZone must be nil or non-empty string');
    return;
  }
  const isPart = (part: string): boolean =>
    part !== '.' && part !== '..' && !part.startsWith('-') && /^[A-Za-z.\-_0-9+]{1,14}$/.test(part);
  if (!name.split('/').every(isPart)) {
    yield invalidValue(path, name, `unknown time zone ${name}`);
    return;
  }
  if (name.toLowerCase() === 'local')
    yield invalidValue(
      path,
      name,
      'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
    );
  if (name !== 'Local' && !isTimeZone(name)) yield invalidValue(path, name, `unknown time zone ${name}`);
}

/** Rules of a new CronJob and of every update, but those that look at the old one. */
export function* cronJobCauses({ metadata, spec }: CronJobLike): Causes {
  const isNew = !metadata.resourceVersion;
  if (spec.schedule) {
    const parsed = parseCron(spec.schedule);
    if ('error' in parsed) yield invalidValue('spec.schedule', spec.schedule, parsed.error);
    if (isNew && spec.schedule.includes('TZ')) yield invalidValue('spec.schedule', spec.schedule, useField);
  }
  if (isNew) yield* timeZoneCauses(spec.timeZone);
  yield* jobTemplateCauses('spec.jobTemplate.spec', spec.jobTemplate.spec);
  // A CronJob from before the limit may still be changed.
  if (isNew && metadata.name.length > nameMax)
    yield invalidValue('metadata.name', metadata.name, `must be no more than ${nameMax} characters`);
}

const useField = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead';

/** A zone in the schedule stays allowed where it was; a time zone that is not touched is not judged. */
export function* cronJobUpdateCauses(spec: CronJobSpec, old: CronJobSpec): Causes {
  if (spec.schedule?.includes('TZ')) {
    if (!old.schedule.includes('TZ')) yield invalidValue('spec.schedule', spec.schedule, useField);
    else if (spec.timeZone !== undefined)
      yield invalidValue(
        'spec.schedule',
        spec.schedule,
        'cannot use both timeZone field and TZ or CRON_TZ in schedule',
      );
  }
  if (spec.timeZone !== old.timeZone) yield* timeZoneCauses(spec.timeZone);
}

export function* cronJobWarnings({ metadata, spec }: CronJobLike, isNew: boolean): Iterable<string> {
  const messages = isNew ? dns1123Label(metadata.name) : [];
  if (messages.length > 0)
    yield `metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [${messages.join(' ')}]`;
  if (spec.schedule.includes('TZ'))
    yield 'CRON_TZ or TZ used in spec.schedule is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details';
}
