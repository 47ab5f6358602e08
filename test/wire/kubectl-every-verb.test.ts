/** kubectl's verbs beyond those of `kubectl-every-kind.test.ts`. */
import { after, before, test } from 'node:test';
import { everyVerbScript } from './every-verb-script.ts';
import { wireCluster, type WireCluster } from './fixture.ts';

let cluster: WireCluster;
before(async () => {
  cluster = await wireCluster();
});
after(() => cluster[Symbol.asyncDispose]());

for (const { name, run } of everyVerbScript) test(`kubectl: ${name}`, () => run(cluster));
