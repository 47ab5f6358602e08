import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HorizontalPodAutoscaler as V1 } from '#api/autoscaling/horizontalpodautoscaler-v1.ts';
import { HorizontalPodAutoscaler as V2 } from '#api/autoscaling/horizontalpodautoscaler.ts';
import { ComponentStatus } from '#api/core/componentstatus.ts';
import { ReplicationController } from '#api/core/replicationcontroller.ts';
import { testApi } from '../test-api.ts';
import { getScale } from './scale.ts';

test('parts that have told how to ask them are well or not; the others are unknown', async () => {
  await using api = await testApi();
  const { server, client } = api;
  server.api.report('scheduler', () => 'it stands still');
  const { items } = await client.list(ComponentStatus);
  assert.deepEqual(
    items.map(({ metadata, conditions }) => [metadata.name, conditions?.[0]?.status, conditions?.[0]?.error]),
    [
      ['scheduler', 'False', 'it stands still'],
      ['controller-manager', 'Unknown', 'it does not run with this API server'],
      ['etcd-0', 'True', undefined],
    ],
  );
  assert.equal((await client.get(ComponentStatus, 'etcd-0')).conditions?.[0]?.message, 'ok');
  await assert.rejects(client.get(ComponentStatus, 'printer'), { reason: 'NotFound' });
  await assert.rejects(client.create(ComponentStatus, { metadata: { name: 'etcd-0' } }), {
    reason: 'MethodNotAllowed',
  });
});

test('an autoscaler is one object in two versions', async () => {
  await using api = await testApi();
  const { client } = api;
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
  const metadata = { name: 'web', namespace: 'default' };
  const pods = {
    type: 'Pods',
    pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '10' } },
  };
  const made = await client.create(V2, { metadata, spec: { scaleTargetRef, maxReplicas: 3, metrics: [pods] } });
  const seen = await client.get(V1, 'web', { namespace: 'default' });
  assert.equal(seen.metadata.uid, made.metadata.uid);
  assert.equal(seen.spec.targetCPUUtilizationPercentage, undefined);
  await client.update(V1, { ...seen, spec: { ...seen.spec, maxReplicas: 7, targetCPUUtilizationPercentage: 60 } });
  const after = await client.get(V2, 'web', { namespace: 'default' });
  assert.equal(after.spec.maxReplicas, 7);
  assert.deepEqual(after.spec.metrics, [
    pods,
    { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } } },
  ]);
  assert.equal(after.metadata.annotations, undefined);
});

test('a replication controller has a scale whose selector is its labels', async () => {
  await using api = await testApi();
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'a', image: 'a:1' }] } };
  await api.client.create(ReplicationController, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { replicas: 2, template },
  });
  const scale = getScale(api.server.api.resource(ReplicationController), { namespace: 'default', name: 'web' });
  assert.deepEqual(
    [(scale as unknown as { spec: unknown }).spec, (scale as unknown as { status: unknown }).status],
    [{ replicas: 2 }, { replicas: 0, selector: 'app=web' }],
  );
});
