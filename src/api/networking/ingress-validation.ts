/** Rules of an Ingress: hosts, paths, backends, TLS. Paths and wording are upstream's (pkg/apis/networking/validation). */
import { invalidValue, notSupported, required } from '#meta/causes.ts';
import { canonicalIp, ipWarnings } from '#meta/ip.ts';
import {
  dns1123Label,
  dns1123Subdomain,
  pathSegment,
  portName,
  portNumber,
  wildcardDns1123Subdomain,
} from '#meta/names.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import { address, indexed, named, requiredNamed, type Causes } from '../field-checks.ts';
import type { HttpIngressPath, IngressBackend, IngressRule, IngressSpec, IngressStatus } from './ingress.ts';

interface IngressLike {
  readonly metadata: ObjectMeta;
  readonly spec: IngressSpec;
}

const classAnnotation = 'kubernetes.io/ingress.class';
const badSequences = ['//', '/./', '/../', '%2f', '%2F'];
const badEnds = ['/..', '/.'];

const hostName = (host: string): readonly string[] =>
  host.includes('*') ? wildcardDns1123Subdomain(host) : dns1123Subdomain(host);

function* backendCauses(at: string, { service, resource }: IngressBackend): Causes {
  if (resource !== undefined && service !== undefined) {
    yield invalidValue(at, '', 'cannot set both resource and service backends');
  } else if (resource !== undefined) {
    yield* named(dns1123Subdomain, `${at}.resource.apiGroup`, resource.apiGroup);
    for (const key of ['kind', 'name'] as const)
      yield* requiredNamed(pathSegment, `${at}.resource.${key}`, resource[key]);
  } else if (service !== undefined) {
    yield* requiredNamed(dns1123Label, `${at}.service.name`, service.name);
    const { name, number } = service.port;
    if (name && number) yield invalidValue(at, '', 'cannot set both port name & port number');
    else if (name) yield* named(portName, `${at}.service.port.name`, name);
    else if (number) {
      for (const message of portNumber(number)) yield invalidValue(`${at}.service.port.number`, number, message);
    } else yield required(at, 'port name or number is required');
  } else yield invalidValue(at, '', 'resource or service backend is required');
}

const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];

function* pathCauses(at: string, { path = '', pathType, backend }: HttpIngressPath): Causes {
  // Without a type nothing else is looked at.
  if ((pathType as string | undefined) === undefined) {
    yield required(`${at}.pathType`, 'pathType must be specified');
    return;
  }
  if (!pathTypes.includes(pathType)) yield notSupported(`${at}.pathType`, pathType, pathTypes);
  const known = pathType === 'Exact' || pathType === 'Prefix';
  if (known || (pathType === 'ImplementationSpecific' && path !== '')) {
    if (!path.startsWith('/')) yield invalidValue(`${at}.path`, path, 'must be an absolute path');
  }
  if (known) {
    for (const bad of badSequences)
      if (path.includes(bad)) yield invalidValue(`${at}.path`, path, `must not contain '${bad}'`);
    for (const bad of badEnds)
      if (path.endsWith(bad)) yield invalidValue(`${at}.path`, path, `cannot end with '${bad}'`);
  }
  yield* backendCauses(`${at}.backend`, backend);
}

function* ruleCauses(at: string, { host = '', http }: IngressRule): Causes {
  if (host !== '') {
    if (canonicalIp(host) !== undefined)
      yield invalidValue(`${at}.host`, host, 'must be a DNS name, not an IP address');
    yield* named(hostName, `${at}.host`, host);
  }
  for (const [path, pathAt] of indexed(`${at}.http.paths`, http?.paths)) yield* pathCauses(pathAt, path);
}

export function* ingressCauses({ metadata, spec }: IngressLike): Causes {
  if (!spec.rules?.length && spec.defaultBackend === undefined) {
    yield invalidValue('spec', spec.rules ?? null, 'either `defaultBackend` or `rules` must be specified');
  }
  if (spec.defaultBackend !== undefined) yield* backendCauses('spec.defaultBackend', spec.defaultBackend);
  for (const [rule, at] of indexed('spec.rules', spec.rules)) yield* ruleCauses(at, rule);
  for (const [tls, at] of indexed('spec.tls', spec.tls)) {
    for (const [host, hostAt] of indexed(`${at}.hosts`, tls.hosts)) yield* named(hostName, hostAt, host);
    yield* named(dns1123Subdomain, `${at}.secretName`, tls.secretName || undefined);
  }
  yield* named(dns1123Subdomain, 'spec.ingressClassName', spec.ingressClassName);
  const annotation = metadata.annotations?.[classAnnotation];
  // Only of a new object, which has no version yet: later the two may drift apart.
  if (metadata.resourceVersion || annotation === undefined || spec.ingressClassName === undefined) return;
  if (annotation !== spec.ingressClassName)
    yield invalidValue(
      `annotations.${classAnnotation}`,
      annotation,
      'must match `ingressClassName` when both are specified',
    );
}

export function* ingressStatusCauses({ loadBalancer }: IngressStatus): Causes {
  for (const [{ ip, hostname }, at] of indexed('status.loadBalancer.ingress', loadBalancer?.ingress)) {
    yield* address(`${at}.ip`, ip || undefined);
    if (!hostname) continue;
    yield* named(dns1123Subdomain, `${at}.hostname`, hostname);
    if (canonicalIp(hostname) !== undefined)
      yield invalidValue(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address');
  }
}

export function* ingressWarnings({ metadata, spec }: IngressLike): Iterable<string> {
  if (metadata.annotations?.[classAnnotation] !== undefined && spec.ingressClassName === undefined)
    yield `annotation "${classAnnotation}" is deprecated, please use 'spec.ingressClassName' instead`;
}

export function* ingressStatusWarnings({ loadBalancer }: IngressStatus): Iterable<string> {
  for (const [{ ip }, at] of indexed('status.loadBalancer.ingress', loadBalancer.ingress))
    if (ip) for (const message of ipWarnings(ip)) yield `${at}: ${message}`;
}
