/**
 * Envelope encryption with a KMS, as KEP-3299 has it: values are encrypted here, with keys derived from a seed that only the KMS can decrypt; the seed is changed
 * when the KMS changes its key. So a write never waits for the KMS, and a read only for a seed that it does not know yet.
 */
import { createHash } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Lru } from '#base/lru.ts';
import { dns1123Subdomain } from '#meta/names.ts';
import type { Millis, World } from '#world/world.ts';
import { aesGcm, extendedNonceGcm, seedBytesMin, type Cipher } from './cipher.ts';
import { EncryptedDekSourceType, EncryptedObjectSchema, type EncryptedObject } from './gen/kms_pb.ts';
import type { Annotations, KmsClient } from './kms-client.ts';
import { Passing, type Transformer } from './transformer.ts';

/** Upstream's: how often the KMS is asked while it is well and while it is not, and how long a seed writes on without it. */
const wellPollMs: Millis = 60_000;
const illPollMs: Millis = 10_000;
const seedTtlMs: Millis = 3 * 60_000;
/** A health check asks anew when what is known is older. */
const wellAgeMs: Millis = 20_000;
const illAgeMs: Millis = 3_000;

const keyIdBytesMax = 1024;
const dekSourceBytesMax = 1024;
const annotationsBytesMax = 32 * 1024;
/** One seed for each start of each server and each key of the KMS: a thousand is years. */
const ciphersMax = 1_000;
/** A KMS that did not answer is left alone for so long: a list of many values must not ask it for each. */
const silenceMs: Millis = 1_000;

const { AES_GCM_KEY, HKDF_SHA256_XNONCE_AES_GCM_SEED } = EncryptedDekSourceType;

/** What values are written with. */
interface Seed {
  readonly cipher: Cipher;
  readonly keyId: string;
  readonly encrypted: Buffer;
  readonly annotations: Annotations;
  readonly expiresAt: Millis;
}

export interface KmsProvider extends Transformer, AsyncDisposable {
  /** What is wrong with it. Asks it anew when the last answer is old; that answer shows the next time. */
  health(): string | undefined;
  /** How many seeds are known. */
  readonly size: number;
}

/** Asks the KMS once before it resolves. One that does not answer is no error: it is asked on until disposed. */
export async function startKmsProvider(world: World, name: string, client: KmsClient): Promise<KmsProvider> {
  const provider = new Envelope(world, name, client);
  await provider.probe();
  provider.follow();
  return provider;
}

class Envelope implements KmsProvider {
  readonly #world: World;
  readonly #name: string;
  readonly #client: KmsClient;
  readonly #stop = new AbortController();
  readonly #ciphers = new Lru<string, Cipher>({ limit: ciphersMax });
  /** Seeds that the KMS is being asked for: once, however many values wait. */
  readonly #asked = new Map<string, Promise<Cipher>>();
  #silentUntil: Millis = 0;
  #silence: Error | undefined;
  #seed: Seed | undefined;
  #version: string | undefined;
  #problem: string | undefined = 'it was not asked yet';
  #probedAt: Millis = 0;
  #probing: Promise<void> | undefined;
  #following: Promise<void> | undefined;

  constructor(world: World, name: string, client: KmsClient) {
    this.#world = world;
    this.#name = name;
    this.#client = client;
  }

  get size(): number {
    return this.#ciphers.size;
  }

  seal(plain: Buffer, key: string): Buffer {
    const seed = this.#seed;
    if (!seed) throw new Passing(this.#problem ?? 'got unexpected nil transformer');
    const now = this.#world.clock.now();
    if (now > seed.expiresAt)
      throw new Passing(
        `encryptedDEKSource with keyID hash "${hashOf(seed.keyId)}" expired at ${time(seed.expiresAt)} (current time is ${time(now)})`,
      );
    return Buffer.from(
      toBinary(
        EncryptedObjectSchema,
        create(EncryptedObjectSchema, {
          encryptedData: seed.cipher.seal(plain, key),
          keyId: seed.keyId,
          encryptedDekSource: seed.encrypted,
          annotations: { ...seed.annotations },
          encryptedDekSourceType: HKDF_SHA256_XNONCE_AES_GCM_SEED,
        }),
      ),
    );
  }

  open(stored: Buffer, key: string): ReturnType<Transformer['open']> {
    let object: EncryptedObject;
    try {
      object = fromBinary(EncryptedObjectSchema, stored);
    } catch (cause) {
      throw new Error(`proto: cannot parse the encrypted object: ${(cause as Error).message}`, { cause });
    }
    validate(object);
    const opened = (cipher: Cipher) => ({
      plain: cipher.open(Buffer.from(object.encryptedData), key),
      stale:
        this.#seed !== undefined &&
        (object.keyId !== this.#seed.keyId || object.encryptedDekSourceType !== HKDF_SHA256_XNONCE_AES_GCM_SEED),
    });
    const id = idOf(object);
    const known = this.#ciphers.get(id);
    return known ? opened(known) : this.#ask(id, object).then(opened);
  }

  health(): string | undefined {
    const age = this.#world.clock.monotonic() - this.#probedAt;
    if (age > (this.#problem === undefined ? wellAgeMs : illAgeMs)) void this.probe();
    return this.#problem;
  }

  /** Asks for the KMS' status and follows a change of its key. Never rejects: what is wrong is kept for `health`. */
  probe(): Promise<void> {
    this.#probing ??= this.#probe().finally(() => (this.#probing = undefined));
    return this.#probing;
  }

  follow(): void {
    const { signal } = this.#stop;
    this.#following = (async () => {
      for (;;) {
        await this.#world.clock.sleep(this.#problem === undefined ? wellPollMs : illPollMs, { signal });
        await this.probe();
      }
    })().catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
    await this.#probing;
  }

  async #probe(): Promise<void> {
    const before = this.#problem;
    try {
      await this.#followKey(
        await this.#client.status().catch((error: unknown) => {
          throw new Error(
            `failed to perform status section of the healthz check for KMS Provider ${this.#name}, error: ${(error as Error).message}`,
            { cause: error },
          );
        }),
      );
      this.#problem = undefined;
    } catch (error) {
      this.#problem = (error as Error).message;
    }
    this.#probedAt = this.#world.clock.monotonic();
    if (this.#problem !== before && this.#problem !== undefined)
      this.#world.log.warn('the KMS is not well', { kms: this.#name, error: this.#problem });
  }

  async #followKey(status: {
    readonly version: string;
    readonly healthz: string;
    readonly keyId: string;
  }): Promise<void> {
    const problems: string[] = [];
    if (status.healthz !== 'ok') problems.push(`got unexpected healthz status: ${status.healthz}`);
    if (status.version !== 'v2' && status.version !== 'v2beta1')
      problems.push(`expected KMSv2 API version v2, got ${status.version}`);
    else {
      this.#version ??= status.version;
      if (this.#version !== status.version)
        problems.push(
          `KMSv2 API version should not change after the initial status response version ${this.#version}, got ${status.version}`,
        );
    }
    const bad = keyIdProblem(status.keyId);
    if (bad) problems.push(`got invalid KMSv2 KeyID hash "${hashOf(status.keyId)}": ${bad}`);
    else {
      const failed = await this.#useKey(status.keyId);
      if (failed) problems.push(failed);
    }
    if (problems.length > 0)
      throw new Error(
        `kmsv2 Provider ${this.#name} is not healthy, error: ${problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`}`,
      );
  }

  /** A seed under this key, or the old one for longer. On failure the old seed stays, until it expires. */
  async #useKey(keyId: string): Promise<string | undefined> {
    const expiresAt = this.#world.clock.now() + seedTtlMs;
    const old = this.#seed;
    if (old?.keyId === keyId) {
      this.#seed = { ...old, expiresAt };
      return undefined;
    }
    try {
      const plain = Buffer.from(this.#world.random.bytes(seedBytesMin));
      const cipher = extendedNonceGcm(plain, this.#world.random);
      const {
        ciphertext,
        keyId: usedKeyId,
        annotations,
      } = await this.#client.encrypt(plain).catch((error: unknown) => {
        throw new Error(`failed to encrypt DEK, error: ${(error as Error).message}`, { cause: error });
      });
      const object = {
        encryptedDekSource: ciphertext,
        keyId: usedKeyId,
        annotations,
        encryptedDekSourceType: HKDF_SHA256_XNONCE_AES_GCM_SEED,
      };
      validate({ ...object, encryptedData: Buffer.of(0) });
      if (usedKeyId !== keyId)
        throw new Error(`the status has key ID hash "${hashOf(keyId)}", the encryption used "${hashOf(usedKeyId)}"`);
      this.#ciphers.set(idOf(object), cipher);
      this.#seed = { cipher, keyId, encrypted: ciphertext, annotations, expiresAt };
      return undefined;
    } catch (error) {
      return `failed to rotate DEK: ${(error as Error).message}`;
    }
  }

  #ask(id: string, object: EncryptedObject): Promise<Cipher> {
    if (this.#silence && this.#world.clock.monotonic() < this.#silentUntil) return Promise.reject(this.#silence);
    let asked = this.#asked.get(id);
    if (!asked) {
      asked = this.#decryptSeed(id, object).finally(() => this.#asked.delete(id));
      this.#asked.set(id, asked);
    }
    return asked;
  }

  async #decryptSeed(id: string, object: EncryptedObject): Promise<Cipher> {
    let plain: Buffer;
    try {
      plain = await this.#client.decrypt({
        ciphertext: object.encryptedDekSource,
        keyId: object.keyId,
        annotations: object.annotations,
      });
      this.#silence = undefined;
    } catch (error) {
      const message = `failed to decrypt DEK, error: ${(error as Error).message}`;
      if (!(error instanceof Passing)) throw new Error(message, { cause: error });
      this.#silence = new Passing(message, { cause: error });
      this.#silentUntil = this.#world.clock.monotonic() + silenceMs;
      throw this.#silence;
    }
    const { random } = this.#world;
    if (object.encryptedDekSourceType === AES_GCM_KEY && ![16, 24, 32].includes(plain.length))
      throw new Error(`crypto/aes: invalid key size ${plain.length}`);
    // Older servers of upstream's encrypted with the key itself; we only read that.
    const cipher =
      object.encryptedDekSourceType === AES_GCM_KEY ? aesGcm(plain, random) : extendedNonceGcm(plain, random);
    this.#ciphers.set(id, cipher);
    return cipher;
  }
}

/** Upstream's rules for what is stored and for what a KMS answers; throws in its words. */
function validate(object: Omit<EncryptedObject, '$typeName' | '$unknown'>): void {
  const { encryptedDekSourceType: type, encryptedDekSource: source, annotations } = object;
  if (type !== AES_GCM_KEY && type !== HKDF_SHA256_XNONCE_AES_GCM_SEED)
    throw new Error(`unknown encryptedDEKSourceType: ${type}`);
  if (object.encryptedData.length === 0) throw new Error('encrypted data is empty');
  const sourceProblem = (why: string): Error => new Error(`failed to validate encrypted DEK source: ${why}`);
  if (source.length === 0) throw sourceProblem('encrypted DEK source is empty');
  if (source.length > dekSourceBytesMax)
    throw sourceProblem(
      `encrypted DEK source is ${source.length} bytes, which exceeds the max size of ${dekSourceBytesMax}`,
    );
  const bad = keyIdProblem(object.keyId);
  if (bad) throw new Error(`failed to validate key id: ${bad}`);
  const problems: string[] = [];
  let bytes = 0;
  for (const [name, value] of Object.entries(annotations)) {
    problems.push(...qualifiedName(name));
    bytes += Buffer.byteLength(name) + value.length;
  }
  if (bytes > annotationsBytesMax)
    problems.push(`total size of annotations is ${bytes}, which exceeds the max size of ${annotationsBytesMax}`);
  if (problems.length > 0)
    throw new Error(
      `failed to validate annotations: ${problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`}`,
    );
}

/** A fully qualified domain name: at least two parts, and perhaps a dot at the end. */
function qualifiedName(name: string): string[] {
  if (name === '') return ['annotations: Required value'];
  const bare = name.replace(/\.$/, '');
  const wrong = dns1123Subdomain(bare).map((why) => `annotations: Invalid value: "${name}": ${why}`);
  if (wrong.length > 0) return wrong;
  return bare.split('.').length < 2
    ? [`annotations: Invalid value: "${name}": should be a domain with at least two segments separated by dots`]
    : [];
}

function keyIdProblem(keyId: string): string | undefined {
  const bytes = Buffer.byteLength(keyId);
  if (bytes === 0) return 'keyID is empty';
  return bytes > keyIdBytesMax ? `keyID is ${bytes} bytes, which exceeds the max size of ${keyIdBytesMax}` : undefined;
}

/** Key ids may say more than a log should: upstream shows their hashes. */
const hashOf = (keyId: string): string =>
  keyId === '' ? '' : `sha256:${createHash('sha256').update(keyId).digest('hex')}`;

const time = (at: Millis): string => new Date(at).toISOString();

/** Equal for the same seed from the same KMS: everything that the KMS is shown for it. */
function idOf(
  object: Pick<EncryptedObject, 'encryptedDekSourceType' | 'encryptedDekSource' | 'keyId' | 'annotations'>,
): string {
  const hash = createHash('sha256');
  const add = (part: Uint8Array | string): void => {
    const bytes = Buffer.from(part as string);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  };
  add(String(object.encryptedDekSourceType));
  add(object.encryptedDekSource);
  add(object.keyId);
  for (const name of Object.keys(object.annotations).toSorted()) {
    add(name);
    add(object.annotations[name] as Uint8Array);
  }
  return hash.digest('base64');
}
