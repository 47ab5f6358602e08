/**
 * Defaults of a Service and what its updates carry over: clusterIP and clusterIPs are one thing in two fields, allocated addresses and
 * ports stay when a client leaves them out, and fields that a new type does not know are dropped. Allocation itself is not here.
 */
import type { ObjectMeta } from '#meta/object-meta.ts';
import { deepEqual } from '#base/deep-equal.ts';
import { ipFamily } from '#meta/ip.ts';
import type { DraftOf } from '#schema/type.ts';
import type { ServicePort, ServiceSpec, ServiceStatus, serviceSpec } from './service.ts';

type SpecDraft = DraftOf<typeof serviceSpec>;
interface ServiceLike {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: ServiceSpec;
  readonly status: ServiceStatus;
}
type Writable<T> = { -readonly [K in keyof T]: T[K] };

const affinityTimeoutDefault = 10_800;

export const isHeadless = (spec: ServiceSpec): boolean =>
  spec.clusterIPs?.length === 1 && spec.clusterIPs[0] === 'None';
const needsClusterIP = (spec: ServiceSpec): boolean => spec.type !== 'ExternalName';
const mayHaveNodePort = ({ type }: ServiceSpec): boolean => type === 'NodePort' || type === 'LoadBalancer';
const needsNodePort = (spec: ServiceSpec): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
export const isExternal = (spec: Pick<SpecDraft, 'type' | 'externalIPs'>): boolean =>
  spec.type === 'NodePort' ||
  spec.type === 'LoadBalancer' ||
  (spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0);
export const needsHealthCheck = (spec: ServiceSpec): boolean =>
  spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';

export function fillService<S extends { readonly spec?: SpecDraft }>(service: S): S {
  const draft = service.spec ?? {};
  const spec: Writable<SpecDraft> = { ...draft };
  if (spec.sessionAffinity === 'ClientIP') {
    spec.sessionAffinityConfig = {
      clientIP: { timeoutSeconds: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? affinityTimeoutDefault },
    };
  } else delete spec.sessionAffinityConfig;
  if (spec.ports !== undefined) {
    spec.ports = spec.ports.map((port) =>
      port.targetPort === undefined || port.targetPort === 0 || port.targetPort === ''
        ? { ...port, targetPort: port.port }
        : port,
    );
  }
  if (isExternal(spec) && spec.externalTrafficPolicy === undefined) spec.externalTrafficPolicy = 'Cluster';
  if (spec.internalTrafficPolicy === undefined && spec.type !== 'ExternalName') spec.internalTrafficPolicy = 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
  return deepEqual(spec, draft) ? service : { ...service, spec };
}

/** clusterIPs follows clusterIP where a client speaks of only one of them. */
function withClusterIPs(spec: ServiceSpec, old?: ServiceSpec): ServiceSpec {
  const { clusterIP = '', clusterIPs = [] } = spec;
  if (old === undefined) return clusterIP && clusterIPs.length === 0 ? { ...spec, clusterIPs: [clusterIP] } : spec;
  const { clusterIP: before = '', clusterIPs: beforeList = [] } = old;
  if (clusterIP === before)
    return clusterIPs.length === 0 && beforeList.length > 0 ? { ...spec, clusterIPs: beforeList } : spec;
  // What else the client wrote is for validation to judge.
  if (!deepEqual(clusterIPs, beforeList)) return spec;
  return clusterIP === '' ? without(spec, 'clusterIPs') : { ...spec, clusterIPs: [clusterIP] };
}

/** Families that were left out are those of the addresses. */
function withFamilies(spec: ServiceSpec): ServiceSpec {
  const { clusterIPs = [], ipFamilies = [] } = spec;
  if (spec.type === 'ExternalName' || isHeadless(spec) || ipFamilies.length >= clusterIPs.length) return spec;
  const families = clusterIPs.map((ip, index) => {
    const family = ipFamily(ip);
    return ipFamilies[index] ?? (family && (`IPv${family}` as const));
  });
  const known = families.filter((family) => family !== undefined);
  // Addresses that do not go together are refused as such.
  return new Set(known).size === clusterIPs.length ? { ...spec, ipFamilies: known } : spec;
}

function without<K extends keyof ServiceSpec>(spec: ServiceSpec, ...keys: K[]): ServiceSpec {
  const copy: Writable<ServiceSpec> = { ...spec };
  for (const key of keys) delete copy[key];
  return copy;
}

/** Allocated values that the client left out are the old ones; a node port is that of the port of the same name. */
function keepAllocated(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const out: Writable<ServiceSpec> = { ...spec };
  if (needsClusterIP(old) && needsClusterIP(spec)) {
    if (!spec.clusterIP && old.clusterIP) out.clusterIP = old.clusterIP;
    if (!spec.clusterIPs?.length && old.clusterIPs?.length) out.clusterIPs = old.clusterIPs;
  }
  if (needsNodePort(old) && needsNodePort(spec) && spec.ports !== undefined) {
    const before = new Map((old.ports ?? []).map(({ name = '', nodePort = 0 }) => [name, nodePort]));
    const kept = new Set(spec.ports.map(({ nodePort }) => nodePort));
    out.ports = spec.ports.map((port) => {
      const nodePort = before.get(port.name ?? '');
      return port.nodePort || !nodePort || kept.has(nodePort) ? port : { ...port, nodePort };
    });
  }
  if (needsHealthCheck(old) && needsHealthCheck(spec) && !spec.healthCheckNodePort && old.healthCheckNodePort) {
    out.healthCheckNodePort = old.healthCheckNodePort;
  }
  return out;
}

/** Fields of the old type go when the type changes, unless the client just set them. */
function dropForType(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const out: Writable<ServiceSpec> = { ...spec };
  const kept = (key: keyof ServiceSpec): boolean => deepEqual(spec[key], old[key]);
  if (needsClusterIP(old) && !needsClusterIP(spec)) {
    if (kept('clusterIP') && kept('clusterIPs')) {
      delete out.clusterIP;
      delete out.clusterIPs;
    }
    if (kept('ipFamilies')) delete out.ipFamilies;
    if (kept('ipFamilyPolicy')) delete out.ipFamilyPolicy;
  }
  const before = new Set((old.ports ?? []).map(({ nodePort }) => nodePort));
  const isNew = ({ nodePort }: ServicePort): boolean => Boolean(nodePort) && !before.has(nodePort);
  if (mayHaveNodePort(old) && !mayHaveNodePort(spec) && spec.ports !== undefined && !spec.ports.some(isNew))
    out.ports = spec.ports.map(({ nodePort: _, ...port }) => port);
  if (needsHealthCheck(old) && !needsHealthCheck(spec) && kept('healthCheckNodePort')) delete out.healthCheckNodePort;
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (kept('allocateLoadBalancerNodePorts')) delete out.allocateLoadBalancerNodePorts;
    if (kept('loadBalancerClass')) delete out.loadBalancerClass;
  }
  if (isExternal(old) && !isExternal(spec) && kept('externalTrafficPolicy')) delete out.externalTrafficPolicy;
  return out;
}

export function createService<S extends ServiceLike>(service: S): S {
  return { ...service, spec: withClusterIPs(service.spec), status: { loadBalancer: {} } };
}

export function updateService<S extends ServiceLike>(service: S, old: S): S {
  const allocated = withFamilies(withClusterIPs(keepAllocated(service.spec, old.spec), old.spec));
  const spec = dropForType(allocated, old.spec);
  // A load balancer that is none any more serves nobody.
  const status = spec.type === 'LoadBalancer' ? service.status : { ...service.status, loadBalancer: {} };
  return { ...service, spec, status };
}
