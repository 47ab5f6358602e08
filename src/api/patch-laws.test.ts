/**
 * Patches and defaults by their laws, for every kind: each algorithm against a second one that was written from its documentation for this test alone, slow and plain
 * (RFC 6902, RFC 7396), and differences of two objects that lead from one to the other.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deepEqual } from '#base/deep-equal.ts';
import { ApiError } from '#meta/status.ts';
import { applyJsonPatch } from '#meta/patch/json-patch.ts';
import { applyMergePatch } from '#meta/patch/merge-patch.ts';
import { decode } from '#schema/decode.ts';
import { applyDefaults } from '#schema/default.ts';
import { arbitraryOf } from '#schema/random-object.ts';
import { allKinds, subresourceKinds, type AnyKind } from './kinds.ts';

type Json = Record<string, unknown>;
const kinds = [...allKinds, ...subresourceKinds];
const strict = { strict: 'Strict' } as const;
const runs = { numRuns: 12 };

const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** Objects of the kind as they are stored. */
const storedOf = (kind: AnyKind): fc.Arbitrary<Json> =>
  arbitraryOf(kind.schema).map((drawn) => copy(decode<Json>(kind, drawn, strict).object));

for (const kind of kinds) {
  test(`defaults of ${kind.kind} of ${kind.group || 'core'} (${kind.version}) are filled in once`, () => {
    fc.assert(
      fc.property(storedOf(kind), (object) => {
        const fill = (value: object): object => {
          const filled = applyDefaults(kind.schema, value);
          return (kind.hooks.fill?.(filled as never) as object | undefined) ?? filled;
        };
        const before = JSON.stringify(object);
        const full = fill({ metadata: {}, ...object });
        assert.deepEqual(fill(full), full);
        assert.equal(JSON.stringify(object), before);
      }),
      runs,
    );
  });
}

// --- JSON Patch -----------------------------------------------------------------------------------------------------------------------

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/** RFC 6902, by changing a copy in place. Throws when an operation does not apply. */
function plainJsonPatch(document: unknown, patch: readonly Operation[]): unknown {
  const root: Json = { '': copy(document) };
  const way = (path: string): string[] =>
    `${path}`.split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const child = (at: unknown, step: string): unknown => {
    if (Array.isArray(at)) {
      const index = Number(step) < 0 ? at.length + Number(step) : Number(step);
      if (!/^-?\d+$/.test(step) || index < 0 || index >= at.length) throw new RangeError(step);
      return at[index] as unknown;
    }
    if (!isRecord(at) || !Object.hasOwn(at, step)) throw new RangeError(step);
    return at[step];
  };
  const parent = (path: string): { holder: unknown; last: string } => {
    const steps = way(path);
    let holder: unknown = root;
    for (const step of steps.slice(0, -1)) holder = child(holder, step);
    return { holder, last: steps.at(-1) as string };
  };
  const get = (path: string): unknown => {
    const { holder, last } = parent(path);
    return child(holder, last);
  };
  const remove = (path: string): void => {
    const { holder, last } = parent(path);
    child(holder, last);
    if (Array.isArray(holder)) holder.splice(Number(last) < 0 ? holder.length + Number(last) : Number(last), 1);
    else delete (holder as Json)[last];
  };
  const add = (path: string, value: unknown): void => {
    const { holder, last } = parent(path);
    if (Array.isArray(holder)) {
      const index = last === '-' ? holder.length : Number(last);
      if (!(index >= 0 && index <= holder.length)) throw new RangeError(last);
      holder.splice(index, 0, copy(value));
    } else if (isRecord(holder)) holder[last] = copy(value);
    else throw new RangeError(last);
  };
  for (const { op, path, from = '', value } of patch) {
    if (op === 'add') add(path, value);
    else if (op === 'remove') remove(path);
    else if (op === 'replace') {
      const { holder, last } = parent(path);
      child(holder, last);
      (holder as Json)[last] = copy(value);
    } else if (op === 'copy') add(path, get(from));
    else if (op === 'test') assert.ok(deepEqual(get(path), value));
    else {
      if (path.startsWith(`${from}/`)) throw new RangeError('into itself');
      const moved = get(from);
      remove(from);
      add(path, moved);
    }
  }
  return root[''];
}

/** Pointers to everything in the value but itself. */
function* pointersOf(value: unknown, path = ''): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const here = `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    yield here;
    yield* pointersOf(inner, here);
  }
}

/** Operations on what is there and on what is not. */
function operationsOn(object: Json): fc.Arbitrary<Operation[]> {
  const present = fc.constantFrom(...pointersOf({ metadata: {}, ...object }));
  const path = fc.oneof(
    { weight: 4, arbitrary: present },
    { weight: 1, arbitrary: present.map((pointer) => `${pointer}/new`) },
    { weight: 1, arbitrary: present.map((pointer) => `${pointer}/-`) },
    { weight: 1, arbitrary: present.map((pointer) => `${pointer}/0`) },
  );
  const value = fc.oneof(
    fc.constantFrom('x', 7, true, null, [1], { a: [{}] }),
    present.map((p) => p.length),
  );
  return fc.array(
    fc.oneof(
      fc.record({ op: fc.constantFrom('add', 'replace', 'add'), path, value }),
      fc.record({ op: fc.constant('remove'), path: present }),
      fc.record({ op: fc.constantFrom('move', 'copy'), path, from: present }),
    ),
    { minLength: 1, maxLength: 4 },
  );
}

/** What the function answers, or that it refuses. */
function outcome(run: () => unknown): unknown {
  try {
    return { is: run() };
  } catch (error) {
    if (error instanceof ApiError || error instanceof RangeError) return 'refused';
    throw error;
  }
}

test('JSON Patch of any kind does what the plain way does', () => {
  for (const kind of kinds) {
    fc.assert(
      fc.property(
        storedOf(kind).chain((object) => fc.tuple(fc.constant({ metadata: {}, ...object }), operationsOn(object))),
        ([object, patch]) => {
          const before = JSON.stringify(object);
          const expected = outcome(() => plainJsonPatch(object, patch));
          assert.deepEqual(
            outcome(() => copy(applyJsonPatch(object, patch))),
            expected,
          );
          assert.equal(JSON.stringify(object), before);
        },
      ),
      runs,
    );
  }
});

// --- Merge patch ----------------------------------------------------------------------------------------------------------------------

/** RFC 7396 as it stands there, but for one thing of upstream's library: objects in lists lose their nulls as well. */
function plainMergePatch(target: unknown, patch: unknown): unknown {
  if (Array.isArray(patch))
    return patch.map((item) =>
      isRecord(item) || Array.isArray(item) ? plainMergePatch(null, item) : (item as unknown),
    );
  if (!isRecord(patch)) return patch;
  const result: Json = isRecord(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = plainMergePatch(result[name], value);
  }
  return result;
}

/** Parts of an object with some values gone, and some other ones. */
const wounded = (object: Json): fc.Arbitrary<Json> =>
  fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 40, maxLength: 40 }).map((choices) => {
    let at = 0;
    const walk = (value: unknown): unknown => {
      if (!isRecord(value)) return value;
      return Object.fromEntries(
        Object.entries(value).flatMap(([key, inner]): [string, unknown][] => {
          const choice = choices[at++ % choices.length];
          if (choice === 0) return [];
          return [[key, choice === 1 ? null : walk(inner)]];
        }),
      );
    };
    return walk(object) as Json;
  });

/** A difference as RFC 7396 would have it: fields that are there in `after`, nulls for those that are not. */
function plainDifference(before: unknown, after: unknown): unknown {
  if (!isRecord(before) || !isRecord(after)) return after;
  const out: Json = {};
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) out[key] = null;
  for (const [key, value] of Object.entries(after))
    if (!deepEqual(before[key], value)) out[key] = plainDifference(before[key], value);
  return out;
}

test('a merge patch of any kind does what RFC 7396 says, and a difference leads to its end', () => {
  for (const kind of kinds) {
    fc.assert(
      fc.property(storedOf(kind), storedOf(kind).chain(wounded), storedOf(kind), (object, patch, other) => {
        assert.deepEqual(applyMergePatch(object, patch), plainMergePatch(object, patch));
        assert.deepEqual(applyMergePatch(object, plainDifference(object, other)), other);
      }),
      runs,
    );
  }
});
