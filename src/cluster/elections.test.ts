import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testWire } from '#apiserver/test-api.ts';
import { nodeWorld } from '#world/node/world.ts';
import { electionMetrics, startElections } from './elections.ts';

test('who leads is shown among the metrics of the server, under upstream’s names', async () => {
  await using wire = await testWire();
  await using _first = await startElections(nodeWorld({ log: { level: 'silent' } }), wire.api.server, {
    identity: 'first',
    rootCa: '',
  });
  const shown = async (): Promise<readonly string[]> =>
    (await wire.ask('GET', '/metrics')).bytes
      .toString()
      .split('\n')
      .filter((line) => line.includes('leader_election'));
  const lines = await shown();
  for (const name of ['kube-controller-manager', 'kube-scheduler'])
    assert.ok(lines.includes(`leader_election_master_status{name="${name}"} 1`), lines.join('\n'));
  assert.ok(lines.includes('# TYPE leader_election_master_status gauge'));
  assert.ok(lines.includes('# TYPE leader_election_slowpath_total counter'));
});

test('slow renewals are counted from the first on', () => {
  const [leads, slow] = electionMetrics(
    new Map([
      ['a', { leading: false, slowRenewals: 3 }],
      ['b', { leading: true, slowRenewals: 0 }],
    ]),
  );
  assert.deepEqual(
    [...(leads?.series() ?? [])],
    [
      { labels: { name: 'a' }, value: 0 },
      { labels: { name: 'b' }, value: 1 },
    ],
  );
  assert.deepEqual([...(slow?.series() ?? [])], [{ labels: { name: 'a' }, value: 3 }]);
});
