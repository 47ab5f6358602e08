/**
 * UDP ports, as the DNS server needs them: one callback a datagram, sends that never throw for a peer that went away.
 */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { UdpListener, UdpPeer } from '../world.ts';
import { networkError } from './tcp.ts';

/** Room for about 1,000 queries that arrive within one turn of the loop (the kernel may grant less). */
const receiveBufferBytes = 1024 * 1024;

export async function listenUdp(
  address: { host: string; port: number },
  onMessage: (message: Buffer, from: UdpPeer) => void,
): Promise<UdpListener> {
  const socket = createSocket({ type: isIPv6(address.host) ? 'udp6' : 'udp4', recvBufferSize: receiveBufferBytes });
  await new Promise<void>((resolve, reject) => {
    const onError = (error: Error): void => {
      socket.close();
      reject(networkError(error, `cannot listen on ${address.host}:${address.port}/udp`));
    };
    socket.once('error', onError);
    socket.bind({ address: address.host, port: address.port }, () => {
      socket.removeListener('error', onError);
      // ICMP answers to earlier sends; datagrams promise nothing, so nobody is waiting for this error.
      socket.on('error', () => {});
      resolve();
    });
  });
  socket.on('message', onMessage);
  let open = true;
  return {
    port: socket.address().port,
    send(message, to) {
      if (open) socket.send(message, to.port, to.address, () => {});
    },
    async [Symbol.asyncDispose]() {
      if (!open) return;
      open = false;
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
}
