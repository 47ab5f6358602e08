/** New inputs from old ones: bits, bytes, blocks and words of a dictionary, splices, and for JSON also its values, so that structure survives. All chance is a seed's. */
import { seededRandom } from '#sim/world/random.ts';

/** The longest input that is made. */
export const inputBytesMax = 64 * 1024;
const interesting = [0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x20, 0x22, 0x2e, 0x2f, 0x7b, 0x5b];
const values: readonly unknown[] = [
  null, true, '', 0, -1, 1.5, 1e21, 2 ** 31, -(2 ** 63), [], {}, [null], '__proto__', 'constructor', '\0', '\ud800', 'é'.repeat(300),
]; // prettier-ignore

export type Mutate = (input: Buffer) => Buffer;

/** Words of the seeds: runs of letters and digits, and all that stands between quotes. */
function wordsOf(seeds: readonly Buffer[]): readonly Buffer[] {
  const found = new Set<string>();
  for (const seed of seeds)
    for (const [word] of seed.toString('latin1').matchAll(/"[^"]{1,40}"|[A-Za-z0-9$_]{2,40}|[^A-Za-z0-9\s]{1,3}/g))
      if (found.size < 2_000) found.add(word);
  return [...found].map((word) => Buffer.from(word, 'latin1'));
}

/** `corpus` may grow while the mutator lives: splices take from it. */
export function mutator(seed: number | string, seeds: readonly Buffer[], corpus: () => readonly Buffer[]): Mutate {
  const random = seededRandom(seed);
  const below = (max: number): number => Math.floor(random.fraction() * max);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T;
  const words = wordsOf(seeds);
  const steps: readonly Mutate[] = [
    (input) => {
      const at = below(input.length);
      input[at] = (input[at] as number) ^ (1 << below(8));
      return input;
    },
    (input) => {
      input[below(input.length)] = below(3) > 0 ? pick(interesting) : below(256);
      return input;
    },
    // A block is taken out, doubled many times, or copied elsewhere.
    (input) => {
      const at = below(input.length);
      return Buffer.concat([input.subarray(0, at), input.subarray(at + 1 + below(Math.min(64, input.length)))]);
    },
    (input) => {
      const at = below(input.length);
      const block = input.subarray(at, at + 1 + below(64));
      const times = below(20) === 0 ? 1 + below(1_000) : 1 + below(3);
      const to = below(input.length + 1);
      return Buffer.concat([input.subarray(0, to), ...Array<Buffer>(times).fill(block), input.subarray(to)]);
    },
    (input) => {
      const at = below(input.length + 1);
      const word = words.length > 0 ? pick(words) : Buffer.from([below(256)]);
      return Buffer.concat([input.subarray(0, at), word, input.subarray(below(2) === 0 ? at : at + word.length)]);
    },
    (input) => {
      const other = pick(corpus());
      const from = below(other.length + 1);
      return Buffer.concat([input.subarray(0, below(input.length + 1)), other.subarray(from)]);
    },
  ];

  /** One value within a JSON text becomes another: of the list, of the dictionary, or from elsewhere in the corpus. */
  const structured = (input: Buffer): Buffer | undefined => {
    const root = parsed(input);
    if (root === undefined) return undefined;
    const places: [Record<string, unknown>, string][] = [];
    const collect = (value: unknown): void => {
      if (typeof value !== 'object' || value === null || places.length > 5_000) return;
      for (const key of Object.keys(value)) {
        places.push([value as Record<string, unknown>, key]);
        collect((value as Record<string, unknown>)[key]);
      }
    };
    const holder = { root };
    collect(holder);
    const [parent, key] = pick(places);
    switch (below(5)) {
      case 0:
        delete parent[key];
        break;
      case 1:
        parent[key] = pick(values);
        break;
      case 2: {
        const word = words.length > 0 ? pick(words).toString('utf8').replaceAll('"', '') : 'x';
        if (below(3) === 0)
          Object.defineProperty(parent, word, { value: parent[key], enumerable: true, writable: true });
        else parent[key] = word;
        break;
      }
      case 3: {
        const [other, name] = pick(places);
        parent[key] = structuredClone(other[name]);
        break;
      }
      default:
        if (typeof parent[key] === 'string')
          parent[key] = mutate(Buffer.from(parent[key] as string), 1).toString('utf8');
        else if (typeof parent[key] === 'number') parent[key] = (parent[key] as number) * (below(3) - 1) + below(3) - 1;
        else if (Array.isArray(parent[key]))
          parent[key] = [...(parent[key] as unknown[]), ...(parent[key] as unknown[])];
    }
    const text = JSON.stringify(holder.root);
    return text === undefined ? undefined : Buffer.from(text);
  };

  const mutate = (input: Buffer, times: number): Buffer => {
    let made: Buffer = Buffer.from(input);
    for (let step = 0; step < times; step++) made = made.length === 0 ? Buffer.from([below(256)]) : pick(steps)(made);
    return made.subarray(0, inputBytesMax);
  };
  return (input) => {
    const made = below(4) > 0 ? structured(input) : undefined;
    if (made === undefined) return mutate(input, 1 + below(6));
    return (below(3) === 0 ? (structured(made) ?? made) : made).subarray(0, inputBytesMax);
  };
}

function parsed(input: Buffer): unknown {
  if (!/^[[{]/.test(input.toString('latin1', 0, 1))) return undefined;
  try {
    return JSON.parse(input.toString('utf8')) as unknown;
  } catch {
    return undefined; // Not every input is JSON; then its bytes are changed.
  }
}
