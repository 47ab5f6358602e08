/**
 * Expressions in CEL to compare two API servers with: what stands where a kind has one, and schemas of custom resources with rules. Good and faulty ones; which
 * are which is for the servers to say.
 */

const expressions: readonly string[] = [
  'true',
  'object.x == 1',
  'object',
  "'a'",
  'null',
  '[1]',
  '[]',
  '{}',
  'foo',
  'foo.bar',
  'params.x == 1',
  'params == null',
  'variables.x',
  'has(object.a) && object.a.b',
  'has(foo)',
  "request.operation == 'CREATE'",
  'request.foo',
  'request.kind.group + 1',
  "authorizer.requestResource.check('get').allowed()",
  "authorizer.group('apps').resource('deployments').check('get').allowed()",
  "namespaceObject.metadata.name == 'a'",
  'namespaceObject.metadata.uid',
  "1 + 'a'",
  "1 == 'a'",
  "[1, 'a'].size() == 2",
  "object.x.matches('[')",
  "matches(object.x, '[')",
  "object.x.find('a(') == ''",
  "duration('1h') > duration('x')",
  "timestamp('yesterday') < timestamp('2020-01-01T00:00:00Z')",
  "int('a') == 1",
  "'%d of %s'.format(['a', 1]) == ''",
  "'%s'.format([object.x])",
  'object.x.all(y, y > 1)',
  'object.x.all(y, y)',
  'object.x.all(y.z, y)',
  '1.all(y, y)',
  "object.?x.orValue('a') == 'b'",
  'object.x.all(k, v, k == v)',
  '[3, 1].sortBy(x, x) == [1, 3]',
  'cel.bind(x, 1, x == 1)',
  "quantity('1').isGreaterThan(quantity('2'))",
  "ip('::1').family() == 6 && cidr('10.0.0.0/8').containsIP('10.0.0.1')",
  "url('https://a').getHost() == 'a' && semver('1.0.0').major() == 1",
  "format.dns1123Label().validate('a').hasValue()",
  '[1].includes(1)',
  'math.greatest(1, 2) == 2',
  "strings.quote('a') == ''",
  'Object{}',
  "Object{metadata: Object.metadata{labels: Object.metadata.labels{a: 'b'}}}",
  'Object{spec: foo}',
  "[JSONPatch{op: 'add', path: '/a', value: 1}]",
  '[JSONPatch{op: 1}]',
  'Thing{}',
  "device.driver == 'a'",
  'device.driver',
  "device.attributes['a.com'].b == 'c' && device.capacity['a.com'].d.compareTo(quantity('1')) > 0",
  "device.attributes['a.com']",
  "device.attributes['a.com'].b",
  'self.size() > 1',
  'oldSelf == self',
  '1 +',
  '1 + + 2',
  'a b',
  '(1',
  "'abc",
  'object.if',
  'in',
  ' true ',
  '\ttrue &&\n  foo',
  "'日本' + foo",
  '  ',
];

/** Fields whose text is an expression, of whatever kind. */
const fields: ReadonlySet<string | number | undefined> = new Set([
  'expression',
  'messageExpression',
  'rule',
  'valueExpression',
]);

/** What to try at a place beside other texts. */
export const expressionsAt = (field: string | number | undefined): readonly string[] =>
  fields.has(field) ? expressions : [];

type Schema = Record<string, unknown>;

const text: Schema = { type: 'string' };
const validations = (...rules: readonly (string | object)[]): Schema => ({
  'x-kubernetes-validations': rules.map((rule) => (typeof rule === 'string' ? { rule } : rule)),
});
/** The schema of a custom resource whose `spec` this is. */
const spec = (schema: Schema, rest: Schema = {}): Schema => ({ type: 'object', properties: { spec: schema }, ...rest });
const list = (items: Schema, rest: Schema = {}): Schema => ({ type: 'array', items, ...rest });
const map = (values: Schema, rest: Schema = {}): Schema => ({ type: 'object', additionalProperties: values, ...rest });
const fieldsOf = (properties: Schema, rest: Schema = {}): Schema => ({ type: 'object', properties, ...rest });

const many = fieldsOf({
  'a-b': text,
  'a/b': text,
  'a.b': text,
  a__b: text,
  namespace: text,
  int: { type: 'integer' },
  when: { type: 'string', format: 'date-time' },
  day: { type: 'string', format: 'date' },
  span: { type: 'string', format: 'duration' },
  raw: { type: 'string', format: 'byte' },
  either: { 'x-kubernetes-int-or-string': true },
  open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  untyped: { 'x-kubernetes-preserve-unknown-fields': true },
  ratio: { type: 'number' },
  on: { type: 'boolean' },
  names: list(text),
  sizes: map({ type: 'integer' }),
  embedded: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
});

const rulesOfMany: readonly string[] = [
  "self.a__dash__b == 'x' && self.a__slash__b == 'x' && self.a__dot__b == 'x' && self.a__underscores__b == 'x'",
  "self.__namespace__ == 'x'",
  "self.namespace == 'x'",
  'self.a__b',
  'self.int > 1 && self.int < 2.0',
  "self.int + 'a'",
  "self.when > timestamp('2020-01-01T00:00:00Z') && self.day == self.when",
  "self.span > duration('1h')",
  "self.raw == b'a'",
  'self.either == 1',
  "type(self.either) == int ? self.either > 1 : self.either == '1'",
  'type(self.either) == string && self.either.matches("a")',
  'self.open.x',
  'self.untyped',
  'has(self.untyped)',
  'self.ratio < 1',
  'self.on',
  'self.on == 1',
  "self.names.all(n, n.startsWith('a'))",
  'self.names.all(n, n > 1)',
  "self.sizes['a'] == 1",
  'self.sizes[1] == 1',
  "self.embedded.kind == 'A' && self.embedded.metadata.name == 'a'",
  'self.embedded.spec',
  'self == oldSelf',
  'oldSelf.names.size() <= self.names.size()',
  'self',
  'self.foo',
  'self + 1',
  '1',
  "'a'",
  'oldSelf',
];

/** Schemas of whole custom resources, each tried in place of the one that a definition has. */
export const ruledSchemas: readonly Schema[] = [
  ...rulesOfMany.map((rule) => spec({ ...many, ...validations(rule) })),
  ...rulesOfMany.map((rule) => spec({ ...many, ...validations({ rule: 'true', messageExpression: rule }) })),
  spec(many, validations("self.metadata.name == 'a' && self.kind == 'A'")),
  spec(many, validations('self.metadata.labels.size() > 1')),
  spec(many, validations('self.spec.int > 1', 'self.spec.foo', 'self.foo')),
  spec({ ...many, ...validations({ rule: 'self.int > oldSelf.int', optionalOldSelf: true }) }),
  spec({
    ...many,
    ...validations({ rule: 'oldSelf.hasValue() && self.int > oldSelf.value().int', optionalOldSelf: true }),
  }),
  spec({ ...many, ...validations({ rule: 'self.int > 1', optionalOldSelf: true }) }),
  spec({ ...many, ...validations({ rule: 'self.int > 1', optionalOldSelf: false }) }),
  spec({ ...many, ...validations({ rule: 'self.int > ', optionalOldSelf: true }) }),
  spec(list({ ...text, ...validations('self == oldSelf') })),
  spec(list({ ...text, ...validations('self == oldSelf') }, { 'x-kubernetes-list-type': 'set' })),
  spec(
    list(fieldsOf({ name: text }, { required: ['name'], ...validations('self == oldSelf') }), {
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    }),
  ),
  spec(list(fieldsOf({ deep: { ...text, ...validations('self == oldSelf') } }))),
  spec(map({ ...text, ...validations('self == oldSelf') })),
  spec({ 'x-kubernetes-preserve-unknown-fields': true, ...validations('true') }),
  spec({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true, ...validations('self.x', 'true') }),
  spec({ 'x-kubernetes-int-or-string': true, ...validations('self == 1', 'self') }),
  spec({ type: 'boolean', ...validations('self', '!self') }),
  spec({ type: 'integer', ...validations('self > 1', { rule: 'true', messageExpression: "'is ' + string(self)" }) }),
  // What rules may cost.
  spec(list({ ...text, ...validations("self.matches('a')") })),
  spec(list({ ...text, maxLength: 10, ...validations("self.matches('a')") }, { maxItems: 10 })),
  spec(list(text, validations("self.all(a, self.all(b, a != b || a == 'x'))"))),
  spec(
    list({ ...text, maxLength: 10 }, { maxItems: 100, ...validations("self.all(a, self.all(b, a != b || a == 'x'))") }),
  ),
  spec(list(text, validations("self.all(a, a.matches('x'))"))),
  spec(list({ ...text, maxLength: 100 }, { maxItems: 10_000, ...validations("self.all(a, a.matches('x'))") })),
  spec(map(map({ ...text, ...validations("self.contains('a')") }))),
  spec(
    map(map({ ...text, maxLength: 5, ...validations("self.contains('a')") }, { maxProperties: 10 }), {
      maxProperties: 10,
    }),
  ),
  spec(list(fieldsOf({ a: text, b: list({ type: 'integer', ...validations('self > 1', 'self < 100') }) }))),
  spec({ ...text, ...validations({ rule: 'true', messageExpression: "self.replace('a', self).replace('b', self)" }) }),
  spec(
    fieldsOf({
      a: list(text, validations('self.all(x, self.all(y, self.all(z, x == y || y == z)))')),
      b: list(text, validations('self.isSorted()')),
    }),
  ),
  spec(
    fieldsOf(
      Object.fromEntries(
        Array.from({ length: 12 }, (_, n) => [
          `f${n}`,
          list({ ...text, maxLength: 1000 }, { maxItems: 1000, ...validations("self.all(x, x.contains('abc'))") }),
        ]),
      ),
    ),
  ),
  spec(list({ type: 'string', enum: ['a', 'bbb'], ...validations("self.contains('b')") }, { maxItems: 5 })),
  spec(list({ type: 'string', format: 'date-time', ...validations('self.getFullYear() > 2000') })),
  spec(list({ type: 'string', format: 'byte', ...validations('self.size() > 2') })),
  spec(map({ type: 'integer' }, validations("self.all(k, k.startsWith('a') && self[k] > 1)"))),
  spec(
    fieldsOf(
      { q: text, l: list(text) },
      validations(
        "quantity(self.q).isLessThan(quantity('1'))",
        'self.l.all(x, isIP(x))',
        "self.l.join(',').split(',').size() > 1",
      ),
    ),
  ),
];
