/**
 * One `ip -batch -` process that lives as long as the agent: a change of an interface or a route is a line through a pipe
 * (0.03 ms) instead of a process (2 ms). It runs one list of commands after the other, in the network namespace that this
 * process is in. It must never be given text that was not checked: a line break would be another command.
 */
import { deferred, type Deferred } from '#base/deferred.ts';
import type { ChildProcess, Millis, World } from '#world/world.ts';

/** The answer to this is the sign that everything before it is done; loopback is always there. */
const marker = 'link show dev lo';
const markerLine = /^\d+: lo: /;
const timeoutMs: Millis = 10_000;
const outputLengthMax = 1_000_000;

export interface IpBatch extends AsyncDisposable {
  /**
   * Runs the commands (without `ip` before them) in order. A failed one does not stop the others; answers what failed:
   * `command: reason`.
   */
  run(commands: readonly string[]): Promise<readonly string[]>;
}

/** Starts with the first commands; a helper that died is replaced at the next ones. */
export function ipBatch(world: World): IpBatch {
  let helper: Helper | undefined;
  let tail: Promise<unknown> = Promise.resolve();
  let closed = false;

  const runNow = async (commands: readonly string[]): Promise<readonly string[]> => {
    if (closed) throw new Error('the helper for interfaces is closed');
    const current = helper?.alive ? helper : startHelper(world);
    helper = current;
    const timer = world.clock.after(timeoutMs, () => current.child.kill('SIGKILL'));
    try {
      return await current.run(commands);
    } finally {
      timer.cancel();
    }
  };

  return {
    run(commands) {
      const bad = commands.find((command) => /[\n\r\0\\#]/.test(command));
      if (bad !== undefined) return Promise.reject(new Error(`not one command: ${JSON.stringify(bad)}`));
      const result = tail.then(() => runNow(commands));
      tail = result.catch(() => undefined);
      return result;
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      await tail;
      helper?.child.stdin?.end();
      await helper?.child.exited.catch(() => undefined);
    },
  };
}

interface Helper {
  readonly child: ChildProcess;
  readonly alive: boolean;
  run(commands: readonly string[]): Promise<readonly string[]>;
}

function startHelper(world: World): Helper {
  // One pipe for both outputs keeps a failure before the marker that follows it.
  const child = world.processes.spawn(['/bin/sh', '-c', 'exec ip -o -force -batch - 2>&1']);
  const { stdin, stdout } = child;
  if (!stdin || !stdout) throw new Error('the helper for interfaces has no pipes');
  let alive = true;
  let waiting: Deferred<readonly string[]> | undefined;
  let output = '';
  let line = 0;
  const fail = (reason: string): void => {
    alive = false;
    waiting?.reject(new Error(`the helper for interfaces ended: ${reason}${output ? `: ${output}` : ''}`));
    waiting = undefined;
  };
  stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('latin1');
    if (output.length > outputLengthMax) {
      child.kill('SIGKILL');
      return;
    }
    if (!output.endsWith('\n') || !output.split('\n').some((text) => markerLine.test(text))) return;
    const lines = output.split('\n');
    output = '';
    waiting?.resolve(
      lines.slice(
        0,
        lines.findIndex((text) => markerLine.test(text)),
      ),
    );
    waiting = undefined;
  });
  child.exited.then(
    (code) => fail(`exit code ${code}`),
    (error: unknown) => fail(String(error)),
  );
  return {
    child,
    get alive() {
      return alive;
    },
    async run(commands) {
      const first = line + 1;
      line += commands.length + 1;
      const answer = (waiting = deferred<readonly string[]>());
      stdin.write(`${[...commands, marker].join('\n')}\n`);
      return failures(await answer.promise, commands, first);
    },
  };
}

/** `ip` says the reason on one line and the number of the command on the next. */
function failures(lines: readonly string[], commands: readonly string[], first: number): readonly string[] {
  const found: string[] = [];
  let reason: string[] = [];
  for (const text of lines) {
    const failed = /^Command failed -:(\d+)$/.exec(text);
    if (failed) {
      found.push(`${commands[Number(failed[1]) - first] ?? 'ip'}: ${reason.join(' ') || 'failed'}`);
      reason = [];
    } else if (text) {
      reason.push(text);
    }
  }
  return found;
}
