/**
 * Who is at the other end of a connection: its address, and the subject of a client certificate whose chain was verified.
 * Names are taken from the parsed attributes, never by splitting a subject line: a certificate may hold commas and newlines.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { HttpRequestHead, Millis } from '../world.ts';
import type { UnsentAnswers } from './unsent-answers.ts';

export interface Connection {
  readonly remoteAddress: string;
  readonly peer: HttpRequestHead['peer'];
  /** How long a body that is read whole may take. */
  readonly bodyTimeoutMs: Millis;
  /** Of the whole server. */
  readonly unsent: UnsentAnswers;
  /** What we have answered and not yet been pinged for, in answers and parts of 16 KiB: see `guardSession`. */
  answered: number;
}

/** Computed once a connection; `verify` says that the server has a client CA to trust. */
export function connectionOf(
  socket: Socket,
  verify: boolean,
  { bodyTimeoutMs, unsent }: Pick<Connection, 'bodyTimeoutMs' | 'unsent'>,
): Connection {
  return {
    remoteAddress: plainAddress(socket.remoteAddress),
    peer: verify ? peerOf(socket) : undefined,
    bodyTimeoutMs,
    unsent,
    answered: 0,
  };
}

function peerOf(socket: Socket): HttpRequestHead['peer'] {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const certificate = socket.getPeerCertificate(false);
  // An empty object stands for "no certificate was sent".
  if (!certificate?.raw) return undefined;
  const subject = (certificate.subject ?? {}) as { CN?: string | string[]; O?: string | string[] };
  return {
    // As Go's pkix.Name does, the last of several common names counts.
    commonName: list(subject.CN).at(-1) ?? '',
    organizations: list(subject.O),
    der: certificate.raw,
  };
}

function list(value: string | string[] | undefined): readonly string[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

/** IPv4 peers of a dual-stack socket come as ::ffff:a.b.c.d. */
function plainAddress(address: string | undefined): string {
  return address?.startsWith('::ffff:') ? address.slice(7) : (address ?? '');
}
