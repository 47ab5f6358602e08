/**
 * One stored object as the cache holds it: the store's own bytes, which every reader is sent, and the decoded, frozen object, made on demand and kept in a bounded cache.
 * The stored value has no resourceVersion (the store allots it at commit): it goes in between on the way out, at a place that is the same for all objects of a kind.
 * An entry is never changed.
 */
import { deepFreeze } from '#base/deep-freeze.ts';
import { Lru } from '#base/lru.ts';
import { parseOwnJson } from '#meta/json.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import type { AnyKind } from '#client/client.ts';
import { withDoubles } from '#schema/doubles.ts';
import { apiVersionOf } from '#schema/kind.ts';
import { ApiError } from '#meta/status.ts';
import type { Revision, Untransformable } from '#store/store.ts';

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
  readonly namespace: string | undefined;
  readonly name: string;
  /** Why the store cannot decrypt it: then nothing but its key is known, and reading it throws. */
  readonly unreadable: Untransformable | undefined;
  readonly #kind: AnyKind;
  /** JSON without a resourceVersion; the store's buffer. */
  readonly #value: Buffer;
  /** Where the metadata's first field stands in it. */
  readonly #head: number;
  #object: AnyObject | undefined;
  #used = false;
  #labels: Readonly<Record<string, string>> | undefined;
  /** Where the metadata ends in the value; 0 when nobody asked yet. */
  #metadataEnd = 0;

  constructor(kind: AnyKind, stored: StoredEntry) {
    const { key } = stored;
    const end = key.lastIndexOf('/');
    this.key = key;
    this.name = key.slice(end + 1);
    this.namespace = kind.scope === 'Namespaced' ? key.slice(key.lastIndexOf('/', end - 1) + 1, end) : undefined;
    this.revision = stored.modRevision;
    this.createRevision = stored.createRevision;
    this.unreadable = stored.unreadable;
    this.#kind = kind;
    this.#value = stored.value;
    this.#head = headOf(kind).length;
  }

  /** The length of the JSON, near enough to bound what is kept. */
  get size(): number {
    return this.#value.length;
  }

  /** Throws InternalError for an entry that is unreadable. */
  get #json(): Buffer {
    if (this.unreadable)
      throw new ApiError(
        'InternalError',
        `Internal error occurred: ${corruption(this.key.replace(/^\/registry/, ''), this.unreadable)}`,
        {
          cause: this.unreadable,
        },
      );
    return this.#value;
  }

  /** The whole object as JSON in two parts: a text with the version, and the store's own bytes. */
  get parts(): readonly [string, Buffer] {
    return [`${headOf(this.#kind)}"resourceVersion":"${this.revision}",`, this.#json.subarray(this.#head)];
  }

  /** The same in one piece, made for the caller. */
  get bytes(): Buffer {
    const [start, rest] = this.parts;
    const bytes = Buffer.allocUnsafe(start.length + rest.length);
    bytes.write(start, 'latin1');
    rest.copy(bytes, start.length);
    return bytes;
  }

  /** The same object at another revision: a deletion shows the last state so. */
  at(revision: Revision): Entry {
    const { key, createRevision, unreadable } = this;
    return new Entry(this.#kind, {
      key,
      value: this.#value,
      modRevision: revision,
      createRevision,
      ...(unreadable ? { unreadable } : {}),
    });
  }

  /** Frozen, shared by all readers. */
  get object(): AnyObject {
    this.#used = true;
    if (this.#object) return this.#object;
    const value = withDoubles(this.#kind.schema, parseOwnJson(this.bytes.toString('utf8')));
    return this.remember(deepFreeze(value as AnyObject));
  }

  /** Whether this text stands anywhere in the JSON; true for an object that is decoded already, which is as quick to ask itself. */
  mayMention(text: Buffer): boolean {
    return this.#object !== undefined || this.#json.includes(text);
  }

  /** Every string that stands under this key anywhere in the JSON, without decoding it. Only for values that need no escape. */
  *stringsUnder(key: string): Generator<string> {
    const start = Buffer.from(`"${key}":"`);
    const json = this.#json;
    for (let at = json.indexOf(start); at >= 0; at = json.indexOf(start, at)) {
      at += start.length;
      yield json.toString('latin1', at, json.indexOf(quote, at));
    }
  }

  get labels(): Readonly<Record<string, string>> {
    this.#labels ??= this.object.metadata.labels ?? {};
    return this.#labels;
  }

  /** The JSON of the metadata, likewise. */
  get metadataParts(): readonly [string, Buffer] {
    this.#metadataEnd ||= endOfObject(this.#json, this.#head - 1);
    return [`{"resourceVersion":"${this.revision}",`, this.#value.subarray(this.#head, this.#metadataEnd)];
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
    const [start, rest] = this.parts;
    return Buffer.concat([Buffer.from(`{"type":"${type}","object":${start}`, 'latin1'), rest, newline]);
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

/** What an entry is made of. */
interface StoredEntry {
  readonly key: string;
  readonly value: Buffer;
  readonly modRevision: Revision;
  readonly createRevision: Revision;
  readonly unreadable?: Untransformable;
}

/** What upstream says of an object that it cannot read. */
export const corruption = (key: string, { message }: Untransformable): string =>
  `StorageError: corrupt object, Code: 7, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: data from the storage is not transformable revision=0: ${message}`;

/** Makes the entry of a stored value. */
export function entryOf(kind: AnyKind, stored: StoredEntry): Entry {
  const entry = new Entry(kind, stored);
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

const heads = new WeakMap<object, string>();

/** What every stored value of a kind starts with, up to its metadata's first field. */
function headOf(kind: AnyKind): string {
  let head = heads.get(kind);
  if (head === undefined) {
    head = `{"apiVersion":"${apiVersionOf(kind)}","kind":"${kind.kind}","metadata":{`;
    heads.set(kind, head);
  }
  return head;
}
