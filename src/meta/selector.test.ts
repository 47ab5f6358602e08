import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  checkLabelSelector,
  exactValue,
  formatFieldSelector,
  formatSelector,
  matches,
  parseFieldSelector,
  parseLabelSelector,
  selectorFrom,
} from './selector.ts';
import { isApiError } from './status.ts';

const labels = { app: 'web', tier: 'front', empty: '', number: '7' };

test('a selector text matches the labels it describes', () => {
  for (const text of [
    '',
    'app',
    'app=web',
    'app==web',
    'app!=db',
    'app in (web, db)',
    'app notin (db)',
    '!old',
    'app=web,tier in (front),!old',
    'other!=x',
    'empty=',
    'empty in ()',
    'empty in (,a)',
    'number>6',
    'number<8',
    ' app = web , tier ',
    'old notin (a,b)',
  ]) {
    assert.equal(matches(parseLabelSelector(text), labels), true, text);
  }
  for (const text of [
    'old',
    '!app',
    'app=db',
    'app in (db)',
    'app notin (web)',
    'number>7',
    'app=web,old',
    'app!=web',
  ]) {
    assert.equal(matches(parseLabelSelector(text), labels), false, text);
  }
});

test('a broken selector is refused in upstream’s words', () => {
  const messages: Record<string, string> = {
    'a b': "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, >, <",
    'app in web': "unable to parse requirement: found 'web' expected: '('",
    ',app': "found ',', expected: !, identifier, or 'end of string'",
    'app,': "found '', expected: identifier after ','",
    'app=web=x': "found '=', expected: ',' or 'end of string'",
    '!': "unable to parse requirement: found '', expected: identifier",
    'n>x':
      "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
  };
  for (const [text, message] of Object.entries(messages)) {
    assert.throws(
      () => parseLabelSelector(text),
      (error) => isApiError(error, 'BadRequest') && error.message === message,
      text,
    );
  }
  assert.throws(
    () => parseLabelSelector('-a=b'),
    /unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of/,
  );
  assert.throws(
    () => parseLabelSelector('a=-b'),
    /unable to parse requirement: values\[0\]\[a\]: Invalid value: "-b": a valid label must be/,
  );
});

test('a LabelSelector object: missing selects nothing, empty selects all', () => {
  assert.equal(matches(selectorFrom(undefined), {}), false);
  assert.equal(matches(selectorFrom({}), {}), true);
  const selector = selectorFrom({
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['front', 'back'] },
      { key: 'old', operator: 'DoesNotExist' },
    ],
  });
  assert.equal(matches(selector, labels), true);
  assert.equal(formatSelector(selector), 'app=web,!old,tier in (back,front)');
  assert.equal(exactValue(selector, 'app'), 'web');
  assert.equal(exactValue(selector, 'tier'), undefined);
});

test('the text of a selector reads back as the same selector', () => {
  const word = fc
    .stringMatching(/^[a-z]([a-z0-9.-]{0,8}[a-z0-9])?$/)
    .filter((text) => text !== 'in' && text !== 'notin');
  const expression = fc.oneof(
    fc.record({
      key: word,
      operator: fc.constantFrom('In', 'NotIn'),
      values: fc.array(word, { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ key: word, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
  );
  fc.assert(
    fc.property(
      fc.dictionary(word, word),
      fc.array(expression),
      fc.dictionary(word, word),
      (matchLabels, matchExpressions, set) => {
        const selector = selectorFrom({ matchLabels, matchExpressions });
        const again = parseLabelSelector(formatSelector(selector));
        assert.equal(formatSelector(again), formatSelector(selector));
        assert.equal(matches(again, set), matches(selector, set));
      },
    ),
  );
});

test('an invalid LabelSelector object has all its causes', () => {
  const causes = checkLabelSelector(
    {
      matchLabels: { 'bad key': '-' },
      matchExpressions: [
        { key: 'a', operator: 'In' },
        { key: 'b', operator: 'Exists', values: ['x'] },
        { key: 'c', operator: 'Like' },
      ],
    },
    'spec.selector',
  );
  assert.deepEqual(
    causes.map((cause) => cause.field),
    [
      'spec.selector.matchLabels',
      'spec.selector.matchLabels',
      'spec.selector.matchExpressions[0].values',
      'spec.selector.matchExpressions[1].values',
      'spec.selector.matchExpressions[2].operator',
    ],
  );
});

test('field selectors know three operators and escapes', () => {
  assert.deepEqual(parseFieldSelector('metadata.name=web,status.phase!=Running,a==b'), [
    { field: 'a', operator: '=', value: 'b' },
    { field: 'metadata.name', operator: '=', value: 'web' },
    { field: 'status.phase', operator: '!=', value: 'Running' },
  ]);
  assert.deepEqual(parseFieldSelector(''), []);
  assert.throws(() => parseFieldSelector('abc'), /invalid selector: 'abc'; can't understand 'abc'/);
  assert.throws(() => parseFieldSelector('a=\\x'), /invalid field selector: invalid escape sequence: \\x/);
  assert.throws(() => parseFieldSelector('a=b=c'), /unescaped character in value: 61/);
  fc.assert(
    fc.property(fc.string(), (value) => {
      assert.deepEqual(parseFieldSelector(formatFieldSelector([{ field: 'f', operator: '=', value }])), [
        { field: 'f', operator: '=', value },
      ]);
    }),
  );
});
