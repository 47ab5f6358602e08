/**
 * The small hashes in names that clients see: FNV-1a, and upstream's "safe" spelling of a string in the alphabet of
 * generated names (k8s.io/apimachinery/pkg/util/rand). Not for secrets or for anything an attacker may choose freely.
 */

const safeAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** 32-bit FNV-1a of the bytes, or of the text's UTF-8. */
export function fnv1a32(data: string | Uint8Array): number {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return hash >>> 0;
}

/** 64-bit FNV-1a. */
export function fnv1a64(data: string | Uint8Array): bigint {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

/** Each character of `text` as one of the name alphabet: rand.SafeEncodeString, the spelling of pod-template-hash. */
export function safeEncode(text: string): string {
  let out = '';
  for (const character of text) out += safeAlphabet[(character.codePointAt(0) as number) % safeAlphabet.length];
  return out;
}
