/**
 * Why a TCP connection failed, in the words that Go's net package has for it: clients and people know them from upstream.
 */
import { NetworkError } from './world.ts';

/** `dial tcp 10.0.0.1:80: connect: connection refused`; `address` is host and port. */
export function dialError(error: unknown, address: string): string {
  const { code } = error as Partial<NetworkError>;
  switch (error instanceof NetworkError ? code : undefined) {
    case 'ECONNREFUSED':
      return `dial tcp ${address}: connect: connection refused`;
    case 'EHOSTUNREACH':
      return `dial tcp ${address}: connect: no route to host`;
    case 'ENETUNREACH':
      return `dial tcp ${address}: connect: network is unreachable`;
    case 'ETIMEDOUT':
      return `dial tcp ${address}: i/o timeout`;
    default:
      return (error as Error).message;
  }
}

/** Host and port as one text; IPv6 in brackets. */
export const hostPort = (host: string, port: number | string): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
