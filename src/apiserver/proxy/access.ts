/**
 * What the proxies stand on, and how a kubelet is found: its node's address and port. Pods' addresses mean something only on their own node, so connections to pods are made
 * by the node's kubelet, over the same authenticated channel as exec and logs.
 */
import { isGlobalUnicast, parseIp } from '#base/cidr.ts';
import type { Node } from '#api/core/node.ts';
import type { Pod } from '#api/core/pod.ts';
import { ApiError, badRequest, conflict, notFound } from '#meta/status.ts';
import { dialError, hostPort } from '#world/dial-error.ts';
import { NetworkError, type HttpVia, type TlsIdentity, type World } from '#world/world.ts';
import type { WatchCache } from '../watch/cache.ts';

export interface KubeletAccess {
  readonly world: World;
  readonly pods: WatchCache;
  readonly nodes: WatchCache;
  readonly services: WatchCache;
  readonly endpoints: WatchCache;
  /** The API server's own client certificate, `kube-apiserver-kubelet-client`, and the CA of kubelets' serving certificates. */
  readonly identity: TlsIdentity;
  readonly ca: string;
}

export const dialTimeoutMs = 10_000;

/** Throws NotFound. */
export function podOf({ pods }: KubeletAccess, namespace: string, name: string): Pod {
  const entry = pods.get(pods.key(namespace, name));
  if (!entry) throw notFound({ group: '', plural: 'pods' }, name);
  return entry.object as unknown as Pod;
}

/** Where a kubelet listens, and the node's own address. */
export interface KubeletAddress {
  readonly host: string;
  readonly port: number;
}

/** Throws NotFound for a node that is not there, Conflict for one whose kubelet never reported. */
export function kubeletOf({ nodes }: KubeletAccess, nodeName: string): KubeletAddress {
  const node = nodes.get(nodes.key(undefined, nodeName))?.object as unknown as Node | undefined;
  if (!node) throw notFound({ group: '', plural: 'nodes' }, nodeName);
  const host = node.status?.addresses?.find((each) => each.type === 'InternalIP')?.address;
  const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port;
  if (!host || !port)
    throw conflict({ group: '', plural: 'nodes' }, nodeName, 'the kubelet has not told where it listens');
  return { host, port };
}

/** Throws BadRequest for an address that no pod or node may have: this server must not be led to itself or to its own link. */
export function checkAddress(ip: string | undefined): string {
  const parsed = parseIp(ip ?? '');
  if (!ip || !parsed || !isGlobalUnicast(parsed)) throw badRequest('address not allowed');
  return ip;
}

/** Connections to an address of a node, made by the node's kubelet. `owner` keeps apart what had the same address one after the other. */
export function throughNode(
  access: KubeletAccess,
  nodeName: string,
  { ip, port, owner }: { readonly ip: string; readonly port: number; readonly owner: string },
): HttpVia {
  return {
    key: `${nodeName}/${owner}`,
    dial: async () => {
      const { world, ca, identity } = access;
      const kubelet = kubeletOf(access, nodeName);
      const origin = hostPort(kubelet.host, kubelet.port);
      const answer = await world.network
        .upgrade({
          method: 'GET',
          url: `https://${origin}/dial/${ip}/${port}`,
          headers: { upgrade: 'tcp' },
          tls: { ca, identity },
          timeoutMs: 2 * dialTimeoutMs,
        })
        .catch((cause: unknown) => {
          throw cause instanceof NetworkError
            ? new NetworkError(cause.code, dialError(cause, origin), { cause })
            : cause;
        });
      if ('socket' in answer) {
        if (answer.head.length > 0) answer.socket.unshift(answer.head);
        return answer.socket;
      }
      const text = (await answer.bytes(64 * 1024)).toString('utf8').trim();
      if (answer.status !== 404) throw new NetworkError('ECONNREFUSED', text);
      // A kubelet that is not ours makes no connections; its pods are reached as upstream reaches them, over the cluster's network.
      return world.network.dialTcp({ host: ip, port }, { timeoutMs: dialTimeoutMs }).catch((cause: unknown) => {
        throw cause instanceof NetworkError
          ? new NetworkError(cause.code, dialError(cause, hostPort(ip, port)), { cause })
          : cause;
      });
    },
  };
}

/** Upstream's answer when nobody is there behind a proxy. */
export function unreachable(cause: unknown): unknown {
  if (!(cause instanceof NetworkError)) return cause;
  const plain = cause.code === 'EPROTO' || cause.code === 'ERR_SSL_WRONG_VERSION_NUMBER';
  const why = plain ? 'http: server gave HTTP response to HTTPS client' : cause.message;
  return new ApiError('ServiceUnavailable', `error trying to reach service: ${why}`, { cause });
}
