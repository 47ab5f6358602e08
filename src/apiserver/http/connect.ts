/**
 * Requests that connect a client to something else, as upstream calls it: exec, attach and port-forward of pods, and the proxies of pods, Services and nodes. Bytes pass; nothing is
 * decoded. The last steps of a request's way for all of them, with and without an upgrade.
 */
import { badRequest } from '#meta/status.ts';
import { notServed } from '../api.ts';
import type { HttpExchange, HttpUpgrade } from '#world/world.ts';
import { podStream } from '../proxy/kubelet.ts';
import { isProxy, proxyRequest, proxyUpgrade } from '../proxy/proxy.ts';
import type { ResourceRoute, Route } from '../route.ts';
import { admitted } from './admit.ts';
import type { Edge } from './edge.ts';

type Stream = 'exec' | 'attach' | 'portforward';

/** The stream that a path asks for, if it is one. */
function streamOf({ group, plural, name, subresource }: ResourceRoute): Stream | undefined {
  if (group !== '' || plural !== 'pods' || name === undefined) return undefined;
  return subresource === 'exec' || subresource === 'attach' || subresource === 'portforward' ? subresource : undefined;
}

export const isConnect = (resource: ResourceRoute): boolean => isProxy(resource) || streamOf(resource) !== undefined;

/** An ordinary request to such a path; answers the code that was sent, after the last byte. */
export async function serveConnect(edge: Edge, exchange: HttpExchange, resource: ResourceRoute): Promise<number> {
  checkScope(resource);
  if (streamOf(resource)) throw badRequest('Upgrade request required');
  return proxyRequest(edge.kubelets, exchange, resource);
}

/** A request for another protocol, from authorization on. */
export async function openConnect(edge: Edge, upgrade: HttpUpgrade, way: Route): Promise<void> {
  const { resource } = way;
  if (!resource || !isConnect(resource)) throw badRequest('this path cannot be upgraded');
  await admitted(edge.api, upgrade, way);
  checkScope(resource);
  const subresource = streamOf(resource);
  // Streaming is creation, whatever the method, so that read-only users cannot exec (upstream since 1.35); a kubelet's exec is one too, behind nodes/proxy. Other proxies go by
  // the method alone.
  if (way.verb !== 'create' && (subresource || resource.plural === 'nodes'))
    await admitted(edge.api, upgrade, { ...way, verb: 'create' });
  if (!subresource) {
    await proxyUpgrade(edge.kubelets, upgrade, resource);
    return;
  }
  const { namespace = '', name = '' } = resource;
  await podStream(edge.kubelets, upgrade, { namespace, name, query: way.query, subresource });
}

function checkScope({ plural, namespace }: ResourceRoute): void {
  if ((plural === 'nodes') !== (namespace === undefined)) throw notServed();
}
