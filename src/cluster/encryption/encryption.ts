/**
 * Encryption at rest of a cluster: which configuration counts, that every value can be read with it before anything is served, and what goes on while the
 * server runs: the file is read again when it changes, values that become readable are brought back, and keys are replaced. Keys never stand in the data.
 */
import type { Key } from '#store/encryption/configuration.ts';
import { EncryptedStore } from '#store/encryption/encrypted-store.ts';
import { TransformationMetrics } from '#store/encryption/metrics.ts';
import { census, rewrite, rewriteAll, type Census } from '#store/encryption/rewrite.ts';
import { startRules } from '#store/encryption/rules.ts';
import type { Store } from '#store/store.ts';
import type { Millis, World } from '#world/world.ts';
import type { Configuration } from '../configuration.ts';
import type { Layout } from '../layout.ts';
import {
  formName,
  keysOf,
  newKey,
  readEncryptionFile,
  readRotation,
  retireKeys,
  writeKeyFile,
  writeRotation,
} from './key-file.ts';
import { refuseLostKeys, requireKeys } from './needed-keys.ts';
import { prefixesOf, resourceOf } from './resources.ts';

/** How often the file is looked at. Upstream looks every minute, and only when it is told to by a flag. */
const reloadMs: Millis = 10_000;
/** Values that are tried again between two turns for others. */
const healStride = 32;

export interface EncryptionOptions {
  /** Takes what older versions of values left behind out of the data file. Absent where somebody else keeps the data. */
  readonly purge?: () => Promise<void>;
  /** Starts although values cannot be read: those are answered with errors. */
  readonly ignoreMissingKeys?: boolean;
  /** Other servers read and write with the same keys: none may replace them alone. */
  readonly shared?: boolean;
}

/** What `k8ts encryption status` tells. */
export interface EncryptionStatus {
  readonly file: string;
  /** The file is the cluster's own: its keys are made and replaced by k8ts. */
  readonly managed: boolean;
  readonly rules: readonly { readonly resources: readonly string[]; readonly providers: readonly string[] }[];
  /** How many values are stored how. */
  readonly forms: Readonly<Record<string, number>>;
  readonly stale: number;
  readonly unreadable: number;
  readonly kms: string | undefined;
  /** What goes on, or what failed last. */
  readonly work: string | undefined;
}

export interface Replaced {
  readonly key?: string;
  readonly rewritten: number;
  readonly retired: readonly string[];
}

export interface Encryption extends AsyncDisposable {
  readonly store: EncryptedStore;
  status(): Promise<EncryptionStatus>;
  /** Brings every value into the form of the first provider. */
  reencrypt(): Promise<Replaced>;
  /** A new key writes everything, and the old ones are retired. Goes on where an earlier call was cut short. */
  rotateKeys(): Promise<Replaced>;
}

/** Rejects with an Error that says what is missing; nothing was changed then. */
export async function openEncryption(
  world: World,
  { layout, configuration, store }: { layout: Layout; configuration: Configuration; store: Store },
  options: EncryptionOptions = {},
): Promise<Encryption> {
  const managed = configuration.encryptionConfig === undefined;
  const file = configuration.encryptionConfig ?? layout.encryption;
  if (managed && (await world.disk.stat(file)) === undefined) {
    if (!options.ignoreMissingKeys) await refuseLostKeys(store, file);
    await writeKeyFile(world, layout, [newKey(world)]);
  }
  const read = await readEncryptionFile(world, file);
  if (!read) throw new Error(`error reading encryption provider configuration file "${file}": it is missing`);
  await warnOpenFile(world, file);
  const metrics = new TransformationMetrics();
  const rules = await startRules(world, read.configuration, metrics);
  const encrypted = new EncryptedStore(world, store, { rules, resourceOf, metrics });
  const running = new RunningEncryption(world, encrypted, { layout, file, managed, metrics, options });
  try {
    if (!options.ignoreMissingKeys) await requireKeys(world, encrypted, { layout, file, rules });
  } catch (error) {
    await rules[Symbol.asyncDispose]();
    throw error;
  }
  running.follow(read.text);
  return running;
}

const byHand =
  'add a key there as the first of its provider, wait until every server has read it (10 s), call "k8ts encryption reencrypt", and then remove the old one';

const byHandShared =
  'add a key there as the second of its provider, wait until all have read it (10 s), make it the first, wait again, call "k8ts encryption reencrypt", and then remove the old one';

async function warnOpenFile(world: World, file: string): Promise<void> {
  const stat = await world.disk.stat(file);
  if (stat && (stat.mode & 0o077) !== 0)
    world.log.warn('others can read the file with the encryption keys', {
      file,
      mode: (stat.mode & 0o777).toString(8),
    });
}

interface Parts {
  readonly layout: Layout;
  readonly file: string;
  readonly managed: boolean;
  readonly metrics: TransformationMetrics;
  readonly options: EncryptionOptions;
}

class RunningEncryption implements Encryption {
  readonly store: EncryptedStore;
  readonly #world: World;
  readonly #parts: Parts;
  readonly #stop = new AbortController();
  #loaded = '';
  #refused: string | undefined;
  /** One change of keys at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #work: string | undefined;
  #following: Promise<void> | undefined;

  constructor(world: World, store: EncryptedStore, parts: Parts) {
    this.#world = world;
    this.store = store;
    this.#parts = parts;
  }

  follow(text: string): void {
    this.#loaded = text;
    const { signal } = this.#stop;
    const { clock, log } = this.#world;
    this.#following = (async () => {
      let finished = !this.#parts.managed || this.#parts.options.shared === true;
      let told: string | undefined;
      for (;;) {
        if (!finished) {
          try {
            await this.#exclusively('finishing what was begun', () => this.#finish());
            finished = true;
          } catch (error) {
            signal.throwIfAborted();
            const { message } = error as Error;
            if (message !== told) log.error('values are not encrypted anew', { error: message });
            told = message;
          }
        }
        await clock.sleep(reloadMs, { signal });
        await this.#exclusively(undefined, async () => {
          await this.#reload();
          await this.#heal();
        });
      }
    })().catch((error: unknown) => {
      if (!signal.aborted) log.error('encryption keys are not followed any more', { error: String(error) });
    });
  }

  async status(): Promise<EncryptionStatus> {
    const { file, managed } = this.#parts;
    const { configuration } = this.store.rules;
    const { forms, stale } = await this.#census();
    return {
      file,
      managed,
      rules: configuration.resources.map(({ resources, providers }) => ({
        resources,
        providers: providers.flatMap((provider) =>
          provider.is === 'identity'
            ? ['identity']
            : provider.is === 'kms'
              ? [`kms ${provider.name}`]
              : provider.keys.map(({ name }) => `${provider.is} ${name}`),
        ),
      })),
      forms: Object.fromEntries(forms),
      stale,
      unreadable: this.store.unreadable.size,
      kms: this.store.rules.health(),
      work: this.#work ?? this.#refused,
    };
  }

  reencrypt(): Promise<Replaced> {
    return this.#exclusively('writing everything anew', async () => {
      await this.#reload();
      if (this.#refused !== undefined) throw new Error(this.#refused);
      const rewritten = await this.#rewriteAll();
      if (rewritten > 0) await this.#forgetOlderForms();
      return { rewritten, retired: [] };
    });
  }

  rotateKeys(): Promise<Replaced> {
    const { layout, file, managed, options } = this.#parts;
    if (options.shared) return Promise.reject(new Error(`several servers read ${file}: ${byHandShared}`));
    if (!managed) return Promise.reject(new Error(`${file} is yours: ${byHand}`));
    return this.#exclusively('replacing the key', async () => {
      await this.#reload();
      if (this.#refused !== undefined) throw new Error(this.#refused);
      const before = await this.#finish();
      const old = keysOf(this.store.rules.configuration);
      if (!old) throw new Error(`${file} has another shape than k8ts gives it: ${byHand}`);
      const key = newKey(this.#world);
      // First what is going to happen, then the first step: whoever finds the note knows what to do.
      await writeRotation(this.#world, layout, { key: key.name, retire: old.map(({ name }) => name) });
      await this.#useKeys([key, ...old]);
      const done = await this.#finish();
      return { ...done, key: key.name, rewritten: before.rewritten + done.rewritten };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
    await this.#turn;
    await this.store.rules[Symbol.asyncDispose]();
  }

  /** Ends a rotation that was begun, and encrypts what an older version has left plain. */
  async #finish(): Promise<Replaced> {
    const { layout } = this.#parts;
    const { disk, log } = this.#world;
    const keys = keysOf(this.store.rules.configuration);
    const [first] = keys ?? [];
    // The owner has changed the file: what is written anew is the owner's to say.
    if (!keys || !first) return { rewritten: 0, retired: [] };
    let rotation = await readRotation(this.#world, layout);
    if (!rotation) {
      if ((await this.#census()).stale === 0) return { rewritten: 0, retired: [] };
      rotation = { key: first.name, retire: [] };
      await writeRotation(this.#world, layout, rotation);
    }
    const { retire } = rotation;
    let rewritten = 0;
    let retired: readonly Key[] = [];
    // Otherwise the note was written, and nothing after it.
    if (first.name === rotation.key) {
      rewritten = await this.#rewriteAll();
      retired = keys.filter(({ name }) => retire.includes(name));
      await this.#requireUnneeded(retired);
      await this.#forgetOlderForms();
      if (retired.length > 0) {
        await retireKeys(this.#world, layout, retired);
        await this.#useKeys(keys.filter((key) => !retired.includes(key)));
      }
    }
    await disk.remove(layout.encryptionRotation);
    const names = retired.map(({ name }) => name);
    if (names.length > 0) log.info('encryption keys were replaced', { by: rotation.key, retired: names, rewritten });
    return { rewritten, retired: names };
  }

  /** The last look before a key goes. */
  async #requireUnneeded(keys: readonly Key[]): Promise<void> {
    const { forms, examples } = await this.#census();
    for (const { name } of keys) {
      const form = `k8s:enc:secretbox:v1:${name}:`;
      if (forms.has(form))
        throw new Error(
          `the old key ${name} is kept: ${forms.get(form)} values are still stored with it, such as ${examples.get(form)}`,
        );
    }
  }

  #census(): Promise<Census> {
    return census(this.#world, this.store, { prefixes: this.#prefixes(), decrypt: true });
  }

  #prefixes(): readonly string[] {
    return prefixesOf(this.store.rules.configuration);
  }

  async #rewriteAll(): Promise<number> {
    const { log } = this.#world;
    const { rewritten, unreadable } = await rewriteAll(this.#world, this.store, {
      prefixes: this.#prefixes(),
      signal: this.#stop.signal,
    });
    for (const [form, count] of unreadable)
      log.error('values cannot be read and stay as they are', { form: formName(form), count });
    if (rewritten > 0) log.info('values were encrypted anew', { count: rewritten });
    return rewritten;
  }

  /** History has them still, and the pages of the data file that are free. */
  async #forgetOlderForms(): Promise<void> {
    await this.store.compact(this.store.revision());
    await this.#parts.options.purge?.();
  }

  async #useKeys(keys: readonly Key[]): Promise<void> {
    await writeKeyFile(this.#world, this.#parts.layout, keys);
    await this.#reload();
    if (this.#refused !== undefined) throw new Error(this.#refused);
  }

  /** What is wrong with a changed file is told, and the old one counts on. */
  async #reload(): Promise<void> {
    const { layout, file, metrics, options } = this.#parts;
    try {
      const read = await readEncryptionFile(this.#world, file);
      if (!read) throw new Error(`error reading encryption provider configuration file "${file}": it is missing`);
      this.#refused = undefined;
      if (read.text === this.#loaded) return;
      const rules = await startRules(this.#world, read.configuration, metrics);
      try {
        if (!options.ignoreMissingKeys) await requireKeys(this.#world, this.store, { layout, file, rules });
      } catch (error) {
        await rules[Symbol.asyncDispose]();
        throw error;
      }
      const old = this.store.rules;
      this.store.use(rules);
      this.#loaded = read.text;
      await old[Symbol.asyncDispose]();
      await warnOpenFile(this.#world, file);
      this.#world.log.info('the encryption configuration was loaded', { file });
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#refused)
        this.#world.log.error('the encryption configuration is not used', { error: message });
      this.#refused = message;
    }
  }

  /** What could not be read when it came, and can be now, is written anew: so every cache learns of it. */
  async #heal(): Promise<void> {
    for (const [at, key] of [...this.store.unreadable.keys()].entries()) {
      this.#stop.signal.throwIfAborted();
      if (at % healStride === healStride - 1) await this.#world.clock.yield();
      try {
        await rewrite(this.#world, this.store, key);
      } catch (error) {
        this.#world.log.warn('a value that can be read again cannot be written', { key, error: String(error) });
      }
    }
  }

  async #exclusively<T>(work: string | undefined, run: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    const mine = (async () => {
      await before;
      if (work !== undefined) this.#work = work;
      try {
        const done = await run();
        if (work !== undefined) this.#work = undefined;
        return done;
      } catch (error) {
        if (work !== undefined) this.#work = `${work} failed: ${(error as Error).message}`;
        throw error;
      }
    })();
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}
