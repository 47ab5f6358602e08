/**
 * As much of DER as certificate requests need: an element after the other, lengths checked, nothing copied. Bytes are hostile; what does
 * not parse is undefined, never an exception.
 */

export interface DerElement {
  readonly tag: number;
  /** The whole element, tag and length included. */
  readonly bytes: Buffer;
  readonly content: Buffer;
}

export const derTag = { sequence: 0x30, set: 0x31, integer: 0x02, bitString: 0x03, oid: 0x06, null: 0x05 } as const;

const lengthBytesMax = 4;

function readElement(from: Buffer): DerElement | undefined {
  const [tag, first] = from;
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined;
  let [length, at] = [first, 2];
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > lengthBytesMax || from.length < at + count) return undefined;
    length = from.readUIntBE(at, count);
    at += count;
    // DER knows one spelling of a length: the shortest.
    if (length < 0x80 || (count > 1 && from[2] === 0)) return undefined;
  }
  if (from.length < at + length) return undefined;
  return { tag, bytes: from.subarray(0, at + length), content: from.subarray(at, at + length) };
}

/** The elements that the bytes consist of, and of nothing else. At most `max`. */
export function readElements(bytes: Buffer, max = 64): readonly DerElement[] | undefined {
  const found: DerElement[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const element = found.length < max ? readElement(rest) : undefined;
    if (element === undefined) return undefined;
    found.push(element);
    rest = rest.subarray(element.bytes.length);
  }
  return found;
}

/** `1.2.840.113549.1.1.11` */
export function oidText(content: Buffer): string {
  const parts: bigint[] = [];
  let value = 0n;
  for (const byte of content) {
    value = (value << 7n) | BigInt(byte & 0x7f);
    if (byte >= 0x80) continue;
    parts.push(value);
    value = 0n;
  }
  const [head = 0n, ...rest] = parts;
  const first = head < 40n ? 0n : head < 80n ? 1n : 2n;
  return [first, head - first * 40n, ...rest].join('.');
}
