/**
 * A watch over HTTP: newline-delimited JSON frames, the same buffer for every stream that sees an event as it is. A client that reads slowly is waited
 * for; its cursor stays where it is, and when it falls off the ring it gets an honest 410.
 */
import { ApiError, isApiError, toStatus } from '#meta/status.ts';
import type { WatchOptions } from '#client/client.ts';
import type { HttpExchange, HttpHeaders } from '#world/world.ts';
import { shown, type Resource } from '../registry/resource.ts';
import { startWatch, type Delivery, type WatchStart } from '../watch/watch.ts';
import type { Form } from './negotiate.ts';
import { inForm, jsonType } from './respond.ts';

/** A watch without timeoutSeconds ends between half an hour and an hour, as upstream's does, so that load spreads again. */
const timeoutSecondsMin = 1800;
const bookmarkMs = 60_000;
/** Frames written together. */
const chunkBytesMax = 256 * 1024;

export async function streamWatch(
  exchange: HttpExchange,
  resource: Resource,
  {
    namespace,
    options,
    form,
    headers,
    includeObject,
  }: {
    namespace: string | undefined;
    options: Omit<WatchOptions, 'signal'>;
    form: Form;
    headers: HttpHeaders;
    includeObject: string;
  },
): Promise<void> {
  const { clock, random } = resource.world;
  const began = await started(resource, namespace, options);
  const out = exchange.stream(200, { ...headers, 'content-type': jsonType });
  if (began instanceof ApiError) {
    // A revision that is gone is told inside the stream, as upstream does: reflectors list again on it.
    out.end(`${JSON.stringify({ type: 'ERROR', object: toStatus(began) })}\n`);
    return;
  }
  const start = began;
  const seconds = options.timeoutSeconds || timeoutSecondsMin * (1 + random.fraction());
  // A plain flag: asking a composed signal for every event costs more than the event.
  let over = exchange.signal.aborted;
  let blocked = false;
  const wake = (): void => start.cursor.wake();
  const finish = (): void => {
    over = true;
    wake();
  };
  exchange.signal.addEventListener('abort', finish, { once: true });
  const deadline = clock.after(
    seconds * 1000,
    () => {
      finish();
      // Whoever has not read for so long is not waited for.
      if (blocked) out.writable.destroy();
    },
    { unref: true },
  );
  let told = start.revision;
  let initial = true;
  let bookmarkDue = false;
  let first = true;

  const frameOf = ({ type, entry }: Delivery): Buffer => {
    if (form.as === 'object' && !resource.kind.storedAs) return initial ? entry.freshFrame(type) : entry.frame(type);
    const object = shown(resource, entry.object);
    if (form.as === 'object') return Buffer.from(`${JSON.stringify({ type, object })}\n`);
    const made = inForm(resource, [object], form, { includeObject, now: clock.now(), resourceVersion: entry.revision });
    let content: unknown = made;
    if (form.as === 'PartialObjectMetadata') content = (made as { items: unknown[] }).items[0];
    // Only the first table of a stream names its columns.
    else if (!first) content = { ...made, columnDefinitions: null };
    first = false;
    return Buffer.from(`${JSON.stringify({ type, object: content })}\n`);
  };

  const write = async (frames: Iterable<Buffer>): Promise<void> => {
    let batch: Buffer[] = [];
    let size = 0;
    const flush = async (): Promise<void> => {
      if (batch.length === 0) return;
      const chunk = batch.length === 1 ? (batch[0] as Buffer) : Buffer.concat(batch);
      batch = [];
      size = 0;
      if (out.write(chunk) || over) return;
      blocked = true;
      await out.drained();
      blocked = false;
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
    if (start.initial) await write(map(start.initial, frameOf));
    initial = false;
    if (start.markEnd) await write([bookmark(resource, start.revision, form, true)]);
    while (!over) {
      const deliveries: Delivery[] = [];
      for (const event of start.cursor.take()) {
        const delivery = start.see(event);
        if (delivery) deliveries.push(delivery);
        told = event.revision;
      }
      if (deliveries.length > 0) await write(map(deliveries, frameOf));
      if (bookmarkDue && !start.cursor.pending) {
        bookmarkDue = false;
        told = Math.max(told, resource.cache.revision);
        await write([bookmark(resource, told, form, false)]);
      }
      if (!over) await start.cursor.wait();
    }
    if (!exchange.signal.aborted) {
      // What was not sent yet may not be skipped by a client that resumes here.
      if (!start.cursor.pending) told = Math.max(told, resource.cache.revision);
      if (options.bookmarks) await write([bookmark(resource, told, form, false)]);
      out.end();
    }
  } catch (error) {
    if (exchange.signal.aborted) return;
    out.end(`${JSON.stringify({ type: 'ERROR', object: toStatus(error) })}\n`);
  } finally {
    deadline.cancel();
    exchange.signal.removeEventListener('abort', finish);
    ticking?.cancel();
  }
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

function* map<A, B>(items: Iterable<A>, change: (item: A) => B): Generator<B> {
  for (const item of items) yield change(item);
}

function bookmark({ kind }: Resource, revision: number, form: Form, end: boolean): Buffer {
  const metadata = {
    resourceVersion: String(revision),
    ...(form.as === 'object' ? { creationTimestamp: null } : {}),
    ...(end ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
  };
  const apiVersion = kind.group ? `${kind.group}/${kind.version}` : kind.version;
  const object =
    form.as === 'object'
      ? { kind: kind.kind, apiVersion, metadata }
      : form.as === 'Table'
        ? { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata, columnDefinitions: null, rows: [] }
        : { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
  return Buffer.from(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
}
