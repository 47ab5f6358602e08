/**
 * Long-lived `sh` processes that run small scripts for mounts, namespaces and named pipes: a fork of a 1 MB shell instead of
 * a fork of this process for every step (PERFORMANCE.md (h)). Every value that enters a script goes through `quote`. When
 * this process dies the shells read the end of their input and end too.
 */
import type { ChildProcess, Millis, World } from '#world/world.ts';

export interface HelperShell extends AsyncDisposable {
  /** Runs a script in a subshell; the code is the script's, the output holds stdout and stderr together. */
  run(script: string): Promise<{ readonly code: number; readonly output: string }>;
  /** The same, but a code other than 0 throws what the script printed, after `what`. */
  must(what: string, script: string): Promise<string>;
}

const shellsMax = 3; // one stuck unmount must not stop everything else
const scriptWithinMs: Millis = 60_000;
const outputBytesMax = 1024 * 1024;

/** One word of a shell script, whatever it contains. */
export function quote(word: string): string {
  if (word.includes('\0')) throw new TypeError('a zero byte cannot be part of a command');
  return /^[A-Za-z0-9_./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

export function helperShell(world: World): HelperShell {
  const idle: Shell[] = [];
  const waiting: ((shell: Shell) => void)[] = [];
  let running = 0;
  let closed = false;

  async function take(): Promise<Shell> {
    if (closed) throw new Error('the runtime is closed');
    const shell = idle.pop();
    if (shell) return shell;
    if (running < shellsMax) {
      running++;
      return startShell(world);
    }
    return new Promise((resolve) => waiting.push(resolve));
  }

  function giveBack(shell: Shell): void {
    const usable = shell.alive() && !closed ? shell : undefined;
    const next = waiting.shift();
    if (next) next(usable ?? startShell(world));
    else if (usable) idle.push(usable);
    else {
      running--;
      void shell.end();
    }
  }

  async function run(script: string): Promise<{ code: number; output: string }> {
    const shell = await take();
    try {
      return await shell.run(script);
    } finally {
      giveBack(shell);
    }
  }

  return {
    run,
    async must(what, script) {
      const { code, output } = await run(script);
      if (code !== 0) throw new Error(`${what}: ${output.trim() || `exit code ${code}`}`);
      return output;
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      await Promise.all(idle.splice(0).map((shell) => shell.end()));
    },
  };
}

interface Shell {
  run(script: string): Promise<{ code: number; output: string }>;
  alive(): boolean;
  end(): Promise<unknown>;
}

function startShell(world: World): Shell {
  const child: ChildProcess = world.processes.spawn(['/bin/sh'], { env: { LC_ALL: 'C' } });
  const mark = `k8ts-${world.random.uuid()}`;
  const pattern = new RegExp(`\\n${mark} (\\d+)\\n$`);
  let alive = true;
  let output = '';
  let done: ((result: { code: number; output: string } | Error) => void) | undefined;
  const finish = (result: { code: number; output: string } | Error): void => {
    const report = done;
    done = undefined;
    output = '';
    report?.(result);
  };
  const read = (chunk: Buffer): void => {
    output += chunk.toString('utf8');
    const found = pattern.exec(output);
    if (found) finish({ code: Number(found[1]), output: output.slice(0, found.index) });
    else if (output.length > outputBytesMax) output = output.slice(-outputBytesMax);
  };
  child.stdout?.on('data', read);
  child.stderr?.on('data', read);
  void child.exited.then((code) => {
    alive = false;
    finish(new Error(`a helper shell ended with ${code}: ${output.slice(0, 500)}`));
  });
  return {
    alive: () => alive,
    end() {
      child.stdin?.end();
      return child.exited;
    },
    run(script) {
      return new Promise((resolve, reject) => {
        const timer = world.clock.after(scriptWithinMs, () => {
          alive = false;
          child.kill('SIGKILL');
          finish(new Error(`a helper script did not end within ${scriptWithinMs} ms`));
        });
        done = (result) => {
          timer.cancel();
          if (result instanceof Error) reject(result);
          else resolve(result);
        };
        child.stdin?.write(`(\n${script}\n) </dev/null 2>&1\nprintf '\\n%s %d\\n' ${mark} $?\n`);
      });
    },
  };
}
