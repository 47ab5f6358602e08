/** Warning headers: each once, and not more than a client can take. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { warningHeaders } from './options.ts';

const said = (warnings: readonly string[]): readonly string[] =>
  [warningHeaders(warnings)['warning'] ?? []].flat().map((line) => /^299 - "(.*)"$/.exec(line)?.[1] ?? line);

test('each warning is said once', () => {
  assert.deepEqual(said(['a', 'b "c"', 'a']), ['a', String.raw`b \"c\"`]);
  assert.deepEqual(warningHeaders([]), {});
});

test('a long one alone is whole; too much together is cut, and the last is not said', () => {
  assert.deepEqual(said(['x'.repeat(4096)]), ['x'.repeat(4096)]);
  const many = Array.from({ length: 30 }, (_, index) => `${index}${'y'.repeat(298)}`);
  const cut = said(many);
  assert.deepEqual([cut.length, cut[0]?.length], [16, 256]);
});
