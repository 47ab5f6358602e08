/**
 * What exec and attach are, whatever carries them: named streams of one remote command and the status at its end. `websocket.ts` and `spdy-streams.ts` make the
 * streams; this joins them to the runtime's session.
 */
import type { Readable, Writable } from 'node:stream';
import type { ExecSession } from '../container-runtime.ts';

/** The client's side of a remote command. */
export interface RemoteStreams {
  /** What the client types; absent when it asked for no stdin. */
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** Called with the terminal's size as the client's changes. */
  onResize(listener: (columns: number, rows: number) => void): void;
  /** Called when the client goes away. */
  onClose(listener: () => void): void;
  /** Sends the final status and closes. */
  finish(status: string): Promise<void>;
}

export interface RemoteOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** The options of an exec or attach URL, in the kubelet's names. */
export function remoteOptions(query: URLSearchParams): RemoteOptions {
  const on = (name: string): boolean => query.get(name) === '1' || query.get(name) === 'true';
  const tty = on('tty');
  return { stdin: on('input'), stdout: on('output'), stderr: on('error') && !tty, tty };
}

export const success = JSON.stringify({ metadata: {}, status: 'Success' });

/** The status of a command that exited with another code than 0. */
export const exitStatus = (code: number): string =>
  code === 0
    ? success
    : JSON.stringify({
        metadata: {},
        status: 'Failure',
        message: `command terminated with non-zero exit code: exit status ${code}`,
        reason: 'NonZeroExitCode',
        details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
      });

export const failureStatus = (message: string): string =>
  JSON.stringify({ metadata: {}, status: 'Failure', message, reason: 'InternalError', code: 500 });

/** Joins client and command until the command ends or the client goes away. */
export async function joinSession(session: ExecSession, streams: RemoteStreams): Promise<void> {
  const gone = new Promise<'gone'>((resolve) => streams.onClose(() => resolve('gone')));
  streams.onResize((columns, rows) => session.resize(columns, rows));
  if (streams.stdin && session.stdin) {
    const { stdin } = session;
    stdin.on('error', () => undefined); // The command closed its stdin; what is typed on is lost, as in a shell.
    streams.stdin.pipe(stdin);
  }
  const outputs = Promise.all([
    forward(session.stdout, streams.stdout),
    session.stderr ? forward(session.stderr, streams.stderr) : undefined,
  ]);
  // When the client went away nobody waits for the rest of the output, and how it ended does not matter.
  outputs.catch(() => undefined);
  const ended = await Promise.race([session.exited.then(async (code) => (await outputs, code)), gone]);
  if (ended === 'gone') {
    session.close();
    return;
  }
  await streams.finish(exitStatus(ended));
}

/** Everything of a source into a target, at the target's pace; a source nobody wants is drained. */
async function forward(source: Readable, target: Writable | undefined): Promise<void> {
  for await (const chunk of source) {
    if (!target || target.destroyed) continue;
    if (target.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      const on = (): void => {
        target.off('drain', on).off('close', on);
        resolve();
      };
      target.on('drain', on).on('close', on);
    });
  }
}
