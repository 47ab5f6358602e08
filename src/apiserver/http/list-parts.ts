/**
 * A list as pieces of its encoded form. Nothing here holds the whole: items that are encoded already are passed on as they are, and a loop over many items gives way
 * to others every few milliseconds. A Table's row and an object's metadata are made of the stored bytes, so that the second list of ten thousand pods decodes none.
 */
import { Lru } from '#base/lru.ts';
import type { Entry } from '../watch/entry.ts';
import type { Clock, Millis } from '#world/world.ts';
import { columnDefinitions, rowOf, rowText, type Row } from '#schema/table.ts';
import { cborHead, encodeCbor, selfDescribed } from '#schema/cbor.ts';
import { encodeMessage, envelopeEnd, envelopeHead, headOf } from '#schema/protobuf-encode.ts';
import { apiVersionOf } from '#schema/kind.ts';
import { shown, type Resource } from '../registry/resource.ts';
import { entryBytes, itemOf, type Document } from './encode.ts';
import { metaStructs } from './meta-structs.ts';
import { shapedList, type Shaping } from './shape.ts';

export interface ListParts {
  readonly entries: readonly Entry[];
  readonly metadata: Document;
}

/** Time a loop over items may take in one go. */
const sliceMs = 5;
/** Items made in one go, before a look at the clock. */
const stride = 64;

/** Rows of Tables that are kept over all kinds, by the length of their text. */
const keptTextMax = 16 * 1024 * 1024;
const rows = new Lru<Entry, Row>({ limit: keptTextMax, weigh: ({ length }) => length });

/** Undefined for a form that only makes sense as a whole: YAML, indented JSON, shapes in other encodings. */
export function listParts(
  resource: Resource,
  { entries, metadata }: ListParts,
  { form, includeObject }: Shaping,
): AsyncGenerator<Parts> | undefined {
  const { clock } = resource.world;
  const { kind } = resource;
  const type = listTypeOf(resource);
  if (form.encoding === 'json' && !form.pretty) {
    const about = JSON.stringify(metadata);
    const group = `meta.k8s.io/${form.version}`;
    const partial = `{"kind":"PartialObjectMetadata","apiVersion":"${group}","metadata":`;
    const list = (head: string, add: (pieces: Pieces, entry: Entry) => void): AsyncGenerator<Parts> =>
      joined(head, { entries, clock }, add);
    const whole = (pieces: Pieces, entry: Entry): void => {
      if (kind.storedAs) pieces.bytes(entryBytes(resource, entry, { ...form, as: 'object' }));
      else pieces.both(entry.parts);
    };
    switch (form.as) {
      case 'object':
        return list(`{"kind":"${type.kind}","apiVersion":"${type.apiVersion}","metadata":${about},"items":[`, whole);
      case 'PartialObjectMetadata':
        return list(
          `{"kind":"PartialObjectMetadataList","apiVersion":"${group}","metadata":${about},"items":[`,
          (pieces, entry) => {
            pieces.text(partial);
            pieces.both(entry.metadataParts);
            pieces.text('}');
          },
        );
      case 'Table': {
        const now = clock.now();
        const columns = JSON.stringify(columnDefinitions(kind));
        return list(
          `{"kind":"Table","apiVersion":"${group}","metadata":${about},"columnDefinitions":${columns},"rows":[`,
          (pieces, entry) => {
            pieces.text(`{"cells":[${cellsOf(resource, entry, now)}]`);
            if (includeObject !== 'None') pieces.text(',"object":');
            if (includeObject === 'Object') whole(pieces, entry);
            if (includeObject === 'Metadata') {
              pieces.text(partial);
              pieces.both(entry.metadataParts);
              pieces.text('}');
            }
            pieces.text('}');
          },
        );
      }
      default:
        return form.as satisfies never;
    }
  }
  if (form.as !== 'object') return undefined;
  if (form.encoding === 'protobuf') return protobufParts(resource, { entries, metadata }, type);
  if (form.encoding === 'cbor') return cborParts(resource, { entries, metadata }, type);
  return undefined;
}

const listTypeOf = ({ kind }: Resource): { kind: string; apiVersion: string } => ({
  kind: `${kind.kind}List`,
  apiVersion: apiVersionOf(kind),
});

/** The list as one document, for the forms that have no parts. */
export function listDocument(resource: Resource, { entries, metadata }: ListParts, shaping: Shaping): Document {
  const objects = entries.map((entry) => shown(resource, entry.object));
  return shaping.form.as === 'object'
    ? { ...listTypeOf(resource), metadata, items: objects }
    : shapedList(resource, { objects, metadata }, shaping);
}

/** The cells of a row, from the cache where they stand there. */
function cellsOf(resource: Resource, entry: Entry, now: Millis): string {
  const { kind } = resource;
  let row = kind.storedAs ? undefined : rows.get(entry);
  if (!row) {
    row = rowOf(kind, shown(resource, entry.object), now);
    if (!kind.storedAs && !row.momentary) rows.set(entry, row);
  }
  return rowText(row, now);
}

/** Text and bytes on their way out: what is text between two pieces of bytes becomes one piece. */
class Pieces {
  #made: Buffer[] = [];
  #text = '';

  text(text: string): void {
    this.#text += text;
  }
  bytes(bytes: Buffer): void {
    this.#flush();
    this.#made.push(bytes);
  }
  both([text, bytes]: readonly [string, Buffer]): void {
    this.#text += text;
    this.bytes(bytes);
  }
  take(): Parts {
    this.#flush();
    const made = this.#made;
    this.#made = [];
    return made;
  }
  #flush(): void {
    if (this.#text === '') return;
    this.#made.push(Buffer.from(this.#text));
    this.#text = '';
  }
}

/** Pieces that belong together: many at a time, because a turn for each would cost more than the piece. */
type Parts = readonly Buffer[];

/** Calls `make` with a few entries at a time, and lets others run in between. */
async function* between(
  entries: readonly Entry[],
  clock: Clock,
  make: (some: readonly Entry[]) => Parts,
): AsyncGenerator<Parts> {
  let since = clock.monotonic();
  for (let at = 0; at < entries.length; at += stride) {
    yield make(entries.slice(at, at + stride));
    if (clock.monotonic() - since > sliceMs) {
      await clock.yield();
      since = clock.monotonic();
    }
  }
}

async function* joined(
  head: string,
  { entries, clock }: { entries: readonly Entry[]; clock: Clock },
  add: (pieces: Pieces, entry: Entry) => void,
): AsyncGenerator<Parts> {
  const pieces = new Pieces();
  pieces.text(head);
  let first = true;
  yield* between(entries, clock, (some) => {
    for (const entry of some) {
      if (!first) pieces.text(',');
      first = false;
      add(pieces, entry);
    }
    return pieces.take();
  });
  pieces.text(']}\n');
  yield pieces.take();
}

/** The envelope says how long it is: every item is made before the first byte goes out. Items are kept, so that is cheap the second time. */
async function* protobufParts(
  resource: Resource,
  { entries, metadata }: ListParts,
  type: { readonly kind: string; readonly apiVersion: string },
): AsyncGenerator<Parts> {
  const parts: Buffer[] = [encodeMessage(metaStructs.list, { metadata })];
  let length = (parts[0] as Buffer).length;
  const items = between(entries, resource.world.clock, (some) =>
    some.map((entry) => itemOf(resource, entry, 'protobuf')),
  );
  for await (const some of items) {
    for (const item of some) {
      const head = headOf(2, item.length);
      parts.push(head, item);
      length += head.length + item.length;
    }
  }
  yield [envelopeHead(type, length)];
  for (let at = 0; at < parts.length; at += stride) yield parts.slice(at, at + stride);
  yield [envelopeEnd];
}

async function* cborParts(
  resource: Resource,
  { entries, metadata }: ListParts,
  { kind, apiVersion }: { readonly kind: string; readonly apiVersion: string },
): AsyncGenerator<Parts> {
  // The keys in the order of their bytes: kind, items, metadata, apiVersion.
  yield [
    selfDescribed,
    cborHead('map', 4),
    encodeCbor('kind'),
    encodeCbor(kind),
    encodeCbor('items'),
    cborHead('array', entries.length),
  ];
  yield* between(entries, resource.world.clock, (some) => some.map((entry) => itemOf(resource, entry, 'cbor')));
  yield [encodeCbor('metadata'), encodeCbor(metadata), encodeCbor('apiVersion'), encodeCbor(apiVersion)];
}
