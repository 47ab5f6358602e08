/** Defects that need several API servers over one store to matter: what one of them does not know, does not check, or does twice. */
import { Lease } from '#api/coordination/lease.ts';
import { TxnRequestSchema } from '#store/etcd/gen/etcd_pb.ts';
import { decode, encode } from '#store/etcd/messages.ts';
import { frame, frameHeaderBytes } from '#world/grpc.ts';
import { NetworkError, type HttpClientRequest, type Network } from '#world/world.ts';
import type { Operation } from '#store/store.ts';
import type { AnyKind, WatchOptions } from '#client/client.ts';
import type { Defect } from '../cluster.ts';
import type { Events, KnownDefect } from './parts.ts';

/** Transactions without the operations that `leaves` out. */
const without = (leaves: (operation: Operation) => boolean): Defect => ({
  store: (store) => ({ ...store, txn: (operations) => store.txn(operations.filter((each) => !leaves(each))) }),
});

const isCheckOf =
  (prefix: string) =>
  ({ op, key }: Operation): boolean =>
    op === 'check' && key.startsWith(prefix);

/** The same transaction, whatever stands there. */
function unconditional(request: HttpClientRequest): HttpClientRequest {
  const txn = decode(TxnRequestSchema, (request.body as Buffer).subarray(frameHeaderBytes));
  return { ...request, body: frame(encode(TxnRequestSchema, { ...txn, compare: [] })) };
}

/** A way to etcd on which a write whose answer was lost is sent again, as `change` makes it, without a word to who sent it. */
const askedAgain = (network: Network, change: (request: HttpClientRequest) => HttpClientRequest): Network => ({
  ...network,
  async request(asked) {
    try {
      return await network.request(asked);
    } catch (error) {
      if (!(error instanceof NetworkError) || !asked.url.endsWith('/Txn')) throw error;
      const { signal: _tired, ...again } = change(asked);
      return network.request(again);
    }
  },
});

export const severalServersDefects: readonly KnownDefect[] = [
  {
    name: 'a consistent read comes from the cache of a server that is behind',
    story: 'servers',
    defect: { store: (store) => ({ ...store, sync: async () => store.revision() }) },
  },
  {
    name: 'a watch that goes on at another server begins where that one is',
    story: 'servers',
    defect: {
      server: (client) => ({
        ...client,
        watch: (kind: AnyKind, options: WatchOptions) =>
          (async function* (): AsyncGenerator<unknown> {
            const { metadata } = await client.list(kind, {
              limit: 1,
              resourceVersion: '0',
              resourceVersionMatch: 'NotOlderThan',
            });
            const isResumed = Number(options.resourceVersion) > 0 && !options.sendInitialEvents;
            const start = isResumed ? { resourceVersion: metadata.resourceVersion } : {};
            yield* client.watch(kind, { ...options, ...start }) as Events;
          })() as never,
      }),
    },
  },
  {
    name: 'a write whose answer was lost is sent again without its precondition',
    story: 'servers',
    defect: { etcd: (network) => askedAgain(network, unconditional) },
  },
  {
    name: 'a write whose answer was lost is sent again as if it were the first',
    story: 'servers',
    defect: { etcd: (network) => askedAgain(network, (asked) => asked) },
  },
  {
    name: 'a node port is given by each server as if it were alone',
    story: 'servers',
    defect: without(({ key }) => key.startsWith('/registry/ranges/')),
  },
  {
    name: 'the end of a namespace is minded only by the server that began it',
    story: 'servers',
    defect: without(isCheckOf('/registry/namespaces/')),
  },
  {
    name: 'a lease is renewed without a precondition',
    story: 'servers and leaders',
    defect: {
      component: (client, name) =>
        name.startsWith('plane-')
          ? {
              ...client,
              async update(kind, object, options) {
                if ((kind as unknown) !== Lease) return client.update(kind, object, options);
                const { metadata } = object as unknown as Lease;
                const { resourceVersion } = (await client.get(Lease, metadata.name, options)).metadata;
                return client.update(
                  kind,
                  { ...object, metadata: { ...metadata, resourceVersion } } as typeof object,
                  options,
                );
              },
            }
          : client,
    },
  },
  {
    name: 'the term of a leader is checked before its write, and not with it',
    story: 'servers and leaders',
    defect: without(isCheckOf('/registry/leases/')),
  },
];
