/**
 * Bytes in bulk: slabs that hold many small values in few large buffers (the collector then sees a handful of objects instead
 * of a hundred thousand), and base64 read as strictly as Go reads it.
 */

/** 2,000 objects of 4 kB; a view keeps its whole slab alive, so slabs are not larger. */
const slabBytesDefault = 8 * 1024 * 1024;

/** Copies values into shared buffers. A value's memory returns when all values of its slab are gone. */
export class Slabs {
  readonly #slabBytes: number;
  #slab = Buffer.alloc(0);
  #used = 0;

  constructor(options: { slabBytes?: number } = {}) {
    this.#slabBytes = options.slabBytes ?? slabBytesDefault;
  }

  /** The same bytes, in a slab. Values larger than a quarter of a slab get a buffer of their own. */
  keep(bytes: Uint8Array): Buffer {
    if (bytes.length > this.#slabBytes / 4) return Buffer.from(bytes);
    if (this.#used + bytes.length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(this.#slabBytes);
      this.#used = 0;
    }
    const view = this.#slab.subarray(this.#used, this.#used + bytes.length);
    view.set(bytes);
    this.#used += bytes.length;
    return view;
  }
}

/** Standard base64 with padding; line breaks are ignored, anything else out of place gives undefined (Go's StdEncoding). */
export function decodeBase64(text: string): Buffer | undefined {
  const plain = text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]/g, '') : text;
  if (plain.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(plain)) return undefined;
  return Buffer.from(plain, 'base64');
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
