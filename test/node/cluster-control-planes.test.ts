/** Three control planes on three machines, with etcd: killed and cut off under load. Whatever happens to one, nothing that was acknowledged is lost and the cluster works. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { etcdMissing } from '#store/etcd/test-etcd.ts';
import { cluster, until } from './cluster-fixture.ts';
import { accessOf, cable, controllersOf, etcdLeader, kill, statusOf, well } from './control-planes-faults.ts';
import { startLoad } from './control-planes-load.ts';
import { lacking } from './needs.ts';

const options = { skip: lacking || (etcdMissing ?? false), timeout: 240_000 };

test(
  'three control planes lose no acknowledged write, though they are killed and cut off under load',
  options,
  async (context) => {
    await using place = await cluster('--nodes', '1', '--control-planes', '3');
    const { front, servers } = await accessOf(place);
    await place.get('create deployment web --image=k8ts.local/guestbook:v1 -- node /app/guestbook.mjs backend');
    await place.get('rollout status deployment/web --timeout=60s');
    const load = await startLoad(front, { writers: 6, watchers: 4, objectsEach: 3 });
    await load.writable();
    const after = async (what: string): Promise<void> =>
      context.diagnostic(`${what}: every writer goes on after ${Math.round(await load.writable())} ms`);

    // Where the controllers work is cut off for longer than their term: others scale the Deployment.
    const former = await controllersOf(place);
    const plug = await cable(place, former);
    plug('down');
    await after('leader of the controllers cut off');
    await place.get('scale deployment/web --replicas=3');
    await place.get('rollout status deployment/web --timeout=60s');
    const leader = await controllersOf(place);
    assert.notEqual(leader, former);
    plug('up');
    await after('healed');
    await well(place);

    // The leader of etcd dies together with its server, and is brought back; then the next one.
    await kill(place, await etcdLeader(place));
    await after('leader of etcd killed with its server');
    await place.up();
    await kill(place, await etcdLeader(place));
    await after('leader of etcd killed with its server');
    await place.get('scale deployment/web --replicas=2');
    await place.up();

    const { acknowledged, lookedUp } = load;
    const { events } = await load.finish(servers);
    context.diagnostic(
      `${acknowledged} acknowledged writes, 0 lost; ${lookedUp} looked up; ${events} events seen once and in order by each watcher`,
    );
    assert.ok(acknowledged > 100, `${acknowledged}`);

    // One leader acted: no pod too many was ever made.
    await place.get('rollout status deployment/web --timeout=60s');
    const told = async (namespace: string, reason: string): Promise<string> => {
      const { items } = await place.json<{ items: { reason: string; message: string }[] }>(
        `get events -n ${namespace}`,
      );
      return items
        .filter((event) => event.reason === reason)
        .map(({ message }) => message)
        .join('\n');
    };
    const made = new Set((await told('default', 'SuccessfulCreate')).match(/web-\S+/g));
    assert.equal(made.size, 3, [...made].join());
    assert.match(await told('kube-system', 'LeaderElection'), new RegExp(`${leader}_\\w+ became leader`));

    // Everything is killed, and comes back as it was.
    const { layout } = place;
    const { nodes, controlPlanes = [] } = await place.configuration();
    for (const { name } of controlPlanes) await kill(place, name);
    for (const state of [layout.frontState, ...nodes.map(({ name }) => layout.node(name).state)])
      process.kill(await place.pidOf(state), 'SIGKILL');
    await place.up();
    await until(
      'both pods are ready',
      async () => (await place.get('get deployment web -o jsonpath={.status.readyReplicas}')) === '2',
    );
    const { components } = await statusOf(place);
    assert.equal(components.filter(({ role }) => role === 'leader').length, 1);
    const other = await place.cli('up --control-planes 1');
    assert.equal(other.code, 2);
    assert.match(other.stderr, /this cluster has 3 control planes: to change that, delete it/);
  },
);
