/** What a client is told of a Service that is taken nevertheless: odd addresses, fields without effect, old ones. Wording is upstream's (pkg/api/service). */
import { cidrWarnings, ipWarnings } from '#meta/ip.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import { indexed } from '../field-checks.ts';
import type { ServiceSpec } from './service.ts';

/** The old name of `topologyMode`. */
export const topologyHints = 'service.kubernetes.io/topology-aware-hints';
export const topologyMode = 'service.kubernetes.io/topology-mode';

function* headlessWarnings({ loadBalancerIP, externalIPs, sessionAffinity }: ServiceSpec): Iterable<string> {
  if (loadBalancerIP) yield 'spec.loadBalancerIP is ignored for headless services';
  if (externalIPs?.length) yield 'spec.externalIPs is ignored for headless services';
  if (sessionAffinity !== 'None') yield 'spec.SessionAffinity is ignored for headless services';
}

export function* serviceWarnings({
  metadata,
  spec,
}: {
  readonly metadata: ObjectMeta;
  readonly spec: ServiceSpec;
}): Iterable<string> {
  const { type, clusterIP, externalIPs = [], loadBalancerIP } = spec;
  const isName = type === 'ExternalName';
  const isHeadless = type === 'ClusterIP' && clusterIP === 'None';
  if (metadata.annotations?.[topologyHints] !== undefined)
    yield `annotation ${topologyHints} is deprecated, please use ${topologyMode} instead`;
  if (clusterIP && clusterIP !== 'None')
    for (const [ip, at] of indexed('spec.clusterIPs', spec.clusterIPs))
      for (const message of ipWarnings(ip)) yield `${at}: ${message}`;
  if (isHeadless) yield* headlessWarnings(spec);
  for (const [ip, at] of indexed('spec.externalIPs', externalIPs))
    for (const message of ipWarnings(ip)) yield `${at}: ${message}`;
  if (externalIPs.length > 0 && !isHeadless && !isName)
    yield 'spec.externalIPs is deprecated and may no longer be implemented in some clusters';
  if (loadBalancerIP) for (const message of ipWarnings(loadBalancerIP)) yield `spec.loadBalancerIP: ${message}`;
  for (const [range, at] of indexed('spec.loadBalancerSourceRanges', spec.loadBalancerSourceRanges))
    for (const message of cidrWarnings(range)) yield `${at}: ${message}`;
  if (isName && externalIPs.length > 0) yield 'spec.externalIPs is ignored when spec.type is "ExternalName"';
  if (!isName && spec.externalName) yield 'spec.externalName is ignored when spec.type is not "ExternalName"';
  if (spec.trafficDistribution === 'PreferClose')
    yield 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"';
}
