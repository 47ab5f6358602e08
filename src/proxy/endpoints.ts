/**
 * Which endpoints of a Service get new connections on this node: the ready ones; those that terminate but still serve when no ready one
 * is left (KEP-1669); those that hints name for this node or zone, as long as every ready one has a hint (KEP-2433, KEP-3015). It
 * must never choose one that does not answer.
 */
import type { FoundEndpoint } from './plan.ts';

export interface Scope {
  readonly scope: 'cluster' | 'node';
  readonly nodeName: string;
  readonly zone: string;
}

export function chooseEndpoints(
  found: readonly FoundEndpoint[],
  { scope, nodeName, zone }: Scope,
): readonly FoundEndpoint[] {
  if (scope === 'node') return servingOf(found.filter(({ endpoint }) => endpoint.nodeName === nodeName));
  const chosen = servingOf(found);
  const hinted = (of: (one: FoundEndpoint) => boolean): readonly FoundEndpoint[] => chosen.filter(of);
  const byNode = chosen.every(({ endpoint }) => endpoint.hints?.forNodes?.length)
    ? hinted(({ endpoint }) => endpoint.hints?.forNodes?.some(({ name }) => name === nodeName) === true)
    : [];
  if (byNode.length > 0) return byNode;
  const byZone =
    zone && chosen.every(({ endpoint }) => endpoint.hints?.forZones?.length)
      ? hinted(({ endpoint }) => endpoint.hints?.forZones?.some(({ name }) => name === zone) === true)
      : [];
  return byZone.length > 0 ? byZone : chosen;
}

function servingOf(found: readonly FoundEndpoint[]): readonly FoundEndpoint[] {
  const ready = found.filter(({ endpoint }) => endpoint.conditions.ready !== false);
  if (ready.length > 0) return ready;
  return found.filter(
    ({ endpoint: { conditions } }) => conditions.serving !== false && conditions.terminating === true,
  );
}
