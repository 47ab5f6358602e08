/**
 * What a process of the cluster tells about itself in a small file: its id, and each stage of its start. `up` shows them as they come; `status` and `down` find
 * processes by them.
 */
import type { Millis, World } from '#world/world.ts';

export interface ProcessState {
  readonly pid: number;
  /** Tells a reused process id from ours. */
  readonly startTicks: string;
  readonly startedAt: Millis;
  readonly stages: readonly { readonly name: string; readonly tookMs: Millis }[];
  readonly ready: boolean;
  readonly failure?: string;
}

export interface StateWriter {
  stage(name: string): Promise<void>;
  ready(): Promise<void>;
  failed(error: Error): Promise<void>;
  clear(): Promise<void>;
}

export async function startState(world: World, path: string): Promise<StateWriter> {
  const { pid } = world.processes.self;
  const startedAt = world.clock.now();
  let last = world.clock.monotonic();
  let state: ProcessState = { pid, startTicks: (await ticksOf(world, pid)) ?? '', startedAt, stages: [], ready: false };
  const write = (): Promise<void> => world.disk.write(path, JSON.stringify(state), { mode: 0o600 });
  await write();
  return {
    async stage(name) {
      const now = world.clock.monotonic();
      state = { ...state, stages: [...state.stages, { name, tookMs: now - last }] };
      last = now;
      await write();
    },
    async ready() {
      state = { ...state, ready: true };
      await write();
    },
    async failed(error) {
      state = { ...state, failure: error.message };
      await write();
    },
    clear: () => world.disk.remove(path),
  };
}

/**
 * Starts a process of the cluster under its state: `start` puts what it opens on the stack and tells its stages. Ready when it resolves; when it throws, all is closed and
 * the file says why. Whoever disposes of the answer closes all of it and removes the file.
 */
export async function startProcess<T extends object>(
  world: World,
  path: string,
  start: (stack: AsyncDisposableStack, state: Pick<StateWriter, 'stage'>) => Promise<T>,
): Promise<T & AsyncDisposable> {
  const state = await startState(world, path);
  try {
    await using stack = new AsyncDisposableStack();
    stack.defer(() => state.clear());
    const made = await start(stack, state);
    await state.ready();
    const owned = stack.move();
    return { ...made, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    await state.failed(error as Error);
    throw error;
  }
}

/** Keeps the state of a process that knows nothing of this, so that it is found like all others. */
export async function recordState(world: World, path: string, pid: number): Promise<void> {
  const startTicks = (await ticksOf(world, pid)) ?? '';
  const state: ProcessState = { pid, startTicks, startedAt: world.clock.now(), stages: [], ready: true };
  await world.disk.write(path, JSON.stringify(state), { mode: 0o600 });
}

/** The state of a process that runs; undefined when there is none (any more). */
export async function runningState(world: World, path: string): Promise<ProcessState | undefined> {
  const state = await readState(world, path);
  if (!state || state.failure !== undefined) return undefined;
  return world.processes.kill(state.pid, 0) && (await ticksOf(world, state.pid)) === state.startTicks
    ? state
    : undefined;
}

/** Whatever the file says, of a living process or a dead one. */
export async function readState(world: World, path: string): Promise<ProcessState | undefined> {
  const text = await world.disk.readText(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as ProcessState;
  } catch {
    // Half a file cannot be (writes are atomic); a foreign one tells nothing about a process of ours.
    return undefined;
  }
}

/** When the kernel started this process: with the id, unique until the next boot. Empty where /proc is missing. */
async function ticksOf(world: World, pid: number): Promise<string | undefined> {
  const stat = await world.disk.readText(`/proc/${pid}/stat`);
  if (stat === undefined) return world.processes.self.platform === 'linux' ? undefined : '';
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie is gone for our purposes.
  return fields[0] === 'Z' ? undefined : fields[19];
}
