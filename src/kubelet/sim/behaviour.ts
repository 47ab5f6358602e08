/**
 * What simulated images do, as data: how long they run, how they end, what they answer to probes. A story describes a broken program here instead of writing one.
 */
import type { Millis } from '#world/world.ts';

/** A fixed span, or a random one between two bounds. */
export type Span = Millis | readonly [min: Millis, max: Millis];

export interface ContainerFacts {
  readonly name: string;
  readonly attempt: number;
  readonly command: readonly string[];
  readonly environment: ReadonlyMap<string, string>;
  readonly pod: { readonly name: string; readonly namespace: string };
  /** How long it has been running. */
  readonly age: Millis;
}

export interface SimBehaviour {
  /** Ends by itself after so long; runs until it is stopped when absent. */
  readonly exit?: (container: ContainerFacts) => { readonly afterMs: Millis; readonly code: number } | undefined;
  /** From SIGTERM to its end; it ignores the signal when 'ignores'. */
  readonly stopMs?: Span | 'ignores';
  /** Lines on standard output at the start. */
  readonly prints?: readonly string[];
  /** Status of GET; undefined refuses. By default 200 on every port. */
  readonly http?: (container: ContainerFacts, port: number, path: string) => number | undefined;
  /** Exit code and output of a command. By default 0. */
  readonly exec?: (
    container: ContainerFacts,
    command: readonly string[],
  ) => { readonly code: number; readonly output?: string; readonly afterMs?: Millis };
  /** The start fails with this message, as for a missing executable. */
  readonly startError?: string;
}

export interface SimImage extends SimBehaviour {
  readonly sizeBytes?: number;
  readonly user?: string;
  /** Pulling it fails with this message. */
  readonly pullError?: string;
}

export interface Latencies {
  readonly pull: Span;
  readonly sandbox: Span;
  readonly create: Span;
  readonly start: Span;
  readonly stop: Span;
}

/** About what a machine with a local image does. */
export const defaultLatencies: Latencies = {
  pull: [200, 2_000],
  sandbox: [5, 40],
  create: [2, 15],
  start: [5, 30],
  stop: [5, 200],
};
