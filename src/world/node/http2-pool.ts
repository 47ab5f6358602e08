/**
 * HTTP/2 sessions shared by all requests to one target. A broken session leaves the pool at once and the next request dials
 * anew; a session that is silent while requests wait is pinged, because a dead peer's kernel sends no reset; an idle one
 * holds neither the process nor, for long, the peer. Peers that do not speak HTTP/2 are remembered for a while.
 */
import {
  connect as connectHttp2,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { NetworkError, type HttpClientRequest } from '../world.ts';
import { tlsOptions, type Target } from './http-target.ts';
import { dial, tcpOptions } from './tcp.ts';

/** Silence after which an open session is pinged, and the time it then has to answer: Go's client for kubelets and API servers. */
const quietMs = 30_000;
const pongMs = 15_000;
/** An unused session is closed after the second quiet period. */
const connectTimeoutMs = 30_000;
/** One response's and one session's receive window: a long LIST must not wait for a window update at every 64 kB. */
const streamWindowBytes = 1024 * 1024;
const sessionWindowBytes = 64 * 1024 * 1024;
/** Sessions of one target: 64 * 1,000 streams. */
const sessionsMax = 64;
const streamsMax = 1_000;
/** Until the peer's settings have come, as RFC 9113 recommends for the least a peer allows. */
const streamsBeforeSettings = 100;
const http1MemoryMs = 600_000;
const http1MemoryMax = 1_024;

/** A session with one stream reserved; `request` is called exactly once, in the same turn. */
export interface Lease {
  request(headers: OutgoingHttpHeaders, options: ClientSessionRequestOptions): ClientHttp2Stream;
}

interface Pooled {
  readonly session: ClientHttp2Session;
  open: number;
}

export class Http2Pool {
  readonly #sessions = new Map<string, Pooled[]>();
  readonly #dialling = new Map<string, Promise<Pooled | undefined>>();
  /** Targets that chose HTTP/1.1, and until when we believe it. */
  readonly #http1 = new Map<string, number>();

  /** A session with room for one more stream, or undefined when the target wants HTTP/1.1. */
  async session(target: Target, request: HttpClientRequest): Promise<Lease | undefined> {
    if (target.protocol === 'http/1.1' || (!target.secure && target.protocol !== 'h2')) return undefined;
    for (;;) {
      const believedUntil = this.#http1.get(target.key);
      if (believedUntil !== undefined && believedUntil > performance.now()) return undefined;
      const sessions = this.#sessions.get(target.key);
      const free = sessions?.find(hasRoom);
      if (free) return lease(free);
      // At the limit requests queue inside the session with the fewest streams.
      if (sessions && sessions.length >= sessionsMax)
        return lease(sessions.reduce((a, b) => (b.open < a.open ? b : a)));
      let dialling = this.#dialling.get(target.key);
      if (!dialling) {
        dialling = this.#dial(target, request).finally(() => this.#dialling.delete(target.key));
        this.#dialling.set(target.key, dialling);
        // When all who waited gave up, nobody is left to hear of the failure.
        dialling.catch(() => {});
      }
      // Shared by all who wait: nobody's abort or time-out may cancel it for the others.
      const pooled = await withDeadline(dialling, request, target);
      if (pooled === undefined) return undefined;
      if (hasRoom(pooled)) return lease(pooled);
    }
  }

  async #dial(target: Target, request: HttpClientRequest): Promise<Pooled | undefined> {
    const where = target.socketPath === undefined ? tcpOptions(target) : { path: target.socketPath };
    let socket: Socket;
    if (target.secure) {
      const options = { ...where, ...tlsOptions(target, request.tls), ALPNProtocols: ['h2', 'http/1.1'] };
      const secure = await dial(() => connectTls(options), 'secureConnect', {
        target: target.label,
        timeoutMs: connectTimeoutMs,
      });
      if (secure.alpnProtocol !== 'h2') {
        secure.destroy();
        if (target.protocol === 'h2') throw new TypeError(`${target.label} does not speak HTTP/2`);
        if (this.#http1.size >= http1MemoryMax) this.#http1.clear();
        this.#http1.set(target.key, performance.now() + http1MemoryMs);
        return undefined;
      }
      socket = secure;
    } else {
      socket = await dial(() => connectTcp(where), 'connect', { target: target.label, timeoutMs: connectTimeoutMs });
    }
    const session = connectHttp2(`${target.secure ? 'https' : 'http'}://${target.authority}`, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: streamWindowBytes },
    });
    return this.#adopt(target.key, session);
  }

  async #adopt(key: string, session: ClientHttp2Session): Promise<Pooled> {
    const pooled: Pooled = { session, open: 0 };
    const list = this.#sessions.get(key) ?? [];
    const leave = (): void => {
      const at = list.indexOf(pooled);
      if (at >= 0) list.splice(at, 1);
      if (list.length === 0 && this.#sessions.get(key) === list) this.#sessions.delete(key);
    };
    // The requests on the session report its failure; here it only must not go unheard.
    session.on('error', leave);
    session.on('close', leave);
    session.on('goaway', leave);
    session.setLocalWindowSize(sessionWindowBytes);
    session.setTimeout(quietMs, () => this.#onQuiet(pooled));
    list.push(pooled);
    this.#sessions.set(key, list);
    return pooled;
  }

  #onQuiet({ session, open }: Pooled): void {
    if (session.destroyed || session.closed) return;
    if (open === 0) {
      session.close();
      return;
    }
    const timer = setTimeout(() => {
      session.destroy(Object.assign(new Error('the peer does not answer pings'), { code: 'ETIMEDOUT' }));
    }, pongMs).unref();
    const sent = session.ping((error) => {
      clearTimeout(timer);
      if (error && !session.destroyed) session.destroy(error);
    });
    // Too many pings are under way already: their timers decide.
    if (!sent) clearTimeout(timer);
  }
}

function hasRoom({ session, open }: Pooled): boolean {
  if (session.destroyed || session.closed) return false;
  return open < Math.min(session.remoteSettings?.maxConcurrentStreams ?? streamsBeforeSettings, streamsMax);
}

/** Reserves one stream: counts it, and holds the process only while there is one. */
function lease(pooled: Pooled): Lease {
  const { session } = pooled;
  if (pooled.open++ === 0) session.ref();
  const release = (): void => {
    if (--pooled.open === 0 && !session.destroyed) session.unref();
  };
  return {
    request(headers, options) {
      try {
        const stream = session.request(headers, options);
        stream.once('close', release);
        return stream;
      } catch (error) {
        release();
        throw error;
      }
    },
  };
}

/** The dialled session, or the waiting request's own time-out or abort, whichever comes first. */
async function withDeadline<T>(work: Promise<T>, request: HttpClientRequest, target: Target): Promise<T> {
  const { signal, timeoutMs } = request;
  if (!signal && timeoutMs === undefined) return work;
  const early = Promise.withResolvers<never>();
  const onAbort = (): void => early.reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(
          () => early.reject(new NetworkError('ETIMEDOUT', `cannot connect to ${target.label} within ${timeoutMs} ms`)),
          timeoutMs,
        );
  try {
    return await Promise.race([work, early.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
