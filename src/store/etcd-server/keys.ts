/**
 * Etcd's keys are bytes, the store's are text. A key is its UTF-8, unchanged, as the API server's own keys are; bytes that are no UTF-8
 * or hold a NUL cannot be put and are refused by name. Intervals may end at any bytes. What begins with U+0001 is the server's own
 * (leases) and does not exist for clients. Keys are in the stores' order, which is that of their bytes but for characters beyond U+FFFF
 * among such from U+E000 on.
 */
import { isUtf8 } from 'node:buffer';
import { grpcCode, GrpcError } from '#world/grpc.ts';

/** Keys from here on are the clients'. */
const firstOfClients = '\u0002';
export const reservedPrefix = '\u0001';

/** Keys from `from` on and before `to`; without `to`, all that follow. */
export interface Interval {
  readonly from: string;
  readonly to?: string;
}

export const keyBytes = (key: string): Buffer => Buffer.from(key);

/** A key that may be put. Throws GrpcError. */
export function keyText(bytes: Uint8Array): string {
  const text = textOf(bytes);
  if (text === undefined || text.includes('\0') || text < firstOfClients)
    throw new GrpcError(
      grpcCode.invalidArgument,
      'etcdserver: this server holds keys of UTF-8 text only, without NUL and not beginning with U+0001',
    );
  return text;
}

/** What a request's `key` and `range_end` mean. `reserved`: with the server's own keys. */
export function intervalOf(key: Uint8Array, rangeEnd: Uint8Array, options?: { reserved?: boolean }): Interval {
  const lowest = options?.reserved ? '' : firstOfClients;
  const bound = leastTextFrom(key);
  if (bound === undefined) return { from: lowest, to: lowest };
  const from = bound < lowest ? lowest : bound;
  if (rangeEnd.length === 0) {
    const one = textOf(key);
    return one === undefined || one < lowest ? { from, to: from } : { from: one, to: `${one}\0` };
  }
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { from };
  const to = leastTextFrom(rangeEnd);
  if (to === undefined) return { from };
  return { from, to: to < from ? from : to };
}

export const isWithin = (key: string, { from, to }: Interval): boolean => key >= from && (to === undefined || key < to);

/** The longest prefix that all keys of an interval have. */
export function prefixOf({ from, to }: Interval): string {
  if (to === undefined) return '';
  let length = 0;
  while (length < from.length && length < to.length && from[length] === to[length]) length++;
  return from.slice(0, length);
}

function textOf(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString() : undefined;
}

const surrogates = [0xd800, 0xdfff] as const;
const codePointMax = 0x10ffff;

/** The first text whose UTF-8 is not before these bytes; undefined when there is none. */
export function leastTextFrom(bytes: Uint8Array): string | undefined {
  const text = textOf(bytes);
  if (text !== undefined) return text;
  // What is whole stays; the first character that follows it is the least one not before the rest.
  let whole = bytes.length;
  while (!isUtf8(bytes.subarray(0, whole))) whole--;
  const kept = textOf(bytes.subarray(0, whole)) as string;
  const rest = Buffer.from(bytes.subarray(whole));
  let low = 0;
  let high = codePointMax + 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rest.compare(Buffer.from(character(middle))) > 0) low = middle + 1;
    else high = middle;
  }
  return low > codePointMax ? after(kept) : kept + character(low);
}

/** The first text after all that begin with this one. */
function after(text: string): string | undefined {
  const characters = [...text];
  for (;;) {
    const last = characters.pop()?.codePointAt(0);
    if (last === undefined) return undefined;
    if (last < codePointMax) return characters.join('') + character(last + 1);
  }
}

/** Surrogates are no characters: the next one stands for them. */
function character(codePoint: number): string {
  const [first, last] = surrogates;
  return String.fromCodePoint(codePoint >= first && codePoint <= last ? last + 1 : codePoint);
}
