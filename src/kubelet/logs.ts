/**
 * Reads container logs in CRI's format (`<time> <stream> <F|P> <text>`): tail, since, follow over rotations, timestamps, limits. What kubectl logs shows.
 */
import { parseTime } from '#meta/time.ts';
import type { Millis, World } from '#world/world.ts';

export interface LogOptions {
  readonly follow: boolean;
  readonly tailLines?: number;
  readonly sinceMs?: Millis;
  readonly timestamps?: boolean;
  readonly limitBytes?: number;
  readonly stream?: 'All' | 'Stdout' | 'Stderr';
  /** Following ends when this answers false and everything was read. */
  readonly alive?: () => boolean;
  readonly signal?: AbortSignal;
}

const pollMs = 100;
const chunkBytes = 64 * 1024;

/** The log's text, line by line. A missing file is an empty log. */
export async function* readLog(world: World, path: string, options: LogOptions): AsyncGenerator<Buffer> {
  let left = options.limitBytes ?? Infinity;
  let at = options.tailLines === undefined ? 0 : await tailStart(world, path, options.tailLines);
  let inode = (await world.disk.stat(path))?.inode;
  let rest: Buffer = Buffer.alloc(0);
  for (;;) {
    // Ask before reading: what was written before the end is then certainly seen.
    const alive = options.follow && (options.alive?.() ?? true);
    const stat = await world.disk.stat(path);
    if (stat && (stat.inode !== inode || stat.sizeBytes < at)) {
      inode = stat.inode;
      at = 0;
    }
    if (stat && stat.sizeBytes > at) {
      for await (const chunk of world.disk.readStream(path, {
        start: at,
        end: stat.sizeBytes - 1,
      }) as AsyncIterable<Buffer>) {
        at += chunk.length;
        const data = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
        const end = data.lastIndexOf(10) + 1;
        rest = data.subarray(end);
        const text = shown(data.subarray(0, end), options);
        if (text.length === 0) continue;
        yield text.length > left ? text.subarray(0, left) : text;
        left -= text.length;
        if (left <= 0) return;
      }
      if (alive) continue;
    }
    if (!alive || options.signal?.aborted) return;
    try {
      await world.clock.sleep(pollMs, options.signal ? { signal: options.signal } : {});
    } catch {
      return; // The reader went away.
    }
  }
}

/** Whole lines as the client is to see them. */
function shown(lines: Buffer, { timestamps, sinceMs, stream = 'All' }: LogOptions): Buffer {
  const out: Buffer[] = [];
  for (let start = 0; start < lines.length;) {
    const end = lines.indexOf(10, start);
    const line = lines.subarray(start, end);
    start = end + 1;
    const first = line.indexOf(32);
    const second = line.indexOf(32, first + 1);
    const third = line.indexOf(32, second + 1);
    if (first < 0 || second < 0 || third < 0) continue;
    const name = line.toString('latin1', first + 1, second);
    if (stream !== 'All' && name !== stream.toLowerCase()) continue;
    const time = line.toString('latin1', 0, first);
    if (sinceMs !== undefined && (parseTime(time) ?? 0) < sinceMs) continue;
    if (timestamps) out.push(line.subarray(0, first + 1));
    out.push(line.subarray(third + 1));
    // A partial line goes on in the next entry.
    if (line[second + 1] !== 0x50) out.push(newline);
  }
  return Buffer.concat(out);
}

const newline = Buffer.from('\n');

/** Where the last `lines` lines begin. Reads backwards in blocks. */
async function tailStart(world: World, path: string, lines: number): Promise<number> {
  const size = (await world.disk.stat(path))?.sizeBytes ?? 0;
  if (lines === 0) return size;
  let found = 0;
  let end = size;
  while (end > 0) {
    const start = Math.max(0, end - chunkBytes);
    const blocks: Buffer[] = [];
    for await (const chunk of world.disk.readStream(path, { start, end: end - 1 })) blocks.push(chunk as Buffer);
    const block = Buffer.concat(blocks);
    for (let at = block.length - 1; at >= 0; at--) {
      if (block[at] !== 10 || start + at === size - 1) continue;
      if (++found === lines) return start + at + 1;
    }
    end = start;
  }
  return 0;
}
