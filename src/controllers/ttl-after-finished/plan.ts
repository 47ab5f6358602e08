/**
 * Deletes finished Jobs after their ttlSecondsAfterFinished (https://kubernetes.io/docs/concepts/workloads/controllers/ttlafterfinished/).
 */
import { parseTime } from '#meta/time.ts';
import { Job } from '#api/batch/job.ts';
import { remove, wake, type Action } from '#runtime/action.ts';
import { controller } from '#runtime/controller.ts';

export const ttlAfterFinished = controller({
  name: 'ttl-after-finished-controller',
  for: Job,
  *reconcile(job: Job, { now }): Iterable<Action> {
    const { ttlSecondsAfterFinished } = job.spec;
    if (ttlSecondsAfterFinished === undefined || job.metadata.deletionTimestamp !== undefined) return;
    const end = job.status.conditions?.find(
      ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
    );
    if (!end) return;
    const left = (parseTime(end.lastTransitionTime ?? '') ?? now) + ttlSecondsAfterFinished * 1000 - now;
    if (left > 0) yield wake(left);
    else {
      const { resourceVersion } = job.metadata;
      yield remove(Job, job, { propagationPolicy: 'Foreground', preconditions: { resourceVersion } });
    }
  },
});
