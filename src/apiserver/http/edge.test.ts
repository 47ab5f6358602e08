/** The HTTP edge: forms of answers, limits, hostile bytes, who gets in. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { ConfigMap } from '#api/core/configmap.ts';
import { Pod } from '#api/core/pod.ts';
import { ServiceAccount } from '#api/core/serviceaccount.ts';
import { encodeMessage, sealEnvelope } from '#schema/protobuf-encode.ts';
import { memoryStore } from '#store/memory.ts';
import { podDraft, testApi, testWire, type Reply, type TestWire } from '../test-api.ts';

let wire: TestWire;
before(async () => {
  wire = await testWire();
  await wire.api.client.create(ConfigMap, { metadata: { name: 'a', namespace: 'default' }, data: { k: 'v' } } as never);
});
after(() => wire[Symbol.asyncDispose]());

const maps = '/api/v1/namespaces/default/configmaps';
const tableType = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

test('the state comes as JSON, as a Table, as metadata, over both protocols', async () => {
  for (const protocol of ['h2', 'http/1.1'] as const) {
    const { json, headers } = await wire.ask('GET', `${maps}/a`, { protocol });
    assert.deepEqual([json.kind, json.data.k, headers['content-type']], ['ConfigMap', 'v', 'application/json']);
  }
  const table = (await wire.ask('GET', maps, { headers: { accept: tableType } })).json;
  assert.equal(table.kind, 'Table');
  assert.deepEqual(
    table.columnDefinitions.map((column: { name: string }) => column.name),
    ['Name', 'Data', 'Age'],
  );
  assert.equal(table.rows[0].object.kind, 'PartialObjectMetadata');
  assert.ok(table.metadata.resourceVersion);
  const none = (await wire.ask('GET', `${maps}/a?includeObject=None`, { headers: { accept: tableType } })).json;
  assert.equal(none.rows[0].object, undefined);
  const whole = (await wire.ask('GET', `${maps}/a?includeObject=Object`, { headers: { accept: tableType } })).json;
  assert.equal(whole.rows[0].object.data.k, 'v');
  const list = (
    await wire.ask('GET', maps, {
      headers: { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' },
    })
  ).json;
  assert.equal(list.kind, 'PartialObjectMetadataList');
  assert.equal(list.items[0].data, undefined);
  const one = (
    await wire.ask('GET', `${maps}/a`, {
      headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' },
    })
  ).json;
  assert.deepEqual([one.kind, one.metadata.name], ['PartialObjectMetadata', 'a']);
  assert.equal((await wire.ask('GET', maps, { headers: { accept: 'text/html' } })).status, 406);
});

test('large answers are compressed for those who ask', async () => {
  const { client } = wire.api;
  await client.create(ConfigMap, {
    metadata: { name: 'big', namespace: 'other' },
    data: { k: 'x'.repeat(200_000) },
  } as never);
  const path = '/api/v1/namespaces/other/configmaps/big';
  const packed = await wire.ask('GET', path, { headers: { 'accept-encoding': 'gzip' } });
  assert.equal(packed.headers['content-encoding'], 'gzip');
  assert.equal(JSON.parse(gunzipSync(packed.bytes).toString()).data.k.length, 200_000);
  assert.equal((await wire.ask('GET', path)).headers['content-encoding'], undefined);
});

const create = (body: unknown, headers?: Record<string, string>, query = ''): Promise<Reply> =>
  wire.ask('POST', maps + query, { body, ...(headers ? { headers } : {}) });
const json = { 'content-type': 'application/json' };

test('bad bodies are told so, and the connection goes on', async () => {
  const bad: [unknown, number][] = [
    ['', 400],
    ['{', 400],
    ['null', 400],
    ['[]', 400],
    ['"x"', 400],
    ['{"kind":"Secret","apiVersion":"v1","metadata":{"name":"x"}}', 400],
    ['{"kind":"ConfigMap","apiVersion":"v9","metadata":{"name":"x"}}', 400],
    ['{"metadata":{"name":7}}', 400],
    ['{"metadata":[]}', 400],
    ['{"metadata":{"name":"x"},"data":{"k":1}}', 400],
    ['{"metadata":{}}', 422],
    ['{"metadata":{"name":"A b"}}', 422],
    [Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), 400],
    [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, 400],
    [`{"metadata":{"name":"deep"},"data":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_001)}`, 400],
    [`{"metadata":{"name":"large"},"data":{"k":"${'x'.repeat(3 * 1024 * 1024)}"}}`, 413],
    [`{"metadata":{"name":"large"},"data":{"k":"${'x'.repeat(2 * 1024 * 1024)}"}}`, 413],
  ];
  for (const [body, status] of bad) {
    const reply = await create(body, json);
    const shown = String(body).slice(0, 60);
    // A ConfigMap's own limit (1 MiB of data) is found before the store's.
    assert.ok(
      reply.status === status || (status === 413 && reply.status === 422),
      `${shown}: ${reply.status} ${reply.bytes.toString().slice(0, 200)}`,
    );
    assert.equal(reply.json.kind, 'Status', shown);
  }
  assert.equal((await create('<x/>', { 'content-type': 'text/xml' })).status, 415);
  assert.equal((await wire.ask('GET', `${maps}/a`)).status, 200);
  const proto = await create('{"metadata":{"name":"p"},"data":{"__proto__":"x","constructor":"y"}}', json);
  assert.equal(proto.status, 201);
  assert.equal(({} as Record<string, unknown>)['x'], undefined);
});

test('unknown and duplicate fields follow fieldValidation', async () => {
  const body = '{"metadata":{"name":"dup","labels":{"a":"1","a":"2"}},"dota":{"x":"y"}}';
  const strict = await create(body, json, '?fieldValidation=Strict');
  assert.equal(strict.status, 400);
  assert.match(strict.json.message, /unknown field "dota", duplicate field "metadata.labels.a"/);
  const warned = await create(body, json, '?fieldValidation=Warn&dryRun=All');
  assert.equal(warned.status, 201);
  assert.match(String(warned.headers['warning']), /299 - "unknown field \\"dota\\""/);
  const ignored = await create(body, json, '?fieldValidation=Ignore&dryRun=All');
  assert.equal(ignored.headers['warning'], undefined);
  assert.equal((await create(body, json, '?fieldValidation=Perhaps')).status, 422);
});

test('bad queries and paths are refused', async () => {
  const bad: [string, string, number][] = [
    ['GET', `${maps}?limit=x`, 400],
    ['GET', `${maps}?limit=-1`, 400],
    ['GET', `${maps}?resourceVersion=x`, 400],
    ['GET', `${maps}?resourceVersionMatch=Maybe&resourceVersion=1`, 422],
    ['GET', `${maps}?labelSelector=${encodeURIComponent('a in (')}`, 400],
    ['GET', `${maps}?watch=true&timeoutSeconds=x`, 400],
    ['GET', `${maps}?watch=true&resourceVersion=x`, 400],
    ['GET', `${maps}?continue=x`, 400],
    ['POST', `${maps}?dryRun=Some`, 422],
    ['DELETE', `${maps}/a?gracePeriodSeconds=x`, 400],
    ['DELETE', `${maps}/a?propagationPolicy=Sideways`, 422],
    ['GET', `${maps}/%zz`, 400],
    ['GET', '/api/v1/configmaps/a', 404],
    ['GET', '/api/v1/namespaces/default/nodes', 404],
    ['GET', '/api/v1/namespaces/default/nodes?watch=true', 404],
    ['GET', `${maps}/a/nothing`, 404],
    ['GET', '/api/v1/gadgets', 404],
    ['GET', '/apis/none/v1/gadgets', 404],
    ['GET', '/nothing', 404],
    ['POST', '/api/v1/configmaps', 405],
    ['DELETE', '/api/v1/configmaps', 405],
    ['POST', `${maps}/a`, 405],
    ['OPTIONS', maps, 405],
    ['POST', '/version', 405],
  ];
  for (const [method, path, status] of bad) {
    const body = method === 'POST' ? { metadata: { name: 'never' } } : undefined;
    const reply = await wire.ask(method, path, body ? { body } : {});
    assert.equal(reply.status, status, `${method} ${path}: ${reply.bytes.toString().slice(0, 200)}`);
  }
});

test('patches that are none are refused', async () => {
  const patch = (type: string, body: unknown): Promise<Reply> =>
    wire.ask('PATCH', `${maps}/a?fieldManager=t`, {
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'content-type': `application/${type}` },
    });
  assert.equal((await patch('json', {})).status, 415);
  for (const [type, body] of [
    ['json-patch+json', {}],
    ['json-patch+json', [{ op: 'fly', path: '/a' }]],
    ['json-patch+json', [7]],
    ['merge-patch+json', []],
    ['merge-patch+json', 'null'],
    ['strategic-merge-patch+json', []],
    ['strategic-merge-patch+json', { data: { $patch: 'explode' } }],
    ['apply-patch+yaml', 'a: [b'],
    ['apply-patch+yaml', '- a'],
    ['apply-patch+yaml', 'kind: Secret\napiVersion: v1\n'],
  ] as const) {
    const reply = await patch(type, body);
    assert.ok(
      reply.status === 400 || reply.status === 422,
      `${type} ${JSON.stringify(body)}: ${reply.status} ${reply.bytes.toString().slice(0, 200)}`,
    );
  }
  assert.equal(
    (await wire.ask('PATCH', `${maps}/a`, { body: '{}', headers: { 'content-type': 'application/apply-patch+yaml' } }))
      .status,
    422,
  );
});

test('YAML is taken as well', async () => {
  const reply = await create('metadata: {name: from-yaml}\ndata: {k: "1"}\n', { 'content-type': 'application/yaml' });
  assert.equal(reply.status, 201);
});

test('protobuf bodies are taken, hostile ones refused', async () => {
  const type = { 'content-type': 'application/vnd.kubernetes.protobuf' };
  const raw = encodeMessage(Pod.schema, { ...podDraft('by-proto') });
  const reply = await wire.ask('POST', '/api/v1/namespaces/default/pods', {
    body: sealEnvelope({ apiVersion: 'v1', kind: 'Pod' }, raw),
    headers: type,
  });
  assert.equal(reply.status, 201, reply.bytes.toString());
  assert.equal(reply.json.spec.containers[0].image, 'example.com/c:1');
  for (const bytes of [
    Buffer.from('k8s'),
    Buffer.from('k8s\0\xff\xff\xff', 'latin1'),
    Buffer.from('x'.repeat(99)),
    sealEnvelope({ apiVersion: 'v1', kind: 'Gadget' }, raw),
    sealEnvelope({ apiVersion: 'v1', kind: 'Pod' }, raw.subarray(0, raw.length - 3)),
  ]) {
    assert.equal(
      (await wire.ask('POST', '/api/v1/namespaces/default/pods', { body: bytes, headers: type })).status,
      400,
    );
  }
});

test('without a name only health and version answer', async () => {
  for (const path of ['/healthz', '/livez', '/readyz', '/version'])
    assert.equal((await wire.ask('GET', path, { identity: null })).status, 200, path);
  for (const path of ['/api', maps, '/metrics', '/openapi/v2', '/']) {
    const reply = await wire.ask('GET', path, { identity: null });
    assert.equal(reply.status, 401, path);
    assert.equal(reply.json.reason, 'Unauthorized');
  }
  for (const authorization of ['Bearer rubbish', 'Bearer ', 'Basic YTpi']) {
    assert.equal(
      (await wire.ask('GET', maps, { identity: null, headers: { authorization } })).status,
      401,
      authorization,
    );
  }
});

test('a token of a service account opens what its roles allow', async () => {
  const issued = await wire.api.client.post<{ status: { token: string } }>(
    ServiceAccount,
    'default',
    'token',
    { spec: {} },
    { namespace: 'default' },
  );
  const headers = { authorization: `Bearer ${issued.status.token}` };
  assert.equal((await wire.ask('GET', '/api', { identity: null, headers })).status, 200);
  assert.equal((await wire.ask('GET', maps, { identity: null, headers })).status, 403);
});

test('impersonation needs its own right, for every part', async () => {
  const who = { 'impersonate-user': 'jane', 'impersonate-group': ['a', 'b'], 'impersonate-extra-scopes': 'x' };
  const review = { body: { kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1' } };
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const { json: seen } = await wire.ask('POST', path, { ...review, headers: who });
  assert.deepEqual(seen.status.userInfo, {
    username: 'jane',
    groups: ['a', 'b', 'system:authenticated'],
    extra: { scopes: ['x'] },
  });
  const jane = await wire.pki.client({ commonName: 'jane' });
  const refused = await wire.ask('POST', path, {
    ...review,
    headers: { 'impersonate-user': 'admin', 'impersonate-group': 'system:masters' },
    identity: jane,
  });
  assert.equal(refused.status, 403);
  assert.match(refused.json.message, /cannot impersonate resource "users"/);
  assert.equal((await wire.ask('GET', maps, { headers: { 'impersonate-group': 'x' } })).status, 400);
});

test('a key of extra is a key, whatever it is called, and said twice it has both values', async () => {
  const body = { kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1' };
  const names = ['__proto__', '__%70roto__', 'constructor', 'toString', 'hasOwnProperty', 'a%2Fb', '%zz'];
  for (const protocol of ['h2', 'http/1.1'] as const) {
    const headers = Object.fromEntries([
      ['impersonate-user', 'jane'],
      ...names.map((name, index) => [`impersonate-extra-${name}`, `v${index}`]),
    ]);
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const { json, bytes } = await wire.ask('POST', path, { body, headers, protocol });
    const { extra } = json.status.userInfo;
    assert.deepEqual(
      Object.entries(extra).toSorted(([a], [b]) => (a < b ? -1 : 1)),
      [
        ['%zz', ['v6']],
        ['__proto__', ['v0', 'v1']],
        ['a/b', ['v5']],
        ['constructor', ['v2']],
        ['hasownproperty', ['v4']],
        ['tostring', ['v3']],
      ],
      bytes.toString(),
    );
  }
  assert.equal(Object.keys(Object.prototype).length, 0);
});

test('a namespaced role on a cluster-wide resource shows nothing of it', async () => {
  const jane = await wire.pki.client({ commonName: 'jane' });
  const { client } = wire.api;
  const { Role } = await import('#api/rbac/role.ts');
  const { RoleBinding } = await import('#api/rbac/rolebinding.ts');
  await client.create(Role, {
    metadata: { name: 'nodes', namespace: 'default' },
    rules: [{ verbs: ['*'], apiGroups: [''], resources: ['nodes'] }],
  } as never);
  await client.create(RoleBinding, {
    metadata: { name: 'nodes', namespace: 'default' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'nodes' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
  } as never);
  for (const query of ['', '?watch=true'])
    assert.equal((await wire.ask('GET', `/api/v1/namespaces/default/nodes${query}`, { identity: jane })).status, 404);
  assert.equal((await wire.ask('GET', '/api/v1/nodes', { identity: jane })).status, 403);
});

test('a watch too old is told in its stream', async () => {
  await using store = memoryStore();
  {
    await using first = await testApi({ store });
    await first.client.create(ConfigMap, { metadata: { name: 'x', namespace: 'default' } });
    await store.compact(store.revision());
  }
  await using again = await testWire({ store });
  const reply = await again.ask('GET', '/api/v1/configmaps?watch=true&resourceVersion=2&timeoutSeconds=2');
  assert.equal(reply.status, 200);
  const event = JSON.parse(reply.bytes.toString());
  assert.deepEqual([event.type, event.object.code, event.object.reason], ['ERROR', 410, 'Expired']);
});

test('a watch ends at its time, with a bookmark', async () => {
  const reply = await wire.ask(
    'GET',
    `${maps}?watch=true&timeoutSeconds=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`,
  );
  const events = reply.bytes
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(events[0].type, 'ADDED');
  const marks = events.filter((event) => event.type === 'BOOKMARK');
  assert.equal(marks[0].object.metadata.annotations['k8s.io/initial-events-end'], 'true');
  assert.ok(Number(marks.at(-1).object.metadata.resourceVersion) > 0);
  const table = await wire.ask('GET', `${maps}?watch=true&timeoutSeconds=1`, { headers: { accept: tableType } });
  const rows = table.bytes
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.ok(rows[0].object.columnDefinitions.length > 0);
  assert.equal(rows[1].object.columnDefinitions ?? null, null);
});

test('the old paths of watches still lead to them', async () => {
  const watch = maps.replace('/api/v1/', '/api/v1/watch/');
  for (const path of [`${watch}?timeoutSeconds=1`, '/api/v1/watch/configmaps?timeoutSeconds=1']) {
    const { bytes } = await wire.ask('GET', path);
    assert.equal(JSON.parse(bytes.toString().split('\n')[0] as string).type, 'ADDED', path);
  }
});

test('documents carry an ETag', async () => {
  const first = await wire.ask('GET', '/openapi/v3');
  assert.equal(
    (await wire.ask('GET', '/openapi/v3', { headers: { 'if-none-match': String(first.headers['etag']) } })).status,
    304,
  );
  assert.equal(
    (await wire.ask('GET', '/.well-known/openid-configuration')).json.jwks_uri.endsWith('/openid/v1/jwks'),
    true,
  );
});

test('requests are counted under upstream’s names, labels and verbs', async () => {
  const name = 'counted';
  const body = { metadata: { name }, data: { a: '1' } };
  await wire.ask('POST', `${maps}?dryRun=All`, { body });
  await wire.ask('POST', maps, { body });
  const apply = { apiVersion: 'v1', kind: 'ConfigMap', ...body };
  const type = { 'content-type': 'application/apply-patch+yaml' };
  await wire.ask('PATCH', `${maps}/${name}?fieldManager=m&force=true`, { headers: type, body: apply });
  await wire.ask('GET', `${maps}/${name}`);
  await wire.ask('GET', `${maps}/missing-${name}`);
  await wire.ask('GET', `${maps}?watch=true&timeoutSeconds=1`);
  await wire.ask('DELETE', `${maps}/${name}`);
  const metrics = (await wire.ask('GET', '/metrics')).bytes.toString();
  const labels = (verb: string, scope: string): string =>
    `verb="${verb}",group="",version="v1",resource="configmaps",subresource="",scope="${scope}",component="apiserver"`;
  const value = (line: string): number =>
    Number(
      metrics
        .split('\n')
        .find((found) => found.startsWith(line))
        ?.slice(line.length),
    );
  for (const [line, atLeast] of [
    [`apiserver_request_total{${labels('POST', 'resource')},dry_run="All",code="201"}`, 1],
    [`apiserver_request_total{${labels('POST', 'resource')},dry_run="",code="201"}`, 1],
    [`apiserver_request_total{${labels('APPLY', 'resource')},dry_run="",code="200"}`, 1],
    [`apiserver_request_total{${labels('GET', 'resource')},dry_run="",code="404"}`, 1],
    [`apiserver_request_total{${labels('WATCH', 'namespace')},dry_run="",code="200"}`, 1],
    [`apiserver_request_duration_seconds_count{${labels('DELETE', 'resource')},dry_run=""}`, 1],
    [`apiserver_request_sli_duration_seconds_bucket{${labels('GET', 'resource')},le="+Inf"}`, 2],
    [`apiserver_response_sizes_bucket{${labels('GET', 'resource')},le="1000"}`, 1],
    ['apiserver_watch_events_total{group="",version="v1",resource="configmaps"}', 1],
    ['apiserver_resource_objects{group="apps",resource="deployments"}', 0],
    ['process_cpu_seconds_total', 0],
  ] as const)
    assert.ok(value(line) >= atLeast, `${line} ${value(line)}`);
  assert.equal(value(`apiserver_longrunning_requests{${labels('WATCH', 'namespace')}}`), 0);
  // The scrape itself is the one request in the works.
  assert.equal(value('apiserver_current_inflight_requests{request_kind="readOnly"}'), 1);
  assert.equal(value('apiserver_current_inflight_requests{request_kind="mutating"}'), 0);
  const indicators = (await wire.ask('GET', '/metrics/slis')).bytes.toString();
  assert.match(indicators, /^kubernetes_healthcheck\{name="etcd",type="readyz"\} 1$/m);
  assert.match(indicators, /^kubernetes_healthchecks_total\{name="ping",type="livez",status="success"\} \d+$/m);
});

test('checks, paths, status and flags are shown to those who debug', async () => {
  const text = async (path: string): Promise<string> => (await wire.ask('GET', path)).bytes.toString();
  assert.match(await text('/readyz?verbose'), /^\[\+\]ping ok\n(.*\n)*readyz check passed\n$/);
  assert.match(await text('/livez?verbose&exclude=etcd'), /^\[\+\]etcd excluded: ok$/m);
  assert.equal(await text('/readyz/etcd'), 'ok');
  assert.equal((await wire.ask('GET', '/readyz/nothing')).status, 404);
  const { paths } = (await wire.ask('GET', '/')).json;
  for (const path of ['/api/v1', '/apis/apps/v1', '/readyz/ping', '/statusz']) assert.ok(paths.includes(path), path);
  assert.match(await text('/statusz'), /^\nkube-apiserver statusz\nWarning: .*\n\nStarted: .*\nUp: 0 hr 00 min/);
  assert.match(await text('/flagz'), /^authorization-mode=Node,RBAC$/m);
  const accept = 'application/json;g=config.k8s.io;v=v1alpha1;as=Flagz';
  assert.equal((await wire.ask('GET', '/flagz', { headers: { accept } })).json.kind, 'Flagz');
  assert.equal((await wire.ask('GET', '/statusz', { headers: { accept } })).status, 406);
  assert.equal((await wire.ask('GET', '/debug/pprof')).status, 404);
});
