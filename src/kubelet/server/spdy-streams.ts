/**
 * Remote commands over SPDY, for clients older than WebSocket exec (kubectl before 1.30): each of error, stdin, stdout, stderr and resize is a stream of its own.
 */
import type { HttpUpgrade } from '#world/world.ts';
import type { RemoteOptions, RemoteStreams } from './remote-command.ts';
import { serveSpdy, type SpdySession, type SpdyStream } from './spdy.ts';
import { sized } from './websocket.ts';

const protocols = ['v4.channel.k8s.io'];

export const isSpdy = ({ headers }: HttpUpgrade): boolean =>
  String(headers['upgrade'] ?? '').toLowerCase() === 'spdy/3.1';

/** Answers 101 with the protocol both know. Throws when there is none. */
export function acceptSpdy(upgrade: HttpUpgrade, known: readonly string[]): void {
  const header = upgrade.headers['x-stream-protocol-version'];
  const offered = (typeof header === 'string' ? [header] : (header ?? [])).flatMap((value) =>
    value.split(',').map((each) => each.trim()),
  );
  const chosen = offered.length === 0 ? known[0] : known.find((protocol) => offered.includes(protocol));
  if (!chosen)
    throw new Error(
      `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${known.join(' ')}]`,
    );
  upgrade.socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${chosen}\r\n\r\n`,
  );
  if (upgrade.head.length > 0) upgrade.socket.unshift(upgrade.head);
}

/** Waits until the client has opened every stream that its options promise. */
export async function spdyStreams(upgrade: HttpUpgrade, options: RemoteOptions): Promise<RemoteStreams> {
  acceptSpdy(upgrade, protocols);
  const wanted = new Set(['error']);
  if (options.stdin) wanted.add('stdin');
  if (options.stdout) wanted.add('stdout');
  if (options.stderr) wanted.add('stderr');
  if (options.tty) wanted.add('resize');
  const streams = new Map<string, SpdyStream>();
  const session = await new Promise<SpdySession>((resolve, reject) => {
    const made = serveSpdy(upgrade.socket, (stream) => {
      stream.on('error', () => undefined);
      streams.set(stream.headers.get('streamtype') ?? '', stream);
      if ([...wanted].every((name) => streams.has(name))) resolve(made);
    });
    made.onClose(() => reject(new Error('the client went away')));
  });
  return {
    stdin: streams.get('stdin'),
    stdout: streams.get('stdout'),
    stderr: streams.get('stderr'),
    onResize: (listener) => {
      let rest = '';
      streams.get('resize')?.on('data', (chunk: Buffer) => {
        const lines = (rest + chunk.toString('utf8')).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) sized(Buffer.from(line), listener);
      });
    },
    onClose: (listener) => session.onClose(listener),
    finish: async (status) => {
      for (const name of ['stdout', 'stderr']) streams.get(name)?.end();
      await new Promise<void>((resolve) => {
        const error = streams.get('error');
        if (!error) resolve();
        else error.end(status, () => resolve());
      });
      // The client closes the connection once it has read the status.
      await new Promise<void>((resolve) => session.onClose(resolve));
    },
  };
}
