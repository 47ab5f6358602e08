/**
 * What a pod's worker remembers of containers that ended or could not start: how long each waits until its next try, why, and its last words.
 */
import type { Container as ContainerSpec } from '#api/core/container.ts';
import type { Millis, World } from '#world/world.ts';
import { RuntimeError, type Container } from './container-runtime.ts';
import { ConfigError } from './environment.ts';
import { hasExitedForGood, nextBackoff } from './plan.ts';
import { annotations, hashOf, type Backoff, type PodPicture, type StartFailure } from './pod-state.ts';
import { terminationMessage } from './termination-message.ts';
import { MountError } from './volumes/volumes.ts';

/** A container whose configuration cannot be made, and one whose volumes are not there, are tried again after. */
const configRetryMs: Millis = 10_000;
const mountRetryMs: Millis = 2_000;

type Tell = (type: 'Normal' | 'Warning', reason: string, message: string, container?: string) => void;

export class Restarts {
  readonly #world: World;
  readonly #tell: Tell;
  /** Ids of dead containers that were counted. */
  readonly #counted = new Set<string>();
  /** By container name. */
  readonly backoffs = new Map<string, Backoff>();
  readonly failures = new Map<string, StartFailure>();
  /** By container id: what it wrote before it died. */
  readonly messages = new Map<string, string>();
  /** Ids of containers that were ended in order to be started anew: no failure of theirs. */
  readonly restarting = new Set<string>();

  constructor(world: World, tell: Tell) {
    this.#world = world;
    this.#tell = tell;
  }

  /** Every new death of a container is counted once, for its back-off, and its last words are read. */
  async count(picture: PodPicture, specOf: (name: string) => ContainerSpec | undefined): Promise<void> {
    const { containers, now } = picture;
    for (const run of containers) {
      if (run.state !== 'exited' || this.#counted.has(run.id)) continue;
      this.#counted.add(run.id);
      const message = await terminationMessage(this.#world, run);
      if (message) this.messages.set(run.id, message);
      if (containers.find(({ name }) => name === run.name) !== run) continue;
      const finishedAt = run.finishedAt ?? now;
      // The first restart is at once: only a container that failed again waits.
      const before = this.backoffs.get(run.name) ?? restored(run);
      const spec = specOf(run.name);
      const changed =
        this.restarting.has(run.id) || (spec !== undefined && run.annotations[annotations.hash] !== hashOf(spec));
      if (changed || (before === undefined && run.attempt === 0))
        this.backoffs.set(run.name, { failures: 0, until: finishedAt });
      else this.#backOff(run, { before, spec, finishedAt, picture });
    }
  }

  #backOff(
    run: Container,
    {
      before,
      spec,
      finishedAt,
      picture,
    }: {
      before: { readonly failures: number } | undefined;
      spec: ContainerSpec | undefined;
      finishedAt: Millis;
      picture: PodPicture;
    },
  ): void {
    const ranMs = run.startedAt === undefined ? 0 : finishedAt - run.startedAt;
    const { failures, delayMs } = nextBackoff(before, ranMs);
    this.backoffs.set(run.name, { failures, until: finishedAt + delayMs });
    // A run that never began has said why; from here on it is the waiting that is to be seen.
    if (this.failures.get(run.name)?.reason === 'RunContainerError') this.failures.delete(run.name);
    const { ending, now, pod } = picture;
    if (!spec || ending || finishedAt + delayMs <= now || hasExitedForGood(picture, spec, run)) return;
    const { name, namespace, uid } = pod.metadata;
    this.#tell(
      'Warning',
      'BackOff',
      `Back-off restarting failed container ${run.name} in pod ${name}_${namespace}(${uid})`,
      run.name,
    );
  }

  /** The container waits for this reason until then. */
  fail(name: string, failure: StartFailure, retryAt: Millis): void {
    this.failures.set(name, failure);
    this.backoffs.set(name, { failures: this.backoffs.get(name)?.failures ?? 0, until: retryAt });
  }

  /** A container could not be made or started. Throws what is no such failure. */
  startFailed(name: string, error: unknown): void {
    const now = this.#world.clock.now();
    const message = (error as Error).message;
    if (error instanceof ConfigError) {
      this.#tell('Warning', 'Failed', `Error: ${message}`, name);
      this.fail(name, { reason: 'CreateContainerConfigError', message }, now + configRetryMs);
    } else if (error instanceof MountError) {
      this.#tell('Warning', 'FailedMount', message);
      this.fail(name, { reason: 'ContainerCreating' }, now + mountRetryMs);
    } else if (error instanceof RuntimeError) {
      this.#tell('Warning', 'Failed', `Error: ${message}`, name);
      this.failures.set(name, { reason: error.reason, message });
      // A container that was made and could not run is counted as every dead one is; where none was made, this is all there is.
      if (error.reason === 'RunContainerError') return;
      const backoff = nextBackoff(this.backoffs.get(name), undefined);
      this.backoffs.set(name, { failures: backoff.failures, until: now + backoff.delayMs });
    } else throw error;
  }

  /** What a container waits for may be there now: it is tried at once. */
  sourceChanged(): void {
    for (const [name, { reason }] of this.failures) {
      if (reason === 'CreateContainerConfigError' || reason === 'ContainerCreating')
        this.backoffs.set(name, { failures: this.backoffs.get(name)?.failures ?? 0, until: 0 });
    }
  }
}

/** A container found with restarts behind it had failures before this agent's time. */
const restored = (run: Container): { failures: number } | undefined =>
  run.attempt > 0 ? { failures: Math.min(run.attempt - 1, 5) } : undefined;
