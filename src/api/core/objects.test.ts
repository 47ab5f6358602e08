import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { Binding } from './binding.ts';
import { ConfigMap } from './configmap.ts';
import { Endpoints } from './endpoints.ts';
import { Namespace } from './namespace.ts';
import { Node } from './node.ts';
import { Secret } from './secret.ts';
import { ServiceAccount } from './serviceaccount.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const keyRule =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

test('a config map has good keys, each once, and at most 1 MiB', () => {
  const of = (fields: object): string[] => createCauses(ConfigMap, { metadata: { name: 'c' }, ...fields });
  assert.deepEqual(of({ data: { 'a b': '' } }), [`data[a b]: Invalid value: "a b": ${keyRule}`]);
  assert.deepEqual(of({ data: { '..x': '' } }), ['data[..x]: Invalid value: "..x": must not start with \'..\'']);
  assert.deepEqual(of({ data: { a: '' }, binaryData: { a: '' } }), [
    'data[a]: Invalid value: "a": duplicate of key present in binaryData',
  ]);
  assert.deepEqual(of({ data: { a: 'x'.repeat(1024 * 1024 + 1) } }), [
    ': Too long: may not be more than 1048576 bytes',
  ]);
});

test('frozen data cannot be changed', () => {
  const old = written(ConfigMap, { metadata: { name: 'c' }, immutable: true, data: { a: '1' } });
  assert.deepEqual(updateCauses(ConfigMap, { metadata: { name: 'c' }, data: { a: '2' } }, old), [
    'immutable: Forbidden: field is immutable when `immutable` is set',
    'data: Forbidden: field is immutable when `immutable` is set',
  ]);
});

test('text of a secret becomes data and wins over it', () => {
  const secret = written(Secret, {
    metadata: { name: 's' },
    data: { a: base64('old'), b: base64('b') },
    stringData: { a: 'new ✓' },
  });
  assert.deepEqual(secret.data, { a: base64('new ✓'), b: base64('b') });
  assert.equal('stringData' in secret, false);
  assert.equal(secret.type, 'Opaque');
  assert.deepEqual(row(Secret, secret), { Name: 's', Type: 'Opaque', Data: 2, Age: '5m' });
});

const secrets: readonly [string, object, readonly string[]][] = [
  ['kubernetes.io/tls', {}, ['data[tls.crt]: Required value', 'data[tls.key]: Required value']],
  ['kubernetes.io/basic-auth', {}, ['data[username]: Required value', 'data[password]: Required value']],
  ['kubernetes.io/ssh-auth', {}, ['data[ssh-privatekey]: Required value']],
  ['kubernetes.io/dockerconfigjson', {}, ['data[.dockerconfigjson]: Required value']],
  [
    'kubernetes.io/dockerconfigjson',
    { '.dockerconfigjson': base64('not json') },
    ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid character in JSON'],
  ],
  [
    'kubernetes.io/service-account-token',
    {},
    ['metadata.annotations[kubernetes.io/service-account.name]: Required value'],
  ],
  ['example.com/own', {}, []],
];
for (const [type, data, causes] of secrets)
  test(`a secret of type ${type} has its keys`, () =>
    assert.deepEqual(createCauses(Secret, { metadata: { name: 's' }, type, data } as never), causes));

test('the type of a secret cannot be changed', () => {
  const old = written(Secret, { metadata: { name: 's' } });
  assert.deepEqual(updateCauses(Secret, { metadata: { name: 's' }, type: 'a/b' }, old), [
    'type: Invalid value: "a/b": field is immutable',
  ]);
});

test('a namespace carries its name and its finalizer', () => {
  const namespace = written(Namespace, { metadata: { name: 'team' } });
  assert.deepEqual(namespace.metadata.labels, { 'kubernetes.io/metadata.name': 'team' });
  assert.deepEqual([namespace.spec, namespace.status], [{ finalizers: ['kubernetes'] }, { phase: 'Active' }]);
  assert.deepEqual(row(Namespace, namespace), { Name: 'team', Status: 'Active', Age: '5m' });
  assert.match(
    createCauses(Namespace, { metadata: { name: 'a.b' } })[0] ?? '',
    /^metadata\.name: Invalid value: "a\.b": must not contain dots/,
  );
  assert.deepEqual(Namespace.hooks.prepareUpdate?.({ ...namespace, spec: { finalizers: [] } }, namespace).spec, {
    finalizers: ['kubernetes'],
  });
  const gone = { ...namespace, status: { phase: 'Terminating' as const } };
  assert.deepEqual(
    Namespace.hooks.validateStatus?.(gone, namespace).map(({ message }) => message),
    ['Invalid value: "Terminating": may only be \'Active\' if `deletionTimestamp` is empty'],
  );
});

test('a node has sound taints, ranges that stay, and capacity to allocate', () => {
  const node = (spec: object, status: object = {}): never => ({ metadata: { name: 'n' }, spec, status }) as never;
  const taint = { key: 'a', effect: 'NoSchedule' };
  assert.deepEqual(createCauses(Node, node({ taints: [taint, taint] })), [
    'metadata.taints[1]: Duplicate value: {"Key":"a","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair',
  ]);
  assert.deepEqual(createCauses(Node, node({ taints: [{ key: 'a', effect: 'Never' }] })), [
    'metadata.taints[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
  ]);
  assert.deepEqual(createCauses(Node, node({ podCIDRs: ['10.0.0.0'] })), [
    'spec.podCIDRs[0]: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
  ]);
  assert.deepEqual(
    updateCauses(Node, node({ podCIDRs: ['10.1.0.0/24'] }), written(Node, node({ podCIDRs: ['10.0.0.0/24'] }))),
    ['spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid'],
  );
  const provided = written(Node, node({ providerID: 'a' }));
  const moved = (spec: object): string[] => updateCauses(Node, node(spec), provided);
  assert.deepEqual(moved({ providerID: 'b' }), [
    'spec.providerID: Invalid value: null: field cannot be modified once set',
  ]);
  assert.deepEqual(moved({}), ['spec.providerID: Invalid value: null: field cannot be cleared once set']);
  assert.deepEqual(createCauses(Node, node({}, { nodeInfo: { swap: { capacity: 0 } } })), [
    'metadata.nodeSwapStatus.capacity: Invalid value: 0: must be greater than zero',
  ]);
  assert.deepEqual(written(Node, node({}, { capacity: { cpu: '2' } })).status.allocatable, { cpu: '2' });
  assert.deepEqual(createCauses(Node, node({}, { capacity: { cpu: '-2' } })), [
    'status.capacity.cpu: Invalid value: "-2": must be greater than or equal to 0',
    'status.allocatable.cpu: Invalid value: "-2": must be greater than or equal to 0',
  ]);
});

test('a node declares features in order, has each address once, and no old settings', () => {
  const old = written(Node, { metadata: { name: 'n' }, status: { config: { error: 'e' } } } as never);
  assert.equal(old.status.config, undefined);
  const causes = (status: object): unknown =>
    Node.hooks
      .validateStatus?.({ ...old, status: { ...old.status, ...status } } as never, old)
      .map(({ field, message }) => `${field}: ${message}`);
  assert.deepEqual(causes({ declaredFeatures: ['B', 'A/b', 'A/b'] }), [
    'status.declaredFeatures[1]: Invalid value: "A/b": list must be sorted alphabetically',
    'status.declaredFeatures[2]: Duplicate value: "A/b"',
  ]);
  assert.match(
    String(causes({ declaredFeatures: ['a'] })),
    /invalid feature name "a": must start with an UpperCamelCase/,
  );
  const address = { type: 'Hostname', address: 'n' };
  assert.deepEqual(causes({ addresses: [address, address] }), [
    'status.addresses[1]: Duplicate value: {"Type":"Hostname","Address":"n"}',
  ]);
  assert.deepEqual(Node.hooks.warnings?.({ ...old, spec: { externalID: 'x' } }, undefined), [
    'spec.externalID: this field is deprecated, and is unused by Kubernetes',
  ]);
});

test('the table of nodes', () => {
  const node = written(Node, {
    metadata: { name: 'n', labels: { 'node-role.kubernetes.io/control-plane': '', 'kubernetes.io/role': 'edge' } },
    spec: { unschedulable: true },
    status: {
      conditions: [{ type: 'Ready', status: 'False' }],
      addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
      nodeInfo: {
        kubeletVersion: 'v1.37.0',
        osImage: 'Debian 12',
        kernelVersion: '6.1',
        containerRuntimeVersion: 'k8ts://0.1',
      },
    },
  } as never);
  assert.deepEqual(row(Node, node), {
    Name: 'n',
    Status: 'NotReady,SchedulingDisabled',
    Roles: 'control-plane,edge',
    Age: '5m',
    Version: 'v1.37.0',
    'Internal-IP': '10.0.0.1',
    'External-IP': '<none>',
    'OS-Image': 'Debian 12',
    'Kernel-Version': '6.1',
    'Container-Runtime': 'k8ts://0.1',
  });
  assert.equal(row(Node, written(Node, { metadata: { name: 'n' } }))['Status'], 'Unknown');
});

test('endpoints with odd addresses are taken, but for those of the controller', () => {
  const warnings = (labels: Record<string, string>): unknown =>
    Endpoints.hooks.warnings?.(
      written(Endpoints, {
        metadata: { name: 'e', labels },
        subsets: [{ addresses: [{ ip: '2001:DB8::1' }] }],
      } as never),
      undefined,
    );
  assert.deepEqual(warnings({}), [
    'subsets[0].addresses[0].ip: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")',
  ]);
  assert.deepEqual(warnings({ 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' }), []);
  assert.match(Endpoints.deprecated ?? '', /use discovery.k8s.io\/v1 EndpointSlice/);
});

test('endpoints have addresses, and the table counts them', () => {
  const of = (...subsets: object[]): never => ({ metadata: { name: 'web' }, subsets }) as never;
  assert.deepEqual(createCauses(Endpoints, of({ ports: [{ port: 80 }] })), [
    'subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`',
  ]);
  assert.deepEqual(createCauses(Endpoints, of({ addresses: [{ ip: '169.254.0.1' }] })), [
    'subsets[0].addresses[0].ip: Invalid value: "169.254.0.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
  ]);
  const many = written(
    Endpoints,
    of({ addresses: [1, 2, 3, 4, 5].map((n) => ({ ip: `10.0.0.${n}` })), ports: [{ port: 80 }] }),
  );
  assert.equal(row(Endpoints, many)['Endpoints'], '10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 2 more...');
  assert.equal(row(Endpoints, written(Endpoints, of()))['Endpoints'], '<none>');
});

test('of a secret that an account refers to only the name is kept', () => {
  const account = written(ServiceAccount, { metadata: { name: 'a' }, secrets: [{ name: 's', uid: 'u' }] });
  assert.deepEqual(account.secrets, [{ name: 's' }]);
});

test('a binding names a node', () => {
  assert.deepEqual(createCauses(Binding, { metadata: { name: 'p' }, target: { kind: 'Disk' } }), [
    'target.kind: Unsupported value: "Disk": supported values: "Node", "<empty>"',
    'target.name: Required value',
  ]);
});
