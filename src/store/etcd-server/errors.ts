/**
 * Etcd's refusals, in its words and with its codes: clients compare the texts
 * (https://github.com/etcd-io/etcd/blob/main/api/v3rpc/rpctypes/error.go).
 */
import { grpcCode, GrpcError } from '#world/grpc.ts';
import { Compacted, FutureRevision, StoreFailed, StoreFull, StoreUnavailable } from '../store.ts';

const { invalidArgument, outOfRange, failedPrecondition, notFound, resourceExhausted, unavailable, unimplemented } =
  grpcCode;

const refusals = {
  emptyKey: [invalidArgument, 'key is not provided'],
  keyNotFound: [invalidArgument, 'key not found'],
  valueProvided: [invalidArgument, 'value is provided'],
  leaseProvided: [invalidArgument, 'lease is provided'],
  tooManyOps: [invalidArgument, 'too many operations in txn request'],
  duplicateKey: [invalidArgument, 'duplicate key given in txn request'],
  invalidSortOption: [invalidArgument, 'invalid sort option'],
  requestTooLarge: [invalidArgument, 'request is too large'],
  compacted: [outOfRange, 'mvcc: required revision has been compacted'],
  futureRevision: [outOfRange, 'mvcc: required revision is a future revision'],
  noSpace: [resourceExhausted, 'mvcc: database space exceeded'],
  leaseNotFound: [notFound, 'requested lease not found'],
  leaseExists: [failedPrecondition, 'lease already exists'],
  leaseTtlTooLarge: [outOfRange, 'too large lease TTL'],
  memberNotFound: [notFound, 'member not found'],
  memberNotEnoughStarted: [failedPrecondition, 're-configuration failed due to not enough started members'],
  memberNotLearner: [failedPrecondition, 'can only promote a learner member'],
  badLeaderTransferee: [failedPrecondition, 'bad leader transferee'],
  invalidDowngradeTarget: [invalidArgument, 'invalid downgrade target version'],
  noInflightDowngrade: [failedPrecondition, 'no inflight downgrade job'],
  authNotEnabled: [failedPrecondition, 'authentication is not enabled'],
  requestTimeout: [unavailable, 'request timed out'],
  stopped: [unavailable, 'server stopped'],
  notOfOneMember: [unimplemented, 'a server with one member cannot do this'],
} as const satisfies Readonly<Record<string, readonly [number, string]>>;

export type Refusal = keyof typeof refusals;

export function refusal(name: Refusal): GrpcError {
  const [code, message] = refusals[name];
  return new GrpcError(code, `etcdserver: ${message}`);
}

/** What the store throws as etcd would say it; anything else as it is. */
export function refusalOf(error: unknown): unknown {
  if (error instanceof Compacted) return refusal('compacted');
  if (error instanceof FutureRevision) return refusal('futureRevision');
  if (error instanceof StoreFull) return refusal('noSpace');
  if (error instanceof StoreUnavailable) return refusal('requestTimeout');
  if (error instanceof StoreFailed) return refusal('stopped');
  // A store that is an etcd itself has said it in those words already.
  if (error instanceof RangeError)
    return new GrpcError(
      invalidArgument,
      error.message.startsWith('etcdserver: ') ? error.message : `etcdserver: ${error.message}`,
    );
  return error;
}
