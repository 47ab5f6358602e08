/**
 * Real randomness, all of it from the system's generator. Code elsewhere must never call Math.random or randomUUID: the
 * simulator could not replay it.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Random } from '../world.ts';

/** Upstream's name alphabet (k8s.io/apimachinery/pkg/util/rand): no vowels, no look-alikes. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
/** Bytes from here on would favour the alphabet's first letters: 9 * 27 = 243. */
const acceptBelow = 256 - (256 % alphabet.length);

export function nodeRandom(): Random {
  return {
    bytes: (count) => randomBytes(count),
    uuid: () => randomUUID(),
    fraction() {
      const bytes = randomBytes(8);
      // 53 random bits, the mantissa of a double.
      return ((bytes.readUInt32LE(0) >>> 5) * 2 ** 26 + (bytes.readUInt32LE(4) >>> 6)) / 2 ** 53;
    },
    suffix(length) {
      let text = '';
      while (text.length < length) {
        for (const byte of randomBytes(length - text.length + 4)) {
          if (byte < acceptBelow && text.length < length) text += alphabet[byte % alphabet.length];
        }
      }
      return text;
    },
  };
}
