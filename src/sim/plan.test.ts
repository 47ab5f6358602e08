import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap } from '#api/core/configmap.ts';
import { planByChance, planOfNames, smallestPlan } from './plan.ts';
import { tellOnce } from './suite.ts';
import { seededRandom } from './world/random.ts';

test('a plan by chance and the plan of its names strike at the same places', () => {
  const chance = planByChance(seededRandom(1));
  const places = Array.from({ length: 200 }, (_, index) => [`node-${index % 3}`, 'loseReply'] as const);
  const struck = places.map(([who, fault]) => chance.strikes(who, fault, 0.1));
  assert.ok(chance.struck.length > 5);
  const again = planOfNames(chance.struck);
  assert.deepEqual(
    places.map(([who, fault]) => again.strikes(who, fault, 0)),
    struck,
  );
});

test('the smallest plan that fails is found, and an empty one where no fault is needed', async () => {
  const plan = Array.from({ length: 40 }, (_, index) => `f${index}`);
  const needs = async (left: readonly string[]): Promise<boolean> => left.includes('f3') && left.includes('f31');
  assert.deepEqual(await smallestPlan(plan, needs, 200), ['f3', 'f31']);
  assert.deepEqual(await smallestPlan(plan, async () => true, 200), []);
});

test('a failing story says how it is seen again and how few faults it takes', async () => {
  const options = { nodes: 1, faults: { loseReply: 0.1 } };
  const told = tellOnce({ name: "what it's called", seed: '3' }, options, async ({ cluster }) => {
    const { client, run } = cluster;
    await run(client.create(ConfigMap, { metadata: { name: 'one', namespace: 'default' } }));
    await cluster.settle({ quietMs: 2_000 });
    assert.ok(cluster.struck.length === 0, 'a reply was lost');
  });
  await assert.rejects(told, (error: Error) => {
    assert.match(error.message, /see it again: npm run sim -- --seed 3 --story 'what it'\\''s called'$/m);
    assert.match(error.message, /^of \d+ faults these are enough: .* --faults '[^,']+\/loseReply\/\d+'$/m);
    return true;
  });
});
