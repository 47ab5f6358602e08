import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patternFault } from './regexp.ts';

test('a pattern is judged by the rules of Go, in its words', () => {
  for (const right of ['', '^(?i)[[:alpha:]]+$', String.raw`(?P<year>\d{4})\z`, 'a{1,1000}', String.raw`\pN\p{Greek}`])
    assert.equal(patternFault(right), undefined, right);
  const wrong: readonly (readonly [string, string])[] = [
    ['[', 'error parsing regexp: missing closing ]: `[`'],
    ['(?=a)', 'error parsing regexp: invalid or unsupported Perl syntax: `(?=`'],
    [String.raw`(a)\1`, 'error parsing regexp: invalid escape sequence: `\\1`'],
    ['a{1001}', 'error parsing regexp: invalid repeat count: `{1001}`'],
  ];
  for (const [pattern, fault] of wrong) assert.equal(patternFault(pattern), fault);
});
