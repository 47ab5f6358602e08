/**
 * RuntimeClass: a pod that names a class gets its overhead, and its node selector and tolerations are merged with those of the class
 * (https://kubernetes.io/docs/concepts/containers/runtime-class/).
 */
import { deepEqual } from '#base/deep-equal.ts';
import type { Pod } from '#api/core/pod.ts';
import type { Toleration } from '#api/core/tolerations.ts';
import type { RuntimeClass, Scheduling } from '#api/node/runtimeclass.ts';
import { quoted } from '#meta/causes.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { parseQuantity } from '#meta/quantity.ts';
import { forbidden } from '#meta/status.ts';
import type { WatchCache } from '../watch/cache.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

type Amounts = Readonly<Record<string, string>>;

const refusal = (pod: Pod, why: string): Error =>
  forbidden({ group: '', plural: 'pods' }, pod.metadata.name ?? '', why);

const sameAmounts = (a: Amounts, b: Amounts): boolean =>
  Object.keys(a).length === Object.keys(b).length &&
  Object.entries(a).every(([name, text]) => parseQuantity(text)?.nano === parseQuantity(b[name] ?? '')?.nano);

export function runtimeClassAdmission(classes: WatchCache): AdmissionPlugin {
  const classOf = (pod: Pod): RuntimeClass | undefined => {
    const name = pod.spec.runtimeClassName;
    if (name === undefined) return undefined;
    const entry = classes.get(classes.key(undefined, name));
    if (entry === undefined) throw refusal(pod, `pod rejected: RuntimeClass ${quoted(name)} not found`);
    return entry.object as unknown as RuntimeClass;
  };
  const isNewPod = ({ kind, subresource, operation }: AdmissionRequest): boolean =>
    kind.kind === 'Pod' && kind.group === '' && subresource === undefined && operation === 'CREATE';
  return {
    name: 'RuntimeClass',
    mutate(request) {
      if (!isNewPod(request)) return request.object;
      const pod = request.object as unknown as Pod;
      const found = classOf(pod);
      if (found === undefined) return request.object;
      let { spec } = pod;
      const fixed = found.overhead?.podFixed;
      if (found.overhead !== undefined) {
        if (spec.overhead !== undefined && !sameAmounts(spec.overhead, fixed ?? {}))
          throw refusal(pod, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
        if (fixed !== undefined) spec = { ...spec, overhead: fixed };
      }
      if (found.scheduling !== undefined) spec = placed(pod, spec, found.scheduling);
      return { ...pod, spec } as unknown as AnyObject;
    },
    validate(request) {
      if (!isNewPod(request)) return;
      const pod = request.object as unknown as Pod;
      const found = classOf(pod);
      if (pod.spec.overhead === undefined) return;
      if (found?.overhead === undefined)
        throw refusal(pod, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
      if (!sameAmounts(pod.spec.overhead, found.overhead.podFixed ?? {}))
        throw refusal(pod, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
    },
  };
}

function placed(pod: Pod, spec: Pod['spec'], { nodeSelector = {}, tolerations = [] }: Scheduling): Pod['spec'] {
  for (const [key, value] of Object.entries(nodeSelector)) {
    const own = spec.nodeSelector?.[key];
    if (own !== undefined && own !== value)
      throw refusal(
        pod,
        `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
      );
  }
  const merged = mergeTolerations([...(spec.tolerations ?? []), ...tolerations]);
  return {
    ...spec,
    ...(Object.keys(nodeSelector).length > 0 ? { nodeSelector: { ...spec.nodeSelector, ...nodeSelector } } : {}),
    ...(merged.length > 0 ? { tolerations: merged } : {}),
  };
}

/** Without those that another one covers; of equal ones the first stays. */
function mergeTolerations(all: readonly Toleration[]): readonly Toleration[] {
  const merged: Toleration[] = [];
  for (const [index, one] of all.entries()) {
    const covered =
      merged.some((other) => covers(other, one)) ||
      all.slice(index + 1).some((other) => !deepEqual(other, one) && covers(other, one));
    if (!covered) merged.push(one);
  }
  return merged;
}

function covers(wide: Toleration, one: Toleration): boolean {
  if (deepEqual(wide, one)) return true;
  const everyKey = !wide.key && wide.operator === 'Exists';
  if ((one.key ?? '') !== (wide.key ?? '') && !everyKey) return false;
  if (wide.effect && one.effect !== wide.effect) return false;
  if (wide.effect === 'NoExecute' && wide.tolerationSeconds !== undefined) {
    if (one.tolerationSeconds === undefined || one.tolerationSeconds > wide.tolerationSeconds) return false;
  }
  if (wide.operator === 'Exists') return true;
  return (one.operator ?? '') === (wide.operator ?? '') && (one.value ?? '') === (wide.value ?? '');
}
