/**
 * The small process beside every container that outlives this one: a shell that runs `crun run` or `runc run` in the
 * foreground, holds the named pipes of the container's output open (so the container never gets SIGPIPE, whoever reads or
 * not), writes down the exit code, and says goodbye in the pipes themselves: after the mark nothing more comes. It stays
 * until it is killed, because what the pipes hold would be lost with their last holder.
 *
 * A container directory holds: stdout, stderr, stdin (pipes), monitor (its process id), holder (who keeps stdin open),
 * pid (of the container, written by the runtime), log.json (what the runtime complains about), exit (`<code> end`).
 */
import type { Engine } from './engine.ts';
import { quote } from './helper-shell.ts';

export interface MonitorInput {
  readonly engine: Engine;
  /** The container's directory, which is its OCI bundle too. */
  readonly directory: string;
  readonly runtimeRoot: string;
  readonly id: string;
  readonly tty: boolean;
  readonly stdin: boolean;
  /** What the monitor writes into the pipes when everything has been said. */
  readonly endMark: string;
}

/** Never part of what programs print: control characters around 128 random bits. */
export function endMark(nonce: string): string {
  return `\u0001\u0002k8ts-end-${nonce}\u0003`;
}

/** Script for a helper shell: starts the monitor in a session of its own and returns at once. */
export function monitorScript(input: MonitorInput): string {
  const { engine, directory } = input;
  const run = [
    engine.path,
    '--root',
    input.runtimeRoot,
    '--log',
    `${directory}/log.json`,
    '--log-format',
    'json',
    'run',
    ...(engine.keeps ? ['--keep'] : []),
    '--bundle',
    directory,
    '--pid-file',
    `${directory}/pid`,
    input.id,
  ]
    .map(quote)
    .join(' ');
  const mark = [...input.endMark]
    .map((character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`)
    .join('');
  const sleep = 'sleep 2147483647';
  const steps = [`echo $$ >monitor`, `exec 3<>stdout`, ...(input.tty ? [] : [`exec 4<>stderr`])];
  if (input.tty) {
    // util-linux' script(1) holds the terminal; its input never ends, as a terminal's does not.
    steps.push(`exec 5<>stdin`, `script -q -f -e -c ${quote(`exec ${run}`)} /dev/null <&5 >&3 2>&3 5<&-`);
  } else if (input.stdin) {
    // The holder keeps the pipe's writing end: killing it is how the container's input ends (stdinOnce).
    steps.push(
      `exec 5<>stdin`,
      `${sleep} >stdin 3>&- 4>&- 5>&- & echo $! >holder`,
      `exec 6<stdin 5<&-`,
      `${run} <&6 >&3 2>&4 3>&- 4>&- 6<&-`,
    );
  } else steps.push(`${run} </dev/null >&3 2>&4 3>&- 4>&-`);
  steps.push(`echo "$? end" >exit`);
  if (input.stdin && !input.tty) steps.push(`kill "$(cat holder)"`);
  steps.push(`printf '${mark}' >&3`, ...(input.tty ? [] : [`printf '${mark}' >&4`]), `exec ${sleep}`);
  return `cd ${quote(directory)} && SHELL=/bin/sh setsid /bin/sh -c ${quote(steps.join('\n'))} k8ts-monitor </dev/null >/dev/null 2>&1 &`;
}

/** The code in an exit file; undefined while it is missing or half written. */
export function parseExit(text: string | undefined): number | undefined {
  const found = /^(\d{1,3}) end$/m.exec(text ?? '');
  return found ? Number(found[1]) : undefined;
}

/** The last complaint in the runtime's JSON log. */
export function lastError(log: string | undefined): string | undefined {
  for (const line of (log ?? '').split('\n').toReversed()) {
    if (!line.startsWith('{')) continue;
    let entry: { level?: unknown; msg?: unknown };
    try {
      entry = JSON.parse(line) as typeof entry;
    } catch (error) {
      if (error instanceof SyntaxError) continue;
      throw error;
    }
    if ((entry.level === 'error' || entry.level === 'fatal') && typeof entry.msg === 'string') return entry.msg;
  }
  return undefined;
}

/** The runtime's complaint in the words kubectl users know from containerd. */
export function startFailure(engine: Engine, message: string): string {
  const reason = message.replace(/^runc run failed: /, '').replace(/^unable to start container process: /, '');
  return `failed to create task: OCI runtime create failed: ${engine.kind} create failed: unable to start container process: ${named(reason)}: unknown`;
}

/** The same for exec. */
export function execFailure(message: string): string {
  const reason = message.replace(/^exec failed: /, '').replace(/^unable to start container process: /, '');
  return `failed to exec in container: OCI runtime exec failed: exec failed: unable to start container process: ${named(reason)}: unknown`;
}

/** crun says: executable file `foo` not found in $PATH: No such file or directory. */
function named(reason: string): string {
  return reason.replace(
    /^executable file [`'"](.+?)[`'"] not found in \$PATH.*$/,
    'exec: "$1": executable file not found in $PATH',
  );
}
