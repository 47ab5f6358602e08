// Answers every request over TCP and every datagram with a name and the client's address; keeps lines of a connection going. Arguments: port, name.
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const [port, name] = process.argv.slice(2);
const server = createServer((socket) => {
  socket.on('error', () => {});
  socket.on('data', () => socket.write(`${name} ${socket.remoteAddress}\n`));
});
const udp = createSocket('udp4', (_, peer) => udp.send(`${name} ${peer.address}`, peer.port, peer.address));
udp.bind(Number(port), '0.0.0.0', () => server.listen(Number(port), '0.0.0.0', () => process.send('ready')));
