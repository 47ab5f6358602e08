/**
 * Names of the cluster and what they mean: a pure function from a question and what is known of Services and endpoints to an answer. It decides between
 * "no such name" and "no such record of this name", which resolvers treat differently, and never asks anybody else.
 *
 * https://github.com/kubernetes/dns/blob/master/docs/specification.md; time to live and start of authority as CoreDNS has them.
 */
import { formatIp, parseIp } from '#base/cidr.ts';
import type { Service, ServicePort } from '#api/core/service.ts';
import { isUsablePort, type Endpoint, type EndpointSlice } from '#api/discovery/endpointslice.ts';
import { codes, types, type Answer, type Code, type Record } from './message.ts';

export interface DnsFacts {
  readonly clusterDomain: string;
  /** For the start of authority: grows with every change. */
  readonly serial: number;
  hasNamespace(name: string): boolean;
  service(namespace: string, name: string): Service | undefined;
  slicesOf(namespace: string, name: string): readonly EndpointSlice[];
  servicesAt(ip: string): readonly Service[];
  slicesAt(ip: string): readonly EndpointSlice[];
}

export interface Asked {
  /** Lower case, without a dot at its end. */
  readonly name: string;
  readonly type: number;
}

const ttl = 5;
/** Version of the specification that this follows. */
const version = '1.1.0';
const weightSum = 100;

/** Undefined: not a name of this cluster, others know. A CNAME's target is left to the caller. */
export function planAnswer({ name, type }: Asked, facts: DnsFacts): Answer | undefined {
  const zone = facts.clusterDomain;
  if (name === zone || name.endsWith(`.${zone}`)) {
    const found = recordsOf(name === zone ? [] : name.slice(0, -zone.length - 1).split('.'), type, facts);
    return finish(found, facts);
  }
  const ip = reverseIp(name);
  if (ip === undefined) return undefined;
  const targets = namesOf(ip, facts);
  if (targets.length === 0) return undefined;
  const records = targets.map((target): Record => ({ name, ttl, type: 'PTR', target }));
  return finish({ code: codes.noError, records: type === types.PTR || type === types.ANY ? records : [] }, facts);
}

interface Found {
  readonly code: Code;
  readonly records: readonly Record[];
  readonly additionals?: readonly Record[];
}

const noName: Found = { code: codes.nameError, records: [] };
const noRecord: Found = { code: codes.noError, records: [] };

function finish({ code, records, additionals = [] }: Found, facts: DnsFacts): Answer {
  const authorities = records.length > 0 ? [] : [authority(facts)];
  return { code, authoritative: true, answers: records, authorities, additionals };
}

function authority({ clusterDomain, serial }: DnsFacts): Record {
  return {
    name: clusterDomain,
    ttl,
    type: 'SOA',
    primary: `ns.dns.${clusterDomain}`,
    mailbox: `hostmaster.${clusterDomain}`,
    serial: serial % 2 ** 32,
    negativeTtl: ttl,
  };
}

/** `labels` are those before the cluster's domain. */
function recordsOf(labels: readonly string[], type: number, facts: DnsFacts): Found {
  const zone = facts.clusterDomain;
  if (labels.length === 0) {
    if (type === types.SOA) return { code: codes.noError, records: [authority(facts)] };
    if (type === types.NS) {
      return { code: codes.noError, records: [{ name: zone, ttl, type: 'NS', target: `ns.dns.${zone}` }] };
    }
    return noRecord;
  }
  const kind = labels.at(-1) as string;
  const rest = labels.slice(0, -1);
  if (kind === 'svc') return serviceRecords(rest, type, facts);
  if (kind === 'pod') return podRecords(rest, type, facts);
  if (rest.length === 0 && kind === 'dns-version') {
    const records: Record[] = [{ name: `dns-version.${zone}`, ttl, type: 'TXT', text: version }];
    return type === types.TXT || type === types.ANY ? { code: codes.noError, records } : noRecord;
  }
  return noName;
}

function podRecords(labels: readonly string[], type: number, facts: DnsFacts): Found {
  const [first, second] = labels;
  if (labels.length === 0) return noRecord;
  const namespace = labels.length === 1 ? first : second;
  if (labels.length > 2 || !facts.hasNamespace(namespace as string)) return noName;
  if (labels.length === 1) return noRecord;
  const dashed = first as string;
  const address = parseIp(dashed.replaceAll('-', '.')) ?? parseIp(dashed.replaceAll('-', ':'));
  if (!address) return noName;
  const name = `${labels.join('.')}.pod.${facts.clusterDomain}`;
  return { code: codes.noError, records: addressRecords(name, [formatIp(address)], type) };
}

function serviceRecords(labels: readonly string[], type: number, facts: DnsFacts): Found {
  if (labels.length === 0) return noRecord;
  const namespace = labels.at(-1) as string;
  if (labels.length === 1) return facts.hasNamespace(namespace) ? noRecord : noName;
  const name = labels.at(-2) as string;
  const service = facts.service(namespace, name);
  if (!service) return noName;
  const base = `${name}.${namespace}.svc.${facts.clusterDomain}`;
  const asked = `${labels.join('.')}.svc.${facts.clusterDomain}`;
  const front = labels.slice(0, -2);
  if (service.spec.type === 'ExternalName') return externalRecords(service, front, asked);

  const headless = isHeadless(service);
  const backends = headless || front.length === 1 ? backendsOf(facts.slicesOf(namespace, name)) : [];
  // The specification: a headless Service without ready endpoints is no name.
  if (headless && backends.length === 0) return noName;
  if (front.length === 0) {
    if (type === types.SRV) return portRecords(service, base, { asked, backends });
    const addresses = headless ? unique(backends.map(({ address }) => address)) : clusterIpsOf(service);
    return { code: codes.noError, records: addressRecords(asked, addresses, type) };
  }
  if (front.length === 2 && front.every((label) => label.startsWith('_'))) {
    const [port, protocol] = front.map((label) => label.slice(1)) as [string, string];
    return portRecords(service, base, { asked, backends, port, protocol, type });
  }
  if (front.length === 1) {
    const [label] = front as [string];
    if (label === '_tcp' || label === '_udp' || label === '_sctp') return noRecord;
    const matching = backends.filter(({ host }) => host === label);
    if (matching.length === 0) return noName;
    return {
      code: codes.noError,
      records: addressRecords(asked, unique(matching.map(({ address }) => address)), type),
    };
  }
  return noName;
}

function externalRecords({ spec }: Service, front: readonly string[], asked: string): Found {
  const target = (spec.externalName ?? '').toLowerCase().replace(/\.$/, '');
  if (front.length > 0 || target === '') return noName;
  return { code: codes.noError, records: [{ name: asked, ttl, type: 'CNAME', target }] };
}

interface PortQuestion {
  readonly asked: string;
  readonly backends: readonly Backend[];
  /** Undefined: all ports. */
  readonly port?: string;
  readonly protocol?: string;
  readonly type?: number;
}

function portRecords(service: Service, base: string, question: PortQuestion): Found {
  const { asked, backends, port, protocol, type = types.SRV } = question;
  const matches = (name: string | undefined, of: ServicePort['protocol']): boolean =>
    (port === undefined || name?.toLowerCase() === port) && (protocol === undefined || of.toLowerCase() === protocol);
  const found: { target: string; port: number; addresses: readonly string[] }[] = [];
  if (isHeadless(service)) {
    for (const { host, address, ports } of backends) {
      for (const one of ports) {
        if (!isUsablePort(one.port) || !matches(one.name, one.protocol)) continue;
        found.push({ target: `${host}.${base}`, port: one.port, addresses: [address] });
      }
    }
  } else {
    for (const one of service.spec.ports ?? []) {
      if (matches(one.name, one.protocol))
        found.push({ target: base, port: one.port, addresses: clusterIpsOf(service) });
    }
  }
  if (found.length === 0) return port === undefined ? noRecord : noName;
  if (type !== types.SRV && type !== types.ANY) return noRecord;
  const weight = Math.max(1, Math.floor(weightSum / found.length));
  const records = found.map((one): Record => ({
    name: asked,
    ttl,
    type: 'SRV',
    priority: 0,
    weight,
    port: one.port,
    target: one.target,
  }));
  const additionals = new Map<string, readonly Record[]>();
  for (const { target, addresses } of found) {
    const before = additionals.get(target) ?? [];
    const fresh = addressRecords(target, addresses, types.ANY).filter(
      (record) => !before.some((known) => sameAddress(known, record)),
    );
    additionals.set(target, [...before, ...fresh]);
  }
  return { code: codes.noError, records, additionals: [...additionals.values()].flat() };
}

interface Backend {
  /** The first label of its own name. */
  readonly host: string;
  readonly address: string;
  readonly ports: EndpointSlice['ports'];
}

function backendsOf(slices: readonly EndpointSlice[]): readonly Backend[] {
  return slices.flatMap(({ addressType, endpoints, ports }) =>
    addressType === 'FQDN'
      ? []
      : endpoints
          .filter(({ conditions }) => conditions.ready !== false)
          .flatMap((endpoint) =>
            endpoint.addresses.map((address) => ({ host: hostOf(endpoint, address), address, ports })),
          ),
  );
}

function hostOf({ hostname }: Endpoint, address: string): string {
  return hostname?.toLowerCase() || address.replaceAll(/[.:]/g, '-');
}

/** Names that stand for an address: Services first, otherwise endpoints. */
function namesOf(ip: string, facts: DnsFacts): readonly string[] {
  const zone = facts.clusterDomain;
  const services = facts.servicesAt(ip);
  if (services.length > 0) {
    return services.map(({ metadata: { name, namespace } }) => `${name}.${namespace}.svc.${zone}`);
  }
  const names = facts.slicesAt(ip).flatMap(({ metadata, endpoints }) => {
    const service = metadata.labels?.['kubernetes.io/service-name'];
    if (!service) return [];
    return endpoints
      .filter(({ addresses, conditions }) => addresses.includes(ip) && conditions.ready !== false)
      .map((endpoint) => `${hostOf(endpoint, ip)}.${service}.${metadata.namespace}.svc.${zone}`);
  });
  return unique(names);
}

function addressRecords(name: string, addresses: readonly string[], type: number): readonly Record[] {
  return addresses.flatMap((text): readonly Record[] => {
    const ip = parseIp(text);
    const kind = ip?.family === 4 ? 'A' : 'AAAA';
    if (!ip || (type !== types.ANY && type !== types[kind])) return [];
    const hex = ip.value.toString(16).padStart(ip.family === 4 ? 8 : 32, '0');
    return [{ name, ttl, type: kind, address: Buffer.from(hex, 'hex') }];
  });
}

const sameAddress = (a: Record, b: Record): boolean =>
  'address' in a && 'address' in b && a.type === b.type && Buffer.compare(a.address, b.address) === 0;

const isHeadless = ({ spec }: Service): boolean => spec.clusterIP === 'None';

export function clusterIpsOf({ spec }: Service): readonly string[] {
  const all = spec.clusterIPs?.length ? spec.clusterIPs : spec.clusterIP ? [spec.clusterIP] : [];
  return all.filter((ip) => ip !== 'None');
}

/** The address that a name under in-addr.arpa or ip6.arpa stands for. */
function reverseIp(name: string): string | undefined {
  const four = /^((?:\d{1,3}\.){4})in-addr\.arpa$/.exec(name)?.[1];
  if (four !== undefined) {
    const ip = parseIp(four.split('.').slice(0, 4).reverse().join('.'));
    return ip && formatIp(ip);
  }
  const six = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1];
  if (six === undefined) return undefined;
  const hex = six.split('.').slice(0, 32).reverse().join('');
  return formatIp({ family: 6, value: BigInt(`0x${hex}`) });
}

const unique = <T>(all: readonly T[]): readonly T[] => [...new Set(all)];
