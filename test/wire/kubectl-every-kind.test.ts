/** kubectl does everything to an object of every kind. */
import { after, before, test } from 'node:test';
import { everyKindScript, stageOf } from './every-kind-script.ts';
import { wireCluster, type WireCluster } from './fixture.ts';

let cluster: WireCluster;
before(async () => {
  cluster = await wireCluster({ store: 'sqlite' });
});
after(() => cluster[Symbol.asyncDispose]());

for (const { name, run } of everyKindScript) test(`every kind: ${name}`, () => run(stageOf(cluster)));
