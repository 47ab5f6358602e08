/**
 * A list as pieces of its encoded form. Nothing here holds the whole: items that are encoded already are passed on as they are, and a loop over many items gives way
 * to others every few milliseconds. A Table's row and an object's metadata are made of the stored bytes, so that the second list of ten thousand pods decodes none.
 */
import { Lru } from '#base/lru.ts';
import type { Entry } from '../watch/entry.ts';
import type { Clock } from '#world/world.ts';
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
  const from = { entries, clock };
  if (form.encoding === 'json' && !form.pretty) {
    const about = JSON.stringify(metadata);
    const group = `meta.k8s.io/${form.version}`;
    switch (form.as) {
      case 'object':
        return joined(
          `{"kind":"${type.kind}","apiVersion":"${type.apiVersion}","metadata":${about},"items":[`,
          from,
          (entry) => (kind.storedAs ? [entryBytes(resource, entry, form)] : entry.parts),
        );
      case 'PartialObjectMetadata': {
        const head = Buffer.from(`{"kind":"PartialObjectMetadata","apiVersion":"${group}","metadata":`);
        return joined(
          `{"kind":"PartialObjectMetadataList","apiVersion":"${group}","metadata":${about},"items":[`,
          from,
          (entry) => [head, ...entry.metadataParts, close],
        );
      }
      case 'Table': {
        const now = clock.now();
        const columns = JSON.stringify(columnDefinitions(kind));
        const head = Buffer.from(`{"kind":"PartialObjectMetadata","apiVersion":"${group}","metadata":`);
        const row = (entry: Entry): Parts => {
          let known = kind.storedAs ? undefined : rows.get(entry);
          if (!known) {
            known = rowOf(kind, shown(resource, entry.object), now);
            if (!kind.storedAs && !known.momentary) rows.set(entry, known);
          }
          const cells = Buffer.from(`{"cells":[${rowText(known, now)}]`);
          if (includeObject === 'None') return [cells, close];
          if (includeObject === 'Object')
            return [cells, object, entryBytes(resource, entry, { ...form, as: 'object' }), close];
          return [cells, object, head, ...entry.metadataParts, close, close];
        };
        return joined(
          `{"kind":"Table","apiVersion":"${group}","metadata":${about},"columnDefinitions":${columns},"rows":[`,
          from,
          row,
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

const comma = Buffer.from(',');
const close = Buffer.from('}');
const object = Buffer.from(',"object":');
const listEnd = Buffer.from(']}\n');

/** Pieces that belong together: many at a time, because a turn for each would cost more than the piece. */
type Parts = readonly Buffer[];

/** Adds what stands for each entry, and lets others run in between. */
async function* between(
  entries: readonly Entry[],
  clock: Clock,
  add: (parts: Buffer[], entry: Entry) => void,
): AsyncGenerator<Parts> {
  let since = clock.monotonic();
  for (let at = 0; at < entries.length; at += stride) {
    const parts: Buffer[] = [];
    for (const entry of entries.slice(at, at + stride)) add(parts, entry);
    yield parts;
    if (clock.monotonic() - since > sliceMs) {
      await clock.yield();
      since = clock.monotonic();
    }
  }
}

async function* joined(
  head: string,
  { entries, clock }: { entries: readonly Entry[]; clock: Clock },
  item: (entry: Entry) => Parts,
): AsyncGenerator<Parts> {
  yield [Buffer.from(head)];
  let first = true;
  yield* between(entries, clock, (parts, entry) => {
    if (!first) parts.push(comma);
    first = false;
    for (const part of item(entry)) parts.push(part);
  });
  yield [listEnd];
}

/** The envelope says how long it is: every item is made before the first byte goes out. Items are kept, so that is cheap the second time. */
async function* protobufParts(
  resource: Resource,
  { entries, metadata }: ListParts,
  type: { readonly kind: string; readonly apiVersion: string },
): AsyncGenerator<Parts> {
  const parts: Buffer[] = [encodeMessage(metaStructs.list, { metadata })];
  let length = (parts[0] as Buffer).length;
  const items = between(entries, resource.world.clock, (own, entry) => {
    const item = itemOf(resource, entry, 'protobuf');
    const head = headOf(2, item.length);
    own.push(head, item);
    length += head.length + item.length;
  });
  for await (const own of items) for (const part of own) parts.push(part);
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
  yield* between(entries, resource.world.clock, (parts, entry) => void parts.push(itemOf(resource, entry, 'cbor')));
  yield [encodeCbor('metadata'), encodeCbor(metadata), encodeCbor('apiVersion'), encodeCbor(apiVersion)];
}
