/**
 * Children under a pseudo terminal, by node-pty. The native module is loaded at the first use only: most processes of a
 * cluster never open a terminal, and a platform without a prebuilt binary can still run everything else.
 */
import { createRequire } from 'node:module';
import { Duplex } from 'node:stream';
import type { PtyProcess, SpawnOptions } from '../world.ts';

type NodePty = typeof import('@lydell/node-pty');

let loaded: NodePty | undefined;

function nodePty(): NodePty {
  return (loaded ??= createRequire(import.meta.url)('@lydell/node-pty') as NodePty);
}

export function spawnPty(
  program: string,
  args: readonly string[],
  options: SpawnOptions & { columns?: number; rows?: number },
): PtyProcess {
  const pty = nodePty().spawn(program, [...args], {
    name: 'xterm-256color',
    cols: options.columns ?? 80,
    rows: options.rows ?? 24,
    env: { ...process.env, ...options.env },
    encoding: null,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const exited = Promise.withResolvers<number>();
  const terminal = new Duplex({
    read: () => pty.resume(),
    write(chunk: Buffer, _encoding, done) {
      // The declared type says string; the implementation hands bytes to its socket untouched.
      pty.write(chunk as unknown as string);
      done();
    },
    final(done) {
      // The terminal's own end of file: what Ctrl-D sends.
      pty.write('\u0004');
      done();
    },
    destroy(error, done) {
      if (running) pty.kill('SIGHUP');
      pty.resume();
      done(error);
    },
  });
  let running = true;
  // With encoding null the data are Buffers, whatever the declared type says.
  pty.onData((data) => {
    if (!terminal.destroyed && !terminal.push(data as unknown as Buffer)) pty.pause();
  });
  pty.onExit(({ exitCode, signal }) => {
    running = false;
    if (!terminal.destroyed) terminal.push(null);
    exited.resolve(signal ? 128 + signal : exitCode);
  });
  return {
    pid: pty.pid,
    terminal,
    exited: exited.promise,
    resize(columns, rows) {
      if (running && columns > 0 && rows > 0) pty.resize(Math.min(columns, 65_535), Math.min(rows, 65_535));
    },
    kill(signal) {
      if (running) pty.kill(signal);
    },
  };
}
