/**
 * Defaults of a Service and what its updates carry over: clusterIP and clusterIPs are one thing in two fields, allocated addresses and
 * ports stay when a client leaves them out, and fields that a new type does not know are dropped. Allocation itself is not here.
 */
import type { ObjectMeta } from '#meta/object-meta.ts';
import { deepEqual } from '#base/deep-equal.ts';
import type { DraftOf } from '#schema/type.ts';
import type { ServiceSpec, ServiceStatus, serviceSpec } from './service.ts';

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
  if (old === undefined) {
    return spec.clusterIP && !spec.clusterIPs?.length ? { ...spec, clusterIPs: [spec.clusterIP] } : spec;
  }
  const sameList = deepEqual(spec.clusterIPs ?? [], old.clusterIPs ?? []);
  if (old.clusterIP && !spec.clusterIP) {
    // Cleared, and the other field still holds the old value: clear both. An emptied list alone is put right by `keepAllocated`.
    return sameList ? without(spec, 'clusterIPs') : spec;
  }
  if (spec.clusterIP === old.clusterIP || !sameList || !spec.clusterIP) return spec;
  return { ...spec, clusterIPs: [spec.clusterIP, ...(spec.clusterIPs ?? []).slice(1)] };
}

function without<K extends keyof ServiceSpec>(spec: ServiceSpec, ...keys: K[]): ServiceSpec {
  const copy: Writable<ServiceSpec> = { ...spec };
  for (const key of keys) delete copy[key];
  return copy;
}

/** Allocated values that the client left out are the old ones. */
function keepAllocated(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const out: Writable<ServiceSpec> = { ...spec };
  if (needsClusterIP(old) && needsClusterIP(spec) && !spec.clusterIP && !spec.clusterIPs?.length && old.clusterIP) {
    out.clusterIP = old.clusterIP;
    if (old.clusterIPs !== undefined) out.clusterIPs = old.clusterIPs;
  }
  if (needsNodePort(old) && needsNodePort(spec) && spec.ports !== undefined) {
    const used = new Set(spec.ports.map((port) => port.nodePort).filter(Boolean));
    out.ports = spec.ports.map((port) => {
      if (port.nodePort) return port;
      const before = old.ports?.find((one) => one.port === port.port && one.protocol === port.protocol);
      if (!before?.nodePort || used.has(before.nodePort)) return port;
      used.add(before.nodePort);
      return { ...port, nodePort: before.nodePort };
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
  if (needsNodePort(old) && !needsNodePort(spec)) {
    out.ports = (spec.ports ?? []).map((port) => {
      const before = old.ports?.some((one) => one.nodePort === port.nodePort);
      if (!port.nodePort || !before) return port;
      const { nodePort: _, ...rest } = port;
      return rest;
    });
  }
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
  const spec = dropForType(keepAllocated(withClusterIPs(service.spec, old.spec), old.spec), old.spec);
  return { ...service, spec };
}
