/**
 * One stored object as the cache holds it: the bytes that every reader is sent, and the decoded, frozen object, made on demand and kept in a
 * bounded cache. The stored value has no resourceVersion (the store allots it at commit): it is spliced in at a place that is the
 * same for all objects of a kind. An entry is never changed.
 */
import { deepFreeze } from '#base/deep-freeze.ts';
import { Lru } from '#base/lru.ts';
import { parseOwnJson } from '#meta/json.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import type { AnyKind } from '#client/client.ts';
import { apiVersionOf } from '#schema/kind.ts';
import type { Revision } from '#store/store.ts';

/** Decoded objects that are kept over all kinds: 8,192 pods of 10 kB are 80 MB at the very most. */
const decodedMax = 8_192;

/** Entries that hold a decoded object, oldest first. One that was read since it was last looked at gets a second chance. */
const holders = new Set<Entry>();

/** Watch frames that are kept: an event goes to all its streams within a few turns. */
const framesMax = 512;
const frames = new Lru<Entry, { readonly type: string; readonly bytes: Buffer }>({ limit: framesMax });

/** The object that a writer has just encoded into this very buffer: spares parsing it again. */
const written = new WeakMap<Uint8Array, AnyObject>();

export class Entry {
  readonly key: string;
  readonly revision: Revision;
  readonly createRevision: Revision;
  /** The whole object as JSON, resourceVersion included. */
  readonly bytes: Buffer;
  readonly namespace: string | undefined;
  readonly name: string;
  #object: AnyObject | undefined;
  #used = false;
  #labels: Readonly<Record<string, string>> | undefined;
  /** Where the metadata ends in `bytes`; 0 when nobody asked yet. */
  #metadataEnd = 0;

  constructor(
    key: string,
    namespace: string | undefined,
    name: string,
    bytes: Buffer,
    revisions: { at: Revision; created: Revision },
  ) {
    this.key = key;
    this.namespace = namespace;
    this.name = name;
    this.bytes = bytes;
    this.revision = revisions.at;
    this.createRevision = revisions.created;
  }

  /** Frozen, shared by all readers. */
  get object(): AnyObject {
    this.#used = true;
    return this.#object ?? this.remember(deepFreeze(parseOwnJson(this.bytes.toString('utf8')) as AnyObject));
  }

  get labels(): Readonly<Record<string, string>> {
    this.#labels ??= this.object.metadata.labels ?? {};
    return this.#labels;
  }

  /** The JSON of the metadata, as a part of `bytes`. */
  get metadataBytes(): Buffer {
    // The first occurrence: only apiVersion and kind stand before it.
    const start = this.bytes.indexOf(metadataKey) + metadataKey.length;
    this.#metadataEnd ||= endOfObject(this.bytes, start);
    return this.bytes.subarray(start, this.#metadataEnd);
  }

  /** The watch frame of this entry for one event type, encoded once for all streams. */
  frame(type: 'ADDED' | 'MODIFIED' | 'DELETED'): Buffer {
    const known = frames.peek(this);
    if (known?.type === type) return known.bytes;
    const bytes = this.freshFrame(type);
    frames.set(this, { type, bytes });
    return bytes;
  }

  /** The same for one stream alone (its initial state): not kept. */
  freshFrame(type: 'ADDED' | 'MODIFIED' | 'DELETED'): Buffer {
    return Buffer.concat([frameHeads[type], this.bytes, newline]);
  }

  /** Keeps the decoded object, which a writer has already. It must be frozen. */
  remember(object: AnyObject): AnyObject {
    this.#object = object;
    holders.add(this);
    if (holders.size > decodedMax) Entry.#forgetOne();
    return object;
  }

  static #forgetOne(): void {
    for (const holder of holders) {
      holders.delete(holder);
      if (!holder.#used) {
        holder.#object = undefined;
        return;
      }
      holder.#used = false;
      holders.add(holder);
    }
  }
}

const metadataKey = Buffer.from('"metadata":');
const quote = 0x22;
const backslash = 0x5c;
const braceOpen = 0x7b;
const braceClose = 0x7d;

/** Right after the object that starts at `start` in JSON of our own making. */
function endOfObject(json: Buffer, start: number): number {
  let depth = 0;
  for (let at = start; at < json.length; at++) {
    const byte = json[at];
    if (byte === braceOpen) depth++;
    else if (byte === braceClose && --depth === 0) return at + 1;
    else if (byte === quote) for (at++; json[at] !== quote; at++) if (json[at] === backslash) at++;
  }
  throw new RangeError('the stored object has no metadata');
}

const newline = Buffer.from('}\n');
const frameHeads = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
};

/** The stored value of an object: JSON that opens with apiVersion, kind and metadata, without a resourceVersion. */
export function encode(kind: AnyKind, object: AnyObject): Buffer {
  const { apiVersion: _a, kind: _k, metadata, ...rest } = object;
  const { resourceVersion: _r, ...meta } = metadata;
  const value = Buffer.from(
    JSON.stringify({ apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: meta, ...rest }),
  );
  written.set(value, object);
  return value;
}

/** Makes the entry of a stored value. */
export function entryOf(
  kind: AnyKind,
  stored: { key: string; value: Buffer; modRevision: Revision; createRevision: Revision },
): Entry {
  const head = headLength(kind);
  const insert = Buffer.from(`"resourceVersion":"${stored.modRevision}",`);
  const bytes = Buffer.allocUnsafe(stored.value.length + insert.length);
  stored.value.copy(bytes, 0, 0, head);
  insert.copy(bytes, head);
  stored.value.copy(bytes, head + insert.length, head);
  const parts = stored.key.split('/');
  const name = parts.at(-1) as string;
  const namespace = kind.scope === 'Namespaced' ? parts.at(-2) : undefined;
  const entry = new Entry(stored.key, namespace, name, bytes, {
    at: stored.modRevision,
    created: stored.createRevision,
  });
  const object = written.get(stored.value);
  if (object) {
    written.delete(stored.value);
    entry.remember(
      deepFreeze({
        ...object,
        apiVersion: apiVersionOf(kind),
        kind: kind.kind,
        metadata: { ...object.metadata, resourceVersion: String(stored.modRevision) },
      }),
    );
  }
  return entry;
}

const heads = new WeakMap<object, number>();

function headLength(kind: AnyKind): number {
  let length = heads.get(kind);
  if (length === undefined) {
    length = `{"apiVersion":"${apiVersionOf(kind)}","kind":"${kind.kind}","metadata":{`.length;
    heads.set(kind, length);
  }
  return length;
}
