/** kubectl 1.30, seven minor versions behind the server, does everything to an object of every API group. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { everyKind } from './every-kind.ts';
import { everyKindScript, stageOf } from './every-kind-script.ts';
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

/** The first kind of each API group, and the namespace that the script finalizes. */
const some = everyKind.filter(
  ({ kind }, at) => kind.kind === 'Namespace' || everyKind.findIndex((one) => one.kind.group === kind.group) === at,
);

for (const { name, run } of everyKindScript)
  test(`an old kubectl, some kinds: ${name}`, () => run(stageOf(cluster, some)));

for (const { name, run } of everyVerbScript) test(`an old kubectl: ${name}`, () => run(cluster));
