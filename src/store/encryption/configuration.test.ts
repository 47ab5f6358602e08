/** What an EncryptionConfiguration may say. The messages are those of kube-apiserver 1.37.2 for the same files, but where a comment says otherwise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEncryptionConfiguration } from './configuration.ts';

const head = 'kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\n';
const refusal = (text: string): string => {
  try {
    parseEncryptionConfiguration(head + text);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was not refused');
};
const rule = (providers: string, resources = '[secrets]'): string =>
  `resources: [{resources: ${resources}, providers: [${providers}]}]`;

test('a configuration with every provider', () => {
  const { resources } = parseEncryptionConfiguration(`${head}
resources:
- resources: [secrets, '*.apps', pandas.awesome.bears.example]
  providers:
  - secretbox: {keys: [{name: a, secret: ${Buffer.alloc(32, 1).toString('base64')}}]}
  - aesgcm: {keys: [{name: b, secret: ${Buffer.alloc(16, 2).toString('base64')}}]}
  - aescbc: {keys: [{name: c, secret: ${Buffer.alloc(24, 3).toString('base64')}}]}
  - kms: {apiVersion: v2, name: d, endpoint: 'unix:///run/kms.sock', timeout: 1m30s}
  - kms: {apiVersion: v2, name: e, endpoint: 'unix:///@kms'}
  - identity: {}
- resources: ['*.*']
  providers: [{identity: {}}]
`);
  assert.deepEqual(
    resources.map((found) => found.resources),
    [['secrets', '*.apps', 'pandas.awesome.bears.example'], ['*.*']],
  );
  assert.deepEqual(resources[0]?.providers, [
    { is: 'secretbox', keys: [{ name: 'a', secret: Buffer.alloc(32, 1) }] },
    { is: 'aesgcm', keys: [{ name: 'b', secret: Buffer.alloc(16, 2) }] },
    { is: 'aescbc', keys: [{ name: 'c', secret: Buffer.alloc(24, 3) }] },
    { is: 'kms', name: 'd', endpoint: 'unix:///run/kms.sock', timeoutMs: 90_000 },
    { is: 'kms', name: 'e', endpoint: 'unix:///@kms', timeoutMs: 3_000 },
    { is: 'identity' },
  ]);
});

test('what is of another kind or has unknown fields is refused before anything else', () => {
  assert.throws(
    () => parseEncryptionConfiguration('kind: Foo\napiVersion: v1\n'),
    /no kind "Foo" is registered for version "v1"/,
  );
  assert.throws(() => parseEncryptionConfiguration(''), /one document, not 0/);
  assert.throws(() => parseEncryptionConfiguration('{'), /^ApiError: yaml: line/);
  assert.equal(
    refusal(`${rule('{identity: {}}')}\nbar: 2`.replace('}]}]', '}], foo: 1}]')),
    'strict decoding error: unknown field "bar", unknown field "resources[0].foo"',
  );
  assert.equal(
    refusal(rule('{secretbox: {keys: {}}}')),
    'strict decoding error: resources[0].providers[0].secretbox.keys must be a list',
  );
});

test('rules without resources, providers or keys', () => {
  assert.equal(refusal('resources: []'), 'resources: Required value: at least one resources is required');
  assert.equal(
    refusal(rule('')),
    'resources[0].providers: Required value: at least one resources[0].providers is required',
  );
  assert.equal(
    refusal(rule('{aescbc: {keys: []}}')),
    'resources[0].providers[0].aescbc.keys: Required value: at least one keys is required',
  );
  assert.equal(
    refusal(rule('{}')),
    'resources[0].providers[0]: Invalid value: {"AESGCM":null,"AESCBC":null,"Secretbox":null,"Identity":null,"KMS":null}: provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity',
  );
});

test('keys that are no keys, and nothing of them in the message', () => {
  assert.equal(
    refusal(
      rule(
        '{aescbc: {keys: [{name: "", secret: YQ==}, {name: b, secret: "%%"}, {name: c}]}}, {secretbox: {keys: [{name: a, secret: YQ==}]}}',
      ),
    ),
    '[resources[0].providers[0].aescbc.keys[0].name: Required value: name is a mandatory field for a key, resources[0].providers[0].aescbc.keys[0].secret: Invalid value: "REDACTED": secret is not of the expected length, got 1, expected one of [16 24 32], resources[0].providers[0].aescbc.keys[1].secret: Invalid value: "REDACTED": secrets must be base64 encoded, resources[0].providers[0].aescbc.keys[2].secret: Required value: secret is a mandatory field for a key, resources[0].providers[1].secretbox.keys[0].secret: Invalid value: "REDACTED": secret is not of the expected length, got 1, expected one of [32]]',
  );
  // Upstream prints the keys here.
  const two = refusal(rule('{identity: {}, aescbc: {keys: [{name: a, secret: YQ==}]}}'));
  assert.match(two, /providers\[0\]: Invalid value: "REDACTED": more than one provider specified in a single element/);
  assert.equal(two.includes('YQ=='), false);
});

test('resources that are misspelt, overlap or are masked', () => {
  assert.equal(
    refusal(
      rule('{identity: {}}', '[Secrets, "*", events.events.k8s.io, "*.extensions", "pods.*", serviceipallocations]'),
    ),
    '[resources[0].resources: Invalid value: ["Secrets","*","events.events.k8s.io","*.extensions","pods.*","serviceipallocations"]: using overlapping resources such as \'secrets\' and \'*.\' in the same resource list is not allowed as they will be masked, resources[0].resources[0]: Invalid value: "Secrets": resource name should not contain capital letters, resources[0].resources[1]: Invalid value: "*": use \'*.\' to encrypt all the resources from core API group or *.* to encrypt all resources, resources[0].resources[2]: Invalid value: "events.events.k8s.io": \'*.events.k8s.io\' objects are stored using the \'events\' API group in etcd. Use \'events\' instead in the config file, resources[0].resources[3]: Invalid value: "*.extensions": \'extensions\' group has been removed and cannot be used for encryption, resources[0].resources[4]: Invalid value: "pods.*": encrypting the same resource across groups is not supported, resources[0].resources[5]: Invalid value: "serviceipallocations": resources which do not have REST API/s cannot be encrypted]',
  );
  assert.equal(
    refusal(rule('{identity: {}}', '[secrets, "*.", secrets]')),
    '[resources[0].resources: Invalid value: ["secrets","*.","secrets"]: the same resource cannot be specified multiple times, resources[0].resources: Invalid value: ["secrets","*.","secrets"]: using overlapping resources such as \'secrets\' and \'*.\' in the same resource list is not allowed as they will be masked]',
  );
  const identity = 'providers: [{identity: {}}]';
  for (const all of ['*.*', '*.'])
    assert.equal(
      refusal(`resources: [{resources: ["${all}"], ${identity}}, {resources: [secrets], ${identity}}]`),
      `resource "secrets" is masked by earlier rule "${all}"`,
    );
});

test('a KMS is of version 2, on a unix socket, and has a name of its own', () => {
  assert.match(refusal(rule('{kms: {name: x, endpoint: "unix:///a"}}')), /KMSv1 is deprecated .* Use KMSv2 instead/);
  assert.equal(
    refusal(
      rule(
        '{kms: {apiVersion: v2, name: "x:y", endpoint: "tcp:///a", timeout: -1s, cachesize: 5}}, {kms: {apiVersion: v2, name: a, endpoint: "unix:///a"}}, {kms: {apiVersion: v2, name: a, endpoint: ""}}, {kms: {apiVersion: v3, name: b, endpoint: "unix:///a"}}',
      ),
    ),
    '[resources[0].providers[0].kms.name: Invalid value: "x:y": invalid KMS provider name x:y, must not contain \':\', resources[0].providers[0].kms.timeout: Invalid value: "-1s": timeout should be a positive value, resources[0].providers[0].kms.endpoint: Invalid value: "tcp:///a": unsupported scheme "tcp" for KMS provider, only unix is supported, resources[0].providers[0].kms.cachesize: Invalid value: 5: cachesize is not supported in v2, resources[0].providers[2].kms.name: Invalid value: "a": duplicate KMS provider name a, names must be unique, resources[0].providers[2].kms.endpoint: Invalid value: "": endpoint is a mandatory field for a kms, resources[0].providers[3].kms.apiVersion: Invalid value: "v3": unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported]',
  );
  // Upstream fails while decoding: `time: invalid duration "soon"`.
  assert.match(
    refusal(rule('{kms: {apiVersion: v2, name: a, endpoint: "unix:///a", timeout: soon}}')),
    /kms\.timeout: Invalid value: "soon": timeout should be a positive value/,
  );
});
