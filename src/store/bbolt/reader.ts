/**
 * Reads a bbolt file: the buckets and, in the order of their keys, what is in them. It trusts nothing: every number is checked before it
 * is used, each page is read once, and a file that is cut, damaged or made to deceive ends in an Error that names it. What it holds at
 * a time is a path through the tree.
 */
import { Lru } from '#base/lru.ts';
import type { Disk } from '#world/world.ts';
import {
  branchElement,
  bucketFlag,
  bucketHead,
  elementBytes,
  fnv64a,
  formatVersion,
  leafElement,
  magic,
  metaField,
  pageHead,
  pageKind,
} from './format.ts';

/** Trees of a thousand million pages are not as deep. */
const depthMax = 32;
const pageBytesMin = 512;
const pageBytesMax = 64 * 1024;
/** A value is at most as large as a request to etcd may be made, which is far less; this is what we hold for one. */
const overflowBytesMax = 512 * 1024 * 1024;
const chunkBytes = 1024 * 1024;
const chunksHeld = 32;

export type Item = readonly [key: Buffer, value: Buffer];

export interface BboltFile {
  /** Of all pages that are or were in use. */
  readonly sizeBytes: number;
  /** Names in their order. */
  buckets(): AsyncIterable<string>;
  /** Nothing when there is no such bucket. Buckets inside a bucket are skipped: etcd has none. */
  items(bucket: string): AsyncGenerator<Item, void, undefined>;
}

/** The first `sizeBytes` of a file. Rejects with an Error that says what is wrong with it. */
export async function openBbolt(disk: Disk, path: string, sizeBytes: number): Promise<BboltFile> {
  const read = reader(disk, path, sizeBytes);
  const meta = await newestMeta(path, read);
  if (meta.end * meta.pageBytes > sizeBytes)
    throw new Error(`${path} is cut: it has ${sizeBytes} of ${meta.end * meta.pageBytes} bytes`);
  const tree = new Tree(path, read, meta);
  return {
    sizeBytes: meta.end * meta.pageBytes,
    async *buckets() {
      for await (const { flags, key } of tree.walk(meta.root)) if (flags & bucketFlag) yield key.toString();
    },
    async *items(bucket) {
      for await (const { flags, key, value } of tree.walk(meta.root)) {
        if (!(flags & bucketFlag) || key.toString() !== bucket) continue;
        if (value.length < bucketHead.bytes) throw tree.damaged(`the bucket ${bucket} has no header`);
        const root = value.readBigUInt64LE(bucketHead.root);
        // A small bucket has its only page where its root's number would lead.
        const inner = root === 0n ? tree.leafElements(value.subarray(bucketHead.bytes)) : tree.walk(Number(root));
        for await (const element of inner) if (!(element.flags & bucketFlag)) yield [element.key, element.value];
        return;
      }
    },
  };
}

type Read = (start: number, length: number) => Promise<Buffer>;

function reader(disk: Disk, path: string, sizeBytes: number): Read {
  const chunks = new Lru<number, Buffer>({ limit: chunksHeld });
  const chunk = async (index: number): Promise<Buffer> => {
    const held = chunks.get(index);
    if (held) return held;
    const start = index * chunkBytes;
    const parts: Buffer[] = [];
    const end = Math.min(start + chunkBytes, sizeBytes) - 1;
    for await (const part of disk.readStream(path, { start, end })) parts.push(part as Buffer);
    const bytes = Buffer.concat(parts);
    chunks.set(index, bytes);
    return bytes;
  };
  return async (start, length) => {
    if (start + length > sizeBytes) throw new Error(`${path} is cut: it ends before byte ${start + length}`);
    const first = Math.floor(start / chunkBytes);
    const last = Math.floor((start + length - 1) / chunkBytes);
    const parts: Buffer[] = [];
    for (let index = first; index <= last; index++) {
      const at = index * chunkBytes;
      parts.push((await chunk(index)).subarray(Math.max(0, start - at), Math.min(chunkBytes, start + length - at)));
    }
    const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    if (bytes.length !== length) throw new Error(`${path} was cut while it was read`);
    return bytes;
  };
}

interface Meta {
  readonly pageBytes: number;
  readonly root: number;
  /** One more than the highest page that was ever used. */
  readonly end: number;
  readonly transaction: bigint;
}

/** Of the two metas that are whole, the one of the later transaction. */
async function newestMeta(path: string, read: Read): Promise<Meta> {
  const first = await metaAt(read, 0);
  const found: Meta[] = [];
  if (first) {
    found.push(first);
    const second = await metaAt(read, first.pageBytes);
    if (second && second.pageBytes === first.pageBytes) found.push(second);
  } else {
    // The first is damaged: the second stands where the first page ends, wherever that is.
    for (let at = pageBytesMin; at <= pageBytesMax && found.length === 0; at *= 2) {
      const second = await metaAt(read, at);
      if (second?.pageBytes === at) found.push(second);
    }
  }
  const [meta] = found.toSorted((a, b) => (a.transaction > b.transaction ? -1 : 1));
  if (!meta) throw new Error(`${path} is no bbolt database, or its head is damaged`);
  return meta;
}

async function metaAt(read: Read, at: number): Promise<Meta | undefined> {
  let page: Buffer;
  try {
    page = await read(at, pageHead.bytes + metaField.bytes);
  } catch (error) {
    if (error instanceof Error && /is cut/.test(error.message)) return undefined;
    throw error;
  }
  const meta = page.subarray(pageHead.bytes);
  if (meta.readUInt32LE(metaField.magic) !== magic || meta.readUInt32LE(metaField.version) !== formatVersion)
    return undefined;
  if (meta.readBigUInt64LE(metaField.checksum) !== fnv64a(meta.subarray(0, metaField.checksum))) return undefined;
  const pageBytes = meta.readUInt32LE(metaField.pageBytes);
  const [root, end] = [meta.readBigUInt64LE(metaField.root), meta.readBigUInt64LE(metaField.end)];
  const isPower = (pageBytes & (pageBytes - 1)) === 0;
  if (!isPower || pageBytes < pageBytesMin || pageBytes > pageBytesMax || root >= end || end > 1n << 40n)
    return undefined;
  const transaction = meta.readBigUInt64LE(metaField.transaction);
  return { pageBytes, root: Number(root), end: Number(end), transaction };
}

interface LeafElement {
  readonly flags: number;
  readonly key: Buffer;
  readonly value: Buffer;
}

class Tree {
  readonly #path: string;
  readonly #read: Read;
  readonly #meta: Meta;

  constructor(path: string, read: Read, meta: Meta) {
    this.#path = path;
    this.#read = read;
    this.#meta = meta;
  }

  damaged(how: string): Error {
    return new Error(`${this.#path} is damaged: ${how}`);
  }

  /** The elements of all leaves below a page. */
  async *walk(root: number): AsyncGenerator<LeafElement, void, undefined> {
    // Each page once: what leads in a circle ends here.
    const seen = new Set<number>();
    let before: Buffer | undefined;
    for await (const element of this.#below(root, 0, seen)) {
      if (before && before.compare(element.key) >= 0) throw this.damaged('keys are not in order');
      before = element.key;
      yield element;
    }
  }

  async *#below(id: number, depth: number, seen: Set<number>): AsyncGenerator<LeafElement, void, undefined> {
    if (depth > depthMax) throw this.damaged('the tree is too deep');
    if (seen.has(id)) throw this.damaged(`page ${id} is there twice`);
    seen.add(id);
    const page = await this.#page(id);
    const kind = page.readUInt16LE(pageHead.kind);
    if (kind === pageKind.leaf) yield* this.leafElements(page);
    else if (kind === pageKind.branch) {
      const count = this.#count(page);
      if (count === 0) throw this.damaged(`the branch page ${id} is empty`);
      for (let i = 0; i < count; i++) {
        const child = page.readBigUInt64LE(pageHead.bytes + i * elementBytes + branchElement.page);
        yield* this.#below(child < BigInt(this.#meta.end) ? Number(child) : -1, depth + 1, seen);
      }
    } else throw this.damaged(`page ${id} is of kind ${kind}`);
  }

  /** Also of the page inside an element that is a small bucket. */
  *leafElements(page: Buffer): Generator<LeafElement, void, undefined> {
    if (page.length < pageHead.bytes || page.readUInt16LE(pageHead.kind) !== pageKind.leaf)
      throw this.damaged('a bucket without a leaf page');
    const count = this.#count(page);
    for (let i = 0; i < count; i++) {
      const at = pageHead.bytes + i * elementBytes;
      const start = at + page.readUInt32LE(at + leafElement.position);
      const keyEnd = start + page.readUInt32LE(at + leafElement.keyBytes);
      const end = keyEnd + page.readUInt32LE(at + leafElement.valueBytes);
      if (end > page.length) throw this.damaged('an element lies outside its page');
      const flags = page.readUInt32LE(at + leafElement.flags);
      yield { flags, key: page.subarray(start, keyEnd), value: page.subarray(keyEnd, end) };
    }
  }

  #count(page: Buffer): number {
    const count = page.readUInt16LE(pageHead.count);
    if (pageHead.bytes + count * elementBytes > page.length) throw this.damaged('a page with too many elements');
    return count;
  }

  async #page(id: number): Promise<Buffer> {
    const { pageBytes, end } = this.#meta;
    if (id < 2 || id >= end) throw this.damaged(`there is no page ${id}`);
    const head = await this.#read(id * pageBytes, pageHead.bytes);
    const overflow = head.readUInt32LE(pageHead.overflow);
    if (head.readBigUInt64LE(pageHead.id) !== BigInt(id)) throw this.damaged(`page ${id} says it is another`);
    if (id + overflow >= end || overflow * pageBytes > overflowBytesMax)
      throw this.damaged(`page ${id} is larger than the file`);
    return this.#read(id * pageBytes, (overflow + 1) * pageBytes);
  }
}
