/** After a start nothing is decoded: what looks into objects must find the same as when all of them are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pod } from '#api/core/pod.ts';
import { Secret } from '#api/core/secret.ts';
import type { ListOptions } from '#client/client.ts';
import { memoryStore } from '#store/memory.ts';
import { refusal, testApi, type TestApi } from '../test-api.ts';
import { userOf } from '../user.ts';

const labels: readonly Record<string, string>[] = [
  { app: 'web' },
  { app: 'web', tier: 'front.end' },
  { 'example.com/app': 'web' },
  { app: 'db', nodeName: 'n1' },
  { note: 'web' },
  {},
];

const pod = (at: number, nodeName: string | undefined) => ({
  metadata: {
    name: `p${at}`,
    namespace: 'default',
    labels: labels[at] ?? {},
    annotations: { text: '"app":"web" and "nodeName":"n1"' },
  },
  spec: {
    containers: [{ name: 'c', image: 'i', env: [{ name: 'NODE', value: '{"nodeName":"n1"}' }] }],
    volumes: [{ name: 's', secret: { secretName: `s${at}` } }],
    ...(nodeName === undefined ? {} : { nodeName }),
  },
});

const selectors: readonly ListOptions[] = [
  { labelSelector: 'app=web' },
  { labelSelector: 'app in (web)' },
  { labelSelector: 'app in (web, db)' },
  { labelSelector: 'app!=web' },
  { labelSelector: '!app' },
  { labelSelector: 'app=web,tier=front.end' },
  { labelSelector: 'example.com/app=web' },
  { labelSelector: 'nodeName=n1' },
  { fieldSelector: 'spec.nodeName=n1' },
  { fieldSelector: 'spec.nodeName=' },
  { fieldSelector: 'spec.nodeName!=n1' },
  { fieldSelector: 'spec.hostNetwork=false' },
  { fieldSelector: 'status.phase=Pending,spec.nodeName=n2', labelSelector: 'app=web' },
];

const found = async (api: TestApi, options: ListOptions): Promise<readonly string[]> =>
  (await api.client.list(Pod, options)).items.map(({ metadata }) => metadata.name);

test('selectors find the same in objects that are decoded and in those that are not', async () => {
  await using store = memoryStore();
  const warm: (readonly string[])[] = [];
  {
    await using api = await testApi({ store });
    for (const [at, node] of ['n1', 'n2', undefined, 'n2', 'n1', undefined].entries())
      await api.client.create(Pod, pod(at, node) as never);
    for (const options of selectors) warm.push(await found(api, options));
  }
  for (const [at, options] of selectors.entries()) {
    await using cold = await testApi({ store });
    assert.deepEqual(await found(cold, options), warm[at], JSON.stringify(options));
  }
  assert.deepEqual(warm[8], ['p0', 'p4']);
  assert.deepEqual(warm[0], ['p0', 'p1']);
});

test('a node may read what its pods refer to, also when they are from before the start', async () => {
  await using store = memoryStore();
  {
    await using api = await testApi({ store });
    for (const at of [0, 1, 3]) await api.client.create(Secret, { metadata: { name: `s${at}`, namespace: 'default' } });
    await api.client.create(Pod, pod(0, 'n1') as never);
    await api.client.create(Pod, pod(1, 'n2') as never);
    // Its label and its environment speak of n1; it runs elsewhere.
    await api.client.create(Pod, pod(3, 'n2') as never);
  }
  await using api = await testApi({ store });
  const node = api.as(userOf('system:node:n1', 'system:nodes'));
  const read = (name: string) => node.get(Secret, name, { namespace: 'default' });
  assert.equal((await read('s0')).metadata.name, 's0');
  assert.equal((await refusal(read('s1'))).reason, 'Forbidden');
  assert.equal((await refusal(read('s3'))).reason, 'Forbidden');
  await api.client.delete(Pod, 'p0', { namespace: 'default', gracePeriodSeconds: 0 });
  assert.equal((await refusal(read('s0'))).reason, 'Forbidden');
});
