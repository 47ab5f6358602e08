/**
 * KV/Put, KV/DeleteRange and KV/Txn. Each is evaluated against one state of the store and then written only if nothing that it
 * read has changed; otherwise it is evaluated anew. So it is atomic over every store, and of those that meet one always wins.
 */
import { create } from '@bufbuild/protobuf';
import {
  DeleteRangeRequestSchema,
  DeleteRangeResponseSchema,
  PutRequestSchema,
  PutResponseSchema,
  ResponseHeaderSchema,
  ResponseOpSchema,
  TxnRequestSchema,
  TxnResponseSchema,
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  type KeyValue,
  type PutRequest,
  type PutResponse,
  type RangeRequest,
  type RangeResponse,
  type RequestOp,
  type ResponseHeader,
  type ResponseOp,
  type TxnRequest,
  type TxnResponse,
} from '../etcd/gen/etcd_pb.ts';
import { Compacted, type Operation, type Revision } from '../store.ts';
import { holds } from './compare.ts';
import { refusal } from './errors.ts';
import { intervalOf, keyText } from './keys.ts';
import { rangeResponse } from './range.ts';
import { headerOf, kvOf, unary, type Backend, type Service } from './service.ts';
import { SnapshotView } from './snapshot-view.ts';
import { checkDelete, checkPut, checkTxn } from './txn-check.ts';

/** Others were first so often: something is wrong, or the client is better told. */
const attemptsMax = 1_000;
/** Keys of one DeleteRange in one transaction of the store, each with its comparison. More go one such part after the other. */
const deletedMax = 2_000;
const deletedMin = 16;

export function writeServices(backend: Backend): Service {
  const { requestBytesMax, txnOperationsMax } = backend.limits;
  const checkSize = (bytes: number): void => {
    if (bytes > requestBytesMax) throw refusal('requestTooLarge');
  };
  return {
    '/etcdserverpb.KV/Put': unary(PutRequestSchema, PutResponseSchema, async (request, bytes) => {
      checkPut(request);
      checkSize(bytes);
      const { result, revision } = await attempt(backend, (evaluation) => evaluation.put(request));
      return { ...result, header: headerOf(backend, revision) };
    }),
    '/etcdserverpb.KV/DeleteRange': unary(DeleteRangeRequestSchema, DeleteRangeResponseSchema, async (request) => {
      checkDelete(request);
      const all = create(DeleteRangeResponseSchema);
      for (let max = deletedMax; ;) {
        try {
          const { result, revision } = await attempt(backend, (evaluation) => evaluation.delete(request, max));
          all.deleted += result.deleted;
          all.prevKvs.push(...result.prevKvs);
          if (result.deleted < max) return { ...all, header: headerOf(backend, revision) };
        } catch (error) {
          // A store on other machines may take fewer.
          if (!(error instanceof RangeError) || max <= deletedMin) throw error;
          max >>= 1;
        }
      }
    }),
    '/etcdserverpb.KV/Txn': unary(TxnRequestSchema, TxnResponseSchema, async (request, bytes) => {
      checkTxn(request, txnOperationsMax);
      checkSize(bytes);
      const { result, revision } = await attempt(backend, (evaluation) => evaluation.txn(request));
      return { ...result, header: headerOf(backend, revision) };
    }),
  };
}

/** Evaluates and writes, until nothing came in between. `revision` is the write's, or that of the state when nothing was written. */
async function attempt<T>(
  backend: Backend,
  evaluate: (evaluation: Evaluation) => Promise<T>,
): Promise<{ readonly result: T; readonly revision: Revision }> {
  const { store, leases } = backend;
  for (let left = attemptsMax; left > 0; left--) {
    const evaluation = new Evaluation(backend);
    try {
      const result = await evaluate(evaluation);
      const operations = evaluation.operations();
      if (operations.length === 0) {
        const revision = await evaluation.view.revision();
        evaluation.settle(revision, revision);
        return { result, revision };
      }
      const written = await store.txn(operations);
      if (!written.ok) {
        // A lease that ends just now is looked up again; it may take a turn until its end is known here.
        if (leases.isLeaseKey(written.conflict.key)) await backend.world.clock.yield();
        continue;
      }
      evaluation.settle(written.revision - 1, written.revision);
      return { result, revision: written.revision };
    } catch (error) {
      // The state that was being read is gone: a newer one is there.
      if (!(error instanceof Compacted) || evaluation.readsHistory) throw error;
    }
  }
  throw refusal('requestTimeout');
}

/** One evaluation of a request: the answers, and what is to be written. */
class Evaluation {
  readonly view: SnapshotView;
  /** A client asked for an older state itself. */
  readsHistory = false;
  readonly #backend: Backend;
  readonly #beside = new Map<string, Operation>();
  /** Parts of answers that tell the revision of what is written: known only afterwards. */
  readonly #headers: { readonly header: ResponseHeader; readonly after: boolean }[] = [];
  readonly #written: KeyValue[] = [];
  /** Of what this transaction has put. */
  readonly #leases = new Map<string, bigint>();
  /** What is put may be read again. */
  #rereads = false;

  constructor(backend: Backend) {
    this.#backend = backend;
    this.view = new SnapshotView(backend.store);
  }

  /** Empty when nothing is written: what was read needs no check then. */
  operations(): readonly Operation[] {
    return this.view.hasWrites ? [...this.view.operations(), ...this.#beside.values()] : [];
  }

  /** Puts the revisions before and after the writes where the answers tell them. */
  settle(before: Revision, after: Revision): void {
    for (const each of this.#headers) each.header.revision = BigInt(each.after ? after : before);
    for (const kv of this.#written) {
      if (kv.createRevision === kv.modRevision) kv.createRevision = BigInt(after);
      kv.modRevision = BigInt(after);
    }
  }

  async put(request: PutRequest): Promise<PutResponse> {
    const { leases } = this.#backend;
    const { ignoreValue, ignoreLease, prevKv } = request;
    const key = keyText(request.key);
    const beside = request.lease === 0n ? [] : leases.onPut(key, request.lease);
    const previous = ignoreValue || ignoreLease || prevKv || this.#rereads ? await this.view.get(key) : undefined;
    if ((ignoreValue || ignoreLease) && !previous) throw refusal('keyNotFound');
    const value = ignoreValue && previous ? previous.value : bufferOf(request.value);
    const lease = ignoreLease && previous ? leases.of(previous) : request.lease;
    const response = create(PutResponseSchema, {
      header: this.#header(true),
      ...(prevKv && previous ? { prevKv: kvOf(this.#backend, previous) } : {}),
    });
    for (const operation of beside.length > 0 ? beside : leases.onPut(key, lease))
      this.#beside.set(operation.key, operation);
    this.#leases.set(key, lease);
    const modRevision = this.#rereads ? await this.view.nextRevision() : 0;
    const { createRevision, version } = previous ?? { createRevision: modRevision, version: 0 };
    this.view.write(key, { key, value, createRevision, modRevision, version: version + 1 });
    return response;
  }

  async delete(request: DeleteRangeRequest, max = Infinity): Promise<DeleteRangeResponse> {
    const entries = await this.view.range(intervalOf(request.key, request.rangeEnd), max);
    for (const { key } of entries) {
      for (const operation of this.#backend.leases.onDelete(key)) this.#beside.set(operation.key, operation);
      this.view.write(key, undefined);
    }
    return create(DeleteRangeResponseSchema, {
      header: this.#header(this.view.hasWrites),
      deleted: BigInt(entries.length),
      prevKvs: request.prevKv ? entries.map((entry) => kvOf(this.#backend, entry)) : [],
    });
  }

  async txn(request: TxnRequest): Promise<TxnResponse> {
    // Etcd chooses every branch before it does anything, and refuses what one of them cannot do.
    const chosen = await this.#choose(request);
    await this.#check(chosen);
    return this.#run(chosen);
  }

  async #choose({ compare, success, failure }: TxnRequest): Promise<Chosen> {
    let succeeded = true;
    for (const each of compare) {
      const entries = await this.view.range(intervalOf(each.key, each.rangeEnd));
      succeeded = holds(each, entries, (entry) => this.#backend.leases.of(entry));
      if (!succeeded) break;
    }
    const inner = new Map<TxnRequest, Chosen>();
    const operations = succeeded ? success : failure;
    for (const { request } of operations)
      if (request.case === 'requestTxn') inner.set(request.value, await this.#choose(request.value));
    return { succeeded, operations, inner };
  }

  async #check({ operations, inner }: Chosen): Promise<void> {
    for (const { request } of operations) {
      if (request.case === 'requestTxn') await this.#check(inner.get(request.value) as Chosen);
      if (request.case === 'requestPut') await this.#checkPut(request.value);
      if (request.case !== 'requestRange') continue;
      this.#rereads = true;
      if (request.value.revision <= 0n) continue;
      const asked = Number(request.value.revision);
      if (asked > (await this.view.revision())) throw refusal('futureRevision');
      if (asked < this.#backend.store.compactRevision()) throw refusal('compacted');
    }
  }

  async #checkPut({ key, lease, ignoreValue, ignoreLease }: PutRequest): Promise<void> {
    if (lease !== 0n && !this.#backend.leases.get(lease)) throw refusal('leaseNotFound');
    if ((ignoreValue || ignoreLease) && !(await this.view.get(keyText(key)))) throw refusal('keyNotFound');
  }

  async #run({ succeeded, operations, inner }: Chosen): Promise<TxnResponse> {
    const responses: ResponseOp[] = [];
    for (const { request } of operations) {
      switch (request.case) {
        case 'requestRange':
          responses.push(responseOp('responseRange', await this.#range(request.value)));
          break;
        case 'requestPut':
          responses.push(responseOp('responsePut', await this.put(request.value)));
          break;
        case 'requestDeleteRange':
          responses.push(responseOp('responseDeleteRange', await this.delete(request.value)));
          break;
        case 'requestTxn':
          responses.push(responseOp('responseTxn', await this.#run(inner.get(request.value) as Chosen)));
          break;
        default:
          throw refusal('keyNotFound');
      }
    }
    return create(TxnResponseSchema, { header: create(ResponseHeaderSchema), succeeded, responses });
  }

  async #range(request: RangeRequest): Promise<RangeResponse> {
    const interval = intervalOf(request.key, request.rangeEnd);
    if (request.revision > 0n) this.readsHistory = true;
    const entries =
      request.revision > 0n
        ? await this.view.rangeAt(interval, Number(request.revision))
        : await this.view.range(interval);
    const response = rangeResponse(this.#backend, request, {
      entries: request.countOnly ? [] : entries,
      count: entries.length,
    });
    response.header = this.#header(this.view.hasWrites);
    if (this.view.hasWrites && request.revision <= 0n) {
      const next = BigInt(await this.view.nextRevision());
      for (const kv of response.kvs) {
        if (kv.modRevision !== next) continue;
        kv.lease = this.#leases.get(Buffer.from(kv.key).toString()) ?? 0n;
        this.#written.push(kv);
      }
    }
    return response;
  }

  /** Of a part of an answer: before the writes of the transaction or after them. */
  #header(after: boolean): ResponseHeader {
    const header = create(ResponseHeaderSchema);
    this.#headers.push({ header, after });
    return header;
  }
}

interface Chosen {
  readonly succeeded: boolean;
  readonly operations: readonly RequestOp[];
  readonly inner: ReadonlyMap<TxnRequest, Chosen>;
}

function responseOp<C extends NonNullable<ResponseOp['response']['case']>>(
  kind: C,
  value: Extract<ResponseOp['response'], { case: C }>['value'],
): ResponseOp {
  return create(ResponseOpSchema, { response: { case: kind, value } as ResponseOp['response'] });
}

const bufferOf = ({ buffer, byteOffset, length }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, length);
