/**
 * Checks running containers: startup first, then liveness and readiness, each on its own clock
 * (https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/). Results are kept by container id; the worker is woken when one turns.
 */
import type { Container as ContainerSpec } from '#api/core/container.ts';
import type { Probe } from '#api/core/probe.ts';
import type { Pod } from '#api/core/pod.ts';
import type { World } from '#world/world.ts';
import type { ContainerRuntime } from './container-runtime.ts';
import { runHandler, type HandlerTarget } from './handlers.ts';
import type { ProbeResults } from './pod-state.ts';

export type ProbeKind = keyof ProbeResults;

export interface ProbeTarget {
  readonly pod: Pod;
  readonly container: ContainerSpec;
  readonly containerId: string;
  readonly podIp: string;
  readonly startedAt: number;
}

export interface ProbeLoops extends AsyncDisposable {
  readonly results: ReadonlyMap<string, ProbeResults>;
  /** Starts the loops of a running container, once. `seed` is what an earlier agent had found. */
  watch(target: ProbeTarget, seed?: ProbeResults): void;
  /** The containers that have loops now. */
  watched(): ReadonlySet<string>;
  /** Ends the loops of containers that are not among these. */
  keepOnly(containerIds: ReadonlySet<string>): void;
}

export interface ProbeReports {
  /** A result turned. */
  changed(target: ProbeTarget): void;
  /** A check failed: for the event Unhealthy. */
  failed(target: ProbeTarget, kind: ProbeKind, message: string): void;
}

const names: Readonly<Record<ProbeKind, 'startupProbe' | 'livenessProbe' | 'readinessProbe'>> = {
  startup: 'startupProbe',
  liveness: 'livenessProbe',
  readiness: 'readinessProbe',
};

export function probeLoops(world: World, runtime: ContainerRuntime, reports: ProbeReports): ProbeLoops {
  const results = new Map<string, ProbeResults>();
  const running = new Map<string, { readonly stop: AbortController; readonly done: Promise<unknown> }>();

  const set = (target: ProbeTarget, kind: ProbeKind, passing: boolean): void => {
    const id = target.containerId;
    const before = results.get(id);
    if (before?.[kind] === passing) return;
    results.set(id, { ...before, [kind]: passing });
    reports.changed(target);
  };

  const check = async (target: ProbeTarget, kind: ProbeKind, probe: Probe, signal: AbortSignal): Promise<void> => {
    const id = target.containerId;
    let successes = 0;
    let failures = 0;
    const delayMs = (probe.initialDelaySeconds ?? 0) * 1000 - (world.clock.now() - target.startedAt);
    if (delayMs > 0) await world.clock.sleep(delayMs, { signal });
    for (;;) {
      const outcome = await runHandler(world, runtime, probe, {
        pod: target.pod,
        container: target.container,
        containerId: id,
        podIp: target.podIp,
        timeoutMs: probe.timeoutSeconds * 1000,
        signal,
      } satisfies HandlerTarget);
      if (signal.aborted) return;
      if (outcome.ok) {
        successes++;
        failures = 0;
        if (successes >= probe.successThreshold) set(target, kind, true);
      } else {
        failures++;
        successes = 0;
        reports.failed(target, kind, outcome.message);
        if (failures >= probe.failureThreshold) set(target, kind, false);
      }
      // A startup probe has done its work once it passed; once it failed, the container is killed.
      if (kind === 'startup' && results.get(id)?.startup !== undefined) return;
      await world.clock.sleep(probe.periodSeconds * 1000, { signal });
    }
  };

  const watchAll = async (target: ProbeTarget, signal: AbortSignal): Promise<void> => {
    const { container } = target;
    if (container.startupProbe && results.get(target.containerId)?.startup !== true)
      await check(target, 'startup', container.startupProbe, signal);
    if (signal.aborted || results.get(target.containerId)?.startup === false) return;
    await Promise.all(
      (['liveness', 'readiness'] as const).map(async (kind) => {
        const probe = container[names[kind]];
        return probe ? check(target, kind, probe, signal) : undefined;
      }),
    );
  };

  return {
    results,
    watch(target, seed) {
      const id = target.containerId;
      if (running.has(id)) return;
      const { startupProbe, livenessProbe, readinessProbe } = target.container;
      if (!startupProbe && !livenessProbe && !readinessProbe) return;
      if (seed) results.set(id, seed);
      const stop = new AbortController();
      const done = watchAll(target, stop.signal).catch((error: unknown) => {
        if (!stop.signal.aborted) world.log.error('a probe loop broke', { container: id, error: String(error) });
      });
      running.set(id, { stop, done });
    },
    watched: () => new Set(running.keys()),
    keepOnly(containerIds) {
      for (const [id, { stop }] of running) {
        if (containerIds.has(id)) continue;
        stop.abort();
        running.delete(id);
        results.delete(id);
      }
    },
    async [Symbol.asyncDispose]() {
      const all = [...running.values()];
      for (const { stop } of all) stop.abort();
      await Promise.all(all.map(({ done }) => done));
    },
  };
}
