/**
 * The same targets for Jazzer.js, where that installs (it needs glibc 2.38, so it is none of our dependencies):
 * `K8TS_FUZZ=json npx jazzer test/fuzz/jazzer.ts -- test/fuzz/corpus/json`.
 */
import { attempt } from './target.ts';
import { targets } from './targets.ts';

const name = process.env['K8TS_FUZZ'] ?? '';
const target = targets.get(name);
if (!target) throw new Error(`K8TS_FUZZ names a target: ${[...targets.keys()].join(', ')}`);

export async function fuzz(data: Buffer): Promise<void> {
  await attempt(target as NonNullable<typeof target>, data);
}
