/** Every built-in kind, exported as a CustomResourceDefinition and read back, behaves as the built-in one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AnyObject } from '#meta/object-meta.ts';
import { crdOf } from '#schema/crd-of.ts';
import { decode } from '#schema/decode.ts';
import { applyDefaults } from '#schema/default.ts';
import type { Crd, JsonSchemaProps } from '#schema/json-schema-props.ts';
import type { Kind } from '#schema/kind.ts';
import { kindOfCrd } from '#schema/kind-of-crd.ts';
import { applyFields, trackUpdate } from '#schema/managed-fields.ts';
import { openApiV2 } from '#schema/openapi-v2.ts';
import { openApiV3 } from '#schema/openapi-v3.ts';
import { arbitraryOf } from '#schema/random-object.ts';
import { tableOf } from '#schema/table.ts';
import type { AnyTypeData, FieldData } from '#schema/type.ts';
import { validate } from '#schema/validate.ts';
import { CustomResourceDefinition } from './apiextensions/customresourcedefinition.ts';
import { Deployment } from './apps/deployment.ts';
import { allKinds, type AnyKind } from './kinds.ts';
import { createCauses } from './written.ts';

const stored = allKinds.filter(({ verbs }) => verbs.includes('list'));
const lenient = { strict: 'Ignore' } as const;

const exported = (kind: AnyKind): Kind => kindOfCrd(crdOf(kind), kind.version) ?? assert.fail(kind.kind);

/** The value with a field that nobody declared in every struct; maps and undeclared JSON keep to themselves. */
function withUnknown(type: AnyTypeData, value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  const record = value as Record<string, unknown>;
  switch (type.is) {
    case 'list':
      return (value as unknown[]).map((item) => withUnknown(type.items, item));
    case 'map':
      return Object.fromEntries(Object.entries(record).map(([key, inner]) => [key, withUnknown(type.values, inner)]));
    case 'struct':
      return {
        ...Object.fromEntries(
          Object.entries(record).map(([key, inner]) => {
            const field = type.fields[key];
            return [key, field === undefined ? inner : withUnknown(field.type, inner)];
          }),
        ),
        zzUnknown: { nested: [1] },
      };
    default:
      return value;
  }
}

type Drops = (field: FieldData | undefined, value: unknown, other: unknown) => boolean;

/** The value without the fields that `drops` is for, beside which `other` stands. */
function without(type: AnyTypeData, [value, other]: readonly [unknown, unknown], drops: Drops): unknown {
  if (value === null || typeof value !== 'object' || other === null || typeof other !== 'object') return value;
  const [record, beside] = [value as Record<string, unknown>, other as Record<string, unknown>];
  const entries = (of: (key: string) => AnyTypeData | undefined): unknown =>
    Object.fromEntries(
      Object.entries(record).map(([key, inner]) => {
        const innerType = of(key);
        return [key, innerType === undefined ? inner : without(innerType, [inner, beside[key]], drops)];
      }),
    );
  switch (type.is) {
    case 'list':
      return (value as unknown[]).map((item, index) => without(type.items, [item, (other as unknown[])[index]], drops));
    case 'map':
      return entries(() => type.values);
    case 'either':
      return Array.isArray(value) ? value : without(type.struct, [value, other], drops);
    case 'struct': {
      const kept = Object.entries(entries((key) => type.fields[key]?.type) as object).filter(
        ([key]) => !drops(type.fields[key], record[key], beside[key]),
      );
      return Object.fromEntries(kept);
    }
    default:
      return value;
  }
}

/** A zero stands for what is missing although it must be there: a definition refuses such an object instead. */
const isZero: Drops = (field, value, other) =>
  other === undefined && !value && field?.presence === 'required' && field.default === undefined;

/** A definition stores all its defaults. */
const isOmitted: Drops = (field, value) => field?.omitsDefault === true && value === field.default;

/** Go's objects have their structs from the start, so that nobody owns a struct itself; users' kinds have not. Without empty structs no more than that differs. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (value === null || typeof value !== 'object') return value;
  const kept = Object.entries(value)
    .map(([key, inner]) => [key, withoutEmpty(inner)] as const)
    .filter(([, inner]) => !(typeof inner === 'object' && inner !== null && Object.keys(inner).length === 0));
  return Object.fromEntries(kept);
}

/** Managers with their fields, structs themselves and items aside. */
function ownersOf(object: unknown): unknown {
  const { managedFields = [] } = (object as AnyObject).metadata;
  const bare = (fields: unknown): unknown =>
    Object.fromEntries(
      Object.entries(fields as object)
        .filter(([step]) => step !== '.')
        .map(([step, inner]) => [step, bare(inner)]),
    );
  return managedFields.map(({ fieldsV1, ...entry }) => ({ ...entry, fields: bare(fieldsV1 ?? {}) }));
}

/** Schemas that contain themselves end in anything: what is in there is not compared. */
const isRecursive = (kind: AnyKind): boolean => kind === CustomResourceDefinition;

for (const kind of stored) {
  test(`${kind.kind} of ${kind.group || 'core'} prunes, fills in and owns fields as its exported definition does`, () => {
    const other = exported(kind);
    fc.assert(
      fc.property(arbitraryOf(kind.schema), (drawn) => {
        // Go leaves zero values out and spells times and quantities in one way; a definition cannot say so.
        const { object } = decode<object>(kind, drawn, lenient);
        assert.deepEqual(decode(other, object, lenient).object, object);
        if (!isRecursive(kind))
          assert.deepEqual(decode(other, withUnknown(kind.schema, object), lenient).object, object);
        const full = applyDefaults(kind.schema, object);
        const theirs = applyDefaults(other.schema, object);
        assert.deepEqual(without(kind.schema, [theirs, full], isOmitted), without(kind.schema, [full, theirs], isZero));
        if (isRecursive(kind)) return;
        const tracking = { manager: 'm', time: '2026-01-01T00:00:00Z', apiVersion: 'v1' };
        const updated = withoutEmpty(full) as object;
        const tracked = trackUpdate({ ...tracking, kind, live: undefined, updated });
        const exportTracked = trackUpdate({ ...tracking, kind: other, live: undefined, updated });
        assert.deepEqual(ownersOf(exportTracked), ownersOf(tracked));
        const applied = { ...(withoutEmpty(object) as object), metadata: { labels: { a: 'b' } } };
        const request = { ...tracking, manager: 'n', live: tracked, applied, force: true };
        assert.deepEqual(applyFields({ ...request, kind: other }), applyFields({ ...request, kind }));
      }),
      { numRuns: 15 },
    );
  });
}

/** Keys of lists that upstream leaves optional; a definition must require them or have a default. */
const optionalKeys: Readonly<Record<string, string>> = {
  FlowSchema: 'properties[status].properties[conditions].items.properties[type]',
  PriorityLevelConfiguration: 'properties[status].properties[conditions].items.properties[type]',
  ResourceClaim: 'properties[status].properties[devices].items.properties[shareID]',
  ServiceAccount: 'properties[secrets].items.properties[name]',
};

test('exported definitions are valid, but for groups without a dot and four optional keys of lists', () => {
  for (const kind of stored) {
    const crd = crdOf({ ...kind, group: 'export.example.com' });
    const path = optionalKeys[kind.kind];
    const why = 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
    const expected =
      path === undefined ? [] : [`spec.validation.openAPIV3Schema.${path}.default: Required value: ${why}`];
    assert.deepEqual(createCauses(CustomResourceDefinition, crd), expected, kind.kind);
  }
});

const schema: JsonSchemaProps = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      required: ['image'],
      properties: {
        image: { type: 'string' },
        replicas: { type: 'integer', default: 1 },
        note: { type: 'string', nullable: true, default: 'x' },
        other: { type: 'string', default: 'x' },
        tags: { type: 'array', items: { type: 'string', nullable: true } },
        size: { 'x-kubernetes-int-or-string': true },
        extra: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: { type: 'string' } } },
        pod: {
          type: 'object',
          'x-kubernetes-embedded-resource': true,
          properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
      },
    },
  },
};
const crd: Crd = {
  metadata: { name: 'webs.example.com' },
  spec: {
    group: 'example.com',
    names: { plural: 'webs', kind: 'Web', shortNames: ['w'] },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: schema },
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
        },
        additionalPrinterColumns: [
          { name: 'Image', type: 'string', jsonPath: '.spec.image' },
          { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas', priority: 1 },
          { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
          { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
        ],
        selectableFields: [{ jsonPath: '.spec.image' }],
      },
    ],
  },
};
const web = kindOfCrd(crd, 'v1') ?? assert.fail();

test('values of a user’s kind are what stands in JSON', () => {
  const object = {
    metadata: { name: 'a' },
    spec: { image: '', replicas: 0, note: null, other: null, tags: [null, ''], size: 2 ** 40, zz: 1 },
  };
  const { object: decoded, warnings } = decode<{ spec: object }>(web, object, { strict: 'Warn' });
  assert.deepEqual(decoded.spec, { image: '', replicas: 0, note: null, tags: [null, ''], size: 2 ** 40 });
  assert.deepEqual(warnings, ['unknown field "spec.zz"']);
  assert.deepEqual(applyDefaults(web.schema, decoded).spec, { ...decoded.spec, other: 'x' });
  assert.deepEqual(validate(web, decoded), []);
  assert.deepEqual(
    validate(web, { spec: {} }).map(({ field, message }) => `${field}: ${message}`),
    ['spec.image: Required value'],
  );
  assert.deepEqual(
    validate(web, {}).map(({ field, message }) => `${field}: ${message}`),
    ['spec: Required value'],
  );
});

test('undeclared fields stay where the schema wants them, whatever they are called', () => {
  const text =
    '{"spec":{"image":"x","note":null,"extra":{"a":"b","__proto__":{"x":1},"deep":{"y":[1]}},"pod":{"kind":"Pod","metadata":{"name":"p","zz":1},"spec":{"q":1},"zz":1}}}';
  const { object } = decode<{ spec: { extra: object; pod: object } }>(web, JSON.parse(text), lenient);
  assert.equal(JSON.stringify(object.spec.extra), '{"a":"b","__proto__":{"x":1},"deep":{"y":[1]}}');
  assert.deepEqual(object.spec.pod, { kind: 'Pod', metadata: { name: 'p' }, spec: { q: 1 } });
  assert.equal(({} as { x?: unknown }).x, undefined);
});

test('apply owns undeclared objects field by field', () => {
  const { object } = applyFields({
    kind: web,
    live: undefined,
    applied: { metadata: { name: 'a' }, spec: { image: 'x', extra: { deep: { y: [1], z: 2 } } } },
    manager: 'm',
    force: false,
    time: '2026-01-01T00:00:00Z',
    apiVersion: 'example.com/v1',
  });
  assert.deepEqual((object as AnyObject).metadata.managedFields?.[0]?.fieldsV1, {
    'f:spec': { 'f:extra': { 'f:deep': { 'f:y': {}, 'f:z': {} } }, 'f:image': {} },
  });
});

test('columns, fields and subresources are those of the version', () => {
  const object = {
    metadata: { name: 'a', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { image: 'x', replicas: 2, size: 'big' },
  } as unknown as AnyObject;
  const table = tableOf(web, [object], { now: Date.UTC(2026, 0, 1, 0, 5), includeObject: 'None' });
  assert.deepEqual(
    table.columnDefinitions.map(({ name, priority }) => `${name} ${priority}`),
    ['Name 0', 'Image 0', 'Replicas 1', 'Size 0', 'Age 0'],
  );
  assert.deepEqual(table.rows[0]?.cells, ['a', 'x', 2, null, '5m']);
  assert.equal(web.selectable['spec.image']?.(object), 'x');
  assert.deepEqual(web.subresources, {
    status: true,
    scale: { replicas: '.spec.replicas', statusReplicas: '.status.replicas', selector: '' },
  });
  assert.equal(web.storagePrefix, 'example.com/webs');
  assert.equal(kindOfCrd(crd, 'v2'), undefined);
});

test('a user’s kind is described beside the built-in ones', () => {
  const { definitions } = openApiV2([Deployment, web]);
  assert.ok(Object.hasOwn(definitions, 'com.example.v1.Web'));
  const { components } = openApiV3([web]) as { components: { schemas: Record<string, { properties?: object }> } };
  assert.deepEqual(Object.keys(components.schemas['com.example.v1.Web.spec']?.properties ?? {}), [
    'image',
    'replicas',
    'note',
    'other',
    'tags',
    'size',
    'extra',
    'pod',
  ]);
});
