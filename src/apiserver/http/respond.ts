/**
 * From an answer to a response: encoded in the form that was asked for, compressed when it is large. The one place where a failure becomes a Status.
 */
import { pipeline } from 'node:stream';
import { promisify } from 'node:util';
import { createGzip, gzip } from 'node:zlib';
import { gate } from '#base/gate.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { toStatus } from '#meta/status.ts';
import type { HttpExchange, HttpHeaders } from '#world/world.ts';
import type { Answer } from '../api.ts';
import { shown } from '../registry/resource.ts';
import { documentBytes, entryBytes, typeOf, type Document } from './encode.ts';
import { listDocument, listParts } from './list-parts.ts';
import { acceptable, plainJson, wantsPretty, type Form } from './negotiate.ts';
import { shapedObject, type Shaping } from './shape.ts';

/** Upstream compresses answers above this size for clients that accept it. */
const gzipBytesMin = 128 * 1024;
/** As upstream: most of the gain for a third of the time. */
const gzipLevel = 1;

export const jsonType = 'application/json';

/** Sends an answer in the form the client asked for; answers its size before compression. */
export async function respond(
  exchange: HttpExchange,
  answer: Answer,
  shaping: Shaping,
  headers: HttpHeaders,
): Promise<number> {
  const type = typeOf(shaping.form);
  if (answer.is === 'list') {
    const { resource, result } = answer;
    const metadata = {
      resourceVersion: String(result.revision),
      ...(result.continue === undefined ? {} : { continue: result.continue }),
      ...(result.remaining === undefined ? {} : { remainingItemCount: result.remaining }),
    };
    const list = { entries: result.entries, metadata };
    const parts = listParts(resource, list, shaping);
    if (parts) return sendParts(exchange, headers, parts, type);
    const bytes = documentBytes(listDocument(resource, list, shaping), shaping.form);
    await send(exchange, 200, headers, bytes, type);
    return bytes.length;
  }
  const bytes = bytesOf(answer, shaping);
  await send(exchange, answer.code, headers, bytes, type);
  return bytes.length;
}

function bytesOf(answer: Exclude<Answer, { is: 'list' }>, shaping: Shaping): Buffer {
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
    default:
      return answer satisfies never;
  }
}

/** What is written in one go: large enough for TLS records, small enough for others to have their turn. */
const chunkBytesMax = 256 * 1024;

/** Sends a body piece by piece; one that is small goes out whole. A client that reads slowly is waited for, one that goes away ends it. */
async function sendParts(
  exchange: HttpExchange,
  headers: HttpHeaders,
  parts: AsyncIterable<readonly Buffer[]>,
  type: string,
): Promise<number> {
  let chunk: Buffer[] = [];
  let size = 0;
  let total = 0;
  let sink: Sink | undefined;
  for await (const own of parts) {
    for (const part of own) {
      chunk.push(part);
      size += part.length;
    }
    if (size < chunkBytesMax) continue;
    sink ??= sinkOf(exchange, headers, type);
    total += size;
    await sink.write(chunk);
    chunk = [];
    size = 0;
    if (exchange.signal.aborted) break;
  }
  total += size;
  if (!sink) await send(exchange, 200, headers, Buffer.concat(chunk), type);
  else {
    await sink.write(chunk);
    sink.end();
  }
  return total;
}

interface Sink {
  /** Resolves when more may come. */
  write(chunk: readonly Buffer[]): Promise<void>;
  end(): void;
}

/** The body of a response, compressed on its way when the client takes that. */
function sinkOf(exchange: HttpExchange, headers: HttpHeaders, type: string): Sink {
  if (!wantsGzip(exchange)) {
    const out = exchange.stream(200, { ...headers, 'content-type': type });
    return {
      async write(chunk) {
        if (!out.writeAll(chunk)) await out.drained();
      },
      end: () => out.end(),
    };
  }
  const out = exchange.stream(200, {
    ...headers,
    'content-encoding': 'gzip',
    vary: withEncoding(headers['vary']),
    'content-type': type,
  });
  const packer = createGzip({ level: gzipLevel });
  const gone = new Promise<void>((resolve) => packer.once('close', resolve));
  // A client that goes away destroys both; nobody is left to be told.
  pipeline(packer, out.writable, () => undefined);
  return {
    async write(chunk) {
      if (packer.destroyed || packer.write(Buffer.concat(chunk))) return;
      await Promise.race([gone, new Promise<void>((resolve) => packer.once('drain', resolve))]);
    },
    end: () => void (packer.destroyed || packer.end()),
  };
}

const takesGzip = /(?:^|[,\s])gzip\s*(?:$|[,;])/;
const wantsGzip = ({ headers }: Pick<HttpExchange, 'headers'>): boolean =>
  takesGzip.test(String(headers['accept-encoding'] ?? ''));
const withEncoding = (vary: HttpHeaders[string]): string =>
  vary === undefined ? 'Accept-Encoding' : `${String(vary)}, Accept-Encoding`;

/** Any body. What it answers resolves when the body is packed, if it is: until then the request holds its seat. */
export function send(
  exchange: HttpExchange,
  code: number,
  headers: HttpHeaders,
  body: Buffer | string,
  type = jsonType,
): Promise<void> | undefined {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  if (bytes.length > gzipBytesMin && wantsGzip(exchange)) {
    return sendPacked(exchange, code, { ...headers, 'content-type': type }, bytes);
  }
  exchange.respond(code, { ...headers, 'content-type': type }, bytes);
  return undefined;
}

const pack = promisify(gzip);
/** Bodies that are packed at once: as many as libuv has threads. */
const packingMax = 4;
const packing = gate(packingMax);

/** Packs in libuv's pool: 50 MB would hold the loop for 50 ms. A client that went away while it waited for its turn costs nothing more. */
async function sendPacked(exchange: HttpExchange, code: number, headers: HttpHeaders, bytes: Buffer): Promise<void> {
  using _turn = await packing();
  if (exchange.signal.aborted) return;
  // Where there is no memory for it, the client takes it as it is.
  const packed = await pack(bytes, { level: gzipLevel }).catch(() => undefined);
  if (packed) {
    const vary = withEncoding(headers['vary']);
    exchange.respond(code, { ...headers, 'content-encoding': 'gzip', vary }, packed);
  } else exchange.respond(code, headers, bytes);
}

/** The one edge where a failure becomes a response. A client whose wishes cannot be met is told so in JSON. */
export function fail(exchange: HttpExchange, error: unknown, headers: HttpHeaders = {}): void {
  const status = toStatus(error);
  const retry = status.details?.retryAfterSeconds;
  // Whoever has no name gets no second try on the same HTTP/2 connection, as upstream does since CVE-2023-44487.
  const login =
    status.code === 401
      ? {
          'www-authenticate': 'Bearer realm="kubernetes"',
          ...(exchange.httpVersion === '2' ? { connection: 'close' } : {}),
        }
      : {};
  const form = acceptable(one(exchange.headers['accept']), 'document') ?? plainJson;
  void send(
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
