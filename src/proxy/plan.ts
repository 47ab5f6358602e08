/**
 * What a node does with traffic for Services, as data: a pure function from Services, EndpointSlices and facts about the node to entry points and pools of
 * endpoints. No packets, no nftables here (rules.ts writes those), and it must never depend on the order in which objects came.
 *
 * Behaviour: https://kubernetes.io/docs/reference/networking/virtual-ips/, KEP-1669 (terminating endpoints), KEP-2433 (hints).
 */
import { parseCidr, parseIp } from '#base/cidr.ts';
import { isUsablePort, type Endpoint, type EndpointSlice } from '#api/discovery/endpointslice.ts';
import type { Service, ServicePort } from '#api/core/service.ts';
import { chooseEndpoints } from './endpoints.ts';

export type Protocol = ServicePort['protocol'];

export interface NodeFacts {
  readonly nodeName: string;
  readonly zone: string;
  /** Where the Service default/kubernetes leads on this node; absent: to its endpoints as any other. */
  readonly api?: Target;
  /** Service addresses that something on this node answers itself (cluster DNS). */
  readonly ownAddresses: ReadonlySet<string>;
}

export interface Target {
  readonly ip: string;
  readonly port: number;
}

/** Where connections come in. */
export interface Entry {
  /** Undefined: every address of the node. */
  readonly ip: string | undefined;
  readonly protocol: Protocol;
  readonly port: number;
  /** 'inside': a cluster address. 'outside': node ports, external and load balancer addresses. */
  readonly from: 'inside' | 'outside';
  /** Clients outside keep their address and get endpoints of this node only. */
  readonly local: boolean;
  /** Only these ranges may enter; empty: all. */
  readonly sourceRanges: readonly string[];
}

/** The endpoints of one port of one Service. */
export interface Pool {
  /** `namespace/name:port/protocol`, for people and for keeping numbers stable. */
  readonly key: string;
  readonly entries: readonly Entry[];
  /** For entries that are not local; `refusal` says what happens when it is empty. */
  readonly cluster: Choice;
  /** For local entries and clients from outside. */
  readonly local: Choice;
  /** 0: none. */
  readonly affinitySeconds: number;
}

export interface Choice {
  readonly targets: readonly Target[];
  /** Without targets: `reject` when there is none anywhere, `drop` when there are some on other nodes. */
  readonly refusal: 'reject' | 'drop';
}

export interface ProxyPlan {
  readonly pools: readonly Pool[];
  /** Addresses of Services: ports that nobody serves are refused. */
  readonly clusterIps: readonly string[];
  /** Endpoints on this node: one that reaches itself through a Service must not see its own address. */
  readonly ownEndpoints: readonly string[];
}

const defaultAffinitySeconds = 10_800;

export const serviceOf = ({ metadata }: EndpointSlice): string | undefined => {
  const name = metadata.labels?.['kubernetes.io/service-name'];
  return name ? `${metadata.namespace}/${name}` : undefined;
};

/** The pools of one Service, apart from all others: a change of one Service recomputes only this. */
export interface ServicePlan {
  readonly pools: readonly Pool[];
  readonly clusterIps: readonly string[];
  readonly ownEndpoints: readonly string[];
}

const nothing: ServicePlan = { pools: [], clusterIps: [], ownEndpoints: [] };

export function planService(service: Service, slices: readonly EndpointSlice[], facts: NodeFacts): ServicePlan {
  const { spec, metadata } = service;
  const clusterIps = clusterIpsOf(service);
  if (spec.type === 'ExternalName' || clusterIps.length === 0) return nothing;
  // Another proxy was chosen for it (KEP-2447).
  if (metadata.labels?.['service.kubernetes.io/service-proxy-name']) return nothing;
  if (clusterIps.some((ip) => facts.ownAddresses.has(ip))) return nothing;
  const isApi = metadata.namespace === 'default' && metadata.name === 'kubernetes';
  const name = `${metadata.namespace}/${metadata.name}`;
  const pools: Pool[] = [];
  const own = new Set<string>();
  for (const port of spec.ports ?? []) {
    const found = isApi && facts.api ? [apiEndpoint(facts)] : endpointsOf(slices, port);
    for (const { endpoint, target } of found) if (endpoint.nodeName === facts.nodeName) own.add(target.ip);
    const internalLocal = spec.internalTrafficPolicy === 'Local' && !(isApi && facts.api);
    const externalLocal = spec.externalTrafficPolicy === 'Local';
    const cluster = chooseEndpoints(found, { scope: 'cluster', ...facts });
    const local = chooseEndpoints(found, { scope: 'node', ...facts });
    const base = {
      affinitySeconds:
        spec.sessionAffinity === 'ClientIP'
          ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds)
          : 0,
      cluster: choice(cluster, 'reject'),
      local: choice(local, cluster.length > 0 ? 'drop' : 'reject'),
    };
    const key = `${name}:${port.port}/${port.protocol}`;
    const inside = clusterIps.map((ip): Entry => ({
      ip,
      protocol: port.protocol,
      port: port.port,
      from: 'inside',
      local: false,
      sourceRanges: [],
    }));
    const outside = outsideEntries(service, port, externalLocal);
    if (internalLocal) {
      pools.push({ ...base, key: `${key}:internal`, entries: inside, cluster: base.local });
      if (outside.length > 0) pools.push({ ...base, key, entries: outside });
    } else {
      pools.push({ ...base, key, entries: [...inside, ...outside] });
    }
  }
  return { pools, clusterIps, ownEndpoints: [...own].sort() };
}

/** All Services together. */
export function planProxy(
  services: Iterable<Service>,
  slicesOf: (service: string) => readonly EndpointSlice[],
  facts: NodeFacts,
): ProxyPlan {
  const plans = [...services].map((service) =>
    planService(service, slicesOf(`${service.metadata.namespace}/${service.metadata.name}`), facts),
  );
  return {
    pools: plans.flatMap(({ pools }) => pools),
    clusterIps: plans.flatMap(({ clusterIps }) => clusterIps),
    ownEndpoints: plans.flatMap(({ ownEndpoints }) => ownEndpoints),
  };
}

export interface FoundEndpoint {
  readonly endpoint: Endpoint;
  readonly target: Target;
}

function endpointsOf(slices: readonly EndpointSlice[], port: ServicePort): readonly FoundEndpoint[] {
  const found = new Map<string, FoundEndpoint>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    for (const { name, protocol, port: number } of slice.ports) {
      if (name !== (port.name ?? '') || protocol !== port.protocol || !isUsablePort(number)) continue;
      for (const endpoint of slice.endpoints) {
        const [ip] = endpoint.addresses;
        if (!isIpv4(ip)) continue;
        const key = `${ip}:${number}`;
        const before = found.get(key);
        // The same endpoint in two slices while it moves from one to the other: the one that serves counts.
        if (before && before.endpoint.conditions.ready !== false) continue;
        found.set(key, { endpoint, target: { ip, port: number } });
      }
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
}

function apiEndpoint({ api, nodeName }: NodeFacts): FoundEndpoint {
  const target = api as Target;
  return { target, endpoint: { addresses: [target.ip], conditions: {}, nodeName } };
}

function outsideEntries({ spec, status }: Service, port: ServicePort, local: boolean): readonly Entry[] {
  const { protocol } = port;
  const entries: Entry[] = [];
  const add = (ip: string | undefined, number: number, sourceRanges: readonly string[] = []): void => {
    if (ip !== undefined && !isIpv4(ip)) return;
    entries.push({ ip, protocol, port: number, from: 'outside', local, sourceRanges });
  };
  const isBalancer = spec.type === 'LoadBalancer';
  if ((spec.type === 'NodePort' || isBalancer) && port.nodePort) add(undefined, port.nodePort);
  for (const ip of new Set(spec.externalIPs ?? [])) add(ip, port.port);
  if (isBalancer) {
    const ranges = (spec.loadBalancerSourceRanges ?? []).map((range) => range.trim()).filter(isIpv4Range);
    const given = spec.externalIPs ?? [];
    for (const { ip, ipMode } of status.loadBalancer.ingress ?? []) {
      if (ip && ipMode !== 'Proxy' && !given.includes(ip)) add(ip, port.port, ranges);
    }
  }
  return entries;
}

function choice(found: readonly FoundEndpoint[], refusal: Choice['refusal']): Choice {
  return { targets: found.map(({ target }) => target), refusal };
}

function clusterIpsOf({ spec }: Service): readonly string[] {
  const all = spec.clusterIPs?.length ? spec.clusterIPs : spec.clusterIP ? [spec.clusterIP] : [];
  return all.filter(isIpv4);
}

const isIpv4 = (text: string | undefined): text is string => text !== undefined && parseIp(text)?.family === 4;
const isIpv4Range = (text: string): boolean => parseCidr(text)?.address.family === 4;
