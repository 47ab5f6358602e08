/**
 * Rules of a Service beyond its declaration. Whether an address or a node port is free, and in range, is decided where they are
 * allocated. Paths and wording are upstream's (ValidateService, ValidateServiceUpdate).
 */
import {
  duplicate,
  forbiddenField,
  goJson,
  immutableDetail,
  invalidValue,
  notSupported,
  required,
} from '#meta/causes.ts';
import { cidrRange, ipFamily } from '#meta/ip.ts';
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

interface ServiceLike {
  readonly metadata: ObjectMeta;
  readonly spec: ServiceSpec;
}

const affinityTimeoutMax = 86_400;

function* portCauses(path: string, ports: readonly ServicePort[]): Causes {
  const names = new Set<string>();
  const numbers = new Set<string>();
  const nodePorts = new Set<string>();
  for (const [one, at] of indexed(path, ports)) {
    const { name, protocol, nodePort } = one;
    if (ports.length > 1) yield* present(`${at}.name`, name);
    if (name) {
      yield* named(dns1123Label, `${at}.name`, name);
      if (names.has(name)) yield duplicate(`${at}.name`, name);
      names.add(name);
    }
    yield* port(`${at}.port`, one.port);
    yield* portNumberOrName(`${at}.targetPort`, one.targetPort);
    yield* named(labelKey, `${at}.appProtocol`, one.appProtocol);
    if (nodePort) {
      if (nodePorts.has(`${protocol}/${nodePort}`)) yield duplicate(`${at}.nodePort`, nodePort);
      nodePorts.add(`${protocol}/${nodePort}`);
    }
    const key = `${protocol}/${one.port}`;
    if (numbers.has(key)) {
      // Upstream prints the internal struct: the key and the zero values around it.
      const printed = goJson({
        Name: '',
        Protocol: protocol,
        AppProtocol: null,
        Port: one.port,
        TargetPort: 0,
        NodePort: 0,
      });
      yield { reason: 'FieldValueDuplicate', field: at, message: `Duplicate value: ${printed}` };
    }
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
      for (const [{ nodePort }, at] of indexed('spec.ports', ports)) {
        if (nodePort) yield forbiddenField(`${at}.nodePort`, "may not be used when `type` is 'ClusterIP'");
      }
      break;
    default:
      // Not in the type: the declaration reports it.
      spec.type satisfies never;
  }
}

function* affinityCauses({ sessionAffinity, sessionAffinityConfig: config }: ServiceSpec): Causes {
  const path = 'spec.sessionAffinityConfig';
  if (sessionAffinity === 'None') {
    if (config !== undefined) yield forbiddenField(path, 'must not be set when session affinity is None');
    return;
  }
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
    if (family !== undefined && family !== `IPv${ipFamily(ip)}`) {
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

function* loadBalancerCauses(spec: ServiceSpec): Causes {
  const { type, loadBalancerSourceRanges: ranges = [], loadBalancerClass } = spec;
  const detail = "may only be used when `type` is 'LoadBalancer'";
  const path = 'spec.LoadBalancerSourceRanges';
  if (ranges.length > 0 && type !== 'LoadBalancer') yield forbiddenField(path, detail);
  for (const [range, at] of indexed(path, ranges))
    for (const message of cidrRange(range.trim())) yield invalidValue(at, range.trim(), message);
  if (type === 'LoadBalancer') yield* named(labelKey, 'spec.loadBalancerClass', loadBalancerClass);
  else {
    if (spec.allocateLoadBalancerNodePorts !== undefined)
      yield forbiddenField('spec.allocateLoadBalancerNodePorts', detail);
    if (loadBalancerClass !== undefined) yield forbiddenField('spec.loadBalancerClass', detail);
  }
}

export function* serviceCauses({ spec }: ServiceLike): Causes {
  yield* typeCauses(spec);
  yield* portCauses('spec.ports', spec.ports ?? []);
  yield* checkLabels(spec.selector, 'spec.selector');
  yield* affinityCauses(spec);
  yield* clusterIPCauses(spec);
  for (const [ip, at] of indexed('spec.externalIPs', spec.externalIPs)) {
    const bad = [...address(at, ip)];
    if (bad.length > 0) yield* bad;
    else yield* nonSpecialAddress(at, ip);
  }
  yield* loadBalancerCauses(spec);
  yield* trafficCauses(spec);
}

/** The first address and family stay; a second one may come and go (KEP-563). */
function* familyUpdateCauses(spec: ServiceSpec, old: ServiceSpec): Causes {
  if (spec.type === 'ExternalName' || old.type === 'ExternalName') return;
  if (isHeadless(spec) && isHeadless(old)) return;
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

export function* loadBalancerStatusCauses(path: string, status: LoadBalancerStatus, spec: ServiceSpec): Causes {
  const ingress = status.ingress ?? [];
  if (spec.type !== 'LoadBalancer' && ingress.length > 0)
    yield forbiddenField(`${path}.ingress`, 'may only be used when `spec.type` is LoadBalancer');
  for (const [one, at] of indexed(`${path}.ingress`, ingress)) {
    if (one.ip) yield* address(`${at}.ip`, one.ip);
    else if (one.ipMode !== undefined)
      yield forbiddenField(`${at}.ipMode`, 'may not be specified when `ip` is not set');
    if (one.hostname) {
      yield* named(dns1123Subdomain, `${at}.hostname`, one.hostname);
      if (ipFamily(one.hostname) !== undefined)
        yield invalidValue(`${at}.hostname`, one.hostname, 'must be a DNS name, not an IP address');
    }
  }
}
