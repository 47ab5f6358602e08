/** Every input of the corpus, and a few hundred new ones, through every target. A failure prints the seed; `npm run fuzz` looks longer. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { corpusOf } from './corpus.ts';
import { mutator } from './mutate.ts';
import { attempt, type Target } from './target.ts';
import { endTargets, targets } from './targets.ts';

/** The same each time: a test must not fail by chance. `npm run fuzz` looks further, and `K8TS_FUZZ_SEED` elsewhere. */
const seed = process.env['K8TS_FUZZ_SEED'] ?? 'k8ts';
const mutationsMax = 300;
/** A slow target makes fewer: all of them together are to take some ten seconds. */
const budgetMs = 150;

after(endTargets);

/** Says with which bytes it failed, so that they can become a file of the corpus. */
async function run(target: Target, input: Buffer): Promise<'taken' | 'refused'> {
  try {
    return await attempt(target, input);
  } catch (cause) {
    const shown = input.length <= 8_192 ? input.toString('base64') : `${input.length} bytes`;
    throw new Error(`${target.name}, K8TS_FUZZ_SEED=${seed}: ${(cause as Error).message}; base64: ${shown}`, { cause });
  }
}

for (const target of targets.values()) {
  test(`${target.name} takes or refuses every input`, async () => {
    const corpus = corpusOf(target.name);
    const outcomes = new Set<string>();
    for (const input of corpus) outcomes.add(await run(target, input));
    assert.ok(outcomes.has('taken'), 'the corpus has at least one good input');
    const mutate = mutator(`${seed} ${target.name}`, corpus, () => corpus);
    const until = performance.now() + budgetMs;
    for (let made = 0; made < mutationsMax && performance.now() < until; made++)
      await run(target, mutate(corpus[made % corpus.length] as Buffer));
  });
}

test('every folder of the corpus belongs to a target', () => {
  for (const name of readdirSync(join(import.meta.dirname, 'corpus'))) assert.ok(targets.has(name), name);
});
