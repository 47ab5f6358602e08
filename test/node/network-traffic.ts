/** Objects and a client for the tests of Services: what the API would hold, and who answers how often. */
import type { Machines } from './network-fixture.ts';

const tcp = { port: 80, protocol: 'TCP', targetPort: 80 };

export const service = (name: string, ip: string, spec: object = {}): readonly [string, object] => [
  'services',
  {
    metadata: { namespace: 'default', name },
    spec: { type: 'ClusterIP', clusterIP: ip, clusterIPs: [ip], sessionAffinity: 'None', ports: [tcp], ...spec },
    status: { loadBalancer: {} },
  },
];

export interface Backend {
  readonly ip: string;
  readonly node: string;
  readonly conditions?: object;
}

export const slice = (name: string, backends: readonly Backend[]): readonly [string, object] => [
  'endpointslices',
  {
    metadata: { namespace: 'default', name: `${name}-x`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [
      { name: '', protocol: 'TCP', port: 80 },
      { name: 'u', protocol: 'UDP', port: 80 },
    ],
    endpoints: backends.map(({ ip, node, conditions = { ready: true } }) => ({
      addresses: [ip],
      conditions,
      nodeName: node,
    })),
  },
];

/** Sends datagrams from a new port each time; counts the answers (or the errors). */
const datagrams = `
const [host, port, count] = process.argv.slice(1);
const { createSocket } = require('node:dgram');
(async () => {
  const seen = {};
  for (let i = 0; i < count; i++) {
    const answer = await new Promise((resolve) => {
      const socket = createSocket('udp4');
      const end = (text) => { clearTimeout(timer); socket.close(); resolve(text); };
      const timer = setTimeout(() => end('timeout'), 1500);
      socket.on('message', (data, peer) => end(String(data) + (peer.address === host ? '' : ' from ' + peer.address)));
      socket.on('error', (error) => end(error.code));
      socket.connect(port, host, () => socket.send('x'));
    });
    seen[answer] = (seen[answer] ?? 0) + 1;
  }
  console.log(JSON.stringify(seen));
})();`;

/** Connects again and again; counts the answers (or the errors). */
const streams = `
const [host, port, count] = process.argv.slice(1);
const net = require('node:net');
(async () => {
  const seen = {};
  for (let i = 0; i < count; i++) {
    const answer = await new Promise((resolve) => {
      const socket = net.connect({ host, port }, () => socket.write('x'));
      socket.setTimeout(1500, () => { socket.destroy(); resolve('timeout'); });
      socket.on('data', (data) => { resolve(String(data).trim()); socket.destroy(); });
      socket.on('error', (error) => resolve(error.code));
    });
    seen[answer] = (seen[answer] ?? 0) + 1;
  }
  console.log(JSON.stringify(seen));
})();`;

/** \`name client-address\` → how often. */
export async function connect(
  machines: Machines,
  prefix: readonly string[],
  target: { readonly host: string; readonly port: number; readonly count?: number; readonly protocol?: 'udp' },
): Promise<Record<string, number>> {
  const { host, port, count = 1, protocol } = target;
  const script = protocol === 'udp' ? datagrams : streams;
  return JSON.parse(await machines.script(prefix, script, host, String(port), String(count))) as Record<string, number>;
}

/** Who answered, without the address that they saw. */
export const names = (seen: Record<string, number>): readonly string[] =>
  [...new Set(Object.keys(seen).map((text) => text.split(' ')[0] as string))].sort();
