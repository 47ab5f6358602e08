/**
 * Authentication as registries ask for it: `WWW-Authenticate: Basic` and `Bearer` with a token server
 * (https://distribution.github.io/distribution/spec/auth/token/). Credentials go only to the registry they belong to and to
 * the token server it names; they never appear in an error or in the log.
 */
import { type HttpClientResponse, type HttpHeaders, NetworkError } from '#world/world.ts';
import type { Reference } from './reference.ts';

export interface RegistryCredentials {
  /** Registry host, optionally with a path prefix, as in .dockerconfigjson. */
  readonly registry: string;
  readonly username?: string;
  readonly password?: string;
  readonly identityToken?: string;
}

export interface Challenge {
  readonly scheme: 'basic' | 'bearer';
  readonly parameters: Readonly<Record<string, string>>;
}

/** The credentials that fit this repository, the longest match first (upstream's keyring does the same). */
export function matchingCredentials(
  reference: Reference,
  all: readonly RegistryCredentials[],
): readonly RegistryCredentials[] {
  const name = `${reference.registry}/${reference.repository}`;
  return all
    .map((credentials) => ({ credentials, place: normalizedPlace(credentials.registry) }))
    .filter(({ place }) => matches(name, place))
    .sort((a, b) => b.place.length - a.place.length)
    .map(({ credentials }) => credentials);
}

/** `https://index.docker.io/v1/` and `docker.io` are one place; `*.example.com` matches one label a star. */
function normalizedPlace(text: string): string {
  const bare = text
    .trim()
    .replace(/^https?:\/\//, '')
    .replace(/\/+$/, '')
    .replace(/\/v[12]$/, '');
  const slash = bare.indexOf('/');
  const host = slash < 0 ? bare : bare.slice(0, slash);
  const known = host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
  return slash < 0 ? known : `${known}${bare.slice(slash)}`;
}

function matches(name: string, place: string): boolean {
  const [placeHost = '', ...placePath] = place.split('/');
  const [nameHost = '', ...namePath] = name.split('/');
  if (placePath.some((part, at) => namePath[at] !== part)) return false;
  const wanted = placeHost.split('.');
  const given = nameHost.split('.');
  return (
    wanted.length === given.length &&
    wanted.every((part, at) => part === given[at] || matchesLabel(part, given[at] ?? ''))
  );
}

function matchesLabel(pattern: string, label: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return false;
  const [head, tail] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return (
    !tail.includes('*') && label.length >= head.length + tail.length && label.startsWith(head) && label.endsWith(tail)
  );
}

/** All challenges of a 401's header, in order. Parameters are quoted strings or tokens (RFC 9110, 11.6.1). */
export function parseChallenges(header: string | readonly string[] | undefined): readonly Challenge[] {
  const challenges: Challenge[] = [];
  for (const line of typeof header === 'string' ? [header] : (header ?? [])) {
    let current: { scheme: string; parameters: Record<string, string> } | undefined;
    const pattern =
      /([A-Za-z0-9!#$%&'*+.^_`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([A-Za-z0-9!#$%&'*+.^_`|~/:-]+)))?\s*,?\s*/gy;
    for (let found = pattern.exec(line); found; found = pattern.exec(line)) {
      const [, name = '', quoted, token] = found;
      const value = quoted === undefined ? token : quoted.replace(/\\(.)/g, '$1');
      if (value === undefined) {
        current = { scheme: name.toLowerCase(), parameters: {} };
        if (current.scheme === 'basic' || current.scheme === 'bearer') challenges.push(current as Challenge);
      } else if (current) current.parameters[name.toLowerCase()] = value;
    }
  }
  return challenges;
}

export function basicHeader(credentials: RegistryCredentials): string | undefined {
  if (!credentials.username) return undefined;
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password ?? ''}`, 'utf8').toString('base64')}`;
}

export type Send = (request: {
  method: string;
  url: string;
  headers?: HttpHeaders;
  body?: string;
}) => Promise<HttpClientResponse>;

const tokenBytesMax = 1024 * 1024;

/** Fetches a bearer token for pulling. Throws an error in containerd's words. */
export async function fetchToken(
  challenge: Challenge,
  scope: string,
  context: { credentials: RegistryCredentials | undefined; send: Send; allowHttp: boolean },
): Promise<string> {
  const { credentials, send } = context;
  const kind = credentials ? 'oauth' : 'anonymous';
  const fail = (reason: string): NetworkError =>
    new NetworkError('EAUTH', `failed to authorize: failed to fetch ${kind} token: ${reason}`);
  const realm = challenge.parameters['realm'] ?? '';
  if (!URL.canParse(realm)) throw fail('the registry named no usable token server (realm)');
  const url = new URL(realm);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && context.allowHttp))
    throw fail(`the token server ${url.origin} does not use https`);
  const service = challenge.parameters['service'];
  const query = { ...(service ? { service } : {}), scope: challenge.parameters['scope'] ?? scope };
  let response: HttpClientResponse;
  if (credentials?.identityToken) {
    const form = new URLSearchParams({
      ...query,
      grant_type: 'refresh_token',
      refresh_token: credentials.identityToken,
      client_id: 'k8ts',
    });
    response = await send({
      method: 'POST',
      url: url.href,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
    });
  } else {
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    const authorization = credentials && basicHeader(credentials);
    response = await send({ method: 'GET', url: url.href, headers: authorization ? { authorization } : {} });
  }
  const body = await response.bytes(tokenBytesMax);
  if (response.status !== 200) {
    throw fail(
      `unexpected status from ${credentials?.identityToken ? 'POST' : 'GET'} request to ${url.origin}${url.pathname}: ${response.status}`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw fail(`the token server's answer is not JSON (${(error as Error).name})`);
  }
  const { token, access_token: accessToken } = (json ?? {}) as Record<string, unknown>;
  const found = typeof token === 'string' && token !== '' ? token : accessToken;
  if (typeof found !== 'string' || found === '' || /[\r\n]/.test(found)) throw fail('no token in the response');
  return found;
}
