/**
 * The bearer token of a browser: it cannot set headers on a WebSocket, so the token travels as a subprotocol, `base64url.bearer.authorization.k8s.io.<token>`
 * (https://github.com/kubernetes/kubernetes/pull/47740). It is read here and never goes further: it is neither chosen nor handed on to a backend.
 */
import { isUtf8 } from 'node:buffer';
import { ApiError } from '#meta/status.ts';
import type { HttpHeaders } from '#world/world.ts';

const prefix = 'base64url.bearer.authorization.k8s.io.';
const base64url = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2,3})?$/;

/** Subprotocols that a client offers, without the one that holds its token. */
export const offeredProtocols = (headers: HttpHeaders): readonly string[] =>
  offers(headers).filter((protocol) => protocol !== '' && !protocol.startsWith(prefix));

/** The token of a WebSocket handshake; undefined without one. Throws Unauthorized for one that is not well formed. */
export function webSocketToken(headers: HttpHeaders): string | undefined {
  const upgrades = headers['upgrade'];
  if (typeof upgrades !== 'string' || upgrades.toLowerCase() !== 'websocket') return undefined;
  const all = offers(headers);
  const tokens = all.filter((protocol) => protocol.startsWith(prefix));
  const [only] = tokens;
  if (only === undefined) return undefined;
  const encoded = only.slice(prefix.length);
  if (encoded === '') return undefined;
  const bytes = Buffer.from(encoded, 'base64url');
  // Without another subprotocol there would be none to answer with, and browsers refuse that.
  if (tokens.length > 1 || !base64url.test(encoded) || !isUtf8(bytes) || all.length === tokens.length)
    throw new ApiError('Unauthorized', 'Unauthorized');
  return bytes.toString('utf8');
}

function offers(headers: HttpHeaders): readonly string[] {
  const header = headers['sec-websocket-protocol'];
  const lines = header === undefined ? [] : typeof header === 'string' ? [header] : header;
  return lines.flatMap((line) => line.split(',').map((each) => each.trim()));
}
