/**
 * The laws of server-side apply, for every kind: after two managers have applied their configurations, the object is what both say, each owns what it said, and what one
 * gives up goes unless the other wants it. Stated over leaves, which this test finds by its own reading of the declarations (lists by key, sets by value, atomic values
 * as one). https://kubernetes.io/docs/reference/using-api/server-side-apply/
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AnyObject, ManagedFieldsEntry } from '#meta/object-meta.ts';
import { decode } from '#schema/decode.ts';
import { applyFields, trackUpdate, type Conflict } from '#schema/managed-fields.ts';
import { arbitraryOf } from '#schema/random-object.ts';
import type { AnyTypeData } from '#schema/type.ts';
import { allKinds, type AnyKind } from './kinds.ts';

type Json = Record<string, unknown>;
type Leaves = ReadonlyMap<string, string>;

const stored = allKinds.filter(({ verbs }) => verbs.includes('patch'));
const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The path of every leaf, as managedFields write its steps, with its value as text. */
function leavesOf(type: AnyTypeData | undefined, value: unknown, path = '', out = new Map<string, string>()): Leaves {
  const isWhole = (type?.is === 'struct' || type?.is === 'map') && type.atomic === true;
  if (isRecord(value) && !isWhole && Object.keys(value).length > 0) {
    for (const [key, inner] of Object.entries(value)) {
      const field = type?.is === 'struct' ? type.fields[key]?.type : type?.is === 'map' ? type.values : undefined;
      leavesOf(type?.is === 'either' ? undefined : field, inner, `${path}/f:${key}`, out);
    }
  } else if (Array.isArray(value) && type?.is === 'list' && type.list === 'set') {
    for (const item of value) out.set(`${path}/v:${JSON.stringify(item)}`, '');
  } else if (Array.isArray(value) && type?.is === 'list' && type.list === 'map') {
    for (const item of value as Json[]) {
      const key = Object.fromEntries((type.keys ?? []).toSorted().map((name) => [name, item[name]]));
      leavesOf(type.items, item, `${path}/k:${JSON.stringify(key)}`, out);
    }
  } else out.set(path, JSON.stringify(value));
  return out;
}

/** Paths that an entry of managedFields owns, containers aside. */
function ownedBy(object: object, manager: string): ReadonlySet<string> {
  const { managedFields = [] } = (object as AnyObject).metadata;
  const entry = managedFields.find((one: ManagedFieldsEntry) => one.manager === manager);
  const paths = new Set<string>();
  const walk = (fields: Json, path: string): void => {
    const steps = Object.entries(fields).filter(([step]) => step !== '.');
    if (steps.length === 0 && path !== '') paths.add(path);
    for (const [step, inner] of steps) walk(inner as Json, `${path}/${step}`);
  };
  if (entry) walk(entry.fieldsV1 as Json, '');
  return paths;
}

/** Configurations: what clients may say, with the metadata that they own. */
function configurationsOf(kind: AnyKind): fc.Arbitrary<Json> {
  return arbitraryOf(kind.schema).map((drawn) => {
    const { object } = decode<Json>(kind, drawn, { strict: 'Strict', keepZeros: true });
    const { metadata = {}, ...rest } = object as { metadata?: Json };
    const { labels, annotations, finalizers } = metadata;
    const owned = Object.entries({ labels, annotations, finalizers }).filter(([, value]) => value !== undefined);
    return JSON.parse(JSON.stringify({ metadata: Object.fromEntries(owned), ...rest })) as Json;
  });
}

/** Without containers that hold nothing: they are nobody's. */
function filled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(filled);
  if (!isRecord(value)) return value;
  const kept = Object.entries(value).map(([key, inner]): [string, unknown] => [key, filled(inner)]);
  return Object.fromEntries(
    kept.filter(([, inner]) => !(typeof inner === 'object' && inner !== null && Object.keys(inner).length === 0)),
  );
}

const bare = (object: object): Json => {
  const { managedFields: _m, ...metadata } = (object as { metadata: Json }).metadata;
  return filled({ ...object, metadata }) as Json;
};

interface Applied {
  readonly object: object;
  readonly conflicts: readonly Conflict[];
}

const apply = (
  kind: AnyKind,
  live: object | undefined,
  { applied, manager, force = true }: { applied: Json; manager: string; force?: boolean },
): Applied =>
  applyFields({
    kind,
    live,
    applied,
    manager,
    force,
    time: '2026-01-01T00:00:00Z',
    apiVersion: 'v1',
    ignore: [],
  });

const sorted = (paths: Iterable<string>): string[] => [...paths].sort();
const leavesIn = (kind: AnyKind, object: object): Leaves => leavesOf(kind.schema, bare(object));

/** Two configurations that meet in some places and differ in others. */
const pairs = (kind: AnyKind): fc.Arbitrary<[Json, Json]> => {
  const one = configurationsOf(kind);
  return fc.tuple(one, one, fc.boolean()).map(([x, y, near]): [Json, Json] => {
    const first = filled({ metadata: {}, ...x }) as Json;
    if (!near)
      return [
        { metadata: {}, ...first },
        { metadata: {}, ...(filled(y) as Json) },
      ];
    // Half of the first, with the labels of the second.
    const half = Object.fromEntries(Object.entries(first).filter((_entry, index) => index % 2 === 0));
    return [
      { metadata: {}, ...first },
      { ...half, metadata: (filled(y) as Json)['metadata'] ?? {} },
    ];
  });
};

for (const kind of stored) {
  test(`managers of ${kind.kind} of ${kind.group || 'core'} (${kind.version}) share an object by the laws of apply`, () => {
    fc.assert(
      fc.property(pairs(kind), ([x, y]) => {
        const [left, right] = [leavesOf(kind.schema, filled(x)), leavesOf(kind.schema, filled(y))];
        const both = new Map([...left, ...right]);
        both.delete('');
        // Alone, a manager makes what it says, owns it, and says it twice without effect.
        const alone = apply(kind, undefined, { applied: x, manager: 'a' }).object;
        assert.deepEqual(sorted(leavesIn(kind, alone).keys()), sorted(left.keys()));
        if (!left.has('')) assert.deepEqual(sorted(ownedBy(alone, 'a')), sorted(left.keys()));
        assert.equal(apply(kind, alone, { applied: x, manager: 'a' }).object, alone);
        // Who says something else without force hears of it, and of nothing more.
        const contested = [...right].filter(
          ([path, value]) => path !== '' && left.has(path) && left.get(path) !== value,
        );
        const { conflicts } = apply(kind, alone, { applied: y, manager: 'b', force: false });
        if (!tangled(left, right)) assert.equal(conflicts.length, contested.length, JSON.stringify(conflicts));
        // With force the later one wins; nothing that only the first said is lost.
        const shared = apply(kind, alone, { applied: y, manager: 'b' }).object;
        if (tangled(left, right)) return;
        const said = new Map(leavesIn(kind, shared));
        said.delete('');
        assert.deepEqual(said, both);
        if (!right.has('')) assert.deepEqual(sorted(ownedBy(shared, 'b')), sorted(right.keys()));
        const lost = new Set(contested.map(([path]) => path));
        if (!left.has(''))
          assert.deepEqual(sorted(ownedBy(shared, 'a')), sorted([...left.keys()].filter((path) => !lost.has(path))));
        assert.equal(apply(kind, shared, { applied: y, manager: 'b' }).object, shared);
        // What only one of them wanted goes with it; what both wanted stays for the other.
        const nothing = { metadata: {} };
        const after = apply(kind, shared, { applied: nothing, manager: 'a' }).object;
        assert.deepEqual(sorted(leavesIn(kind, after).keys()), sorted(right.keys()));
        assert.equal(ownedBy(after, 'a').size, 0);
        const empty = apply(kind, after, { applied: nothing, manager: 'b' }).object;
        assert.deepEqual(bare(empty), {});
        // A plain write takes over what it changes, and an apply by force takes it back.
        const write = { kind, manager: 'w', time: '2026-01-02T00:00:00Z', apiVersion: 'v1', ignore: [] };
        const { managedFields } = (alone as AnyObject).metadata;
        const changed = { ...bare(shared), metadata: { ...(bare(shared)['metadata'] as Json), managedFields } };
        const written = trackUpdate({ ...write, live: alone, updated: changed });
        for (const path of lost) {
          assert.ok(!ownedBy(written, 'a').has(path), path);
          assert.ok(ownedBy(written, 'w').has(path), path);
        }
        const back = apply(kind, written, { applied: x, manager: 'a' }).object;
        if (!left.has('')) assert.deepEqual(sorted(ownedBy(back, 'a')), sorted(left.keys()));
        for (const path of lost) assert.ok(!ownedBy(back, 'w').has(path), path);
      }),
      { numRuns: 8 },
    );
  });
}

/** The one has a value where the other has something inside: neither can be said leaf by leaf. */
function tangled(left: Leaves, right: Leaves): boolean {
  const within = (some: Leaves, others: Leaves): boolean =>
    [...some.keys()].some((path) => [...others.keys()].some((other) => other.startsWith(`${path}/`)));
  return within(left, right) || within(right, left);
}
