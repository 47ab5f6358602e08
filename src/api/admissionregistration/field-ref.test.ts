import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldRefFault } from './field-ref.ts';

const references: readonly [string, string | undefined][] = [
  ['spec.validations[0].expression', undefined],
  ['.a..b[?(@.c=="d")]', undefined],
  [`$['x'] "y" 1.5 -2`, undefined],
  ['a.b\\.c', undefined],
  ['/abs', "unrecognized character in action: U+002F '/'"],
  ['../up', "unrecognized character in action: U+002F '/'"],
  ['*', "unrecognized character in action: U+002A '*'"],
  ['-x', 'cannot parse number -'],
  ['10.0.0.1', 'cannot parse number 10.0.0.1'],
  ['a[', 'unterminated array'],
  ['"a', 'unterminated quoted string'],
  ['a'.repeat(5000), 'too long'],
];
for (const [text, fault] of references)
  test(`${text.slice(0, 40)} is ${fault === undefined ? 'a' : 'no'} reference to a field`, () =>
    assert.equal(fieldRefFault(text), fault));
