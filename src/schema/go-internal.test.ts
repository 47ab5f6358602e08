import assert from 'node:assert/strict';
import { test } from 'node:test';
import { internalValue } from './go-internal.ts';
import { objectMeta, ownerReference } from './object-meta.ts';
import { s, struct, t } from './type.ts';

const inner = struct('a.v1.Inner', { uid: s.string(1).optional(), cel: s.quantity(2).optional() });
const outer = struct('a.v1.Outer', {
  metadata: s.field(1, objectMeta).optional(),
  pointer: s.boolean(2).keepsZero().optional(),
  count: s.int32(3).optional(),
  body: s.bytes(4).optional(),
  list: s.list(5, inner).optional(),
  map: s.map(6, inner).optional(),
  maybe: s.field(7, inner).optional(),
  always: s.field(8, inner),
});
const absent = { Pointer: null, Count: 0, Body: null, List: null, Map: null, Maybe: null };

test('every field of an internal type is printed, with its zero value where it is absent', () => {
  assert.deepEqual(internalValue(outer, {}), { ...absent, Always: { UID: '', CEL: '0' } });
  assert.equal(internalValue(t.list(outer), undefined), null);
});

test('fields in lists, maps and structs have the names of Go, and metadata stands among the others', () => {
  const value = { metadata: { name: 'x' }, list: [{ uid: 'a' }], map: { key: {} }, maybe: {}, always: { cel: '1' } };
  assert.deepEqual(internalValue(outer, value), {
    ...absent,
    name: 'x',
    List: [{ UID: 'a', CEL: '0' }],
    Map: { key: { UID: '', CEL: '0' } },
    Maybe: { UID: '', CEL: '0' },
    Always: { UID: '', CEL: '1' },
  });
});

test('types of meta/v1 stay as they are in JSON', () => {
  const owner = { uid: '1', kind: 'Pod', name: 'x' };
  assert.equal(
    JSON.stringify(internalValue(ownerReference, owner)),
    '{"apiVersion":"","kind":"Pod","name":"x","uid":"1"}',
  );
});
