/**
 * The store's state at one revision as etcd's own database: the bucket "key" with a record for every key, under the revision that
 * put it, and what etcd needs beside it. `etcdctl snapshot restore` makes an etcd of it that goes on at this revision and knows
 * nothing before it. The values are those in the store, shared, not copied: what is held beyond them is some tens of bytes a key.
 */
import { create } from '@bufbuild/protobuf';
import { planDatabase, type BucketSource, type DatabasePlan } from '../bbolt/writer.ts';
import { encode } from '../etcd/messages.ts';
import { KeyValueSchema, LeaseSchema } from '../etcd/gen/etcd_pb.ts';
import type { Entry, Revision } from '../store.ts';
import { intervalOf } from './keys.ts';
import { kvOf, raftTerm, type Backend } from './service.ts';

/** A revision as a key of the bucket "key": two numbers of 64 bits and what parts them. */
export const revisionBytes = 17;

export interface State {
  readonly revision: Revision;
  /** In the order of their revisions. */
  readonly entries: readonly Entry[];
}

/** Everything of the clients', as of now or of an older revision. */
export async function stateOf({ store }: Backend, at?: Revision): Promise<State> {
  const { entries, revision } = await store.range('', {
    ...intervalOf(Buffer.of(0), Buffer.of(0)),
    ...(at === undefined ? {} : { revision: at }),
  });
  return { revision: at ?? revision, entries: entries.toSorted((a, b) => a.modRevision - b.modRevision) };
}

/** The key and value of each record of the bucket "key". Keys of one transaction are numbered in their order. */
export function recordsOf(backend: Backend, { entries }: State) {
  const positions = new Uint32Array(entries.length);
  for (let i = 1; i < entries.length; i++)
    positions[i] = entries[i]?.modRevision === entries[i - 1]?.modRevision ? (positions[i - 1] as number) + 1 : 0;
  return {
    count: entries.length,
    key: (i: number): Buffer => revisionKey((entries[i] as Entry).modRevision, positions[i] as number),
    value: (i: number): Uint8Array => encode(KeyValueSchema, kvOf(backend, entries[i] as Entry)),
  };
}

export function planSnapshot(backend: Backend, state: State): DatabasePlan {
  const { leases } = backend;
  const records = recordsOf(backend, state);
  // A lease may end while the snapshot is sent: lengths are taken once, and what is written must fit them.
  const leased = new Map<number, bigint>();
  const lengths = new Float64Array(records.count);
  for (const [i, entry] of state.entries.entries()) {
    const lease = leases.of(entry);
    if (lease !== 0n) leased.set(i, lease);
    lengths[i] = recordBytes(entry, lease);
  }
  const value = (i: number): Uint8Array =>
    encode(KeyValueSchema, { ...kvOf(backend, state.entries[i] as Entry), lease: leased.get(i) ?? 0n });
  const all = leases.all
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, ttl }): Item => [int64(id), encode(LeaseSchema, create(LeaseSchema, { ID: id, TTL: BigInt(ttl) }))]);
  const revision = revisionKey(state.revision, 0);
  return planDatabase([
    {
      name: 'key',
      count: records.count,
      key: records.key,
      keyBytes: () => revisionBytes,
      valueBytes: (i) => lengths[i] as number,
      value,
    },
    bucket('lease', all),
    bucket('meta', [
      [Buffer.from('consistent_index'), int64(BigInt(state.revision))],
      [Buffer.from('finishedCompactRev'), revision],
      [Buffer.from('scheduledCompactRev'), revision],
      [Buffer.from('term'), int64(raftTerm)],
    ]),
    ...['alarm', 'auth', 'authRoles', 'authUsers', 'cluster', 'members', 'members_removed'].map((name) =>
      bucket(name, []),
    ),
  ]);
}

/** How long the record of an entry will be: counting is ten times quicker than encoding it. Every field's tag is a byte. */
function recordBytes({ key, value, createRevision, modRevision, version }: Entry, lease: bigint): number {
  const keyBytes = Buffer.byteLength(key);
  const numbers = [keyBytes, createRevision, modRevision, version];
  let bytes = keyBytes + value.length;
  for (const number of value.length > 0 ? [...numbers, value.length] : numbers) bytes += 1 + varintBytes(number);
  // Seven bits a byte, of 64 where it is negative.
  return lease === 0n ? bytes : bytes + 1 + Math.ceil(BigInt.asUintN(64, lease).toString(2).length / 7);
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

type Item = readonly [key: Buffer, value: Uint8Array];

const bucket = (name: string, items: readonly Item[]): BucketSource => ({
  name,
  count: items.length,
  key: (i) => (items[i] as Item)[0],
  keyBytes: (i) => (items[i] as Item)[0].length,
  valueBytes: (i) => (items[i] as Item)[1].length,
  value: (i) => (items[i] as Item)[1],
});

/** As etcd writes a revision: both numbers with an underscore between. */
function revisionKey(main: Revision, sub: number): Buffer {
  const bytes = Buffer.alloc(revisionBytes, '_');
  bytes.writeBigInt64BE(BigInt(main), 0);
  bytes.writeBigInt64BE(BigInt(sub), 9);
  return bytes;
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt.asIntN(64, value));
  return bytes;
}
