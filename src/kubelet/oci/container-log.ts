/**
 * A container's log in CRI's format: `<RFC 3339 nanos> stdout|stderr F|P <line>`, long lines in parts. The file is turned
 * over before it grows past its limit, and old ones are dropped. It must never hold more than one part of a line in memory,
 * whatever the container prints.
 */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { World } from '#world/world.ts';

export interface LogLimits {
  readonly bytesMax: number;
  /** With the current one. */
  readonly filesMax: number;
}

/** The kubelet's defaults for containerLogMaxSize and containerLogMaxFiles. */
export const logLimits: LogLimits = { bytesMax: 10 * 1024 * 1024, filesMax: 5 };

const partBytesMax = 16 * 1024; // as containerd and CRI-O cut lines
const bufferedBytesMax = 1024 * 1024;

export interface ContainerLog {
  /** False when the disk is slow: await `drained` before more. */
  write(stream: 'stdout' | 'stderr', chunk: Buffer): boolean;
  drained(): Promise<void>;
  /** Continues in a new file at the same path. */
  reopen(): Promise<void>;
  /** Writes what stands without a line end and closes; unless `final`, the line may go on in a later writer. */
  end(final: boolean): Promise<void>;
}

export async function openContainerLog(
  world: World,
  path: string,
  limits: LogLimits = logLimits,
): Promise<ContainerLog> {
  await world.disk.makeDirectory(path.slice(0, path.lastIndexOf('/')), { mode: 0o755 });
  let sizeBytes = (await world.disk.stat(path))?.sizeBytes ?? 0;
  let file = open();
  let turning: Promise<void> | undefined;
  let failed: Error | undefined;
  /** Lines that arrive while the file is being turned over. */
  const held: string[] = [];
  let heldBytes = 0;
  const partial: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  const partialBytes = { stdout: 0, stderr: 0 };

  function open(): Writable {
    const stream = world.disk.writeStream(path, { append: true, mode: 0o640 });
    stream.on('error', (error) => {
      // A full disk loses log lines, not containers.
      if (!failed) world.log.error('cannot write a container log', { path, error: error.message });
      failed = error;
    });
    return stream;
  }

  async function close(stream: Writable): Promise<void> {
    if (stream.destroyed) return;
    const closed = once(stream, 'close').catch(() => {});
    stream.end();
    await closed;
  }

  function turn(work: () => Promise<void>): Promise<void> {
    const next = (turning ?? Promise.resolve()).then(async () => {
      try {
        await close(file);
        await work();
      } catch (error) {
        world.log.error('cannot rotate a container log', { path, error: (error as Error).message });
      }
      failed = undefined;
      sizeBytes = (await world.disk.stat(path))?.sizeBytes ?? 0;
      file = open();
      for (const text of held.splice(0)) put(text);
      heldBytes = 0;
    });
    turning = next.finally(() => {
      if (turning === current) turning = undefined;
    });
    const current = turning;
    return current;
  }

  async function rotate(): Promise<void> {
    const stamp = new Date(world.clock.now()).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
    const slash = path.lastIndexOf('/');
    const [directory, base] = [path.slice(0, slash), path.slice(slash + 1)];
    const rotated = ((await world.disk.list(directory)) ?? [])
      .map(({ name }) => name)
      .filter((name) => /^\.\d{8}-\d{6}(\.\d{4})?$/.test(name.startsWith(base) ? name.slice(base.length) : ''));
    // Names must sort by age even when several files fill up within one second.
    const last = rotated.toSorted().at(-1) ?? '';
    const count = last.startsWith(`${base}.${stamp}`) ? Number(last.slice(base.length + stamp.length + 2) || 0) + 1 : 0;
    const target = `${path}.${stamp}${count === 0 ? '' : `.${String(count).padStart(4, '0')}`}`;
    await world.disk.rename(path, target);
    const all = [...rotated, target.slice(slash + 1)].sort();
    for (const old of all.slice(0, Math.max(0, all.length - (limits.filesMax - 1))))
      await world.disk.remove(`${directory}/${old}`);
  }

  function put(text: string): void {
    sizeBytes += Buffer.byteLength(text, 'latin1');
    if (!failed) file.write(text, 'latin1');
  }

  function line(stream: 'stdout' | 'stderr', tag: 'F' | 'P', content: string): void {
    const text = `${timestamp(world.clock.now())} ${stream} ${tag} ${content}\n`;
    if (turning) {
      held.push(text);
      heldBytes += text.length;
      return;
    }
    put(text);
    if (sizeBytes >= limits.bytesMax) void turn(rotate);
  }

  function flush(stream: 'stdout' | 'stderr', tag: 'F' | 'P'): void {
    const content = Buffer.concat(partial[stream]).toString('latin1');
    partial[stream] = [];
    partialBytes[stream] = 0;
    line(stream, tag, content);
  }

  let draining: Promise<void> | undefined;
  async function drain(): Promise<void> {
    await turning;
    const current = file;
    if (failed || current.destroyed || current.writableLength < bufferedBytesMax) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        current.off('drain', done);
        current.off('close', done);
        resolve();
      };
      current.on('drain', done);
      current.on('close', done);
    });
  }

  return {
    write(stream, chunk) {
      for (let at = 0; at < chunk.length;) {
        const newline = chunk.indexOf(0x0a, at);
        const room = partBytesMax - partialBytes[stream];
        const end = Math.min(newline < 0 ? chunk.length : newline, at + room);
        // A copy: the chunk's memory is the pipe's 64 KiB buffer, too much to keep for half a line.
        if (end > at) partial[stream].push(Buffer.from(chunk.subarray(at, end)));
        partialBytes[stream] += end - at;
        at = end;
        if (newline === end) {
          at++;
          flush(stream, 'F');
        } else if (partialBytes[stream] >= partBytesMax) flush(stream, 'P');
      }
      return heldBytes + (failed ? 0 : file.writableLength) < bufferedBytesMax;
    },
    drained() {
      return (draining ??= drain().finally(() => (draining = undefined)));
    },
    reopen: () => turn(async () => {}),
    async end(final) {
      for (const stream of ['stdout', 'stderr'] as const)
        if (partialBytes[stream] > 0) flush(stream, final ? 'F' : 'P');
      await turning;
      await close(file);
    },
  };
}

/** `2026-11-21T05:24:44.444000000Z`. */
function timestamp(now: number): string {
  return `${new Date(now).toISOString().slice(0, -1)}000000Z`;
}
