import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonSchemaProps } from '#schema/json-schema-props.ts';
import { rootSchemaCauses } from './schema-validation.ts';

const text: JsonSchemaProps = { type: 'string' };
const rules = (...all: readonly (string | object)[]): object => ({
  'x-kubernetes-validations': all.map((rule) => (typeof rule === 'string' ? { rule } : rule)),
});

/** What is wrong with a resource whose spec has this schema: where below it, and what, without the value and the picture. */
const causes = (spec: JsonSchemaProps): readonly string[] =>
  [...rootSchemaCauses('at', { type: 'object', properties: { spec } }, false)].map(({ field, message }) => {
    const where = field
      .replace('at.openAPIV3Schema.properties[spec].', '')
      .replace('x-kubernetes-validations', 'rules');
    return `${where}: ${message.split('\n', 1)[0]?.replace(/Invalid value: \{.*?\}: /, '')}`;
  });

const open = { 'x-kubernetes-preserve-unknown-fields': true } as const;
const object: JsonSchemaProps = {
  type: 'object',
  properties: {
    'a-b/c.d': text,
    namespace: text,
    size: { type: 'integer' },
    when: { type: 'string', format: 'date-time' },
    either: { 'x-kubernetes-int-or-string': true },
    free: open,
    names: { type: 'array', items: text, maxItems: 10 },
    part: { type: 'object', 'x-kubernetes-embedded-resource': true, ...open },
  },
};

test('self has the type that the schema declares, with names that CEL can say', () => {
  const right = [
    "self.a__dash__b__slash__c__dot__d == 'x' && self.namespace == 'x' && self.__namespace__ == 'x'",
    "self.size > 1 && self.when > timestamp('2026-01-01T00:00:00Z')",
    "type(self.either) == int ? self.either > 1 : self.either == '1'",
    "self.names.all(name, name.startsWith('a'))",
    "self.part.kind == 'A' && self.part.metadata.name == 'a'",
    'self == oldSelf',
  ];
  assert.deepEqual(causes({ ...object, ...rules(...right) }), []);
  const wrong = ["self.size + 'a'", 'self.free', 'self.part.spec', 'self.size', 'self + 1 == 2'];
  assert.deepEqual(causes({ ...object, ...rules(...wrong) }), [
    "rules[0].rule: compilation failed: ERROR: <input>:1:11: found no matching overload for '_+_' applied to '(int, string)'",
    "rules[1].rule: compilation failed: ERROR: <input>:1:5: undefined field 'free'",
    "rules[2].rule: compilation failed: ERROR: <input>:1:10: undefined field 'spec'",
    'rules[3].rule: cel expression must evaluate to a bool',
    "rules[4].rule: compilation failed: ERROR: <input>:1:6: found no matching overload for '_+_' applied to '(selfType@, int)'",
  ]);
});

test('a message is a text, and a faulty rule is told before its message', () => {
  const message = (rule: string, messageExpression: string): readonly string[] =>
    causes({ ...object, ...rules({ rule, messageExpression }) });
  assert.deepEqual(message('true', "'is ' + self.names[0]"), []);
  assert.deepEqual(message('true', 'self.size'), [
    'rules[0].messageExpression: messageExpression must evaluate to a string',
  ]);
  assert.deepEqual(message('true', 'self.x'), [
    "rules[0].messageExpression: messageExpression compilation failed: ERROR: <input>:1:5: undefined field 'x'",
  ]);
  assert.deepEqual(message('self', 'self.x'), ['rules[0].rule: cel expression must evaluate to a bool']);
  assert.deepEqual(message("int('a') == 1", ''), [
    "rules[0].rule: program instantiation failed: type conversion error from 'string' to 'int'",
  ]);
});

test('an old value is there where values can be told apart', () => {
  const item = { type: 'object', properties: { name: text }, required: ['name'], ...rules('self == oldSelf') } as const;
  assert.deepEqual(causes({ type: 'array', maxItems: 5, items: item }), [
    'items.rules[0].rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within at.openAPIV3Schema.properties[spec]',
  ]);
  const keyed = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] } as const;
  assert.deepEqual(causes({ type: 'array', maxItems: 5, items: item, ...keyed }), []);
  const optional = (rule: string): readonly string[] =>
    causes({ ...object, ...rules({ rule, optionalOldSelf: true }) });
  assert.deepEqual(optional('!oldSelf.hasValue() || oldSelf.value().size < self.size'), []);
  assert.deepEqual(optional('oldSelf.size < self.size'), [
    "rules[0].rule: compilation failed: ERROR: <input>:1:14: found no matching overload for '_<_' applied to '(optional_type(int), int)'",
    'rules[0].optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule',
  ]);
  assert.deepEqual(optional('self.size > 1'), [
    'rules[0].optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule',
  ]);
});

test('rules are compiled where the schema is in order and says of what type its values are', () => {
  assert.deepEqual(causes({ ...object, ...rules('foo', ' ') }), [
    'rules[1].rule: Required value: rule is not specified',
  ]);
  const [cause = ''] = causes({ ...open, ...rules('true') });
  assert.match(cause, /^rules: Internal error: .* unable to convert structural schema to CEL declarations$/);
});

const advice =
  '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)';

test('a rule may cost so much and no more, as often as it can run in an object', () => {
  const nested = rules('self.all(a, self.all(b, a != b))');
  const list = (maxItems: number): JsonSchemaProps => ({
    type: 'array',
    maxItems,
    items: { ...text, maxLength: 10 },
    ...nested,
  });
  assert.deepEqual(causes(list(100)), []);
  assert.deepEqual(causes({ type: 'array', items: list(100) }).slice(0, 1), [
    `items.rules[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${advice}`,
  ]);
  const whole = 'Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
  const told = causes({ type: 'array', items: text, ...nested });
  assert.deepEqual(told, [
    `rules[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${advice}`,
    'rules[0].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema',
    `at.openAPIV3Schema: ${whole} exceeds budget by factor of more than 100x ${advice}`,
  ]);
});
