/**
 * One pod on this node, from its first sight to its last: asks the plan what is next, carries it out, reports the status, and asks again whenever the pod, the
 * runtime, a probe or the clock says that something may have changed. Everything it needs to go on after a restart of the agent is in the runtime.
 */
import { join } from 'node:path';
import { deepEqual } from '#base/deep-equal.ts';
import { isApiError } from '#meta/status.ts';
import { parseTime } from '#meta/time.ts';
import type { Container as ContainerSpec } from '#api/core/container.ts';
import { Pod } from '#api/core/pod.ts';
import type { PodStatus } from '#api/core/pod-status.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#runtime/events.ts';
import type { Millis, Timer, World } from '#world/world.ts';
import type { Allocations } from './allocations.ts';
import { ContainerEnds } from './container-ends.ts';
import type { ContainerRuntime } from './container-runtime.ts';
import { ContainerStarts } from './container-starts.ts';
import type { ImagePulls } from './image-pulls.ts';
import type { NodeFacts } from './node-facts.ts';
import { planPod, type PodAction } from './plan.ts';
import { PodLimits } from './pod-limits.ts';
import { labels, readySandbox, type Ending, type PodPicture } from './pod-state.ts';
import { PodVolumes, type PodOnNode } from './pod-volumes.ts';
import type { ProbeLoops } from './probe-loops.ts';
import { Restarts } from './restarts.ts';
import { sandboxConfig } from './sandbox-config.ts';
import { podStatusOf } from './status.ts';
import { StatusWriter } from './status-writer.ts';
import type { Sources } from './volumes/sources.ts';
import { MountError, removeVolumes } from './volumes/volumes.ts';

/** What all workers of a node share. */
export interface WorkerParts {
  readonly world: World;
  readonly client: Client;
  readonly runtime: ContainerRuntime;
  readonly probes: ProbeLoops;
  readonly pulls: ImagePulls;
  readonly sources: Sources;
  readonly events: EventRecorder;
  readonly node: NodeFacts;
  readonly allocations: Allocations;
}

/** After a failure of the runtime, the API or a mount. */
const retryMsMin: Millis = 500;
const retryMsMax: Millis = 30_000;
/** A container that uses more memory than it is to have may use less later. */
const resizeRetryMs: Millis = 5_000;

export class PodWorker {
  readonly uid: string;
  readonly #parts: WorkerParts;
  #pod: Pod;
  #ending: Ending | undefined;
  /** The API has no such pod any more. */
  #orphaned = false;
  readonly #restarts: Restarts;
  readonly #volumes: PodVolumes;
  readonly #starts: ContainerStarts;
  readonly #ends: ContainerEnds;
  /** The pod as the node runs it: with the resources it was promised. */
  #allocated: Pod;
  readonly #limits: PodLimits;
  readonly #stop = new AbortController();
  #woken = true;
  #wake: (() => void) | undefined;
  #timer: Timer | undefined;
  #failuresInRow = 0;
  /** Of the newest sandbox. */
  #sandboxIps: readonly string[] = [];
  #done = false;
  /** The status as this worker last worked it out, be it written already or not. */
  #status: PodStatus | undefined;
  readonly #writer: StatusWriter;
  /** Resolves when waiting for an image is not worth it any more: the pod ends, or the agent does. */
  readonly #interrupted = Promise.withResolvers<void>();
  readonly finished: Promise<void>;

  constructor(parts: WorkerParts, pod: Pod) {
    this.#parts = parts;
    this.#pod = pod;
    this.#allocated = pod;
    this.uid = pod.metadata.uid;
    this.#limits = new PodLimits(parts.runtime, parts.node);
    this.#restarts = new Restarts(parts.world, (type, reason, message, container) =>
      this.#event(type, reason, message, container),
    );
    this.#writer = new StatusWriter(parts.world, parts.client, {
      pod: () => this.#pod,
      written: (written) => this.#see(written),
      signal: this.#stop.signal,
    });
    const on: PodOnNode = { pod: () => this.#pod, ips: () => this.#podIps() };
    const event = (type: 'Normal' | 'Warning', reason: string, message: string, container: string): void =>
      this.#event(type, reason, message, container);
    const { signal } = this.#stop;
    this.#volumes = new PodVolumes(parts, on);
    this.#starts = new ContainerStarts(parts, {
      ...on,
      volumes: this.#volumes,
      limits: this.#limits,
      restarts: this.#restarts,
      event,
      hooked: () => this.wake(),
      interrupted: this.#interrupted.promise,
      signal,
    });
    this.#ends = new ContainerEnds(parts.world, parts.runtime, { event, ended: () => this.wake(), signal });
    this.finished = this.#run();
  }

  /** The pod with its newest status, which the API may not have seen yet. */
  get pod(): Pod {
    const { status } = this.#pod;
    if (!this.#status) return this.#pod;
    const own = new Set(this.#status.conditions?.map(({ type }) => type));
    const others = status?.conditions?.filter(({ type }) => !own.has(type) || !ownConditions.has(type)) ?? [];
    const conditions = [...(this.#status.conditions ?? []).filter(({ type }) => ownConditions.has(type)), ...others];
    return { ...this.#pod, status: { ...status, ...this.#status, conditions } };
  }

  /** The pod changed in the API. */
  update(pod: Pod): void {
    // The downward API shows labels and annotations.
    if (
      !deepEqual(pod.metadata.labels, this.#pod.metadata.labels) ||
      !deepEqual(pod.metadata.annotations, this.#pod.metadata.annotations)
    )
      this.#volumes.outdated();
    this.#see(pod);
    if (pod.metadata.deletionTimestamp !== undefined) this.#interrupted.resolve();
    this.wake();
  }

  /** An object that the pod's volumes or environment are made of has changed, or exists now. */
  sourceChanged(): void {
    this.#volumes.outdated();
    this.#restarts.sourceChanged();
    this.wake();
  }

  /** The watch and the answers of writes overtake each other: the newer one counts. */
  #see(pod: Pod): void {
    if (Number(pod.metadata.resourceVersion) >= Number(this.#pod.metadata.resourceVersion)) this.#pod = pod;
  }

  /** The pod is gone from the API: end it without ceremony. */
  orphan(): void {
    this.#orphaned = true;
    this.#ending = { ...this.#ending, graceMs: 0 };
    this.#interrupted.resolve();
    this.wake();
  }

  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Leaves the pod as it is: its containers run on. */
  async release(): Promise<void> {
    this.#stop.abort();
    this.#interrupted.resolve();
    this.wake();
    await this.finished;
    await this.#writer.flushed();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted && !this.#done) {
      if (!this.#woken) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
        continue;
      }
      this.#woken = false;
      try {
        await this.#step();
        this.#failuresInRow = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof StepDelayed) {
          this.#failuresInRow++;
          this.#later(error.delayMs);
          continue;
        }
        this.#parts.world.log.warn('a pod step failed and is tried again', {
          pod: this.#label(),
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        });
        this.#later(Math.min(retryMsMin * 2 ** this.#failuresInRow++, retryMsMax));
      }
    }
    this.#timer?.cancel();
  }

  #label(): string {
    return `${this.#pod.metadata.namespace}/${this.#pod.metadata.name}`;
  }

  #later(ms: Millis): void {
    this.#timer?.cancel();
    this.#timer = this.#parts.world.clock.after(Math.max(ms, 0), () => this.wake(), { unref: true });
  }

  async #step(): Promise<void> {
    this.#decideEnding();
    const picture = await this.#look();
    this.#startProbes(picture);
    await this.#restarts.count(picture, (name) => this.#specOf(name));
    this.#report(picture);
    let next = Infinity;
    for (const action of planPod(picture)) {
      if (this.#stop.signal.aborted) return;
      if (action.do === 'wait') next = Math.min(next, action.untilMs - picture.now);
      else if (await this.#act(action, picture)) this.wake();
    }
    if (this.#done) return;
    const sandbox = readySandbox(picture);
    if (sandbox && !picture.ending) await this.#limits.settle(sandbox, this.#allocated);
    if (!picture.ending && picture.sandboxes.length > 0)
      next = Math.min(next, await this.#volumes.refresh(picture.now));
    const deadline = this.#deadline();
    if (deadline !== undefined) next = Math.min(next, deadline - picture.now);
    if (next < Infinity) this.#later(next);
  }

  /** The pod ends when it was deleted or has had all the time it was given. */
  #decideEnding(): void {
    const { deletionTimestamp, deletionGracePeriodSeconds } = this.#pod.metadata;
    if (deletionTimestamp !== undefined) {
      const graceMs = (deletionGracePeriodSeconds ?? 30) * 1000;
      if (!this.#ending || graceMs < this.#ending.graceMs) this.#ending = { ...this.#ending, graceMs };
      return;
    }
    const deadline = this.#deadline();
    if (!this.#ending && deadline !== undefined && deadline <= this.#parts.world.clock.now()) {
      this.#ending = {
        graceMs: (this.#pod.spec.terminationGracePeriodSeconds ?? 30) * 1000,
        reason: 'DeadlineExceeded',
        message: 'Pod was active on the node longer than the specified deadline',
      };
    }
  }

  #deadline(): Millis | undefined {
    const seconds = this.#pod.spec.activeDeadlineSeconds;
    const started = parseTime(this.#status?.startTime ?? this.#pod.status?.startTime ?? '');
    return seconds === undefined || started === undefined ? undefined : started + seconds * 1000;
  }

  async #look(): Promise<PodPicture> {
    const { runtime, world, probes } = this.#parts;
    const [sandboxes, containers] = await Promise.all([runtime.sandboxes(), runtime.containers()]);
    const mine = sandboxes
      .filter((sandbox) => sandbox.pod.uid === this.uid)
      .toSorted((a, b) => b.pod.attempt - a.pod.attempt || b.createdAt - a.createdAt);
    this.#sandboxIps = mine[0]?.ips ?? [];
    const { pod, pending } = this.#parts.allocations.of(this.pod);
    this.#allocated = pod;
    return {
      pod,
      pendingResize: pending,
      resizeErrors: this.#limits.errors,
      restarting: this.#restarts.restarting,
      sandboxes: mine,
      containers: containers
        .filter((container) => container.labels[labels.podUid] === this.uid)
        .toSorted((a, b) => b.attempt - a.attempt || b.createdAt - a.createdAt),
      probes: probes.results,
      hooking: this.#starts.hooking,
      backoffs: this.#restarts.backoffs,
      failures: this.#restarts.failures,
      ending: this.#ending,
      now: world.clock.now(),
    };
  }

  #startProbes({ containers, sandboxes, ending, pod }: PodPicture): void {
    if (ending) return;
    const podIp = pod.spec.hostNetwork ? this.#parts.node.address : sandboxes[0]?.ips[0];
    if (podIp === undefined) return;
    for (const run of containers) {
      if (run.state !== 'running' || this.#starts.hooking.has(run.id)) continue;
      const container = this.#specOf(run.name);
      if (!container) continue;
      const before = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find(
        ({ containerID }) => containerID?.endsWith(run.id),
      );
      // An agent that starts anew believes what the last one reported, or every restart would take pods out of service.
      const seed = before ? { ...(before.started ? { startup: true } : {}), readiness: before.ready } : undefined;
      this.#parts.probes.watch(
        { pod, container, containerId: run.id, podIp, startedAt: run.startedAt ?? run.createdAt },
        seed,
      );
    }
  }

  #specOf(name: string): ContainerSpec | undefined {
    const { spec } = this.#pod;
    return [
      ...spec.containers,
      ...(spec.initContainers ?? []),
      ...((spec.ephemeralContainers ?? []) as unknown as ContainerSpec[]),
    ].find((container) => container.name === name);
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void {
    const { name, namespace = '', uid, resourceVersion } = this.#pod.metadata;
    const section = (this.#pod.spec.initContainers ?? []).some((each) => each.name === container)
      ? 'initContainers'
      : 'containers';
    this.#parts.events.record(
      {
        apiVersion: 'v1',
        kind: 'Pod',
        namespace,
        name,
        uid,
        resourceVersion,
        ...(container === undefined ? {} : { fieldPath: `spec.${section}{${container}}` }),
      },
      type,
      reason,
      message,
    );
  }

  #report(picture: PodPicture): void {
    if (this.#orphaned) return;
    this.#status = podStatusOf(picture, {
      runtimeName: this.#parts.runtime.info.name,
      hostIp: this.#parts.node.address,
      messages: this.#restarts.messages,
    });
    this.#writer.show(this.#status);
  }

  /** True when there may be more to do at once. */
  async #act(action: Exclude<PodAction, { do: 'wait' }>, picture: PodPicture): Promise<boolean> {
    const { runtime, world } = this.#parts;
    switch (action.do) {
      case 'make sandbox':
        await this.#makeSandbox(action.attempt);
        return true;
      case 'stop sandbox':
        await runtime.stopSandbox(action.sandbox.id);
        return true;
      case 'remove sandbox':
        await runtime.removeSandbox(action.sandbox.id);
        return true;
      case 'start': {
        const sandbox = readySandbox(picture);
        if (sandbox) await this.#starts.start(action, sandbox, this.#allocated);
        return true;
      }
      case 'resize':
        await this.#limits.resize(action, this.#allocated);
        if (this.#limits.errors.size === 0) return true;
        this.#report(await this.#look());
        throw new StepDelayed(resizeRetryMs);
      case 'kill':
        if (action.restarts) this.#restarts.restarting.add(action.container.id);
        this.#ends.end(action.container, {
          why: action.why,
          graceMs: action.graceMs ?? (this.#pod.spec.terminationGracePeriodSeconds ?? 30) * 1000,
          spec: this.#specOf(action.container.name),
          pod: this.#pod,
          podIp: this.#podIps()[0] ?? this.#pod.status?.podIP ?? '',
        });
        return false;
      case 'forget':
        await runtime.removeContainer(action.container.id);
        await world.disk.remove(action.container.logPath);
        return true;
      case 'finish':
        await this.#finish(picture);
        return false;
      default:
        return action satisfies never;
    }
  }

  async #makeSandbox(attempt: number): Promise<void> {
    const { runtime, node, world } = this.#parts;
    const config = sandboxConfig(this.#pod, this.#allocated, attempt);
    this.#limits.made(config.cgroup.resources);
    try {
      await this.#volumes.mount();
      await runtime.runSandbox(config);
    } catch (error) {
      if (error instanceof MountError) this.#event('Warning', 'FailedMount', error.message);
      else
        this.#event('Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${(error as Error).message}`);
      world.log.info('a sandbox could not be made', {
        pod: this.#label(),
        node: node.name,
        error: (error as Error).message,
      });
      this.#backOffStep();
    }
  }

  /** Nothing was achieved: look again later, not at once. */
  #backOffStep(): void {
    const delay = Math.min(retryMsMin * 2 ** this.#failuresInRow, retryMsMax);
    throw new StepDelayed(delay);
  }

  #podIps(): readonly string[] {
    return this.#pod.spec.hostNetwork ? [this.#parts.node.address] : this.#sandboxIps;
  }

  /** Everything has ended. A pod that was deleted goes from the API; one that ran to its end stays to be read, with its logs. */
  async #finish(picture: PodPicture): Promise<void> {
    const { runtime, client, world, node, sources, probes } = this.#parts;
    const deleted = this.#pod.metadata.deletionTimestamp !== undefined || this.#orphaned;
    if (!deleted) {
      await this.#volumes.release();
      return;
    }
    await Promise.race([
      this.#writer.flushed(),
      new Promise((resolve) => this.#stop.signal.addEventListener('abort', resolve, { once: true })),
    ]);
    if (this.#stop.signal.aborted) return;
    for (const sandbox of picture.sandboxes) await runtime.removeSandbox(sandbox.id);
    const { name, namespace = '', uid } = this.#pod.metadata;
    await removeVolumes(world, node.podDirectory(uid));
    await world.disk.remove(join(node.logDirectory, `${namespace}_${name}_${uid}`), { recursive: true });
    sources.forget(this.#pod);
    probes.keepOnly(
      new Set([...probes.watched()].filter((id) => !picture.containers.some((container) => container.id === id))),
    );
    if (!this.#orphaned) {
      try {
        await client.delete(Pod, name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } });
      } catch (error) {
        if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
      }
    }
    this.#done = true;
  }
}

/** Not an error: the step is to be tried again after a pause. */
class StepDelayed extends Error {
  readonly delayMs: Millis;
  constructor(delayMs: Millis) {
    super('the step is tried again');
    this.delayMs = delayMs;
  }
}

/** Conditions that are the kubelet's; all others are taken over from the API. */
const ownConditions = new Set([
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodResizePending',
  'PodResizeInProgress',
]);
