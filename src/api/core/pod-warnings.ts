/** Warnings about a pod's spec: it is accepted, but its author probably meant something else. Wording is upstream's (pkg/api/pod/warnings.go). */
import { parseQuantity } from '#meta/quantity.ts';
import { indexed } from '../field-checks.ts';
import type { Container } from './container.ts';
import type { PodSpec } from './pod-spec.ts';

type Warnings = Iterable<string>;

/** Labels of nodes that have other names now. */
export const oldLabels: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
};

function* containerWarnings(at: string, container: Container): Warnings {
  const names = new Map<string, string | undefined>();
  for (const [variable, variableAt] of indexed(`${at}.env`, container.env)) {
    if (names.has(variable.name)) {
      // A variable that builds on its own former value is meant so.
      const builds = variable.value?.includes(`$(${variable.name})`) ?? false;
      if (!builds)
        yield `${variableAt}: hides previous definition of "${variable.name}", which may be dropped when using apply`;
    }
    names.set(variable.name, variable.value);
  }
  const ports = new Map<string, string>();
  for (const [port, portAt] of indexed(`${at}.ports`, container.ports)) {
    const key = `${port.containerPort}/${port.protocol}/${port.hostPort ?? 0}/${port.hostIP ?? ''}`;
    const before = ports.get(key);
    if (before !== undefined) yield `${portAt}: duplicate port definition with ${before}`;
    else ports.set(key, portAt);
  }
  for (const kind of ['requests', 'limits'] as const) {
    for (const name of ['memory', 'ephemeral-storage']) {
      const text = container.resources[kind]?.[name];
      const quantity = text === undefined ? undefined : parseQuantity(text);
      if (quantity !== undefined && quantity.nano % 1_000_000_000n !== 0n) {
        yield `${at}.resources.${kind}[${name}]: fractional byte value "${text}" is invalid, must be an integer`;
      }
    }
  }
}

export function* podWarnings(path: string, spec: PodSpec): Warnings {
  for (const key of Object.keys(spec.nodeSelector ?? {}))
    if (oldLabels[key] !== undefined) yield `${path}.nodeSelector[${key}]: ${oldLabels[key]}`;
  for (const [constraint, at] of indexed(`${path}.topologySpreadConstraints`, spec.topologySpreadConstraints)) {
    const old = oldLabels[constraint.topologyKey];
    if (old !== undefined) yield `${at}.topologyKey: ${constraint.topologyKey} is ${old}`;
    if (constraint.labelSelector === undefined) yield `${at}: a null labelSelector results in matching no pod`;
  }
  const hosts = new Map<string, string>();
  for (const [alias, at] of indexed(`${path}.hostAliases`, spec.hostAliases)) {
    if (hosts.has(alias.ip)) yield `${at}.ip: duplicate ip "${alias.ip}"`;
    hosts.set(alias.ip, at);
  }
  const secrets = new Set<string>();
  for (const [{ name }, at] of indexed(`${path}.imagePullSecrets`, spec.imagePullSecrets)) {
    if (!name) yield `${at}.name: invalid empty name "${name}"`;
    else if (secrets.has(name)) yield `${at}.name: duplicate name "${name}"`;
    secrets.add(name);
  }
  for (const [volume, at] of indexed(`${path}.volumes`, spec.volumes)) {
    if (volume.gitRepo !== undefined) yield `${at}.gitRepo: deprecated in v1.11, and disabled by default in v1.33+`;
    if (volume.scaleIO !== undefined) yield `${at}.scaleIO: deprecated in v1.16, non-functional in v1.22+`;
    if (volume.flexVolume !== undefined) yield `${at}.flexVolume: deprecated in v1.23`;
    if (volume.glusterfs !== undefined) yield `${at}.glusterfs: deprecated in v1.25, non-functional in v1.26+`;
    if (volume.cephfs !== undefined) yield `${at}.cephfs: deprecated in v1.28, non-functional in v1.31+`;
    if (volume.rbd !== undefined) yield `${at}.rbd: deprecated in v1.28, non-functional in v1.31+`;
  }
  for (const key of ['initContainers', 'containers'] as const) {
    for (const [container, at] of indexed(`${path}.${key}`, spec[key])) yield* containerWarnings(at, container);
  }
}
