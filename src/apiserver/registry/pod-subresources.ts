/**
 * The verbs that only pods have: binding to a node (the scheduler's one write) and eviction (a delete that respects disruption budgets).
 */
import { ApiError, badRequest, conflict } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import type { Binding } from '#api/core/binding.ts';
import type { Pod } from '#api/core/pod.ts';
import type { Eviction } from '#api/policy/eviction.ts';
import type { DeleteOptions } from '#client/client.ts';
import { timestamp } from './prepare.ts';
import { remove } from './delete.ts';
import { nameOf, type Asker, type Resource } from './resource.ts';
import { write, type Target } from './update.ts';

/** Assigns the pod to the binding's target; throws Conflict when it has a node already or is going. */
export async function bind(pods: Resource, asker: Asker, target: Target & { readonly body: unknown }): Promise<void> {
  const binding = target.body as Partial<Binding>;
  const node = binding.target?.name;
  if (!node) throw badRequest('Binding.target.name: Required value');
  if (binding.target?.kind && binding.target.kind !== 'Node')
    throw badRequest(`Binding.target.kind: Unsupported value: "${binding.target.kind}": supported values: "Node"`);
  await write(pods, asker, {
    namespace: target.namespace,
    name: target.name,
    subresource: 'binding',
    make: (old) => {
      if (!old) return undefined;
      const pod = old as unknown as Pod;
      const uid = binding.metadata?.uid;
      if (uid && uid !== pod.metadata.uid)
        throw conflict(
          nameOf(pods.kind),
          target.name,
          `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid}`,
        );
      if (pod.metadata.deletionTimestamp)
        throw conflict(
          nameOf(pods.kind),
          target.name,
          `pod ${target.name} is being deleted, cannot be assigned to a host`,
        );
      if (pod.spec.nodeName)
        throw conflict(
          nameOf(pods.kind),
          target.name,
          `pod ${target.name} is already assigned to node "${pod.spec.nodeName}"`,
        );
      if (pod.spec.schedulingGates?.length)
        throw conflict(nameOf(pods.kind), target.name, `pod ${target.name} has non-empty .spec.schedulingGates`);
      const conditions = (pod.status?.conditions ?? []).filter((condition) => condition.type !== 'PodScheduled');
      return {
        ...pod,
        metadata: { ...pod.metadata, annotations: { ...pod.metadata.annotations, ...binding.metadata?.annotations } },
        spec: { ...pod.spec, nodeName: node },
        status: {
          ...pod.status,
          conditions: [
            ...conditions,
            { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: timestamp(pods.world) },
          ],
        },
      } as unknown as AnyObject;
    },
  });
}

/** Deletes the pod as the eviction asks. No disruption budgets exist in this API yet, so none can refuse. */
export async function evict(pods: Resource, asker: Asker, target: Target & { readonly body: unknown }): Promise<void> {
  const eviction = target.body as Partial<Eviction>;
  const name = eviction.metadata?.name;
  if (name && name !== target.name)
    throw badRequest(`the name in the body (${name}) does not match the name on the URL (${target.name})`);
  const sent = (eviction.deleteOptions ?? {}) as DeleteOptions & { dryRun?: readonly string[] | boolean };
  const dryRun = asker.dryRun || (Array.isArray(sent.dryRun) && sent.dryRun.includes('All'));
  const { dryRun: _d, ...options } = sent;
  try {
    await remove(
      pods,
      { ...asker, dryRun },
      { namespace: target.namespace, name: target.name, options: options as DeleteOptions },
    );
  } catch (error) {
    // An eviction of a pod that goes is done.
    if (!(error instanceof ApiError && error.reason === 'NotFound' && eviction.metadata?.uid)) throw error;
  }
}
