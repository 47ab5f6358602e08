/**
 * The pulling half of the OCI distribution protocol (https://github.com/opencontainers/distribution-spec): manifests by tag
 * or digest, blobs with resume, token authentication, redirects to blob stores, retries. Errors say what containerd would
 * say, because people search for those words. It must never send a credential to a host it was not meant for.
 */
import type { HttpClientResponse, HttpHeaders, Millis, World } from '#world/world.ts';
import { NetworkError } from '#world/world.ts';
import { indexTypes, manifestBytesMax, manifestTypes } from './manifest.ts';
import { type Digest, digestOf, formatReference, type Reference } from './reference.ts';
import { basicHeader, type Challenge, fetchToken, parseChallenges, type RegistryCredentials } from './registry-auth.ts';

export interface RegistryOptions {
  /** Hosts (with port) that speak plain HTTP besides loopback ones. */
  readonly insecureHosts?: readonly string[];
  /** PEM of authorities by registry host, for registries with a private certificate. */
  readonly authorities?: Readonly<Record<string, string>>;
}

export interface RegistrySession {
  manifest(what: string): Promise<{ bytes: Buffer; mediaType: string; digest: Digest }>;
  /** The bytes of a blob from `offset` on; the answer says where they really start. */
  blob(digest: Digest, offset: number): Promise<{ stream: AsyncIterable<Uint8Array>; offset: number }>;
  /** Waits and answers true when trying again makes sense. */
  retry(error: unknown, attempt: number): Promise<boolean>;
}

/** The registry answered, and said no. */
export class RegistryError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'RegistryError';
    this.status = status;
  }
}

const attemptsMax = 4;
const backoffMs: Millis = 500; // doubled each time: 0.5 + 1 + 2 s
const headersWithinMs: Millis = 30_000;
const redirectsMax = 5;
const errorBytesMax = 64 * 1024;

/** A session for one repository with one credential (or none). Nothing is sent yet. */
export function registrySession(
  world: World,
  reference: Reference,
  options: RegistryOptions & { credentials?: RegistryCredentials | undefined; signal?: AbortSignal | undefined },
): RegistrySession {
  const host = reference.registry === 'docker.io' ? 'registry-1.docker.io' : reference.registry;
  const plain = isPlainHttp(host, options.insecureHosts ?? []);
  const origin = `${plain ? 'http' : 'https'}://${host}`;
  const scope = `repository:${reference.repository}:pull`;
  let authorization: string | undefined;

  async function raw(request: {
    method: string;
    url: string;
    headers?: HttpHeaders;
    body?: string;
  }): Promise<HttpClientResponse> {
    const authority = new URL(request.url).host;
    const ca = options.authorities?.[authority];
    try {
      return await world.network.request({
        ...request,
        headers: { 'user-agent': 'k8ts', ...request.headers },
        timeoutMs: headersWithinMs,
        ...(options.signal ? { signal: options.signal } : {}),
        ...(ca === undefined ? {} : { tls: { ca } }),
      });
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      throw new NetworkError(
        error.code,
        `failed to do request: ${title(request.method)} "${withoutQuery(request.url)}": ${dialError(error, request.url)}`,
        { cause: error },
      );
    }
  }

  /** Follows redirects itself: another host never sees our authorization. */
  async function follow(method: string, url: string, headers: HttpHeaders): Promise<HttpClientResponse> {
    let current = url;
    for (let hop = 0; hop <= redirectsMax; hop++) {
      const here = new URL(current).origin === origin;
      const response = await raw({
        method,
        url: current,
        headers: { ...headers, ...(here && authorization ? { authorization } : {}) },
      });
      const location = first(response.headers['location']);
      if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) return response;
      response.body.destroy();
      if (!URL.canParse(location, current))
        throw new RegistryError(response.status, `the registry redirects to ${JSON.stringify(location.slice(0, 200))}`);
      const next = new URL(location, current);
      if (next.protocol !== 'https:' && !(plain && next.protocol === 'http:')) {
        throw new RegistryError(
          response.status,
          `the registry redirects to ${next.protocol}//${next.host}, which is not https`,
        );
      }
      current = next.href;
    }
    throw new RegistryError(310, `stopped after ${redirectsMax} redirects`);
  }

  async function send(method: string, path: string, headers: HttpHeaders): Promise<HttpClientResponse> {
    const url = `${origin}/v2/${reference.repository}/${path}`;
    const response = await follow(method, url, headers);
    if (response.status !== 401) return response;
    const challenges = parseChallenges(response.headers['www-authenticate']);
    if (!(await authorize(challenges))) return response;
    response.body.destroy();
    return follow(method, url, headers);
  }

  /** Answers a challenge; false when there is nothing (new) to answer with. */
  async function authorize(challenges: readonly Challenge[]): Promise<boolean> {
    const before = authorization;
    const bearer = challenges.find((challenge) => challenge.scheme === 'bearer');
    if (bearer)
      authorization = `Bearer ${await fetchToken(bearer, scope, { credentials: options.credentials, send: raw, allowHttp: plain })}`;
    else if (challenges.length > 0 && options.credentials) authorization = basicHeader(options.credentials);
    return authorization !== undefined && authorization !== before;
  }

  async function refuse(response: HttpClientResponse, method: string, path: string): Promise<never> {
    const reason = registryReason(await response.bytes(errorBytesMax).catch(() => Buffer.alloc(0)));
    const name = formatReference(reference);
    if (response.status === 404) throw new RegistryError(404, `${name}: not found`);
    if (response.status === 401 || response.status === 403) {
      const said =
        reason || (response.status === 401 ? 'authorization failed' : 'insufficient_scope: authorization failed');
      throw new RegistryError(
        response.status,
        `pull access denied, repository does not exist or may require authorization: server message: ${said}`,
      );
    }
    throw new RegistryError(
      response.status,
      `unexpected status from ${method} request to ${origin}/v2/${reference.repository}/${path}: ${response.status}${reason ? `: ${reason}` : ''}`,
    );
  }

  async function retry(error: unknown, attempt: number): Promise<boolean> {
    if (options.signal?.aborted || attempt >= attemptsMax) return false;
    const transient =
      error instanceof RegistryError
        ? error.status === 429 || error.status >= 500
        : error instanceof NetworkError
          ? error.code !== 'EAUTH' && error.code !== 'ENOTFOUND' && !error.code.startsWith('CERT_')
          : isBrokenStream(error);
    if (!transient) return false;
    await world.clock.sleep(backoffMs * 2 ** (attempt - 1), options.signal ? { signal: options.signal } : {});
    return true;
  }

  async function attempt<T>(work: () => Promise<T>): Promise<T> {
    for (let count = 1; ; count++) {
      try {
        return await work();
      } catch (error) {
        // A refused connection will be refused again in a second; the kubelet's own back-off is the right place to wait.
        if ((error as NetworkError).code === 'ECONNREFUSED' || !(await retry(error, count))) throw error;
      }
    }
  }

  return {
    retry,
    manifest(what) {
      return attempt(async () => {
        const path = `manifests/${what}`;
        const response = await send('GET', path, { accept: [...manifestTypes, ...indexTypes].join(', ') });
        if (response.status !== 200) return refuse(response, 'GET', path);
        const bytes = await response.bytes(manifestBytesMax);
        const digest = digestOf(bytes);
        if (what.startsWith('sha256:') && digest !== what) {
          throw new RegistryError(422, `the registry sent a manifest with digest ${digest} for ${what}`);
        }
        return { bytes, digest, mediaType: first(response.headers['content-type']) ?? '' };
      });
    },
    async blob(digest, offset) {
      const path = `blobs/${digest}`;
      const response = await send('GET', path, offset > 0 ? { range: `bytes=${offset}-` } : {});
      if (response.status === 206)
        return { stream: response.body as AsyncIterable<Uint8Array>, offset: rangeStart(response) ?? offset };
      if (response.status === 200) return { stream: response.body as AsyncIterable<Uint8Array>, offset: 0 };
      return refuse(response, 'GET', path);
    },
  };
}

/** Registries on this machine speak HTTP, as for Docker and containerd; all others must be named to do so. */
export function isPlainHttp(host: string, insecureHosts: readonly string[]): boolean {
  if (insecureHosts.includes(host)) return true;
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return insecureHosts.includes(name) || name === 'localhost' || name === '::1' || /^127(?:\.\d{1,3}){3}$/.test(name);
}

function dialError(error: NetworkError, url: string): string {
  const { host, hostname, port, protocol } = new URL(url);
  const address = port ? host : `${hostname}:${protocol === 'https:' ? 443 : 80}`;
  switch (error.code) {
    case 'ECONNREFUSED':
      return `dial tcp ${address}: connect: connection refused`;
    case 'ENOTFOUND':
      return `dial tcp: lookup ${hostname}: no such host`;
    case 'EAI_AGAIN':
      return `dial tcp: lookup ${hostname}: server misbehaving`;
    case 'EHOSTUNREACH':
      return `dial tcp ${address}: connect: no route to host`;
    case 'ENETUNREACH':
      return `dial tcp ${address}: connect: network is unreachable`;
    case 'ETIMEDOUT':
      return `dial tcp ${address}: i/o timeout`;
    default:
      return error.message;
  }
}

/** `{"errors":[{"code":"UNAUTHORIZED","message":"…"}]}` → `unauthorized: …`, shortened, without control characters. */
function registryReason(body: Buffer): string {
  try {
    const { errors } = JSON.parse(body.toString('utf8')) as { errors?: unknown };
    if (!Array.isArray(errors)) return '';
    const reasons = errors.map((entry: unknown) => {
      const { code, message } = (entry ?? {}) as Record<string, unknown>;
      return [
        typeof code === 'string' ? code.toLowerCase().replaceAll('_', ' ') : '',
        typeof message === 'string' ? message : '',
      ]
        .filter(Boolean)
        .join(': ');
    });
    return printable(reasons.join('; '));
  } catch (error) {
    if (error instanceof SyntaxError) return '';
    throw error;
  }
}

function printable(text: string): string {
  return [...text]
    .filter((character) => character >= ' ' && character !== '\u007f')
    .join('')
    .slice(0, 500);
}

function rangeStart(response: HttpClientResponse): number | undefined {
  const found = /^bytes (\d+)-/.exec(first(response.headers['content-range']) ?? '');
  return found ? Number(found[1]) : undefined;
}

/** Connections that break inside a body end as stream errors, or early. */
function isBrokenStream(error: unknown): boolean {
  const { code, name, message } = error as NodeJS.ErrnoException;
  if (name === 'ContentMismatch') return message.endsWith('unexpected EOF');
  return (
    code !== undefined && /^(ECONN|EPIPE|ETIMEDOUT|ERR_HTTP2|ERR_STREAM_PREMATURE|HPE_|ERR_STREAM_DESTROYED)/.test(code)
  );
}

function first(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}

function title(method: string): string {
  return method.charAt(0) + method.slice(1).toLowerCase();
}

/** Pre-signed blob URLs carry their credential in the query. */
function withoutQuery(url: string): string {
  const parsed = new URL(url);
  return `${parsed.origin}${parsed.pathname}`;
}
