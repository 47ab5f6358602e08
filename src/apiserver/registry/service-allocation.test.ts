/** Addresses and node ports of Services are given once and come back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Service } from '#api/core/service.ts';
import { IPAddress } from '#api/networking/ipaddress.ts';
import { ServiceCIDR } from '#api/networking/servicecidr.ts';
import { memoryStore } from '#store/memory.ts';
import { refusal, testApi, type TestApi } from '../test-api.ts';

const draft = (name: string, spec: object = {}) =>
  ({ metadata: { name, namespace: 'default' }, spec: { ports: [{ port: 80 }], ...spec } }) as never;
const inDefault = { namespace: 'default' } as const;

test('addresses are unique, also when they are asked for all at once', async () => {
  await using api = await testApi({ serviceCidr: '10.96.0.0/28' });
  const made = await Promise.all(Array.from({ length: 14 }, (_, i) => api.client.create(Service, draft(`s${i}`))));
  assert.equal(new Set(made.map(({ spec }) => spec.clusterIP)).size, 14);
  const full = await refusal(api.client.create(Service, draft('more')));
  assert.equal(full.message, 'Internal error occurred: failed to allocate a serviceIP: range is full');
  assert.equal(full.code, 500);
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
  assert.equal(
    (await refusal(api.client.create(Service, draft('b', { clusterIP: '10.97.0.9' })))).message,
    'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.97.0.9"]: failed to allocate IP 10.97.0.9: the provided network does not match the current range',
  );
  assert.match(
    (await refusal(api.client.create(Service, draft('b', { clusterIP: '10.96.0.255' })))).message,
    /the provided IP \(10\.96\.0\.255\) is not in the valid range\. The range of valid IPs is 10\.96\.0\.0\/24$/,
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

const addressesOf = async (api: TestApi): Promise<readonly string[]> =>
  (await api.client.list(IPAddress)).items.map(
    ({ metadata, spec }) =>
      `${metadata.name} ${spec.parentRef.resource} ${spec.parentRef.namespace}/${spec.parentRef.name}`,
  );
const change = (api: TestApi, name: string, spec: object) =>
  api.client.patch(Service, name, { type: 'merge', body: { spec } }, inDefault);

test('each address in use is an IPAddress object, which comes and goes with its Service', async () => {
  await using api = await testApi();
  const made = await api.client.create(Service, draft('a', { clusterIP: '10.96.0.9' }));
  const [object] = (await api.client.list(IPAddress)).items;
  assert.deepEqual(object?.metadata.labels, {
    'ipaddress.kubernetes.io/ip-family': 'IPv4',
    'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
  });
  assert.deepEqual(object?.spec, { parentRef: { resource: 'services', namespace: 'default', name: 'a' } });
  assert.equal(object?.metadata.resourceVersion, made.metadata.resourceVersion, 'one transaction wrote both');
  await api.client.create(Service, draft('dry'), { dryRun: true });
  await api.client.create(Service, draft('headless', { clusterIP: 'None' }));
  assert.deepEqual(await addressesOf(api), ['10.96.0.9 services default/a']);
  await change(api, 'a', { type: 'ExternalName', externalName: 'example.com' });
  assert.deepEqual(await addressesOf(api), []);
  await change(api, 'a', { type: 'ClusterIP', externalName: null, clusterIP: '10.96.0.10' });
  assert.deepEqual(await addressesOf(api), ['10.96.0.10 services default/a']);
  await api.client.delete(Service, 'a', inDefault);
  assert.deepEqual(await addressesOf(api), []);
});

test('an address that somebody keeps for himself is not given out', async () => {
  await using api = await testApi({ serviceCidr: '10.96.0.0/30' });
  await api.client.create(IPAddress, {
    metadata: { name: '10.96.0.1' },
    spec: { parentRef: { resource: 'nodes', name: 'n' } },
  } as never);
  assert.equal((await api.client.create(Service, draft('a'))).spec.clusterIP, '10.96.0.2');
  assert.match(
    (await refusal(api.client.create(Service, draft('b', { clusterIP: '10.96.0.1' })))).message,
    /failed to allocate IP 10\.96\.0\.1: provided IP is already allocated/,
  );
  await api.client.delete(Service, 'a', inDefault);
  assert.deepEqual((await api.client.list(IPAddress)).items.length, 1);
});

test('another ServiceCIDR gives more addresses, unless it is not ready or going', async () => {
  await using api = await testApi({ serviceCidr: '10.96.0.0/30' });
  const [kubernetes] = (await api.client.list(ServiceCIDR)).items;
  assert.deepEqual([kubernetes?.metadata.name, kubernetes?.spec.cidrs], ['kubernetes', ['10.96.0.0/30']]);
  await api.client.create(Service, draft('a'));
  await api.client.create(Service, draft('b'));
  assert.equal((await refusal(api.client.create(Service, draft('c')))).reason, 'InternalError');
  const more = await api.client.create(ServiceCIDR, {
    metadata: { name: 'more', finalizers: ['example.com/wait'] },
    spec: { cidrs: ['10.97.0.0/28'] },
  } as never);
  assert.match((await api.client.create(Service, draft('c'))).spec.clusterIP ?? '', /^10\.97\.0\./);
  const waiting = {
    type: 'Ready',
    status: 'False',
    reason: 'X',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  await api.client.update(
    ServiceCIDR,
    { ...more, status: { conditions: [waiting] } } as never,
    { subresource: 'status' } as never,
  );
  assert.equal((await refusal(api.client.create(Service, draft('d')))).reason, 'InternalError');
  assert.match(
    (await refusal(api.client.create(Service, draft('d', { clusterIP: '10.97.0.9' })))).message,
    /the provided network does not match the current range$/,
  );
});

test('addresses and Services that parted are put together at the start, and a deleted address comes back', async () => {
  await using store = memoryStore();
  const held: string[] = [];
  {
    await using api = await testApi({ store });
    for (const name of ['a', 'b']) held.push((await api.client.create(Service, draft(name))).spec.clusterIP as string);
  }
  const at = (ip: string): string => `/registry/ipaddresses/${ip}`;
  const present = await store.get(at(held[0] as string));
  assert.ok(present);
  await store.txn([
    { op: 'delete', key: at(held[1] as string) },
    {
      op: 'put',
      key: at('10.96.0.77'),
      value: Buffer.from(present.value.toString().replaceAll(held[0] as string, '10.96.0.77')),
    },
  ]);
  await using api = await testApi({ store });
  const names = async (): Promise<readonly string[]> =>
    (await api.client.list(IPAddress)).items.map(({ metadata }) => metadata.name).toSorted();
  assert.deepEqual(await names(), held.toSorted());
  await api.client.delete(IPAddress, held[0] as string);
  while ((await names()).length < 2) await api.world.clock.sleep(5);
  assert.deepEqual(await names(), held.toSorted());
});

test('two servers over one store never give one address twice', async () => {
  await using store = memoryStore();
  await using one = await testApi({ store, serviceCidr: '10.96.0.0/28' });
  await using two = await testApi({ store, serviceCidr: '10.96.0.0/28' });
  const made = await Promise.all(
    Array.from({ length: 14 }, (_, i) => (i % 2 ? one : two).client.create(Service, draft(`s${i}`))),
  );
  assert.equal(new Set(made.map(({ spec }) => spec.clusterIP)).size, 14);
});

const dual = { serviceCidr: '10.96.0.0/24,fd00:10::/112' };
const familiesOf = ({ spec }: Service) => [spec.ipFamilyPolicy, spec.ipFamilies?.join(), spec.clusterIPs?.length];

test('IP families follow what was said, what was before and what the cluster has', async () => {
  await using single = await testApi();
  await using both = await testApi(dual);
  const made = async (api: TestApi, name: string, spec: object) =>
    familiesOf(await api.client.create(Service, draft(name, spec)));
  assert.deepEqual(await made(single, 'a', {}), ['SingleStack', 'IPv4', 1]);
  assert.deepEqual(await made(single, 'b', { ipFamilyPolicy: 'PreferDualStack' }), ['PreferDualStack', 'IPv4', 1]);
  assert.deepEqual(await made(single, 'c', { clusterIP: 'None', selector: { a: 'b' } }), ['SingleStack', 'IPv4', 1]);
  assert.deepEqual(await made(single, 'd', { clusterIP: 'None' }), ['RequireDualStack', 'IPv4,IPv6', 1]);
  assert.deepEqual(await made(both, 'a', {}), ['SingleStack', 'IPv4', 1]);
  assert.deepEqual(await made(both, 'b', { ipFamilyPolicy: 'PreferDualStack' }), ['PreferDualStack', 'IPv4,IPv6', 2]);
  assert.deepEqual(await made(both, 'c', { ipFamilies: ['IPv6'] }), ['SingleStack', 'IPv6', 1]);
  assert.deepEqual(await made(both, 'd', { clusterIP: 'fd00:10::9' }), ['SingleStack', 'IPv6', 1]);
  const refused = async (api: TestApi, spec: object): Promise<string> =>
    (await refusal(api.client.create(Service, draft('x', spec)))).message.replace('Service "x" is invalid: ', '');
  assert.equal(
    await refused(single, { ipFamilyPolicy: 'RequireDualStack' }),
    'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
  );
  assert.equal(
    await refused(single, { ipFamilies: ['IPv6'] }),
    'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
  );
  assert.equal(
    await refused(single, { clusterIP: 'fd00::1' }),
    'spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster',
  );
  assert.equal(
    await refused(both, { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4', 'IPv6'] }),
    "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
  );
});

test('the second address comes and goes with the policy; the first stays', async () => {
  await using api = await testApi(dual);
  const first = await api.client.create(Service, draft('a'));
  const two = await change(api, 'a', { ipFamilyPolicy: 'RequireDualStack' });
  assert.deepEqual(familiesOf(two), ['RequireDualStack', 'IPv4,IPv6', 2]);
  assert.equal(two.spec.clusterIP, first.spec.clusterIP);
  assert.equal((await addressesOf(api)).length, 2);
  assert.match(
    (await refusal(change(api, 'a', { clusterIPs: [first.spec.clusterIP], ipFamilies: ['IPv4'] }))).message,
    /spec\.ipFamilyPolicy: Invalid value: "RequireDualStack": must be set to 'SingleStack' when releasing the secondary clusterIP/,
  );
  const again = await change(api, 'a', { ipFamilyPolicy: 'SingleStack' });
  assert.deepEqual([...familiesOf(again), again.spec.clusterIP], ['SingleStack', 'IPv4', 1, first.spec.clusterIP]);
  assert.equal((await addressesOf(api)).length, 1);
});

test('a Service passes through every type and keeps what each of them knows', async () => {
  await using api = await testApi();
  const made = await api.client.create(Service, draft('a', { selector: { a: 'b' } }));
  const ip = made.spec.clusterIP;
  const nodePort = await change(api, 'a', { type: 'NodePort' });
  const port = nodePort.spec.ports?.[0]?.nodePort as number;
  assert.deepEqual([nodePort.spec.externalTrafficPolicy, port >= 30000], ['Cluster', true]);
  const balanced = await change(api, 'a', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' });
  assert.deepEqual(
    [balanced.spec.ports?.[0]?.nodePort, balanced.spec.allocateLoadBalancerNodePorts, balanced.spec.clusterIP],
    [port, true, ip],
  );
  const check = balanced.spec.healthCheckNodePort as number;
  assert.ok(check >= 30000 && check !== port);
  const moved = await change(api, 'a', {
    ports: [{ port: 80, nodePort: port }, { port: 81 }].map((one, i) => ({ ...one, name: `p${i}` })),
  });
  assert.equal(moved.spec.ports?.[0]?.nodePort, port);
  const renumbered = await change(api, 'a', {
    ports: moved.spec.ports?.map(({ name }, i) => ({ name, port: 90 + i })),
  });
  assert.deepEqual(
    renumbered.spec.ports?.map(({ nodePort: one }) => one),
    moved.spec.ports?.map(({ nodePort: one }) => one),
  );
  assert.ok(moved.spec.ports?.[1]?.nodePort);
  assert.match(
    (await refusal(change(api, 'a', { healthCheckNodePort: check + 1 }))).message,
    /spec\.healthCheckNodePort: Forbidden: field is immutable/,
  );
  const cluster = await change(api, 'a', { externalTrafficPolicy: 'Cluster' });
  assert.equal(cluster.spec.healthCheckNodePort, undefined);
  const plain = await change(api, 'a', { type: 'ClusterIP' });
  assert.deepEqual(
    [
      plain.spec.ports?.[0]?.nodePort,
      plain.spec.allocateLoadBalancerNodePorts,
      plain.spec.externalTrafficPolicy,
      plain.spec.clusterIP,
    ],
    [undefined, undefined, undefined, ip],
  );
  const name = await change(api, 'a', { type: 'ExternalName', externalName: 'example.com' });
  assert.deepEqual(
    [name.spec.clusterIP, name.spec.clusterIPs, name.spec.ipFamilies, name.spec.ipFamilyPolicy],
    Array(4).fill(undefined),
  );
  const back = await change(api, 'a', {
    type: 'LoadBalancer',
    externalName: null,
    allocateLoadBalancerNodePorts: false,
  });
  assert.deepEqual([back.spec.ports?.[0]?.nodePort, back.spec.clusterIP !== undefined], [undefined, true]);
  assert.match(
    (await refusal(change(api, 'a', { type: 'ClusterIP', clusterIP: '10.96.0.77' }))).message,
    /spec\.clusterIPs\[0\]: Invalid value: \["10\.96\.0\.77"\]: may not change once set/,
  );
  assert.match(
    (await refusal(change(api, 'a', { clusterIP: 'None' }))).message,
    /may not change once set|may not be set to 'None'/,
  );
});

test('a node port is taken for every protocol of other Services', async () => {
  await using api = await testApi();
  await api.client.create(Service, draft('a', { type: 'NodePort', ports: [{ port: 80, nodePort: 30003 }] }));
  assert.match(
    (
      await refusal(
        api.client.create(
          Service,
          draft('b', { type: 'NodePort', ports: [{ port: 80, protocol: 'UDP', nodePort: 30003 }] }),
        ),
      )
    ).message,
    /spec\.ports\[0\]\.nodePort: Invalid value: 30003: provided port is already allocated/,
  );
  assert.equal(
    (
      await refusal(
        api.client.create(
          Service,
          draft('b', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 30003 }),
        ),
      )
    ).message,
    'Internal error occurred: failed to allocate requested HealthCheck NodePort 30003: provided port is already allocated',
  );
});
