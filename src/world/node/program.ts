/**
 * What only a program's outermost layer may do: its arguments, its terminal, its signals, its exit. Used by `cli/` alone; everything below gets a World.
 */
import { spawn } from 'node:child_process';
import { flushCompileCache } from 'node:module';

export interface Program {
  readonly arguments: readonly string[];
  /** Path of the running Node, and its version. */
  readonly node: string;
  readonly nodeVersion: string;
  readonly isTerminal: boolean;
  out(text: string): void;
  err(text: string): void;
  /** Called once, at the first SIGTERM, SIGINT or SIGHUP. */
  onTerminate(listener: (signal: string) => void): void;
  exit(code: number): never;
  /** Keeps what was compiled so far for the next start, which Node else does at a good end only. */
  keepCompiled(): void;
  /** Runs a command on this program's own terminal; answers its exit code. */
  run(command: readonly string[], env: Readonly<Record<string, string>>): Promise<number>;
}

export const program: Program = {
  arguments: process.argv.slice(2),
  node: process.execPath,
  nodeVersion: process.version,
  isTerminal: process.stdout.isTTY === true,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  onTerminate(listener) {
    let heard = false;
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (heard) return;
        heard = true;
        listener(signal);
      });
    }
  },
  exit: (code) => process.exit(code),
  keepCompiled: flushCompileCache,
  run: ([file = '', ...rest], env) =>
    new Promise((resolve, reject) => {
      const child = spawn(file, rest, { stdio: 'inherit', env: { ...process.env, ...env } });
      // The terminal sends ^C to both: the child decides what it means.
      process.on('SIGINT', () => undefined);
      child.on('error', reject);
      child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
    }),
};
