/**
 * A store over a store: what stands below it is encrypted as the rules say, what it shows is plain. Every other property is that of the store below: revisions,
 * order, conflicts, history. A value that cannot be decrypted is shown as an entry that says so, never as what is stored; a KMS that has to be asked holds back
 * the events of its watch, and the revision with them, so that nobody sees the future before the past.
 */
import {
  Untransformable,
  type Entry,
  type Operation,
  type RangeOptions,
  type RangeResult,
  type Revision,
  type Store,
  type StoreEvent,
  type TxnResult,
} from '../store.ts';
import type { Clock, Millis, World } from '#world/world.ts';
import type { OnEvents } from '../watchers.ts';
import type { TransformationMetrics } from './metrics.ts';
import type { GroupResource, Rules } from './rules.ts';
import { headerOf, identity, isEncrypted, type Opened, type Transformer } from './transformer.ts';

/** Which resource a key belongs to; undefined for one that none has. */
export type ResourceOf = (key: string) => GroupResource | undefined;

export interface EncryptedStoreOptions {
  readonly rules: Rules;
  readonly resourceOf: ResourceOf;
  readonly metrics: TransformationMetrics;
}

const nothing = Buffer.alloc(0);
/** Entries decrypted between two looks at the clock, and the time until others have their turn. */
const stride = 32;
const sliceMs: Millis = 5;

export class EncryptedStore implements Store {
  /** The store below, with the values as they are stored. */
  readonly raw: Store;
  readonly checks: NonNullable<Store['checks']>;
  readonly gauges: NonNullable<Store['gauges']>;
  readonly families: NonNullable<Store['families']>;
  readonly #clock: Clock;
  readonly #resourceOf: ResourceOf;
  #rules: Rules;
  /** What a stored buffer says: whoever wrote or read it here has that already. */
  readonly #plain = new WeakMap<Buffer, Buffer>();
  /** Watches with events that wait for a KMS. */
  readonly #held = new Set<Line>();
  /** Keys whose current value cannot be read. */
  readonly #unreadable = new Map<string, Untransformable>();

  constructor({ clock }: World, raw: Store, { rules, resourceOf, metrics }: EncryptedStoreOptions) {
    this.#clock = clock;
    this.raw = raw;
    this.#rules = rules;
    this.#resourceOf = resourceOf;
    this.checks = { ...raw.checks, 'kms-providers': () => this.#rules.health() };
    this.gauges = {
      ...raw.gauges,
      k8ts_encryption_unreadable_objects: {
        help: 'Stored objects that cannot be decrypted.',
        value: () => this.#unreadable.size,
      },
    };
    const rulesNow = (): Rules => this.#rules;
    this.families = [
      ...(raw.families ?? []),
      ...metrics.families(function* () {
        for (const { name, provider } of rulesNow().seeds) yield { name, size: provider.size };
      }),
    ];
  }

  get failed(): Promise<Error> {
    return this.raw.failed;
  }

  get rules(): Rules {
    return this.#rules;
  }

  /** From now on these rules count. The old ones are the caller's to dispose. */
  use(rules: Rules): void {
    this.#rules = rules;
  }

  /** What the current value of a key cannot be read for. */
  get unreadable(): ReadonlyMap<string, Untransformable> {
    return this.#unreadable;
  }

  /** Undefined for a key that no rule names. */
  transformerOf(key: string, rules = this.#rules): Transformer | undefined {
    const resource = this.#resourceOf(key);
    return resource && rules.of(resource);
  }

  /** What was unreadable stays noted as such until a watch has shown it: its caches must learn of it. */
  async get(key: string, options?: { revision?: Revision }): Promise<Entry | undefined> {
    const found = await this.raw.get(key, options);
    return found && this.#open(found, false);
  }

  async range(prefix: string, options?: RangeOptions): Promise<RangeResult> {
    const found = await this.raw.range(prefix, options);
    const isCurrent = options?.revision === undefined;
    const entries: Entry[] = [];
    let since = this.#clock.monotonic();
    for (const [at, entry] of found.entries.entries()) {
      const opened = this.#open(entry, isCurrent);
      entries.push(opened instanceof Promise ? await opened : opened);
      if (at % stride !== stride - 1 || this.#clock.monotonic() - since < sliceMs) continue;
      await this.#clock.yield();
      since = this.#clock.monotonic();
    }
    return { ...found, entries };
  }

  async txn(operations: readonly Operation[]): Promise<TxnResult> {
    const result = await this.raw.txn(operations.map((operation) => this.#sealed(operation)));
    await this.#told(result.revision);
    if (result.ok || !result.conflict.current) return result;
    const { key, current } = result.conflict;
    return { ...result, conflict: { key, current: await this.#open(current, false) } };
  }

  async watch(prefix: string, after: Revision, onEvents: OnEvents): Promise<Disposable> {
    const line = new Line(onEvents, this.#held);
    const registration = await this.raw.watch(prefix, after, (events, revision) =>
      line.add(this.#openEvents(events), revision),
    );
    // History counts as told when this resolves.
    await line.empty;
    return {
      [Symbol.dispose]: () => {
        registration[Symbol.dispose]();
        line[Symbol.dispose]();
      },
    };
  }

  async stale(key: string): Promise<boolean> {
    const transformer = this.transformerOf(key);
    const found = transformer && (await this.raw.get(key));
    if (!found) return false;
    return isStale(transformer, found);
  }

  compact(revision: Revision): Promise<void> {
    return this.raw.compact(revision);
  }

  /** What every watch has been told. */
  revision(): Revision {
    let revision = this.raw.revision();
    for (const line of this.#held) revision = Math.min(revision, line.waiting - 1);
    return revision;
  }

  async sync(): Promise<Revision> {
    const revision = await this.raw.sync();
    await this.#told(revision);
    return revision;
  }

  compactRevision(): Revision {
    return this.raw.compactRevision();
  }

  sizeBytes(): Promise<number> {
    return this.raw.sizeBytes();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.raw[Symbol.asyncDispose]();
  }

  async #told(revision: Revision): Promise<void> {
    for (const line of this.#held) if (line.waiting <= revision) await line.empty;
  }

  #sealed(operation: Operation): Operation {
    if (operation.op !== 'put') return operation;
    const { key, value } = operation;
    let sealed = value;
    try {
      sealed = this.transformerOf(key)?.seal(value, key) ?? value;
    } catch (error) {
      throw new Untransformable((error as Error).message, { cause: error });
    }
    // It could not be read again, or pass for what somebody else has encrypted.
    if (sealed === value && isEncrypted(value))
      throw new Untransformable(`key "${key}": a plain value may not look like an encrypted one`);
    if (sealed !== value) this.#plain.set(sealed, value);
    return { ...operation, value: sealed };
  }

  #openEvents(events: readonly StoreEvent[]): readonly StoreEvent[] | Promise<readonly StoreEvent[]> {
    let waits = false;
    const opened = events.map(({ type, entry, previous }) => {
      const now = this.#open(entry, type === 'put');
      const before = previous && this.#open(previous, false);
      if (type === 'delete') this.#unreadable.delete(entry.key);
      waits ||= now instanceof Promise || before instanceof Promise;
      return { type, now, before };
    });
    if (!waits)
      return opened.map(({ type, now, before }) => ({
        type,
        entry: now as Entry,
        previous: before as Entry | undefined,
      }));
    return Promise.all(
      opened.map(async ({ type, now, before }) => ({ type, entry: await now, previous: await before })),
    );
  }

  /** `isCurrent`: this is what stands there now, and a cache will hold it. Never throws. */
  #open(stored: Entry, isCurrent: boolean): Entry | Promise<Entry> {
    const known = this.#plain.get(stored.value);
    if (known) return this.#readable(stored, known, isCurrent);
    const transformer = this.transformerOf(stored.key) ?? identity;
    try {
      const opened = transformer.open(stored.value, stored.key);
      if (!(opened instanceof Promise)) return this.#opened(stored, opened, isCurrent);
      return opened.then(
        (late) => this.#opened(stored, late, isCurrent),
        (error: unknown) => this.#refused(stored, error as Error, isCurrent),
      );
    } catch (error) {
      return this.#refused(stored, error as Error, isCurrent);
    }
  }

  #opened(stored: Entry, { plain }: Opened, isCurrent: boolean): Entry {
    if (plain !== stored.value) this.#plain.set(stored.value, plain);
    return this.#readable(stored, plain, isCurrent);
  }

  #readable(stored: Entry, plain: Buffer, isCurrent: boolean): Entry {
    if (isCurrent && this.#unreadable.size > 0) this.#unreadable.delete(stored.key);
    return plain === stored.value ? stored : { ...stored, value: plain };
  }

  #refused(stored: Entry, error: Error, isCurrent: boolean): Entry {
    const header = headerOf(stored.value);
    const unreadable = new Untransformable(
      header === undefined ? error.message : `${error.message} (stored as ${header})`,
      { cause: error },
    );
    if (isCurrent) this.#unreadable.set(stored.key, unreadable);
    return { ...stored, value: nothing, unreadable };
  }
}

/** Whether a value that can be read would be stored in another form now. */
export async function isStale(transformer: Transformer, stored: Entry): Promise<boolean> {
  try {
    return (await transformer.open(stored.value, stored.key)).stale;
  } catch {
    // Not known, and nobody can write it anew.
    return false;
  }
}

/** The events of one watch in order, of which some wait for a KMS. */
class Line implements Disposable {
  readonly #onEvents: OnEvents;
  readonly #held: Set<Line>;
  readonly #revisions: Revision[] = [];
  #tail: Promise<void> = Promise.resolve();
  #over = false;

  constructor(onEvents: OnEvents, held: Set<Line>) {
    this.#onEvents = onEvents;
    this.#held = held;
  }

  /** The revision of the first events that wait. */
  get waiting(): Revision {
    return this.#revisions[0] ?? Infinity;
  }

  /** Resolves when what waits now has been told. */
  get empty(): Promise<void> {
    return this.#tail;
  }

  add(events: readonly StoreEvent[] | Promise<readonly StoreEvent[]>, revision: Revision): void {
    if (this.#revisions.length === 0 && !(events instanceof Promise)) {
      this.#onEvents(events, revision);
      return;
    }
    this.#revisions.push(revision);
    this.#held.add(this);
    this.#tail = this.#tail.then(async () => {
      const opened = await events;
      this.#revisions.shift();
      if (this.#revisions.length === 0) this.#held.delete(this);
      if (!this.#over) this.#onEvents(opened, revision);
    });
  }

  [Symbol.dispose](): void {
    this.#over = true;
    this.#held.delete(this);
  }
}
