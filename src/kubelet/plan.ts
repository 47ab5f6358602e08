/**
 * The pod step: from what a pod should be and what the runtime has, to what is to be done next. Pure; the worker carries it out and asks again. The rules are
 * those of https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ and .../init-containers/ and .../sidecar-containers/.
 */
import type { Container as ContainerSpec } from '#api/core/container.ts';
import type { Millis } from '#world/world.ts';
import type { Container, Sandbox } from './container-runtime.ts';
import {
  annotations,
  hashOf,
  isSidecar,
  latest,
  policyOf,
  readySandbox,
  unsettled,
  type PodPicture,
} from './pod-state.ts';

export type PodAction =
  | { readonly do: 'make sandbox'; readonly attempt: number }
  | { readonly do: 'stop sandbox'; readonly sandbox: Sandbox }
  | { readonly do: 'remove sandbox'; readonly sandbox: Sandbox }
  | { readonly do: 'start'; readonly container: ContainerSpec; readonly attempt: number; readonly role: Role }
  | {
      readonly do: 'kill';
      readonly container: Container;
      readonly why: string;
      readonly graceMs: Millis | undefined;
      /** To start again at once, with other resources. */
      readonly restarts?: true;
    }
  /** Other resources for containers that run on with them. */
  | { readonly do: 'resize'; readonly sandbox: Sandbox; readonly containers: readonly Resized[] }
  /** A dead run that nobody needs any more. */
  | { readonly do: 'forget'; readonly container: Container }
  /** Nothing until then, unless something changes. */
  | { readonly do: 'wait'; readonly untilMs: Millis }
  /** Everything has ended: report it and give back what the pod holds. */
  | { readonly do: 'finish' };

export interface Resized {
  readonly run: Container;
  readonly container: ContainerSpec;
}

export type Role = 'init' | 'sidecar' | 'main' | 'ephemeral';

/** A run that lasted this long is a success: the next failure starts its back-off anew. */
export const backoffResetMs: Millis = 10 * 60 * 1000;
export const backoffMsMin: Millis = 10_000;
export const backoffMsMax: Millis = 300_000;

/** What to do now, in order. */
export function planPod(picture: PodPicture): readonly PodAction[] {
  if (picture.ending || isOver(picture)) return end(picture);
  const sandbox = readySandbox(picture);
  if (!sandbox) {
    const newest = picture.sandboxes[0];
    return [...stale(picture, undefined), { do: 'make sandbox', attempt: newest ? newest.pod.attempt + 1 : 0 }];
  }
  return [
    ...stale(picture, sandbox),
    ...unborn(picture),
    ...containersOf(picture, sandbox),
    ...litter(picture),
    ...resize(picture, sandbox),
  ];
}

/**
 * Containers that were made and never started: the answer was lost, or the agent died between the two. A worker starts what it makes in the same step, so nobody else will,
 * and what a runtime holds of them is nothing to wait for.
 */
const unborn = ({ containers }: PodPicture): readonly PodAction[] =>
  containers.filter(({ state }) => state === 'created').map((container): PodAction => ({ do: 'forget', container }));

/** What can change while it runs; containers that must start anew for it are ended in their turn. */
function resize(picture: PodPicture, sandbox: Sandbox): readonly PodAction[] {
  const { spec } = picture.pod;
  const containers: Resized[] = [];
  for (const container of [...(spec.initContainers ?? []).filter(isSidecar), ...spec.containers]) {
    const run = latest(picture, container.name);
    if (run && unsettled(picture.pod, container, run).length > 0 && !mustRestart(picture, container, run))
      containers.push({ run, container });
  }
  return containers.length === 0 ? [] : [{ do: 'resize', sandbox, containers }];
}

const mustRestart = ({ pod }: PodPicture, container: ContainerSpec, run: Container): boolean =>
  unsettled(pod, container, run).some((name) =>
    container.resizePolicy?.some(
      ({ resourceName, restartPolicy }) => resourceName === name && restartPolicy === 'RestartContainer',
    ),
  );

/** Sandboxes of earlier attempts stay, stopped, as long as a dead container in them is remembered. */
function stale(picture: PodPicture, current: Sandbox | undefined): readonly PodAction[] {
  const actions: PodAction[] = [];
  for (const sandbox of picture.sandboxes) {
    if (sandbox === current) continue;
    if (!picture.containers.some(({ sandboxId }) => sandboxId === sandbox.id))
      actions.push({ do: 'remove sandbox', sandbox });
    else if (
      sandbox.state === 'ready' ||
      picture.containers.some(({ sandboxId, state }) => sandboxId === sandbox.id && state !== 'exited')
    )
      actions.push({ do: 'stop sandbox', sandbox });
  }
  return actions;
}

/** No container will run again: the pod has succeeded or failed. */
export function isOver(picture: PodPicture): boolean {
  const { pod } = picture;
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return true;
  const inits = (pod.spec.initContainers ?? []).filter((container) => !isSidecar(container));
  for (const init of inits) {
    const run = latest(picture, init.name);
    if (run?.state === 'exited' && run.exitCode !== 0 && policyOf(pod, init) === 'Never') return true;
    if (run?.state !== 'exited' || run.exitCode !== 0) if (!anyMainStarted(picture)) return false;
  }
  return pod.spec.containers.every((container) => {
    const run = latest(picture, container.name);
    return run?.state === 'exited' && !restarts(picture, container, run);
  });
}

const anyMainStarted = (picture: PodPicture): boolean =>
  picture.pod.spec.containers.some(({ name }) => latest(picture, name) !== undefined);

function end(picture: PodPicture): readonly PodAction[] {
  const waste = unborn(picture);
  if (waste.length > 0) return waste;
  const running = picture.containers.filter((container) => container.state === 'running');
  const grace = picture.ending?.graceMs;
  const sidecars = new Set((picture.pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  const mains = running.filter(({ name }) => !sidecars.has(name));
  if (mains.length > 0)
    return mains.map((container) => ({ do: 'kill', container, why: 'Stopping container', graceMs: grace }));
  // Sidecars end after those they serve, last started first.
  const order = (picture.pod.spec.initContainers ?? []).map(({ name }) => name);
  const rest = running.toSorted((a, b) => order.indexOf(b.name) - order.indexOf(a.name));
  const next = rest[0];
  if (next) return [{ do: 'kill', container: next, why: 'Stopping container', graceMs: grace }];
  const standing = picture.sandboxes.filter((sandbox) => sandbox.state === 'ready');
  return [...standing.map((sandbox): PodAction => ({ do: 'stop sandbox', sandbox })), { do: 'finish' }];
}

function containersOf(picture: PodPicture, sandbox: Sandbox): readonly PodAction[] {
  const actions: PodAction[] = [];
  const { pod } = picture;
  // A sandbox that was made anew begins with its init containers again.
  const here = { containers: picture.containers.filter(({ sandboxId }) => sandboxId === sandbox.id) };
  const started = pod.spec.containers.some(({ name }) => latest(here, name) !== undefined);
  let blocked = false;
  for (const container of pod.spec.initContainers ?? []) {
    const run = latest(here, container.name);
    if (isSidecar(container)) {
      actions.push(...keepRunning(picture, container, 'sidecar'));
      if (!(run?.state === 'running' && hasStarted(picture, container, run)) && !started) {
        blocked = true;
        break;
      }
      continue;
    }
    // Once the main containers run, init containers are history, whatever became of their remains.
    if (started) continue;
    if (run?.state === 'exited' && run.exitCode === 0) continue;
    if (run?.state !== 'running' && run?.state !== 'created') actions.push(...startAgain(picture, container, 'init'));
    blocked = true;
    break;
  }
  if (!blocked) for (const container of pod.spec.containers) actions.push(...keepRunning(picture, container, 'main'));
  for (const container of pod.spec.ephemeralContainers ?? []) {
    if (!latest(picture, container.name))
      actions.push(...startAgain(picture, container as unknown as ContainerSpec, 'ephemeral'));
  }
  return actions;
}

function keepRunning(picture: PodPicture, container: ContainerSpec, role: Role): readonly PodAction[] {
  const run = latest(picture, container.name);
  if (run?.state === 'running') {
    if (run.annotations[annotations.hash] !== undefined && run.annotations[annotations.hash] !== hashOf(container)) {
      return [
        {
          do: 'kill',
          container: run,
          why: `Container ${container.name} definition changed, will be restarted`,
          graceMs: undefined,
        },
      ];
    }
    if (mustRestart(picture, container, run)) {
      const why = `Container ${container.name} resize requires restart`;
      return [{ do: 'kill', container: run, why, graceMs: undefined, restarts: true }];
    }
    const { liveness, startup } = picture.probes.get(run.id) ?? {};
    if (startup === false && container.startupProbe) {
      return [
        {
          do: 'kill',
          container: run,
          why: `Container ${container.name} failed startup probe, will be restarted`,
          graceMs: probeGrace(container, 'startupProbe'),
        },
      ];
    }
    if (liveness === false) {
      return [
        {
          do: 'kill',
          container: run,
          why: `Container ${container.name} failed liveness probe, will be restarted`,
          graceMs: probeGrace(container, 'livenessProbe'),
        },
      ];
    }
    return [];
  }
  if (run?.state === 'exited' && !restarts(picture, container, run)) return [];
  if (run?.state === 'created') return [];
  return startAgain(picture, container, role);
}

const probeGrace = (container: ContainerSpec, probe: 'startupProbe' | 'livenessProbe'): Millis | undefined => {
  const seconds = container[probe]?.terminationGracePeriodSeconds;
  return seconds === undefined ? undefined : seconds * 1000;
};

function startAgain(picture: PodPicture, container: ContainerSpec, role: Role): readonly PodAction[] {
  const backoff = picture.backoffs.get(container.name);
  if (backoff && backoff.until > picture.now) return [{ do: 'wait', untilMs: backoff.until }];
  const run = latest(picture, container.name);
  return [{ do: 'start', container, attempt: run ? run.attempt + 1 : forgotten(picture, container.name), role }];
}

/** The restarts of a container that the runtime has forgotten and the status remembers. */
function forgotten({ pod: { status } }: PodPicture, name: string): number {
  const before = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].find(
    (each) => each.name === name,
  );
  return before?.containerID ? before.restartCount + 1 : 0;
}

/** True for a run after which there is no other. */
export function hasExitedForGood(picture: PodPicture, container: ContainerSpec, run: Container): boolean {
  if ((picture.pod.spec.ephemeralContainers ?? []).some(({ name }) => name === container.name)) return true;
  const isInit = (picture.pod.spec.initContainers ?? []).some(({ name }) => name === container.name);
  if (isInit && !isSidecar(container)) return run.exitCode === 0 || policyOf(picture.pod, container) === 'Never';
  return !restarts(picture, container, run);
}

/** Whether a container that exited is to run again. */
export function restarts(
  { pod, restarting }: Pick<PodPicture, 'pod' | 'restarting'>,
  container: ContainerSpec,
  run: Container,
): boolean {
  if (restarting?.has(run.id)) return true;
  for (const rule of container.restartPolicyRules ?? []) {
    const { operator, values = [] } = rule.exitCodes ?? {};
    const hit = operator === 'NotIn' ? !values.includes(run.exitCode ?? -1) : values.includes(run.exitCode ?? -1);
    if (rule.exitCodes && hit && rule.action === 'Restart') return true;
  }
  const policy = policyOf(pod, container);
  return policy === 'Always' || (policy === 'OnFailure' && run.exitCode !== 0);
}

/** Running, its postStart hook done and its startup probe passed. */
export function hasStarted(
  picture: Pick<PodPicture, 'probes' | 'hooking'>,
  container: Pick<ContainerSpec, 'startupProbe'>,
  run: Container,
): boolean {
  if (picture.hooking.has(run.id)) return false;
  return !container.startupProbe || picture.probes.get(run.id)?.startup === true;
}

/** Of each container the last dead run stays, for its log and its status. */
function litter(picture: PodPicture): readonly PodAction[] {
  const seen = new Map<string, number>();
  const actions: PodAction[] = [];
  for (const container of picture.containers) {
    if (container.state !== 'exited') {
      seen.set(container.name, seen.get(container.name) ?? 0);
      continue;
    }
    const dead = (seen.get(container.name) ?? 0) + 1;
    seen.set(container.name, dead);
    if (dead > 1) actions.push({ do: 'forget', container });
  }
  return actions;
}

/** How long to wait before the next start after a failure. */
export function nextBackoff(
  before: { failures: number } | undefined,
  ranMs: Millis | undefined,
): { failures: number; delayMs: Millis } {
  const failures = ranMs !== undefined && ranMs >= backoffResetMs ? 0 : (before?.failures ?? 0);
  return { failures: failures + 1, delayMs: Math.min(backoffMsMin * 2 ** failures, backoffMsMax) };
}
