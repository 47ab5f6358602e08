/**
 * The members of an etcd cluster as one peer: a call goes to the member that answered last and, when that one fails, to the
 * next. Also the guard against another cluster, or an older state of ours, behind the same addresses: then nothing that
 * was told before holds, and the store must fail rather than serve it.
 */
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { grpcCall, type GrpcPeer } from '#world/grpc.ts';
import { NetworkError, type Millis, type TlsIdentity, type World } from '#world/world.ts';
import { StoreFailed, StoreUnavailable, type Revision } from '../store.ts';
import type { ResponseHeader } from './gen/etcd_pb.ts';
import { decode, encode, isPassing, type Method } from './messages.ts';

/** One attempt. Etcd itself gives a request 5 s and two election time-outs (1 s each) more; lists are long. */
const attemptMs: Millis = 7_000;
/** A write is small, and one in doubt is looked up: a member that hangs should not hold it for long. */
export const writeAttemptMs: Millis = 2_000;
/** Reads and writes that are safe to repeat are repeated so long: an election takes 1 to 2 s, a member's restart a little more. */
const patienceMs: Millis = 20_000;
const backoffMs: Millis = 20;
const backoffMsMax: Millis = 500;

export interface EtcdAccess {
  /** `https://host:port`, `http://host:port` or `unix:///path`. */
  readonly servers: readonly string[];
  /** PEM: who signed the members' certificates, and who we are to them. */
  readonly ca?: string;
  readonly identity?: TlsIdentity;
}

/** Throws TypeError for an address that etcd cannot have. */
export function peersOf({ servers, ca, identity }: EtcdAccess): readonly GrpcPeer[] {
  const tls =
    ca === undefined && !identity
      ? undefined
      : { ...(ca === undefined ? {} : { ca }), ...(identity ? { identity } : {}) };
  if (servers.length === 0) throw new TypeError('etcd needs at least one address');
  return servers.map((server): GrpcPeer => {
    if (server.startsWith('unix://')) return { url: 'http://localhost', socketPath: server.slice('unix://'.length) };
    const url = URL.canParse(server) ? new URL(server) : undefined;
    if (!url || !['http:', 'https:'].includes(url.protocol) || url.pathname !== '/' || url.search !== '')
      throw new TypeError(`${JSON.stringify(server)} is no address of etcd: http(s)://host:port or unix:///path`);
    return { url: url.origin, ...(url.protocol === 'https:' && tls ? { tls } : {}) };
  });
}

export class Members {
  readonly #world: World;
  readonly #peers: readonly GrpcPeer[];
  readonly #signal: AbortSignal;
  readonly #onFailed: (error: Error) => void;
  #current = 0;
  #cluster: bigint | undefined;

  constructor(
    world: World,
    peers: readonly GrpcPeer[],
    options: { readonly signal: AbortSignal; readonly onFailed: (error: Error) => void },
  ) {
    this.#world = world;
    this.#peers = peers;
    this.#signal = options.signal;
    this.#onFailed = options.onFailed;
  }

  get peer(): GrpcPeer {
    return this.#peers[this.#current] as GrpcPeer;
  }

  /** This member failed: the next one's turn, unless somebody has moved on already. */
  leave(peer: GrpcPeer): void {
    if (this.peer === peer) this.#current = (this.#current + 1) % this.#peers.length;
  }

  /** One attempt at one member. Throws GrpcError, NetworkError. */
  async attempt<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    message: MessageShape<I>,
    timeoutMs: Millis = attemptMs,
  ): Promise<MessageShape<O>> {
    const { peer } = this;
    try {
      const bytes = await grpcCall(this.#world, peer, {
        method: method.path,
        message: encode(method.input, message),
        timeoutMs,
        signal: this.#signal,
      });
      return decode(method.output, bytes);
    } catch (error) {
      if (isPassing(error)) this.leave(peer);
      throw error;
    }
  }

  /** Tries members until one answers. Only for what may be repeated. Throws StoreUnavailable, and GrpcError for refusals. */
  async call<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    message: MessageShape<I>,
    timeoutMs: Millis = attemptMs,
  ): Promise<MessageShape<O>> {
    const tries = this.tries();
    for (;;) {
      try {
        return await this.attempt(method, message, timeoutMs);
      } catch (error) {
        if (!isPassing(error)) throw error;
        await tries.next(error);
      }
    }
  }

  /** Pauses between the attempts of one call. `next` throws StoreUnavailable when patience ends. */
  tries(): { next(error: unknown): Promise<void> } {
    const deadline = this.#world.clock.monotonic() + patienceMs;
    let pause = backoffMs;
    let count = 0;
    return {
      next: async (error) => {
        count++;
        if (this.#world.clock.monotonic() + pause > deadline)
          throw new StoreUnavailable(`etcd does not answer: ${(error as Error).message}`, { cause: error });
        // The other members are asked at once; only a whole round without an answer is worth a pause.
        if (count % this.#peers.length === 0) {
          await this.#world.clock.sleep(pause * (0.5 + this.#world.random.fraction()), { signal: this.#signal });
          pause = Math.min(backoffMsMax, pause * 2);
        }
      },
    };
  }

  /**
   * Checks an answer's header against what is known: the cluster's identity, and the revision that was seen before the
   * request. Throws StoreFailed, and reports it.
   */
  check(header: ResponseHeader | undefined, atLeast: Revision): Revision {
    if (!header) throw new NetworkError('EPROTO', 'an answer of etcd without a header');
    this.#cluster ??= header.clusterId;
    const revision = Number(header.revision);
    if (header.clusterId !== this.#cluster)
      throw this.#fail(`another etcd cluster answers (${header.clusterId} instead of ${this.#cluster})`);
    if (revision < atLeast) throw this.#fail(`etcd went back from revision ${atLeast} to ${revision}`);
    return revision;
  }

  #fail(message: string): StoreFailed {
    const error = new StoreFailed(message);
    this.#onFailed(error);
    return error;
  }
}
