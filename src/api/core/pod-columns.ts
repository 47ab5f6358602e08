/**
 * What `kubectl get pods` shows: how many containers are ready, one word for the state of the whole pod, and restarts. The state is
 * folded from phase, conditions and container states in upstream's order (pkg/printers/internalversion/printers.go, printPod).
 */
import type { ObjectMeta } from '#meta/object-meta.ts';
import { formatAge, parseTime } from '#meta/time.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import type { PodSpec } from './pod-spec.ts';
import type { ContainerState, ContainerStatus, PodStatus } from './pod-status.ts';

interface PodLike {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: PodSpec;
  readonly status: PodStatus;
}

interface Summary {
  readonly ready: number;
  readonly total: number;
  readonly reason: string;
  readonly restarts: number;
  /** When a container last ended before it was restarted, 0 when never. */
  readonly lastRestart: number;
}

const isTrue = (status: PodStatus, type: string): boolean =>
  status.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;

const lastEnd = (container: ContainerStatus): number =>
  parseTime(container.lastState.terminated?.finishedAt ?? '') ?? 0;

function ending(terminated: NonNullable<ContainerState['terminated']>): string {
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
}

/** READY, STATUS and RESTARTS of a pod, for tables and for everybody who wants kubectl's words. */
export function summarizePod(pod: PodLike): Summary {
  const { spec, status } = pod;
  const init = initSummary(pod);
  let { ready, reason, restarts, lastRestart } = init;
  const phaseReason = reason;
  if (init.initializing !== undefined) reason = init.initializing;
  if (init.initializing === undefined || isTrue(status, 'Initialized')) {
    restarts = init.sidecarRestarts;
    lastRestart = init.sidecarLastRestart;
    reason = init.initializing ?? phaseReason;
    let running = false;
    for (const container of (status.containerStatuses ?? []).toReversed()) {
      restarts += container.restartCount;
      lastRestart = Math.max(lastRestart, lastEnd(container));
      const { state } = container;
      if (state.waiting?.reason) reason = state.waiting.reason;
      else if (state.terminated) reason = ending(state.terminated);
      else if (container.ready && state.running) {
        running = true;
        ready++;
      }
    }
    if (reason === 'Completed' && running) reason = isTrue(status, 'Ready') ? 'Running' : 'NotReady';
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (status.reason === 'NodeLost') reason = 'Unknown';
    else if (status.phase !== 'Succeeded' && status.phase !== 'Failed') reason = 'Terminating';
  }
  const sidecars = (spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always').length;
  return { ready, total: spec.containers.length + sidecars, reason, restarts, lastRestart };
}

function initSummary({ spec, status }: PodLike) {
  const gated = status.conditions?.some(
    (condition) => condition.type === 'PodScheduled' && condition.reason === 'SchedulingGated',
  );
  const summary = {
    ready: 0,
    reason: gated ? 'SchedulingGated' : status.reason || status.phase,
    restarts: 0,
    lastRestart: 0,
    sidecarRestarts: 0,
    sidecarLastRestart: 0,
    initializing: undefined as string | undefined,
  };
  const sidecars = new Set<string>();
  for (const container of spec.initContainers ?? [])
    if (container.restartPolicy === 'Always') sidecars.add(container.name);
  for (const [index, container] of (status.initContainerStatuses ?? []).entries()) {
    summary.restarts += container.restartCount;
    summary.lastRestart = Math.max(summary.lastRestart, lastEnd(container));
    if (sidecars.has(container.name)) {
      summary.sidecarRestarts += container.restartCount;
      summary.sidecarLastRestart = Math.max(summary.sidecarLastRestart, lastEnd(container));
    }
    const { state } = container;
    if (state.terminated?.exitCode === 0) continue;
    if (sidecars.has(container.name) && container.started === true) {
      if (container.ready) summary.ready++;
      continue;
    }
    if (state.terminated) summary.initializing = `Init:${ending(state.terminated)}`;
    else if (state.waiting?.reason && state.waiting.reason !== 'PodInitializing')
      summary.initializing = `Init:${state.waiting.reason}`;
    else summary.initializing = `Init:${index}/${spec.initContainers?.length ?? 0}`;
    break;
  }
  return summary;
}

export const podColumns = [
  nameColumn,
  {
    name: 'Ready',
    type: 'string',
    description: 'How many containers are ready, of how many.',
    cell: (pod: PodLike) => {
      const { ready, total } = summarizePod(pod);
      return `${ready}/${total}`;
    },
  },
  {
    name: 'Status',
    type: 'string',
    description: 'The state of the pod in one word.',
    cell: (pod: PodLike) => summarizePod(pod).reason,
  },
  {
    name: 'Restarts',
    type: 'string',
    description: 'How often containers were restarted, and when last.',
    // The clock is looked at only where it shows: a row without it is printed once for all tables.
    cell: (pod: PodLike, moment: { readonly now: number }) => {
      const { restarts, lastRestart } = summarizePod(pod);
      return restarts > 0 && lastRestart > 0
        ? `${restarts} (${formatAge(moment.now - lastRestart)} ago)`
        : String(restarts);
    },
  },
  ageColumn,
  {
    name: 'IP',
    type: 'string',
    priority: 1,
    description: 'Address of the pod.',
    cell: (pod: PodLike) => pod.status.podIPs?.[0]?.ip || '<none>',
  },
  {
    name: 'Node',
    type: 'string',
    priority: 1,
    description: 'Node that runs the pod.',
    cell: (pod: PodLike) => pod.spec.nodeName || '<none>',
  },
  {
    name: 'Nominated Node',
    type: 'string',
    priority: 1,
    description: 'Node on which room is being made for the pod.',
    cell: (pod: PodLike) => pod.status.nominatedNodeName || '<none>',
  },
  {
    name: 'Readiness Gates',
    type: 'string',
    priority: 1,
    description: 'How many readiness gates hold, of how many.',
    cell: (pod: PodLike) => {
      const gates = pod.spec.readinessGates ?? [];
      if (gates.length === 0) return '<none>';
      return `${gates.filter((gate) => isTrue(pod.status, gate.conditionType)).length}/${gates.length}`;
    },
  },
] as const;
