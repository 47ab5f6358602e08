/** The comparisons of a transaction: every key of the interval must pass, and one key that is not there counts as all zeros. */
import { Compare_CompareResult as Result, Compare_CompareTarget as Target, type Compare } from '../etcd/gen/etcd_pb.ts';
import type { Entry } from '../store.ts';

export function holds(compare: Compare, entries: readonly Entry[], leaseOf: (entry: Entry) => bigint): boolean {
  // A missing value is not an empty one, and no comparison can say so.
  if (entries.length === 0)
    return compare.target !== Target.VALUE && passes(compare, signOf(compare, undefined, leaseOf));
  return entries.every((entry) => passes(compare, signOf(compare, entry, leaseOf)));
}

/** Whether the entry stands before (-1), at (0) or after (1) what it is compared with. */
function signOf({ target, targetUnion }: Compare, entry: Entry | undefined, leaseOf: (entry: Entry) => bigint): number {
  if (target === Target.VALUE) {
    const wanted = targetUnion.case === 'value' ? targetUnion.value : Buffer.alloc(0);
    return (entry as Entry).value.compare(wanted);
  }
  const wanted = typeof targetUnion.value === 'bigint' && targetUnion.case === unions[target] ? targetUnion.value : 0n;
  const found = entry ? (target === Target.LEASE ? leaseOf(entry) : BigInt(numberOf(entry, target))) : 0n;
  return found < wanted ? -1 : found > wanted ? 1 : 0;
}

/** A comparison whose target and value do not fit is one with zero. */
const unions: Readonly<Record<Target, Compare['targetUnion']['case']>> = {
  [Target.VERSION]: 'version',
  [Target.CREATE]: 'createRevision',
  [Target.MOD]: 'modRevision',
  [Target.VALUE]: 'value',
  [Target.LEASE]: 'lease',
};

function numberOf({ version, createRevision, modRevision }: Entry, target: Target): number {
  switch (target) {
    case Target.VERSION:
      return version;
    case Target.CREATE:
      return createRevision;
    default:
      return modRevision;
  }
}

function passes({ result }: Compare, sign: number): boolean {
  switch (result) {
    case Result.EQUAL:
      return sign === 0;
    case Result.GREATER:
      return sign > 0;
    case Result.LESS:
      return sign < 0;
    case Result.NOT_EQUAL:
      return sign !== 0;
    default:
      // Etcd's answer to a comparison that it does not know.
      return true;
  }
}
