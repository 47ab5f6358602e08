/**
 * A durable store for simulated crashes: every transaction is a line with a checksum in a file on a simulated disk, synced before it is acknowledged or seen by anybody. What
 * is in memory is rebuilt from the file; a last line of which only a part was written never happened. Revisions follow from the order of the lines, so a crash cannot take
 * one back that anybody has been told. A disk that is full refuses the transaction; one that fails ends the store, which must not lie.
 */
import { fnv1a32 } from '#base/hash.ts';
import { memoryStore } from '#store/memory.ts';
import {
  isWrite,
  StoreFailed,
  StoreFull,
  type Operation,
  type Store,
  type TxnResult,
  type WriteOperation,
} from '#store/store.ts';
import { validate, type Conflict } from '#store/transaction.ts';
import type { SimDisk } from './world/disk.ts';

/** Where a crash may come, around one transaction. */
export type CrashPoint = 'before-append' | 'before-sync' | 'before-publish' | 'before-answer';

export interface LogStore extends Store {
  /** The process is gone: nothing that was asked is ever answered by it. */
  crash(): void;
}

type Line =
  | {
      readonly revision: number;
      readonly operations: readonly { readonly op: 'put' | 'delete'; readonly key: string; readonly value?: string }[];
    }
  | { readonly compact: number };

/** Opens the store in `path`, with what a former one has left there. `crashes` is asked at every point of every transaction. */
export async function openLogStore(
  disk: SimDisk,
  path: string,
  crashes: (point: CrashPoint) => boolean = () => false,
): Promise<LogStore> {
  const memory = memoryStore();
  const left = await disk.readText(path);
  let bytes = left === undefined ? 0 : await replay(memory, left);
  if (left !== undefined) await disk.truncate(path, bytes);
  let crashed = false;
  const failed = Promise.withResolvers<Error>();
  let tail: Promise<unknown> = Promise.resolve();
  const crash = (): void => void (crashed = true);
  const requireAlive = (): void => {
    if (crashed) throw new StoreFailed('the process has crashed');
  };
  const at = (point: CrashPoint): void => {
    if (!crashed && crashes(point)) crash();
    requireAlive();
  };
  const write = async (line: Line): Promise<void> => {
    at('before-append');
    const written = Buffer.from(withChecksum(JSON.stringify(line)));
    try {
      await disk.append(path, written);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOSPC') throw fail(error);
      // A part of it may stand there.
      await disk.truncate(path, bytes);
      throw new StoreFull();
    }
    at('before-sync');
    await disk.sync(path).catch((error: unknown) => {
      throw fail(error);
    });
    bytes += written.length;
    at('before-publish');
  };
  const fail = (cause: unknown): StoreFailed => {
    const error = new StoreFailed('the disk failed', { cause });
    crash();
    failed.resolve(error);
    return error;
  };
  /** One after the other, in the order of the questions. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = tail.then(work);
    tail = result.catch(() => undefined);
    return result;
  };

  return {
    ...memory,
    crash,
    failed: failed.promise,
    async get(key, options) {
      requireAlive();
      return memory.get(key, options);
    },
    async range(prefix, options) {
      requireAlive();
      return memory.range(prefix, options);
    },
    txn: (operations) =>
      inTurn(async (): Promise<TxnResult> => {
        requireAlive();
        validate(operations);
        // One that is refused leaves no line.
        for (const operation of operations) {
          const conflict = await conflictWith(memory, operation);
          if (conflict) return { ok: false, conflict, revision: memory.revision() };
        }
        if (await changesNothing(memory, operations)) return memory.txn(operations);
        await write({ revision: memory.revision() + 1, operations: operations.filter(isWrite).map(lineOf) });
        const result = await memory.txn(operations);
        at('before-answer');
        return result;
      }),
    compact: (revision) =>
      inTurn(async () => {
        requireAlive();
        if (revision > memory.revision() || revision <= memory.compactRevision()) return memory.compact(revision);
        await write({ compact: revision });
        await memory.compact(revision);
      }),
    async sync() {
      requireAlive();
      return memory.revision();
    },
    async watch(prefix, after, onEvents) {
      requireAlive();
      return memory.watch(prefix, after, onEvents);
    },
    async [Symbol.asyncDispose]() {
      crash();
      await memory[Symbol.asyncDispose]();
    },
  };
}

const lineOf = (operation: WriteOperation) => ({
  op: operation.op,
  key: operation.key,
  ...(operation.op === 'put' ? { value: operation.value.toString('base64') } : {}),
});

async function conflictWith(memory: Store, operation: Operation): Promise<Conflict | undefined> {
  const { key } = operation;
  if (operation.op === 'check-range') {
    const { entries } = await memory.range('', {
      from: key,
      ...(operation.to === undefined ? {} : { to: operation.to }),
    });
    const current = entries.find(({ modRevision }) => modRevision > operation.since);
    return current && { key: current.key, current };
  }
  if (operation.expect === undefined) return undefined;
  const current = await memory.get(key);
  return (current?.modRevision ?? 0) === operation.expect ? undefined : { key, current };
}

async function changesNothing(memory: Store, operations: readonly Operation[]): Promise<boolean> {
  for (const { op, key } of operations) if (op === 'put' || (op === 'delete' && (await memory.get(key)))) return false;
  return true;
}

const withChecksum = (line: string): string => `${fnv1a32(line).toString(16).padStart(8, '0')} ${line}\n`;

/** Carries out what the file says; answers how many of its bytes are whole lines. Throws StoreFailed when something whole stands behind something broken. */
async function replay(memory: Store, text: string): Promise<number> {
  let bytes = 0;
  let isBroken = false;
  for (const each of text.split('\n')) {
    const json = each.slice(9);
    if (withChecksum(json) !== `${each}\n`) {
      // It was being written when the power went.
      isBroken ||= each.length > 0;
      continue;
    }
    if (isBroken) throw new StoreFailed('the log is broken in its middle');
    const line = JSON.parse(json) as Line;
    if ('compact' in line) await memory.compact(line.compact);
    else {
      const operations = line.operations.map(({ op, key, value }): Operation =>
        op === 'put' ? { op, key, value: Buffer.from(value ?? '', 'base64') } : { op, key },
      );
      const { revision } = await memory.txn(operations);
      if (revision !== line.revision) throw new StoreFailed(`the log says ${line.revision} where ${revision} follows`);
    }
    bytes += Buffer.byteLength(each) + 1;
  }
  return bytes;
}
