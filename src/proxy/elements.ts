/**
 * A plan as elements of the table's maps: what stands for a Service in nftables is nothing but these. Pools have numbers, which travel in the
 * connection's mark together with three flags. It must never give one number to two pools that stand at the same time.
 */
import { contains, parseCidr } from '#base/cidr.ts';
import { fnv1a32 } from '#base/hash.ts';
import type { Choice, Entry, Pool, ServicePlan } from './plan.ts';

/** Bits of a connection's mark: the pool's number (even; odd is its choice of local endpoints), and what else is to be done. */
export const mark = {
  pool: 0x00ffffff,
  /** The client's address is replaced by the node's. */
  masquerade: 0x80000000,
  /** The same, unless the client is a pod of this node. */
  masqueradeForeign: 0x40000000,
  /** Pods of this node and the node itself get the endpoints of the whole cluster. */
  localForForeign: 0x20000000,
} as const;

export const setNames = [
  'entries',
  'node-ports',
  'pools',
  'refused',
  'endpoints',
  'sizes',
  'sticky-ids',
  'sticky',
  'cluster-ips',
  'hairpin',
  'firewalled',
  'allowed',
] as const;
export type SetName = (typeof setNames)[number];

/** Elements of one Service: `set key` → value ('' in sets that are no maps), and the chains that the values name. */
export interface Elements {
  readonly of: ReadonlyMap<SetName, ReadonlyMap<string, string>>;
  readonly sizes: ReadonlySet<number>;
  readonly affinities: ReadonlySet<number>;
}

/** Stable numbers for pools: a pool keeps its number as long as it stands. */
export class PoolNumbers {
  readonly #numbers = new Map<string, number>();
  readonly #used = new Set<number>();
  #next = 2;

  of(key: string): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    if (this.#used.size * 2 >= mark.pool - 2) throw new Error('more ports of Services than a mark can tell apart');
    while (this.#used.has(this.#next)) this.#advance();
    const number = this.#next;
    this.#advance();
    this.#numbers.set(key, number);
    this.#used.add(number);
    return number;
  }

  free(key: string): void {
    const number = this.#numbers.get(key);
    if (number === undefined) return;
    this.#numbers.delete(key);
    this.#used.delete(number);
  }

  #advance(): void {
    this.#next = this.#next + 2 > mark.pool ? 2 : this.#next + 2;
  }
}

export function elementsOf(plan: ServicePlan, numbers: PoolNumbers): Elements {
  const of = new Map<SetName, Map<string, string>>();
  const sizes = new Set<number>();
  const affinities = new Set<number>();
  const add = (set: SetName, key: string, value = ''): void => {
    const elements = of.get(set);
    if (elements) elements.set(key, value);
    else of.set(set, new Map([[key, value]]));
  };
  for (const ip of plan.clusterIps) add('cluster-ips', ip);
  for (const ip of plan.ownEndpoints) add('hairpin', `${ip} . ${ip}`);
  for (const pool of plan.pools) {
    const number = numbers.of(pool.key);
    for (const entry of pool.entries) addEntry(add, entry, number);
    addChoice(pool, pool.cluster, number);
    // The other choice is for clients outside only.
    if (pool.entries.some(({ local }) => local)) addChoice(pool, pool.local, number + 1);
  }
  return { of, sizes, affinities };

  function addChoice({ affinitySeconds }: Pool, { targets, refusal }: Choice, number: number): void {
    const key = hex(number);
    const size = targets.length;
    if (size === 0) {
      add('refused', key, `goto ${refusal === 'drop' ? 'dropping' : 'rejecting'}`);
      return;
    }
    sizes.add(size);
    if (affinitySeconds === 0) {
      add('pools', key, `goto pick-${size}`);
      for (const [index, { ip, port }] of targets.entries())
        add('endpoints', `${key} . ${hex(index)}`, `${ip} . ${port}`);
      return;
    }
    affinities.add(affinitySeconds);
    add('pools', key, `goto affinity-${affinitySeconds}`);
    add('sizes', key, `jump draw-${size}`);
    const taken = new Set<number>();
    for (const [index, { ip, port }] of targets.entries()) {
      // Known by what it is and not by its place, so that a client finds it again after others came or went.
      let id = fnv1a32(`${ip}:${port}`);
      while (id === 0 || taken.has(id)) id = (id + 1) >>> 0;
      taken.add(id);
      add('sticky-ids', `${key} . ${hex(index)}`, hex(id));
      add('sticky', `${key} . ${hex(id)}`, `${ip} . ${port}`);
    }
  }
}

function addEntry(add: (set: SetName, key: string, value?: string) => void, entry: Entry, number: number): void {
  const { ip, port, from, local, sourceRanges } = entry;
  const protocol = entry.protocol.toLowerCase();
  const flags = from === 'inside' ? mark.masqueradeForeign : local ? mark.localForForeign : mark.masquerade;
  const value = hex((flags | (local ? number + 1 : number)) >>> 0);
  if (ip === undefined) {
    add('node-ports', `${protocol} . ${port}`, value);
    return;
  }
  const key = `${ip} . ${protocol} . ${port}`;
  add('entries', key, value);
  if (sourceRanges.length === 0) return;
  add('firewalled', key);
  for (const range of withoutContained(sourceRanges)) add('allowed', `${key} . ${range}`);
}

/** The kernel refuses ranges that overlap; of two prefixes one holds the other then. */
function withoutContained(ranges: readonly string[]): readonly string[] {
  const parsed = ranges.flatMap((range) => parseCidr(range) ?? []).sort((a, b) => a.bits - b.bits);
  const kept: typeof parsed = [];
  for (const cidr of parsed) if (!kept.some((wider) => contains(wider, cidr.address))) kept.push(cidr);
  return kept.map(({ address, bits }) => ranges.find((range) => same(range, address.value, bits)) as string);
}

function same(range: string, value: bigint, bits: number): boolean {
  const cidr = parseCidr(range);
  return cidr?.address.value === value && cidr.bits === bits;
}

const hex = (value: number): string => `0x${value.toString(16)}`;
