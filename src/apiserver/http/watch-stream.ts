/**
 * A watch on its way to a client: frames of events, the same buffer for every stream that sees an event as it is. A client that reads slowly is waited
 * for; its cursor stays where it is, and when it falls off the ring it gets an honest 410. What carries the frames (an HTTP body, WebSocket messages) is
 * the caller's.
 */
import { ApiError, isApiError, toStatus } from '#meta/status.ts';
import type { WatchOptions } from '#client/client.ts';
import type { WatchEvents } from '../metrics/requests.ts';
import { shown, type Resource } from '../registry/resource.ts';
import { startWatch, type Delivery, type WatchStart } from '../watch/watch.ts';
import { documentFrame, entryFrame, type Document } from './encode.ts';
import { bookmarkOf, shapedObject, type Shaping } from './shape.ts';

/** A watch without timeoutSeconds ends between half an hour and an hour, as upstream's does, so that load spreads again. */
const timeoutSecondsMin = 1800;
const bookmarkMs = 60_000;
/** Frames written together. */
const chunkBytesMax = 256 * 1024;

/** Where frames go. */
export interface FrameSink {
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  /** False when the client is slow: `drained` tells when it has caught up. */
  write(frames: readonly Buffer[]): boolean;
  drained(): Promise<void>;
  end(): void;
  /** Ends without waiting for what was not read. */
  destroy(): void;
}

export interface WatchRequest {
  readonly namespace: string | undefined;
  readonly options: Omit<WatchOptions, 'signal'>;
  readonly shaping: Shaping;
  readonly counted: WatchEvents;
}

/** Runs one watch to its end. `open` is called once, when it is known that the watch can start. Throws ApiError before that. */
export async function streamWatch(
  resource: Resource,
  { namespace, options, shaping, counted }: WatchRequest,
  open: () => FrameSink | Promise<FrameSink>,
): Promise<void> {
  const { clock, random } = resource.world;
  const { encoding } = shaping.form;
  const began = await started(resource, namespace, options);
  const sink = await open();
  const failed = (error: unknown): void => {
    sink.write([documentFrame('ERROR', toStatus(error) as unknown as Document, encoding)]);
    sink.end();
  };
  if (began instanceof ApiError) {
    // A revision that is gone is told inside the stream, as upstream does: reflectors list again on it.
    failed(began);
    return;
  }
  const start = began;
  const seconds = options.timeoutSeconds || timeoutSecondsMin * (1 + random.fraction());
  // A plain flag: asking a composed signal for every event costs more than the event.
  let over = sink.signal.aborted;
  let blocked = false;
  const wake = (): void => start.cursor.wake();
  const finish = (): void => {
    over = true;
    wake();
  };
  sink.signal.addEventListener('abort', finish, { once: true });
  const deadline = clock.after(
    seconds * 1000,
    () => {
      finish();
      // Whoever has not read for so long is not waited for.
      if (blocked) sink.destroy();
    },
    { unref: true },
  );
  let told = start.revision;
  let initial = true;
  let bookmarkDue = false;
  const frameOf = framer(resource, shaping, () => initial);
  const bookmark = (revision: number, end: boolean): Buffer =>
    documentFrame('BOOKMARK', bookmarkOf(resource, { revision, end }, shaping.form), encoding);

  /** Few frames go out at once; a promise is made only for a client that is slow. */
  const write = (frames: readonly Buffer[], bytes: number): Promise<void> | undefined => {
    if (frames.length === 0 || over) return undefined;
    if (bytes > chunkBytesMax && frames.length > 1) return writeMany(frames);
    return sink.write(frames) ? undefined : caughtUp();
  };
  const caughtUp = async (): Promise<void> => {
    if (over) return;
    blocked = true;
    await sink.drained();
    blocked = false;
  };
  const writeMany = async (frames: Iterable<Buffer>): Promise<void> => {
    let batch: Buffer[] = [];
    let size = 0;
    const flush = async (): Promise<void> => {
      const taken = batch.length === 0 || sink.write(batch);
      batch = [];
      size = 0;
      if (!taken) await caughtUp();
    };
    for (const frame of frames) {
      batch.push(frame);
      size += frame.length;
      if (size >= chunkBytesMax) await flush();
      if (over) return;
    }
    await flush();
  };

  let ticking: { cancel(): void } | undefined;
  const tick = (): void => {
    ticking = clock.after(
      bookmarkMs,
      () => {
        bookmarkDue = true;
        wake();
        tick();
      },
      { unref: true },
    );
  };
  if (options.bookmarks) tick();
  try {
    if (start.initial) await writeMany(counting(start.initial, frameOf, counted));
    initial = false;
    if (start.markEnd) await write([bookmark(start.revision, true)], 0);
    while (!over) {
      const frames: Buffer[] = [];
      let bytes = 0;
      for (const event of start.cursor.take()) {
        told = event.revision;
        const delivery = start.see(event);
        if (!delivery) continue;
        const frame = frameOf(delivery);
        counted.sent(frame.length);
        bytes += frame.length;
        frames.push(frame);
      }
      const slow = write(frames, bytes);
      if (slow) await slow;
      if (bookmarkDue && !start.cursor.pending) {
        bookmarkDue = false;
        told = Math.max(told, resource.cache.revision);
        await write([bookmark(told, false)], 0);
      }
      if (!over) await start.cursor.wait();
    }
    if (!sink.signal.aborted) {
      // What was not sent yet may not be skipped by a client that resumes here.
      if (!start.cursor.pending) told = Math.max(told, resource.cache.revision);
      if (options.bookmarks) sink.write([bookmark(told, false)]);
      sink.end();
    }
  } catch (error) {
    if (!sink.signal.aborted) failed(error);
  } finally {
    deadline.cancel();
    sink.signal.removeEventListener('abort', finish);
    ticking?.cancel();
  }
}

/** Makes frames of deliveries: shared ones of plain objects, own ones of Tables and metadata. */
function framer(resource: Resource, shaping: Shaping, isInitial: () => boolean): (delivery: Delivery) => Buffer {
  const { form } = shaping;
  if (form.as === 'object')
    return ({ type, entry }) => entryFrame(resource, { type, entry, fresh: isInitial() }, form.encoding);
  let first = true;
  return ({ type, entry }) => {
    let document = shapedObject(resource, shown(resource, entry.object), shaping);
    // Only the first table of a stream names its columns.
    if (form.as === 'Table' && !first) document = { ...document, columnDefinitions: null };
    first = false;
    return documentFrame(type, document, form.encoding);
  };
}

async function started(
  resource: Resource,
  namespace: string | undefined,
  options: Omit<WatchOptions, 'signal'>,
): Promise<WatchStart | ApiError> {
  try {
    return await startWatch(resource, namespace, options);
  } catch (error) {
    if (isApiError(error, 'Expired')) return error;
    throw error;
  }
}

function* counting(
  deliveries: Iterable<Delivery>,
  frameOf: (delivery: Delivery) => Buffer,
  counted: WatchEvents,
): Generator<Buffer> {
  for (const delivery of deliveries) {
    const frame = frameOf(delivery);
    counted.sent(frame.length);
    yield frame;
  }
}
