/** The proxies over the wire, to a backend on loopback behind a kubelet that only makes connections. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { WebSocket, WebSocketServer } from 'ws';
import { Endpoints } from '#api/core/endpoints.ts';
import { Node } from '#api/core/node.ts';
import { Pod } from '#api/core/pod.ts';
import { Service } from '#api/core/service.ts';
import { ServiceAccount } from '#api/core/serviceaccount.ts';
import { ClusterRole } from '#api/rbac/clusterrole.ts';
import { ClusterRoleBinding } from '#api/rbac/clusterrolebinding.ts';
import { Role } from '#api/rbac/role.ts';
import { RoleBinding } from '#api/rbac/rolebinding.ts';
import type { HttpExchange, HttpServer, TlsIdentity } from '#world/world.ts';
import { podDraft, testWire, type TestWire } from '../test-api.ts';

let wire: TestWire;
let backend: HttpServer;
let secure: HttpServer;
let kubelet: HttpServer;
/** Addresses that the kubelet was asked to connect to. */
const dialled: string[] = [];
/** What backends saw. */
const seen: { method: string; url: string; headers: HttpExchange['headers'] }[] = [];
const stack = new AsyncDisposableStack();
const local = { host: '127.0.0.1', port: 0 };
const page =
  '<!doctype html><a HREF=\'/x\'>x</a><a href="rel">r</a><img src=/i.png><script src="/s.js">var a = "<a href=\'/no\'>"</script>';

async function serveBackend(exchange: HttpExchange): Promise<void> {
  seen.push({ method: exchange.method, url: exchange.url, headers: exchange.headers });
  const path = exchange.url.split('?')[0];
  if (path === '/page') return exchange.respond(200, { 'content-type': 'text/html; charset=utf-8' }, page);
  if (path === '/packed')
    return exchange.respond(200, { 'content-type': 'text/html', 'content-encoding': 'gzip' }, gzipSync(page));
  if (path === '/moved') return exchange.respond(302, { location: '/there?q=1#f' });
  if (path === '/break') {
    const out = exchange.stream(200, { 'content-length': '1000' });
    out.write('half');
    setTimeout(() => out.writable.destroy(), 20);
    return undefined;
  }
  const body = await exchange.body(64 * 1024 * 1024);
  const hash = createHash('sha256').update(body).digest('hex');
  const headers = {
    'content-type': 'application/json',
    connection: 'x-hop',
    'x-hop': '1',
    'access-control-allow-origin': '*',
    'set-cookie': ['a=1', 'b=2'],
  };
  exchange.respond(
    exchange.method === 'DELETE' ? 202 : 200,
    headers,
    JSON.stringify({ method: exchange.method, size: body.length, hash }),
  );
  return undefined;
}

before(async () => {
  wire = await testWire();
  const { world, client } = wire.api;
  stack.use(wire);
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] ?? false });
  const handlers = {
    request: (exchange: HttpExchange) => void serveBackend(exchange),
    upgrade(upgrade: Parameters<NonNullable<Parameters<typeof world.network.serveHttp>[1]['upgrade']>>[0]) {
      seen.push({ method: upgrade.method, url: upgrade.url, headers: upgrade.headers });
      if (upgrade.url === '/refuse') {
        upgrade.socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nx-why: because\r\n\r\nno');
        return;
      }
      sockets.handleUpgrade(upgrade as never, upgrade.socket, upgrade.head, (socket) => {
        socket.on('message', (data, binary) => socket.send(data, { binary }));
      });
    },
  };
  backend = stack.use(await world.network.serveHttp({ listen: local }, handlers));
  secure = stack.use(await world.network.serveHttp({ listen: local, tls: await wire.pki.server() }, handlers));
  kubelet = stack.use(
    await world.network.serveHttp(
      { listen: local, tls: { ...(await wire.pki.server()), clientCa: wire.pki.ca } },
      {
        request: (exchange) => exchange.respond(200, { 'content-type': 'text/plain' }, `kubelet ${exchange.url}`),
        upgrade(upgrade) {
          upgrade.socket.on('error', () => upgrade.socket.destroy());
          const [, what, ip, port] = upgrade.url.split('/');
          dialled.push(`${ip}:${port}`);
          const target = port === '443' ? secure.port : backend.port;
          if (what !== 'dial' || port === '81') {
            const why = `dial tcp ${ip}:${port}: connect: connection refused`;
            upgrade.socket.end(`HTTP/1.1 503 x\r\nconnection: close\r\ncontent-length: ${why.length}\r\n\r\n${why}`);
            return;
          }
          void world.network.dialTcp({ host: '127.0.0.1', port: target }).then((socket) => {
            upgrade.socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
            socket.on('error', () => upgrade.socket.destroy()).on('close', () => upgrade.socket.destroy());
            upgrade.socket.on('close', () => socket.destroy());
            upgrade.socket.pipe(socket);
            socket.pipe(upgrade.socket);
          });
        },
      },
    ),
  );
  await client.create(Node, { metadata: { name: 'n' } });
  await client.update(
    Node,
    {
      metadata: { name: 'n' },
      status: {
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: kubelet.port } },
      },
    } as never,
    { subresource: 'status' },
  );
  for (const [name, ip, ports] of [
    ['web', '10.1.2.3', [{ containerPort: 8080 }]],
    ['plain', '10.1.2.4', []],
    ['inward', '127.0.0.1', []],
    ['link', '169.254.169.254', []],
    ['fresh', undefined, []],
  ] as const) {
    await client.create(
      Pod,
      podDraft(name, { spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i', ports }] } }) as never,
    );
    if (ip)
      await client.patch(Pod, name, { type: 'merge', body: { status: { podIP: ip, podIPs: [{ ip }] } } } as never, {
        namespace: 'default',
        subresource: 'status',
      });
  }
  await client.create(Service, {
    metadata: { name: 'svc', namespace: 'default' },
    spec: {
      ports: [
        { name: 'http', port: 80, targetPort: 8080 },
        { name: 'https', port: 443 },
      ],
    },
  } as never);
  const target = (name: string, namespace = 'default') => ({ kind: 'Pod', name, namespace });
  await client.create(Endpoints, {
    metadata: { name: 'svc', namespace: 'default' },
    subsets: [
      {
        addresses: [
          { ip: '10.1.2.3', targetRef: target('web') },
          { ip: '10.9.9.9', targetRef: target('web') },
          { ip: '10.1.2.4', targetRef: target('plain', 'other') },
          { ip: '10.8.8.8' },
        ],
        ports: [
          { name: 'http', port: 8080 },
          { name: 'https', port: 443 },
        ],
      },
    ],
  } as never);
  for (const name of ['none', 'waiting'])
    await client.create(Service, {
      metadata: { name, namespace: 'default' },
      spec: { ports: [{ port: 80 }] },
    } as never);
  await client.create(Endpoints, { metadata: { name: 'none', namespace: 'default' } } as never);
  await client.create(Endpoints, {
    metadata: { name: 'waiting', namespace: 'default' },
    subsets: [{ notReadyAddresses: [{ ip: '10.1.2.3', targetRef: target('web') }], ports: [{ port: 8080 }] }],
  } as never);
});
after(() => stack.disposeAsync());

const pods = '/api/v1/namespaces/default/pods';
const services = '/api/v1/namespaces/default/services';
const last = () => seen.at(-1) as (typeof seen)[number];

test('a request reaches the pod with method, path, query and body, over both protocols', async () => {
  const body = Buffer.alloc(3_000_000, 'x');
  for (const protocol of ['h2', 'http/1.1'] as const) {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const sent = method === 'GET' || method === 'OPTIONS' ? undefined : body;
      const reply = await wire.ask(method, `${pods}/web/proxy/a/b%20c/?q=%2F&q=2`, {
        protocol,
        ...(sent ? { body: sent } : {}),
      });
      assert.equal(reply.status, method === 'DELETE' ? 202 : 200);
      assert.deepEqual([reply.json.method, reply.json.size], [method, sent?.length ?? 0]);
      if (sent) assert.equal(reply.json.hash, createHash('sha256').update(sent).digest('hex'));
      assert.equal(last().url, '/a/b%20c/?q=%2F&q=2');
    }
    const head = await wire.ask('HEAD', `${pods}/web/proxy/`, { protocol });
    assert.deepEqual([head.status, head.bytes.length], [200, 0]);
  }
  assert.ok(dialled.every((address) => address === '10.1.2.3:8080'));
});

test('a path is cleaned before it leaves, however it was written', async () => {
  for (const [sent, got] of [
    ['/a/../b', '/b'],
    ['/x%2F..%2F..%2Fc', '/c'],
    ['//d//e/', '/d/e/'],
    ['/x%2Fy', '/x/y'],
    ["/q?'=1", "/q?'=1"],
    ['/%3Fno', '/%3Fno'],
  ] as const) {
    const { status } = await wire.ask('GET', `${pods}/web/proxy${sent}`);
    assert.deepEqual([status, decodeURIComponent(last().url)], [200, decodeURIComponent(got)], sent);
  }
  assert.equal((await wire.ask('GET', `${pods}/web/proxy/%zz`)).status, 400);
});

test('headers of one connection and credentials stay here; the backend is told who asked', async () => {
  const reply = await wire.ask('GET', `${pods}/web/proxy/x/`, {
    protocol: 'http/1.1',
    headers: {
      connection: 'x-private, keep-alive',
      'x-private': '1',
      te: 'gzip',
      'proxy-authorization': 'Basic x',
      authorization: 'Bearer x',
      'x-remote-user': 'me',
      'x-forwarded-for': '192.0.2.7',
      'x-mine': 'yes',
      cookie: 'c=1',
    },
  });
  const { headers } = last();
  for (const name of ['x-private', 'te', 'proxy-authorization', 'authorization', 'x-remote-user'])
    assert.equal(headers[name], undefined, name);
  assert.equal(headers['x-mine'], 'yes');
  assert.equal(headers['cookie'], 'c=1');
  assert.equal(headers['x-forwarded-for'], '192.0.2.7, 127.0.0.1');
  assert.equal(headers['x-forwarded-uri'], `${pods}/web/proxy/x/`);
  assert.equal(headers['host'], wire.url.slice('https://'.length));
  assert.equal(reply.headers['x-hop'], undefined);
  assert.equal(reply.headers['access-control-allow-origin'], undefined);
  assert.deepEqual(reply.headers['set-cookie'], ['a=1', 'b=2']);
});

test('a body without a length is framed, whatever the method', async () => {
  const { world } = wire.api;
  const { Readable } = await import('node:stream');
  const identity = await wire.pki.client({ commonName: 'admin', organizations: ['system:masters'] });
  const answer = await world.network.request({
    method: 'DELETE',
    url: `${wire.url}${pods}/web/proxy/`,
    headers: { 'transfer-encoding': 'chunked' },
    tls: { ca: wire.pki.ca, identity },
    protocol: 'http/1.1',
    body: Readable.from([Buffer.from('GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n')]),
  });
  assert.equal(JSON.parse((await answer.bytes()).toString()).size, 35);
  assert.equal(last().headers['transfer-encoding'], 'chunked');
  assert.ok(!seen.some(({ url }) => url === '/smuggled'));
});

test('the path without its slash is redirected, for reading only', async () => {
  const { status, headers } = await wire.ask('GET', `${services}/svc:http/proxy?a=b`);
  assert.deepEqual([status, headers['location']], [301, `${services}/svc:http/proxy/?a=b`]);
  const posted = await wire.ask('POST', `${services}/svc:http/proxy`, { body: 'x' });
  assert.deepEqual([posted.status, last().url], [200, '/']);
});

test('links and redirects lead back through the proxy', async () => {
  const prefix = `${services}/http:svc:80/proxy`;
  const expected =
    `<!doctype html><a HREF='${prefix}/x'>x</a><a href="rel">r</a><img src=${prefix}/i.png>` +
    `<script src="${prefix}/s.js">var a = "<a href='/no'>"</script>`;
  const plain = await wire.ask('GET', `${prefix}/page`);
  assert.equal(plain.bytes.toString(), expected);
  const packed = await wire.ask('GET', `${prefix}/packed`, { headers: { 'accept-encoding': 'gzip' } });
  assert.equal(packed.headers['content-encoding'], 'gzip');
  assert.equal(gunzipSync(packed.bytes).toString(), expected);
  const moved = await wire.ask('GET', `${prefix}/moved`);
  assert.deepEqual([moved.status, moved.headers['location']], [302, `${prefix}/there?q=1#f`]);
});

test('an answer that breaks off does not look whole', async () => {
  for (const protocol of ['h2', 'http/1.1'] as const)
    await assert.rejects(wire.ask('GET', `${pods}/web/proxy/break`, { protocol }));
});

test('a Service leads only to ready pods of its own namespace that have the address', async () => {
  dialled.length = 0;
  for (const id of ['svc:http', 'svc:80', 'http:svc:80', 'http:svc:http'])
    for (let round = 0; round < 4; round++)
      assert.equal((await wire.ask('GET', `${services}/${id}/proxy/`)).status, 200);
  assert.equal((await wire.ask('GET', `${services}/https:svc:443/proxy/`)).status, 200);
  assert.ok(
    dialled.every((address) => address.startsWith('10.1.2.3:')),
    dialled.join(' '),
  );
  const refused: [string, number, string][] = [
    ['svc', 503, 'no endpoints available for service "svc"'],
    ['svc:nope', 503, 'no endpoints available for service "svc:nope"'],
    ['svc:81', 503, 'no service port 81 found for service "svc"'],
    ['none', 503, 'no endpoints available for service "none"'],
    ['waiting', 503, 'no endpoints available for service "waiting"'],
    ['ftp:svc:80', 400, 'invalid service request "ftp:svc:80"'],
    ['a:b:c:d', 400, 'invalid service request "a:b:c:d"'],
    ['gone', 404, 'endpoints "gone" not found'],
    ['gone:80', 404, 'services "gone" not found'],
  ];
  for (const [id, code, message] of refused) {
    const { status, json } = await wire.ask('GET', `${services}/${id}/proxy/`);
    assert.deepEqual([status, json.kind, json.message], [code, 'Status', message]);
  }
});

test('pods without an address of their own are refused, and those that do not listen are unavailable', async () => {
  const refused: [string, number, string][] = [
    ['inward', 400, 'address not allowed'],
    ['link', 400, 'address not allowed'],
    ['fresh', 400, 'address not allowed'],
    ['gone', 404, 'pods "gone" not found'],
    [':80', 400, 'invalid pod request ":80"'],
    ['web:81', 503, 'error trying to reach service: dial tcp 10.1.2.3:81: connect: connection refused'],
    ['web:70000', 503, 'error trying to reach service: dial tcp: address 70000: invalid port'],
    ['https:web:8080', 503, 'error trying to reach service: http: server gave HTTP response to HTTPS client'],
  ];
  for (const [id, code, message] of refused) {
    const { status, json } = await wire.ask('GET', `${pods}/${id}/proxy/`);
    assert.deepEqual([status, json.message], [code, message], id);
  }
  dialled.length = 0;
  await wire.ask('GET', `${pods}/plain/proxy/`);
  assert.deepEqual(dialled, ['10.1.2.4:80']);
  assert.equal((await wire.ask('GET', `${pods}/https:web:443/proxy/`)).status, 200);
  assert.equal((await wire.ask('TRACE', `${pods}/web/proxy/`)).status, 405);
  assert.equal((await wire.ask('GET', '/api/v1/pods/web/proxy/')).status, 404);
});

test('a node leads to its kubelet', async () => {
  for (const id of ['n', `n:${kubelet.port}`, `https:n:${kubelet.port}`]) {
    const { status, bytes } = await wire.ask('GET', `/api/v1/nodes/${id}/proxy/stats/summary?x=y`);
    assert.deepEqual([status, bytes.toString()], [200, 'kubelet /stats/summary?x=y']);
  }
  const { status, json } = await wire.ask('GET', '/api/v1/nodes/n:22/proxy/');
  assert.deepEqual([status, json.message], [400, 'address not allowed']);
  assert.equal((await wire.ask('GET', '/api/v1/nodes/m/proxy/')).status, 404);
});

test('every method has the verb of its own, and nothing is dialled for those who may not', async () => {
  const { client } = wire.api;
  await client.create(Role, {
    metadata: { name: 'reader', namespace: 'default' },
    rules: [{ apiGroups: [''], resources: ['pods/proxy'], verbs: ['get'] }],
  } as never);
  await client.create(RoleBinding, {
    metadata: { name: 'reader', namespace: 'default' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' }],
  } as never);
  const identity = await wire.pki.client({ commonName: 'jane' });
  dialled.length = 0;
  const ask = async (method: string, path: string): Promise<number> =>
    (await wire.ask(method, path, { identity, ...(method === 'GET' ? {} : { body: 'x' }) })).status;
  assert.equal(await ask('GET', `${pods}/web/proxy/`), 200);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) assert.equal(await ask(method, `${pods}/web/proxy/`), 403);
  assert.equal(await ask('GET', `${services}/svc:http/proxy/`), 403);
  assert.equal(await ask('GET', '/api/v1/nodes/n/proxy/'), 403);
  assert.ok(dialled.length <= 1);
});

const open = (path: string, protocols: string[], identity?: TlsIdentity): WebSocket =>
  new WebSocket(`${wire.url.replace('https', 'wss')}${path}`, protocols, { ca: wire.pki.ca, ...identity });

const outcome = (socket: WebSocket): Promise<string> =>
  new Promise((resolve) => {
    socket.once('open', () => resolve('open'));
    socket.once('unexpected-response', (_request, response) => {
      response.resume();
      resolve(`${response.statusCode} ${response.headers['x-why'] ?? ''}`.trim());
      socket.terminate();
    });
    socket.on('error', () => undefined);
  });

test('WebSockets pass, and a refusal of the backend is handed on', async () => {
  const identity = await wire.pki.client({ commonName: 'admin', organizations: ['system:masters'] });
  for (const id of [`${services}/svc:http`, `${pods}/https:web:443`]) {
    const socket = open(`${id}/proxy/socket?a=b`, ['chat'], identity);
    const echoed = new Promise((resolve) => socket.once('message', (data) => resolve(String(data))));
    assert.equal(await outcome(socket), 'open');
    socket.send('x'.repeat(200_000));
    assert.equal(await echoed, 'x'.repeat(200_000));
    assert.deepEqual(
      [socket.protocol, last().url, last().headers['x-forwarded-for']],
      ['chat', '/socket?a=b', '127.0.0.1'],
    );
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.close(1000);
    assert.equal(await closed, 1000);
  }
  assert.equal(await outcome(open(`${pods}/web/proxy/refuse`, [], identity)), '403 because');
  assert.equal(await outcome(open(`${pods}/web:81/proxy/`, [], identity)), '500');
  assert.equal(await outcome(open(`${pods}/gone/proxy/`, [], identity)), '404');
  assert.equal(await outcome(open('/version', [], identity)), '400');
});

test("a browser's token comes as a subprotocol, and goes no further", async () => {
  const { client } = wire.api;
  const { status } = await client.post<{ status: { token: string } }>(
    ServiceAccount,
    'default',
    'token',
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
    { namespace: 'default' },
  );
  await client.create(RoleBinding, {
    metadata: { name: 'account', namespace: 'default' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
    subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
  } as never);
  const prefix = 'base64url.bearer.authorization.k8s.io.';
  const token = prefix + Buffer.from(status.token).toString('base64url');
  const path = `${pods}/web/proxy/socket`;
  const socket = open(path, [token, 'chat']);
  assert.equal(await outcome(socket), 'open');
  assert.deepEqual([socket.protocol, last().headers['sec-websocket-protocol']], ['chat', 'chat']);
  socket.terminate();
  assert.equal(await outcome(open(path, [token])), '401');
  assert.equal(await outcome(open(path, [token, `${prefix}eA`, 'chat'])), '401');
  assert.equal(await outcome(open(path, [`${prefix}eA`, 'chat'])), '401');
  assert.equal(await outcome(open(path, [`${prefix}A`, 'chat'])), '401');
  assert.equal(await outcome(open(path, ['chat'])), '401');
  // Outside of a handshake it is no credential.
  const plain = await wire.ask('GET', `${pods}/web/proxy/`, {
    identity: null,
    headers: { 'sec-websocket-protocol': `${token}, chat` },
  });
  assert.equal(plain.status, 401);
  // Reading is not enough for a shell, neither here nor at a kubelet.
  await client.create(ClusterRole, {
    metadata: { name: 'node-reader' },
    rules: [{ apiGroups: [''], resources: ['nodes/proxy'], verbs: ['get'] }],
  } as never);
  await client.create(ClusterRoleBinding, {
    metadata: { name: 'node-reader' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'node-reader' },
    subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
  } as never);
  assert.equal(await outcome(open('/api/v1/nodes/n/proxy/exec/default/web/c?command=sh', [token, 'chat'])), '403');
  assert.equal(await outcome(open(`${pods}/web/exec?command=sh`, [token, 'v5.channel.k8s.io'])), '403');
});

test('paths that need an upgrade say so', async () => {
  for (const what of ['exec?command=x', 'attach', 'portforward']) {
    const { status, json } = await wire.ask('POST', `${pods}/web/${what}`, { body: '' });
    assert.deepEqual([status, json.message], [400, 'Upgrade request required'], what);
  }
});
