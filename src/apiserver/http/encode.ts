/**
 * Answers in the four encodings. A stored object is encoded once for everybody: its JSON is what is stored, its protobuf and CBOR are made when first asked for and
 * kept in a cache bounded by bytes. A watch event is a finished object with a frame around it; lists are put together in `list-parts.ts`.
 */
import { Lru } from '#base/lru.ts';
import { parseOwnJson } from '#meta/json.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { formatYaml } from '#meta/yaml.ts';
import { cborHead, encodeCbor, selfDescribed } from '#schema/cbor.ts';
import { apiVersionOf } from '#schema/kind.ts';
import { encodeMessage, headOf, sealEnvelope } from '#schema/protobuf-encode.ts';
import type { StructType } from '#schema/type.ts';
import { kindOf } from '#api/kinds.ts';
import { shown, type Resource } from '../registry/resource.ts';
import type { Entry } from '../watch/entry.ts';
import { metaStructs } from './meta-structs.ts';
import { mediaTypes, type Encoding, type Form } from './negotiate.ts';

/** A document with its type: an object, a list, a Status. */
export type Document = Readonly<Record<string, unknown>>;

/** Bytes of one encoding that are kept over all kinds: ten thousand pods. */
const keptBytesMax = 64 * 1024 * 1024;

const kept = {
  protobuf: new Lru<Entry, Buffer>({ limit: keptBytesMax, weigh: (bytes) => bytes.length }),
  cbor: new Lru<Entry, Buffer>({ limit: keptBytesMax, weigh: (bytes) => bytes.length }),
};

/** A stored object as an item of a list: protobuf without its envelope, CBOR without its tag. */
export function itemOf(resource: Resource, entry: Entry, encoding: 'protobuf' | 'cbor'): Buffer {
  // Another kind's view of the object has bytes of its own, which are not kept.
  const cache = resource.kind.storedAs ? undefined : kept[encoding];
  const known = cache?.peek(entry);
  if (known) return known;
  const object = shown(resource, entry.object);
  const bytes =
    encoding === 'protobuf'
      ? encodeMessage(resource.kind.schema, object as unknown as Document)
      : encodeCbor(object, resource.kind.schema);
  cache?.set(entry, bytes);
  return bytes;
}

const kindOfResource = ({ kind }: Resource): { apiVersion: string; kind: string } => ({
  apiVersion: apiVersionOf(kind),
  kind: kind.kind,
});

/** A stored object as it is answered. */
export function entryBytes(resource: Resource, entry: Entry, form: Form): Buffer {
  switch (form.encoding) {
    case 'json':
      if (resource.kind.storedAs) return jsonOf(shown(resource, entry.object), form.pretty);
      return form.pretty ? jsonOf(parseOwnJson(entry.bytes.toString('utf8')), true) : entry.bytes;
    case 'yaml':
      return yamlOf(shown(resource, entry.object));
    case 'protobuf':
      return sealEnvelope(kindOfResource(resource), itemOf(resource, entry, 'protobuf'));
    case 'cbor':
      return Buffer.concat([selfDescribed, itemOf(resource, entry, 'cbor')]);
    default:
      return form.encoding satisfies never;
  }
}

const newline = Buffer.from('\n');

/** Any document. Its kind tells its declaration; one that has none (a Table) cannot be protobuf. */
export function documentBytes(document: Document, { encoding, pretty }: Pick<Form, 'encoding' | 'pretty'>): Buffer {
  switch (encoding) {
    case 'json':
      return jsonOf(document, pretty);
    case 'yaml':
      return yamlOf(document);
    case 'protobuf': {
      const { apiVersion, kind } = document as unknown as AnyObject;
      const struct = structOf(apiVersion, kind);
      if (!struct) throw new TypeError(`${kind} of ${apiVersion} has no protobuf`);
      return sealEnvelope({ apiVersion, kind }, encodeMessage(struct, document));
    }
    case 'cbor': {
      const { apiVersion, kind } = document as unknown as AnyObject;
      return Buffer.concat([selfDescribed, encodeCbor(document, structOf(apiVersion, kind))]);
    }
    default:
      return encoding satisfies never;
  }
}

/** A document of discovery. In protobuf the lists name no kind of their own group, and verbs are a message. */
export function discoveryBytes(document: Document, form: Form): Buffer {
  const {
    kind,
    apiVersion = 'v1',
    resources,
  } = document as {
    kind: string;
    apiVersion?: string;
    resources?: readonly Document[];
  };
  const struct = metaStructs.discovery(kind);
  if (form.encoding !== 'protobuf' || !struct) return documentBytes({ apiVersion, ...document }, form);
  const verbose = resources?.map((resource) => ({ ...resource, verbs: { items: resource['verbs'] } }));
  return sealEnvelope(
    { apiVersion, kind },
    encodeMessage(struct, verbose ? { ...document, resources: verbose } : document),
  );
}

function structOf(apiVersion: string, kind: string): StructType | undefined {
  const at = apiVersion.indexOf('/');
  const [group, version] = at < 0 ? ['', apiVersion] : [apiVersion.slice(0, at), apiVersion.slice(at + 1)];
  return metaStructs.of(group, kind) ?? kindOf(group, version, kind)?.schema;
}

const jsonOf = (value: unknown, pretty: boolean): Buffer =>
  Buffer.from(pretty ? `${JSON.stringify(value, null, 2)}\n` : JSON.stringify(value));

const yamlOf = (value: unknown): Buffer => Buffer.from(formatYaml(value, { sorted: true }));

/** The Content-Type of an answer. */
export const typeOf = ({ encoding }: Pick<Form, 'encoding'>): string => mediaTypes[encoding];

// --- Watches ------------------------------------------------------------------------------------------------------------------------

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';

/** Frames that are kept: an event goes to all its streams within a few turns. */
const framesMax = 512;
const frames = {
  protobuf: new Lru<Entry, { readonly type: EventType; readonly bytes: Buffer }>({ limit: framesMax }),
  cbor: new Lru<Entry, { readonly type: EventType; readonly bytes: Buffer }>({ limit: framesMax }),
};

/** The event of a stored object, one buffer for all streams. `fresh`: for one stream alone (its initial state), not kept. */
export function entryFrame(
  resource: Resource,
  { type, entry, fresh }: { type: 'ADDED' | 'MODIFIED' | 'DELETED'; entry: Entry; fresh: boolean },
  encoding: Encoding,
): Buffer {
  if (encoding === 'json' && !resource.kind.storedAs) return fresh ? entry.freshFrame(type) : entry.frame(type);
  const form: Form = { encoding, as: 'object', version: 'v1', pretty: false };
  if (encoding !== 'protobuf' && encoding !== 'cbor') return framed(type, entryBytes(resource, entry, form), encoding);
  const cache = resource.kind.storedAs || fresh ? undefined : frames[encoding];
  const known = cache?.peek(entry);
  if (known?.type === type) return known.bytes;
  const bytes = framed(type, entryBytes(resource, entry, form), encoding);
  cache?.set(entry, { type, bytes });
  return bytes;
}

/** The event of any document: a bookmark, a Status, a Table. */
export const documentFrame = (type: EventType, document: Document, encoding: Encoding): Buffer =>
  framed(type, documentBytes(document, { encoding, pretty: false }), encoding);

/** metav1.WatchEvent around an encoded object. JSON ends with a newline, protobuf begins with its length, CBOR needs neither. */
function framed(type: EventType, object: Buffer, encoding: Encoding): Buffer {
  switch (encoding) {
    case 'json':
      return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), object, Buffer.from('}'), newline]);
    case 'protobuf': {
      // Field 2 is a RawExtension, whose field 1 holds the object with its envelope.
      const raw = headOf(1, object.length);
      const parts = [headOf(1, type.length), Buffer.from(type), headOf(2, raw.length + object.length), raw, object];
      const length = Buffer.alloc(4);
      length.writeUInt32BE(parts.reduce((sum, part) => sum + part.length, 0));
      return Buffer.concat([length, ...parts]);
    }
    case 'cbor':
      return Buffer.concat([
        selfDescribed,
        cborHead('map', 2),
        encodeCbor('type'),
        encodeCbor(type),
        encodeCbor('object'),
        object,
      ]);
    case 'yaml':
      throw new TypeError('YAML has no stream');
    default:
      return encoding satisfies never;
  }
}

/** One frame as a WebSocket message: without what separates frames in a stream of bytes. */
export function messageOf(frame: Buffer, encoding: Encoding): Buffer {
  if (encoding === 'protobuf') return frame.subarray(4);
  return encoding === 'json' ? frame.subarray(0, -1) : frame;
}
