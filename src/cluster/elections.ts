/**
 * Controllers and scheduler of a server process that may not be the only one: each works while this process holds its Lease, and writes only in that term. Loaded only where
 * several processes can reach one store; who has a data file of its own needs no election.
 */
import { allKinds } from '#api/kinds.ts';
import type { ApiServer } from '#apiserver/server.ts';
import { serviceAccountUser, userOf, type User } from '#apiserver/user.ts';
import type { Client } from '#client/client.ts';
import { startControllers } from '#controllers/all.ts';
import { eventRecorder } from '#runtime/events.ts';
import { clientInTerm, startElection, type Election, type LeaderTerm } from '#runtime/leader-election.ts';
import { startScheduler } from '#scheduler/run.ts';
import type { MetricFamily } from '#store/store.ts';
import type { World } from '#world/world.ts';

export interface ElectionsOptions {
  /**
   * This process among all: stable, so that one that was killed follows itself at once. That the former is gone is shown by the API's port: the kernel gives it to one
   * process at a time, and whoever stops in order ends its controllers first.
   */
  readonly identity: string;
  /** PEM bundle that pods verify the API server with. */
  readonly rootCa: string;
}

/** Resolves once it is known who leads, and what this process leads has begun. */
export async function startElections(
  world: World,
  server: ApiServer,
  { identity, rootCa }: ElectionsOptions,
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const elections = new Map<string, Election>();
  const elect = (name: string, lead: (term: LeaderTerm) => Promise<AsyncDisposable>): Election => {
    const client = server.client(userOf(`system:${name}`), name);
    const events = eventRecorder(world, client, { component: name });
    const election = stack.use(startElection(world, client, { name, identity, events, lead }));
    elections.set(name, election);
    return election;
  };
  const inTerm = (user: User, fieldManager: string, term: LeaderTerm): Client =>
    clientInTerm(server.client(user, fieldManager, term), term);
  const controllers = elect('kube-controller-manager', async (term) =>
    startControllers(
      world,
      {
        read: server.client(userOf('system:kube-controller-manager'), 'kube-controller-manager'),
        as: (name) => inTerm(serviceAccountUser('kube-system', name), name, term),
      },
      { kinds: allKinds, rootCa },
    ),
  );
  const scheduler = elect('kube-scheduler', (term) =>
    startScheduler(world, inTerm(userOf('system:kube-scheduler'), 'kube-scheduler', term), { signal: term.signal }),
  );
  server.api.report('controller-manager', () => controllers.check());
  server.api.report('scheduler', () => scheduler.check());
  for (const family of electionMetrics(elections)) server.measure(family);
  await Promise.all([controllers.decided, scheduler.decided]);
  return stack.move();
}

/** Upstream's metrics of client-go's elections, by the name of the Lease. Each of its components shows its own; here both run in one process. */
export function electionMetrics(
  elections: ReadonlyMap<string, Pick<Election, 'leading' | 'slowRenewals'>>,
): readonly MetricFamily[] {
  const series = function* (value: (election: Pick<Election, 'leading' | 'slowRenewals'>) => number | undefined) {
    for (const [name, election] of elections) {
      const found = value(election);
      if (found !== undefined) yield { labels: { name }, value: found };
    }
  };
  return [
    {
      name: 'leader_election_master_status',
      help: 'Whether this process leads (1) or waits (0), by the name of the lease.',
      type: 'gauge',
      series: () => series(({ leading }) => (leading ? 1 : 0)),
    },
    {
      name: 'leader_election_slowpath_total',
      help: 'How often a leader had to read its lease before it could renew it, by the name of the lease.',
      type: 'counter',
      // As upstream's, absent until it happens.
      series: () => series(({ slowRenewals }) => slowRenewals || undefined),
    },
  ];
}
