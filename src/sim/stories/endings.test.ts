/** How namespaces and owners end: in order, telling what they wait for. */
import assert from 'node:assert/strict';
import { APIService } from '#api/apiregistration/apiservice.ts';
import { ConfigMap } from '#api/core/configmap.ts';
import { Namespace } from '#api/core/namespace.ts';
import { Pod } from '#api/core/pod.ts';
import { Lease } from '#api/coordination/lease.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { isApiError } from '#meta/status.ts';
import type { AnyKind } from '#client/client.ts';
import type { SimCluster } from '../cluster.ts';
import { story } from '../suite.ts';

const file = import.meta.filename;

const exists = async ({ client, run }: SimCluster, kind: AnyKind, name: string, place = {}): Promise<boolean> => {
  try {
    await run(client.get(kind, name, place));
    return true;
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
    return false;
  }
};

const conditionsOf = async ({ client, run }: SimCluster, name: string): Promise<Record<string, string>> => {
  const { status } = await run(client.get(Namespace, name));
  return Object.fromEntries(
    (status.conditions ?? []).map(({ type, status: holds, reason, message }) => [
      type,
      `${holds} ${reason}: ${message}`,
    ]),
  );
};

const fine = {
  NamespaceDeletionDiscoveryFailure: 'False ResourcesDiscovered: All resources successfully discovered',
  NamespaceDeletionGroupVersionParsingFailure: 'False ParsedGroupVersions: All legacy kube types successfully parsed',
  NamespaceDeletionContentFailure:
    'False ContentDeleted: All content successfully deleted, may be waiting on finalization',
  NamespaceContentRemaining: 'False ContentRemoved: All content successfully removed',
  NamespaceFinalizersRemaining: 'False ContentHasNoFinalizers: All content-preserving finalizers finished',
};

const heldPod = (name: string, namespace: string) => ({
  metadata: { name, namespace, finalizers: ['example.com/hold'] },
  spec: { containers: [{ name: 'c', image: 'example.com/c' }], terminationGracePeriodSeconds: 30 },
});

story(
  'a namespace that is deleted loses its pods first, then the rest, and tells what it waits for',
  { nodes: 1, seeds: 3, file },
  async ({ cluster }) => {
    const { client, run } = cluster;
    const place = { namespace: 'room' };
    await run(client.create(Namespace, { metadata: { name: 'room' } }));
    await cluster.settle();
    await run(client.create(ConfigMap, { metadata: { name: 'm', ...place, finalizers: ['example.com/wait'] } }));
    await run(client.create(Lease, { metadata: { name: 'l', ...place } }));
    await run(client.create(Pod, heldPod('p', 'room')));
    await cluster.settle();
    await run(client.delete(Namespace, 'room'));
    await cluster.advance(60_000);
    assert.deepEqual(await conditionsOf(cluster, 'room'), {
      ...fine,
      NamespaceContentRemaining:
        'True SomeResourcesRemain: Some resources are remaining: pods. has 1 resource instances',
      NamespaceFinalizersRemaining:
        'True SomeFinalizersRemain: Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
    });
    // Nothing else was touched while a pod is there.
    assert.equal(await exists(cluster, Lease, 'l', place), true);
    const release = { type: 'merge', body: { metadata: { finalizers: null } } } as const;
    await run(client.patch(Pod, 'p', release, place));
    await cluster.advance(60_000);
    assert.equal(await exists(cluster, Lease, 'l', place), false);
    assert.deepEqual(await conditionsOf(cluster, 'room'), {
      ...fine,
      NamespaceContentRemaining:
        'True SomeResourcesRemain: Some resources are remaining: configmaps. has 1 resource instances',
      NamespaceFinalizersRemaining:
        'True SomeFinalizersRemain: Some content in the namespace has finalizers remaining: example.com/wait in 1 resource instances',
    });
    await run(client.patch(ConfigMap, 'm', release, place));
    await cluster.settle();
    assert.equal(await exists(cluster, Namespace, 'room'), false);
  },
);

story(
  'a namespace does not go while a group of the API cannot be looked into',
  { nodes: 0, seeds: 2, file },
  async ({ cluster }) => {
    const { client, run } = cluster;
    await run(client.create(Namespace, { metadata: { name: 'room' } }));
    const service = { name: 'metrics', namespace: 'kube-system' };
    const spec = { group: 'metrics.k8s.io', version: 'v1beta1', service, insecureSkipTLSVerify: true };
    const priorities = { groupPriorityMinimum: 100, versionPriority: 100 };
    await run(
      client.create(APIService, { metadata: { name: 'v1beta1.metrics.k8s.io' }, spec: { ...spec, ...priorities } }),
    );
    const conditions = [{ type: 'Available', status: 'False', reason: 'ServiceNotFound', message: 'x' }];
    const away = { type: 'merge', body: { status: { conditions } } } as const;
    await run(client.patch(APIService, 'v1beta1.metrics.k8s.io', away, { subresource: 'status' }));
    await cluster.settle();
    await run(client.delete(Namespace, 'room'));
    await cluster.advance(30_000);
    assert.deepEqual(await conditionsOf(cluster, 'room'), {
      ...fine,
      NamespaceDeletionDiscoveryFailure:
        'True DiscoveryFailed: Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: stale GroupVersion discovery: metrics.k8s.io/v1beta1',
    });
    await run(client.delete(APIService, 'v1beta1.metrics.k8s.io'));
    await cluster.settle();
    assert.equal(await exists(cluster, Namespace, 'room'), false);
  },
);

story('what has lost its owners goes, of every kind', { nodes: 1, seeds: 3, file }, async ({ cluster }) => {
  const { client, run } = cluster;
  const inDefault = { namespace: 'default' };
  const make = (name: string, ...owners: AnyObject[]): Promise<AnyObject> =>
    run(
      client.create(ConfigMap, {
        metadata: { name, ...inDefault, ownerReferences: owners.map((owner) => referenceTo(owner)) },
      }),
    );
  const referenceTo = ({ metadata: { name, uid } }: AnyObject, kind = 'ConfigMap') => ({
    apiVersion: 'v1',
    kind,
    name,
    uid,
    blockOwnerDeletion: true,
  });
  const owner = await make('owner');
  await make('dependent', owner);
  const ownerReferences = [referenceTo(owner)];
  await run(client.create(Lease, { metadata: { name: 'lease', ...inDefault, ownerReferences } }));
  // In another namespace there is no such owner.
  await run(client.create(Namespace, { metadata: { name: 'far' } }));
  await run(client.create(ConfigMap, { metadata: { name: 'stray', namespace: 'far', ownerReferences } }));
  // Nor has it another kind or name.
  const wrong = [{ ...referenceTo(owner), name: 'other' }];
  await run(client.create(ConfigMap, { metadata: { name: 'misnamed', ...inDefault, ownerReferences: wrong } }));
  await cluster.settle();
  assert.equal(await exists(cluster, ConfigMap, 'stray', { namespace: 'far' }), false);
  assert.equal(await exists(cluster, ConfigMap, 'misnamed', inDefault), false);
  assert.equal(await exists(cluster, ConfigMap, 'dependent', inDefault), true);
  await run(client.delete(ConfigMap, 'owner', { ...inDefault, propagationPolicy: 'Foreground' }));
  await cluster.settle();
  for (const [kind, name] of [
    [ConfigMap, 'owner'],
    [ConfigMap, 'dependent'],
    [Lease, 'lease'],
  ] as const)
    assert.equal(await exists(cluster, kind, name, inDefault), false, name);
});

story('owners in a circle do not wait for each other for ever', { nodes: 0, seeds: 3, file }, async ({ cluster }) => {
  const { client, run } = cluster;
  const inDefault = { namespace: 'default' };
  const names = ['a', 'b', 'c'];
  const made: AnyObject[] = [];
  for (const name of names) made.push(await run(client.create(ConfigMap, { metadata: { name, ...inDefault } })));
  for (const [index, name] of names.entries()) {
    const { metadata } = made[(index + 1) % names.length] as AnyObject;
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: metadata.name, uid: metadata.uid };
    const ownerReferences = [{ ...reference, blockOwnerDeletion: true }];
    await run(client.patch(ConfigMap, name, { type: 'merge', body: { metadata: { ownerReferences } } }, inDefault));
  }
  await cluster.settle();
  await run(client.delete(ConfigMap, 'a', { ...inDefault, propagationPolicy: 'Foreground' }));
  await cluster.settle();
  for (const name of names) assert.equal(await exists(cluster, ConfigMap, name, inDefault), false, name);
});
