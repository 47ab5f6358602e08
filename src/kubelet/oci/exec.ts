/**
 * Commands inside a running container, and connections to its own input and output. A command that cannot be started
 * rejects `exited` with the runtime's reason; one that runs too long is killed. It must never leave a process behind when
 * the caller goes away.
 */
import { PassThrough, type Readable } from 'node:stream';
import type { World } from '#world/world.ts';
import { type ExecOptions, type ExecSession, RuntimeError } from '../container-runtime.ts';
import { containerDirectory, type ContainerRecord, type OciContext, runtimeRoot } from './context.ts';
import { specInput } from './container.ts';
import { quote } from './helper-shell.ts';
import { execFailure, lastError } from './monitor.ts';
import { containerProcess } from './spec.ts';

const startedPollMs = 5;
const pidWithinMs = 5000;
const runtimeEndsWithinMs = 2000;
const descendantsMax = 10_000;

/** Starts a command; the session is there at once, before the runtime has entered the container. */
export async function execInContainer(
  context: OciContext,
  record: ContainerRecord,
  options: ExecOptions,
): Promise<ExecSession> {
  const { world, engine } = context;
  const sandbox = context.sandboxes.get(record.file.sandboxId);
  if (record.state !== 'running' || !sandbox)
    throw new RuntimeError(
      'ExecError',
      `container ${record.file.id} is in ${containerState(record)} state: container is not running`,
    );
  if (options.command.length === 0) throw new RuntimeError('ExecError', 'a command is needed');
  const directory = `${containerDirectory(context, record.file.id)}/exec-${world.random.suffix(10)}`;
  await world.disk.makeDirectory(directory, { mode: 0o700 });
  const process = containerProcess(await specInput(context, sandbox, record.file), options.command, {
    terminal: options.tty,
  });
  await world.disk.append(`${directory}/process.json`, JSON.stringify(process));
  const command = [
    engine.path,
    '--root',
    runtimeRoot(context),
    '--log',
    `${directory}/log.json`,
    '--log-format',
    'json',
    'exec',
    ...(options.tty ? ['--tty'] : []),
    '--process',
    `${directory}/process.json`,
    '--pid-file',
    `${directory}/pid`,
    record.file.id,
  ];
  const pidOf = async (): Promise<number | undefined> => {
    const pid = Number((await world.disk.readText(`${directory}/pid`)) || Number.NaN);
    return Number.isInteger(pid) && pid > 1 ? pid : undefined;
  };
  const running = options.tty ? startPty(world, command, options) : startPlain(world, command, options, pidOf);

  let timedOut = false;
  let over = false;
  const kill = async (): Promise<void> => {
    // Killing the runtime alone would leave the command: wait until it says which process it is.
    const deadline = world.clock.monotonic() + pidWithinMs;
    let pid = await pidOf();
    while (pid === undefined && !over && world.clock.monotonic() < deadline) {
      await world.clock.sleep(startedPollMs);
      pid = await pidOf();
    }
    if (over) return;
    if (pid !== undefined) {
      for (const process of [...(await descendants(world, pid)), pid]) world.processes.kill(process, 'SIGKILL');
      // The runtime ends by itself then, and takes the dead command along; killed first, it would leave a zombie that holds
      // the container's process namespace.
      await Promise.race([running.exited, world.clock.sleep(runtimeEndsWithinMs)]);
    }
    if (!over) running.kill();
  };
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : world.clock.after(options.timeoutMs, () => {
          timedOut = true;
          void kill().catch((error: unknown) =>
            world.log.warn('cannot kill a command', { error: (error as Error).message }),
          );
        });
  const exited = running.exited.then(async (code) => {
    over = true;
    timer?.cancel();
    await running.settled;
    const started = await pidOf();
    const complaint = lastError(await world.disk.readText(`${directory}/log.json`));
    await world.disk.remove(directory, { recursive: true });
    if (timedOut)
      throw new RuntimeError(
        'DeadlineExceeded',
        `failed to exec in container: timeout ${(options.timeoutMs ?? 0) / 1000}s exceeded: context deadline exceeded`,
      );
    if (started === undefined || (engine.kind === 'crun' && complaint !== undefined)) {
      throw new RuntimeError('ExecError', execFailure(complaint ?? `${engine.kind} ended with ${code}`));
    }
    return code;
  });
  // Who only reads the output must not get an unhandled rejection.
  exited.catch(() => {});
  return {
    stdin: running.stdin,
    stdout: running.stdout,
    stderr: running.stderr,
    exited,
    resize: running.resize,
    close: () =>
      void kill().catch((error: unknown) =>
        world.log.warn('cannot end a command', { error: (error as Error).message }),
      ),
  };
}

/** All processes that this one started, directly or not; those that were adopted by others are not found. */
async function descendants(world: World, pid: number): Promise<readonly number[]> {
  const found: number[] = [];
  const visit = async (parent: number): Promise<void> => {
    // The file is missing once the process is gone, and on kernels without CONFIG_PROC_CHILDREN.
    const children = await world.disk
      .readText(`/proc/${parent}/task/${parent}/children`)
      .catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ESRCH') return undefined;
        throw error;
      });
    for (const child of (children ?? '').split(' ').map(Number)) {
      if (child < 2 || found.length >= descendantsMax) continue;
      await visit(child);
      found.push(child);
    }
  };
  await visit(pid);
  return found;
}

interface Running extends Omit<ExecSession, 'close'> {
  /** When the command's directory is not looked at any more. */
  readonly settled: Promise<void>;
  kill(): void;
}

function startPty(world: World, command: readonly string[], options: ExecOptions): Running {
  const pty = world.processes.spawnPty(command);
  return {
    stdin: options.stdin ? pty.terminal : undefined,
    stdout: pty.terminal,
    stderr: undefined,
    settled: Promise.resolve(),
    exited: pty.exited,
    resize: (columns, rows) => pty.resize(columns, rows),
    kill: () => pty.kill('SIGKILL'),
  };
}

function startPlain(
  world: World,
  command: readonly string[],
  options: ExecOptions,
  pidOf: () => Promise<number | undefined>,
): Running {
  const child = world.processes.spawn(command);
  if (!options.stdin) child.stdin?.end();
  const stderr = new PassThrough();
  const settled = forwardErrors(world, child.stderr as Readable, stderr, { pidOf, exited: child.exited });
  return {
    stdin: options.stdin ? child.stdin : undefined,
    stdout: child.stdout as Readable,
    stderr,
    settled,
    exited: child.exited,
    resize: () => {},
    kill: () => child.kill('SIGKILL'),
  };
}

/**
 * The runtime says on stderr, too, why it could not start the command; only what the command itself says is passed on. What
 * comes early is held until the process id is known. Resolves when that question is answered for good.
 */
async function forwardErrors(
  world: World,
  from: Readable,
  to: PassThrough,
  command: { pidOf: () => Promise<number | undefined>; exited: Promise<number> },
): Promise<void> {
  const held: Buffer[] = [];
  let open = false;
  let over = false;
  let answer: Promise<void> | undefined;
  const decide = (): Promise<void> =>
    (answer ??= (async () => {
      for (;;) {
        const last = over;
        open = (await command.pidOf()) !== undefined;
        if (open || last) break;
        await world.clock.sleep(startedPollMs);
      }
      if (open) for (const chunk of held.splice(0)) to.write(chunk);
    })());
  from.on('data', (chunk: Buffer) => {
    if (!open) {
      held.push(chunk);
      from.pause();
      void decide().then(() => from.resume());
    } else if (!to.write(chunk)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  });
  from.on('error', (error) => world.log.debug('the error output of a command broke off', { error: error.message }));
  from.once('close', () => void decide().then(() => to.end()));
  await command.exited.catch(() => {});
  over = true;
  await decide();
}

/** Connects to the container's own input and output from now on. */
export function attachToContainer(
  context: OciContext,
  record: ContainerRecord,
  options: { stdin: boolean; tty: boolean },
): ExecSession {
  const { world } = context;
  const { io, file } = record;
  if (record.state !== 'running' || !io)
    throw new RuntimeError(
      'AttachError',
      `container ${file.id} is in ${containerState(record)} state: container is not running`,
    );
  const directory = containerDirectory(context, file.id);
  const streams = io.listen();
  // `cat` writes into the pipe: a container that does not read blocks it and not a thread of ours.
  const writer =
    options.stdin && file.config.stdin
      ? world.processes.spawn(['/bin/sh', '-c', 'exec cat >stdin'], { cwd: directory })
      : undefined;
  const end = Promise.withResolvers<number>();
  void writer?.exited.then(async () => {
    if (!file.config.stdinOnce || file.config.tty) return;
    const holder = Number((await world.disk.readText(`${directory}/holder`)) || Number.NaN);
    // Without its holder and its only client the container's input ends.
    if (Number.isInteger(holder) && holder > 1) world.processes.kill(holder, 'SIGKILL');
  });
  void record.gone?.then(
    () => end.resolve(record.result?.exitCode ?? 0),
    () => end.resolve(record.result?.exitCode ?? 255),
  );
  void end.promise.then(() => {
    streams.close();
    writer?.kill('SIGKILL');
  });
  return {
    stdin: writer?.stdin,
    stdout: streams.stdout,
    stderr: options.tty ? undefined : streams.stderr,
    exited: end.promise,
    resize(columns, rows) {
      if (!file.config.tty) return;
      void resizeTerminal(context, record, columns, rows).catch((error: unknown) =>
        world.log.debug('cannot resize a terminal', { error: (error as Error).message }),
      );
    },
    close: () => end.resolve(0),
  };
}

/**
 * Sets the size of the container's own terminal, reached through its first process. (The outer one, script's, would do with
 * runc, which passes sizes on; crun does not.)
 */
async function resizeTerminal(
  context: OciContext,
  record: ContainerRecord,
  columns: number,
  rows: number,
): Promise<void> {
  if (![columns, rows].every((size) => Number.isInteger(size) && size > 0 && size <= 65_535)) return;
  const terminal = `/proc/${record.pid}/fd/0`;
  const target = await context.world.disk.readLink(terminal);
  if (!target?.startsWith('/dev/')) return;
  await context.shell.must('stty', `stty -F ${quote(terminal)} rows ${rows} cols ${columns}`);
}

function containerState(record: ContainerRecord): string {
  return `CONTAINER_${record.state === 'starting' ? 'CREATED' : record.state.toUpperCase()}`;
}
