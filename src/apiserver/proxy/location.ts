/**
 * Where pods/proxy, services/proxy and nodes/proxy lead: an address that the cluster's own objects give, never one that a client wrote. A Service leads only to ready
 * endpoints that are pods of its own namespace and have the address that the endpoint claims, so that whoever may write Endpoints cannot send this server anywhere.
 */
import type { Endpoints } from '#api/core/endpoints.ts';
import type { Pod } from '#api/core/pod.ts';
import type { Service } from '#api/core/service.ts';
import { ApiError, badRequest, notFound } from '#meta/status.ts';
import { hostPort } from '#world/dial-error.ts';
import type { HttpClientRequest } from '#world/world.ts';
import { checkAddress, kubeletOf, podOf, throughNode, type KubeletAccess } from './access.ts';

export interface Location {
  readonly scheme: 'http' | 'https';
  /** Host and port, as a URL has them. */
  readonly host: string;
  /** How it is reached. */
  readonly how: Pick<HttpClientRequest, 'tls' | 'via'>;
}

export interface ProxyTarget {
  readonly plural: string;
  readonly namespace: string | undefined;
  /** `name`, `name:port` or `scheme:name:port`. */
  readonly id: string;
}

/** What listens behind `https:` shows certificates that this server cannot know; upstream does not look at them either. */
const anyCertificate = { insecure: true } as const;

/** Throws BadRequest, NotFound, ServiceUnavailable. */
export function locate(access: KubeletAccess, target: ProxyTarget): Location {
  switch (target.plural) {
    case 'pods':
      return podLocation(access, target);
    case 'services':
      return serviceLocation(access, target);
    default:
      return nodeLocation(access, target);
  }
}

function podLocation(access: KubeletAccess, { namespace = '', id }: ProxyTarget): Location {
  const { scheme, name, port } = parsed(id, 'pod');
  const pod = podOf(access, namespace, name);
  const first = pod.spec.containers.find(({ ports }) => ports?.length)?.ports?.[0]?.containerPort;
  const ip = checkAddress(addressesOf(pod)[0]);
  const standard = scheme === 'https' ? '443' : '80';
  return podAt(access, pod, { scheme, ip, port: port || (first === undefined ? standard : String(first)) });
}

function serviceLocation(access: KubeletAccess, { namespace = '', id }: ProxyTarget): Location {
  const { services, endpoints, world } = access;
  const { scheme, name, port } = parsed(id, 'service');
  let portName = port;
  if (/^[+-]?\d+$/.test(port)) {
    const service = services.get(services.key(namespace, name))?.object as unknown as Service | undefined;
    if (!service) throw notFound({ group: '', plural: 'services' }, name);
    const found = service.spec.ports?.find((each) => each.port === Number(port));
    if (!found) throw unavailable(`no service port ${Number(port)} found for service "${name}"`);
    portName = found.name ?? '';
  }
  const found = endpoints.get(endpoints.key(namespace, name))?.object as unknown as Endpoints | undefined;
  if (!found) throw notFound({ group: '', plural: 'endpoints' }, name);
  const { subsets = [] } = found;
  if (subsets.length === 0) throw unavailable(`no endpoints available for service "${name}"`);
  for (const { addresses = [], ports = [] } of fromAnywhere(subsets, world.random.fraction())) {
    const wanted = ports.find((each) => (each.name ?? '') === portName);
    if (!wanted) continue;
    for (const { ip, targetRef } of fromAnywhere(addresses, world.random.fraction())) {
      if (!targetRef?.name || targetRef.namespace !== namespace) continue;
      const pod = access.pods.get(access.pods.key(namespace, targetRef.name))?.object as unknown as Pod | undefined;
      if (!pod || !addressesOf(pod).includes(ip)) continue;
      return podAt(access, pod, { scheme, ip: checkAddress(ip), port: String(wanted.port) });
    }
  }
  throw unavailable(`no endpoints available for service "${id}"`);
}

function nodeLocation(access: KubeletAccess, { id }: ProxyTarget): Location {
  const { scheme, name, port } = parsed(id, 'node');
  const kubelet = kubeletOf(access, name);
  if (port === '' || port === String(kubelet.port)) {
    const { ca, identity } = access;
    return { scheme: 'https', host: hostPort(kubelet.host, kubelet.port), how: { tls: { ca, identity } } };
  }
  const ip = checkAddress(kubelet.host);
  return {
    scheme,
    host: hostPort(ip, port),
    how: { tls: anyCertificate, via: throughNode(access, name, { ip, port: portNumber(port), owner: 'node' }) },
  };
}

function podAt(
  access: KubeletAccess,
  pod: Pod,
  { scheme, ip, port }: { readonly scheme: 'http' | 'https'; readonly ip: string; readonly port: string },
): Location {
  const { name, uid } = pod.metadata;
  if (!pod.spec.nodeName) throw badRequest(`pod ${name} does not have a host assigned`);
  const via = throughNode(access, pod.spec.nodeName, { ip, port: portNumber(port), owner: uid });
  return { scheme, host: hostPort(ip, port), how: { tls: anyCertificate, via } };
}

/** Forms of a name are those of upstream's SplitSchemeNamePort. */
function parsed(
  id: string,
  what: string,
): { readonly scheme: 'http' | 'https'; readonly name: string; readonly port: string } {
  const parts = id.split(':');
  const [scheme, name, port] =
    parts.length === 3 ? parts : parts.length === 2 ? ['', parts[0], parts[1]] : ['', parts[0], ''];
  if (parts.length > 3 || !name || !['', 'http', 'https'].includes(scheme ?? ''))
    throw badRequest(`invalid ${what} request "${id}"`);
  return { scheme: scheme === 'https' ? 'https' : 'http', name, port: port ?? '' };
}

function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  // What upstream says when it finds the port out while dialling.
  if (port < 1 || port > 65_535)
    throw unavailable(`error trying to reach service: dial tcp: address ${text}: invalid port`);
  return port;
}

const addressesOf = ({ status }: Pod): readonly string[] =>
  status?.podIPs?.map(({ ip }) => ip ?? '') ?? (status?.podIP ? [status.podIP] : []);

const unavailable = (message: string): ApiError => new ApiError('ServiceUnavailable', message);

/** All of them, beginning at a place between 0 and 1. */
function fromAnywhere<T>(all: readonly T[], place: number): readonly T[] {
  const at = Math.floor(place * all.length);
  return [...all.slice(at), ...all.slice(0, at)];
}
