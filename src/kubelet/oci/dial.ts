/**
 * Connections to a pod's own loopback, for port-forward and probes of localhost. A process cannot change the network
 * namespace of its sockets, so relay.mjs is started inside the pod's on the first call and shared by later ones; it leaves
 * by itself when it is idle. The path to its socket goes through /proc, because a socket's path may have 107 bytes only.
 */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type { ChildProcess, World } from '#world/world.ts';
import { NetworkError } from '#world/world.ts';

export interface PodDialer {
  dial(port: number): Promise<Duplex>;
  stop(): Promise<void>;
}

const idleSeconds = 60;
const startWithinMs = 10_000;

/** `directory` gets the socket; `netnsPath` is the pod's network namespace. */
export function podDialer(
  world: World,
  options: { readonly directory: string; readonly netnsPath: string; readonly programPath: string },
): PodDialer {
  let relay: Promise<ChildProcess> | undefined;

  async function start(): Promise<ChildProcess> {
    // One that was killed leaves its own behind.
    await world.disk.remove(`${options.directory}/relay`);
    const node = (await world.disk.readLink('/proc/self/exe')) ?? 'node';
    const child = world.processes.spawn(
      ['nsenter', `--net=${options.netnsPath}`, '--', node, options.programPath, String(idleSeconds)],
      {
        cwd: options.directory,
        stdio: 'ignore',
      },
    );
    let gone = false;
    void child.exited.then(() => {
      gone = true;
      relay = undefined;
    });
    const deadline = world.clock.monotonic() + startWithinMs;
    while (!(await world.disk.stat(`${options.directory}/relay`))) {
      if (gone || world.clock.monotonic() > deadline) {
        child.kill('SIGKILL');
        throw new Error('cannot enter the network of the pod');
      }
      await world.clock.sleep(5);
    }
    return child;
  }

  async function connect(port: number): Promise<Duplex> {
    const child = await (relay ??= start().catch((error: unknown) => {
      relay = undefined;
      throw error;
    }));
    const socket = await world.network.dialTcp({ path: `/proc/${child.pid}/cwd/relay` });
    socket.write(`${port}\n`);
    const answer = await firstLine(socket);
    if (answer === 'ok') return socket;
    socket.destroy();
    const said = answer === 'ECONNREFUSED' ? 'connection refused' : answer.toLowerCase();
    throw new NetworkError(answer, `dial tcp4 127.0.0.1:${port}: connect: ${said}`);
  }

  return {
    async dial(port) {
      const before = relay;
      try {
        return await connect(port);
      } catch (error) {
        // It may have left for want of work at this very moment.
        const { code } = error as NodeJS.ErrnoException;
        if (!before || (code !== 'ENOENT' && code !== 'ECONNREFUSED') || relay === before) throw error;
        return connect(port);
      }
    },
    async stop() {
      const running = await relay?.catch(() => undefined);
      relay = undefined;
      running?.kill('SIGKILL');
      await running?.exited;
    },
  };
}

/** Reads the relay's answer and leaves what follows in the socket. */
async function firstLine(socket: Duplex): Promise<string> {
  let line = '';
  for (;;) {
    const byte = socket.read(1) as Buffer | null;
    if (byte !== null) {
      if (byte[0] === 0x0a) return line;
      line += byte.toString('latin1');
      if (line.length > 32) return 'EPROTO';
      continue;
    }
    if (socket.readableEnded || socket.destroyed) return line || 'ECONNRESET';
    await Promise.race([once(socket, 'readable'), once(socket, 'close')]);
  }
}
