/**
 * Eviction: deletes a pod, if the disruption budget that covers it allows that (https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/). One that is allowed is
 * first counted in the budget's status, in a compare-and-swap, so that two at once cannot both take the last one; the disruption controller counts anew from what it sees.
 */
import { ApiError, badRequest, isApiError, notFound, type Cause } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { matches, selectorFrom } from '#meta/selector.ts';
import type { Pod } from '#api/core/pod.ts';
import type { Eviction } from '#api/policy/eviction.ts';
import type { PodDisruptionBudget } from '#api/policy/poddisruptionbudget.ts';
import type { DeleteOptions } from '#client/client.ts';
import { loopback } from '../user.ts';
import { remove } from './delete.ts';
import { timestamp } from './prepare.ts';
import { nameOf, objectOf, type Asker, type Resource } from './resource.ts';
import { write, type Target } from './update.ts';

/** A pod that is written meanwhile is looked at again this often. */
const triesMax = 20;
/** Evictions that were allowed and that nobody has confirmed yet. */
const disruptedMax = 2_000;

export interface EvictRequest extends Target {
  readonly body: unknown;
  readonly budgets: Resource;
}

/** Throws NotFound, Conflict (preconditions), TooManyRequests when a budget forbids it, InternalError when there are several. */
export async function evict(pods: Resource, asker: Asker, request: EvictRequest): Promise<void> {
  const eviction = request.body as Partial<Eviction>;
  const name = eviction.metadata?.name;
  if (name && name !== request.name)
    throw badRequest(`the name in the body (${name}) does not match the name on the URL (${request.name})`);
  const sent = (eviction.deleteOptions ?? {}) as DeleteOptions & { dryRun?: readonly string[] | boolean };
  const dryRun = asker.dryRun || (Array.isArray(sent.dryRun) && sent.dryRun.includes('All'));
  const { dryRun: _d, ...options } = sent;
  const evicting: Evicting = { pods, asker: { ...asker, dryRun }, request, options: options as DeleteOptions };
  const isOwnVersion = evicting.options.preconditions?.resourceVersion !== undefined;
  for (let tries = 1; ; tries++) {
    const pod = podOf(evicting);
    if (!needsBudget(pod)) {
      try {
        // One that could become ready meanwhile is deleted as it was looked at.
        const exact = !isOver(pod) && !isOwnVersion;
        await end(evicting, exact ? pod.metadata.resourceVersion : undefined);
        return;
      } catch (error) {
        if (isOwnVersion || tries >= triesMax || !isApiError(error, 'Conflict')) throw error;
        continue;
      }
    }
    const budget = budgetOf(request.budgets, pod);
    const isSpare = budget !== undefined && !isReady(pod) && mayGoUnhealthy(budget);
    if (budget && !isSpare) await countDown(evicting, budget, pod);
    try {
      await end(evicting, isSpare && !isOwnVersion ? pod.metadata.resourceVersion : undefined);
    } catch (error) {
      if (isSpare && !isOwnVersion && isApiError(error, 'Conflict')) throw beingProcessed(budget.metadata.name);
      throw error;
    }
    return;
  }
}

interface Evicting {
  readonly pods: Resource;
  readonly asker: Asker;
  readonly request: EvictRequest;
  readonly options: DeleteOptions;
}

function podOf({ pods, request }: Evicting): Pod {
  const entry = pods.cache.get(pods.cache.key(request.namespace, request.name));
  if (!entry) throw notFound(nameOf(pods.kind), request.name);
  return entry.object as unknown as Pod;
}

const isOver = ({ metadata, status }: Pod): boolean =>
  status?.phase === 'Succeeded' || status?.phase === 'Failed' || metadata.deletionTimestamp !== undefined;

/** Pods that do not serve yet or any more are no disruption. */
const needsBudget = (pod: Pod): boolean => !isOver(pod) && pod.status?.phase !== 'Pending';

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false;

function budgetOf({ cache }: Resource, pod: Pod): PodDisruptionBudget | undefined {
  const { namespace, labels = {} } = pod.metadata;
  const found: PodDisruptionBudget[] = [];
  for (const { object } of cache.range(`${cache.prefix}${namespace}/`)) {
    const budget = object as unknown as PodDisruptionBudget;
    const { selector } = budget.spec;
    if (selector !== undefined && matches(selectorFrom(selector as never), labels)) found.push(budget);
  }
  if (found.length > 1)
    throw new ApiError(
      'InternalError',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  return found[0];
}

/** A pod that is not ready takes nothing from a budget whose others suffice. */
const mayGoUnhealthy = ({ spec, status }: PodDisruptionBudget): boolean =>
  spec.unhealthyPodEvictionPolicy === 'AlwaysAllow' ||
  (status.currentHealthy >= status.desiredHealthy && status.desiredHealthy > 0);

/** Takes one from what the budget allows, and remembers for whom. */
async function countDown({ asker, request }: Evicting, { metadata }: PodDisruptionBudget, pod: Pod): Promise<void> {
  const { budgets } = request;
  await write(
    budgets,
    { ...asker, user: loopback },
    {
      namespace: metadata.namespace,
      name: metadata.name,
      subresource: 'status',
      make: (old) => {
        if (!old) return undefined;
        const budget = old as unknown as PodDisruptionBudget;
        checkAllowed(budget);
        const disruptionsAllowed = budget.status.disruptionsAllowed - 1;
        const conditions = budget.status.conditions?.map((each) =>
          each.type === 'DisruptionAllowed' && disruptionsAllowed === 0
            ? {
                ...each,
                status: 'False' as const,
                reason: 'InsufficientPods',
                message: '',
                lastTransitionTime: timestamp(budgets.world),
              }
            : each,
        );
        const disruptedPods = { ...budget.status.disruptedPods, [pod.metadata.name]: timestamp(budgets.world) };
        const status = { ...budget.status, disruptionsAllowed, disruptedPods, ...(conditions ? { conditions } : {}) };
        return { ...budget, status } as unknown as AnyObject;
      },
    },
  );
}

function checkAllowed({ metadata, status }: PodDisruptionBudget): void {
  const { name } = metadata;
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) throw beingProcessed(name);
  const forbidden = (why: string, told: string): ApiError =>
    new ApiError('Forbidden', `poddisruptionbudget.policy "${name}" is forbidden: ${why}`, {
      details: {
        name,
        group: 'policy',
        kind: 'poddisruptionbudget',
        causes: [cause(`The disruption budget ${name} does not allow evicting pods currently: ${told}`)],
      },
    });
  if (status.disruptionsAllowed < 0)
    throw forbidden('pdb disruptions allowed is negative', 'pdb disruptions allowed is negative');
  if (Object.keys(status.disruptedPods ?? {}).length > disruptedMax)
    throw forbidden(
      'DisruptedPods map too big - too many evictions not confirmed by PDB controller',
      'too many pending evictions not confirmed by PDB controller',
    );
  if (status.disruptionsAllowed > 0) return;
  const condition = status.conditions?.find((each) => each.type === 'DisruptionAllowed');
  const said = condition?.status === 'False' && condition.message ? condition : undefined;
  const told =
    said?.reason === 'SyncFailed'
      ? `does not allow evicting pods currently because it failed sync: ${said.message}`
      : status.currentHealthy <= status.desiredHealthy
        ? `needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`
        : `does not allow evicting pods currently${said ? ` (${said.reason}): ${said.message}` : ''}`;
  throw new ApiError('TooManyRequests', violates, {
    details: { causes: [cause(`The disruption budget ${name} ${told}`)] },
  });
}

const violates = "Cannot evict pod as it would violate the pod's disruption budget.";
/** It is about no field. */
const cause = (message: string): Cause => ({ reason: 'DisruptionBudget', message }) as Cause;

const beingProcessed = (name: string): ApiError =>
  new ApiError('TooManyRequests', violates, {
    details: {
      retryAfterSeconds: 10,
      causes: [cause(`The disruption budget ${name} is still being processed by the server.`)],
    },
  });

/** Announces the end on the pod and deletes it; `resourceVersion`: as it was at this version. */
async function end(evicting: Evicting, resourceVersion: string | undefined): Promise<void> {
  const { pods, asker, request, options } = evicting;
  const { namespace, name } = request;
  let preconditions = { ...options.preconditions, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
  if (!asker.dryRun) {
    const announced = await write(
      pods,
      { ...asker, user: loopback },
      {
        namespace,
        name,
        subresource: 'status',
        make: (old) => {
          if (!old) return undefined;
          const { uid, resourceVersion: version } = old.metadata;
          for (const [what, wanted, is] of [
            ['UID', preconditions.uid, uid],
            ['ResourceVersion', preconditions.resourceVersion, version],
          ])
            if (wanted && wanted !== is)
              throw changed(name, `${what} in the precondition (${wanted})`, `${what} in record (${is})`);
          return announcedOn(old as unknown as Pod, timestamp(pods.world)) as unknown as AnyObject;
        },
      },
    );
    // The announcement itself is no change by somebody else.
    if (preconditions.resourceVersion !== undefined)
      preconditions = { ...preconditions, resourceVersion: objectOf(pods, announced).metadata.resourceVersion };
  }
  await remove(pods, asker, { namespace, name, options: { ...options, preconditions } });
}

const changed = (name: string, wanted: string, is: string): ApiError =>
  new ApiError(
    'Conflict',
    `Operation cannot be fulfilled on Pod "${name}": the ${wanted} does not match the ${is}. The object might have been ${wanted.startsWith('UID') ? 'deleted and then recreated' : 'modified'}`,
    { details: { name, kind: 'Pod' } },
  );

function announcedOn(pod: Pod, now: string): Pod {
  const { conditions = [] } = pod.status;
  const old = conditions.find(({ type }) => type === 'DisruptionTarget');
  const next = {
    type: 'DisruptionTarget' as const,
    status: 'True' as const,
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
    lastTransitionTime: old?.status === 'True' && old.lastTransitionTime ? old.lastTransitionTime : now,
  };
  const all = old ? conditions.map((each) => (each === old ? next : each)) : [...conditions, next];
  return { ...pod, status: { ...pod.status, conditions: all } } as Pod;
}
