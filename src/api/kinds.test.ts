import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AnyTypeData, StructType } from '#schema/type.ts';
import { allKinds, kindByPlural, kindOf, subresourceKinds, type AnyKind } from './kinds.ts';
import { createCauses, row, updateCauses, written } from './written.ts';

test('every kind is found by its name and, when it is served, by its plural', () => {
  for (const kind of [...allKinds, ...subresourceKinds])
    assert.equal(kindOf(kind.group, kind.version, kind.kind), kind);
  for (const kind of allKinds) assert.equal(kindByPlural(kind.group, kind.version, kind.plural), kind);
  for (const kind of subresourceKinds) assert.equal(kindByPlural(kind.group, kind.version, kind.plural), undefined);
  assert.equal(kindOf('', 'v1', 'Nothing'), undefined);
});

test('keys in the store are those of upstream', () => {
  const prefixes = Object.fromEntries(
    allKinds
      .filter(({ verbs }) => verbs.includes('list'))
      .map((kind) => [`${kind.plural}.${kind.group}`, kind.storagePrefix]),
  );
  assert.equal(prefixes['services.'], 'services/specs');
  assert.equal(prefixes['endpoints.'], 'services/endpoints');
  assert.equal(prefixes['nodes.'], 'minions');
  assert.equal(prefixes['pods.'], 'pods');
  assert.equal(prefixes['events.events.k8s.io'], 'events');
  assert.equal(prefixes['endpointslices.discovery.k8s.io'], 'endpointslices');
});

function structsOf(type: AnyTypeData, found = new Map<string, StructType>()): Map<string, StructType> {
  if (type.is === 'list') structsOf(type.items, found);
  else if (type.is === 'map') structsOf(type.values, found);
  else if (type.is === 'either') structsOf(type.struct, found);
  else if (type.is === 'struct' && !found.has(type.name)) {
    found.set(type.name, type);
    for (const field of Object.values(type.fields)) structsOf(field.type, found);
  }
  return found;
}

test('every kind, struct and field says what it is', () => {
  for (const kind of [...allKinds, ...subresourceKinds]) {
    for (const struct of structsOf(kind.schema).values()) {
      for (const [name, field] of Object.entries(struct.fields))
        assert.notEqual(field.doc, '', `${struct.name}.${name}`);
      if (struct.name !== 'core.v1.EphemeralContainerCommon') assert.notEqual(struct.doc, '', struct.name);
    }
  }
});

test('protobuf tags are unique in a struct', () => {
  for (const kind of allKinds) {
    for (const struct of structsOf(kind.schema).values()) {
      const tags = Object.entries(struct.fields)
        .filter(([, { tag }]) => tag > 0)
        .map(([, { tag, via = [] }]) => [...via, tag].join('.'));
      assert.equal(new Set(tags).size, tags.length, struct.name);
    }
  }
});

/** Values of a declared type: right in type, anything else may be wrong. */
function arbitrary(type: AnyTypeData, depth: number): fc.Arbitrary<unknown> {
  switch (type.is) {
    case 'string':
      return fc.oneof(
        fc.constantFrom('', 'a', 'Bad Name', '../x', '/abs', '10.0.0.1', '300.1.1.1', '5%', ...(type.values ?? [])),
        fc.string({ maxLength: 8 }),
      );
    case 'integer':
    case 'number':
      return fc.constantFrom(-1, 0, 1, 2, 80, 70_000, 2 ** 31 - 1);
    case 'boolean':
      return fc.boolean();
    case 'intOrString':
      return fc.constantFrom(0, 1, '25%', 'http', 'no percent', -1);
    case 'quantity':
      return fc.constantFrom('0', '1', '100m', '-1', '1Gi', '1.5');
    case 'any':
      return fc.jsonValue({ maxDepth: 1 });
    case 'map':
      return fc.dictionary(
        fc.constantFrom('a', 'cpu', 'example.com/x', 'Bad Key', 'hugepages-2Mi'),
        arbitrary(type.values, depth),
        { maxKeys: 2 },
      );
    case 'list':
      return depth <= 0 ? fc.constant([]) : fc.array(arbitrary(type.items, depth - 1), { maxLength: 2 });
    case 'either':
      return fc.oneof(arbitrary(type.other, depth), arbitrary(type.struct, depth - 1));
    case 'struct': {
      if (depth <= 0) return fc.constant({});
      const fields: Record<string, fc.Arbitrary<unknown>> = {};
      for (const [name, field] of Object.entries(type.fields)) fields[name] = arbitrary(field.type, depth - 1);
      return fc.record(fields, { requiredKeys: [] });
    }
    default:
      return type satisfies never;
  }
}

function draftOf(kind: AnyKind): fc.Arbitrary<Record<string, unknown>> {
  const { apiVersion: _1, kind: _2, metadata: _3, ...body } = kind.schema.fields;
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const [name, field] of Object.entries(body)) fields[name] = arbitrary(field.type, 7);
  return fc.record(fields, { requiredKeys: [] }).map((rest) => ({ metadata: { name: 'web' }, ...rest }));
}

test('no object of right types makes a default, a rule or a column throw, and complete objects fill to themselves', () => {
  for (const kind of [...allKinds, ...subresourceKinds]) {
    fc.assert(
      fc.property(draftOf(kind), draftOf(kind), (draft, other) => {
        const before = written(kind, other as never);
        createCauses(kind, draft);
        updateCauses(kind, draft, before);
        kind.hooks.validateStatus?.(written(kind, draft as never), before);
        for (const subresource of ['resize', 'ephemeralcontainers'])
          kind.hooks.validateSubresource?.(written(kind, draft as never), before, subresource);
        const causes = createCauses(kind, draft);
        if (causes.length > 0) return;
        const object = written(kind, draft as never);
        row(kind, object);
        kind.hooks.warnings?.(object, undefined);
        for (const select of Object.values(kind.selectable)) assert.equal(typeof select(object), 'string');
        const { metadata, ...rest } = object as { metadata: object };
        assert.deepEqual(written(kind, { ...rest, metadata } as never), object);
      }),
      { numRuns: 60, seed: 7 },
    );
  }
});
