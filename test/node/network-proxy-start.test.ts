/** The proxy's start and failures: what stood before it came, and a table that somebody else removed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asRoot, machines } from './network-fixture.ts';
import { service, slice } from './network-traffic.ts';

test('Services that stood before the proxy are in its first table, and a lost table comes back', asRoot, async () => {
  await using all = await machines(1);
  const agent = await all.agent('node-1');
  await agent.ask('set', [service('early', '10.96.0.40'), slice('early', [{ ip: '10.244.0.9', node: 'node-1' }])]);
  await agent.ask('proxy', { nodeName: 'node-1', podCidr: '10.244.0.0/24' });
  const entries = async (): Promise<string> =>
    (await all.run('node-1', 'nft', 'list', 'map', 'ip', 'k8ts', 'entries')).stdout;
  assert.match(await entries(), /10\.96\.0\.40 \. tcp \. 80/);
  await all.run('node-1', 'nft', 'delete', 'table', 'ip', 'k8ts');
  await agent.ask('set', [service('late', '10.96.0.41')]);
  assert.match(await entries(), /10\.96\.0\.40 \. tcp \. 80/);
  assert.match(await entries(), /10\.96\.0\.41 \. tcp \. 80/);
});
