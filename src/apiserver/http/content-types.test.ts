/** Every content type over the wire: objects, lists, watches, errors, patches, and what a client may not ask for. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { WebSocket } from 'ws';
import { Pod } from '#api/core/pod.ts';
import { Secret } from '#api/core/secret.ts';
import { parseYaml } from '#meta/yaml.ts';
import { decodeCbor, encodeCbor, selfDescribed } from '#schema/cbor.ts';
import { status } from '#schema/meta-types.ts';
import { decodeMessage, openEnvelope } from '#schema/protobuf.ts';
import { encodeMessage, sealEnvelope } from '#schema/protobuf-encode.ts';
import { s, struct } from '#schema/type.ts';
import { podDraft, testWire, type Reply, type TestWire } from '../test-api.ts';
import { metaStructs } from './meta-structs.ts';

let wire: TestWire;
before(async () => {
  wire = await testWire();
  await wire.api.client.create(Secret, {
    metadata: { name: 'a', namespace: 'default', labels: { z: '1', b: '2' } },
    data: { k: 'AAH/' },
  } as never);
});
after(() => wire[Symbol.asyncDispose]());

const secrets = '/api/v1/namespaces/default/secrets';
const pods = '/api/v1/namespaces/default/pods';
const protobuf = 'application/vnd.kubernetes.protobuf';
const cbor = 'application/cbor';
const get = (path: string, accept: string): Promise<Reply> => wire.ask('GET', path, { headers: { accept } });

const opened = (bytes: Buffer, kind: string, apiVersion = 'v1'): Buffer => {
  const { raw, ...type } = openEnvelope(bytes);
  assert.deepEqual(type, { apiVersion, kind });
  return raw;
};

const secretList = struct('core.v1.SecretList', {
  ...{ metadata: s.field(1, metaStructs.list as never) },
  items: s.list(2, Secret.schema as never),
});

test('an object, a list and an error in protobuf', async () => {
  const { json } = await get(`${secrets}/a`, 'application/json');
  const one = await get(`${secrets}/a`, protobuf);
  assert.equal(one.headers['content-type'], protobuf);
  const secret = decodeMessage(Secret.schema, opened(one.bytes, 'Secret'));
  assert.deepEqual({ kind: 'Secret', apiVersion: 'v1', ...secret }, json);
  const list = decodeMessage(secretList, opened((await get(secrets, protobuf)).bytes, 'SecretList'));
  assert.deepEqual((list['items'] as unknown[])[0], secret);
  const none = await get(`${secrets}/none`, protobuf);
  assert.equal(none.status, 404);
  const told = decodeMessage(status, opened(none.bytes, 'Status'));
  assert.deepEqual(
    [told['reason'], told['code'], told['details']],
    ['NotFound', 404, { name: 'none', kind: 'secrets' }],
  );
  const partial = await get(`${secrets}/a`, `${protobuf};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`);
  const metadata = metaStructs.of('meta.k8s.io', 'PartialObjectMetadata');
  assert.ok(metadata);
  const shown = decodeMessage(metadata, opened(partial.bytes, 'PartialObjectMetadata', 'meta.k8s.io/v1'));
  assert.deepEqual(shown['metadata'], json.metadata);
  // The bytes are made once, and the same for everybody.
  assert.deepEqual((await get(`${secrets}/a`, protobuf)).bytes, one.bytes);
});

test('a patch, a creation and a subresource in protobuf', async () => {
  const body = sealEnvelope({ apiVersion: 'v1', kind: 'Pod' }, encodeMessage(Pod.schema, podDraft('proto')));
  const made = await wire.ask('POST', pods, { body, headers: { 'content-type': protobuf, accept: protobuf } });
  assert.equal(made.status, 201);
  opened(made.bytes, 'Pod');
  const patched = await wire.ask('PATCH', `${pods}/proto`, {
    body: '{"metadata":{"labels":{"a":"b"}}}',
    headers: { 'content-type': 'application/merge-patch+json', accept: protobuf },
  });
  const { metadata } = decodeMessage(Pod.schema, opened(patched.bytes, 'Pod')) as { metadata: { labels: unknown } };
  assert.deepEqual(metadata.labels, { a: 'b' });
  const token = await wire.ask('POST', '/api/v1/namespaces/default/serviceaccounts/default/token', {
    body: { spec: { audiences: [] } },
    headers: { accept: protobuf },
  });
  assert.equal(token.status, 201);
  opened(token.bytes, 'TokenRequest', 'authentication.k8s.io/v1');
});

test('objects, lists and errors in CBOR and YAML', async () => {
  const { json } = await get(`${secrets}/a`, 'application/json');
  const one = await get(`${secrets}/a`, cbor);
  assert.equal(one.headers['content-type'], cbor);
  assert.deepEqual(one.bytes.subarray(0, 3), selfDescribed);
  assert.deepEqual(decodeCbor(one.bytes), json);
  // Data are bytes: tag 22.
  assert.ok(one.bytes.toString('hex').includes('d6430001ff'));
  const list = (await get(secrets, 'application/json')).json;
  assert.deepEqual(decodeCbor((await get(secrets, cbor)).bytes), list);
  assert.equal((decodeCbor((await get(`${secrets}/none`, cbor)).bytes) as { reason: string }).reason, 'NotFound');
  const yaml = await get(`${secrets}/a`, 'application/yaml');
  assert.equal(yaml.headers['content-type'], 'application/yaml');
  assert.deepEqual(parseYaml(yaml.bytes.toString()), [json]);
  assert.match(yaml.bytes.toString(), /^apiVersion: v1\ndata:\n {2}k: AAH\/\nkind: Secret\n/);
  assert.deepEqual(parseYaml((await get(secrets, 'application/yaml')).bytes.toString()), [list]);
  const made = await wire.ask('POST', secrets, {
    body: Buffer.concat([
      selfDescribed,
      encodeCbor({ metadata: { name: 'cbor' }, data: { k: 'AAH/' } }, Secret.schema),
    ]),
    headers: { 'content-type': cbor },
  });
  assert.equal(made.json.data.k, 'AAH/');
  const applied = await wire.ask('PATCH', `${secrets}/cbor?fieldManager=m`, {
    body: encodeCbor({ kind: 'Secret', apiVersion: 'v1', metadata: { labels: { a: 'b' } } }),
    headers: { 'content-type': 'application/apply-patch+cbor' },
  });
  assert.deepEqual(applied.json.metadata.labels, { a: 'b' });
  const twice = Buffer.from('a2616101616102', 'hex');
  assert.equal((await wire.ask('POST', secrets, { body: twice, headers: { 'content-type': cbor } })).status, 400);
});

test('what is wanted most and can be made wins', async () => {
  const typeOf = async (path: string, accept: string): Promise<unknown> =>
    (await get(path, accept)).headers['content-type'];
  const table = 'as=Table;g=meta.k8s.io;v=v1';
  assert.equal(await typeOf(secrets, 'application/json;q=0.5, application/yaml'), 'application/yaml');
  assert.equal(await typeOf(secrets, `*/*;q=0.1, ${protobuf}`), protobuf);
  assert.equal(await typeOf(secrets, 'text/html, application/*'), 'application/json');
  assert.equal(await typeOf(secrets, `${protobuf};${table}, application/json;${table}`), 'application/json');
  assert.equal(await typeOf(secrets, `application/yaml;${table}`), 'application/yaml');
  assert.equal(await typeOf(secrets, `application/json;as=Table;g=meta.k8s.io;v=v9, ${cbor}`), cbor);
  const refused = await get(secrets, `text/html, ${protobuf};${table}`);
  assert.equal(refused.status, 406);
  assert.equal(
    refused.json.message,
    'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf, application/cbor',
  );
  assert.equal(refused.json.reason, 'NotAcceptable');
  assert.equal((await get(`${secrets}?watch=true`, 'application/yaml')).status, 406);
  assert.equal((await get(`${secrets}?includeObject=All`, `application/json;${table}`)).status, 400);
  const unknown = await wire.ask('POST', secrets, { body: '<a/>', headers: { 'content-type': 'text/xml' } });
  assert.equal(unknown.status, 415);
  assert.match(
    unknown.json.message,
    /^the body of the request was in an unknown format - accepted media types include: application\/json, /,
  );
  const pretty = (await get(`${secrets}/a?pretty=true`, 'application/json')).bytes.toString();
  assert.match(pretty, /^\{\n {2}"apiVersion": "v1",\n/);
  assert.equal((await get('/api/v1', 'text/html')).status, 406);
  assert.equal(await typeOf('/api/v1', protobuf), protobuf);
  assert.equal(await typeOf('/apis', cbor), cbor);
});

test('watches in protobuf, CBOR and as Tables', async () => {
  const watch = `${secrets}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Da`;
  const { json } = await get(`${secrets}/a`, 'application/json');
  const event = struct('meta.v1.WatchEvent', {
    type: s.string(1),
    object: s.field(2, struct('meta.v1.RawExtension', { raw: s.bytes(1) })),
  });
  const inProtobuf = await get(watch, protobuf);
  assert.equal(inProtobuf.headers['content-type'], `${protobuf};stream=watch`);
  const length = inProtobuf.bytes.readUInt32BE();
  const read = decodeMessage(event, inProtobuf.bytes.subarray(4, 4 + length)) as {
    type: string;
    object: { raw: string };
  };
  assert.equal(read.type, 'ADDED');
  const object = decodeMessage(Secret.schema, opened(Buffer.from(read.object.raw, 'base64'), 'Secret'));
  assert.deepEqual({ kind: 'Secret', apiVersion: 'v1', ...object }, json);
  const inCbor = await get(watch, 'application/cbor-seq');
  assert.equal(inCbor.headers['content-type'], 'application/cbor-seq');
  assert.deepEqual(decodeCbor(inCbor.bytes), { type: 'ADDED', object: json });
  const tables = (
    await get(`${secrets}?watch=true&timeoutSeconds=1`, 'application/json;as=Table;g=meta.k8s.io;v=v1')
  ).bytes
    .toString()
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { object: { kind: string; columnDefinitions: unknown[] | null } }).object);
  assert.ok(tables.length > 1);
  assert.deepEqual([...new Set(tables.map(({ kind }) => kind))], ['Table']);
  assert.ok(Array.isArray(tables[0]?.columnDefinitions));
  assert.equal(tables[1]?.columnDefinitions, null);
  const expired = await get(`${secrets}?watch=true&resourceVersion=1&timeoutSeconds=1`, protobuf);
  assert.equal(expired.status, 200);
});

test('a watch over WebSocket: text for JSON, binary for the rest', async () => {
  const identity = await wire.pki.client({ commonName: 'admin', organizations: ['system:masters'] });
  const messages = async (accept: string, protocols: string[] = []): Promise<{ data: Buffer; binary: boolean }> => {
    const socket = new WebSocket(
      `${wire.url.replace('https', 'wss')}${secrets}?watch=1&fieldSelector=metadata.name%3Da`,
      protocols,
      { ca: wire.pki.ca, cert: identity.cert, key: identity.key, headers: { accept } },
    );
    try {
      return await new Promise((resolve, reject) => {
        socket.on('message', (data: Buffer, binary) => resolve({ data, binary }));
        socket.on('error', reject);
        socket.on('close', () => reject(new Error('closed')));
      });
    } finally {
      socket.terminate();
    }
  };
  const text = await messages('application/json', ['any.protocol']);
  assert.equal(text.binary, false);
  assert.equal((JSON.parse(text.data.toString()) as { object: { kind: string } }).object.kind, 'Secret');
  const binary = await messages(protobuf);
  assert.equal(binary.binary, true);
  assert.equal(binary.data.subarray(2, 7).toString(), 'ADDED');
  assert.equal((decodeCbor((await messages(cbor)).data) as { type: string }).type, 'ADDED');
  await assert.rejects(messages('application/json', ['a', 'b']), /Unexpected server response: 400/);
  await assert.rejects(messages('application/yaml'), /Unexpected server response: 406/);
});

test('whole numbers keep 64 bits on every way in and out', async () => {
  const wide = '9007199254740993';
  const toleration = { key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 'WIDE' };
  const body = JSON.stringify({ ...podDraft('wide'), spec: { ...podDraft('wide').spec, tolerations: [toleration] } });
  const exact = body.replace('"WIDE"', wide);
  const holds = (bytes: Buffer, what: string): void =>
    assert.ok(bytes.toString().includes(`"tolerationSeconds":${wide}`), what);
  const made = await wire.ask('POST', pods, { body: exact, headers: { 'content-type': 'application/json' } });
  assert.equal(made.status, 201, made.bytes.toString());
  holds(made.bytes, 'create');
  holds((await get(pods, 'application/json')).bytes, 'list');
  holds((await get(`${pods}?watch=true&timeoutSeconds=1`, 'application/json')).bytes, 'watch');
  assert.match(
    (await get(`${pods}/wide`, 'application/yaml')).bytes.toString(),
    new RegExp(`tolerationSeconds: ${wide}`),
  );
  const message = decodeMessage(Pod.schema, opened((await get(`${pods}/wide`, protobuf)).bytes, 'Pod'));
  const seconds = (pod: unknown): unknown =>
    (pod as { spec: { tolerations: { key: string; tolerationSeconds: unknown }[] } }).spec.tolerations.find(
      ({ key }) => key === 'k',
    )?.tolerationSeconds;
  assert.equal(seconds(message), 9007199254740993n);
  assert.equal(seconds(decodeCbor((await get(`${pods}/wide`, cbor)).bytes)), 9007199254740993n);
  for (const [type, patch] of [
    ['merge-patch+json', '{"metadata":{"annotations":{"a":"1"}}}'],
    ['strategic-merge-patch+json', '{"metadata":{"annotations":{"a":"2"}}}'],
    ['json-patch+json', '[{"op":"add","path":"/metadata/annotations/b","value":"c"}]'],
    ['apply-patch+yaml', 'kind: Pod\napiVersion: v1\nmetadata: {labels: {x: z}}\n'],
  ] as const) {
    const patched = await wire.ask('PATCH', `${pods}/wide?fieldManager=m`, {
      body: patch,
      headers: { 'content-type': `application/${type}` },
    });
    assert.equal(patched.status, 200, patched.bytes.toString());
    holds(patched.bytes, type);
  }
  const yaml = `metadata: {name: wide2}\nspec:\n  containers: [{name: c, image: i}]\n  tolerations: [{key: k, operator: Exists, effect: NoExecute, tolerationSeconds: ${wide}}]\n`;
  holds((await wire.ask('POST', pods, { body: yaml, headers: { 'content-type': 'application/yaml' } })).bytes, 'yaml');
});

test('unknown and duplicate fields of YAML and of patches', async () => {
  const yaml = 'metadata:\n  name: yaml\n  labels:\n    a: "1"\n    a: "2"\ndota: 1\n';
  const post = (query: string): Promise<Reply> =>
    wire.ask('POST', `${secrets}${query}`, { body: yaml, headers: { 'content-type': 'application/yaml' } });
  const strict = await post('?fieldValidation=Strict');
  assert.equal(strict.status, 400);
  assert.match(
    strict.json.message,
    /strict decoding error: yaml: unmarshal errors:\n {2}line 5: key "a" already set in map, unknown field "dota"$/,
  );
  const warned = await post('?fieldValidation=Warn&dryRun=All');
  assert.equal(warned.status, 201);
  assert.match(
    String(warned.headers['warning']),
    /299 - "yaml: unmarshal errors: {3}line 5: key \\"a\\" already set in map"/,
  );
  const patch = (type: string, body: string, query = 'fieldValidation=Strict'): Promise<Reply> =>
    wire.ask('PATCH', `${secrets}/a?fieldManager=m&dryRun=All&${query}`, {
      body,
      headers: { 'content-type': `application/${type}` },
    });
  const merged = await patch('merge-patch+json', '{"type":"Opaque","type":"Opaque","dota":{}}');
  assert.match(merged.json.message, /strict decoding error: unknown field "dota", duplicate field "type"$/);
  const operations = '[{"op":"add","op":"add","path":"/dota","value":1}]';
  assert.match(
    (await patch('json-patch+json', operations)).json.message,
    /unknown field "dota", json patch duplicate field "\[0\].op"$/,
  );
  assert.match(String((await patch('json-patch+json', operations, '')).headers['warning']), /unknown field \\"dota\\"/);
  const applied = await patch('apply-patch+yaml', 'kind: Secret\nkind: Secret\napiVersion: v1\n');
  assert.match(
    applied.json.message,
    /^error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n {2}line 2: key "kind" already set in map$/,
  );
});

test('hostile bodies of every type are refused, and the server goes on', async () => {
  const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level < 9; level++) bomb.push(`a${level}: &a${level} [${`*a${level - 1}, `.repeat(10)}]`);
  const deep = (open: string, close: string): string =>
    `{"metadata":{"name":"h"},"x":${open.repeat(10_001)}1${close.repeat(10_001)}}`;
  const bad: [type: string, body: string | Buffer][] = [
    ['application/json', '{"metadata":{"name":"h","generation":1e999}}'],
    ['application/json', deep('[', ']')],
    ['application/json', deep('{"a":', '}')],
    ['application/json', '{"metadata":{"name":"h"},"data":{"k":NaN}}'],
    // Content-Encoding of a request means nothing, as upstream: a bomb is only bytes that are no JSON.
    ['application/json', gzipSync('x'.repeat(50_000_000))],
    ['application/yaml', bomb.join('\n')],
    ['application/yaml', 'metadata: {name: h, generation: .nan}'],
    ['application/yaml', Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe])],
    ['application/yaml', '['.repeat(50_000)],
    [cbor, Buffer.alloc(100_000, 0x81)],
    [cbor, Buffer.from('bbffffffffffffffff', 'hex')],
    [protobuf, Buffer.from('k8s\0\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f', 'latin1')],
  ];
  for (const [type, body] of bad) {
    const reply = await wire.ask('POST', secrets, {
      body,
      headers: { 'content-type': type, 'content-encoding': 'gzip' },
    });
    assert.equal(reply.status, 400, `${type} ${body.toString().slice(0, 60)}: ${reply.bytes.toString().slice(0, 200)}`);
  }
  const many = JSON.stringify(Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/kind', value: 'Secret' })));
  const patched = await wire.ask('PATCH', `${secrets}/a`, {
    body: many,
    headers: { 'content-type': 'application/json-patch+json' },
  });
  assert.equal(patched.status, 413);
  const halves = await wire.ask('POST', secrets, {
    body: String.raw`{"metadata":{"name":"halves","annotations":{"constructor":"\ud800"}}}`,
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(halves.status, 201);
  assert.ok(halves.bytes.toString().includes('"constructor":"\ufffd"'));
  assert.equal((await get(`${secrets}/a`, 'application/json')).status, 200);
});

test('OpenAPI documents with their hash in the URL are kept for ever; an old hash has moved', async () => {
  const index = (await get('/openapi/v3', 'application/json')).json as {
    paths: Record<string, { serverRelativeURL: string }>;
  };
  const url = index.paths['api/v1']?.serverRelativeURL ?? '';
  const found = await get(url, 'application/json');
  assert.deepEqual([found.status, found.headers['cache-control']], [200, 'public, immutable']);
  assert.ok(found.headers['expires']);
  const etag = String(found.headers['etag']);
  const again = await wire.ask('GET', url, { headers: { 'if-none-match': `"other", W/${etag}` } });
  assert.equal(again.status, 304);
  const old = await get('/openapi/v3/api/v1?hash=OLD', 'application/json');
  assert.deepEqual([old.status, old.headers['location']], [301, url]);
  assert.equal((await get('/openapi/v3/api/v1', 'application/json')).headers['cache-control'], 'no-cache, private');
});
