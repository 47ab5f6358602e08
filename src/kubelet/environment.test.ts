import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environmentOf, expand, fieldValue, resourceValue, type EnvironmentSources } from './environment.ts';
import { containerOf, podOf } from './testing.ts';

const sources = (more: Partial<EnvironmentSources> = {}): EnvironmentSources => ({
  pod: podOf(),
  configMaps: new Map(),
  secrets: new Map(),
  services: [],
  podIps: ['10.0.0.2', 'fd00::2'],
  hostIp: '1.2.3.4',
  nodeName: 'n1',
  allocatable: { cpu: '4', memory: '8Gi' },
  ...more,
});
const environment = (container: Record<string, unknown>, more: Partial<EnvironmentSources> = {}) =>
  Object.fromEntries(
    environmentOf(containerOf('main', container) as never, sources(more)).map(({ name, value }) => [name, value]),
  );
const service = (name: string, spec: Record<string, unknown>, namespace = 'shop') =>
  ({ metadata: { name, namespace }, spec }) as never;

test('references expand to what stands before them', () => {
  const known = new Map([
    ['A', '1'],
    ['B', 'two'],
  ]);
  const cases: readonly (readonly [string, string])[] = [
    ['$(A)-$(B)', '1-two'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$1'],
    ['$(NOPE)', '$(NOPE)'],
    ['$A $', '$A $'],
    ['$(A', '$(A'],
    ['', ''],
  ];
  for (const [text, expected] of cases) assert.equal(expand(text, known), expected, text);
});

test('later variables win, and see earlier ones', () => {
  const configMaps = new Map([['c', { data: { X: 'map', Y: 'y' } } as never]]);
  const found = environment(
    {
      envFrom: [{ configMapRef: { name: 'c' } }],
      env: [
        { name: 'X', value: 'own' },
        { name: 'Z', value: '$(X)$(Y)$(W)' },
        { name: 'W', value: '' },
      ],
    },
    { configMaps },
  );
  assert.deepEqual(found, { X: 'own', Y: 'y', Z: 'owny$(W)', W: '' });
});

test('what is missing is named as upstream names it', () => {
  const env = (valueFrom: unknown) => ({ env: [{ name: 'A', valueFrom }] });
  assert.throws(() => environment(env({ configMapKeyRef: { name: 'c', key: 'k' } })), {
    message: 'configmap "c" not found',
  });
  assert.throws(
    () =>
      environment(env({ secretKeyRef: { name: 's', key: 'k' } }), { secrets: new Map([['s', { data: {} } as never]]) }),
    { message: "couldn't find key k in Secret shop/s" },
  );
  assert.deepEqual(environment(env({ secretKeyRef: { name: 's', key: 'k', optional: true } })), {});
  assert.throws(() => environment(env({ fieldRef: { fieldPath: 'spec.nope' } })), {
    message: 'unsupported fieldPath: spec.nope',
  });
});

test('services of the namespace and the API are announced', () => {
  const services = [
    service('my-db', {
      clusterIP: '10.96.0.7',
      ports: [
        { name: 'sql-main', port: 5432, protocol: 'TCP' },
        { port: 9, protocol: 'UDP' },
      ],
    }),
    service('headless', { clusterIP: 'None', ports: [{ port: 1 }] }),
    service('kubernetes', { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443 }] }, 'default'),
  ];
  const found = environment({}, { services });
  assert.deepEqual(
    [
      found['MY_DB_SERVICE_HOST'],
      found['MY_DB_SERVICE_PORT_SQL_MAIN'],
      found['MY_DB_PORT'],
      found['MY_DB_PORT_9_UDP_PROTO'],
      found['KUBERNETES_PORT_443_TCP_ADDR'],
      found['HEADLESS_SERVICE_HOST'],
    ],
    ['10.96.0.7', '5432', 'tcp://10.96.0.7:5432', 'udp', '10.96.0.1', undefined],
  );
  const quiet = environment({}, { services, pod: podOf({ enableServiceLinks: false }) });
  assert.deepEqual([quiet['MY_DB_SERVICE_HOST'], quiet['KUBERNETES_SERVICE_HOST']], [undefined, '10.96.0.1']);
});

test('fields of the pod', () => {
  const field = (path: string) => fieldValue(path, podOf({ serviceAccountName: 'sa' }), sources());
  assert.deepEqual(
    [
      'metadata.name',
      'metadata.namespace',
      'metadata.uid',
      'spec.nodeName',
      'spec.serviceAccountName',
      'status.hostIP',
      'status.podIP',
      'status.podIPs',
      "metadata.labels['app']",
      "metadata.annotations['no']",
      'metadata.labels',
    ].map(field),
    ['web', 'shop', 'u1', 'n1', 'sa', '1.2.3.4', '10.0.0.2', '10.0.0.2,fd00::2', 'web', '', 'app="web"'],
  );
});

test('resources are rounded up to their divisor, and fall back to the node', () => {
  const container = containerOf('main', {
    resources: { limits: { cpu: '1500m', memory: '1Gi' }, requests: { cpu: '100m' } },
  }) as never;
  const value = (resource: string, divisor?: string, own = container) =>
    resourceValue({ resource, ...(divisor ? { divisor } : {}) }, podOf(), own, { cpu: '4', memory: '8Gi' });
  assert.deepEqual(
    [
      value('limits.cpu'),
      value('limits.cpu', '1m'),
      value('limits.memory', '1Mi'),
      value('requests.cpu', '1m'),
      value('requests.memory'),
    ],
    ['2', '1500', '1024', '100', '0'],
  );
  assert.deepEqual(
    [
      value('limits.cpu', '1', containerOf('main') as never),
      value('limits.memory', '1Gi', containerOf('main') as never),
    ],
    ['4', '8'],
  );
});
