/**
 * The reading side of a container's pipes: everything goes to the log and to whoever is attached, until the monitor's end
 * mark. A slow log stops the reading (and so, in time, the container), a slow client is dropped instead: nobody who only
 * watches may stop a container.
 */
import { PassThrough, type Readable } from 'node:stream';
import type { World } from '#world/world.ts';
import type { ContainerLog } from './container-log.ts';

export interface ContainerIo extends AsyncDisposable {
  /** Resolves when both pipes have said everything. */
  readonly ended: Promise<void>;
  /** Ends it when the monitor is gone and its mark will never come: what is in the pipes now is read first. */
  giveUp(): Promise<void>;
  listen(): { stdout: Readable; stderr: Readable | undefined; close(): void };
  readonly log: ContainerLog;
}

const attachedBufferMax = 4 * 1024 * 1024;
const giveUpAfterMs = 100;

export async function openContainerIo(
  world: World,
  options: { readonly directory: string; readonly tty: boolean; readonly endMark: string; readonly log: ContainerLog },
): Promise<ContainerIo> {
  const { log } = options;
  const names = options.tty ? (['stdout'] as const) : (['stdout', 'stderr'] as const);
  const mark = Buffer.from(options.endMark, 'latin1');
  const listeners = new Set<Record<'stdout' | 'stderr', PassThrough>>();
  let closing = false;
  const drop = (listener: Record<'stdout' | 'stderr', PassThrough>): void => {
    listeners.delete(listener);
    listener.stdout.end();
    listener.stderr.end();
  };

  const pump = async (name: 'stdout' | 'stderr'): Promise<Pump> => {
    const pipe = await world.disk.openPipe(`${options.directory}/${name}`);
    const done = Promise.withResolvers<void>();
    let held: Buffer = Buffer.alloc(0);
    const give = (chunk: Buffer): void => {
      if (chunk.length === 0) return;
      if (!log.write(name, chunk)) {
        pipe.pause();
        void log.drained().then(() => pipe.resume());
      }
      for (const listener of listeners) {
        listener[name].write(chunk);
        if (listener[name].writableLength > attachedBufferMax) drop(listener);
      }
    };
    pipe.on('data', (chunk: Buffer) => {
      const bytes = held.length > 0 ? Buffer.concat([held, chunk]) : chunk;
      held = Buffer.alloc(0);
      if (bytes.length >= mark.length && bytes.subarray(bytes.length - mark.length).equals(mark)) {
        give(bytes.subarray(0, bytes.length - mark.length));
        done.resolve();
        return;
      }
      // A read may end in the middle of the mark: keep what could be its beginning.
      let keep = Math.min(bytes.length, mark.length - 1);
      while (keep > 0 && !bytes.subarray(bytes.length - keep).equals(mark.subarray(0, keep))) keep--;
      give(bytes.subarray(0, bytes.length - keep));
      if (keep > 0) held = Buffer.from(bytes.subarray(bytes.length - keep));
    });
    pipe.on('error', (error) => {
      if (!closing)
        world.log.warn('cannot read the output of a container', { path: options.directory, error: error.message });
      done.resolve();
    });
    return { pipe, ended: done.promise, flush: () => give(held) };
  };

  const pumps = await Promise.all(names.map(pump));
  const given = Promise.withResolvers<void>();
  const finished = Promise.race([Promise.all(pumps.map((one) => one.ended)), given.promise]).then(async () => {
    closing = true;
    for (const listener of listeners) drop(listener);
    for (const { pipe } of pumps) pipe.destroy();
  });
  return {
    ended: finished,
    log,
    async giveUp() {
      await world.clock.sleep(giveUpAfterMs);
      for (const one of pumps) one.flush();
      given.resolve();
      await finished;
    },
    listen() {
      const listener = {
        stdout: new PassThrough({ highWaterMark: 64 * 1024 }),
        stderr: new PassThrough({ highWaterMark: 64 * 1024 }),
      };
      if (closing) drop(listener);
      else listeners.add(listener);
      return {
        stdout: listener.stdout,
        stderr: options.tty ? undefined : listener.stderr,
        close: () => drop(listener),
      };
    },
    async [Symbol.asyncDispose]() {
      closing = true;
      for (const listener of listeners) drop(listener);
      for (const { pipe } of pumps) pipe.destroy();
    },
  };
}

interface Pump {
  readonly pipe: Readable & AsyncDisposable;
  readonly ended: Promise<void>;
  flush(): void;
}
