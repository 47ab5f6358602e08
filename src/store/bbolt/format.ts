/**
 * The file format of bbolt, which etcd keeps its data in (https://github.com/etcd-io/bbolt, page.go, meta.go, bucket.go): pages of one
 * size, two of them with the root of everything, the others a B+ tree of sorted keys. Numbers are little-endian, as on every
 * machine that etcd supports.
 */

export const magic = 0xed0cdaed;
export const formatVersion = 2;
export const pageHeaderBytes = 16;
/** Of a leaf: flags, position, length of key and value. Of a branch: position, length of key, page. */
export const elementBytes = 16;
/** Root page and sequence number: what stands where a bucket's value would be. */
export const bucketHeaderBytes = 16;
/** From the magic to the checksum, without it. */
export const metaBytes = 56;

export const pageKind = { branch: 1, leaf: 2, meta: 4, freelist: 16 } as const;
/** The value of an element is a bucket. */
export const bucketFlag = 1;

/** FNV-1a of 64 bits. */
export function fnv64a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffff_ffff_ffff_ffffn;
  return hash;
}
