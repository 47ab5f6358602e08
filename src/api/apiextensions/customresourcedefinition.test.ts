import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCauses, updateCauses, written } from '../written.ts';
import { CustomResourceDefinition } from './customresourcedefinition.ts';
import type { JsonSchemaProps } from '#schema/json-schema-props.ts';

const metadata = { name: 'crontabs.stable.example.com' };
const schema = { openAPIV3Schema: { type: 'object' } };
const version = { name: 'v1', served: true, storage: true, schema };
const names = { plural: 'crontabs', kind: 'CronTab' };
const spec = { group: 'stable.example.com', scope: 'Namespaced', names, versions: [version] };

const causesOf = (change: object, more: object = {}): string[] =>
  createCauses(CustomResourceDefinition, { metadata: { ...metadata, ...more }, spec: { ...spec, ...change } });

test('names follow from the kind, nothing is converted, and the version that is stored is remembered', () => {
  const crd = written(CustomResourceDefinition, { metadata, spec } as never);
  assert.deepEqual(crd.spec.names, { ...names, singular: 'crontab', listKind: 'CronTabList' });
  assert.deepEqual(crd.spec.conversion, { strategy: 'None' });
  assert.deepEqual(crd.status, { conditions: [], acceptedNames: { plural: '', kind: '' }, storedVersions: ['v1'] });
  const next = CustomResourceDefinition.hooks.prepareUpdate?.(
    {
      ...crd,
      spec: {
        ...crd.spec,
        versions: [
          { ...version, storage: false },
          { ...version, name: 'v2' },
        ],
      },
    },
    crd,
  );
  assert.deepEqual(next?.status.storedVersions, ['v1', 'v2']);
});

const label = `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`;

const definitions: readonly [string, object, readonly string[]][] = [
  ['all it needs', {}, []],
  [
    'no dot in its group',
    { group: 'stable' },
    [
      'metadata.name: Invalid value: "crontabs.stable.example.com": must be spec.names.plural+"."+spec.group',
      'spec.group: Invalid value: "stable": should be a domain with at least one dot',
    ],
  ],
  [
    'strange names',
    { names: { plural: 'crontabs', kind: 'Cron_Tab', listKind: 'Cron_Tab', shortNames: ['CT'], singular: 'c' } },
    [
      `spec.names.kind: Invalid value: "Cron_Tab": may have mixed case, but should otherwise match: ${label}`,
      `spec.names.listKind: Invalid value: "Cron_Tab": may have mixed case, but should otherwise match: ${label}`,
      `spec.names.shortNames[0]: Invalid value: "CT": ${label}`,
      'spec.names.listKind: Invalid value: "Cron_Tab": kind and listKind may not be the same',
    ],
  ],
  [
    'no schema',
    { versions: [{ ...version, schema: undefined }] },
    ['spec.versions[0].schema.openAPIV3Schema: Required value'],
  ],
  [
    'an old way to keep fields',
    { preserveUnknownFields: true },
    [
      'spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
    ],
  ],
  [
    'bad subresources, columns and fields, which are those of the only version',
    {
      versions: [
        {
          ...version,
          subresources: {
            scale: { specReplicasPath: 'spec.n', statusReplicasPath: '.spec.n', labelSelectorPath: '.x' },
          },
          additionalPrinterColumns: [{ name: '', type: 'text', jsonPath: 'spec', format: 'x' }],
          selectableFields: [{ jsonPath: '.spec.color' }, { jsonPath: '' }],
        },
      ],
    },
    [
      'spec.subresources.scale.specReplicasPath: Invalid value: "spec.n": must be a simple json path starting with .',
      'spec.subresources.scale.statusReplicasPath: Invalid value: ".spec.n": should be a json path under .status',
      'spec.subresources.scale.labelSelectorPath: Invalid value: ".x": should be a json path under either .spec or .status',
      'spec.additionalPrinterColumns[0].name: Required value',
      'spec.additionalPrinterColumns[0].type: Invalid value: "text": must be one of boolean,date,integer,number,string',
      'spec.additionalPrinterColumns[0].format: Invalid value: "x": must be one of byte,date,date-time,double,float,int32,int64,password',
      'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "spec": must be a simple json path starting with .',
      'spec.selectableFields[0].jsonPath: Invalid value: ".spec.color": is an invalid path: does not refer to a valid field',
      'spec.selectableFields[1].jsonPath: Required value',
    ],
  ],
  [
    'a webhook where none converts',
    {
      conversion: {
        strategy: 'None',
        webhook: { clientConfig: { url: 'https://a' }, conversionReviewVersions: ['v1'] },
      },
    },
    [
      'spec.conversion.webhookClientConfig: Forbidden: should not be set when strategy is not set to Webhook',
      'spec.conversion.conversionReviewVersions: Forbidden: should not be set when strategy is not set to Webhook',
    ],
  ],
  [
    'no webhook where one converts',
    { conversion: { strategy: 'Webhook' } },
    [
      'spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook',
      'spec.conversion.conversionReviewVersions: Required value',
    ],
  ],
  [
    'a warning of what is not deprecated',
    { versions: [{ ...version, deprecationWarning: 'old' }] },
    ['spec.versions[0].deprecationWarning: Invalid value: "old": can only be set for deprecated versions'],
  ],
];
for (const [what, change, causes] of definitions)
  test(`a definition with ${what}`, () => assert.deepEqual(causesOf(change), causes));

test('versions have names of their own, and one of them is stored', () => {
  const short = (texts: readonly string[]): string[] =>
    texts.map((text) => text.replace(/Invalid value: (?:\[.*\]|null): /, ''));
  assert.deepEqual(short(causesOf({ versions: [version, version] })), [
    'spec.versions: must contain unique version names',
    'spec.versions: must have exactly one version marked as storage version',
    'status.storedVersions: must have the storage version v1',
  ]);
  assert.deepEqual(short(causesOf({ versions: [{ ...version, storage: undefined, served: undefined }] })), [
    'spec.versions: must have exactly one version marked as storage version',
    'status.storedVersions: must have at least one stored version',
  ]);
});

test('an author is warned of formats that nothing checks, once', () => {
  const set = {
    type: 'array',
    'x-kubernetes-list-type': 'set',
    items: { type: 'object', 'x-kubernetes-map-type': 'atomic' },
  };
  const texts = ['date-time', 'k8s-long-name', 'int32', 'nothing'].map((format) => [
    format,
    { type: 'string', format },
  ]);
  const openAPIV3Schema = { type: 'object', properties: { ...Object.fromEntries(texts), set } };
  const crd = written(CustomResourceDefinition, {
    metadata,
    spec: { ...spec, versions: [{ ...version, schema: { openAPIV3Schema } }] },
  } as never);
  assert.deepEqual(CustomResourceDefinition.hooks.warnings?.(crd, undefined), [
    'unrecognized format "int32"',
    'unrecognized format "nothing"',
    'x-kubernetes-list-type: set for items of type "object" is not supported by server-side apply or CEL validation rules',
  ]);
  assert.deepEqual(CustomResourceDefinition.hooks.warnings?.(crd, crd), []);
});

test('groups of the community need a word of approval', () => {
  const of = (annotation?: string): string[] =>
    createCauses(CustomResourceDefinition, {
      metadata: {
        name: 'crontabs.x.k8s.io',
        ...(annotation === undefined ? {} : { annotations: { 'api-approved.kubernetes.io': annotation } }),
      },
      spec: { ...spec, group: 'x.k8s.io' },
    });
  const path = 'metadata.annotations[api-approved.kubernetes.io]';
  assert.deepEqual(of('https://github.com/kubernetes/kubernetes/pull/1'), []);
  assert.deepEqual(of('unapproved, an experiment'), []);
  assert.match(
    of()[0] ?? '',
    /^metadata\.annotations\[api-approved\.kubernetes\.io\]: Required value: protected groups/,
  );
  assert.ok(of('yes')[0]?.startsWith(`${path}: Invalid value: "yes": protected groups`));
});

test('what is served keeps its names and scope; stored versions stay until they are migrated', () => {
  const fresh = written(CustomResourceDefinition, { metadata, spec } as never);
  const old = {
    ...fresh,
    status: { ...fresh.status, conditions: [{ type: 'Established', status: 'True' as const }] },
  } as typeof fresh;
  assert.deepEqual(
    updateCauses(CustomResourceDefinition, { metadata, spec: { ...spec, scope: 'Cluster' } }, fresh),
    [],
  );
  assert.deepEqual(
    updateCauses(
      CustomResourceDefinition,
      { metadata, spec: { ...spec, scope: 'Cluster', names: { ...names, kind: 'Other' } } },
      old,
    ),
    [
      'spec.scope: Invalid value: "Cluster": field is immutable',
      'spec.names.kind: Invalid value: "Other": field is immutable',
    ],
  );
  assert.deepEqual(
    updateCauses(
      CustomResourceDefinition,
      { metadata, spec: { ...spec, versions: [{ ...version, name: 'v2' }] } },
      old,
    ),
    [
      'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions',
    ],
  );
});

const at = 'spec.validation.openAPIV3Schema';
const schemas: readonly [string, JsonSchemaProps, readonly string[]][] = [
  [
    'everything that is allowed',
    {
      type: 'object',
      properties: {
        metadata: { type: 'object', properties: { name: { type: 'string', pattern: '^a' } } },
        spec: {
          type: 'object',
          required: ['port'],
          properties: {
            port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
            names: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set', default: ['a'] },
            items: {
              type: 'array',
              items: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['name'],
            },
            pod: {
              type: 'object',
              'x-kubernetes-embedded-resource': true,
              'x-kubernetes-preserve-unknown-fields': true,
            },
            labels: { type: 'object', additionalProperties: { type: 'string' } },
            a: { type: 'string' },
            b: { type: 'string' },
          },
          oneOf: [{ required: ['a'] }, { required: ['b'], properties: { b: { pattern: 'x' } } }],
          'x-kubernetes-validations': [{ rule: 'has(self.a)', fieldPath: '.items[0].name' }],
        },
      },
    },
    [],
  ],
  ['no type', {}, [`${at}.type: Required value: must not be empty at the root`]],
  [
    'no types inside',
    { type: 'object', properties: { a: {}, b: { type: 'array' }, c: { type: 'array', items: {} } } },
    [
      `${at}.properties[a].type: Required value: must not be empty for specified object fields`,
      `${at}.properties[b].items: Required value: must be specified`,
      `${at}.properties[c].items.type: Required value: must not be empty for specified array items`,
    ],
  ],
  [
    'types where only restrictions may stand',
    {
      type: 'object',
      properties: { a: { type: 'string' } },
      anyOf: [{ type: 'object', properties: { a: { default: 'x' }, z: {} } }],
    },
    [
      `${at}.anyOf[0].properties[a].default: Forbidden: must be undefined to be structural`,
      `${at}.anyOf[0].type: Forbidden: must be empty to be structural`,
      `${at}.properties[z]: Required value: because it is defined in ${at}.anyOf[0].properties[z]`,
    ],
  ],
  [
    'too much about metadata',
    {
      type: 'object',
      properties: {
        metadata: { type: 'object', properties: { labels: { type: 'object' } } },
        kind: { type: 'integer' },
      },
    },
    [
      `${at}.properties[kind].type: Invalid value: "integer": must be string`,
      `${at}.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified`,
    ],
  ],
  [
    'what is not supported',
    {
      type: 'object',
      properties: {
        a: { type: 'string', $ref: '#/x', id: 'y' },
        b: { type: 'text' },
        c: { type: 'array', items: { type: 'string' }, uniqueItems: true },
        d: { type: 'object', properties: { x: { type: 'string' } }, additionalProperties: { type: 'string' } },
        e: { type: 'object', 'x-kubernetes-preserve-unknown-fields': false },
      },
    },
    [
      `${at}.properties[a].id: Forbidden: id is not supported`,
      `${at}.properties[a].$ref: Forbidden: $ref is not supported`,
      `${at}.properties[b].type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"`,
      `${at}.properties[c].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic`,
      `${at}.properties[d].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`,
      `${at}.properties[e].x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined`,
    ],
  ],
  [
    'lists of no type',
    {
      type: 'object',
      properties: {
        a: { type: 'string', 'x-kubernetes-list-type': 'set' },
        b: { type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'set' },
        c: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'map' },
        d: {
          type: 'array',
          items: { type: 'object', properties: { k: { type: 'string', nullable: true } } },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k', 'k', 'z'],
        },
        e: { type: 'object', 'x-kubernetes-map-type': 'some' },
      },
    },
    [
      `${at}.properties[a].type: Invalid value: "string": must be array if x-kubernetes-list-type is specified`,
      `${at}.properties[b].items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set`,
      `${at}.properties[c].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map`,
      `${at}.properties[c].items.type: Invalid value: "string": must be object if parent array's x-kubernetes-list-type is map`,
      `${at}.properties[d].x-kubernetes-list-map-keys: Invalid value: ["k","k","z"]: must not contain duplicate entries`,
      `${at}.properties[d].x-kubernetes-list-map-keys: Invalid value: ["k","k","z"]: entries must all be names of item properties`,
      `${at}.properties[d].items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`,
      `${at}.properties[d].items.properties[k].nullable: Forbidden: this property is in x-kubernetes-list-map-keys, so it cannot be nullable`,
      `${at}.properties[e].x-kubernetes-map-type: Unsupported value: "some": supported values: "atomic", "granular"`,
    ],
  ],
  [
    'defaults that do not fit',
    {
      type: 'object',
      properties: {
        a: { type: 'integer', default: 'x' },
        b: { type: 'object', default: { x: 1, y: 2 }, properties: { x: { type: 'string' } } },
        apiVersion: { type: 'string', default: 'v1' },
      },
    },
    [
      `${at}.properties[a].default: Invalid value: "string":  in body must be of type integer: "string"`,
      `${at}.properties[b].default: Invalid value: {"x":1,"y":2}: must not have unknown fields`,
      `${at}.properties[b].default.x: Invalid value: "integer": x in body must be of type string: "integer"`,
      `${at}.properties[apiVersion].default: Forbidden: must not be set in top-level apiVersion`,
    ],
  ],
  [
    'a default that is no object of its own',
    { type: 'object', default: { a: 1 } },
    [
      `${at}.default: Invalid value: {"a":1}: must not have unknown fields`,
      `${at}.default.apiVersion: Required value`,
      `${at}.default.kind: Required value`,
    ],
  ],
  [
    'a dialect deep inside',
    { type: 'object', properties: { a: { type: 'string', $schema: 'x' } } },
    [`${at}: Invalid value: "": OpenAPIV3Schema 'schema' is not supported`],
  ],
  [
    'rules that say nothing',
    {
      type: 'object',
      'x-kubernetes-validations': [
        { rule: ' ' },
        { rule: 'a\nb', reason: 'Other' },
        { rule: 'true', message: ' ', messageExpression: ' ', fieldPath: '.x' },
      ],
    },
    [
      `${at}.x-kubernetes-validations[0].rule: Required value: rule is not specified`,
      `${at}.x-kubernetes-validations[1].message: Required value: message must be specified if rule contains line breaks`,
      `${at}.x-kubernetes-validations[1].reason: Unsupported value: "Other": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"`,
      `${at}.x-kubernetes-validations[2].message: Invalid value: " ": must be non-empty if specified`,
      `${at}.x-kubernetes-validations[2].messageExpression: Required value: messageExpression must be non-empty if specified`,
      `${at}.x-kubernetes-validations[2].fieldPath: Invalid value: ".x": must be a valid path`,
    ],
  ],
  [
    'a pattern that Go does not know',
    {
      type: 'object',
      properties: { a: { type: 'string', pattern: '(?=x)' }, b: { type: 'string', pattern: '^(?i)[[:alpha:]]+$' } },
    },
    [
      `${at}.properties[a].pattern: Invalid value: "(?=x)": must be a valid regular expression, but isn't: error parsing regexp: invalid or unsupported Perl syntax: \`(?=\``,
    ],
  ],
];
for (const [what, openAPIV3Schema, causes] of schemas)
  test(`a schema with ${what}`, () =>
    assert.deepEqual(causesOf({ versions: [{ ...version, schema: { openAPIV3Schema } }] }), causes));

test('with a status subresource the root says little', () => {
  const of = (openAPIV3Schema: JsonSchemaProps): string[] =>
    causesOf({ versions: [{ ...version, subresources: { status: {} }, schema: { openAPIV3Schema } }] });
  assert.deepEqual(of({ type: 'object', required: ['spec'] }), []);
  assert.match(
    of({ type: 'object', not: { required: ['x'] } }).join('\n'),
    /^spec\.validation\.openAPIV3Schema: Invalid value: \{.*\}: only \[Description Type .* XValidations\] fields are allowed at the root/,
  );
});

test('schemas that differ are named by their version', () => {
  const other = { ...version, name: 'v2', storage: false, schema: { openAPIV3Schema: { properties: {} } } };
  assert.deepEqual(causesOf({ versions: [version, other] }), [
    'spec.versions[1].schema.openAPIV3Schema.type: Required value: must not be empty at the root',
  ]);
});
