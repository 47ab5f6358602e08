/**
 * Sets of completion indexes and their text (`1,3-5`), as Jobs' statuses and success policies write them. Pure.
 */

/** Sorted, each once. Parts outside 0…below-1 are left out. */
export function parseIndexes(text: string | undefined, below: number): readonly number[] {
  const found = new Set<number>();
  for (const part of (text ?? '').split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (!match) continue;
    const last = Math.min(Number(match[2] ?? match[1]), below - 1);
    for (let index = Number(match[1]); index <= last; index++) found.add(index);
  }
  return [...found].toSorted((a, b) => a - b);
}

export function formatIndexes(indexes: Iterable<number>): string {
  const sorted = [...new Set(indexes)].toSorted((a, b) => a - b);
  const parts: string[] = [];
  for (let start = 0; start < sorted.length;) {
    let end = start;
    while (sorted[end + 1] === (sorted[end] as number) + 1) end++;
    // Two neighbours are a list of two or a range: upstream writes a range.
    parts.push(start === end ? `${sorted[start]}` : `${sorted[start]}-${sorted[end]}`);
    start = end + 1;
  }
  return parts.join(',');
}
