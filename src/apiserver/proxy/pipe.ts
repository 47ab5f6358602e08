/**
 * Two connections that become one pipe after both sides have left HTTP, and the head of an answer that is written to a bare socket.
 */
import type { Duplex } from 'node:stream';
import type { HttpHeaders } from '#world/world.ts';

/** A connection and the bytes that came with its head. */
export interface Spliced {
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Joins them; resolves when either has ended and both are closed. */
export function splice(client: Spliced, backend: Spliced): Promise<void> {
  const end = (): void => {
    client.socket.destroy();
    backend.socket.destroy();
  };
  for (const { socket } of [client, backend]) socket.on('error', end).on('close', end);
  if (backend.head.length > 0) client.socket.write(backend.head);
  if (client.head.length > 0) backend.socket.write(client.head);
  client.socket.pipe(backend.socket);
  backend.socket.pipe(client.socket);
  return new Promise((resolve) => {
    client.socket.once('close', () => resolve());
    if (client.socket.destroyed) resolve();
  });
}

/** Status line and headers, with the empty line after them. */
export function responseHead(status: number, headers: HttpHeaders): string {
  const lines = [`HTTP/1.1 ${status} ${status === 101 ? 'Switching Protocols' : ''}`];
  for (const [name, value] of Object.entries(headers))
    for (const each of typeof value === 'string' ? [value] : (value ?? [])) lines.push(`${name}: ${each}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}
