/**
 * A pod's status from what the runtime has: phases, conditions and container states as upstream reports them
 * (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase). Pure.
 */
import { formatTime } from '#meta/time.ts';
import type { Container as ContainerSpec } from '#api/core/container.ts';
import type { ContainerState, ContainerStatus, PodCondition, PodStatus } from '#api/core/pod-status.ts';
import type { Container } from './container-runtime.ts';
import { isSidecar, latest, policyOf, readySandbox, unsettled, type PodPicture } from './pod-state.ts';
import { hasExitedForGood, hasStarted, restarts } from './plan.ts';

export interface StatusContext {
  readonly runtimeName: string;
  readonly hostIp: string;
  /** The termination message of a container that ended, by id. */
  readonly messages: ReadonlyMap<string, string>;
}

/** The whole status; conditions of others (scheduled, readiness gates) are taken over from the pod. */
export function podStatusOf(picture: PodPicture, context: StatusContext): PodStatus {
  const { pod, now } = picture;
  const sandbox = readySandbox(picture) ?? picture.sandboxes[0];
  const ips = pod.spec.hostNetwork ? [context.hostIp] : (sandbox?.ips ?? []);
  const inits = (pod.spec.initContainers ?? []).map((container) =>
    statusOf(picture, container, context, isSidecar(container) ? 'sidecar' : 'init'),
  );
  const mains = pod.spec.containers.map((container) => statusOf(picture, container, context, 'main'));
  const ephemerals = (pod.spec.ephemeralContainers ?? []).map((container) =>
    statusOf(picture, container as unknown as ContainerSpec, context, 'ephemeral'),
  );
  // As long as anything of it runs a pod has not ended: others would give its name, its volumes or its place away.
  const worked = phaseOf(picture, inits, mains);
  const ended = worked === 'Succeeded' || worked === 'Failed';
  const held =
    ended &&
    pod.status?.phase !== worked &&
    picture.containers.some(({ state }) => state === 'running' || state === 'created');
  const phase = held ? (pod.status?.phase ?? 'Running') : worked;
  const qosClass = pod.status?.qosClass;
  return {
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase,
    conditions: conditionsOf(picture, { phase, inits, mains }),
    ...(held || picture.ending?.reason === undefined ? {} : { reason: picture.ending.reason }),
    ...(held || picture.ending?.message === undefined ? {} : { message: picture.ending.message }),
    hostIP: context.hostIp,
    hostIPs: [{ ip: context.hostIp }],
    ...(ips[0] === undefined ? {} : { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }),
    startTime: pod.status?.startTime ?? formatTime(now),
    ...(inits.length > 0 ? { initContainerStatuses: inits } : {}),
    containerStatuses: mains,
    ...(ephemerals.length > 0 ? { ephemeralContainerStatuses: ephemerals } : {}),
    ...(qosClass === undefined ? {} : { qosClass }),
  } as PodStatus;
}

function phaseOf(
  picture: PodPicture,
  inits: readonly ContainerStatus[],
  mains: readonly ContainerStatus[],
): PodStatus['phase'] {
  const { pod } = picture;
  const before = pod.status?.phase;
  if (before === 'Succeeded' || before === 'Failed') return before;
  if (picture.ending?.reason !== undefined) return 'Failed';
  const plain = (pod.spec.initContainers ?? []).filter((container) => !isSidecar(container));
  const failedInit = plain.some((container) => {
    const state = inits.find(({ name }) => name === container.name)?.state.terminated;
    return state !== undefined && state.exitCode !== 0 && policyOf(pod, container) === 'Never';
  });
  if (failedInit) return 'Failed';
  const initsDone = plain.every(
    (container) => inits.find(({ name }) => name === container.name)?.state.terminated?.exitCode === 0,
  );
  const began = mains.some(({ state, lastState }) => state.running || state.terminated || lastState.terminated);
  if (!initsDone && !began) return 'Pending';
  const ended = mains.filter(({ state }) => state.terminated);
  if (mains.some(({ state, lastState }) => state.waiting && !lastState.terminated))
    return picture.ending ? endedPhase(mains) : 'Pending';
  if (mains.some(({ state }) => state.running)) return 'Running';
  const willRestart = pod.spec.containers.some((container) => {
    const run = latest(picture, container.name);
    return run?.state === 'exited' && restarts(picture, container, run);
  });
  if (!picture.ending && willRestart) return 'Running';
  if (ended.length === mains.length) return endedPhase(mains);
  return 'Running';
}

const endedPhase = (mains: readonly ContainerStatus[]): PodStatus['phase'] =>
  mains.every(({ state, lastState }) => (state.terminated ?? lastState.terminated)?.exitCode === 0)
    ? 'Succeeded'
    : 'Failed';

/** These are there only while they hold. */
const resizeConditions = ['PodResizePending', 'PodResizeInProgress'];

function conditionsOf(
  picture: PodPicture,
  { phase, inits, mains }: { phase: string; inits: readonly ContainerStatus[]; mains: readonly ContainerStatus[] },
): readonly PodCondition[] {
  const { pod, now } = picture;
  const at = formatTime(now);
  const present = pod.status?.conditions ?? [];
  const made: PodCondition[] = [];
  const set = (type: string, holds: boolean, reason?: string, message?: string): void => {
    const old = present.find((condition) => condition.type === type);
    const status = holds ? 'True' : 'False';
    made.push({
      type,
      ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
      status,
      lastTransitionTime: old?.status === status && old.lastTransitionTime !== undefined ? old.lastTransitionTime : at,
      ...(reason === undefined || (holds && !resizeConditions.includes(type)) ? {} : { reason }),
      ...(message === undefined || (holds && !resizeConditions.includes(type)) ? {} : { message }),
    } as PodCondition);
  };
  const over = phase === 'Succeeded';
  const plain = (pod.spec.initContainers ?? []).filter((container) => !isSidecar(container));
  const incomplete = plain
    .filter(({ name }) => inits.find((status) => status.name === name)?.state.terminated?.exitCode !== 0)
    .map(({ name }) => name);
  const sidecarsLate = (pod.spec.initContainers ?? [])
    .filter(isSidecar)
    .filter(({ name }) => !inits.find((status) => status.name === name)?.started);
  const pending = [...incomplete, ...sidecarsLate.map(({ name }) => name)];
  const began = mains.some(({ state, lastState }) => state.running || state.terminated || lastState.terminated);
  set('PodReadyToStartContainers', readySandbox(picture) !== undefined);
  set(
    'Initialized',
    pending.length === 0 || began,
    'ContainersNotInitialized',
    `containers with incomplete status: [${pending.join(' ')}]`,
  );
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name);
  const counted = [...inits.filter(({ name }) => sidecars.includes(name)), ...mains];
  const unready = counted.filter(({ ready }) => !ready).map(({ name }) => name);
  const unreadyText = `containers with unready status: [${unready.join(' ')}]`;
  const gates = (pod.spec.readinessGates ?? []).filter(
    (gate) => present.find((condition) => condition.type === gate.conditionType)?.status !== 'True',
  );
  const finished = over ? 'PodCompleted' : phase === 'Failed' ? 'PodFailed' : undefined;
  const containersReady = unready.length === 0 && finished === undefined;
  set(
    'Ready',
    containersReady && gates.length === 0,
    finished ?? (containersReady ? 'ReadinessGatesNotReady' : 'ContainersNotReady'),
    finished
      ? undefined
      : containersReady
        ? gates
            .map((gate) => `corresponding condition of pod readiness gate "${gate.conditionType}" does not exist.`)
            .join(', ')
        : unreadyText,
  );
  set('ContainersReady', containersReady, finished ?? 'ContainersNotReady', finished ? undefined : unreadyText);
  const { pendingResize, resizeErrors } = picture;
  if (pendingResize) set('PodResizePending', true, pendingResize.reason, pendingResize.message);
  const resizing = [...(pod.spec.initContainers ?? []).filter(isSidecar), ...pod.spec.containers].filter(
    (container) => {
      const run = latest(picture, container.name);
      return run !== undefined && unsettled(pod, container, run).length > 0;
    },
  );
  if (resizing.length > 0) {
    const wrong = resizing.flatMap(({ name }) => resizeErrors?.get(name) ?? []);
    set('PodResizeInProgress', true, ...(wrong.length > 0 ? (['Error', wrong.join('; ')] as const) : []));
  }
  const own = new Set([...made.map(({ type }) => type), ...resizeConditions]);
  const scheduled =
    present.find(({ type }) => type === 'PodScheduled') ??
    ({ type: 'PodScheduled', status: 'True', lastTransitionTime: at } as PodCondition);
  return [...made, scheduled, ...present.filter(({ type }) => !own.has(type) && type !== 'PodScheduled')];
}

function statusOf(
  picture: PodPicture,
  spec: ContainerSpec,
  context: StatusContext,
  role: 'init' | 'sidecar' | 'main' | 'ephemeral',
): ContainerStatus {
  const runs = picture.containers.filter((container) => container.name === spec.name);
  const run = runs[0];
  const previous = runs[1];
  const before = [
    ...(picture.pod.status?.initContainerStatuses ?? []),
    ...(picture.pod.status?.containerStatuses ?? []),
    ...(picture.pod.status?.ephemeralContainerStatuses ?? []),
  ].find(({ name }) => name === spec.name);
  const state = stateOf(picture, spec, run, context, before);
  const waiting = state.waiting !== undefined;
  const lastEnded = waiting && run?.state === 'exited' ? run : previous;
  const lastState: ContainerState =
    lastEnded?.state === 'exited'
      ? { terminated: terminatedOf(lastEnded, context) }
      : run
        ? // The end of a run that the runtime has forgotten is still the last one.
          ((run.attempt > 0 ? before?.lastState : undefined) ?? {})
        : lostState(before);
  const running = run?.state === 'running';
  const started = running && hasStarted(picture, spec, run);
  const readiness = run && picture.probes.get(run.id)?.readiness;
  const ready =
    role === 'init'
      ? state.terminated?.exitCode === 0
      : started && (spec.readinessProbe ? readiness === true : true) && role !== 'ephemeral';
  return {
    name: spec.name,
    state,
    lastState,
    ready: Boolean(ready),
    restartCount: run?.attempt ?? before?.restartCount ?? 0,
    image: run?.imageReference ?? spec.image,
    imageID: run?.imageId ?? before?.imageID ?? '',
    // The id of a run that the runtime has forgotten stays until there is another: it tells that this is not the first.
    ...(run
      ? { containerID: `${context.runtimeName}://${run.id}` }
      : before?.containerID
        ? { containerID: before.containerID }
        : {}),
    started: Boolean(started),
    ...(role === 'ephemeral' ? {} : resourcesShown(picture, spec, { run, before })),
  } as ContainerStatus;
}

const neverLocated = {
  exitCode: 137,
  reason: 'ContainerStatusUnknown',
  message: 'The container could not be located when the pod was terminated',
};

/** The last end of a container whose runs the runtime has forgotten: the node was emptied while it ran, or after. */
function lostState(before: ContainerStatus | undefined): ContainerState {
  if (before?.state.terminated) return { terminated: before.state.terminated };
  if (!before?.state.running || !before.containerID) return before?.lastState ?? {};
  return {
    terminated: {
      ...neverLocated,
      startedAt: before.state.running.startedAt,
      containerID: before.containerID,
    } as NonNullable<ContainerState['terminated']>,
  };
}

/** What the container was promised, and what it has: the same but for the moment of a change. */
function resourcesShown(
  { pod }: PodPicture,
  spec: ContainerSpec,
  { run, before }: { run: Container | undefined; before: ContainerStatus | undefined },
): Partial<ContainerStatus> {
  const { limits, requests } = spec.resources;
  const own = { ...(limits ? { limits } : {}), ...(requests ? { requests } : {}) };
  const settled = run === undefined || unsettled(pod, spec, run).length === 0;
  return {
    ...(requests ? { allocatedResources: requests } : {}),
    resources: settled ? own : (before?.resources ?? own),
  };
}

function stateOf(
  picture: PodPicture,
  spec: ContainerSpec,
  run: Container | undefined,
  context: StatusContext,
  before: ContainerStatus | undefined,
): ContainerState {
  if (run?.state === 'running') return { running: { startedAt: formatTime(run.startedAt ?? run.createdAt) } };
  const failure = picture.failures.get(spec.name);
  const over =
    picture.ending !== undefined || picture.pod.status?.phase === 'Succeeded' || picture.pod.status?.phase === 'Failed';
  if (run?.state === 'exited') {
    const again = !over && !hasExitedForGood(picture, spec, run);
    if (failure && again) return { waiting: failure };
    const backoff = picture.backoffs.get(spec.name);
    if (again && backoff && backoff.until > picture.now) {
      const { name, namespace, uid } = picture.pod.metadata;
      const seconds = Math.round(Math.min(10 * 2 ** Math.max(0, backoff.failures - 1), 300));
      return {
        waiting: {
          reason: 'CrashLoopBackOff',
          message: `back-off ${formatSeconds(seconds)} restarting failed container=${spec.name} pod=${name}_${namespace}(${uid})`,
        },
      };
    }
    return { terminated: terminatedOf(run, context) };
  }
  // A pod that was given too long ends for good: what never came to run in it has ended too, as upstream tells it.
  if (!run && picture.ending?.reason !== undefined && !before?.state.terminated && initsDone(picture))
    return { terminated: neverLocated };
  if (failure) return { waiting: failure };
  // A run that the runtime has forgotten (the node was emptied) keeps its last word.
  if (!run && over && before?.state.terminated) return before.state;
  const initializing = (picture.pod.spec.initContainers?.length ?? 0) > 0 && !run && !initsDone(picture);
  return { waiting: { reason: initializing ? 'PodInitializing' : 'ContainerCreating' } };
}

const formatSeconds = (seconds: number): string =>
  seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;

const initsDone = (picture: PodPicture): boolean =>
  (picture.pod.spec.initContainers ?? []).every((container) => {
    const run = latest(picture, container.name);
    return isSidecar(container)
      ? run?.state === 'running' && hasStarted(picture, container, run)
      : run?.state === 'exited' && run.exitCode === 0;
  });

function terminatedOf(
  run: Container,
  { runtimeName, messages }: StatusContext,
): NonNullable<ContainerState['terminated']> {
  const exitCode = run.exitCode ?? 255;
  const message = messages.get(run.id) ?? run.message;
  return {
    exitCode,
    reason: run.reason ?? (exitCode === 0 ? 'Completed' : 'Error'),
    ...(message ? { message } : {}),
    ...(run.startedAt === undefined ? {} : { startedAt: formatTime(run.startedAt) }),
    ...(run.finishedAt === undefined ? {} : { finishedAt: formatTime(run.finishedAt) }),
    containerID: `${runtimeName}://${run.id}`,
  };
}
