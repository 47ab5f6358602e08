/**
 * The swagger document in the protobuf form that Go clients ask for: gnostic's `openapi.v2.Document`. Only what `openApiV2` writes has a place here; a key that this
 * encoder does not know is an error, so that the two forms never differ. Message and field numbers: https://github.com/google/gnostic/blob/main/openapiv2/OpenAPIv2.proto
 */
import type { Swagger } from './openapi-v2.ts';

type Json = Readonly<Record<string, unknown>>;

/** Grows by doubling; nested messages are written in place and their length is filled in afterwards. */
class Writer {
  #bytes = Buffer.allocUnsafe(1 << 20);
  #at = 0;

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  #room(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + more));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }

  #varint(value: number): void {
    this.#room(10);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#at++] = rest;
  }

  boolean(field: number, value: unknown): void {
    if (value !== true) return;
    this.#varint(field << 3);
    this.#varint(1);
  }

  string(field: number, value: unknown): void {
    if (typeof value !== 'string') return;
    const length = Buffer.byteLength(value);
    this.#varint((field << 3) | 2);
    this.#varint(length);
    this.#room(length);
    this.#bytes.write(value, this.#at);
    this.#at += length;
  }

  message(field: number, write: () => void): void {
    this.#varint((field << 3) | 2);
    // The length is known afterwards: four bytes are kept for it, as a varint that may have leading zeros' worth of continuation.
    this.#room(4);
    const lengthAt = this.#at;
    this.#at += 4;
    write();
    const length = this.#at - lengthAt - 4;
    this.#bytes[lengthAt] = (length & 0x7f) | 0x80;
    this.#bytes[lengthAt + 1] = ((length >> 7) & 0x7f) | 0x80;
    this.#bytes[lengthAt + 2] = ((length >> 14) & 0x7f) | 0x80;
    this.#bytes[lengthAt + 3] = (length >> 21) & 0x7f;
  }
}

/** The bytes of the document. */
export function openApiV2Protobuf(document: Swagger): Buffer {
  const out = new Writer();
  out.string(1, document.swagger);
  out.message(2, () => {
    out.string(1, document.info.title);
    out.string(2, document.info.version);
  });
  out.message(8, () => {
    for (const [path, item] of Object.entries(document.paths)) named(out, 2, path, () => pathItem(out, item));
  });
  out.message(9, () => {
    for (const [name, definition] of Object.entries(document.definitions))
      named(out, 1, name, () => schema(out, definition as Json));
  });
  for (const requirement of document.security as readonly Json[]) {
    out.message(12, () => {
      for (const name of Object.keys(requirement)) named(out, 1, name, () => undefined);
    });
  }
  out.message(13, () => {
    for (const [name, definition] of Object.entries(document.securityDefinitions as Record<string, Json>)) {
      named(out, 1, name, () =>
        out.message(2, () => {
          out.string(1, definition['type']);
          out.string(2, definition['name']);
          out.string(3, definition['in']);
          out.string(4, definition['description']);
        }),
      );
    }
  });
  return out.bytes;
}

/** An entry of a map: its name and its value. */
function named(out: Writer, field: number, name: string, write: () => void): void {
  out.message(field, () => {
    out.string(1, name);
    out.message(2, write);
  });
}

/** A value of any kind, as YAML text: JSON is YAML. */
function anything(out: Writer, field: number, value: unknown): void {
  out.message(field, () => out.string(2, `${JSON.stringify(value)}\n`));
}

function extensions(out: Writer, field: number, record: Json): void {
  for (const [key, value] of Object.entries(record)) {
    if (!key.startsWith('x-')) continue;
    out.message(field, () => {
      out.string(1, key);
      anything(out, 2, value);
    });
  }
}

function checkKeys(record: Json, known: readonly string[]): void {
  for (const key of Object.keys(record)) {
    if (!key.startsWith('x-') && !known.includes(key))
      throw new Error(`openapi: the protobuf form has no place for ${key}`);
  }
}

const methodFields: Readonly<Record<string, number>> = {
  get: 2,
  put: 3,
  post: 4,
  delete: 5,
  options: 6,
  head: 7,
  patch: 8,
};

function pathItem(out: Writer, item: Json): void {
  checkKeys(item, [...Object.keys(methodFields), 'parameters']);
  for (const [method, field] of Object.entries(methodFields)) {
    const found = item[method];
    if (found !== undefined) out.message(field, () => operation(out, found as Json));
  }
  for (const one of (item['parameters'] ?? []) as readonly Json[]) out.message(9, () => parameter(out, one));
}

const operationKeys = [
  'description',
  'consumes',
  'produces',
  'schemes',
  'tags',
  'operationId',
  'parameters',
  'responses',
];

function operation(out: Writer, value: Json): void {
  checkKeys(value, operationKeys);
  const texts = (field: number, key: string): void => {
    for (const text of (value[key] ?? []) as readonly string[]) out.string(field, text);
  };
  texts(1, 'tags');
  out.string(3, value['description']);
  out.string(5, value['operationId']);
  texts(6, 'produces');
  texts(7, 'consumes');
  for (const one of (value['parameters'] ?? []) as readonly Json[]) out.message(8, () => parameter(out, one));
  out.message(9, () => {
    for (const [code, response] of Object.entries(value['responses'] as Record<string, Json>)) {
      named(out, 1, code, () =>
        out.message(1, () => {
          out.string(1, response['description']);
          const content = response['schema'];
          if (content !== undefined) out.message(2, () => out.message(1, () => schema(out, content as Json)));
        }),
      );
    }
  });
  texts(10, 'schemes');
  extensions(out, 13, value);
}

/** ParametersItem › Parameter › body, or non-body in the query (3) or the path (4). */
function parameter(out: Writer, value: Json): void {
  out.message(1, () => {
    if (value['in'] === 'body') {
      checkKeys(value, ['name', 'in', 'required', 'schema']);
      out.message(1, () => {
        out.string(2, value['name']);
        out.string(3, value['in']);
        out.boolean(4, value['required']);
        out.message(5, () => schema(out, (value['schema'] ?? {}) as Json));
      });
      return;
    }
    checkKeys(value, ['name', 'in', 'required', 'type', 'description', 'uniqueItems']);
    const inQuery = value['in'] === 'query';
    out.message(2, () =>
      out.message(inQuery ? 3 : 4, () => {
        out.boolean(1, value['required']);
        out.string(2, value['in']);
        out.string(3, value['description']);
        out.string(4, value['name']);
        out.string(inQuery ? 6 : 5, value['type']);
        out.boolean(inQuery ? 20 : 19, value['uniqueItems']);
      }),
    );
  });
}

const schemaKeys = [
  '$ref',
  'format',
  'description',
  'default',
  'required',
  'enum',
  'additionalProperties',
  'type',
  'items',
  'properties',
];

function schema(out: Writer, value: Json): void {
  checkKeys(value, schemaKeys);
  out.string(1, value['$ref']);
  out.string(2, value['format']);
  out.string(4, value['description']);
  if (value['default'] !== undefined) anything(out, 5, value['default']);
  for (const name of (value['required'] ?? []) as readonly string[]) out.string(19, name);
  for (const one of (value['enum'] ?? []) as readonly unknown[]) anything(out, 20, one);
  const { additionalProperties, type, items, properties } = value;
  if (additionalProperties !== undefined)
    out.message(21, () => out.message(1, () => schema(out, additionalProperties as Json)));
  if (typeof type === 'string') out.message(22, () => out.string(1, type));
  if (items !== undefined) out.message(23, () => out.message(1, () => schema(out, items as Json)));
  if (properties !== undefined) {
    out.message(25, () => {
      for (const [name, inner] of Object.entries(properties as Record<string, Json>))
        named(out, 1, name, () => schema(out, inner));
    });
  }
  extensions(out, 31, value);
}
