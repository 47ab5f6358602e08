/**
 * From an answer to a response: encoded in the form that was asked for, compressed when it is large. The one place where a failure becomes a Status.
 */
import { gzip } from 'node:zlib';
import type { AnyObject } from '#meta/object-meta.ts';
import { toStatus } from '#meta/status.ts';
import type { HttpExchange, HttpHeaders } from '#world/world.ts';
import type { Answer } from '../api.ts';
import { shown } from '../registry/resource.ts';
import { documentBytes, entryBytes, listBytes, typeOf, type Document } from './encode.ts';
import { acceptable, plainJson, wantsPretty, type Form } from './negotiate.ts';
import { shapedList, shapedObject, type Shaping } from './shape.ts';

/** Upstream compresses answers above this size for clients that accept it. */
const gzipBytesMin = 128 * 1024;

export const jsonType = 'application/json';

/** Sends an answer in the form the client asked for; answers its size before compression. */
export function respond(exchange: HttpExchange, answer: Answer, shaping: Shaping, headers: HttpHeaders): number {
  const bytes = bytesOf(answer, shaping);
  send(exchange, answer.is === 'list' ? 200 : answer.code, headers, bytes, typeOf(shaping.form));
  return bytes.length;
}

function bytesOf(answer: Answer, shaping: Shaping): Buffer {
  const { form } = shaping;
  switch (answer.is) {
    case 'entry': {
      const { resource, entry } = answer;
      if (form.as === 'object') return entryBytes(resource, entry, form);
      return documentBytes(shapedObject(resource, shown(resource, entry.object), shaping), form);
    }
    case 'object': {
      // What belongs to no resource (a Status, a review) has no columns.
      const shaped = form.as !== 'object' && answer.resource;
      return documentBytes(
        shaped ? shapedObject(shaped, answer.object, shaping) : (answer.object as AnyObject & Document),
        form,
      );
    }
    case 'list': {
      const { resource, result } = answer;
      const metadata = {
        resourceVersion: String(result.revision),
        ...(result.continue === undefined ? {} : { continue: result.continue }),
        ...(result.remaining === undefined ? {} : { remainingItemCount: result.remaining }),
      };
      if (form.as === 'object') return listBytes(resource, { entries: result.entries, metadata }, form);
      const objects = result.entries.map((entry) => shown(resource, entry.object));
      return documentBytes(shapedList(resource, { objects, metadata }, shaping), form);
    }
    default:
      return answer satisfies never;
  }
}

const takesGzip = /(?:^|[,\s])gzip\s*(?:$|[,;])/;

/** Any body. */
export function send(
  exchange: HttpExchange,
  code: number,
  headers: HttpHeaders,
  body: Buffer | string,
  type = jsonType,
): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const accepts = exchange.headers['accept-encoding'];
  if (bytes.length > gzipBytesMin && typeof accepts === 'string' && takesGzip.test(accepts)) {
    const vary = headers['vary'] === undefined ? 'Accept-Encoding' : `${String(headers['vary'])}, Accept-Encoding`;
    // In libuv's pool: 50 MB would hold the loop for 50 ms.
    gzip(bytes, { level: 1 }, (error, packed) => {
      if (error) exchange.respond(code, { ...headers, 'content-type': type }, bytes);
      else exchange.respond(code, { ...headers, 'content-encoding': 'gzip', vary, 'content-type': type }, packed);
    });
    return;
  }
  exchange.respond(code, { ...headers, 'content-type': type }, bytes);
}

/** The one edge where a failure becomes a response. A client whose wishes cannot be met is told so in JSON. */
export function fail(exchange: HttpExchange, error: unknown, headers: HttpHeaders = {}): void {
  const status = toStatus(error);
  const retry = status.details?.retryAfterSeconds;
  const login = status.code === 401 ? { 'www-authenticate': 'Bearer realm="kubernetes"' } : {};
  const form = acceptable(one(exchange.headers['accept']), 'document') ?? plainJson;
  send(
    exchange,
    status.code,
    { ...headers, ...login, ...(retry === undefined ? {} : { 'retry-after': String(retry) }) },
    documentBytes(status as unknown as Document, form),
    typeOf(form),
  );
}

/** The form, with indentation where people read. */
export function readable(form: Form, exchange: Pick<HttpExchange, 'headers'>, query: URLSearchParams): Form {
  const agent = one(exchange.headers['user-agent']) ?? '';
  if (form.encoding !== 'json' || form.pretty || !wantsPretty(query, agent)) return form;
  return { ...form, pretty: true };
}

const one = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : value?.[0];
