/** What of a transaction can be refused before anything is read: empty keys, too many operations, one key written twice. */
import type { DeleteRangeRequest, PutRequest, RequestOp, TxnRequest } from '../etcd/gen/etcd_pb.ts';
import { refusal } from './errors.ts';
import { checkRange } from './range.ts';

/** Throws GrpcError. */
export function checkTxn(request: TxnRequest, operationsMax: number): void {
  checkOperations(request, operationsMax);
  writesOf(request.success);
  writesOf(request.failure);
}

export function checkPut({ key, value, lease, ignoreValue, ignoreLease }: PutRequest): void {
  if (key.length === 0) throw refusal('emptyKey');
  if (ignoreValue && value.length > 0) throw refusal('valueProvided');
  if (ignoreLease && lease !== 0n) throw refusal('leaseProvided');
}

export function checkDelete({ key }: DeleteRangeRequest): void {
  if (key.length === 0) throw refusal('emptyKey');
}

function checkOperations({ compare, success, failure }: TxnRequest, operationsMax: number): void {
  const count = Math.max(compare.length, success.length, failure.length);
  if (count > operationsMax) throw refusal('tooManyOps');
  if (compare.some(({ key }) => key.length === 0)) throw refusal('emptyKey');
  for (const { request } of [...success, ...failure]) {
    switch (request.case) {
      case 'requestRange':
        checkRange(request.value);
        break;
      case 'requestPut':
        checkPut(request.value);
        break;
      case 'requestDeleteRange':
        checkDelete(request.value);
        break;
      case 'requestTxn':
        checkOperations(request.value, operationsMax - count);
        break;
      default:
        throw refusal('keyNotFound');
    }
  }
}

/** Bytes as text of one code unit a byte, so that they compare and hash. */
const binary = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

interface Deleted {
  readonly from: string;
  /** Absent: one key. Empty: to the last. */
  readonly to?: string;
}

const covers = ({ from, to }: Deleted, key: string): boolean =>
  to === undefined ? key === from : key >= from && (to === '' || key < to);

interface Writes {
  readonly puts: Set<string>;
  readonly deletes: Deleted[];
}

/** Throws GrpcError when a key could be put twice, or put and deleted. The branches of one inner transaction exclude each other. */
function writesOf(operations: readonly RequestOp[]): Writes {
  const puts = new Set<string>();
  const deletes: Deleted[] = [];
  const put = (key: string, allowed?: ReadonlySet<string>): void => {
    if (puts.has(key) && !allowed?.has(key)) throw refusal('duplicateKey');
    if (deletes.some((deleted) => covers(deleted, key))) throw refusal('duplicateKey');
    puts.add(key);
  };
  for (const { request } of operations)
    if (request.case === 'requestDeleteRange') {
      const { key, rangeEnd } = request.value;
      const to = binary(rangeEnd);
      deletes.push({ from: binary(key), ...(to === '' ? {} : { to: to === '\0' ? '' : to }) });
    }
  for (const { request } of operations)
    if (request.case === 'requestTxn') {
      const inner = [writesOf(request.value.success), writesOf(request.value.failure)] as const;
      for (const key of inner[0].puts) put(key);
      for (const key of inner[1].puts) put(key, inner[0].puts);
      deletes.push(...inner[0].deletes, ...inner[1].deletes);
    }
  for (const { request } of operations) if (request.case === 'requestPut') put(binary(request.value.key));
  return { puts, deletes };
}
