/**
 * What an update of a pod may change (almost nothing), and what its status may say. Wording is upstream's (ValidatePodUpdate,
 * ValidatePodStatusUpdate). The ephemeralcontainers and resize subresources have rules of their own, exported for the API server.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { forbiddenField, immutableDetail, invalidValue, duplicate, quoted } from '#meta/causes.ts';
import { ipFamily } from '#meta/ip.ts';
import { dns1123Subdomain, labelKey } from '#meta/names.ts';
import { difference } from '../difference.ts';
import { address, between, indexed, named, type Causes } from '../field-checks.ts';
import type { Container } from './container.ts';
import { qualityOf } from './pod-quality.ts';
import type { PodSpec } from './pod-spec.ts';
import type { ResourceRequirements } from './resources.ts';
import type { ContainerStatus, PodStatus } from './pod-status.ts';
import type { Toleration } from './tolerations.ts';

interface PodLike {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: PodSpec;
  readonly status: PodStatus;
}

const updatable = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

const mirrorAnnotation = 'kubernetes.io/config.mirror';
const secondsMax = 2_147_483_647;

function* tolerations(path: string, list: readonly Toleration[], old: readonly Toleration[]): Causes {
  const known = (one: Toleration): boolean =>
    list.some((other) =>
      deepEqual({ ...one, tolerationSeconds: undefined }, { ...other, tolerationSeconds: undefined }),
    );
  if (!old.every(known))
    yield forbiddenField(path, 'existing toleration can not be modified except its tolerationSeconds');
}

function* deadline(path: string, value: number | undefined, old: number | undefined): Causes {
  if (value === undefined) {
    if (old !== undefined) yield invalidValue(path, undefined, 'must not update from a positive integer to nil value');
    return;
  }
  yield* between(path, value, [0, secondsMax]);
  if (old !== undefined && value >= 0 && value > old)
    yield invalidValue(path, value, 'must be less than or equal to previous value');
}

const withImages = (
  containers: readonly Container[] | undefined,
  from: readonly Container[] | undefined,
): readonly Container[] | undefined =>
  containers?.map((container, index) => ({ ...container, image: from?.[index]?.image ?? container.image }));

/** A gated pod may still narrow down where it can run. */
function* gated(spec: PodSpec, old: PodSpec): Causes {
  for (const [key, value] of Object.entries(old.nodeSelector ?? {})) {
    if (spec.nodeSelector?.[key] === value) continue;
    yield invalidValue(
      'spec.nodeSelector',
      spec.nodeSelector,
      'only additions to spec.nodeSelector are allowed (no mutations or deletions)',
    );
    break;
  }
  const path = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
  const oldTerms = old.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  if (oldTerms.length === 0) return;
  if (oldTerms.length !== terms.length) {
    yield invalidValue(path, terms, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed');
    return;
  }
  for (const [index, oldTerm] of oldTerms.entries()) {
    const term = terms[index];
    const kept = (['matchExpressions', 'matchFields'] as const).every((key) =>
      deepEqual((term?.[key] ?? []).slice(0, oldTerm[key]?.length ?? 0), oldTerm[key] ?? []),
    );
    if (!kept) yield invalidValue(`${path}[${index}]`, term, 'only additions are allowed (no mutations or deletions)');
  }
}

/** The new spec with everything that may change put back: equal to the old one when nothing else changed. */
function putBack(spec: PodSpec, old: PodSpec): Partial<PodSpec> {
  const isGated = (old.schedulingGates?.length ?? 0) > 0;
  const changed: Partial<Record<keyof PodSpec, unknown>> = {
    ...spec,
    containers: withImages(spec.containers, old.containers),
    initContainers: withImages(spec.initContainers, old.initContainers),
    activeDeadlineSeconds: old.activeDeadlineSeconds,
    schedulingGates: old.schedulingGates,
    tolerations: old.tolerations,
  };
  if (old.terminationGracePeriodSeconds < 0 && spec.terminationGracePeriodSeconds === 1) {
    changed.terminationGracePeriodSeconds = old.terminationGracePeriodSeconds;
  }
  if (isGated) {
    changed.nodeSelector = old.nodeSelector;
    const affinity = { ...spec.affinity, nodeAffinity: old.affinity?.nodeAffinity };
    changed.affinity = old.affinity === undefined && deepEqual(affinity, {}) ? undefined : affinity;
  }
  return changed as Partial<PodSpec>;
}

/** An empty list and none are the same. */
const semantic = (spec: Partial<PodSpec>): Partial<PodSpec> =>
  Object.fromEntries(
    Object.entries(spec).filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0)),
  );

export function* podUpdateCauses({ spec }: PodLike, { spec: old }: PodLike): Causes {
  for (const key of ['containers', 'initContainers'] as const) {
    if ((spec[key]?.length ?? 0) !== (old[key]?.length ?? 0)) {
      yield forbiddenField(`spec.${key}`, 'pod updates may not add or remove containers');
      return;
    }
  }
  yield* deadline('spec.activeDeadlineSeconds', spec.activeDeadlineSeconds, old.activeDeadlineSeconds);
  yield* tolerations('spec.tolerations', spec.tolerations ?? [], old.tolerations ?? []);
  for (const [{ name }, at] of indexed('spec.schedulingGates', spec.schedulingGates)) {
    if (old.schedulingGates?.some((gate) => gate.name === name)) continue;
    yield forbiddenField(`${at}.name`, `only deletion is allowed, but found new scheduling gate '${name}'`);
  }
  if ((old.schedulingGates?.length ?? 0) > 0) yield* gated(spec, old);
  const [before, after] = [semantic(old), semantic(putBack(spec, old))];
  if (!deepEqual(before, after)) {
    yield forbiddenField(
      'spec',
      `pod updates may not change fields other than ${updatable}\n${difference('core.PodSpec', before, after)}`,
    );
  }
}

/** For the ephemeralcontainers subresource, where only new ones may appear. */
export function* ephemeralContainersUpdateCauses({ spec }: PodLike, old: PodLike): Causes {
  if (old.metadata.annotations?.[mirrorAnnotation] !== undefined) {
    yield forbiddenField('', 'static pods do not support ephemeral containers');
    return;
  }
  for (const before of old.spec.ephemeralContainers ?? []) {
    const after = spec.ephemeralContainers?.find((one) => one.name === before.name);
    if (after === undefined) {
      yield forbiddenField(
        'spec.ephemeralContainers',
        `existing ephemeral containers ${quoted(before.name)} may not be removed\n`,
      );
    } else if (!deepEqual(before, after)) {
      const diff = difference('core.EphemeralContainer', before, after);
      yield forbiddenField(
        'spec.ephemeralContainers',
        `existing ephemeral containers ${quoted(before.name)} may not be changed\n${diff}`,
      );
    }
  }
}

function* resizeOrderCauses(spec: PodSpec, old: PodSpec): Causes {
  for (const key of ['containers', 'initContainers'] as const) {
    const [now, before] = [spec[key] ?? [], old[key] ?? []];
    if (now.length !== before.length) {
      yield forbiddenField('spec', `${key} may not be added or removed on resize`);
      continue;
    }
    for (const [{ name }, at, index] of indexed(`spec.${key}`, before)) {
      if (now[index]?.name !== name)
        yield forbiddenField(`${at}.name`, `${key} may not be renamed or reordered on resize`);
    }
  }
}

/** For the resize subresource, where only cpu and memory of running containers may change. */
export function* resizeCauses({ spec }: PodLike, { spec: old, status, metadata }: PodLike): Causes {
  if (metadata.annotations?.[mirrorAnnotation] !== undefined) {
    yield forbiddenField('', 'static pods cannot be resized');
    return;
  }
  if (old.os?.name === 'windows') {
    yield forbiddenField('', 'windows pods cannot be resized');
    return;
  }
  if ((status.qosClass ?? qualityOf(old)) !== qualityOf(spec)) {
    yield invalidValue('spec', status.qosClass, 'Pod QOS Class may not change as a result of resizing');
  }
  // A kubelet that can resize says what its containers have.
  const running = status.phase === 'Running' && (status.containerStatuses ?? []).length > 0;
  if (running && !status.containerStatuses?.some(({ resources }) => resources !== undefined))
    yield forbiddenField('spec', 'Pod running on node without support for resize');
  const order = [...resizeOrderCauses(spec, old)];
  yield* order;
  if (order.length > 0) return;
  const bare = (containers: readonly Container[] | undefined): readonly unknown[] =>
    (containers ?? []).map((container) => ({ ...container, resources: undefined, resizePolicy: undefined }));
  const same = deepEqual(
    { ...spec, resources: undefined, containers: bare(spec.containers), initContainers: bare(spec.initContainers) },
    { ...old, resources: undefined, containers: bare(old.containers), initContainers: bare(old.initContainers) },
  );
  if (!same) yield forbiddenField('spec', 'only cpu and memory resources are mutable');
  yield* amountCauses('spec.resources', spec.resources ?? {}, old.resources ?? {});
  for (const key of ['containers', 'initContainers'] as const) {
    for (const [before, at, index] of indexed(`spec.${key}`, old[key])) {
      const after = spec[key]?.[index];
      if (after === undefined || deepEqual(after.resources, before.resources)) continue;
      if (key === 'initContainers' && before.restartPolicy !== 'Always') {
        yield forbiddenField('spec', 'resources for non-sidecar init containers are immutable');
      }
      yield* amountCauses(`${at}.resources`, after.resources, before.resources);
    }
  }
}

function* amountCauses(path: string, after: ResourceRequirements, before: ResourceRequirements): Causes {
  const isFixed = (name: string): boolean => name !== 'cpu' && name !== 'memory';
  for (const what of ['limits', 'requests'] as const) {
    const [now, old] = [after[what] ?? {}, before[what] ?? {}];
    if (Object.keys(old).some((name) => now[name] === undefined))
      yield forbiddenField(`${path}.${what}`, `resource ${what} cannot be removed`);
    const names = new Set([...Object.keys(now), ...Object.keys(old)]);
    if ([...names].some((name) => isFixed(name) && now[name] !== old[name] && now[name] !== undefined))
      yield forbiddenField('spec', 'only cpu and memory resources are mutable');
  }
  if (!deepEqual(after.claims, before.claims))
    yield forbiddenField('spec', 'only cpu and memory resources are mutable');
}

function* transitions(
  path: string,
  statuses: readonly ContainerStatus[] | undefined,
  {
    old,
    mayRestart,
  }: {
    readonly old: readonly ContainerStatus[] | undefined;
    readonly mayRestart: (status: ContainerStatus) => boolean;
  },
): Causes {
  for (const [before, at] of indexed(path, old)) {
    if (before.state.terminated === undefined || mayRestart(before)) continue;
    const after = statuses?.find((one) => one.name === before.name);
    if (after !== undefined && after.state.terminated === undefined) {
      yield forbiddenField(`${at}.state`, 'may not be transitioned to non-terminated state');
    }
  }
}

function* addresses(path: string, list: readonly { readonly ip: string }[] | undefined): Causes {
  const seen = new Set<string>();
  for (const [entry, at] of indexed(path, list)) {
    yield* address(at, entry.ip);
    if (seen.has(entry.ip)) yield duplicate(at, entry);
    seen.add(entry.ip);
  }
  const families = (list ?? []).map(({ ip }) => ipFamily(ip));
  if (families.length > 1 && (families.length > 2 || families[0] === families[1])) {
    yield invalidValue(path, list, 'may specify no more than one IP for each IP family');
  }
}

export function* podStatusCauses({ spec, status }: PodLike, { spec: oldSpec, status: old }: PodLike): Causes {
  const system = new Set(['PodScheduled', 'Ready', 'Initialized']);
  for (const [{ type }, at] of indexed('status.conditions', status.conditions)) {
    if (!system.has(type)) yield* named(labelKey, `${at}.Type`, type);
  }
  if (spec.nodeName !== oldSpec.nodeName) yield forbiddenField('status.nodeName', 'may not be changed directly');
  if (status.nominatedNodeName !== old.nominatedNodeName) {
    yield* named(dns1123Subdomain, 'status.nominatedNodeName', status.nominatedNodeName || undefined);
  }
  if (old.qosClass !== undefined && status.qosClass !== old.qosClass)
    yield invalidValue('status.qosClass', status.qosClass ?? '', immutableDetail);
  const policy = oldSpec.restartPolicy;
  const own = (name: string) =>
    [...oldSpec.containers, ...(oldSpec.initContainers ?? [])].find((one) => one.name === name);
  const mayRestart = ({ name, state }: ContainerStatus): boolean => {
    const container = own(name);
    const effective = container?.restartPolicy ?? policy;
    if (effective === 'Always' || (container?.restartPolicyRules?.length ?? 0) > 0) return true;
    return effective === 'OnFailure' && state.terminated?.exitCode !== 0;
  };
  const never = (): boolean => false;
  yield* transitions('status.containerStatuses', status.containerStatuses, { old: old.containerStatuses, mayRestart });
  yield* transitions('status.initContainerStatuses', status.initContainerStatuses, {
    old: old.initContainerStatuses,
    mayRestart,
  });
  yield* transitions('status.ephemeralContainerStatuses', status.ephemeralContainerStatuses, {
    old: old.ephemeralContainerStatuses,
    mayRestart: never,
  });
  yield* addresses('status.podIPs', status.podIPs);
  if (status.hostIPs?.length && status.hostIPs[0]?.ip !== status.hostIP) {
    yield invalidValue('status.hostIPs[0].ip', status.hostIPs[0]?.ip, 'must be equal to `hostIP`');
  }
  yield* addresses('status.hostIPs', status.hostIPs);
}
