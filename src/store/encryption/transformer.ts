/**
 * From a stored value to its plain form and back, by the prefixes it may have. The first of a list writes, all of them read, and what another than the first has
 * read is stale: the rules and the words are those of upstream's k8s.io/apiserver/pkg/storage/value.
 */
import type { Cipher } from './cipher.ts';

export interface Opened {
  readonly plain: Buffer;
  /** Another provider or key would write it now. */
  readonly stale: boolean;
}

export interface Transformer {
  /** Throws an Error that says what is wrong. */
  seal(plain: Buffer, key: string): Buffer;
  /** Throws, or rejects when somebody else had to be asked. */
  open(stored: Buffer, key: string): Opened | Promise<Opened>;
}

export interface Prefixed {
  readonly prefix: string;
  readonly transformer: Transformer;
}

/** Whoever keeps the keys cannot be asked now: the value may be readable later. */
export class Passing extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'Passing';
  }
}

/** What upstream reserves for encrypted values. Plain ones are JSON and start with a brace. */
const encryptedPrefix = Buffer.from('k8s:enc:');
/** What upstream puts before a plain value in protobuf. */
const protobufMagic = Buffer.from('k8s\0');

export const isEncrypted = (stored: Buffer): boolean =>
  stored.subarray(0, encryptedPrefix.length).equals(encryptedPrefix);

/** `k8s:enc:secretbox:v1:key1:` of an encrypted value, undefined of a plain one: the provider and, but for a KMS, the name of the key. */
export function headerOf(stored: Buffer): string | undefined {
  if (!isEncrypted(stored)) return undefined;
  return /^k8s:enc:[^:]*:[^:]*:[^:]*:/.exec(stored.toString('latin1', 0, headerBytesMax))?.[0] ?? 'k8s:enc:';
}

/** Key names are a few letters; a value that starts otherwise has no header to speak of. */
const headerBytesMax = 512;

/** Writes what it gets, and reads everything that nobody has encrypted. */
export const identity: Transformer = {
  seal: (plain) => plain,
  open(stored) {
    if (isEncrypted(stored)) throw new Error('identity transformer tried to read encrypted data');
    if (stored.subarray(0, protobufMagic.length).equals(protobufMagic))
      throw new Error("the stored data is protobuf, another Kubernetes' form");
    return { plain: stored, stale: false };
  },
};

export function ofCipher(cipher: Cipher): Transformer {
  return {
    seal: (plain, key) => cipher.seal(plain, key),
    open: (stored, key) => ({ plain: cipher.open(stored, key), stale: false }),
  };
}

/** Told of every transformation: which prefix, and how it ended. */
export type Observer = (direction: 'from_storage' | 'to_storage', prefix: string, error: unknown) => void;

/** Several in order; `none` is what a value is refused with that has no prefix of theirs. */
export function ofPrefixes(list: readonly Prefixed[], none: string, observe?: Observer): Transformer {
  const providers = list.map(({ prefix, transformer }) => ({ prefix: Buffer.from(prefix), name: prefix, transformer }));
  const [first] = providers;
  if (!first) throw new Error('a list of transformers has at least one');
  return {
    seal(plain, key) {
      try {
        const sealed = first.transformer.seal(plain, key);
        observe?.('to_storage', first.name, undefined);
        return first.prefix.length === 0 ? sealed : Buffer.concat([first.prefix, sealed]);
      } catch (error) {
        observe?.('to_storage', first.name, error);
        throw error;
      }
    },
    open(stored, key) {
      const errors: Error[] = [];
      /** Goes on at the `at`-th: several may share a prefix, one whose key was replaced and one that still has it. */
      const from = (at: number): Opened | Promise<Opened> => {
        for (let index = at; index < providers.length; index++) {
          const { prefix, name, transformer } = providers[index] as (typeof providers)[number];
          if (!stored.subarray(0, prefix.length).equals(prefix)) continue;
          const done = (opened: Opened): Opened => {
            observe?.('from_storage', name || 'identity', undefined);
            return index === 0 ? opened : { plain: opened.plain, stale: true };
          };
          const failed = (error: Error): void => {
            // Without a prefix everything matches: that this one cannot read it says nothing.
            if (name === '' && isEncrypted(stored)) return;
            observe?.('from_storage', name || 'identity', error);
            errors.push(error);
          };
          try {
            const opened = transformer.open(prefix.length === 0 ? stored : stored.subarray(prefix.length), key);
            if (!(opened instanceof Promise)) return done(opened);
            return opened.then(done, (error: Error) => {
              failed(error);
              return from(index + 1);
            });
          } catch (error) {
            failed(error as Error);
          }
        }
        const [only] = errors;
        if (!only) {
          const error = new Error(none);
          observe?.('from_storage', 'unknown', error);
          throw error;
        }
        if (errors.length === 1) throw only;
        const message = `[${[...new Set(errors.map((error) => error.message))].join(', ')}]`;
        throw errors.some((error) => error instanceof Passing) ? new Passing(message) : new Error(message);
      };
      return from(0);
    },
  };
}
