/**
 * How containers of one pod end: the preStop hook, the stop signal, and in the end SIGKILL, all within one grace period. Beside the pod's worker, because an end
 * takes as long as it may and must not keep the worker from hearing that the grace got shorter.
 */
import type { Container as ContainerSpec } from '#api/core/container.ts';
import type { Pod } from '#api/core/pod.ts';
import type { Millis, World } from '#world/world.ts';
import type { Container, ContainerRuntime } from './container-runtime.ts';
import { runHandler, type Outcome } from './handlers.ts';

/** What a container gets after its hook at least, unless its whole grace is shorter. */
const graceMsMin: Millis = 2_000;
/** Between two attempts to stop a container that the runtime failed to stop. */
const retryMs: Millis = 500;

export interface EndReports {
  event(type: 'Normal' | 'Warning', reason: string, message: string, container: string): void;
  /** A container has ended, or could not be ended. */
  ended(): void;
  readonly signal: AbortSignal;
}

export interface EndRequest {
  readonly why: string;
  readonly graceMs: Millis;
  /** Absent for a container that the pod does not name any more. */
  readonly spec: ContainerSpec | undefined;
  readonly pod: Pod;
  readonly podIp: string;
}

interface End {
  graceMs: Millis;
  /** On the monotonic clock. */
  readonly since: Millis;
  /** Ends the hook when the grace got shorter. */
  readonly hurry: AbortController;
}

export class ContainerEnds {
  readonly #world: World;
  readonly #runtime: ContainerRuntime;
  readonly #reports: EndReports;
  readonly #ends = new Map<string, End>();

  constructor(world: World, runtime: ContainerRuntime, reports: EndReports) {
    this.#world = world;
    this.#runtime = runtime;
    this.#reports = reports;
  }

  /** Starts the end of a container. Asked again it does nothing, or hurries when the grace is shorter now. */
  end(run: Container, request: EndRequest): void {
    const { clock } = this.#world;
    const before = this.#ends.get(run.id);
    if (before) {
      if (request.graceMs < before.graceMs) this.#hurry(run, before, request.graceMs);
      return;
    }
    const end: End = { graceMs: request.graceMs, since: clock.monotonic(), hurry: new AbortController() };
    this.#ends.set(run.id, end);
    const { why } = request;
    this.#reports.event('Normal', 'Killing', why === 'Stopping container' ? `${why} ${run.name}` : why, run.name);
    void this.#carryOut(run, end, request)
      .catch(async (error: unknown) => {
        this.#failed(run, error);
        await clock.sleep(retryMs, { signal: this.#reports.signal }).catch(() => undefined); // Aborted: nobody tries again.
      })
      .finally(() => {
        this.#ends.delete(run.id);
        this.#reports.ended();
      });
  }

  #hurry(run: Container, end: End, graceMs: Millis): void {
    end.graceMs = graceMs;
    end.hurry.abort();
    // The grace that is left counts from the beginning.
    const leftMs = Math.max(0, graceMs - (this.#world.clock.monotonic() - end.since));
    void this.#runtime.stopContainer(run.id, leftMs).catch((error: unknown) => this.#failed(run, error));
  }

  #failed(run: Container, error: unknown): void {
    this.#world.log.warn('a container could not be stopped', { container: run.id, error: String(error) });
  }

  async #carryOut(run: Container, end: End, request: EndRequest): Promise<void> {
    await this.#preStop(run, end, request);
    if (this.#reports.signal.aborted) return;
    const leftMs = end.graceMs - (this.#world.clock.monotonic() - end.since);
    const floorMs = Math.min(graceMsMin, end.graceMs);
    await this.#runtime.stopContainer(run.id, Math.max(floorMs, leftMs, 0));
  }

  async #preStop(run: Container, end: End, { spec, pod, podIp }: EndRequest): Promise<void> {
    const hook = spec?.lifecycle?.preStop;
    if (!spec || !hook || run.state !== 'running' || end.graceMs <= 0) return;
    const limit = new AbortController();
    const timer = this.#world.clock.after(end.graceMs, () => limit.abort(), { unref: true });
    const signal = AbortSignal.any([limit.signal, end.hurry.signal, this.#reports.signal]);
    const late = new Promise<Outcome>((resolve) =>
      signal.addEventListener(
        'abort',
        () => resolve({ ok: false, message: 'the hook took longer than the grace period' }),
        { once: true },
      ),
    );
    const target = { pod, container: spec, containerId: run.id, podIp, timeoutMs: end.graceMs, signal };
    const outcome = await Promise.race([runHandler(this.#world, this.#runtime, hook, target), late]);
    timer.cancel();
    if (outcome.ok || this.#reports.signal.aborted) return;
    this.#reports.event('Warning', 'FailedPreStopHook', `PreStopHook failed: ${outcome.message}`, run.name);
  }
}
