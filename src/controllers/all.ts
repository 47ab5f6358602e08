/**
 * Every controller of the control plane, started together over one set of views. Each acts as its own ServiceAccount in kube-system and can be ended and started
 * again alone: none keeps anything that it cannot read again.
 */
import type { AnyKind, Client } from '#client/client.ts';
import type { Controller } from '#runtime/controller.ts';
import { startController } from '#runtime/runner.ts';
import { viewsOf, type Views } from '#runtime/views.ts';
import type { Millis, World } from '#world/world.ts';
import { clusterRoleAggregation } from './clusterrole-aggregation.ts';
import { daemonSets } from './daemonset/plan.ts';
import { deployments } from './deployment/plan.ts';
import { disruptionBudgets, staleDisruptionTargets } from './disruption/plan.ts';
import { endpointSlices } from './endpoints/endpoint-slices.ts';
import { endpoints } from './endpoints/endpoints.ts';
import { garbageCollectorName, startGarbageCollector } from './garbage-collector/run.ts';
import { jobs } from './job/plan.ts';
import { namespaceControllerName, startNamespaceController } from './namespace/run.ts';
import { nodeLifecycle } from './node/lifecycle.ts';
import { taintEviction } from './node/taint-eviction.ts';
import { podGc } from './pod-gc/plan.ts';
import { replicaSets } from './replicaset/plan.ts';
import { resourceQuotas } from './resource-quota/plan.ts';
import { serviceCidrs } from './service-cidrs/plan.ts';
import { rootCaPublisher, serviceAccounts } from './serviceaccount/default-accounts.ts';
import { attributesClassProtection, claimProtection, volumeProtection } from './storage-protection/plan.ts';
import { ttlAfterFinished } from './ttl-after-finished/plan.ts';

export interface ControllersOptions {
  /** All kinds of the API: the garbage collector and the namespace controller look after every one. */
  readonly kinds: readonly AnyKind[];
  /** PEM bundle that pods verify the API server with. */
  readonly rootCa: string;
  /** A node whose lease is older than this is unreachable. */
  readonly nodeMonitorGraceMs?: Millis;
  /** Finished pods kept before the oldest go. */
  readonly finishedPodsMax?: number;
}

export interface ControllerClients {
  /** Acts as system:kube-controller-manager: lists and watches everything, writes nothing. */
  readonly read: Client;
  /** Acts as the ServiceAccount kube-system/<identity>, for the controller of this name; asked again whenever that controller starts. */
  readonly as: (identity: string, controller: string) => Client;
}

export interface Controllers extends AsyncDisposable {
  /** No controller has anything to do, and none is about to try again. */
  readonly idle: boolean;
  readonly names: readonly string[];
  /** Those that are not idle. */
  readonly busy: readonly string[];
  /** Ends one controller without letting it finish, and starts it again. Throws for an unknown name. */
  crash(name: string): void;
}

type Running = AsyncDisposable & { readonly idle: boolean };
type Starter = (world: World, parts: { views: Views; client: Client }) => Running;

const declared = (options: ControllersOptions): readonly Controller[] =>
  [
    replicaSets,
    deployments,
    endpoints,
    endpointSlices,
    serviceAccounts,
    rootCaPublisher(options.rootCa),
    clusterRoleAggregation,
    daemonSets(),
    jobs(),
    disruptionBudgets,
    staleDisruptionTargets,
    ttlAfterFinished,
    serviceCidrs,
    resourceQuotas(options.kinds),
    claimProtection,
    volumeProtection,
    attributesClassProtection,
    nodeLifecycle(options.nodeMonitorGraceMs),
    taintEviction,
    podGc(options.finishedPodsMax),
  ] as readonly unknown[] as readonly Controller[];

/** Controllers that act as another's ServiceAccount, as upstream's do. */
const identities: Readonly<Record<string, string>> = {
  'node-lifecycle-controller': 'node-controller',
  'stale-disruption-targets': 'disruption-controller',
  'service-cidr-controller': 'service-cidrs-controller',
  'taint-eviction-controller': 'node-controller',
};

/** Starts them all; each begins once the views it needs are there. */
export function startControllers(
  world: World,
  { read, as }: ControllerClients,
  options: ControllersOptions,
): Controllers {
  const views = viewsOf(world, read);
  const starters = new Map<string, Starter>([
    ...declared(options).map((controller): [string, Starter] => [
      controller.name,
      (ofWorld, parts) => startController(ofWorld, parts, controller),
    ]),
    [garbageCollectorName, (ofWorld, parts) => startGarbageCollector(ofWorld, parts, options.kinds)],
    [namespaceControllerName, (ofWorld, parts) => startNamespaceController(ofWorld, parts, options.kinds)],
  ]);
  const running = new Map<string, Running>();
  const start = (name: string, starter: Starter): void => {
    running.set(name, starter(world, { views, client: as(identities[name] ?? name, name) }));
  };
  for (const [name, starter] of starters) start(name, starter);
  return {
    get idle() {
      return [...running.values()].every((controller) => controller.idle);
    },
    names: [...starters.keys()],
    get busy() {
      return [...running].filter(([, controller]) => !controller.idle).map(([name]) => name);
    },
    crash(name) {
      const starter = starters.get(name);
      if (!starter) throw new Error(`there is no controller ${name}`);
      const old = running.get(name);
      // Its last calls end in their own time, or never.
      void old?.[Symbol.asyncDispose]();
      start(name, starter);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running.values()].map((controller) => controller[Symbol.asyncDispose]()));
      await views[Symbol.asyncDispose]();
    },
  };
}
