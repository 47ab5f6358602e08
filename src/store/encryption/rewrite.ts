/**
 * Brings every value into the form in which it would be written now: the second half of a change of keys. Each value is written as any writer would write it,
 * with the revision that was read as its condition, so that nothing newer is ever lost; it may be stopped at any point and begun again. What cannot be read is
 * left as it is and told.
 */
import { StoreFull, StoreUnavailable, Untransformable, type Entry } from '../store.ts';
import type { Millis, World } from '#world/world.ts';
import { isStale, type EncryptedStore } from './encrypted-store.ts';
import type { Rules } from './rules.ts';
import { headerOf } from './transformer.ts';

/** Entries read at a time, and so written at once: a commit of the data file holds them all. */
const pageEntries = 100;
/** Between two tries when the store has no room, does not answer, or its KMS does not. */
const retryMs: Millis = 5_000;
/** A value that was written in between is looked at again: this often in a row at most, by then some other server writes in an older form. */
const passesMax = 20;

export interface Rewritten {
  readonly rewritten: number;
  /** Of values that could not be read, by how they are stored. */
  readonly unreadable: ReadonlyMap<string, number>;
}

/** Everything below these prefixes. Rejects with the signal's reason, or when others keep on writing older forms. */
export async function rewriteAll(
  world: World,
  store: EncryptedStore,
  { prefixes, signal }: { readonly prefixes: readonly string[]; readonly signal: AbortSignal },
): Promise<Rewritten> {
  let rewritten = 0;
  for (let pass = 0; pass < passesMax; pass++) {
    let stale = 0;
    const unreadable = new Map<string, number>();
    for await (const entry of entriesOf(world, store, { prefixes, signal })) {
      const transformer = store.transformerOf(entry.key);
      if (!transformer) continue;
      if (await isStale(transformer, entry)) stale++;
      else {
        if ((await store.get(entry.key))?.unreadable) {
          const header = headerOf(entry.value) ?? 'plain';
          unreadable.set(header, (unreadable.get(header) ?? 0) + 1);
        }
        continue;
      }
      if (await rewrite(world, store, entry.key, signal)) rewritten++;
    }
    if (stale === 0) return { rewritten, unreadable };
  }
  throw new Error(
    'values are written in an older form again and again: does another server run with an older configuration?',
  );
}

/** Writes one value anew, unless it was written meanwhile or cannot be read. */
export async function rewrite(
  world: World,
  store: EncryptedStore,
  key: string,
  signal?: AbortSignal,
): Promise<boolean> {
  for (;;) {
    try {
      const entry = await store.get(key);
      if (!entry || entry.unreadable) return false;
      return (await store.txn([{ op: 'put', key, value: entry.value, expect: entry.modRevision }])).ok;
    } catch (error) {
      const passes =
        error instanceof StoreFull || error instanceof StoreUnavailable || error instanceof Untransformable;
      if (!passes || !signal) throw error;
      world.log.warn('a value cannot be encrypted anew yet', { key, error: error.message });
      await world.clock.sleep(retryMs, { signal });
    }
  }
}

export interface Census {
  /** How many values are stored how: `k8s:enc:secretbox:v1:key1:`, or `plain`. */
  readonly forms: ReadonlyMap<string, number>;
  /** An example of each. */
  readonly examples: ReadonlyMap<string, string>;
  readonly stale: number;
}

/** Counts what stands below these prefixes and what these rules name; whether it is stale only where `decrypt` says so. */
export async function census(
  world: World,
  store: EncryptedStore,
  {
    prefixes,
    decrypt,
    rules = store.rules,
  }: { readonly prefixes: readonly string[]; readonly decrypt: boolean; readonly rules?: Rules },
): Promise<Census> {
  const forms = new Map<string, number>();
  const examples = new Map<string, string>();
  let stale = 0;
  for await (const entry of entriesOf(world, store, { prefixes })) {
    const transformer = store.transformerOf(entry.key, rules);
    const header = headerOf(entry.value);
    if (!transformer && header === undefined) continue;
    const form = header ?? 'plain';
    forms.set(form, (forms.get(form) ?? 0) + 1);
    if (!examples.has(form)) examples.set(form, entry.key);
    if (decrypt && transformer && (await isStale(transformer, entry))) stale++;
  }
  return { forms, examples, stale };
}

const sliceMs: Millis = 5;

/** As they are stored, page by page, with turns for others in between. */
async function* entriesOf(
  { clock }: World,
  { raw }: EncryptedStore,
  { prefixes, signal }: { readonly prefixes: readonly string[]; readonly signal?: AbortSignal },
): AsyncGenerator<Entry, void, undefined> {
  let since = clock.monotonic();
  for (const prefix of prefixes) {
    for (let from: string | undefined = prefix; from !== undefined;) {
      const { entries } = await raw.range(prefix, { from, limit: pageEntries });
      for (const entry of entries) {
        signal?.throwIfAborted();
        yield entry;
        if (clock.monotonic() - since < sliceMs) continue;
        await clock.yield();
        since = clock.monotonic();
      }
      from = entries.length === pageEntries ? `${entries.at(-1)?.key}\0` : undefined;
    }
  }
}
