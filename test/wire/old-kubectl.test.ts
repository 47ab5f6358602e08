/** kubectl 1.30, seven minor versions behind the server, does everything to an object of every kind. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { everyKindScript } from './every-kind-script.ts';
import { everyVerbScript } from './every-verb-script.ts';
import { wireCluster, type WireCluster } from './fixture.ts';
import { oldTools } from './old-tools.ts';

let cluster: WireCluster;
before(async () => {
  cluster = await wireCluster({ tools: await oldTools() });
});
after(() => cluster[Symbol.asyncDispose]());

test('an old kubectl: version', async () => {
  const { clientVersion, serverVersion } = JSON.parse(await cluster.ok('version -o json'));
  assert.equal(clientVersion.minor, '30');
  assert.equal(serverVersion.minor, '37');
});

for (const { name, run } of everyKindScript) test(`an old kubectl, every kind: ${name}`, () => run(cluster));

for (const { name, run } of everyVerbScript) test(`an old kubectl: ${name}`, () => run(cluster));
