/**
 * The fence of a leader: each of its writes is one transaction with the check that its Lease still stands as it was taken. A leader that was paused or cut off, whose
 * place somebody else has taken, writes nothing any more, whatever it had decided and however long its request was on the way. Upstream trusts to time here.
 */
import type { Lease } from '#api/coordination/lease.ts';
import { ApiError } from '#meta/status.ts';
import type { Operation } from '#store/store.ts';
import type { WatchCache } from '../watch/cache.ts';

/** The term of a leader: who holds which Lease, since which change of hands. */
export interface Term {
  readonly lease: { readonly namespace: string; readonly name: string };
  readonly holder: string;
  readonly transitions: number;
}

export interface Fence {
  /** What is checked in the transaction that writes `key`. Throws Conflict when the term is over. */
  checks(key: string): readonly Operation[];
}

export function fenceOf(leases: WatchCache, { lease: { namespace, name }, holder, transitions }: Term): Fence {
  const key = leases.key(namespace, name);
  return {
    checks(written) {
      const entry = leases.get(key);
      const { spec } = (entry?.object ?? { spec: {} }) as unknown as Pick<Lease, 'spec'>;
      if (!entry || spec.holderIdentity !== holder || spec.leaseTransitions !== transitions) {
        const now = spec.holderIdentity ? `is held by ${spec.holderIdentity}` : 'is held by nobody';
        throw new ApiError('Conflict', `the lease ${namespace}/${name} of ${holder} is over: it ${now}`);
      }
      return written === key ? [] : [{ op: 'check', key, expect: entry.revision }];
    },
  };
}
