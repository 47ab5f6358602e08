import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMap } from '#api/core/configmap.ts';
import { Event } from '#api/core/event.ts';
import { Lease } from '#api/coordination/lease.ts';
import { eventRecorder } from '#runtime/events.ts';
import { clientInTerm, startElection, type Election, type LeaderTerm } from '#runtime/leader-election.ts';
import type { World } from '#world/world.ts';
import { startSimCluster, type SimCluster } from './cluster.ts';
import { faultyClient, type Faults, type Life } from './faults.ts';
import { pausable } from './world/pausable.ts';

const place = { namespace: 'kube-system' };
const name = 'kube-controller-manager';

interface Candidate {
  readonly election: Election;
  readonly life: Life;
  readonly terms: LeaderTerm[];
  /** When it began and ceased to work, in ms. */
  readonly spans: { from: number; to: number }[];
  pause(ms: number): void;
}

function candidate(
  cluster: SimCluster,
  identity: string,
  options: { faults?: Faults; skewMs?: number } = {},
): Candidate {
  const life: Life = { name: identity, alive: true, cut: false, writes: 0 };
  const machine = pausable(cluster.universe.machine(identity));
  const { clock } = machine.world;
  const world: World = { ...machine.world, clock: { ...clock, now: () => clock.now() + (options.skewMs ?? 0) } };
  const client = faultyClient(world, cluster.client, { life, faults: options.faults ?? {}, hooks: {} });
  const terms: LeaderTerm[] = [];
  const spans: Candidate['spans'] = [];
  const election = startElection(world, client, {
    name,
    identity,
    events: eventRecorder(world, client, { component: name }),
    async lead(term) {
      const span = { from: cluster.universe.time.elapsed, to: Infinity };
      terms.push(term);
      spans.push(span);
      return {
        async [Symbol.asyncDispose]() {
          span.to = cluster.universe.time.elapsed;
        },
      };
    },
  });
  return { election, life, terms, spans, pause: (ms) => machine.pause(ms) };
}

async function withCluster(body: (cluster: SimCluster) => Promise<void>): Promise<void> {
  const cluster = await startSimCluster({ seed: 5, nodes: 0 });
  try {
    await body(cluster);
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}

const end = (cluster: SimCluster, ...all: readonly Candidate[]): Promise<unknown> =>
  cluster.run(Promise.all(all.map(({ election }) => election[Symbol.asyncDispose]())));

test('a free lease is taken at once, and written as upstream writes it', () =>
  withCluster(async (cluster) => {
    const { client, run, universe } = cluster;
    const began = universe.time.elapsed;
    const one = candidate(cluster, 'one');
    await run(one.election.decided);
    assert.ok(universe.time.elapsed - began < 100);
    const lease = await run(client.get(Lease, name, place));
    const { acquireTime, renewTime, ...spec } = lease.spec;
    assert.deepEqual(spec, { holderIdentity: 'one', leaseDurationSeconds: 15, leaseTransitions: 0 });
    assert.equal(acquireTime, renewTime);
    await cluster.advance(5_000);
    const later = (await run(client.get(Lease, name, place))).spec;
    assert.equal(later.acquireTime, acquireTime);
    assert.ok((later.renewTime ?? '') > (renewTime ?? ''));
    const events = (await run(client.list(Event, place))).items;
    assert.deepEqual(
      events.map(({ reason, message, involvedObject }) => [reason, message, involvedObject.kind]),
      [['LeaderElection', 'one became leader', 'Lease']],
    );
    await end(cluster, one);
  }));

test('a lease that is given up is taken by another soon, with one more change of hands', () =>
  withCluster(async (cluster) => {
    const { client, run } = cluster;
    const one = candidate(cluster, 'one');
    await run(one.election.decided);
    const two = candidate(cluster, 'two');
    await cluster.advance(20_000);
    assert.equal(two.election.leader, 'one');
    assert.equal(two.spans.length, 0);
    await end(cluster, one);
    const { holderIdentity, leaseDurationSeconds } = (await run(client.get(Lease, name, place))).spec;
    assert.deepEqual([holderIdentity, leaseDurationSeconds], ['', 1]);
    await cluster.advance(4_500);
    assert.deepEqual(
      two.terms.map(({ transitions }) => transitions),
      [1],
    );
    await end(cluster, two);
  }));

test('whether a leader is dead is judged by the own clock, not by the times in the lease', () =>
  withCluster(async (cluster) => {
    // The leader's clock is an hour behind, the other's a day ahead.
    const one = candidate(cluster, 'one', { skewMs: -3_600_000 });
    await cluster.run(one.election.decided);
    const two = candidate(cluster, 'two', { skewMs: 86_400_000 });
    await cluster.advance(60_000);
    assert.deepEqual([one.election.leading, two.election.leading], [true, false]);
    await end(cluster, one, two);
  }));

test('a leader that is cut off stops after ten seconds, and another begins after fifteen', () =>
  withCluster(async (cluster) => {
    const one = candidate(cluster, 'one');
    await cluster.run(one.election.decided);
    const two = candidate(cluster, 'two');
    await cluster.advance(10_000);
    const cut = cluster.universe.time.elapsed;
    one.life.cut = true;
    await cluster.advance(25_000);
    const stopped = (one.spans[0]?.to ?? Infinity) - cut;
    assert.ok(stopped > 7_000 && stopped <= 10_100, `${stopped}`);
    const begun = (two.spans[0]?.from ?? Infinity) - cut;
    assert.ok(begun > 12_900 && begun < 20_000, `${begun}`);
    one.life.cut = false;
    await cluster.advance(30_000);
    assert.deepEqual([one.election.leading, two.election.leading], [false, true]);
    await end(cluster, one, two);
  }));

test('a process that follows itself leads at once, in a term of its own', () =>
  withCluster(async (cluster) => {
    const { run, universe } = cluster;
    const former = candidate(cluster, 'one');
    await run(former.election.decided);
    former.life.alive = false;
    void former.election[Symbol.asyncDispose]();
    const began = universe.time.elapsed;
    const one = candidate(cluster, 'one');
    await run(one.election.decided);
    assert.ok(universe.time.elapsed - began < 100);
    assert.deepEqual(
      [former, one].map(({ terms }) => terms[0]?.transitions),
      [0, 1],
    );
    await end(cluster, one);
  }));

test('a renewal whose answer was lost is no loss of the lease', () =>
  withCluster(async (cluster) => {
    const one = candidate(cluster, 'one', { faults: { loseReply: 0.4, loseRequest: 0.1 } });
    const two = candidate(cluster, 'two', { faults: { loseReply: 0.4, loseRequest: 0.1 } });
    await cluster.advance(600_000);
    const spans = [...one.spans, ...two.spans].toSorted((a, b) => a.from - b.from);
    assert.ok(spans.length < 20, `${spans.length}`);
    for (const [index, { to }] of spans.entries()) assert.ok(to <= (spans[index + 1]?.from ?? Infinity));
    assert.ok(one.election.slowRenewals + two.election.slowRenewals > 10);
    await end(cluster, one, two);
  }));

test('a renewal that goes well is none of the slow ones', () =>
  withCluster(async (cluster) => {
    const one = candidate(cluster, 'one');
    await cluster.advance(60_000);
    assert.equal(one.election.slowRenewals, 0);
    await end(cluster, one);
  }));

test('a process that stood still begins no write when it wakes up', () =>
  withCluster(async (cluster) => {
    const one = candidate(cluster, 'one');
    await cluster.run(one.election.decided);
    const [term] = one.terms;
    assert.ok(term);
    const client = clientInTerm(cluster.client, term);
    const map = (each: string) => ({ metadata: { name: each, ...place } });
    await cluster.run(client.create(ConfigMap, map('before')));
    one.pause(30_000);
    await cluster.advance(29_000);
    // None of its timers has fired: it does not know yet.
    assert.equal(one.election.leading, true);
    await assert.rejects(client.create(ConfigMap, map('after')), /the term of one as leader is over/);
    await cluster.advance(10_000);
    await end(cluster, one);
  }));
