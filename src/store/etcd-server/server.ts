/**
 * The etcd v3 API over any store: what `etcdctl` and upstream's API server speak. This puts the services together; where it listens
 * and who may connect is for who serves it: whoever can send it a request can read and write everything. It is loaded only where
 * somebody asks for it.
 */
import { grpcHandler, isGrpc } from '#world/grpc-server.ts';
import type { HttpExchange, World } from '#world/world.ts';
import type { Store } from '../store.ts';
import { authService, clusterService, healthService } from './cluster.ts';
import { compactService } from './compact.ts';
import { leaseService } from './lease.ts';
import { Leases } from './leases.ts';
import { etcdVersion, maintenanceService } from './maintenance.ts';
import { rangeService } from './range.ts';
import type { Backend, EtcdIdentity, EtcdLimits } from './service.ts';
import { writeServices } from './txn.ts';
import { watchService } from './watch.ts';

/** Etcd's defaults. */
const limitsDefault: EtcdLimits = { requestBytesMax: 1.5 * 1024 * 1024, txnOperationsMax: 128 };
/** A message may be larger than what it asks to write, as with etcd. */
const messageOverheadBytes = 512 * 1024;

export interface EtcdServer extends AsyncDisposable {
  /** Answers one request: gRPC, and etcd's `/health` and `/version`. */
  handle(exchange: HttpExchange): void;
}

/** The leases of the store are looked after until it is disposed; the store stays the caller's. */
export async function startEtcdServer(
  world: World,
  store: Store,
  options: { readonly identity: EtcdIdentity; readonly limits?: Partial<EtcdLimits> },
): Promise<EtcdServer> {
  const limits = { ...limitsDefault, ...options.limits };
  const leases = await Leases.open(world, store);
  const backend: Backend = { world, store, leases, identity: options.identity, limits };
  const methods = new Map(
    Object.entries({
      ...rangeService(backend),
      ...writeServices(backend),
      ...compactService(backend),
      ...watchService(backend),
      ...leaseService(backend),
      ...maintenanceService(backend),
      ...clusterService(backend),
      ...authService(backend),
      ...healthService(),
    }),
  );
  const grpc = grpcHandler(world, { methods, messageBytesMax: limits.requestBytesMax + messageOverheadBytes });
  return {
    handle(exchange) {
      if (isGrpc(exchange)) grpc(exchange);
      else answer(exchange);
    },
    [Symbol.asyncDispose]: () => leases[Symbol.asyncDispose](),
  };
}

function answer(exchange: HttpExchange): void {
  const json = (value: object): void =>
    exchange.respond(200, { 'content-type': 'application/json' }, `${JSON.stringify(value)}\n`);
  if (exchange.url === '/health') json({ health: 'true' });
  else if (exchange.url === '/version') json({ etcdserver: etcdVersion, etcdcluster: etcdVersion });
  else exchange.respond(404, { 'content-type': 'text/plain' }, '404 page not found\n');
}
