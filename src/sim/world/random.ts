/**
 * Chance from a seed: the same seed gives the same numbers for ever (sfc32, started from the seed's hash).
 */
import { fnv1a32 } from '#base/hash.ts';
import type { Random } from '#world/world.ts';

const nameAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

export function seededRandom(seed: number | string): Random {
  const start = String(seed);
  let a = fnv1a32(`a${start}`) | 0;
  let b = fnv1a32(`b${start}`) | 0;
  let c = fnv1a32(`c${start}`) | 0;
  let d = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 16; i++) next();
  const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => next() & 0xff);
  return {
    bytes,
    fraction: () => next() / 2 ** 32,
    suffix: (length) => Array.from({ length }, () => nameAlphabet[next() % nameAlphabet.length]).join(''),
    uuid() {
      const raw = bytes(16);
      raw[6] = ((raw[6] as number) & 0x0f) | 0x40;
      raw[8] = ((raw[8] as number) & 0x3f) | 0x80;
      const hex = Buffer.from(raw).toString('hex');
      return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
    },
  };
}
