/** Addresses and node ports of Services are given once and come back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Service } from '#api/core/service.ts';
import { refusal, testApi } from '../test-api.ts';

const draft = (name: string, spec: object = {}) =>
  ({ metadata: { name, namespace: 'default' }, spec: { ports: [{ port: 80 }], ...spec } }) as never;
const inDefault = { namespace: 'default' } as const;

test('addresses are unique, also when they are asked for all at once', async () => {
  await using api = await testApi({ serviceCidr: '10.96.0.0/28' });
  const made = await Promise.all(Array.from({ length: 14 }, (_, i) => api.client.create(Service, draft(`s${i}`))));
  assert.equal(new Set(made.map(({ spec }) => spec.clusterIP)).size, 14);
  const full = await refusal(api.client.create(Service, draft('more')));
  assert.match(full.message, /range is full/);
  await api.client.delete(Service, 's3', inDefault);
  const again = await api.client.create(Service, draft('more'));
  assert.equal(again.spec.clusterIP, made[3]?.spec.clusterIP);
});

test('a certain address can be asked for, if it is free and in the range', async () => {
  await using api = await testApi();
  const made = await api.client.create(Service, draft('a', { clusterIP: '10.96.0.9' }));
  assert.deepEqual(made.spec.clusterIPs, ['10.96.0.9']);
  assert.match(
    (await refusal(api.client.create(Service, draft('b', { clusterIP: '10.96.0.9' })))).message,
    /provided IP is already allocated/,
  );
  assert.match(
    (await refusal(api.client.create(Service, draft('b', { clusterIP: '10.97.0.9' })))).message,
    /not in the valid range/,
  );
  assert.equal((await refusal(api.client.create(Service, draft('b', { clusterIP: 'ten' })))).code, 422);
  const changed = await refusal(
    api.client.patch(
      Service,
      'a',
      { type: 'merge', body: { spec: { clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'] } } },
      inDefault,
    ),
  );
  assert.equal(changed.code, 422);
  assert.equal((await api.client.create(Service, draft('b', { clusterIP: 'None' }))).spec.clusterIP, 'None');
});

test('node ports are unique, kept, released, and refused outside their range', async () => {
  await using api = await testApi();
  const a = await api.client.create(Service, draft('a', { type: 'NodePort' }));
  const port = a.spec.ports?.[0]?.nodePort as number;
  assert.ok(port >= 30000 && port <= 30009);
  assert.match(
    (await refusal(api.client.create(Service, draft('b', { type: 'NodePort', ports: [{ port: 80, nodePort: port }] }))))
      .message,
    /provided port is already allocated/,
  );
  assert.match(
    (await refusal(api.client.create(Service, draft('b', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }))))
      .message,
    /not in the valid range/,
  );
  const kept = await api.client.patch(
    Service,
    'a',
    { type: 'merge', body: { spec: { selector: { x: 'y' } } } },
    inDefault,
  );
  assert.equal(kept.spec.ports?.[0]?.nodePort, port);
  const cluster = await api.client.patch(
    Service,
    'a',
    { type: 'merge', body: { spec: { type: 'ClusterIP' } } },
    inDefault,
  );
  assert.equal(cluster.spec.ports?.[0]?.nodePort, undefined);
  assert.equal(cluster.spec.clusterIP, a.spec.clusterIP);
  const taken = await api.client.create(
    Service,
    draft('b', { type: 'NodePort', ports: [{ port: 80, nodePort: port }] }),
  );
  assert.equal(taken.spec.ports?.[0]?.nodePort, port);
  const many = await refusal(
    api.client.create(
      Service,
      draft('c', { type: 'NodePort', ports: Array.from({ length: 10 }, (_, i) => ({ name: `p${i}`, port: 100 + i })) }),
    ),
  );
  assert.match(many.message, /range is full/);
});

test('TCP and UDP of one port may share a node port', async () => {
  await using api = await testApi();
  const made = await api.client.create(
    Service,
    draft('dns', {
      type: 'NodePort',
      ports: [
        { name: 't', port: 53, nodePort: 30005 },
        { name: 'u', port: 53, protocol: 'UDP', nodePort: 30005 },
      ],
    }),
  );
  assert.deepEqual(
    made.spec.ports?.map(({ nodePort }) => nodePort),
    [30005, 30005],
  );
});

test('an ExternalName has no address, and gives its own back when it becomes one', async () => {
  await using api = await testApi();
  const plain = await api.client.create(Service, draft('a'));
  const external = await api.client.patch(
    Service,
    'a',
    {
      type: 'merge',
      body: { spec: { type: 'ExternalName', externalName: 'example.com', clusterIP: null, clusterIPs: null } },
    },
    inDefault,
  );
  assert.equal(external.spec.clusterIP, undefined);
  const other = await api.client.create(Service, draft('b', { clusterIP: plain.spec.clusterIP }));
  assert.equal(other.spec.clusterIP, plain.spec.clusterIP);
  const back = await api.client.patch(
    Service,
    'a',
    { type: 'merge', body: { spec: { type: 'ClusterIP', externalName: null } } },
    inDefault,
  );
  assert.match(back.spec.clusterIP ?? '', /^10\.96\.0\./);
});

test('a refused write keeps nothing', async () => {
  await using api = await testApi();
  await refusal(
    api.client.create(
      Service,
      draft('a', {
        type: 'NodePort',
        ports: [
          { port: 80, nodePort: 30001 },
          { name: 'b', port: 81, nodePort: 99 },
        ],
      }),
    ),
  );
  await api.client.create(Service, draft('dry', { type: 'NodePort', ports: [{ port: 80, nodePort: 30001 }] }), {
    dryRun: true,
  });
  const made = await api.client.create(
    Service,
    draft('a', { type: 'NodePort', ports: [{ port: 80, nodePort: 30001 }] }),
  );
  assert.equal(made.spec.ports?.[0]?.nodePort, 30001);
});
