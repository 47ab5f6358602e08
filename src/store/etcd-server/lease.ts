/** The Lease service: what clients ask of the leases in `leases.ts`. */
import {
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LeaseLeasesRequestSchema,
  LeaseLeasesResponseSchema,
  LeaseRevokeRequestSchema,
  LeaseRevokeResponseSchema,
  LeaseTimeToLiveRequestSchema,
  LeaseTimeToLiveResponseSchema,
} from '../etcd/gen/etcd_pb.ts';
import { keyBytes } from './keys.ts';
import { headerOf, streaming, unary, type Backend, type Service } from './service.ts';

export function leaseService(backend: Backend): Service {
  const { leases } = backend;
  const leasesMethod = unary(LeaseLeasesRequestSchema, LeaseLeasesResponseSchema, () => ({
    header: headerOf(backend),
    leases: leases.all.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(({ id }) => ({ ID: id })),
  }));
  return {
    '/etcdserverpb.Lease/LeaseGrant': unary(LeaseGrantRequestSchema, LeaseGrantResponseSchema, async ({ ID, TTL }) => {
      const { id, ttl } = await leases.grant(ID, TTL);
      return { header: headerOf(backend), ID: id, TTL: BigInt(ttl) };
    }),
    '/etcdserverpb.Lease/LeaseRevoke': unary(LeaseRevokeRequestSchema, LeaseRevokeResponseSchema, async ({ ID }) => {
      await leases.revoke(ID);
      return { header: headerOf(backend) };
    }),
    '/etcdserverpb.Lease/LeaseKeepAlive': streaming(
      LeaseKeepAliveRequestSchema,
      LeaseKeepAliveResponseSchema,
      async ({ requests, send, stream }) => {
        for await (const { ID } of requests) {
          // No time left is how etcd says that there is no such lease.
          const TTL = BigInt((await leases.keepAlive(ID)) ?? 0);
          if (!send({ header: headerOf(backend), ID, TTL })) await stream.drained();
        }
      },
    ),
    '/etcdserverpb.Lease/LeaseTimeToLive': unary(
      LeaseTimeToLiveRequestSchema,
      LeaseTimeToLiveResponseSchema,
      async ({ ID, keys }) => {
        const lease = leases.get(ID);
        if (!lease) return { header: headerOf(backend), ID, TTL: -1n };
        return {
          header: headerOf(backend),
          ID,
          TTL: BigInt(leases.remaining(lease)),
          grantedTTL: BigInt(lease.ttl),
          ...(keys ? { keys: (await leases.keysOf(lease)).map(keyBytes) } : {}),
        };
      },
    ),
    '/etcdserverpb.Lease/LeaseLeases': leasesMethod,
    // Where etcd 3.3's clients and its gateway still ask.
    '/etcdserverpb.KV/LeaseLeases': leasesMethod,
  };
}
