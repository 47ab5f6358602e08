/**
 * Go's regular expressions (RE2), which is what Kubernetes means by a pattern of a user: they run in linear time, where JavaScript's can be made to run for
 * ever. The engine is loaded at the first pattern: most processes never see one. Never give a user's pattern to `RegExp`.
 */
import { createRequire } from 'node:module';

type Engine = typeof import('re2js');

let loaded: Engine | undefined;
const engine = (): Engine => (loaded ??= createRequire(import.meta.url)('re2js') as Engine);

/** What is wrong with a pattern, in Go's words; undefined when nothing is. */
export function patternFault(pattern: string): string | undefined {
  const { RE2JS, RE2JSSyntaxException } = engine();
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) return error.message;
    throw error;
  }
}
