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
import { containerConfig } from './container-config.ts';
import { RuntimeError, type Container, type ContainerRuntime, type Sandbox } from './container-runtime.ts';
import { ConfigError } from './environment.ts';
import { environmentSources } from './environment-sources.ts';
import { runHandler } from './handlers.ts';
import type { ImagePulls } from './image-pulls.ts';
import type { NodeFacts } from './node-facts.ts';
import { nextBackoff, planPod, type PodAction } from './plan.ts';
import { hostnameOf, writePodFiles } from './pod-files.ts';
import { labels, type Backoff, type Ending, type PodPicture, type StartFailure } from './pod-state.ts';
import type { ProbeLoops } from './probe-loops.ts';
import { podCgroup } from './resources.ts';
import { podStatusOf } from './status.ts';
import { terminationMessage } from './termination-message.ts';
import type { Sources } from './volumes/sources.ts';
import { isLive, MountError, prepareVolumes, removeVolumes, type HostPaths } from './volumes/volumes.ts';

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
}

/** Volumes that follow API objects are looked at this often. */
const refreshMs: Millis = 60_000;
/** After a failure of the runtime, the API or a mount. */
const retryMsMin: Millis = 500;
const retryMsMax: Millis = 30_000;
/** What a preStop hook or a container gets at least, however short the grace period. */
const graceMsMin: Millis = 2_000;

export class PodWorker {
  readonly uid: string;
  readonly #parts: WorkerParts;
  #pod: Pod;
  #ending: Ending | undefined;
  /** The API has no such pod any more. */
  #orphaned = false;
  readonly #backoffs = new Map<string, Backoff>();
  readonly #failures = new Map<string, StartFailure>();
  readonly #hooking = new Set<string>();
  readonly #messages = new Map<string, string>();
  readonly #kills = new Map<string, Promise<void>>();
  readonly #counted = new Set<string>();
  readonly #stop = new AbortController();
  #woken = true;
  #wake: (() => void) | undefined;
  #timer: Timer | undefined;
  #failuresInRow = 0;
  #volumes: HostPaths | undefined;
  #refreshAt: Millis = 0;
  #done = false;
  readonly finished: Promise<void>;

  constructor(parts: WorkerParts, pod: Pod) {
    this.#parts = parts;
    this.#pod = pod;
    this.uid = pod.metadata.uid;
    this.finished = this.#run();
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** The pod changed in the API. */
  update(pod: Pod): void {
    this.#pod = pod;
    this.wake();
  }

  /** The pod is gone from the API: end it without ceremony. */
  orphan(): void {
    this.#orphaned = true;
    this.#ending ??= { graceMs: 0 };
    this.wake();
  }

  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Leaves the pod as it is: its containers run on. */
  async release(): Promise<void> {
    this.#stop.abort();
    this.wake();
    await this.finished;
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
        this.#parts.world.log.warn('a pod step failed and is tried again', { pod: this.#label(), error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
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
    await this.#countFailures(picture);
    await this.#report(picture);
    const actions = planPod(picture);
    let next = Infinity;
    for (const action of actions) {
      if (this.#stop.signal.aborted) return;
      if (action.do === 'wait') next = Math.min(next, action.untilMs - picture.now);
      else await this.#act(action, picture);
    }
    if (this.#done) return;
    if (actions.some((action) => action.do !== 'wait')) this.wake();
    next = Math.min(next, await this.#refresh(picture));
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
    const started = parseTime(this.#pod.status?.startTime ?? '');
    return seconds === undefined || started === undefined ? undefined : started + seconds * 1000;
  }

  async #look(): Promise<PodPicture> {
    const { runtime, world, probes } = this.#parts;
    const [sandboxes, containers] = await Promise.all([runtime.sandboxes(), runtime.containers()]);
    const mine = sandboxes.filter((sandbox) => sandbox.pod.uid === this.uid).toSorted((a, b) => b.pod.attempt - a.pod.attempt || b.createdAt - a.createdAt);
    return {
      pod: this.#pod,
      sandboxes: mine,
      containers: containers.filter((container) => container.labels[labels.podUid] === this.uid).toSorted((a, b) => b.attempt - a.attempt || b.createdAt - a.createdAt),
      probes: probes.results,
      hooking: this.#hooking,
      backoffs: this.#backoffs,
      failures: this.#failures,
      ending: this.#ending,
      now: world.clock.now(),
    };
  }

  #startProbes({ containers, sandboxes, ending, pod }: PodPicture): void {
    if (ending) return;
    const podIp = pod.spec.hostNetwork ? this.#parts.node.address : sandboxes[0]?.ips[0];
    if (podIp === undefined) return;
    for (const run of containers) {
      if (run.state !== 'running' || this.#hooking.has(run.id)) continue;
      const container = this.#specOf(run.name);
      if (!container) continue;
      const before = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find(({ containerID }) => containerID?.endsWith(run.id));
      // An agent that starts anew believes what the last one reported, or every restart would take pods out of service.
      const seed = before ? { ...(before.started ? { startup: true } : {}), readiness: before.ready } : undefined;
      this.#parts.probes.watch({ pod, container, containerId: run.id, podIp, startedAt: run.startedAt ?? run.createdAt }, seed);
    }
  }

  #specOf(name: string): ContainerSpec | undefined {
    const { spec } = this.#pod;
    return [...spec.containers, ...(spec.initContainers ?? []), ...((spec.ephemeralContainers ?? []) as unknown as ContainerSpec[])].find((container) => container.name === name);
  }

  /** Every new death of a container is counted once, for its back-off, and its last words are read. */
  async #countFailures({ containers, now }: PodPicture): Promise<void> {
    for (const run of containers) {
      if (run.state !== 'exited' || this.#counted.has(run.id)) continue;
      this.#counted.add(run.id);
      const message = await terminationMessage(this.#parts.world, run);
      if (message) this.#messages.set(run.id, message);
      if (containers.find(({ name }) => name === run.name) !== run) continue;
      const finishedAt = run.finishedAt ?? now;
      const ranMs = run.startedAt === undefined ? 0 : finishedAt - run.startedAt;
      // The first restart is at once: only a container that failed again waits.
      const before = this.#backoffs.get(run.name) ?? restored(run);
      if (before === undefined && run.attempt === 0) this.#backoffs.set(run.name, { failures: 0, until: finishedAt });
      else {
        const { failures, delayMs } = nextBackoff(before, ranMs);
        this.#backoffs.set(run.name, { failures, until: finishedAt + delayMs });
        const spec = this.#specOf(run.name);
        if (spec && !this.#ending && run.exitCode !== undefined && finishedAt + delayMs > now) {
          const { name, namespace, uid } = this.#pod.metadata;
          this.#event('Warning', 'BackOff', `Back-off restarting failed container ${run.name} in pod ${name}_${namespace}(${uid})`, run.name);
        }
      }
    }
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void {
    const { name, namespace = '', uid, resourceVersion } = this.#pod.metadata;
    const section = (this.#pod.spec.initContainers ?? []).some((each) => each.name === container) ? 'initContainers' : 'containers';
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

  async #report(picture: PodPicture): Promise<void> {
    if (this.#orphaned) return;
    const status = podStatusOf(picture, { runtimeName: this.#parts.runtime.info.name, hostIp: this.#parts.node.address, messages: this.#messages });
    if (deepEqual(status, this.#pod.status)) return;
    await this.#write(status);
  }

  async #write(status: PodStatus): Promise<void> {
    const { name, namespace = '', uid } = this.#pod.metadata;
    try {
      const written = await this.#parts.client.patch(
        Pod,
        name,
        { type: 'strategic', body: { metadata: { uid }, status: { ...cleared(this.#pod.status, status), ...status } } },
        { namespace, subresource: 'status' },
      );
      if (Number(written.metadata.resourceVersion) >= Number(this.#pod.metadata.resourceVersion)) this.#pod = written;
    } catch (error) {
      if (isApiError(error, 'NotFound', 'Conflict')) return; // Gone, or another pod of this name: the view tells.
      throw error;
    }
  }

  async #act(action: Exclude<PodAction, { do: 'wait' }>, picture: PodPicture): Promise<void> {
    switch (action.do) {
      case 'make sandbox':
        await this.#makeSandbox(action.attempt);
        return;
      case 'stop sandbox':
        await this.#parts.runtime.stopSandbox(action.sandbox.id);
        if (picture.sandboxes[0] !== action.sandbox || !picture.ending) await this.#parts.runtime.removeSandbox(action.sandbox.id);
        return;
      case 'start':
        await this.#start(action, picture);
        return;
      case 'kill':
        this.#kill(action.container, action.why, action.graceMs);
        // Main containers of an ending pod are killed together; the worker goes on when one is gone.
        if (!picture.ending) await this.#kills.get(action.container.id);
        else if (picture.containers.filter(({ state }) => state === 'running').at(-1) === action.container) await Promise.all(this.#kills.values());
        return;
      case 'forget':
        await this.#parts.runtime.removeContainer(action.container.id);
        await this.#parts.world.disk.remove(action.container.logPath);
        return;
      case 'finish':
        await this.#finish(picture);
        return;
      default:
        action satisfies never;
    }
  }

  async #makeSandbox(attempt: number): Promise<void> {
    const { runtime, node, world } = this.#parts;
    const pod = this.#pod;
    const { name, namespace = '', uid } = pod.metadata;
    const sysctls = Object.fromEntries((pod.spec.securityContext.sysctls ?? []).map((each) => [each.name, each.value]));
    const cgroup = podCgroup(pod);
    try {
      await this.#mount();
      await runtime.runSandbox({
        pod: { uid, name, namespace, attempt },
        hostname: hostnameOf(pod),
        hostNetwork: pod.spec.hostNetwork ?? false,
        hostPid: pod.spec.hostPID ?? false,
        hostIpc: pod.spec.hostIPC ?? false,
        shareProcessNamespace: pod.spec.shareProcessNamespace ?? false,
        sysctls,
        portMappings: pod.spec.containers.flatMap((container) =>
          (container.ports ?? [])
            .filter(({ hostPort }) => hostPort && !pod.spec.hostNetwork)
            .map((port) => ({ hostPort: port.hostPort ?? 0, containerPort: port.containerPort, protocol: port.protocol, hostIp: port.hostIP ?? '' })),
        ),
        cgroup,
        labels: { [labels.podName]: name, [labels.podNamespace]: namespace, [labels.podUid]: uid },
        annotations: pod.metadata.annotations ?? {},
      });
    } catch (error) {
      if (error instanceof MountError) this.#event('Warning', 'FailedMount', error.message);
      else this.#event('Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${(error as Error).message}`);
      world.log.info('a sandbox could not be made', { pod: this.#label(), node: node.name, error: (error as Error).message });
      this.#backOffStep();
    }
  }

  /** Nothing was achieved: look again later, not at once. */
  #backOffStep(): void {
    const delay = Math.min(retryMsMin * 2 ** this.#failuresInRow, retryMsMax);
    throw new StepDelayed(delay);
  }

  async #mount(): Promise<HostPaths> {
    const { world, sources, node } = this.#parts;
    this.#volumes = await prepareVolumes({
      world,
      sources,
      directory: node.podDirectory(this.uid),
      pod: this.#pod,
      fields: { podIps: this.#podIps(), hostIp: node.address, nodeName: node.name },
      allocatable: node.allocatable,
    });
    this.#refreshAt = world.clock.now() + refreshMs;
    return this.#volumes;
  }

  #sandboxIps: readonly string[] = [];
  #podIps(): readonly string[] {
    return this.#pod.spec.hostNetwork ? [this.#parts.node.address] : this.#sandboxIps;
  }

  async #start({ container, attempt, role }: Extract<PodAction, { do: 'start' }>, picture: PodPicture): Promise<void> {
    const { runtime, pulls, world, node, sources } = this.#parts;
    const sandbox = picture.sandboxes.find(({ state }) => state === 'ready') as Sandbox;
    this.#sandboxIps = sandbox.ips;
    const report = (type: 'Normal' | 'Warning', reason: string, message: string): void => this.#event(type, reason, message, container.name);
    const image = await pulls.ensure(this.#pod, container, { event: report });
    if (!image.ok) {
      this.#fail(container.name, image.failure, image.retryAt);
      return;
    }
    try {
      const [volumes, info, environment, podFiles] = await Promise.all([
        this.#volumes ?? this.#mount(),
        runtime.images.status(container.image),
        environmentSources(container, this.#pod, { sources, node, podIps: this.#podIps() }),
        writePodFiles(world, node.podDirectory(this.uid), this.#pod, { ips: this.#podIps(), dns: node.dns }),
      ]);
      if (!info) throw new RuntimeError('ErrImagePull', `the image ${container.image} went away`);
      const config = await containerConfig({
        world,
        pod: this.#pod,
        container,
        attempt,
        image: info,
        volumes,
        podFiles,
        environment,
        podDirectory: node.podDirectory(this.uid),
        logDirectory: node.logDirectory,
        memoryCapacity: node.memoryBytes,
      });
      const id = await runtime.createContainer(sandbox.id, config);
      report('Normal', 'Created', `Container created`);
      if (role !== 'init' && container.lifecycle?.postStart) this.#hooking.add(id);
      await runtime.startContainer(id);
      report('Normal', 'Started', `Container started`);
      this.#failures.delete(container.name);
      if (this.#hooking.has(id)) this.#postStart(container, id);
    } catch (error) {
      this.#startFailed(container, error, report);
    }
  }

  #startFailed(container: ContainerSpec, error: unknown, report: (type: 'Warning', reason: string, message: string) => void): void {
    const now = this.#parts.world.clock.now();
    const message = (error as Error).message;
    if (error instanceof ConfigError) {
      report('Warning', 'Failed', `Error: ${message}`);
      this.#fail(container.name, { reason: 'CreateContainerConfigError', message }, now + 10_000);
    } else if (error instanceof MountError) {
      this.#event('Warning', 'FailedMount', message);
      this.#fail(container.name, { reason: 'ContainerCreating', message: '' }, now + 2_000);
    } else if (error instanceof RuntimeError) {
      report('Warning', 'Failed', `Error: ${message}`);
      const backoff = nextBackoff(this.#backoffs.get(container.name), undefined);
      this.#backoffs.set(container.name, { failures: backoff.failures, until: now + backoff.delayMs });
      this.#failures.set(container.name, { reason: error.reason, message });
    } else throw error;
  }

  /** The container waits for this reason until then. */
  #fail(name: string, failure: StartFailure, retryAt: Millis): void {
    this.#failures.set(name, failure);
    this.#backoffs.set(name, { failures: this.#backoffs.get(name)?.failures ?? 0, until: retryAt });
  }

  #postStart(container: ContainerSpec, id: string): void {
    const hook = container.lifecycle?.postStart;
    if (!hook) return;
    const { world, runtime } = this.#parts;
    void runHandler(world, runtime, hook, {
      pod: this.#pod,
      container,
      containerId: id,
      podIp: this.#podIps()[0] ?? '',
      timeoutMs: 2 ** 31 - 1,
      signal: this.#stop.signal,
    }).then(async (outcome) => {
      if (!outcome.ok && !this.#stop.signal.aborted) {
        this.#event('Warning', 'FailedPostStartHook', `PostStartHook failed: ${outcome.message}`, container.name);
        await runtime.stopContainer(id, (this.#pod.spec.terminationGracePeriodSeconds ?? 30) * 1000).catch((error: unknown) => world.log.info('a container whose hook failed could not be stopped', { error: String(error) }));
      }
      this.#hooking.delete(id);
      this.wake();
    });
  }

  /** Starts the end of a container, once: its hook, its stop signal, and in the end SIGKILL. */
  #kill(run: Container, why: string, grace: Millis | undefined): void {
    if (this.#kills.has(run.id)) return;
    const { world, runtime } = this.#parts;
    const graceMs = grace ?? (this.#pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
    const container = this.#specOf(run.name);
    this.#event('Normal', 'Killing', why === 'Stopping container' ? `Stopping container ${run.name}` : why, run.name);
    const end = async (): Promise<void> => {
      let leftMs = graceMs;
      const hook = container?.lifecycle?.preStop;
      if (container && hook && run.state === 'running' && graceMs > 0) {
        const started = world.clock.monotonic();
        const limit = new AbortController();
        const timer = world.clock.after(graceMs, () => limit.abort(), { unref: true });
        const outcome = await Promise.race([
          runHandler(world, runtime, hook, {
            pod: this.#pod,
            container,
            containerId: run.id,
            podIp: this.#podIps()[0] ?? this.#pod.status?.podIP ?? '',
            timeoutMs: graceMs,
            signal: AbortSignal.any([limit.signal, this.#stop.signal]),
          }),
          new Promise<{ ok: false; message: string }>((resolve) => limit.signal.addEventListener('abort', () => resolve({ ok: false, message: 'the hook took longer than the grace period' }), { once: true })),
        ]);
        timer.cancel();
        if (!outcome.ok) this.#event('Warning', 'FailedPreStopHook', `PreStopHook failed: ${outcome.message}`, run.name);
        leftMs = Math.max(graceMsMin, graceMs - (world.clock.monotonic() - started));
      }
      await runtime.stopContainer(run.id, leftMs);
    };
    const killing = end()
      .catch((error: unknown) => world.log.warn('a container could not be stopped', { container: run.id, error: String(error) }))
      .finally(() => {
        this.#kills.delete(run.id);
        this.wake();
      });
    this.#kills.set(run.id, killing);
  }

  /** Refreshes volumes that follow API objects; answers in how many ms to come back. */
  async #refresh(picture: PodPicture): Promise<Millis> {
    if (picture.ending || !(this.#pod.spec.volumes ?? []).some(isLive)) return Infinity;
    // An agent that starts anew writes them once, so that tokens do not run out unseen.
    if (this.#volumes && this.#refreshAt > picture.now) return this.#refreshAt - picture.now;
    if (picture.sandboxes.length === 0) return Infinity;
    try {
      this.#sandboxIps = picture.sandboxes[0]?.ips ?? [];
      await this.#mount();
    } catch (error) {
      if (!(error instanceof MountError)) throw error;
      this.#parts.world.log.info('a volume could not be refreshed', { pod: this.#label(), error: error.message });
      this.#refreshAt = picture.now + refreshMs / 4;
    }
    return Math.max(1_000, this.#refreshAt - picture.now);
  }

  /** Everything has ended. A pod that was deleted goes from the API; one that ran to its end stays to be read. */
  async #finish(picture: PodPicture): Promise<void> {
    const { runtime, client, world, node, sources, probes } = this.#parts;
    await this.#report(await this.#look());
    const deleted = this.#pod.metadata.deletionTimestamp !== undefined || this.#orphaned;
    if (!deleted) {
      // Until it is deleted only its words are kept: volumes and network go back now.
      if (picture.sandboxes.some(({ state }) => state === 'ready')) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (this.#woken || this.#stop.signal.aborted) resolve();
      });
      return;
    }
    for (const sandbox of picture.sandboxes) await runtime.removeSandbox(sandbox.id);
    const { name, namespace = '', uid } = this.#pod.metadata;
    await removeVolumes(world, node.podDirectory(uid));
    await world.disk.remove(join(node.logDirectory, `${namespace}_${name}_${uid}`), { recursive: true });
    sources.forget(this.#pod);
    probes.keepOnly(new Set([...probes.results.keys()].filter((id) => !picture.containers.some((container) => container.id === id))));
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

/** A container found with restarts behind it had failures before this agent's time. */
const restored = (run: Container): { failures: number } | undefined => (run.attempt > 0 ? { failures: Math.min(run.attempt - 1, 5) } : undefined);

/** Members that the status had and has no more must be named as null, or the patch would keep them. */
function cleared(before: Partial<PodStatus> | undefined, now: PodStatus): Record<string, null> {
  const gone: Record<string, null> = {};
  const own = ['reason', 'message', 'podIP', 'podIPs'] as const;
  for (const key of own) if (before?.[key] !== undefined && now[key] === undefined) gone[key] = null;
  return gone;
}

