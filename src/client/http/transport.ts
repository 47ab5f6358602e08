/**
 * The API over HTTP/2: JSON both ways, a client certificate or a bearer token as identity. It must never retry a request that may
 * have been carried out; connections are pooled and re-dialled by the World.
 */
import type { Readable } from 'node:stream';
import { ApiError, fromStatus, type Status } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import type { WatchEvent } from '#meta/watch-event.ts';
import {
  NetworkError,
  type HttpClientRequest,
  type HttpClientResponse,
  type TlsIdentity,
  type World,
} from '#world/world.ts';
import { apiVersionOf } from '#schema/kind.ts';
import type { ApiCall, Transport } from '../client.ts';
import { urlPath } from './path.ts';

export interface Server {
  /** `https://127.0.0.1:6443`. */
  readonly url: string;
  /** PEM of the cluster's CA. */
  readonly ca?: string;
  readonly identity?: TlsIdentity;
  readonly token?: () => string;
  /** Reach the server through this unix socket. */
  readonly socketPath?: string;
  /** The name the server's certificate must carry when it differs from the URL's host. */
  readonly serverName?: string;
  readonly userAgent?: string;
}

const requestTimeoutMs = 60_000;
/** A list of 100,000 pods of 5.5 kB. */
const bodyBytesMax = 1024 * 1024 * 1024;
/** One watch event: an object of 1.5 MiB, escaped, with room. */
const lineBytesMax = 16 * 1024 * 1024;

const patchContentTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** A transport to `server`. Throws ApiError for what the server refused and ServiceUnavailable when it cannot be reached. */
export function httpTransport(world: World, server: Server): Transport {
  const send = async (call: ApiCall, extra: Partial<HttpClientRequest>): Promise<HttpClientResponse> => {
    const body = bodyOf(call);
    try {
      const response = await world.network.request({
        method: methods[call.verb],
        url: server.url + urlPath(call),
        headers: {
          accept: 'application/json',
          'user-agent': server.userAgent ?? 'k8ts',
          ...(server.token ? { authorization: `Bearer ${server.token()}` } : {}),
          ...(body === undefined ? {} : { 'content-type': contentTypeOf(call) }),
        },
        tls: {
          ...(server.ca === undefined ? {} : { ca: server.ca }),
          ...(server.identity === undefined ? {} : { identity: server.identity }),
          ...(server.serverName === undefined ? {} : { serverName: server.serverName }),
        },
        ...(server.socketPath === undefined ? {} : { socketPath: server.socketPath }),
        ...(body === undefined ? {} : { body }),
        ...(call.options.signal === undefined ? {} : { signal: call.options.signal }),
        timeoutMs: requestTimeoutMs,
        ...extra,
      });
      if (response.status >= 400) throw await refused(response);
      return response;
    } catch (error) {
      if (error instanceof NetworkError) {
        throw new ApiError('ServiceUnavailable', `the API server cannot be reached: ${error.message}`, {
          cause: error,
        });
      }
      throw error;
    }
  };

  return {
    call: async (call) => {
      const response = await send(call, {});
      const answer = JSON.parse((await response.bytes(bodyBytesMax)).toString('utf8')) as AnyObject & Partial<Status>;
      if (call.verb === 'delete' && answer.kind === 'Status') return undefined;
      if (call.verb === 'list') return typedItems(answer as never, call);
      return answer;
    },
    async *watch(call) {
      const response = await send(call, {});
      for await (const line of lines(response.body)) yield JSON.parse(line) as WatchEvent<AnyObject>;
    },
  };
}

const methods = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
} as const;

function bodyOf(call: ApiCall): string | undefined {
  if (call.verb === 'delete' || call.verb === 'deletecollection') {
    const { gracePeriodSeconds, orphanDependents, propagationPolicy, preconditions, dryRun } = call.options;
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      gracePeriodSeconds,
      orphanDependents,
      propagationPolicy,
      preconditions,
      ...(dryRun ? { dryRun: ['All'] } : {}),
    });
  }
  if (call.body === undefined) return undefined;
  if (call.verb === 'patch' || call.subresource !== undefined) return JSON.stringify(call.body);
  return JSON.stringify({ apiVersion: apiVersionOf(call.kind), kind: call.kind.kind, ...(call.body as object) });
}

const contentTypeOf = (call: ApiCall): string =>
  call.verb === 'patch' ? patchContentTypes[call.options.patchType ?? 'merge'] : 'application/json';

async function refused(response: HttpClientResponse): Promise<ApiError> {
  const text = (await response.bytes(bodyBytesMax)).toString('utf8');
  try {
    return fromStatus(JSON.parse(text) as Partial<Status>, response.status);
  } catch (cause) {
    return new ApiError(response.status >= 500 ? 'InternalError' : 'Unknown', text.slice(0, 1024), {
      code: response.status,
      cause,
    });
  }
}

/** Items of a list carry no kind of their own on upstream's wire: give it to them, as direct callers see it. */
function typedItems(list: { items: AnyObject[] | null; metadata: object }, { kind }: ApiCall): unknown {
  const apiVersion = apiVersionOf(kind);
  return {
    ...list,
    items: (list.items ?? []).map((item) => (item.kind ? item : { ...item, apiVersion, kind: kind.kind })),
  };
}

/** Newline-delimited JSON; a line is bounded. */
async function* lines(body: Readable): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      parts.push(chunk.subarray(start, end));
      yield parts.length === 1 ? (parts[0] as Buffer).toString('utf8') : Buffer.concat(parts).toString('utf8');
      parts = [];
      size = 0;
      start = end + 1;
    }
    if (start < chunk.length) {
      parts.push(chunk.subarray(start));
      size += chunk.length - start;
      if (size > lineBytesMax)
        throw new ApiError('InternalError', `a watch event is longer than ${lineBytesMax} bytes`);
    }
  }
}
