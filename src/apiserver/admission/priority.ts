/**
 * Priority: a pod gets the number and the preemption policy of its PriorityClass, or of the class that is the default; of two defaults one is
 * refused, and the system's classes stay (https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/).
 */
import type { Pod } from '#api/core/pod.ts';
import { systemPriorityClasses, type PriorityClass } from '#api/scheduling/priorityclass.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { forbidden } from '#meta/status.ts';
import type { WatchCache } from '../watch/cache.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

const pods = { group: '', plural: 'pods' };
const group = 'scheduling.k8s.io';
const priorityClasses = { group, plural: 'priorityclasses' };

export function priorityAdmission(classes: WatchCache): AdmissionPlugin {
  const classOf = (name: string): PriorityClass | undefined =>
    classes.get(classes.key(undefined, name))?.object as unknown as PriorityClass | undefined;

  /** Two may have come at the same moment: then the lower one counts. */
  const defaultClass = (): PriorityClass | undefined => {
    let found: PriorityClass | undefined;
    for (const { object } of classes.values()) {
      const one = object as unknown as PriorityClass;
      if (one.globalDefault === true && (found === undefined || one.value < found.value)) found = one;
    }
    return found;
  };

  const admitted = (pod: Pod): Pod => {
    const { spec } = pod;
    const refuse = (why: string): Error => forbidden(pods, pod.metadata.name ?? '', why);
    const wanted = spec.priorityClassName;
    const found = wanted ? classOf(wanted) : defaultClass();
    if (wanted && found === undefined) throw refuse(`no PriorityClass with name ${wanted} was found`);
    const value = found?.value ?? 0;
    const policy = found?.preemptionPolicy ?? 'PreemptLowerPriority';
    if (spec.priority !== undefined && spec.priority !== value) {
      throw refuse(
        `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
      );
    }
    if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
      throw refuse(
        `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
      );
    }
    const className = found === undefined ? {} : { priorityClassName: found.metadata.name };
    return { ...pod, spec: { ...spec, ...className, priority: value, preemptionPolicy: policy } };
  };

  /** What the server filled in stays when a client sends the pod back without it. */
  const kept = (pod: Pod, { spec: old }: Pod): Pod => {
    const { priority, preemptionPolicy } = pod.spec;
    if (priority !== undefined && preemptionPolicy !== undefined) return pod;
    const spec = {
      ...pod.spec,
      ...(priority === undefined && old.priority !== undefined ? { priority: old.priority } : {}),
      ...(preemptionPolicy === undefined && old.preemptionPolicy !== undefined
        ? { preemptionPolicy: old.preemptionPolicy }
        : {}),
    };
    return { ...pod, spec };
  };

  const checkClass = ({ operation, object, old }: AdmissionRequest): void => {
    const name = (object ?? old)?.metadata.name ?? '';
    if (operation === 'DELETE') {
      if (systemPriorityClasses.some((one) => one.name === name))
        throw forbidden(priorityClasses, name, 'this is a system priority class and cannot be deleted');
      return;
    }
    const other = (object as PriorityClass | undefined)?.globalDefault === true ? defaultClass() : undefined;
    if (other === undefined || (operation === 'UPDATE' && other.metadata.name === name)) return;
    throw forbidden(
      priorityClasses,
      name,
      `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`,
    );
  };

  return {
    name: 'Priority',
    mutate({ kind, subresource, operation, object, old }) {
      if (kind.kind !== 'Pod' || kind.group !== '' || subresource !== undefined) return object;
      const pod = object as unknown as Pod;
      const done = operation === 'CREATE' ? admitted(pod) : old ? kept(pod, old as unknown as Pod) : pod;
      return done as unknown as AnyObject;
    },
    validate(request) {
      if (request.kind.group === group && request.kind.kind === 'PriorityClass') checkClass(request);
    },
  };
}
