/** Warnings about a pod's spec: it is accepted, but its author probably meant something else. Wording is upstream's (pkg/api/pod/warnings.go). */
import { quoted } from '#meta/causes.ts';
import { ipWarnings } from '#meta/ip.ts';
import { dns1123Label, labelValue } from '#meta/names.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import { parseQuantity } from '#meta/quantity.ts';
import { indexed } from '../field-checks.ts';
import type { NodeAffinity, PodAffinity } from './affinity.ts';
import { claimSpecWarnings } from './claim-validation.ts';
import type { Container, ContainerPort } from './container.ts';
import type { NodeSelectorTerm } from './node-selector.ts';
import type { PodSpec } from './pod-spec.ts';
import { overlapWarnings } from './volume-overlaps.ts';

type Warnings = Iterable<string>;

/** Labels of nodes that have other names now. */
export const oldLabels: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
};

/** Volumes that are gone or going, in upstream's order. */
const oldVolumes = [
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+', 'storageOS'],
  ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
] as const;

/** Annotations that were fields in the making. */
const oldAnnotations: Readonly<Record<string, string>> = {
  'scheduler.alpha.kubernetes.io/critical-pod': 'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
};
const seccompAnnotation = 'non-functional in v1.27+; use the "seccompProfile" field instead';

const noPod = 'a null labelSelector results in matching no pod';

/** What of a pod or a template is looked at. */
interface Pod {
  readonly metadata?: Pick<ObjectMeta, 'annotations'> | undefined;
  readonly spec: PodSpec;
}

type Placed = readonly [Container, string];

/** Init containers, containers, ephemeral containers, each with its path. */
const containersOf = (path: string, spec: PodSpec): readonly Placed[] =>
  (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((key) =>
    (spec[key] ?? []).map((container, index): Placed => [container as Container, `${path}.${key}[${index}]`]),
  );

function* variableWarnings(path: string, { env }: Container): Warnings {
  const names = new Set<string>();
  for (const [{ name, value, valueFrom }, at] of indexed(`${path}.env`, env)) {
    const itself = `$(${name})`;
    // A variable that builds on its own former value is meant so.
    const builds = valueFrom === undefined && value !== itself && (value?.includes(itself) ?? false);
    if (names.has(name) && !builds)
      yield `${at}: hides previous definition of ${quoted(name)}, which may be dropped when using apply`;
    names.add(name);
  }
}

function* fractions(at: string, amounts: Readonly<Record<string, string>> | undefined): Warnings {
  for (const name of ['memory', 'ephemeral-storage']) {
    const text = amounts?.[name];
    const quantity = text === undefined ? undefined : parseQuantity(text);
    if (quantity !== undefined && quantity.nano % 1_000_000_000n !== 0n)
      yield `${at}[${name}]: fractional byte value "${text}" is invalid, must be an integer`;
  }
}

/** So many ports of one number are compared with the later ones. */
const comparedMax = 64;

/** Ports of all containers together: they share one address. */
function* portWarnings(containers: readonly Placed[]): Warnings {
  const known = new Map<string, (readonly [ContainerPort, string])[]>();
  for (const [{ ports }, path] of containers) {
    for (const [port, at] of indexed(`${path}.ports`, ports)) {
      const { hostIP = '', hostPort = 0, containerPort, protocol } = port;
      if (hostIP && !hostPort) {
        const shown = `{Name:${port.name ?? ''} HostPort:0 ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
        yield `${at}: hostIP set without hostPort: ${shown}`;
      }
      const key = `${containerPort}/${protocol}`;
      const others = known.get(key) ?? [];
      for (const [other, otherAt] of others) {
        const [otherIp, otherPort] = [other.hostIP ?? '', other.hostPort ?? 0];
        if (hostIP === otherIp && hostPort === otherPort) yield `${at}: duplicate port definition with ${otherAt}`;
        else if (!hostPort || !otherPort) yield `${at}: overlapping port definition with ${otherAt}`;
        else if (hostPort === otherPort && (hostIP === '') !== (otherIp === ''))
          yield `${at}: dangerously ambiguous port definition with ${otherAt}`;
      }
      if (others.length < comparedMax) known.set(key, [...others, [port, at]]);
    }
  }
  const names = new Map<string, string>();
  for (const [{ ports }, path] of containers) {
    for (const [{ name }, at] of indexed(`${path}.ports`, ports)) {
      const first = name ? names.get(name) : undefined;
      if (first !== undefined)
        yield `${at}: duplicate port name ${quoted(name ?? '')} with ${first}, services and probes that select ports by name will use ${first}`;
      else if (name) names.set(name, at);
    }
  }
}

function* termWarnings(path: string, term: NodeSelectorTerm, checkValues: boolean): Warnings {
  for (const [{ key, values }, at] of indexed(`${path}.matchExpressions`, term.matchExpressions)) {
    const old = oldLabels[key];
    if (old !== undefined) yield `${at}.key: ${key} is ${old}`;
    if (!checkValues) continue;
    for (const [value, valueAt] of indexed(`${at}.values`, values))
      for (const message of labelValue(value)) yield `${valueAt}: ${value} is invalid, ${message}`;
  }
}

const required = 'requiredDuringSchedulingIgnoredDuringExecution';
const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';

function* nodeAffinityWarnings(path: string, affinity: NodeAffinity): Warnings {
  for (const [term, at] of indexed(`${path}.${required}.nodeSelectorTerms`, affinity[required]?.nodeSelectorTerms))
    yield* termWarnings(at, term, false);
  for (const [{ preference }, at] of indexed(`${path}.${preferred}`, affinity[preferred]))
    yield* termWarnings(`${at}.preference`, preference ?? {}, true);
}

function* podAffinityWarnings(path: string, affinity: PodAffinity | undefined): Warnings {
  for (const [term, at] of indexed(`${path}.${required}`, affinity?.[required]))
    if (term.labelSelector === undefined) yield `${at}.labelSelector: ${noPod}`;
  for (const [{ podAffinityTerm: term }, at] of indexed(`${path}.${preferred}`, affinity?.[preferred]))
    if (term?.labelSelector === undefined) yield `${at}.podAffinityTerm.labelSelector: ${noPod}`;
}

function* volumeWarnings(path: string, { volumes }: PodSpec): Warnings {
  for (const [volume, at] of indexed(`${path}.volumes`, volumes)) {
    for (const [key, message, shown] of oldVolumes)
      if (volume[key] !== undefined) yield `${at}.${shown ?? key}: ${message}`;
    const template = volume.ephemeral?.volumeClaimTemplate;
    if (template?.spec !== undefined) yield* claimSpecWarnings(`${at}.ephemeral.volumeClaimTemplate`, template.spec);
  }
  yield* overlapWarnings(volumes);
}

function* annotationWarnings(path: string, { metadata, spec }: Pod): Warnings {
  const annotations = metadata?.annotations ?? {};
  const prefix = path === '' ? '' : `${path}.`;
  const at = (key: string): string => `${prefix}metadata.annotations[${key}]`;
  for (const [key, message] of Object.entries(oldAnnotations))
    if (annotations[key] !== undefined) yield `${at(key)}: ${message}`;
  const ofPod = 'seccomp.security.alpha.kubernetes.io/pod';
  if (annotations[ofPod] !== undefined && spec.securityContext?.seccompProfile === undefined)
    yield `${at(ofPod)}: ${seccompAnnotation}`;
  for (const [{ name, securityContext }] of containersOf(path, spec)) {
    const ofContainer = `container.seccomp.security.alpha.kubernetes.io/${name}`;
    if (annotations[ofContainer] !== undefined && securityContext?.seccompProfile === undefined)
      yield `${at(ofContainer)}: ${seccompAnnotation}`;
  }
}

/** More are not sent to a client (`warningHeaders`). */
const warningsMax = 64;

/** `path` is that of a template, `spec.template`, and empty for a pod itself. */
export const podWarnings = (path: string, pod: Pod): Warnings => allWarnings(path, pod).take(warningsMax);

function* allWarnings(path: string, pod: Pod): Generator<string> {
  const { spec } = pod;
  const specPath = path === '' ? 'spec' : `${path}.spec`;
  for (const key of Object.keys(spec.nodeSelector ?? {}))
    if (oldLabels[key] !== undefined) yield `${specPath}.nodeSelector[${key}]: ${oldLabels[key]}`;
  if (spec.affinity?.nodeAffinity)
    yield* nodeAffinityWarnings(`${specPath}.affinity.nodeAffinity`, spec.affinity.nodeAffinity);
  for (const [constraint, at] of indexed(`${specPath}.topologySpreadConstraints`, spec.topologySpreadConstraints)) {
    const old = oldLabels[constraint.topologyKey];
    if (old !== undefined) yield `${at}.topologyKey: ${constraint.topologyKey} is ${old}`;
    if (constraint.labelSelector === undefined) yield `${at}.labelSelector: ${noPod}`;
  }
  yield* annotationWarnings(path, pod);
  yield* volumeWarnings(specPath, spec);
  const hosts = new Set<string>();
  for (const [{ ip }, at] of indexed(`${specPath}.hostAliases`, spec.hostAliases)) {
    if (hosts.has(ip)) yield `${at}.ip: duplicate ip "${ip}"`;
    hosts.add(ip);
  }
  yield* secretWarnings(`${specPath}.imagePullSecrets`, spec);
  yield* fractions(`${specPath}.overhead`, spec.overhead);
  const containers = containersOf(specPath, spec);
  for (const [container, at] of containers) {
    yield* fractions(`${at}.resources.limits`, container.resources?.limits);
    yield* fractions(`${at}.resources.requests`, container.resources?.requests);
    yield* variableWarnings(at, container);
  }
  yield* portWarnings(containers);
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0)
    yield `${specPath}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`;
  yield* podAffinityWarnings(`${specPath}.affinity.podAffinity`, spec.affinity?.podAffinity);
  yield* podAffinityWarnings(`${specPath}.affinity.podAntiAffinity`, spec.affinity?.podAntiAffinity);
  for (const [server, at] of indexed(`${specPath}.dnsConfig.nameservers`, spec.dnsConfig?.nameservers))
    for (const message of ipWarnings(server)) yield `${at}: ${message}`;
  for (const [{ ip }, at] of indexed(`${specPath}.hostAliases`, spec.hostAliases))
    for (const message of ipWarnings(ip)) yield `${at}.ip: ${message}`;
}

function* secretWarnings(path: string, { imagePullSecrets }: PodSpec): Warnings {
  const names = new Set<string>();
  for (const [{ name = '' }, at] of indexed(path, imagePullSecrets)) {
    if (names.has(name)) yield `${at}.name: duplicate name "${name}"`;
    names.add(name);
  }
  for (const [{ name }, at] of indexed(path, imagePullSecrets)) if (!name) yield `${at}.name: invalid empty name ""`;
}

/** A name that is no DNS label is cut and mangled where it becomes a host's name. Told once, when the object is made. */
export function* nameWarnings({ name }: Pick<ObjectMeta, 'name'>, old: unknown, use: string): Warnings {
  if (old !== undefined) return;
  const faults = dns1123Label(name);
  if (faults.length > 0)
    yield `metadata.name: this is used in ${use}, which can result in surprising behavior; a DNS label is recommended: [${faults.join(' ')}]`;
}

/** Where the names of workloads go. */
export const podNames = 'Pod names and hostnames';
