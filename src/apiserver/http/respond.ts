/**
 * From an answer to bytes. An object that is stored goes out as the very bytes it is stored as; a list is those bytes joined; a Table or
 * metadata is made on demand.
 */
import { toStatus } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { apiVersionOf } from '#schema/kind.ts';
import { tableOf } from '#schema/table.ts';
import { gzip } from 'node:zlib';
import type { HttpExchange, HttpHeaders } from '#world/world.ts';
import type { Answer } from '../api.ts';
import { shown, type Resource } from '../registry/resource.ts';
import type { Entry } from '../watch/entry.ts';
import type { Form } from './negotiate.ts';

/** Upstream compresses answers above this size for clients that accept it. */
const gzipBytesMin = 128 * 1024;

const packedHeaders = { 'content-encoding': 'gzip', vary: 'Accept-Encoding' };

export const jsonType = 'application/json';

/** Sends an answer in the form the client asked for. */
export function respond(
  exchange: HttpExchange,
  answer: Answer,
  { form, headers, includeObject }: { form: Form; headers: HttpHeaders; includeObject: string },
): void {
  if (answer.is === 'object') {
    if (form.as !== 'object' && answer.resource) {
      const made = inForm(answer.resource, [answer.object], form, {
        includeObject,
        now: answer.resource.world.clock.now(),
      });
      send(
        exchange,
        answer.code,
        headers,
        JSON.stringify(form.as === 'Table' ? made : (made as { items: unknown[] }).items[0]),
      );
    } else send(exchange, answer.code, headers, JSON.stringify(answer.object));
    return;
  }
  if (answer.is === 'entry') {
    send(exchange, answer.code, headers, entryBytes(answer.resource, answer.entry, form, includeObject));
    return;
  }
  send(exchange, 200, headers, listBytes(answer.resource, answer.result, form, includeObject));
}

function entryBytes(resource: Resource, entry: Entry, form: Form, includeObject: string): Buffer | string {
  if (form.as === 'object') return resource.kind.storedAs ? JSON.stringify(shown(resource, entry.object)) : entry.bytes;
  const made = inForm(resource, [shown(resource, entry.object)], form, {
    includeObject,
    now: resource.world.clock.now(),
    resourceVersion: entry.revision,
  });
  return JSON.stringify(form.as === 'Table' ? made : (made as { items: unknown[] }).items[0]);
}

function listBytes(
  resource: Resource,
  result: Extract<Answer, { is: 'list' }>['result'],
  form: Form,
  includeObject: string,
): Buffer | string {
  const metadata = {
    resourceVersion: String(result.revision),
    ...(result.continue === undefined ? {} : { continue: result.continue }),
    ...(result.remaining === undefined ? {} : { remainingItemCount: result.remaining }),
  };
  if (form.as !== 'object') {
    const objects = result.entries.map((entry) => shown(resource, entry.object));
    return JSON.stringify({
      ...inForm(resource, objects, form, { includeObject, now: resource.world.clock.now() }),
      metadata,
    });
  }
  const { kind } = resource;
  const parts: Buffer[] = [
    Buffer.from(
      `{"kind":"${kind.kind}List","apiVersion":"${apiVersionOf(kind)}","metadata":${JSON.stringify(metadata)},"items":[`,
    ),
  ];
  for (const entry of result.entries) {
    if (parts.length > 1) parts.push(comma);
    parts.push(kind.storedAs ? Buffer.from(JSON.stringify(shown(resource, entry.object))) : entry.bytes);
  }
  parts.push(listEnd);
  return Buffer.concat(parts);
}

const comma = Buffer.from(',');
const listEnd = Buffer.from(']}\n');

/** A Table or a PartialObjectMetadataList of these objects. */
export function inForm(
  resource: Resource,
  objects: readonly AnyObject[],
  form: Form,
  { includeObject, now, resourceVersion }: { includeObject: string; now: number; resourceVersion?: number },
): object {
  if (form.as === 'Table') {
    const include = includeObject === 'Object' || includeObject === 'None' ? includeObject : 'Metadata';
    const table = tableOf(resource.kind, objects, { now, includeObject: include });
    return resourceVersion === undefined
      ? table
      : { ...table, metadata: { ...table.metadata, resourceVersion: String(resourceVersion) } };
  }
  return {
    kind: 'PartialObjectMetadataList',
    apiVersion: 'meta.k8s.io/v1',
    metadata: {},
    items: objects.map(({ metadata }) => ({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata })),
  };
}

/** Any JSON document. */
export function send(
  exchange: HttpExchange,
  code: number,
  headers: HttpHeaders,
  body: Buffer | string,
  type = jsonType,
): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const accepts = exchange.headers['accept-encoding'];
  if (bytes.length >= gzipBytesMin && typeof accepts === 'string' && accepts.includes('gzip')) {
    // In libuv's pool: 50 MB would hold the loop for 50 ms.
    gzip(bytes, { level: 1 }, (error, packed) => {
      if (error) exchange.respond(code, { ...headers, 'content-type': type }, bytes);
      else exchange.respond(code, { ...headers, ...packedHeaders, 'content-type': type }, packed);
    });
    return;
  }
  exchange.respond(code, { ...headers, 'content-type': type }, bytes);
}

/** The one edge where a failure becomes a response. */
export function fail(exchange: HttpExchange, error: unknown, headers: HttpHeaders = {}): void {
  const status = toStatus(error);
  const retry = status.details?.retryAfterSeconds;
  const login = status.code === 401 ? { 'www-authenticate': 'Bearer realm="kubernetes"' } : {};
  send(
    exchange,
    status.code,
    { ...headers, ...login, ...(retry === undefined ? {} : { 'retry-after': String(retry) }) },
    JSON.stringify(status),
  );
}
