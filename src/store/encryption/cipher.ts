/**
 * What encrypts one value with one key: the four ways of https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/, byte for byte as upstream writes them.
 * Only the part behind the prefix is their business. They must never log or keep what passes through them.
 */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import type { Random } from '#world/world.ts';

export interface Cipher {
  /** `key` is where the value stands in the store. */
  seal(plain: Buffer, key: string): Buffer;
  /** Throws an Error that says what is wrong, with nothing of the value in it. */
  open(sealed: Buffer, key: string): Buffer;
}

const tooShort = (): Error => new Error('the stored data was shorter than the required size');

const gcmNonceBytes = 12;
const gcmTagBytes = 16;

/**
 * AES-GCM with a random nonce of 96 bits: a key is good for few writes (upstream's documentation says 200,000). The place of the value is authenticated, so that it
 * cannot be moved.
 */
export function aesGcm(secret: Buffer, random: Random): Cipher {
  const name = `aes-${secret.length * 8}-gcm` as 'aes-256-gcm';
  return {
    seal(plain, key) {
      const nonce = random.bytes(gcmNonceBytes);
      const cipher = createCipheriv(name, secret, nonce);
      cipher.setAAD(Buffer.from(key));
      return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, key) {
      if (sealed.length < gcmNonceBytes) throw tooShort();
      if (sealed.length < gcmNonceBytes + gcmTagBytes) throw new Error('cipher: message authentication failed');
      const decipher = createDecipheriv(name, secret, sealed.subarray(0, gcmNonceBytes), {
        authTagLength: gcmTagBytes,
      });
      decipher.setAAD(Buffer.from(key));
      decipher.setAuthTag(sealed.subarray(-gcmTagBytes));
      try {
        return Buffer.concat([decipher.update(sealed.subarray(gcmNonceBytes, -gcmTagBytes)), decipher.final()]);
      } catch (cause) {
        throw new Error('cipher: message authentication failed', { cause });
      }
    },
  };
}

const infoBytes = 32;
const derivedKeyBytes = 32;
export const seedBytesMin = 32;

/**
 * AES-GCM with a key of its own for each write, derived from a seed and 32 random bytes that stand before the value (KEP-3299): the seed may be used without end.
 * For KMS only, as upstream has it.
 */
export function extendedNonceGcm(seed: Buffer, random: Random): Cipher {
  if (seed.length < seedBytesMin) throw new Error(`invalid seed length ${seed.length} used for key generation`);
  return {
    seal(plain, key) {
      const info = Buffer.from(random.bytes(infoBytes));
      return Buffer.concat([info, aesGcm(expand(seed, info), random).seal(plain, key)]);
    },
    open(sealed, key) {
      if (sealed.length < infoBytes) throw tooShort();
      const info = sealed.subarray(0, infoBytes);
      return aesGcm(expand(seed, info), random).open(sealed.subarray(infoBytes), key);
    },
  };
}

/** HKDF's second half alone, with SHA-256 (RFC 5869, 2.3): the seed is random already. One block is all that is needed. */
const expand = (seed: Buffer, info: Buffer): Buffer =>
  createHmac('sha256', seed).update(info).update(Buffer.of(1)).digest().subarray(0, derivedKeyBytes);

const blockBytes = 16;

/** AES-CBC with PKCS#7 padding. Authenticates nothing: upstream keeps it for old data, and so do we. */
export function aesCbc(secret: Buffer, random: Random): Cipher {
  const name = `aes-${secret.length * 8}-cbc`;
  return {
    seal(plain) {
      const iv = random.bytes(blockBytes);
      const cipher = createCipheriv(name, secret, iv);
      return Buffer.concat([iv, cipher.update(plain), cipher.final()]);
    },
    open(sealed) {
      if (sealed.length < blockBytes) throw tooShort();
      const body = sealed.subarray(blockBytes);
      if (body.length % blockBytes !== 0) throw new Error('the stored data is not a multiple of the block size');
      const decipher = createDecipheriv(name, secret, sealed.subarray(0, blockBytes));
      try {
        return Buffer.concat([decipher.update(body), decipher.final()]);
      } catch (cause) {
        throw new Error('invalid padding on input', { cause });
      }
    },
  };
}

const boxNonceBytes = 24;
const boxTagBytes = 16;

/** XSalsa20 and Poly1305 (NaCl's secretbox). Its nonce of 192 bits may be random for ever; the place of the value is not authenticated. */
export function secretbox(secret: Buffer, random: Random): Cipher {
  return {
    seal(plain) {
      const nonce = random.bytes(boxNonceBytes);
      return Buffer.concat([nonce, xsalsa20poly1305(secret, nonce).encrypt(plain)]);
    },
    open(sealed) {
      if (sealed.length < boxNonceBytes + boxTagBytes) throw tooShort();
      try {
        const plain = xsalsa20poly1305(secret, sealed.subarray(0, boxNonceBytes)).decrypt(
          sealed.subarray(boxNonceBytes),
        );
        return Buffer.from(plain.buffer, plain.byteOffset, plain.length);
      } catch (cause) {
        // Upstream's words, which say less than they could.
        throw new Error('output array was not large enough for encryption', { cause });
      }
    },
  };
}
