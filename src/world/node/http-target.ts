/**
 * Where a request goes: the parsed URL, and the key under which its connections may be shared. Two requests share one only
 * when authority, socket, protocol and everything about TLS (CA, identity, name, trust) are the same.
 */
import { isIP } from 'node:net';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import type { HttpClientRequest } from '../world.ts';

export interface Target {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** For the Host header. */
  readonly authority: string;
  /** Path and query. */
  readonly path: string;
  readonly socketPath: string | undefined;
  readonly protocol: 'h2' | 'http/1.1' | undefined;
  readonly key: string;
  /** For error messages: without query, which may carry what does not belong in logs. */
  readonly label: string;
}

type Tls = HttpClientRequest['tls'];

/** Callers hold one TLS object for many requests: its key is made once, not hashed from kilobytes of PEM each time. */
const tlsKeys = new WeakMap<NonNullable<Tls>, number>();
const tlsIds = new Map<string, number>();
/** Identities rotate: the table of their texts is dropped when it has seen this many. */
const tlsIdsMax = 10_000;
let nextTlsId = 1;

export function targetOf(request: HttpClientRequest): Target {
  const url = new URL(request.url);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new TypeError(`unsupported URL scheme ${url.protocol}`);
  const secure = url.protocol === 'https:';
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  return {
    secure,
    host,
    port,
    authority: url.host,
    path: url.pathname + url.search,
    socketPath: request.socketPath,
    protocol: request.via ? 'http/1.1' : request.protocol,
    key: `${url.protocol}${url.host} ${request.socketPath ?? ''} ${request.protocol ?? ''} ${secure ? tlsKey(request.tls) : ''} ${request.via?.key ?? ''}`,
    label: request.socketPath === undefined ? `${url.origin}${url.pathname}` : `${request.socketPath}:${url.pathname}`,
  };
}

function tlsKey(tls: Tls): number {
  if (!tls) return 0;
  let id = tlsKeys.get(tls);
  if (id === undefined) {
    const text = JSON.stringify([tls.ca, tls.identity?.cert, tls.identity?.key, tls.serverName, tls.insecure ?? false]);
    id = tlsIds.get(text);
    if (id === undefined) {
      if (tlsIds.size >= tlsIdsMax) tlsIds.clear();
      id = nextTlsId++;
      tlsIds.set(text, id);
    }
    // A caller that changes a key in place keeps its old connections; the type says readonly.
    tlsKeys.set(tls, id);
  }
  return id;
}

export function tlsOptions(target: Target, tls: Tls): ConnectionOptions {
  const name = tls?.serverName ?? target.host;
  return {
    // A server name in the handshake must not be an address (RFC 6066); the certificate is checked against `name` either way.
    servername: isIP(name) ? '' : name,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    rejectUnauthorized: !(tls?.insecure ?? false),
    minVersion: 'TLSv1.2',
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls?.identity ? { cert: tls.identity.cert, key: tls.identity.key } : {}),
  };
}
