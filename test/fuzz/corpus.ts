/** The inputs in the repository: good ones made by hand, and what fuzzing has kept. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export function corpusOf(target: string): readonly Buffer[] {
  const folder = join(import.meta.dirname, 'corpus', target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .toSorted()
    .map((name) => readFileSync(join(folder, name)));
}
