/**
 * The verbs that only pods have: binding to a node (the scheduler's one write); eviction stands in `eviction.ts`.
 */
import { notSupported, required } from '#meta/causes.ts';
import { badRequest, conflict, invalid } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import type { Binding } from '#api/core/binding.ts';
import type { Pod } from '#api/core/pod.ts';
import { timestamp } from './prepare.ts';
import type { WatchCache } from '../watch/cache.ts';
import type { Asker, Resource } from './resource.ts';
import { write, type Target } from './update.ts';

/** Conflicts of a binding name the subresource. */
const bindings = { group: '', plural: 'pods/binding' };

/** Labels of a node that its pods get too, unless the binding says something else (KEP-4742). */
const topologyLabels = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

export interface BindRequest extends Target {
  readonly body: unknown;
  /** The nodes, for the labels of their places. */
  readonly nodes: WatchCache;
}

/** Assigns the pod to the binding's target; throws Conflict when it has a node already or is going, and Invalid for a target that is none. */
export async function bind(pods: Resource, asker: Asker, target: BindRequest): Promise<void> {
  const binding = target.body as Partial<Binding>;
  const { name: bound } = (binding.metadata ?? {}) as { readonly name?: string };
  if (bound && bound !== target.name) throw badRequest('name in URL does not match name in Binding object');
  const causes = [
    ...(binding.target?.kind && binding.target.kind !== 'Node'
      ? [notSupported('target.kind', binding.target.kind, ['Node', '<empty>'])]
      : []),
    ...(binding.target?.name ? [] : [required('target.name')]),
  ];
  if (causes.length > 0) throw invalid({ group: '', kind: 'Binding' }, target.name, causes);
  const node = binding.target?.name ?? '';
  const { labels: nodeLabels = {} } = target.nodes.get(target.nodes.key(undefined, node))?.object.metadata ?? {};
  const placed = topologyLabels.flatMap((key): [string, string][] =>
    nodeLabels[key] === undefined ? [] : [[key, nodeLabels[key]]],
  );
  const labels = { ...Object.fromEntries(placed), ...binding.metadata?.labels };
  await write(pods, asker, {
    namespace: target.namespace,
    name: target.name,
    subresource: 'binding',
    make: (old) => {
      if (!old) return undefined;
      const pod = old as unknown as Pod;
      const { uid, resourceVersion } = (binding.metadata ?? {}) as { uid?: string; resourceVersion?: string };
      if (resourceVersion && resourceVersion !== pod.metadata.resourceVersion)
        throw conflict(
          bindings,
          target.name,
          `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${pod.metadata.resourceVersion}`,
        );
      if (uid && uid !== pod.metadata.uid)
        throw conflict(
          bindings,
          target.name,
          `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid}`,
        );
      if (pod.metadata.deletionTimestamp)
        throw conflict(bindings, target.name, `pod ${target.name} is being deleted, cannot be assigned to a host`);
      if (pod.spec.nodeName)
        throw conflict(bindings, target.name, `pod ${target.name} is already assigned to node "${pod.spec.nodeName}"`);
      if (pod.spec.schedulingGates?.length)
        throw conflict(bindings, target.name, `pod ${target.name} has non-empty .spec.schedulingGates`);
      // The place is taken: none is to be kept free for it any more.
      const { nominatedNodeName: _nominated, ...status } = pod.status;
      const conditions = (pod.status?.conditions ?? []).filter((condition) => condition.type !== 'PodScheduled');
      return {
        ...pod,
        metadata: {
          ...pod.metadata,
          annotations: { ...pod.metadata.annotations, ...binding.metadata?.annotations },
          ...(Object.keys(labels).length > 0 ? { labels: { ...pod.metadata.labels, ...labels } } : {}),
        },
        spec: { ...pod.spec, nodeName: node },
        status: {
          ...status,
          conditions: [
            ...conditions,
            { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: timestamp(pods.world) },
          ],
        },
      } as unknown as AnyObject;
    },
  });
}
