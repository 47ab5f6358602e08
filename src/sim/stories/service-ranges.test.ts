import assert from 'node:assert/strict';
import { Service } from '#api/core/service.ts';
import { IPAddress } from '#api/networking/ipaddress.ts';
import { ServiceCIDR } from '#api/networking/servicecidr.ts';
import type { SimCluster } from '../cluster.ts';
import { story } from '../suite.ts';

const file = import.meta.filename;

const rangesNow = async ({ client, run }: SimCluster): Promise<readonly string[]> =>
  (await run(client.list(ServiceCIDR))).items.map(
    ({ metadata, status }) => `${metadata.name} ${status.conditions?.map((one) => `${one.type}=${one.status}`).join()}`,
  );

story(
  'a range of Service addresses goes only when no address needs it',
  { nodes: 1, seeds: 5, file },
  async ({ cluster }) => {
    const { client, run } = cluster;
    await cluster.apply(
      'apiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nmetadata: { name: more }\nspec: { cidrs: [10.200.0.0/24] }',
    );
    await cluster.settle();
    assert.deepEqual(await rangesNow(cluster), ['kubernetes Ready=True', 'more Ready=True']);
    await cluster.apply(
      'apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { clusterIP: 10.200.0.9, ports: [{ port: 80 }] }',
    );
    await run(client.delete(ServiceCIDR, 'more'));
    await cluster.settle();
    await cluster.advance(30_000);
    assert.deepEqual(await rangesNow(cluster), ['kubernetes Ready=True', 'more Ready=False']);
    await run(client.delete(Service, 'web', { namespace: 'default' }));
    await cluster.advance(15_000);
    assert.deepEqual(await rangesNow(cluster), ['kubernetes Ready=True']);
    const left = (await run(client.list(IPAddress))).items.map(({ metadata }) => metadata.name);
    assert.ok(!left.includes('10.200.0.9'));
  },
);

story(
  'a range inside another may go while its addresses are in use',
  { nodes: 1, seeds: 3, file },
  async ({ cluster }) => {
    const { client, run } = cluster;
    await cluster.apply(
      'apiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nmetadata: { name: part }\nspec: { cidrs: [10.96.7.0/24] }',
    );
    await cluster.apply(
      'apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { clusterIP: 10.96.7.9, ports: [{ port: 80 }] }',
    );
    await cluster.settle();
    await run(client.delete(ServiceCIDR, 'part'));
    await cluster.advance(15_000);
    assert.deepEqual(await rangesNow(cluster), ['kubernetes Ready=True']);
  },
);
