/**
 * A whole cluster in one process, from a seed: store, API server, controllers, scheduler, and nodes that run the real kubelet on simulated machines. Time is
 * virtual: an hour takes seconds, and the same seed gives the same run.
 */
import { generateKeyPairSync } from 'node:crypto';
import { allKinds } from '#api/kinds.ts';
import { Node } from '#api/core/node.ts';
import { loopback, serviceAccountUser, userOf, type User } from '#apiserver/user.ts';
import type { Client } from '#client/client.ts';
import type { Term } from '#apiserver/registry/fence.ts';
import { startControllers, type Controllers } from '#controllers/all.ts';
import type { SimImage } from '#kubelet/sim/behaviour.ts';
import type { RuntimeFault } from '#kubelet/sim/runtime.ts';
import { Pod } from '#api/core/pod.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { startScheduler, type Scheduler } from '#scheduler/run.ts';
import type { Store } from '#store/store.ts';
import type { Millis, Network, World } from '#world/world.ts';
import { keptLeases } from './checkers/leases.ts';
import { leaderTerms } from './checkers/leaders.ts';
import { faultyClient, type Faults, type Hooks, type Life } from './faults.ts';
import { invariantsOf, windowMsOfSeveral, type Invariants } from './invariants.ts';
import { applyAll, tableFor } from './kubectl.ts';
import { startSimNode, type SimNode, type SimNodeOptions } from './node.ts';
import { observed } from './observe.ts';
import { startPlanes, type Planes } from './planes.ts';
import { planByChance, planOfNames, type FaultPlan } from './plan.ts';
import { ownStore } from './own-store.ts';
import { patient, startSimServer, type SimServer } from './server.ts';
import { startSimServers, type SimServers } from './servers.ts';
import { historyOf, type History } from './trace.ts';
import type { SimDisk } from './world/disk.ts';
import { seededRandom } from './world/random.ts';
import { simUniverse, type SimUniverse, type Skew } from './world/world.ts';

export interface SimClusterOptions {
  readonly seed?: number | string;
  /** Virtual time runs as fast as it can; real time beside real things. Virtual by default. */
  readonly clock?: 'virtual' | 'real';
  /** How many nodes, or what each of them is like. They are called node-1, node-2 … */
  readonly nodes?: number | readonly Partial<SimNodeOptions>[];
  /** What the network does to controllers, the scheduler and kubelets. */
  readonly faults?: Faults;
  /** Image reference → what it does; any image runs for ever when absent. */
  readonly images?: Readonly<Record<string, SimImage>>;
  /** Whose clocks are wrong: `server`, `controllers`, `scheduler` or a node. */
  readonly clocks?: Readonly<Record<string, Skew>>;
  readonly nodeMonitorGraceMs?: Millis;
  /** Kills a component at one of its writes: `life.name` is a controller, 'scheduler' or a node; writes are counted from its start. */
  readonly dies?: NonNullable<Hooks['dies']>;
  /** The faults that strike, by name, instead of by chance: what `struck` of another run told. */
  readonly plan?: readonly string[];
  /** So many processes with controllers and a scheduler each, of which one leads. One that needs no election when absent. */
  readonly controlPlanes?: number;
  /** So many API servers over one etcd, instead of one with a store of its own. The control plane of the same number runs in the process of each. */
  readonly apiServers?: number;
  /** Wrappers that put a defect into a part, to prove that it would be found. */
  readonly defect?: Defect;
}

/** A part that is wrong on purpose. */
export interface Defect {
  /** The disk under the store. */
  readonly disk?: (disk: SimDisk) => SimDisk;
  /** Faults of every container runtime that always strike. */
  readonly runtime?: readonly RuntimeFault[];
  readonly store?: (store: Store, server?: string) => Store;
  /** The way of one of several servers to etcd. */
  readonly etcd?: (network: Network, server: string) => Network;
  /** The server, as this component finds it. */
  readonly server?: (client: Client, name: string, world: World) => Client;
  /** The component, as the network finds it. */
  readonly component?: (client: Client, name: string, world: World) => Client;
  /** Leaders' writes are not held to their terms. */
  readonly unfenced?: boolean;
  /** Leaders go on when their terms are over. */
  readonly overstays?: boolean;
}

export interface SimCluster extends AsyncDisposable {
  readonly seed: number | string;
  readonly universe: SimUniverse;
  /** May do everything, and suffers no faults. */
  readonly client: Client;
  /** The same through this server of several, without patience. */
  through(server: string): Client;
  /** All controllers; with several control planes, those of the leader. */
  readonly controllers: Controllers;
  readonly planes: Planes | undefined;
  readonly nodes: readonly SimNode[];
  /** The only API server, or the first of several. */
  readonly server: SimServer;
  /** Several of them, and their etcd. */
  readonly servers: SimServers | undefined;
  readonly invariants: Invariants;
  readonly history: History;
  /** The faults that have struck, by name. */
  readonly struck: readonly string[];
  /** How often each fault could have struck, by `component/fault`. */
  places(): ReadonlyMap<string, number>;
  node(name: string): SimNode;
  /** Server-side apply of every document; answers the objects. */
  apply(yaml: string): Promise<readonly AnyObject[]>;
  /** Lets time go on until the promise is settled. */
  run<T>(promise: Promise<T>): Promise<T>;
  advance(ms: Millis): Promise<void>;
  /** Lets time go on until nothing has changed for `quietMs`. Throws when that does not come within `limitMs`, or when a promise was broken. */
  settle(options?: { quietMs?: Millis; limitMs?: Millis }): Promise<void>;
  /** Lets time go on; throws if anything but leases and heartbeats is written meanwhile. */
  rest(ms: Millis): Promise<void>;
  /** What runs on the nodes and belongs to no pod, or twice to one: `<node> <sandbox or container>`. */
  leaked(): Promise<readonly string[]>;
  /** `get pods -n default -o wide`: what kubectl would print. */
  table(command: string): Promise<string>;
  /** Everything that was written, in order, with its time. */
  trace(): readonly string[];
}

const quietMsDefault: Millis = 20_000;
/** A server that waits for a store which does not answer, and its client for both, are quiet for longer. */
const quietMsOfSeveral: Millis = 40_000;
const limitMsDefault: Millis = 15 * 60_000;

export async function startSimCluster(options: SimClusterOptions = {}): Promise<SimCluster> {
  await using stack = new AsyncDisposableStack();
  const seed = options.seed ?? 1;
  const universe = simUniverse(seed, options.clock, options.clocks);
  const { time } = universe;
  const world = universe.machine('server');
  const history = stack.use(historyOf(() => time.elapsed));
  const isSeveral = options.apiServers !== undefined;
  const invariants = invariantsOf(history, () => time.elapsed, isSeveral ? windowMsOfSeveral : undefined);
  const plan = options.plan ? planOfNames(options.plan) : planByChance(seededRandom(`${seed}/faults`));
  const random = seededRandom(`${seed}/server`);
  const faults = options.faults ?? {};
  const defect = options.defect ?? {};
  const serverOptions = {
    kinds: allKinds,
    ranges: { clusterIps: '10.96.0.0/16', nodePorts: [30_000, 32_767] as const },
    tokenKey: tokenKey(),
    version,
  };
  const { breach } = invariants;
  const common = { time, random, options: serverOptions, history, breach, plan, faults, defect };
  const servers =
    options.apiServers === undefined
      ? undefined
      : stack.use(await time.drive(startSimServers({ ...common, universe, seed, count: options.apiServers })));
  const own = ownStore({ ...common, world });
  const server =
    servers?.all[0] ??
    stack.use(
      await time.drive(
        startSimServer({ ...common, name: 'server', world, open: own.open, onDeath: () => own.losePower() }),
      ),
    );

  const parts: Parts = {
    universe,
    server,
    servers,
    invariants,
    faults,
    plan,
    defect,
    leaders: leaderTerms(history, invariants.breach),
    hooks: {},
  };
  const controllersOptions = {
    kinds: allKinds,
    rootCa: 'a simulated certificate',
    ...(options.nodeMonitorGraceMs === undefined ? {} : { nodeMonitorGraceMs: options.nodeMonitorGraceMs }),
  };
  const planes =
    options.controlPlanes === undefined
      ? undefined
      : startPlanes({
          universe,
          count: options.controlPlanes,
          connect: (machine, user, life, { fieldManager, term }) =>
            connect(parts, user, life, { fieldManager, machine, ...(term ? { term } : {}) }),
          controllers: controllersOptions,
          overstays: options.defect?.overstays ?? false,
        });
  keptLeases(history, invariants.breach);
  // A control plane and the server of its number are one process.
  servers?.onDeath((name) => planes?.kill(planeOf(name)));
  const running: { scheduler?: Scheduler } = {};
  const schedulerOf = async (): Promise<void> => {
    const life = newLife('scheduler');
    running.scheduler = await startScheduler(
      universe.machine('scheduler'),
      connect(parts, userOf('system:kube-scheduler'), life),
    );
  };
  parts.hooks = {
    ...(options.dies ? { dies: options.dies } : {}),
    died: (life) => {
      if (planes?.names.includes(life.name)) {
        planes.hooks.died(life);
        servers?.all.find(({ name }) => planeOf(name) === life.name)?.crash();
      }
      if (!life.alive) return;
      life.alive = false;
      if (life.name === 'scheduler') void schedulerOf();
      else if (controllers.names.includes(life.name)) controllers.crash(life.name);
    },
    ...(planes ? { paused: planes.hooks.paused, cutOff: planes.hooks.cutOff } : {}),
    past: () => past(history, time.elapsed),
  };
  const controllers = planes
    ? asControllers(planes)
    : startControllers(
        universe.machine('controllers'),
        {
          read: connect(parts, userOf('system:kube-controller-manager'), newLife('controller-manager')),
          as: (identity, name) =>
            connect(parts, serviceAccountUser('kube-system', identity), newLife(name), { fieldManager: identity }),
        },
        controllersOptions,
      );
  if (!planes) await time.drive(schedulerOf());
  const nodes: SimNode[] = [];
  for (const node of nodeOptions(options)) {
    const user: User = userOf(`system:node:${node.name}`, 'system:nodes');
    const strikes = (fault: RuntimeFault): boolean =>
      options.defect?.runtime?.includes(fault) || plan.strikes(node.name, fault, options.faults?.[fault]);
    nodes.push(
      await time.drive(
        startSimNode(universe, { strikes, ...node }, (life) => connect(parts, user, life, { fieldManager: 'kubelet' })),
      ),
    );
  }
  const owned = stack.move();
  const isUp = (): boolean => (servers ? servers.all.some((each) => each.isUp) : server.isUp);
  const client = patient(isUp, serverFor(parts, loopback, 'test', { fieldManager: 'test' }), time.clock);
  const cluster: SimCluster = {
    seed,
    universe,
    client,
    through(name) {
      const found = servers?.all.find((each) => each.name === name);
      if (!found) throw new Error(`there is no server ${name}`);
      return clientAt(parts, found, loopback, { name: 'test', fieldManager: 'test' });
    },
    controllers,
    planes,
    nodes,
    server,
    servers,
    invariants,
    history,
    struck: plan.struck,
    places: () => plan.places,
    node(name) {
      const found = nodes.find((node) => node.name === name);
      if (!found) throw new Error(`there is no node ${name}`);
      return found;
    },
    run: (promise) => time.drive(promise),
    advance: (ms) => time.advance(ms),
    apply: (yaml) => time.drive(applyAll(client, yaml)),
    async settle({ quietMs = isSeveral ? quietMsOfSeveral : quietMsDefault, limitMs = limitMsDefault } = {}) {
      const end = time.elapsed + limitMs;
      const began = time.elapsed;
      for (;;) {
        await time.advance(500);
        invariants.check();
        const quiet = time.elapsed - Math.max(history.movedAt, began) >= quietMs;
        const behind = servers?.behind() ?? (server.isUp ? [] : ['the server']);
        const idle =
          behind.length === 0 && controllers.idle && (planes !== undefined || (running.scheduler?.idle ?? false));
        if (quiet && idle) {
          for (const each of servers?.all ?? []) invariants.agrees(each.name, each.standing());
          invariants.check();
          return;
        }
        if (time.elapsed > end)
          throw new Error(
            `the cluster has not settled in ${limitMs} ms; the last change was ${history.lastMove}${idle ? '' : `; at work: ${[...behind, ...controllers.busy, ...(planes || running.scheduler?.idle ? [] : ['scheduler'])].join(', ')}`}`,
          );
      }
    },
    async rest(ms) {
      const before = history.movedAt;
      await time.advance(ms);
      invariants.check();
      if (history.movedAt !== before) throw new Error(`a settled cluster wrote: ${history.lastMove}`);
    },
    leaked: () => time.drive(leakedIn(client, nodes)),
    table: (command) => time.drive(tableFor(client, command, () => world.clock.now())),
    trace: () => history.lines,
    async [Symbol.asyncDispose]() {
      const end = async (): Promise<void> => {
        await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
        await running.scheduler?.[Symbol.asyncDispose]();
        await controllers[Symbol.asyncDispose]();
        await owned.disposeAsync();
      };
      await time.drive(end());
    },
  };
  try {
    await time.drive(Promise.all(nodes.map((node) => untilReady(client, node.name, time.clock.sleep))));
  } catch (error) {
    // A broken promise is the better reason.
    invariants.check();
    throw error;
  }
  own.arm();
  servers?.arm();
  return cluster;
}

interface Parts {
  readonly universe: SimUniverse;
  readonly server: SimServer;
  readonly servers: SimServers | undefined;
  readonly invariants: Invariants;
  readonly faults: Faults;
  readonly plan: FaultPlan;
  readonly defect: Defect;
  readonly leaders: ReturnType<typeof leaderTerms>;
  hooks: Hooks;
}

/** Several control planes as one set of controllers. */
const asControllers = (planes: Planes): Controllers => ({
  get idle() {
    return planes.idle;
  },
  names: [],
  get busy() {
    return planes.busy;
  },
  crash(name) {
    throw new Error(`${name} is one of several: end its control plane`);
  },
  [Symbol.asyncDispose]: () => planes[Symbol.asyncDispose](),
});

/** Stale lists are this old. */
const staleMs: Millis = 2_000;
const past = (history: History, now: Millis): number | undefined =>
  history.changes.findLast(({ at }) => at <= now - staleMs)?.revision;

const planeOf = (server: string): string => server.replace('server', 'plane');

/** The API as `name` finds it: at the server of its own process, or through the relay at any of several. */
function serverFor(
  parts: Parts,
  user: User,
  name: string,
  { fieldManager, term }: { fieldManager: string; term?: Term },
): Client {
  const { server, servers } = parts;
  const at = (each: SimServer): Client =>
    clientAt(parts, each, user, { name, fieldManager, ...(term ? { term } : {}) });
  if (!servers) return at(server);
  const own = servers.all.find((each) => planeOf(each.name) === name);
  return own ? at(own) : servers.dialled(name, at);
}

/** One server as `name` finds it, told to the checkers. */
function clientAt(
  { servers, defect, universe, leaders, invariants }: Parts,
  server: SimServer,
  user: User,
  { name, fieldManager, term }: { name: string; fieldManager: string; term?: Term },
): Client {
  const plain = server.client(user, fieldManager, defect.unfenced ? undefined : term);
  const watched = term ? leaders.watched(plain, term) : plain;
  const client = defect.server?.(watched, name, universe.machine(name)) ?? watched;
  return observed(client, name, invariants.observer, servers && ((time) => server.revisionAt(time)));
}

const newLife = (name: string): Life => ({ name, alive: true, cut: false, writes: 0 });

/** A client of `user` through the simulated network. */
function connect(
  parts: Parts,
  user: User,
  life: Life,
  {
    fieldManager = life.name,
    machine,
    term,
  }: { readonly fieldManager?: string; readonly machine?: World; readonly term?: Term } = {},
): Client {
  // The hooks are read at each call: they are set after the first clients exist.
  const hooks: Hooks = {
    dies: (each, what) => parts.hooks.dies?.(each, what),
    died: (each) => parts.hooks.died?.(each),
    paused: (each) => parts.hooks.paused?.(each),
    cutOff: (each) => parts.hooks.cutOff?.(each),
    past: () => parts.hooks.past?.(),
  };
  const world = machine ?? parts.universe.machine(life.name);
  const server = serverFor(parts, user, life.name, { fieldManager, ...(term ? { term } : {}) });
  const client = faultyClient(world, server, { life, faults: parts.faults, hooks, plan: parts.plan });
  return parts.defect.component?.(client, life.name, world) ?? client;
}

function nodeOptions({ nodes = 1, images }: SimClusterOptions): readonly SimNodeOptions[] {
  const list = typeof nodes === 'number' ? Array.from({ length: nodes }, () => ({})) : nodes;
  return list.map((node: Partial<SimNodeOptions>, index) => ({
    name: `node-${index + 1}`,
    address: `192.0.2.${index + 1}`,
    podCidr: `10.244.${index + 1}.0/24`,
    ...(images ? { images } : {}),
    ...node,
  }));
}

function tokenKey() {
  const pair = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return { ...pair, issuer: 'https://kubernetes.default.svc.cluster.local' };
}

const version = {
  major: '1',
  minor: '37',
  gitVersion: 'v1.37.0+k8ts',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: 'linux/amd64',
};

async function untilReady(client: Client, name: string, sleep: (ms: Millis) => Promise<void>): Promise<void> {
  for (;;) {
    const found = (await client.list(Node)).items.find(({ metadata }) => metadata.name === name);
    const ready = found?.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    if (ready && !found?.spec.taints?.length) return;
    await sleep(100);
  }
}

/** Machines that are off hold nothing. */
async function leakedIn(client: Client, nodes: readonly SimNode[]): Promise<readonly string[]> {
  const { items } = await client.list(Pod);
  const known = new Set(items.map(({ metadata }) => metadata.uid));
  const leaks: string[] = [];
  for (const { name, runtime } of nodes) {
    const sandboxes = await runtime.sandboxes();
    const owners = new Map(sandboxes.map(({ id, pod }) => [id, pod.uid]));
    const seen = new Set<string>();
    const tell = (what: string, uid: string): void => {
      if (!known.has(uid)) leaks.push(`${name} ${what} of no pod`);
      else if (seen.has(what)) leaks.push(`${name} ${what} twice`);
      seen.add(what);
    };
    for (const { pod, state } of sandboxes) {
      if (state === 'ready' || !known.has(pod.uid)) tell(`sandbox ${pod.uid}`, pod.uid);
    }
    for (const container of await runtime.containers()) {
      const uid = owners.get(container.sandboxId) ?? '';
      if (container.state === 'running' || !known.has(uid)) tell(`container ${container.name} ${uid}`, uid);
    }
  }
  return leaks;
}
