/**
 * Rules of a Service beyond its declaration. Whether an address or a node port is free, and in range, is decided where they are
 * allocated. Paths and wording are upstream's (ValidateService, ValidateServiceUpdate).
 */
import { duplicate, forbiddenField, immutableDetail, invalidValue, notSupported, required } from '#meta/causes.ts';
import { canonicalIp, cidrRange, ipFamily, ipWarnings } from '#meta/ip.ts';
import { dns1123Label, dns1123Subdomain, labelKey } from '#meta/names.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import { checkLabels } from '#meta/selector.ts';
import {
  address,
  indexed,
  named,
  nonSpecialAddress,
  port,
  portNumberOrName,
  present,
  type Causes,
} from '../field-checks.ts';
import type { LoadBalancerStatus, ServicePort, ServiceSpec } from './service.ts';
import { isExternal, isHeadless, needsHealthCheck } from './service-strategy.ts';
import { topologyHints, topologyMode } from './service-warnings.ts';

interface ServiceLike {
  readonly metadata: ObjectMeta;
  readonly spec: ServiceSpec;
}

const affinityTimeoutMax = 86_400;
const onlyLoadBalancer = "may only be used when `type` is 'LoadBalancer'";

function* portCauses(path: string, ports: readonly ServicePort[]): Causes {
  const names = new Set<string>();
  for (const [one, at] of indexed(path, ports)) {
    const { name } = one;
    if (ports.length > 1) yield* present(`${at}.name`, name);
    if (name) {
      yield* named(dns1123Label, `${at}.name`, name);
      if (names.has(name)) yield duplicate(`${at}.name`, name);
      names.add(name);
    }
    yield* port(`${at}.port`, one.port);
    yield* portNumberOrName(`${at}.targetPort`, one.targetPort);
    yield* named(labelKey, `${at}.appProtocol`, one.appProtocol);
  }
}

/** No number twice with one protocol. */
function* doubleCauses(path: string, { type, ports = [] }: ServiceSpec): Causes {
  const numbers = new Set<string>();
  const nodePorts = new Set<string>();
  if (type === 'ClusterIP')
    for (const [{ nodePort }, at] of indexed(path, ports))
      if (nodePort) yield forbiddenField(`${at}.nodePort`, "may not be used when `type` is 'ClusterIP'");
  for (const [{ protocol, nodePort }, at] of indexed(path, ports)) {
    if (!nodePort) continue;
    if (nodePorts.has(`${protocol}/${nodePort}`)) yield duplicate(`${at}.nodePort`, nodePort);
    nodePorts.add(`${protocol}/${nodePort}`);
  }
  for (const [one, at] of indexed(path, ports)) {
    const key = `${one.protocol}/${one.port}`;
    // Upstream prints the internal struct: the key and the zero values around it.
    const { protocol: Protocol, port: Port } = one;
    if (numbers.has(key))
      yield duplicate(at, { Name: '', Protocol, AppProtocol: null, Port, TargetPort: 0, NodePort: 0 });
    numbers.add(key);
  }
}

function* typeCauses(spec: ServiceSpec): Causes {
  const ports = spec.ports ?? [];
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName') yield required('spec.ports');
  switch (spec.type) {
    case 'LoadBalancer':
    case 'NodePort':
      if (isHeadless(spec))
        yield invalidValue('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`);
      break;
    case 'ExternalName': {
      const detail = 'may not be set for ExternalName services';
      if (spec.clusterIPs?.length) yield forbiddenField('spec.clusterIPs', detail);
      if (spec.ipFamilies?.length) yield forbiddenField('spec.ipFamilies', detail);
      if (spec.ipFamilyPolicy !== undefined) yield forbiddenField('spec.ipFamilyPolicy', detail);
      const name = (spec.externalName ?? '').replace(/\.$/, '');
      if (name === '') yield required('spec.externalName');
      else yield* named(dns1123Subdomain, 'spec.externalName', name);
      break;
    }
    case 'ClusterIP':
      break;
    default:
      // Not in the type: the declaration reports it.
      spec.type satisfies never;
  }
}

function* affinityCauses({ sessionAffinity, sessionAffinityConfig: config }: ServiceSpec): Causes {
  const path = 'spec.sessionAffinityConfig';
  if (sessionAffinity === 'None' && config !== undefined)
    yield forbiddenField(path, 'must not be set when session affinity is None');
  if (sessionAffinity !== 'ClientIP') return;
  const detail = 'when session affinity type is ClientIP';
  const seconds = config?.clientIP?.timeoutSeconds;
  if (config === undefined) yield required(path, detail);
  else if (config.clientIP === undefined) yield required(`${path}.clientIP`, detail);
  else if (seconds === undefined) yield required(`${path}.clientIP.timeoutSeconds`, detail);
  else if (seconds <= 0 || seconds > affinityTimeoutMax) {
    yield invalidValue(
      `${path}.clientIP.timeoutSeconds`,
      seconds,
      `must be greater than 0 and less than ${affinityTimeoutMax}`,
    );
  }
}

const ipFamilyNames: readonly string[] = ['IPv4', 'IPv6'];

function* clusterIPCauses(spec: ServiceSpec): Causes {
  if (spec.type === 'ExternalName') return;
  const { clusterIP, clusterIPs = [], ipFamilies = [] } = spec;
  const path = 'spec.clusterIPs';
  if (clusterIP) {
    if (clusterIPs.length === 0) yield required(path);
    else if (clusterIPs[0] !== clusterIP) yield invalidValue(path, clusterIPs, 'first value must match `clusterIP`');
  } else if (clusterIPs.length > 0)
    yield invalidValue(path, clusterIPs, 'must be empty when `clusterIP` is not specified');
  const families = new Set<string>();
  for (const [family, at] of indexed('spec.ipFamilies', ipFamilies)) {
    if (!ipFamilyNames.includes(family)) yield notSupported(at, family, ipFamilyNames);
    if (families.has(family)) yield duplicate(at, family);
    families.add(family);
  }
  let bad = false;
  for (const [ip, at, index] of indexed(path, clusterIPs)) {
    if (index === 0 && ip === 'None') {
      if (clusterIPs.length === 1) continue;
      yield invalidValue(path, clusterIPs, "'None' must be the first and only value");
      bad = true;
      continue;
    }
    for (const cause of address(at, ip)) {
      bad = true;
      yield cause;
    }
  }
  if (clusterIPs.length > 2) yield invalidValue(path, clusterIPs, 'may only hold up to 2 values');
  if (bad) return;
  const [first, second] = clusterIPs.map((ip) => ipFamily(ip));
  if (clusterIPs.length > 1 && first === second)
    yield invalidValue(path, clusterIPs, 'may specify no more than one IP for each IP family');
  if (isHeadless(spec)) return;
  for (const [ip, at, index] of indexed(path, clusterIPs)) {
    const family = ipFamilies[index];
    if ((family === 'IPv4' || family === 'IPv6') && family !== `IPv${ipFamily(ip)}`) {
      yield invalidValue(at, ip, `expected an ${family} value as indicated by \`ipFamilies[${index}]\``);
    }
  }
}

function* trafficCauses(spec: ServiceSpec): Causes {
  const { externalTrafficPolicy: external, healthCheckNodePort: check = 0, trafficDistribution } = spec;
  if (!isExternal(spec)) {
    if (external !== undefined)
      yield invalidValue('spec.externalTrafficPolicy', external, 'may only be set for externally-accessible services');
  } else yield* present('spec.externalTrafficPolicy', external);
  if (!needsHealthCheck(spec) && check !== 0) {
    yield invalidValue(
      'spec.healthCheckNodePort',
      check,
      "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
    );
  } else if (check !== 0) yield* port('spec.healthCheckNodePort', check);
  if (trafficDistribution !== undefined) {
    const known = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
    if (!known.includes(trafficDistribution))
      yield notSupported('spec.trafficDistribution', trafficDistribution, known);
  }
}

const rangesAnnotation = 'service.beta.kubernetes.io/load-balancer-source-ranges';

function* sourceRangeCauses({ metadata, spec }: ServiceLike): Causes {
  const { type, loadBalancerSourceRanges: ranges = [] } = spec;
  const annotation = metadata.annotations?.[rangesAnnotation];
  // The annotation is older than the field, which wins.
  if (ranges.length === 0 && annotation === undefined) return;
  const path = ranges.length > 0 ? 'spec.LoadBalancerSourceRanges' : `metadata.annotations[${rangesAnnotation}]`;
  if (type !== 'LoadBalancer') yield forbiddenField(path, onlyLoadBalancer);
  for (const [text, at] of indexed(path, ranges)) yield* named(cidrRange, at, text.trim());
  if (ranges.length === 0 && annotation?.trim())
    for (const text of annotation.split(',')) yield* named(cidrRange, path, text.trim());
}

function* loadBalancerCauses({ type, loadBalancerClass, allocateLoadBalancerNodePorts }: ServiceSpec): Causes {
  if (type === 'LoadBalancer') {
    yield* named(labelKey, 'spec.loadBalancerClass', loadBalancerClass);
    return;
  }
  if (allocateLoadBalancerNodePorts !== undefined)
    yield forbiddenField('spec.allocateLoadBalancerNodePorts', onlyLoadBalancer);
  if (loadBalancerClass !== undefined) yield forbiddenField('spec.loadBalancerClass', onlyLoadBalancer);
}

function* topologyCauses({ annotations }: ObjectMeta): Causes {
  const [mode, hints] = [annotations?.[topologyMode], annotations?.[topologyHints]];
  if (mode !== undefined && hints !== undefined && mode !== hints)
    yield invalidValue(
      `metadata.annotations[${topologyMode}]`,
      mode,
      `must match annotations[${topologyHints}] when both are specified`,
    );
}

export function* serviceCauses(service: ServiceLike): Causes {
  const { metadata, spec } = service;
  // Upstream gives addresses before it looks at the rest.
  const early = [...clusterIPCauses(spec)];
  if (early.length > 0) {
    yield* early;
    return;
  }
  yield* topologyCauses(metadata);
  yield* typeCauses(spec);
  yield* portCauses('spec.ports', spec.ports ?? []);
  yield* checkLabels(spec.selector, 'spec.selector');
  yield* affinityCauses(spec);
  for (const [ip, at] of indexed('spec.externalIPs', spec.externalIPs)) {
    const bad = [...address(at, ip)];
    if (bad.length > 0) yield* bad;
    else yield* nonSpecialAddress(at, ip);
  }
  yield* doubleCauses('spec.ports', spec);
  yield* sourceRangeCauses(service);
  yield* loadBalancerCauses(spec);
  yield* trafficCauses(spec);
}

/** The first address and family stay; a second one may come and go (KEP-563). */
function* familyUpdateCauses(spec: ServiceSpec, old: ServiceSpec): Causes {
  if (spec.type === 'ExternalName' || old.type === 'ExternalName') return;
  if (isHeadless(spec) && isHeadless(old)) return;
  if ([...clusterIPCauses(spec)].length > 0) return;
  const single = spec.ipFamilyPolicy === 'SingleStack';
  for (const key of ['clusterIPs', 'ipFamilies'] as const) {
    if (key === 'ipFamilies' && isHeadless(spec) !== isHeadless(old)) continue;
    const [now, before]: [readonly string[], readonly string[]] = [spec[key] ?? [], old[key] ?? []];
    const what = key === 'clusterIPs' ? 'clusterIP' : 'ipFamily';
    if (now.length === before.length) {
      for (const [value, , index] of indexed('', before))
        if (now[index] !== value) yield invalidValue(`spec.${key}[${index}]`, now, 'may not change once set');
      continue;
    }
    if (before.length > now.length && now.length === 0)
      yield invalidValue(`spec.${key}[0]`, now, `primary ${what} can not be unset`);
    else if (before.length > 0 && now[0] !== before[0])
      yield invalidValue(`spec.${key}[0]`, now, 'may not change once set');
    if (before.length > now.length && now.length === 1 && !single) {
      yield invalidValue(
        'spec.ipFamilyPolicy',
        spec.ipFamilyPolicy,
        `must be set to 'SingleStack' when releasing the secondary ${what}`,
      );
    }
  }
}

export function* serviceUpdateCauses({ spec }: ServiceLike, { spec: old }: ServiceLike): Causes {
  yield* familyUpdateCauses(spec, old);
  if (old.type === 'LoadBalancer' && spec.type === 'LoadBalancer' && spec.loadBalancerClass !== old.loadBalancerClass) {
    yield invalidValue('spec.loadBalancerClass', spec.loadBalancerClass, 'may not change once set');
  }
  if (needsHealthCheck(old) && needsHealthCheck(spec) && spec.healthCheckNodePort !== old.healthCheckNodePort) {
    yield forbiddenField('spec.healthCheckNodePort', immutableDetail);
  }
}

const modes = ['Proxy', 'VIP'];

export function* loadBalancerStatusCauses(path: string, status: LoadBalancerStatus, spec: ServiceSpec): Causes {
  const { ingress = [] } = status;
  if (spec.type !== 'LoadBalancer' && ingress.length > 0) {
    yield forbiddenField(`${path}.ingress`, "may only be used when `spec.type` is 'LoadBalancer'");
    return;
  }
  for (const [{ ip, ipMode, hostname }, at] of indexed(`${path}.ingress`, ingress)) {
    yield* address(`${at}.ip`, ip || undefined);
    if (ipMode !== undefined && !ip) yield forbiddenField(`${at}.ipMode`, 'may not be specified when `ip` is not set');
    else if (ipMode !== undefined && !modes.includes(ipMode)) yield notSupported(`${at}.ipMode`, ipMode, modes);
    if (!hostname) continue;
    yield* named(dns1123Subdomain, `${at}.hostname`, hostname);
    if (canonicalIp(hostname) !== undefined)
      yield invalidValue(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address');
  }
}

/** Addresses that were there before may stay as they are. */
export function* loadBalancerStatusWarnings(path: string, { ingress }: LoadBalancerStatus): Iterable<string> {
  for (const [{ ip }, at] of indexed(`${path}.ingress`, ingress))
    if (ip) for (const message of ipWarnings(ip)) yield `${at}: ${message}`;
}
