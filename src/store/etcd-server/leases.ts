/**
 * Leases, as entries of the store itself: one says that a lease exists, one that a key hangs on it. The latter is written with
 * the key in one transaction, so that it counts only while both have the same revision: whoever puts the key without the lease,
 * in whatever way, has let go of it.
 *
 * When a lease ends is known to this process only: after a restart each one lives for its whole time again, as etcd's do after
 * a change of leaders. In a store that others write to as well, what keeps a lease alive is written now and then, so that those who
 * serve it beside us do not end it.
 */
import type { Millis, Timer, World } from '#world/world.ts';
import { operationsMax } from '../transaction.ts';
import type { Entry, Operation, Revision, Store, StoreEvent } from '../store.ts';
import { refusal } from './errors.ts';
import { reservedPrefix } from './keys.ts';

const leasePrefix = `${reservedPrefix}lease/`;
const keyPrefix = `${reservedPrefix}key/`;
/** Etcd's smallest, which follows from its election timeout, and its largest. */
const ttlMin = 2;
const ttlMax = 9_000_000_000;
/** How often it is looked for ended leases, as etcd does. */
const expiryMs: Millis = 500;
/** Clients keep a lease alive each third of its time: others hear of it each quarter at the latest, and have time left. */
const toldParts = 4;
/** Of a transaction that a store on other machines takes at least. */
const operationsLeast = 16;

export interface Lease {
  readonly id: bigint;
  /** Seconds. */
  readonly ttl: number;
  /** Of the entry that says it exists. */
  readonly revision: Revision;
  endsAt: Millis;
  /** When others have last been told that it lives. */
  readonly toldAt: Millis;
  readonly keys: Set<string>;
}

const leaseKey = (id: bigint): string => `${leasePrefix}${BigInt.asUintN(64, id).toString(16).padStart(16, '0')}`;
const attachmentKey = (key: string): string => keyPrefix + key;

const leaseValue = (ttl: number): Buffer => Buffer.from(JSON.stringify({ ttl }));
const attachmentValue = (lease: bigint): Buffer => Buffer.from(String(lease));

/** A lease as a row of the data file. */
export function leaseRow(
  id: number,
  lease: { readonly id: bigint; readonly ttl: number; readonly revision: Revision },
) {
  return {
    id,
    key: leaseKey(lease.id),
    createRevision: lease.revision,
    version: 1,
    value: leaseValue(Math.max(ttlMin, lease.ttl)),
  };
}

/** That a key of this revision hangs on a lease, as a row of the data file. */
export function attachmentRow(
  id: number,
  { key, lease, revision }: { readonly key: string; readonly lease: bigint; readonly revision: Revision },
) {
  return { id, key: attachmentKey(key), createRevision: revision, version: 1, value: attachmentValue(lease) };
}

export class Leases implements AsyncDisposable {
  readonly #world: World;
  readonly #store: Store;
  readonly #all = new Map<bigint, Lease>();
  readonly #attached = new Map<string, { readonly lease: bigint; readonly revision: Revision }>();
  /** Keys whose lease has ended; they go as soon as possible. */
  readonly #orphans = new Map<string, Revision>();
  readonly #stop = new AbortController();
  #operationsMax = operationsMax;
  #watch: Disposable | undefined;
  #timer: Timer | undefined;
  #expiring: Promise<void> = Promise.resolve();

  private constructor(world: World, store: Store) {
    this.#world = world;
    this.#store = store;
  }

  /** Reads what leases there are and keeps them until disposed. */
  static async open(world: World, store: Store): Promise<Leases> {
    const leases = new Leases(world, store);
    const { entries, revision } = await store.range(reservedPrefix);
    // Leases come after attachments in the order of keys, and must be known first.
    for (const entry of entries.toReversed()) leases.#onEvent({ type: 'put', entry, previous: undefined });
    leases.#watch = await store.watch(reservedPrefix, revision, (events) => {
      for (const event of events) leases.#onEvent(event);
    });
    leases.#tick();
    return leases;
  }

  get all(): readonly Lease[] {
    return [...this.#all.values()];
  }

  get(id: bigint): Lease | undefined {
    return this.#all.get(id);
  }

  /** The lease that an entry hangs on; 0 for none. */
  of({ key, modRevision }: Entry): bigint {
    const attached = this.#attached.get(key);
    return attached?.revision === modRevision ? attached.lease : 0n;
  }

  /** What a put of `key` needs beside itself, in the same transaction. Throws GrpcError when there is no such lease. */
  onPut(key: string, id: bigint): readonly Operation[] {
    if (id === 0n) return this.onDelete(key);
    const lease = this.#all.get(id);
    if (!lease) throw refusal('leaseNotFound');
    return [
      { op: 'check', key: leaseKey(id), expect: lease.revision },
      { op: 'put', key: attachmentKey(key), value: attachmentValue(id) },
    ];
  }

  onDelete(key: string): readonly Operation[] {
    return this.#attached.has(key) ? [{ op: 'delete', key: attachmentKey(key) }] : [];
  }

  /** Whether a conflict is about a lease that is gone, not about a key of a client's. */
  isLeaseKey(key: string): boolean {
    return key.startsWith(leasePrefix);
  }

  /** Throws GrpcError. */
  async grant(wanted: bigint, seconds: bigint): Promise<Lease> {
    if (seconds > BigInt(ttlMax)) throw refusal('leaseTtlTooLarge');
    const ttl = Math.max(ttlMin, Number(seconds));
    const id = wanted === 0n ? this.#newId() : wanted;
    const result = await this.#store.txn([{ op: 'put', key: leaseKey(id), value: leaseValue(ttl), expect: 0 }]);
    if (!result.ok) throw refusal('leaseExists');
    return this.#all.get(id) ?? this.#leaseOf(id, ttl, result.revision);
  }

  /** The time it has from now on; undefined when there is no such lease. */
  async keepAlive(id: bigint): Promise<number | undefined> {
    const lease = this.#all.get(id);
    if (!lease) return undefined;
    const { ttl, toldAt, revision } = lease;
    lease.endsAt = this.#endOf(ttl);
    if (this.#store.shared && this.#world.clock.monotonic() - toldAt > (ttl * 1_000) / toldParts) {
      // Lost to another who told it, which is as good, or ended it.
      await this.#store.txn([{ op: 'put', key: leaseKey(id), value: leaseValue(ttl), expect: revision }]);
      if (!this.#all.has(id)) return undefined;
    }
    return ttl;
  }

  /** Whole seconds. */
  remaining({ endsAt }: Lease): number {
    return Math.max(0, Math.floor((endsAt - this.#world.clock.monotonic()) / 1_000));
  }

  /** The keys that hang on it. */
  async keysOf({ id, keys }: Lease): Promise<readonly string[]> {
    const found: string[] = [];
    for (const key of [...keys].toSorted()) {
      const entry = await this.#store.get(key);
      if (entry && this.of(entry) === id) found.push(key);
    }
    return found;
  }

  /** Ends a lease: it and its keys are gone in one transaction, or in several when they are too many. Throws GrpcError. */
  async revoke(id: bigint): Promise<void> {
    const lease = this.#all.get(id);
    if (!lease) throw refusal('leaseNotFound');
    const keys = [...lease.keys].toSorted();
    const first: Operation = { op: 'delete', key: leaseKey(id), expect: lease.revision };
    if (!(await this.#removeKeys(keys, first))) throw refusal('leaseNotFound');
    await this.#forget(keys);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#timer?.cancel();
    this.#watch?.[Symbol.dispose]();
    await this.#expiring;
  }

  #endOf(ttl: number): Millis {
    return this.#world.clock.monotonic() + ttl * 1_000;
  }

  #leaseOf(id: bigint, ttl: number, revision: Revision, keys: Set<string> = new Set()): Lease {
    return { id, ttl, revision, endsAt: this.#endOf(ttl), toldAt: this.#world.clock.monotonic(), keys };
  }

  /** Positive, as etcd's are. */
  #newId(): bigint {
    const bytes = Buffer.from(this.#world.random.bytes(8));
    return bytes.readBigUInt64BE() & 0x7fff_ffff_ffff_ffffn || this.#newId();
  }

  #onEvent({ type, entry }: StoreEvent): void {
    const { key, value, modRevision } = entry;
    if (key.startsWith(leasePrefix)) {
      const id = BigInt.asIntN(64, BigInt(`0x${key.slice(leasePrefix.length)}`));
      const lease = this.#all.get(id);
      if (type === 'delete') {
        this.#all.delete(id);
        for (const name of lease?.keys ?? []) this.#orphan(name);
        return;
      }
      const { ttl } = JSON.parse(value.toString()) as { ttl: number };
      this.#all.set(id, this.#leaseOf(id, ttl, modRevision, lease?.keys));
      return;
    }
    const name = key.slice(keyPrefix.length);
    const before = this.#attached.get(name);
    if (before) this.#all.get(before.lease)?.keys.delete(name);
    this.#attached.delete(name);
    this.#orphans.delete(name);
    if (type === 'delete') return;
    const lease = BigInt(value.toString());
    this.#attached.set(name, { lease, revision: modRevision });
    const found = this.#all.get(lease);
    if (found) found.keys.add(name);
    else this.#orphan(name);
  }

  #orphan(key: string): void {
    const attached = this.#attached.get(key);
    if (attached) this.#orphans.set(key, attached.revision);
  }

  #tick(): void {
    if (this.#stop.signal.aborted) return;
    this.#timer = this.#world.clock.after(
      expiryMs,
      () => {
        this.#expiring = this.#expire().then(() => this.#tick());
      },
      { unref: true },
    );
  }

  /** Never rejects: what cannot be done now is tried again at the next turn. */
  async #expire(): Promise<void> {
    try {
      const now = this.#world.clock.monotonic();
      for (const { id, endsAt } of this.#all.values()) {
        if (endsAt > now) continue;
        await this.revoke(id);
        if (this.#stop.signal.aborted) return;
      }
      const orphans = [...this.#orphans.keys()];
      if (orphans.length === 0) return;
      await this.#removeKeys(orphans);
      await this.#forget(orphans);
    } catch (error) {
      if (!this.#stop.signal.aborted)
        this.#world.log.debug('a lease could not be ended yet', { error: (error as Error).message });
    }
  }

  /** Deletes the keys that still hang on their lease. False when `first` cannot be done: then nothing was. */
  async #removeKeys(keys: readonly string[], first?: Operation): Promise<boolean> {
    let left = [...keys];
    for (let begun = first === undefined; !begun || left.length > 0;) {
      const now = left.slice(0, this.#operationsMax - 1);
      const operations = now.flatMap((key): Operation[] => {
        const attached = this.#attached.get(key);
        return attached ? [{ op: 'delete', key, expect: attached.revision }] : [];
      });
      if (!begun && first) operations.unshift(first);
      try {
        const result = await this.#store.txn(operations);
        if (!result.ok) {
          const { key } = result.conflict;
          if (key === first?.key) return false;
          // It was put anew: the lease has let go of it.
          left = left.filter((name) => name !== key);
          continue;
        }
      } catch (error) {
        if (!(error instanceof RangeError) || this.#operationsMax <= operationsLeast) throw error;
        this.#operationsMax = Math.max(operationsLeast, this.#operationsMax >> 1);
        continue;
      }
      begun = true;
      left = left.slice(now.length);
    }
    return true;
  }

  /** Removes what says that these keys hung on a lease that is gone. */
  async #forget(keys: readonly string[]): Promise<void> {
    for (let left = keys; left.length > 0;) {
      const now = left.slice(0, this.#operationsMax);
      const operations = now.flatMap((key): Operation[] => {
        const attached = this.#attached.get(key);
        if (!attached || this.#all.has(attached.lease)) return [];
        return [{ op: 'delete', key: attachmentKey(key), expect: attached.revision }];
      });
      const result = operations.length > 0 ? await this.#store.txn(operations) : undefined;
      // One that hangs on another lease meanwhile stays.
      const conflict = result && !result.ok ? result.conflict.key : undefined;
      left = conflict === undefined ? left.slice(now.length) : left.filter((key) => attachmentKey(key) !== conflict);
    }
  }
}
