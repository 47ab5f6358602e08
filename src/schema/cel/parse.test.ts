import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatErrors } from './errors.ts';
import { bindMacros } from './macros.ts';
import { kubernetesMacros, parse } from './parse.ts';

/** All errors of a text. */
function errorsOf(source: string): string {
  const result = parse(source, { macros: [...kubernetesMacros, ...bindMacros] });
  return 'errors' in result ? formatErrors(result.errors, source) : '';
}

test('an expression that goes on after its last operand is refused at its end', () => {
  assert.equal(errorsOf('1 + 2'), '');
  assert.equal(
    errorsOf('a ? b'),
    "ERROR: <input>:1:6: Syntax error: mismatched input '<EOF>' expecting ':'\n | a ? b\n | .....^",
  );
});
