/**
 * Several control planes of one simulated cluster: each a process with all controllers and a scheduler, of which one works at a time. Each can die, stand still or be cut off
 * from the server. Beside the cluster's other promises it is watched that nothing is written in a term that is over.
 */
import { startControllers, type Controllers, type ControllersOptions } from '#controllers/all.ts';
import { eventRecorder } from '#runtime/events.ts';
import { clientInTerm, startElection, type Election, type LeaderTerm } from '#runtime/leader-election.ts';
import { startScheduler, type Scheduler } from '#scheduler/run.ts';
import { serviceAccountUser, userOf, type User } from '#apiserver/user.ts';
import type { Client } from '#client/client.ts';
import type { Millis, World } from '#world/world.ts';
import type { Life } from './faults.ts';
import { pausable, type Pausable } from './world/pausable.ts';
import type { SimUniverse } from './world/world.ts';

export interface Planes extends AsyncDisposable {
  readonly names: readonly string[];
  /** Somebody leads in both, and has nothing to do. */
  readonly idle: boolean;
  readonly busy: readonly string[];
  /** Who works: `plane-1`. */
  leaderOf(component: 'kube-controller-manager' | 'kube-scheduler'): string | undefined;
  /** Ends the process; it is started again after a while. */
  kill(name: string): void;
  pause(name: string, ms: Millis): void;
  /** Stands still between its next decision and the write. */
  pauseAtWrite(name: string): void;
  cutOff(name: string, ms: Millis): void;
}

export interface PlanesParts {
  readonly universe: SimUniverse;
  readonly count: number;
  /** The server as this process finds it; in a term, only for its writes. */
  readonly connect: (
    world: World,
    user: User,
    life: Life,
    options: { fieldManager: string; term?: LeaderTerm },
  ) => Client;
  readonly controllers: ControllersOptions;
  /** A leader that does not mind the end of its term. */
  readonly overstays: boolean;
}

/** How long a process is gone, stands still or is cut off: from shorter than a term to several of them. */
const restartMsMax: Millis = 5_000;
const outageMs = { min: 3_000, max: 45_000 } as const;

interface Plane {
  readonly name: string;
  life: Life;
  machine: Pausable;
  elections: Election[];
  controllers: Controllers | undefined;
  scheduler: Scheduler | undefined;
  /** Resolves when this life ends at one of its writes. */
  died: PromiseWithResolvers<void>;
}

export interface PlaneHooks {
  readonly died: (life: Life) => void;
  readonly paused: (life: Life) => void;
  readonly cutOff: (life: Life) => void;
}

/** Starts them; the answer's hooks are for the network between them and the server. */
export function startPlanes(parts: PlanesParts): Planes & { readonly hooks: PlaneHooks } {
  const { universe } = parts;
  const { clock } = universe.time;
  const planes = Array.from({ length: parts.count }, (_, index) => newPlane(parts, `plane-${index + 1}`));
  const ending = new Set<Promise<unknown>>();
  let stopped = false;
  const find = (name: string): Plane => {
    const found = planes.find((plane) => plane.name === name);
    if (!found) throw new Error(`there is no control plane ${name}`);
    return found;
  };
  const kill = (plane: Plane): void => {
    if (!plane.life.alive) return;
    plane.life.alive = false;
    plane.died.resolve();
    // Its last calls end never: nobody waits for it.
    for (const election of plane.elections) void election[Symbol.asyncDispose]();
    plane.controllers = plane.scheduler = undefined;
    plane.elections = [];
    const restart = clock.sleep(universe.random.fraction() * restartMsMax).then(() => {
      if (!stopped) begin(parts, plane);
    });
    ending.add(restart);
    void restart.finally(() => ending.delete(restart));
  };
  const pause = (plane: Plane, ms: Millis): void => plane.machine.pause(ms);
  const cutOff = (plane: Plane, ms: Millis): void => {
    const { life } = plane;
    life.cut = true;
    void clock.sleep(ms).then(() => (life.cut = false));
  };
  const outage = (): Millis => outageMs.min + universe.random.fraction() * (outageMs.max - outageMs.min);
  for (const plane of planes) begin(parts, plane);
  return {
    names: planes.map(({ name }) => name),
    get idle() {
      const workers = planes.flatMap(({ controllers, scheduler }) => [controllers, scheduler].filter((each) => !!each));
      return workers.length === 2 && workers.every(({ idle }) => idle);
    },
    get busy() {
      return planes.flatMap(({ name, controllers, scheduler }) => [
        ...(controllers?.busy ?? []).map((each) => `${name}/${each}`),
        ...(scheduler && !scheduler.idle ? [`${name}/scheduler`] : []),
      ]);
    },
    leaderOf: (component) =>
      planes.find(({ controllers, scheduler }) => (component === 'kube-scheduler' ? scheduler : controllers))?.name,
    kill: (name) => kill(find(name)),
    pause: (name, ms) => pause(find(name), ms),
    pauseAtWrite: (name) => void (find(name).life.pauses = true),
    cutOff: (name, ms) => cutOff(find(name), ms),
    hooks: {
      died: (life) => kill(find(life.name)), // Only a living one gets as far as a write.
      paused: (life) => pause(find(life.name), outage()),
      cutOff: (life) => cutOff(find(life.name), outage()),
    },
    async [Symbol.asyncDispose]() {
      stopped = true;
      await Promise.all(ending);
      await Promise.all(
        planes.map(({ elections, died }) => {
          const ended = Promise.all(elections.map((each) => each[Symbol.asyncDispose]()));
          return Promise.race([ended, died.promise]);
        }),
      );
    },
  };
}

const newPlane = ({ universe }: PlanesParts, name: string): Plane => ({
  name,
  life: { name, alive: true, cut: false, writes: 0 },
  machine: pausable(universe.machine(name)),
  elections: [],
  controllers: undefined,
  scheduler: undefined,
  died: Promise.withResolvers(),
});

function begin(parts: PlanesParts, plane: Plane): void {
  const life: Life = { name: plane.name, alive: true, cut: false, writes: 0 };
  const machine = pausable(parts.universe.machine(plane.name));
  const { world } = machine;
  Object.assign(plane, { life, machine, died: Promise.withResolvers() });
  const elect = (component: string, lead: (term: LeaderTerm) => Promise<AsyncDisposable>): Election => {
    const client = parts.connect(world, userOf(`system:${component}`), life, { fieldManager: component });
    const events = eventRecorder(world, client, { component });
    return startElection(world, client, { name: component, identity: plane.name, events, lead });
  };
  const inTerm = (user: User, fieldManager: string, term: LeaderTerm): Client => {
    const client = parts.connect(world, user, life, { fieldManager, term });
    return parts.overstays ? client : clientInTerm(client, term);
  };
  plane.elections = [
    elect('kube-controller-manager', async (term) => {
      const controllers = startControllers(
        world,
        {
          read: parts.connect(world, userOf('system:kube-controller-manager'), life, {
            fieldManager: 'kube-controller-manager',
          }),
          as: (identity) => inTerm(serviceAccountUser('kube-system', identity), identity, term),
        },
        parts.controllers,
      );
      plane.controllers = controllers;
      return ending(parts, controllers, () => {
        if (plane.controllers === controllers) plane.controllers = undefined;
      });
    }),
    elect('kube-scheduler', async (term) => {
      const client = inTerm(userOf('system:kube-scheduler'), 'kube-scheduler', term);
      const scheduler = await startScheduler(world, client, { signal: term.signal });
      plane.scheduler = scheduler;
      return ending(parts, scheduler, () => {
        if (plane.scheduler === scheduler) plane.scheduler = undefined;
      });
    }),
  ];
}

/** What is ended with a term: nothing, by one that overstays. */
function ending({ overstays }: PlanesParts, work: AsyncDisposable, forget: () => void): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      forget();
      if (!overstays) await work[Symbol.asyncDispose]();
    },
  };
}
