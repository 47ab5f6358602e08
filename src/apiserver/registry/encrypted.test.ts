/** The API over a store that encrypts: what cannot be decrypted is an error in upstream's words, never an object; and what is stored in an older form is written anew. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Role } from '#api/rbac/role.ts';
import { RoleBinding } from '#api/rbac/rolebinding.ts';
import { Secret } from '#api/core/secret.ts';
import { changeProviders, testEncryption } from '#store/encryption/test-encryption.ts';
import { memoryStore } from '#store/memory.ts';
import { testPki } from '#world/node/test-pki.ts';
import { testWire } from '../test-api.ts';

const secrets = '/api/v1/namespaces/default/secrets';
const draft = (name: string) => ({ metadata: { name, namespace: 'default' }, stringData: { a: 'topsecret' } });
const corrupt = (key: string, why: string): string =>
  `StorageError: corrupt object, Code: 7, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: data from the storage is not transformable revision=0: ${why}`;

test('a Secret that cannot be decrypted fails its GET, every LIST and watch, and no other object', async () => {
  await using raw = memoryStore();
  await using store = await testEncryption('aesgcm k=a; identity', { raw });
  await using wire = await testWire({ store });
  await wire.api.client.create(Secret, draft('good'));
  await wire.api.client.create(Secret, draft('bad'));
  const { resourceVersion } = (await wire.ask('GET', secrets)).json.metadata;
  const value = Buffer.from('k8s:enc:aesgcm:v1:lost:0123456789012345678901234567890');
  await raw.txn([{ op: 'put', key: '/registry/secrets/default/bad', value }]);
  const why = 'no matching key was found for the provided AES transformer (stored as k8s:enc:aesgcm:v1:lost:)';

  const got = await wire.ask('GET', `${secrets}/bad`);
  assert.deepEqual(
    [got.status, got.json.reason, got.json.message],
    [500, 'InternalError', `Internal error occurred: ${corrupt('/secrets/default/bad', why)}`],
  );
  assert.equal((await wire.ask('GET', `${secrets}/good`)).status, 200);
  const message = corrupt('/registry/secrets/default/bad', why);
  for (const query of ['', '?limit=1', '?labelSelector=a%3Db', '?fieldSelector=type%3DOpaque', '?resourceVersion=0']) {
    const listed = await wire.ask('GET', secrets + query);
    assert.deepEqual(
      [listed.status, listed.json.reason, listed.json.message],
      [500, 'StorageReadError', `failed to read one or more secrets from the storage: ${message}`],
      query,
    );
    assert.deepEqual(listed.json.details, {
      name: 'list',
      kind: 'secrets',
      causes: [{ reason: 'UnexpectedServerResponse', message, field: '/registry/secrets/default/bad' }],
    });
  }
  for (const query of [
    '',
    `resourceVersion=${resourceVersion}`,
    `resourceVersion=${resourceVersion}&labelSelector=a%3Db`,
  ]) {
    const watched = await wire.ask('GET', `${secrets}?watch=true&timeoutSeconds=1&${query}`);
    const last = JSON.parse(String(watched.bytes).trim().split('\n').at(-1) ?? '') as {
      type: string;
      object: { code: number };
    };
    assert.deepEqual([last.type, last.object.code], ['ERROR', 500], query);
  }
  for (const [method, body] of [
    ['PUT', draft('bad')],
    ['DELETE', undefined],
  ] as const)
    assert.equal((await wire.ask(method, `${secrets}/bad`, body ? { body } : {})).status, 500);
  assert.equal((await wire.ask('POST', secrets, { body: draft('bad') })).status, 409);

  const unsafe = 'ignoreStoreReadErrorWithClusterBreakingPotential=true';
  const safe = await wire.ask('DELETE', `${secrets}/good?${unsafe}`);
  assert.match(safe.json.message, /unsafe deletion is not allowed because the object is decodable from storage$/);
  assert.equal((await wire.ask('DELETE', `${secrets}?${unsafe}`)).status, 422);
  assert.equal((await wire.ask('DELETE', `${secrets}/bad?${unsafe}&dryRun=All`)).status, 200);
  const gone = await wire.ask('DELETE', `${secrets}/bad?${unsafe}`);
  assert.deepEqual([gone.status, gone.json.details], [200, { name: 'bad', kind: 'Secret' }]);
  assert.deepEqual((await wire.ask('GET', secrets)).json.items.length, 1);
});

test('who may delete may not delete what cannot be read: that is a right of its own', async () => {
  await using raw = memoryStore();
  await using store = await testEncryption('aesgcm k=a', { raw });
  const pki = await testPki();
  await using wire = await testWire({ store, pki });
  const identity = await pki.client({ commonName: 'jane', organizations: [] });
  await raw.txn([{ op: 'put', key: '/registry/secrets/default/bad', value: Buffer.from('k8s:enc:x:v1:y:') }]);
  const rules = [{ apiGroups: [''], resources: ['secrets'], verbs: ['delete'] }];
  const { client } = wire.api;
  await client.create(Role, { metadata: { name: 'r', namespace: 'default' }, rules });
  await client.create(RoleBinding, {
    metadata: { name: 'r', namespace: 'default' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
    subjects: [{ kind: 'User', name: 'jane', apiGroup: 'rbac.authorization.k8s.io' }],
  });
  const path = `${secrets}/bad?ignoreStoreReadErrorWithClusterBreakingPotential=true`;
  const refused = await wire.ask('DELETE', path, { identity });
  assert.equal(refused.status, 403);
  assert.match(refused.json.message, /not permitted to do "unsafe-delete-ignore-read-errors"/);
  assert.equal((await wire.ask('DELETE', path)).status, 200);
});

test('a write that changes nothing is written when the stored form is an older one, and not again', async () => {
  await using raw = memoryStore();
  await using store = await testEncryption('secretbox k1=a', { raw });
  await using wire = await testWire({ store });
  const before = await wire.api.client.create(Secret, draft('a'));
  const replace = () => wire.ask('PUT', `${secrets}/a`, { body: { ...before, metadata: { name: 'a' } } });
  const version = before.metadata.resourceVersion;
  assert.equal((await replace()).json.metadata.resourceVersion, version);
  await changeProviders(store, 'secretbox k2=b k1=a');
  const written = (await replace()).json.metadata.resourceVersion;
  assert.notEqual(written, version);
  assert.equal(await store.stale('/registry/secrets/default/a'), false);
  assert.equal((await replace()).json.metadata.resourceVersion, written);
});

test('what cannot be encrypted is not written; health and metrics tell', async () => {
  await using store = await testEncryption('kms k=unix:///nowhere; identity');
  await using wire = await testWire({ store });
  const refused = await wire.ask('POST', secrets, { body: draft('a') });
  assert.deepEqual([refused.status, refused.json.reason], [500, 'InternalError']);
  assert.match(
    refused.json.message,
    /^Internal error occurred: failed to perform status section of the healthz check for KMS Provider k/,
  );
  for (const path of ['/livez', '/readyz', '/healthz']) {
    const health = await wire.ask('GET', `${path}?verbose`);
    assert.deepEqual(
      [health.status, /\[-\]kms-providers failed: reason withheld/.test(String(health.bytes))],
      [500, true],
    );
  }
  const single = await wire.ask('GET', '/readyz/kms-providers');
  assert.match(String(single.bytes), /^internal server error: kms-provider-0: /);
  const metrics = String((await wire.ask('GET', '/metrics')).bytes);
  assert.match(
    metrics,
    /apiserver_storage_transformation_operations_total\{resource="secrets",transformation_type="to_storage",transformer_prefix="k8s:enc:kms:v2:k:",status="unknown-non-grpc"\} 1/,
  );
});
