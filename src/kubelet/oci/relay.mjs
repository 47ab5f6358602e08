/**
 * Runs inside a pod's network namespace, started by dial.ts when somebody wants the pod's loopback: listens on a unix socket
 * (which belongs to the filesystem, not to a network namespace) and connects each client to the port that its first line
 * names. Ends when nobody has used it for a while. Plain JavaScript without imports of k8ts: it must start in an instant and
 * is a program of its own. Usage: node relay.mjs <idle seconds>, in the directory that gets the socket `relay`.
 */
import { renameSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';

const idleMs = Number(process.argv[2] || 60) * 1000;
let open = 0;
let timer = setTimeout(leave, idleMs);
// Without the process that started it nobody can ask for anything any more.
const parent = process.ppid;
setInterval(() => process.ppid === parent || leave(), 1000).unref();

function leave() {
  rmSync('relay', { force: true });
  process.exit(0);
}

function finished() {
  if (--open === 0) timer = setTimeout(leave, idleMs);
}

const server = createServer({ allowHalfOpen: true }, (client) => {
  open++;
  clearTimeout(timer);
  client.once('close', finished);
  client.on('error', () => client.destroy());
  let head = Buffer.alloc(0);
  const read = (chunk) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf(0x0a);
    if (end < 0) {
      if (head.length > 16) client.destroy();
      return;
    }
    client.off('data', read);
    client.pause();
    dial(client, Number(head.toString('latin1', 0, end)), head.subarray(end + 1), ['127.0.0.1', '::1']);
  };
  client.on('data', read);
});

/** Tries IPv4's loopback, then IPv6's, as `localhost` would. The answer is one line: `ok`, or the error's code. */
function dial(client, port, rest, [host, ...others]) {
  const pod = connect({ host, port, allowHalfOpen: true, noDelay: true });
  pod.once('error', (error) => {
    if (pod.connected) return;
    if (others.length > 0) dial(client, port, rest, others);
    else client.end(`${error.code}\n`);
  });
  pod.once('connect', () => {
    pod.connected = true;
    pod.on('error', () => client.destroy());
    pod.once('close', () => client.destroy());
    client.once('close', () => pod.destroy());
    client.write('ok\n');
    if (rest.length > 0) pod.write(rest);
    client.pipe(pod);
    pod.pipe(client);
  });
}

// A socket's file is there before anybody listens on it: its name says that somebody does.
rmSync('relay.new', { force: true });
server.listen('relay.new', () => renameSync('relay.new', 'relay'));
