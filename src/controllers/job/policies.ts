/**
 * How a failed pod counts (podFailurePolicy) and when enough indexes have succeeded (successPolicy). Pure; upstream's rules and messages (KEP-3329, KEP-3998).
 */
import type { Job } from '#api/batch/job.ts';
import type { Pod } from '#api/core/pod.ts';
import { parseIndexes } from './indexes.ts';

export type Judgement =
  | { readonly action: 'Count' | 'Ignore' | 'FailIndex' }
  | { readonly action: 'FailJob'; readonly message: string };

type Rule = NonNullable<Job['spec']['podFailurePolicy']>['rules'][number];

/** The first rule that matches decides. */
export function judge(job: Job, pod: Pod): Judgement {
  const rules = pod.status?.phase === 'Failed' ? (job.spec.podFailurePolicy?.rules ?? []) : [];
  for (const [place, rule] of rules.entries()) {
    const why = matchOf(rule, pod);
    if (why === undefined) continue;
    return rule.action === 'FailJob'
      ? { action: 'FailJob', message: `${why} matching FailJob rule at index ${place}` }
      : { action: rule.action };
  }
  return { action: 'Count' };
}

function matchOf(rule: Rule, pod: Pod): string | undefined {
  const { namespace, name } = pod.metadata;
  if (rule.onExitCodes) {
    const { containerName, operator, values } = rule.onExitCodes;
    const all = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
    for (const status of all) {
      const code = status.state?.terminated?.exitCode;
      if (code === undefined || code === 0 || (containerName !== undefined && containerName !== status.name)) continue;
      if (values.includes(code) === (operator === 'In')) {
        return `Container ${status.name} for pod ${namespace}/${name} failed with exit code ${code}`;
      }
    }
  }
  for (const pattern of rule.onPodConditions ?? []) {
    const condition = pod.status?.conditions?.find(
      ({ type, status }) => type === pattern.type && status === pattern.status,
    );
    if (condition) return `Pod ${namespace}/${name} has condition ${condition.type}`;
  }
  return undefined;
}

/** Why the Job has succeeded already, or undefined. */
export function successBy(job: Job, succeeded: ReadonlySet<number>): string | undefined {
  for (const [place, rule] of (job.spec.successPolicy?.rules ?? []).entries()) {
    const { succeededIndexes, succeededCount } = rule;
    const named =
      succeededIndexes === undefined ? undefined : parseIndexes(succeededIndexes, job.spec.completions ?? 0);
    const hits = named ? named.filter((index) => succeeded.has(index)).length : succeeded.size;
    const needed = succeededCount ?? named?.length ?? Infinity;
    if (needed > 0 && hits >= needed) return `Matched rules at index ${place}`;
  }
  return undefined;
}
