/**
 * The scheduler: gives every pod that asks for it a node, by binding it. It writes bindings, the PodScheduled condition of pods that fit nowhere, and events;
 * it must never bind a pod that it has not first counted against the node (assumed), so that two decisions never use the same room.
 */
import { isApiError } from '#meta/status.ts';
import { formatTime } from '#meta/time.ts';
import { Binding } from '#api/core/binding.ts';
import { Namespace } from '#api/core/namespace.ts';
import { Node } from '#api/core/node.ts';
import { Pod } from '#api/core/pod.ts';
import type { Client } from '#client/client.ts';
import type { Change } from '#client/view.ts';
import { eventRecorder } from '#runtime/events.ts';
import { viewsOf, type Views } from '#runtime/views.ts';
import type { World } from '#world/world.ts';
import type { Cluster, Plugin } from './framework.ts';
import { NodeTable } from './node-table.ts';
import { plan, type Decision } from './plan.ts';
import { defaultPlugins } from './plugins/all.ts';
import { demandOf, type PodDemand } from './pod-demand.ts';
import { SchedulingQueue } from './queue.ts';

/** The schedulerName that pods get when they name none. */
export const defaultSchedulerName = 'default-scheduler';

export interface SchedulerOptions {
  /** Views shared with others of this process; its own when absent. */
  readonly views?: Views;
  readonly plugins?: readonly Plugin[];
  readonly name?: string;
  /** Gives up a start that still waits for the first lists. */
  readonly signal?: AbortSignal;
}

export interface Scheduler extends AsyncDisposable {
  /** No pod is being placed or about to be tried. */
  readonly idle: boolean;
}

/** Decisions made before others get a turn. */
const turnMax = 100;

/** Starts scheduling once pods, nodes and namespaces are known. `client` acts as system:kube-scheduler. */
export async function startScheduler(world: World, client: Client, options: SchedulerOptions = {}): Promise<Scheduler> {
  options.signal?.throwIfAborted();
  await using stack = new AsyncDisposableStack();
  const views = options.views ?? stack.use(viewsOf(world, client));
  const scheduler = stack.use(
    new RunningScheduler(world, client, {
      views,
      plugins: options.plugins ?? defaultPlugins,
      name: options.name ?? defaultSchedulerName,
    }),
  );
  const { signal } = options;
  const givenUp = new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.race([Promise.all([views.of(Pod).synced, views.of(Node).synced, views.of(Namespace).synced]), givenUp]);
  signal?.throwIfAborted();
  scheduler.begin();
  const owned = stack.move();
  return {
    get idle() {
      return scheduler.idle;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

class RunningScheduler implements Scheduler {
  readonly #world: World;
  readonly #client: Client;
  readonly #views: Views;
  readonly #plugins: readonly Plugin[];
  readonly #name: string;
  readonly #table = new NodeTable();
  readonly #cluster: Cluster;
  readonly #queue: SchedulingQueue;
  /** Pods counted against a node whose binding the view has not shown yet. */
  readonly #assumed = new Map<string, string>();
  readonly #writing = new Set<Promise<void>>();
  readonly #subscriptions = new DisposableStack();
  readonly #events;
  #pumping: Promise<void> | undefined;
  #stopped = false;

  constructor(
    world: World,
    client: Client,
    { views, plugins, name }: { views: Views; plugins: readonly Plugin[]; name: string },
  ) {
    this.#world = world;
    this.#client = client;
    this.#views = views;
    this.#plugins = plugins;
    this.#name = name;
    this.#cluster = { table: this.#table, namespace: (each) => views.of(Namespace).get(each) };
    const byName = new Map(plugins.map((plugin) => [plugin.name, plugin]));
    this.#queue = new SchedulingQueue(
      world.clock,
      (plugin, event, pod) => byName.get(plugin)?.hint?.(event, pod) ?? true,
      () => this.#pump(),
    );
    this.#events = eventRecorder(world, client, { component: name });
  }

  get idle(): boolean {
    return this.#queue.idle && this.#writing.size === 0 && this.#pumping === undefined && this.#assumed.size === 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#subscriptions.dispose();
    this.#queue.close();
    await this.#pumping;
    await Promise.allSettled([...this.#writing]);
    await this.#events.flushed();
  }

  begin(): void {
    const pods = this.#views.of(Pod);
    const nodes = this.#views.of(Node);
    this.#subscriptions.use(nodes.onChange((change) => this.#nodeChanged(change)));
    this.#subscriptions.use(pods.onChange((change) => this.#podChanged(change)));
    this.#subscriptions.use(
      this.#views.of(Namespace).onChange(() => this.#queue.happened({ type: 'namespace-changed' })),
    );
    for (const node of nodes.all()) this.#table.setNode(node);
    for (const pod of pods.all()) this.#podChanged({ old: undefined, now: pod });
  }

  #nodeChanged({ old, now }: Change<Node>): void {
    if (!now) {
      this.#table.removeNode((old as Node).metadata.name);
      return;
    }
    this.#table.setNode(now);
    // A heartbeat changes nothing that a pod could hope for.
    if (!old) this.#queue.happened({ type: 'node-added' });
    else if (placementFacts(old) !== placementFacts(now)) this.#queue.happened({ type: 'node-changed' });
  }

  #podChanged({ old, now }: Change<Pod>): void {
    // Another pod of the same name: the old one is gone.
    if (old && now && old.metadata.uid !== now.metadata.uid) this.#podChanged({ old, now: undefined });
    const pod = (now ?? old) as Pod;
    const { uid } = pod.metadata;
    const occupies = now?.spec.nodeName && !isFinished(now);
    if (occupies) {
      this.#assumed.delete(uid);
      this.#queue.remove(uid);
      const placed = this.#table.placeOf(uid) !== undefined;
      this.#table.setPod(demandOf(now), now.spec.nodeName as string);
      if (!placed || old?.metadata.labels !== now.metadata.labels)
        this.#queue.happened({ type: 'pod-placed', pod: now });
      return;
    }
    if (!now || now.spec.nodeName || now.metadata.deletionTimestamp !== undefined) {
      this.#queue.remove(uid);
      if (this.#table.placeOf(uid) !== undefined && !(now && this.#assumed.has(uid))) {
        this.#assumed.delete(uid);
        this.#table.removePod(uid);
        this.#queue.happened({ type: 'pod-gone', pod });
      }
      return;
    }
    if (now.spec.schedulerName !== this.#name || isFinished(now) || this.#assumed.has(uid)) return;
    if (now.spec.schedulingGates?.length) this.#queue.remove(uid);
    else this.#queue.set(demandOf(now));
  }

  #pump(): void {
    this.#pumping ??= this.#work().finally(() => (this.#pumping = undefined));
  }

  async #work(): Promise<void> {
    await this.#world.clock.yield();
    for (let turn = 1; !this.#stopped; turn++) {
      const demand = this.#queue.take();
      if (!demand) return;
      const decision = plan(demand, this.#cluster, {
        plugins: this.#plugins,
        pick: (count) => Math.floor(this.#world.random.fraction() * count),
      });
      if (decision.node === undefined) this.#start(this.#refuse(demand, decision));
      else {
        this.#assumed.set(demand.uid, decision.node);
        this.#table.setPod(demand, decision.node);
        this.#start(this.#bind(demand, decision.node));
      }
      if (turn % turnMax === 0) await this.#world.clock.yield();
    }
  }

  #start(writing: Promise<void>): void {
    this.#writing.add(writing);
    void writing.finally(() => this.#writing.delete(writing));
  }

  async #bind({ pod, uid }: PodDemand, node: string): Promise<void> {
    const { name, namespace = '' } = pod.metadata;
    const binding = {
      apiVersion: 'v1',
      kind: Binding.kind,
      metadata: { name, namespace, uid },
      target: { kind: 'Node', name: node },
    };
    try {
      await this.#client.post(Pod, name, 'binding', binding, { namespace });
    } catch (error) {
      await this.#bindingFailed(pod, error);
      return;
    }
    this.#events.record(pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${node}`);
  }

  async #bindingFailed(pod: Pod, error: unknown): Promise<void> {
    const { uid } = pod.metadata;
    if (this.#stopped) return;
    const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
    // The view may already show it bound: a lost reply is no failure.
    if (!this.#assumed.has(uid)) return;
    if (!isApiError(error)) {
      try {
        const live = await this.#client.get(Pod, pod.metadata.name, { namespace: pod.metadata.namespace ?? '' });
        if (live.metadata.uid === uid && live.spec.nodeName) return; // Bound after all; the view will show it.
      } catch (again) {
        this.#world.log.info('a binding failed and what became of it is not known', { pod: key, error: String(again) });
      }
    }
    if (!this.#assumed.delete(uid)) return;
    this.#table.removePod(uid);
    this.#queue.happened({ type: 'pod-gone', pod });
    const now = this.#views.of(Pod).get(key);
    if (now?.metadata.uid !== uid || now.spec.nodeName || now.metadata.deletionTimestamp !== undefined) {
      this.#queue.remove(uid);
      return;
    }
    this.#queue.set(demandOf(now));
    this.#queue.failed(uid);
    const message = `binding rejected: ${(error as Error).message}`;
    this.#events.record(pod, 'Warning', 'FailedScheduling', message);
    await this.#tell(now, 'SchedulerError', message);
  }

  async #refuse(demand: PodDemand, decision: Extract<Decision, { node: undefined }>): Promise<void> {
    const { pod, uid } = demand;
    this.#queue.refused(uid, decision.refusedBy);
    this.#events.record(pod, 'Warning', 'FailedScheduling', decision.message);
    await this.#tell(pod, 'Unschedulable', decision.message, decision.preemption?.node);
    for (const victim of decision.preemption?.victims ?? [])
      await this.#preempt(victim.pod, pod, (decision.preemption as { node: string }).node);
  }

  /** Ends a pod for a more important one. Its end brings that one back into the queue. */
  async #preempt(victim: Pod, preemptor: Pod, node: string): Promise<void> {
    if (victim.metadata.deletionTimestamp !== undefined) return;
    const { name, namespace = '', uid } = victim.metadata;
    const message = `${this.#name}: preempting to accommodate a higher priority pod`;
    try {
      const condition = {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'PreemptionByScheduler',
        message,
        lastTransitionTime: formatTime(this.#world.clock.now()),
      };
      await this.#client.patch(
        Pod,
        name,
        { type: 'strategic', body: { metadata: { uid }, status: { conditions: [condition] } } },
        { namespace, subresource: 'status' },
      );
      await this.#client.delete(Pod, name, { namespace, preconditions: { uid } });
      this.#events.record(victim, 'Normal', 'Preempted', `Preempted by pod ${preemptor.metadata.uid} on node ${node}`);
    } catch (error) {
      if (!isApiError(error, 'NotFound', 'Conflict')) {
        this.#world.log.info('a pod could not be preempted', { pod: `${namespace}/${name}`, error: String(error) });
      }
    }
  }

  /** Writes the pod's PodScheduled condition, unless it says so already. */
  async #tell(
    pod: Pod,
    reason: 'Unschedulable' | 'SchedulerError',
    message: string,
    nominatedNodeName?: string,
  ): Promise<void> {
    const old = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    const same = old?.status === 'False' && old.reason === reason && old.message === message;
    if (same && (nominatedNodeName === undefined || pod.status?.nominatedNodeName === nominatedNodeName)) return;
    const { name, namespace = '', uid } = pod.metadata;
    const lastTransitionTime =
      old?.status === 'False' && old.lastTransitionTime ? old.lastTransitionTime : formatTime(this.#world.clock.now());
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason,
      message,
      lastProbeTime: null,
      lastTransitionTime,
    };
    const body = {
      metadata: { uid },
      status: { conditions: [condition], ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }) },
    };
    try {
      await this.#client.patch(Pod, name, { type: 'strategic', body }, { namespace, subresource: 'status' });
    } catch (error) {
      if (!isApiError(error, 'NotFound', 'Conflict')) {
        this.#world.log.info('the condition of a pod that fits nowhere could not be written', {
          pod: `${namespace}/${name}`,
          error: String(error),
        });
      }
    }
  }
}

const isFinished = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

/** What placement depends on, as one comparable text. */
const placementFacts = ({ metadata, spec, status }: Node): string =>
  JSON.stringify([metadata.labels, spec.unschedulable, spec.taints, status?.allocatable]);
