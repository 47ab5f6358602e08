/** Which blocks of our own source have run, by V8's own counters: `reached` says whether the inputs since the last call ran something new. */
import { Session } from 'node:inspector';
import type { Profiler } from 'node:inspector';

export class Coverage implements Disposable {
  readonly #session = new Session();
  /** What has not run yet within each function that has: offsets, in order. */
  readonly #missing = new Map<string, readonly (readonly [number, number])[]>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Looks at what ran since the last call. With `keep: false` nothing is remembered. */
  reached({ keep }: { readonly keep: boolean }): boolean {
    let isNew = false;
    for (const { url, functions } of this.#take()) {
      if (!url.includes('/src/')) continue;
      for (const { ranges } of functions) {
        const [whole] = ranges;
        if (whole === undefined || whole.count === 0) continue;
        const id = `${url}:${whole.startOffset}:${whole.endOffset}`;
        const now = ranges.filter(({ count }) => count === 0).map((at) => [at.startOffset, at.endOffset] as const);
        const before = this.#missing.get(id);
        const still = before === undefined ? now : both(before, now);
        if (before !== undefined && length(still) === length(before)) continue;
        isNew = true;
        if (keep) this.#missing.set(id, still);
        else return true;
      }
    }
    return isNew;
  }

  #take(): readonly Profiler.ScriptCoverage[] {
    let result: readonly Profiler.ScriptCoverage[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error) throw error;
      result = taken.result;
    });
    return result;
  }

  [Symbol.dispose](): void {
    this.#session.disconnect();
  }
}

type Spans = readonly (readonly [number, number])[];

const length = (spans: Spans): number => spans.reduce((sum, [from, to]) => sum + to - from, 0);

/** What lies in both. */
function both(a: Spans, b: Spans): Spans {
  const out: [number, number][] = [];
  for (const [from, to] of a)
    for (const [start, end] of b) if (start < to && end > from) out.push([Math.max(from, start), Math.min(to, end)]);
  return out;
}
