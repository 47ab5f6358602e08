import assert from 'node:assert/strict';
import { ConfigMap } from '#api/core/configmap.ts';
import { story } from '../suite.ts';

const file = import.meta.filename;

story(
  'history is forgotten after ten minutes, and who asks for it is told to list again',
  { nodes: 1, seeds: 2, file },
  async ({ cluster }) => {
    const { client, run } = cluster;
    const inDefault = { namespace: 'default' };
    await run(client.create(ConfigMap, { metadata: { name: 'm', ...inDefault }, data: { at: '0' } }));
    const early = (await run(client.list(ConfigMap, inDefault))).metadata.resourceVersion;
    const at = async (resourceVersion: string) =>
      run(client.list(ConfigMap, { ...inDefault, resourceVersion, resourceVersionMatch: 'Exact' }));
    const change = async (value: string): Promise<void> => {
      await run(client.patch(ConfigMap, 'm', { type: 'merge', body: { data: { at: value } } }, inDefault));
    };
    await change('1');
    await cluster.advance(4 * 60_000);
    await change('2');
    assert.equal((await at(early)).items.find(({ metadata }) => metadata.name === 'm')?.data?.['at'], '0');
    const late = (await run(client.list(ConfigMap, inDefault))).metadata.resourceVersion;
    await change('3');
    await cluster.advance(8 * 60_000);
    await assert.rejects(at(early), { reason: 'Expired' });
    assert.equal((await run(client.get(ConfigMap, 'm', inDefault))).data?.['at'], '3');
    await cluster.advance(10 * 60_000);
    await assert.rejects(at(late), { reason: 'Expired' });
  },
);
