/**
 * Real processes. `env` of a child is this process' environment with the given variables on top. Starting a child blocks
 * the event loop for a time that grows with resident memory (PERFORMANCE.md: 114 ms at 4 GB), so big processes must leave
 * spawning to small ones. Children are never signalled by name, only by the id they were started with.
 */
import { spawn as spawnChild } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, statSync } from 'node:fs';
import { constants as os } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ChildProcess, Processes, RunOptions, RunResult, SpawnOptions } from '../world.ts';
import { spawnPty } from './pty.ts';

/** Of each output of `run`; a program that says more is stopped with an error, because all of it would sit in memory. */
const outputBytesMax = 64 * 1024 * 1024;
/** How long `run` reads on after the child's end. */
const drainMs = 1_000;

export function nodeProcesses(): Processes {
  return {
    self: { pid: process.pid, uid: process.getuid?.() ?? -1, platform: process.platform, arch: process.arch },
    env: process.env,
    run,
    spawn,
    spawnPty(command, options) {
      return spawnPty(requireProgram(command), command.slice(1), options ?? {});
    },
    kill,
    which: async (program) => findProgram(program, process.env['PATH']),
    usage() {
      const { user, system } = process.cpuUsage();
      return { residentBytes: process.memoryUsage.rss(), cpuMs: (user + system) / 1000 };
    },
    collectGarbage() {
      // What a process that runs out of memory would do: all that can be made again goes too, and no room is kept for more.
      (globalThis.gc ?? hiddenGc())({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    },
  };
}

/** V8 shows `gc` to contexts that are made while the flag is set. It is not left set: what Node keeps compiled fits one set of flags only. */
function hiddenGc(): NodeJS.GCFunction {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as NodeJS.GCFunction;
  setFlagsFromString('--no-expose-gc');
  return collect;
}

function spawn(command: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const { program, args } = split(command);
  const stdio = options.stdio ?? 'pipe';
  const file = typeof stdio === 'object' ? openSync(stdio.appendTo, 'a', 0o640) : undefined;
  try {
    const child = spawnChild(program, args, {
      stdio: file !== undefined ? ['ignore', file, file] : stdio === 'ignore' ? 'ignore' : 'pipe',
      detached: options.detached ?? false,
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    if (child.pid === undefined) {
      child.on('error', () => {});
      throw startError(command, options);
    }
    const { pid } = child;
    const exited = new Promise<number>((resolve, reject) => {
      child.once('exit', (code, signal) => resolve(exitCode(code, signal)));
      child.once('error', reject);
    });
    // Who never waits for the child must not get an unhandled rejection.
    exited.catch(() => {});
    // A child that dies with unread input is reported by its exit code, not by its pipe.
    child.stdin?.on('error', () => {});
    if (options.detached) child.unref();
    return {
      pid,
      stdin: child.stdin ?? undefined,
      stdout: child.stdout ?? undefined,
      stderr: child.stderr ?? undefined,
      exited,
      kill: (signal) => void child.kill(signal as NodeJS.Signals),
    };
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

async function run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { signal, timeoutMs } = options;
  signal?.throwIfAborted();
  const child = spawn(command, options);
  let stopped: Error | undefined;
  const requireRunning = (): void => {
    if (!stopped) return;
    // A grandchild may hold the pipes open long after the child was killed.
    child.stdout?.destroy();
    child.stderr?.destroy();
    throw stopped;
  };
  const stop = (reason: Error): void => {
    stopped ??= reason;
    child.kill('SIGKILL');
  };
  const onAbort = (): void => stop(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => stop(new Error(`${command[0]} did not end within ${timeoutMs} ms`)), timeoutMs);
  try {
    child.stdin?.end(options.input);
    const tooMuch = (): void => stop(new RangeError(`${command[0]} printed more than ${outputBytesMax} bytes`));
    const outputs = Promise.all([collect(child.stdout, tooMuch), collect(child.stderr, tooMuch)]);
    const code = await child.exited;
    requireRunning();
    // A daemon that the child left behind may hold the pipes open: the child's own words are all in them by now.
    const leftBehind = setTimeout(() => {
      setImmediate(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      });
    }, drainMs);
    const [stdout, stderr] = await outputs;
    clearTimeout(leftBehind);
    requireRunning();
    return { code, stdout, stderr };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

function collect(output: Readable | undefined, tooMuch: () => void): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve) => {
    output?.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > outputBytesMax) tooMuch();
      else chunks.push(chunk);
    });
    output?.on('error', () => {});
    output?.once('close', () => resolve(Buffer.concat(chunks).toString('utf8')));
    if (!output) resolve('');
  });
}

function kill(pid: number, signal: string | 0): boolean {
  // 0 and -1 mean "my group" and "everybody": never what a caller with a stale or missing id wants.
  if (!Number.isInteger(pid) || pid === 0 || pid === -1) throw new RangeError(`cannot signal process ${pid}`);
  try {
    process.kill(pid, signal as NodeJS.Signals | 0);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return false;
    if (code === 'EPERM' && signal === 0) return true;
    throw error;
  }
}

function split(command: readonly string[]): { program: string; args: readonly string[] } {
  const [program, ...args] = command;
  if (!program) throw new TypeError('a command needs a program');
  return { program, args };
}

function requireProgram(command: readonly string[]): string {
  const { program } = split(command);
  const found = findProgram(program, process.env['PATH']);
  if (found === undefined) throw startError(command, {});
  return found;
}

function startError(command: readonly string[], options: SpawnOptions): Error {
  const program = command[0] ?? '';
  const path = options.env?.['PATH'] ?? process.env['PATH'];
  if (options.cwd !== undefined && !isDirectory(options.cwd)) {
    return coded('ENOENT', `cannot start ${program}: the working directory ${options.cwd} does not exist`);
  }
  if (findProgram(program, path) === undefined) return coded('ENOENT', `cannot start ${program}: program not found`);
  return coded('EAGAIN', `cannot start ${program}: the system refused a new process`);
}

function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

function findProgram(program: string, path: string | undefined): string | undefined {
  if (program.includes('/')) return isExecutable(program) ? program : undefined;
  for (const directory of (path ?? '').split(delimiter)) {
    const candidate = join(directory || '.', program);
    if (isExecutable(candidate)) return candidate;
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return false;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** As a shell reports it: 128 + n for signal n. */
export function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal ? os.signals[signal] : 0);
}
