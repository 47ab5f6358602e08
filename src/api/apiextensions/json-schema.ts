/**
 * JSONSchemaProps: the schema of a custom resource, in the dialect of OpenAPI 3.0 with Kubernetes' extensions. It contains itself, so its type is stated beside
 * its declaration. What a schema may hold is decided by `schema-validation.ts` and `structural-validation.ts`, what it means by `#schema/kind-of-crd.ts`.
 */
import type { JsonSchemaProps } from '#schema/json-schema-props.ts';
import { recursiveStruct, s, struct, t, type Of } from '#schema/type.ts';

export const validationRule = struct(
  'apiextensions.v1.ValidationRule',
  {
    rule: s
      .string(1)
      .ruled()
      .doc(
        'A CEL expression that is true for valid values. `self` is the value where the rule stands, `oldSelf` what it was before an update.',
      ),
    message: s.string(2).optional().doc('Said when the rule does not hold; needed when the rule has several lines.'),
    messageExpression: s
      .string(3)
      .optional()
      .doc(
        'A CEL expression that makes the message; it goes before message, which stands in when it fails or is empty.',
      ),
    reason: s
      .string(4)
      .keepsZero()
      .optional()
      .doc(
        'The reason of the cause: FieldValueInvalid (when absent), FieldValueForbidden, FieldValueRequired or FieldValueDuplicate.',
      ),
    fieldPath: s
      .string(5)
      .optional()
      .doc('The field that the cause names, relative to where the rule stands: .spec.replicas.'),
    optionalOldSelf: s
      .boolean(6)
      .keepsZero()
      .optional()
      .doc('When true, a rule with oldSelf is evaluated on creation too: oldSelf is then an optional value.'),
  },
  { doc: 'A rule in CEL.' },
);
export interface ValidationRule extends Of<typeof validationRule> {}

const externalDocumentation = struct(
  'apiextensions.v1.ExternalDocumentation',
  {
    description: s.string(1).optional().doc('What is found there.'),
    url: s.string(2).optional().doc('Where it is.'),
  },
  { doc: 'Documentation elsewhere.' },
);

const json = t.json('apiextensions.v1.JSON');

export const jsonSchemaProps = recursiveStruct<JsonSchemaProps>(
  'apiextensions.v1.JSONSchemaProps',
  (self) => {
    const orBool = t.either('apiextensions.v1.JSONSchemaPropsOrBool', self, t.boolean, {
      doc: 'A schema, or true for anything and false for nothing.',
      tags: { other: 1, struct: 2 },
    });
    const orArray = t.either('apiextensions.v1.JSONSchemaPropsOrArray', self, t.list(self), {
      doc: 'A schema for all items, or one for each.',
      tags: { struct: 1, other: 2 },
    });
    const orStrings = t.either('apiextensions.v1.JSONSchemaPropsOrStringArray', self, t.list(t.string), {
      doc: 'A schema, or names of properties.',
      tags: { struct: 1, other: 2 },
    });
    return {
      id: s.string(1).optional().doc('Not supported.'),
      $schema: s.string(2).optional().doc('The dialect of the schema; it has no effect.'),
      $ref: s.string(3).keepsZero().optional().doc('Not supported.'),
      description: s.string(4).optional().doc('What the value is, for people: kubectl explain shows it.'),
      type: s.string(5).optional().doc('array, boolean, integer, number, object or string.'),
      format: s
        .string(6)
        .optional()
        .doc(
          'What a string holds, where known: date-time, date, duration, byte, uuid, ipv4, ipv6, cidr, uri, email, hostname and others. Unknown formats are ignored.',
        ),
      title: s.string(7).optional().doc('A title, for people.'),
      default: s
        .field(8, json)
        .optional()
        .doc('Filled in where the value is absent, when objects are written and read.'),
      maximum: s.number(9).keepsZero().optional().doc('The greatest number.'),
      exclusiveMaximum: s.boolean(10).optional().doc('When true, maximum itself is too great.'),
      minimum: s.number(11).keepsZero().optional().doc('The smallest number.'),
      exclusiveMinimum: s.boolean(12).optional().doc('When true, minimum itself is too small.'),
      maxLength: s.int64(13).keepsZero().optional().doc('The greatest length of a string.'),
      minLength: s.int64(14).keepsZero().optional().doc('The smallest length of a string.'),
      pattern: s.string(15).optional().doc('A regular expression that a string must contain.'),
      maxItems: s.int64(16).keepsZero().optional().doc('The greatest number of items.'),
      minItems: s.int64(17).keepsZero().optional().doc('The smallest number of items.'),
      uniqueItems: s.boolean(18).optional().doc('Must not be true: use x-kubernetes-list-type set.'),
      multipleOf: s.number(19).keepsZero().optional().doc('Numbers must be a multiple of it.'),
      enum: s.list(20, json).optional().doc('The only values that are allowed.'),
      maxProperties: s.int64(21).keepsZero().optional().doc('The greatest number of properties.'),
      minProperties: s.int64(22).keepsZero().optional().doc('The smallest number of properties.'),
      required: s.list(23, t.string).optional().doc('Properties that must be there.'),
      items: s.field(24, orArray).optional().doc('The schema of items.'),
      allOf: s.list(25, self).optional().doc('All must hold; they may only restrict values.'),
      oneOf: s.list(26, self).optional().doc('Exactly one must hold; they may only restrict values.'),
      anyOf: s.list(27, self).optional().doc('At least one must hold; they may only restrict values.'),
      not: s.field(28, self).optional().doc('Must not hold; it may only restrict values.'),
      properties: s.map(29, self).optional().doc('Fields of an object, by name.'),
      additionalProperties: s
        .field(30, orBool)
        .optional()
        .doc('The schema of the values of a map, or true for any. Not together with properties.'),
      patternProperties: s.map(31, self).optional().doc('Not supported.'),
      dependencies: s.map(32, orStrings).optional().doc('Not supported.'),
      additionalItems: s.field(33, orBool).optional().doc('Not supported.'),
      definitions: s.map(34, self).optional().doc('Not supported.'),
      externalDocs: s.field(35, externalDocumentation).optional().doc('Documentation elsewhere.'),
      example: s.field(36, json).optional().doc('An example, for people.'),
      nullable: s
        .boolean(37)
        .optional()
        .doc('Whether null is a value. Where it is none, nulls are taken out before defaults are filled in.'),
      'x-kubernetes-preserve-unknown-fields': s
        .boolean(38)
        .keepsZero()
        .optional()
        .doc('True: fields that the schema does not name are kept. Otherwise they are dropped.'),
      'x-kubernetes-embedded-resource': s
        .boolean(39)
        .optional()
        .doc('The value is a Kubernetes object of its own: apiVersion, kind and metadata are understood.'),
      'x-kubernetes-int-or-string': s
        .boolean(40)
        .optional()
        .doc('The value is a whole number or a string; type is then left out.'),
      'x-kubernetes-list-map-keys': s
        .list(41, t.string)
        .optional()
        .doc('For lists of type map: properties that together tell items apart. They are required or have a default.'),
      'x-kubernetes-list-type': s
        .string(42)
        .keepsZero()
        .optional()
        .doc('How apply owns a list: atomic (when absent) as a whole, set by value, map by keys.'),
      'x-kubernetes-map-type': s
        .string(43)
        .keepsZero()
        .optional()
        .doc('How apply owns an object: granular (when absent) field by field, atomic as a whole.'),
      'x-kubernetes-validations': s
        .list(44, validationRule, {
          list: 'map',
          keys: ['rule'],
          patch: { strategy: 'merge', mergeKey: 'rule' },
          duplicates: 'allowed',
        })
        .optional()
        .doc('Rules in CEL.'),
    };
  },
  { doc: 'A schema, as JSON Schema and OpenAPI 3.0 have it, with extensions of Kubernetes.' },
);
