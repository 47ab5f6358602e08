/**
 * The file format of bbolt, which etcd keeps its data in (https://github.com/etcd-io/bbolt, page.go, meta.go, bucket.go): pages of one
 * size, two of them with the root of everything, the others a B+ tree of sorted keys. Numbers are little-endian, as on every
 * machine that etcd supports.
 */

export const magic = 0xed0cdaed;
export const formatVersion = 2;
/** Where the numbers of a page's head stand. `overflow`: pages that it needs beyond one. */
export const pageHead = { id: 0, kind: 8, count: 10, overflow: 12, bytes: 16 } as const;
/** Of an element: `position` counts from where the element begins. */
export const leafElement = { flags: 0, position: 4, keyBytes: 8, valueBytes: 12 } as const;
export const branchElement = { position: 0, keyBytes: 4, page: 8 } as const;
export const elementBytes = 16;
/** Root page and sequence number: what stands where a bucket's value would be. */
export const bucketHead = { root: 0, bytes: 16 } as const;
/** Behind the head of a page; the checksum is over all before it. `end`: one more than the highest page that was ever used. */
export const metaField = {
  magic: 0,
  version: 4,
  pageBytes: 8,
  root: 16,
  freelist: 32,
  end: 40,
  transaction: 48,
  checksum: 56,
  bytes: 64,
} as const;

export const pageKind = { branch: 1, leaf: 2, meta: 4, freelist: 16 } as const;
/** The value of an element is a bucket. */
export const bucketFlag = 1;

/** FNV-1a of 64 bits. */
export function fnv64a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffff_ffff_ffff_ffffn;
  return hash;
}
