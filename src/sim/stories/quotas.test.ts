/** Quotas are counted down again, and storage that is in use waits for its users. */
import assert from 'node:assert/strict';
import { Deployment } from '#api/apps/deployment.ts';
import { PersistentVolumeClaim } from '#api/core/persistentvolumeclaim.ts';
import { PersistentVolume } from '#api/core/persistentvolume.ts';
import { Pod } from '#api/core/pod.ts';
import { ResourceQuota } from '#api/core/resourcequota.ts';
import { VolumeAttributesClass } from '#api/storage/volumeattributesclass.ts';
import { isApiError } from '#meta/status.ts';
import type { AnyKind } from '#client/client.ts';
import type { SimCluster } from '../cluster.ts';
import { story } from '../suite.ts';

const file = import.meta.filename;
const inDefault = { namespace: 'default' };

const used = async ({ client, run }: SimCluster): Promise<unknown> =>
  (await run(client.get(ResourceQuota, 'q', inDefault))).status.used;

const isGone = async ({ client, run }: SimCluster, kind: AnyKind, name: string, place = {}): Promise<boolean> => {
  try {
    await run(client.get(kind, name, place));
    return false;
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
    return true;
  }
};

story(
  'a quota holds a Deployment back, and lets it go on when something ends',
  { nodes: 2, seeds: 4, file },
  async ({ cluster }) => {
    const { client, run } = cluster;
    await cluster.apply(
      'apiVersion: v1\nkind: ResourceQuota\nmetadata: { name: q }\nspec: { hard: { pods: "3", requests.cpu: 300m, count/deployments.apps: "2", services: "1" } }',
    );
    await cluster.settle();
    const already = { 'count/deployments.apps': '0', pods: '0', 'requests.cpu': '0', services: '0' };
    assert.deepEqual(await used(cluster), already);
    await cluster.apply(`
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 4
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [ { name: c, image: i, resources: { requests: { cpu: 100m } } } ] }`);
    await cluster.advance(60_000);
    const full = { ...already, 'count/deployments.apps': '1', pods: '3', 'requests.cpu': '300m' };
    assert.deepEqual(await used(cluster), full);
    assert.equal((await run(client.list(Pod, inDefault))).items.length, 3);
    await run(
      client.patch(
        ResourceQuota,
        'q',
        { type: 'merge', body: { spec: { hard: { pods: '4', 'requests.cpu': '1' } } } },
        inDefault,
      ),
    );
    await cluster.advance(10 * 60_000);
    assert.deepEqual(await used(cluster), { ...full, pods: '4', 'requests.cpu': '400m' });
    await cluster.apply('apiVersion: v1\nkind: Service\nmetadata: { name: s }\nspec: { ports: [{ port: 80 }] }');
    await run(client.deleteCollection(Pod, { ...inDefault, gracePeriodSeconds: 0 }));
    await cluster.settle();
    assert.deepEqual(await used(cluster), { ...full, pods: '4', 'requests.cpu': '400m', services: '1' });
    await run(client.delete(Deployment, 'web', inDefault));
    await cluster.settle();
    await cluster.advance(15_000);
    assert.deepEqual(await used(cluster), { ...already, services: '1' });
  },
);

story(
  'claims, volumes and classes that are used do not go before their users',
  { nodes: 1, seeds: 3, file },
  async ({ cluster }) => {
    const { client, run } = cluster;
    await cluster.apply(`
apiVersion: storage.k8s.io/v1
kind: VolumeAttributesClass
metadata: { name: gold }
driverName: example.com
parameters: { iops: "1" }
---
apiVersion: v1
kind: PersistentVolume
metadata: { name: v }
spec: { capacity: { storage: 1Gi }, accessModes: [ReadWriteOnce], hostPath: { path: /v }, storageClassName: "" }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: c }
spec: { accessModes: [ReadWriteOnce], storageClassName: "", volumeAttributesClassName: gold, resources: { requests: { storage: 1Gi } } }
---
apiVersion: v1
kind: Pod
metadata: { name: p }
spec: { nodeName: node-1, volumes: [{ name: d, persistentVolumeClaim: { claimName: c } }], containers: [{ name: c, image: i }] }`);
    const bound = { type: 'merge', body: { status: { phase: 'Bound' } } } as const;
    await run(client.patch(PersistentVolume, 'v', bound, { subresource: 'status' }));
    await cluster.settle();
    await run(client.delete(PersistentVolumeClaim, 'c', inDefault));
    await run(client.delete(PersistentVolume, 'v'));
    await run(client.delete(VolumeAttributesClass, 'gold'));
    await cluster.advance(30_000);
    assert.equal(await isGone(cluster, PersistentVolumeClaim, 'c', inDefault), false);
    assert.equal(await isGone(cluster, PersistentVolume, 'v'), false);
    assert.equal(await isGone(cluster, VolumeAttributesClass, 'gold'), false);
    await run(client.delete(Pod, 'p', { ...inDefault, gracePeriodSeconds: 0 }));
    const released = { type: 'merge', body: { status: { phase: 'Released' } } } as const;
    await run(client.patch(PersistentVolume, 'v', released, { subresource: 'status' }));
    await cluster.advance(30_000);
    assert.equal(await isGone(cluster, PersistentVolumeClaim, 'c', inDefault), true);
    assert.equal(await isGone(cluster, PersistentVolume, 'v'), true);
    assert.equal(await isGone(cluster, VolumeAttributesClass, 'gold'), true);
  },
);
