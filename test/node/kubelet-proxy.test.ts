/** The proxies and the WebSocket forms of streams against a real pod, by way of `kubectl proxy`. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { Endpoints } from '#api/core/endpoints.ts';
import { Service } from '#api/core/service.ts';
import { toolsDirectory } from '#cluster/client-tools.ts';
import type { ChildProcess } from '#world/world.ts';
import {
  asRoot,
  eventually,
  idle,
  image,
  kubectlPath,
  kubeletFixture,
  leftovers,
  shell,
  world,
  type KubeletFixture,
} from './kubelet-fixture.ts';

const withKubectl = { ...asRoot, skip: asRoot.skip || (kubectlPath ? false : 'needs kubectl') };
/** A kubectl whose exec and port-forward know nothing but SPDY; the wire tests unpack one. */
const unpacked = join(toolsDirectory.replace(/v36$/, 'v30'), 'kubectl');
const oldKubectl = process.env['OLD_KUBECTL'] ?? ((await world.disk.stat(unpacked)) ? unpacked : undefined);
let node: KubeletFixture;
let proxy: ChildProcess;
/** `127.0.0.1:port` of kubectl proxy. */
let at = '';

const server = `
  const s = require('http').createServer((q, r) => {
    if (q.url === '/page') return r.setHeader('content-type', 'text/html').end('<a href="/x">x</a>');
    if (q.method === 'GET') return r.end(q.method + ' ' + q.url);
    q.pipe(r);
  });
  s.on('upgrade', (q, k) => { k.write('HTTP/1.1 101 x\\r\\nconnection: upgrade\\r\\nupgrade: echo\\r\\n\\r\\n'); k.on('error', () => 0).pipe(k); });
  s.listen(8080, '0.0.0.0');
  process.on('SIGTERM', () => process.exit(0));`;

before(async () => {
  if (withKubectl.skip) return;
  node = await kubeletFixture();
  await node.pod('pod', {
    containers: [
      shell('main', `echo out; echo err >&2; ${idle}`),
      { name: 'web', image, command: ['node', '-e', server], ports: [{ containerPort: 8080 }] },
    ],
  });
  const pod = await node.running('pod');
  await node.admin.create(Service, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { ports: [{ port: 80, targetPort: 8080 }] },
  } as never);
  await node.admin.create(Endpoints, {
    metadata: { name: 'web', namespace: 'default' },
    subsets: [
      {
        addresses: [{ ip: pod.status.podIP ?? '', targetRef: { kind: 'Pod', name: 'pod', namespace: 'default' } }],
        ports: [{ port: 8080 }],
      },
    ],
  } as never);
  proxy = world.processes.spawn(
    [kubectlPath ?? '', '--kubeconfig', node.kubeconfig, 'proxy', '--port=0', '--reject-paths=^$'],
    {},
  );
  let text = '';
  proxy.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  await eventually(async () => {
    at = /127\.0\.0\.1:\d+/.exec(text)?.[0] ?? '';
    return at !== '';
  });
});
after(async () => {
  if (!node) return;
  proxy.kill('SIGTERM');
  await proxy.exited;
  await node[Symbol.asyncDispose]();
  assert.deepEqual(await leftovers(node), []);
});

const namespace = '/api/v1/namespaces/default';

test('kubectl get --raw and kubectl proxy reach pods, Services and the node', withKubectl, async () => {
  const ids = [`${namespace}/pods/pod:8080`, `${namespace}/services/web`, `${namespace}/services/http:web:80`];
  for (const id of ids) {
    await eventually(async () => (await node.kubectl('get', '--raw', `${id}/proxy/hello?a=b`)).code === 0);
    assert.equal((await node.kubectl('get', '--raw', `${id}/proxy/hello?a=b`)).stdout, 'GET /hello?a=b');
    const body = world.random.bytes(5_000_000);
    const echoed = await world.network.request({ method: 'POST', url: `http://${at}${id}/proxy/`, body });
    assert.ok((await echoed.bytes()).equals(Buffer.from(body)));
    const page = await world.network.request({ method: 'GET', url: `http://${at}${id}/proxy/page` });
    assert.equal(String(await page.bytes()), `<a href="${id}/proxy/x">x</a>`);
    const raw = await world.network.upgrade({
      method: 'GET',
      url: `http://${at}${id}/proxy/echo`,
      headers: { upgrade: 'echo' },
    });
    assert.ok('socket' in raw);
    raw.socket.write('ping');
    assert.equal(String(await new Promise((resolve) => raw.socket.once('data', resolve))), 'ping');
    raw.socket.destroy();
  }
  const nodes = JSON.parse((await node.kubectl('get', 'node', '-o', 'json')).stdout) as {
    items: { metadata: { name: string } }[];
  };
  const name = nodes.items[0]?.metadata.name;
  assert.equal((await node.kubectl('get', '--raw', `/api/v1/nodes/${name}/proxy/healthz`)).stdout, 'ok');
  const refused = await node.kubectl('get', '--raw', `${namespace}/pods/pod:9/proxy/`);
  assert.match(refused.stderr, /error trying to reach service: dial tcp [\d.]+:9: connect: connection refused/);
});

/** One exec with the messages of a protocol; answers what came, by channel. */
async function exec(
  protocol: string,
  command: readonly string[],
  input?: string,
): Promise<{ readonly protocol: string; readonly channels: readonly string[] }> {
  const query = new URLSearchParams([
    ['container', 'main'],
    ['stdout', '1'],
    ['stderr', '1'],
    ...(input === undefined ? [] : [['stdin', '1']]),
    ...command.map((word) => ['command', word]),
  ] as [string, string][]);
  const socket = new WebSocket(`ws://${at}${namespace}/pods/pod/exec?${query}`, protocol ? [protocol] : []);
  const channels: string[] = ['', '', '', ''];
  const base64 = protocol.includes('base64');
  socket.on('message', (data: Buffer) => {
    const number = (data[0] ?? 0) - (base64 ? 0x30 : 0);
    channels[number] += base64
      ? Buffer.from(data.toString('latin1', 1), 'base64').toString()
      : data.toString('utf8', 1);
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  if (input !== undefined) {
    const message = Buffer.from(base64 ? `0${Buffer.from(input).toString('base64')}` : `\0${input}`);
    socket.send(message, { binary: !base64 });
    if (protocol.startsWith('v5')) socket.send(Buffer.from([255, 0]));
  }
  await closed;
  return { protocol: socket.protocol, channels };
}

test('exec speaks every form of WebSocket channels', withKubectl, async () => {
  const script = ['sh', '-c', 'read x; echo "got $x"; echo err >&2; exit 3'];
  for (const protocol of [
    'v5.channel.k8s.io',
    'v4.channel.k8s.io',
    'v4.base64.channel.k8s.io',
    'channel.k8s.io',
    'base64.channel.k8s.io',
    '',
  ]) {
    const answer = await exec(protocol, script, 'it\n');
    assert.equal(answer.protocol, protocol);
    assert.deepEqual([answer.channels[1], answer.channels[2]], ['got it\n', 'err\n'], protocol);
    const error = answer.channels[3] ?? '';
    if (/^v[45]/.test(protocol))
      assert.deepEqual(JSON.parse(error).details.causes, [{ reason: 'ExitCode', message: '3' }]);
    else assert.match(error, /exit code: exit status 3|exit status 3/);
  }
  // The end of stdin is a message since v5.
  assert.equal((await exec('v5.channel.k8s.io', ['cat'], 'to the end')).channels[1], 'to the end');
  await assert.rejects(exec('v9.channel.k8s.io', ['true']), /400/);
});

test('port-forward by channels has a pair for every port of the URL', withKubectl, async () => {
  const socket = new WebSocket(`ws://${at}${namespace}/pods/pod/portforward?ports=8080&ports=9`, ['v4.channel.k8s.io']);
  const channels: Buffer[] = [0, 1, 2, 3].map(() => Buffer.alloc(0));
  socket.on('message', (data: Buffer) => {
    const number = data[0] ?? 0;
    channels[number] = Buffer.concat([channels[number] as Buffer, data.subarray(1)]);
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  socket.send(Buffer.from('\0GET /there HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'));
  await eventually(
    async () => String(channels[0]).includes('GET /there') && String(channels[3]).includes('forwarding port 9'),
  );
  assert.deepEqual(
    channels.map((bytes) => bytes.readUInt16LE(0)),
    [8080, 8080, 9, 9],
  );
  socket.close();
});

test('logs of one stream, and options that make no sense', withKubectl, async () => {
  const log = async (query: string) =>
    (await node.kubectl('get', '--raw', `${namespace}/pods/pod/log?container=main&${query}`)).stdout;
  await eventually(async () => (await log('')).includes('err'));
  assert.deepEqual([await log('stream=Stdout'), await log('stream=Stderr')], ['out\n', 'err\n']);
  const { stderr } = await node.kubectl('logs', 'pod', '-c', 'main', '--limit-bytes=0');
  const raw = await node.kubectl('get', '--raw', `${namespace}/pods/pod/log?container=main&limitBytes=0`);
  assert.match(stderr + raw.stderr, /limitBytes: Invalid value: 0: must be greater than 0/);
});

test(
  'a kubectl that knows only SPDY execs, copies and forwards',
  { ...withKubectl, skip: withKubectl.skip || (oldKubectl ? false : 'needs OLD_KUBECTL, the path of kubectl 1.30') },
  async () => {
    const run = (input: string, ...args: string[]) =>
      world.processes.run([oldKubectl ?? '', '--kubeconfig', node.kubeconfig, ...args], { input, timeoutMs: 30_000 });
    const out = await run('abc', 'exec', '-i', 'pod', '-c', 'main', '--', 'sh', '-c', 'cat; echo err >&2; exit 3');
    assert.deepEqual([out.code, out.stdout, out.stderr.split('\n')[0]], [3, 'abc', 'err']);
    assert.match((await run('', 'logs', 'pod', '-c', 'main')).stdout, /out/);
  },
);
