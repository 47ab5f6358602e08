/**
 * Writes a bbolt file in one go, from its first byte to its last, without holding more than a page of it: the sizes of all items say
 * beforehand which page each will be on. What it writes is a database as bbolt would leave it after one transaction: no free page.
 */
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

export const pageBytes = 4096;
/** Elements of a page are counted in 16 bits, of which the highest number means something else. */
const elementsMax = 0xfffe;

/** Items in the order of their keys. `keyBytes` and `valueBytes` must be the lengths of what `key` and `value` answer. */
export interface BucketSource {
  readonly name: string;
  readonly count: number;
  key(index: number): Uint8Array;
  keyBytes(index: number): number;
  valueBytes(index: number): number;
  value(index: number): Uint8Array;
}

export interface DatabasePlan {
  readonly sizeBytes: number;
  /** The whole file, in pieces of at least a page. */
  pages(): Generator<Buffer, void, undefined>;
}

/** A page of a tree: which children it holds and where it goes. */
interface Node {
  readonly page: number;
  /** Pages it needs beyond one. */
  readonly overflow: number;
  readonly first: number;
  readonly end: number;
}

interface Tree {
  readonly source: BucketSource;
  /** The leaves first, then each level above; the last one is the root alone. */
  readonly levels: readonly (readonly Node[])[];
}

const pagesFor = (bytes: number): number => Math.max(1, Math.ceil(bytes / pageBytes));

/** Buckets in any order. */
export function planDatabase(buckets: readonly BucketSource[]): DatabasePlan {
  // The two metas, the empty list of free pages, the root bucket's leaf; then the trees.
  const [freelistPage, rootPage] = [2, 3];
  let next = 4;
  const place = (bytes: number, first: number, end: number): Node => {
    const pages = pagesFor(bytes);
    const node = { page: next, overflow: pages - 1, first, end };
    next += pages;
    return node;
  };
  const trees = buckets
    .toSorted((a, b) => Buffer.from(a.name).compare(Buffer.from(b.name)))
    .map((source): Tree => {
      const leaves = split(source.count, (i) => source.keyBytes(i) + source.valueBytes(i), place);
      const levels = [leaves];
      for (let below = leaves; below.length > 1; levels.push(below)) {
        const children = below;
        below = split(children.length, (i) => keyOf(source, levels, levels.length - 1, i).length, place);
        if (below.length === children.length) throw new RangeError('keys are too long for a tree of pages');
      }
      return { source, levels };
    });
  const names = trees.reduce((sum, { source }) => sum + Buffer.byteLength(source.name) + bucketHead.bytes, 0);
  if (pageHead.bytes + trees.length * elementBytes + names > pageBytes)
    throw new RangeError('too many buckets for the root page');
  return {
    sizeBytes: next * pageBytes,
    *pages() {
      for (const id of [0, 1]) yield metaPage(id, { rootPage, freelistPage, end: next });
      yield pageOf(freelistPage, pageKind.freelist, []);
      yield pageOf(
        rootPage,
        pageKind.leaf,
        trees.map(({ source, levels }) => {
          const header = Buffer.alloc(bucketHead.bytes);
          header.writeBigUInt64LE(BigInt((levels.at(-1) as readonly Node[])[0]?.page ?? 0), bucketHead.root);
          return { flags: bucketFlag, key: Buffer.from(source.name), value: header };
        }),
      );
      for (const { source, levels } of trees)
        for (const [level, nodes] of levels.entries())
          for (const { page, overflow, first, end } of nodes) {
            const elements = Array.from({ length: end - first }, (_, i): Element =>
              level === 0
                ? { flags: 0, key: source.key(first + i), value: source.value(first + i) }
                : {
                    key: keyOf(source, levels, level - 1, first + i),
                    page: (levels[level - 1] as readonly Node[])[first + i]?.page ?? 0,
                  },
            );
            yield pageOf(page, level === 0 ? pageKind.leaf : pageKind.branch, elements, overflow);
          }
    },
  };
}

/** As many items to a page as fit; one that is larger than a page has its own. At least one page. */
function split(
  count: number,
  bytesOf: (index: number) => number,
  place: (bytes: number, first: number, end: number) => Node,
): Node[] {
  const nodes: Node[] = [];
  let first = 0;
  let bytes = pageHead.bytes;
  for (let i = 0; i < count; i++) {
    const size = elementBytes + bytesOf(i);
    if (i > first && (bytes + size > pageBytes || i - first >= elementsMax)) {
      nodes.push(place(bytes, first, i));
      first = i;
      bytes = pageHead.bytes;
    }
    bytes += size;
  }
  nodes.push(place(bytes, first, count));
  return nodes;
}

/** The first key of a node. */
function keyOf(source: BucketSource, levels: readonly (readonly Node[])[], level: number, index: number): Uint8Array {
  let at = index;
  for (let i = level; i >= 0; i--) at = (levels[i] as readonly Node[])[at]?.first ?? 0;
  return source.key(at);
}

type Element =
  | { readonly flags: number; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly key: Uint8Array; readonly page: number };

function pageOf(id: number, kind: number, elements: readonly Element[], overflow = 0): Buffer {
  const page = Buffer.alloc((overflow + 1) * pageBytes);
  const bytes = elements.reduce(
    (sum, element) => sum + element.key.length + ('value' in element ? element.value.length : 0),
    pageHead.bytes + elements.length * elementBytes,
  );
  // A meta has no elements and is written by its caller.
  if (bytes > page.length) throw new Error(`page ${id}: an item is longer than its source said`);
  page.writeBigUInt64LE(BigInt(id), pageHead.id);
  page.writeUInt16LE(kind, pageHead.kind);
  page.writeUInt16LE(elements.length, pageHead.count);
  page.writeUInt32LE(overflow, pageHead.overflow);
  let data = pageHead.bytes + elements.length * elementBytes;
  for (const [index, element] of elements.entries()) {
    const at = pageHead.bytes + index * elementBytes;
    if ('page' in element) {
      page.writeUInt32LE(data - at, at + branchElement.position);
      page.writeUInt32LE(element.key.length, at + branchElement.keyBytes);
      page.writeBigUInt64LE(BigInt(element.page), at + branchElement.page);
    } else {
      page.writeUInt32LE(element.flags, at + leafElement.flags);
      page.writeUInt32LE(data - at, at + leafElement.position);
      page.writeUInt32LE(element.key.length, at + leafElement.keyBytes);
      page.writeUInt32LE(element.value.length, at + leafElement.valueBytes);
    }
    page.set(element.key, data);
    data += element.key.length;
    if ('value' in element) {
      page.set(element.value, data);
      data += element.value.length;
    }
  }
  return page;
}

/** The one with the higher transaction id counts; the other is its spare. */
function metaPage(id: number, where: { rootPage: number; freelistPage: number; end: number }): Buffer {
  const page = pageOf(id, pageKind.meta, []);
  const meta = page.subarray(pageHead.bytes);
  meta.writeUInt32LE(magic, metaField.magic);
  meta.writeUInt32LE(formatVersion, metaField.version);
  meta.writeUInt32LE(pageBytes, metaField.pageBytes);
  meta.writeBigUInt64LE(BigInt(where.rootPage), metaField.root);
  meta.writeBigUInt64LE(BigInt(where.freelistPage), metaField.freelist);
  meta.writeBigUInt64LE(BigInt(where.end), metaField.end);
  meta.writeBigUInt64LE(BigInt(id), metaField.transaction);
  meta.writeBigUInt64LE(fnv64a(meta.subarray(0, metaField.checksum)), metaField.checksum);
  return page;
}
