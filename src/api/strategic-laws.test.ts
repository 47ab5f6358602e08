/**
 * Strategic merge patches by their laws, for every kind: against a second algorithm that was written from the documentation of the directives for this test alone, slow and
 * plain; and the difference of two objects, made as kubectl makes it, leads from the one to the other.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deepEqual } from '#base/deep-equal.ts';
import { ApiError } from '#meta/status.ts';
import { decode } from '#schema/decode.ts';
import { arbitraryOf } from '#schema/random-object.ts';
import { strategicMerge } from '#schema/strategic-merge.ts';
import type { AnyTypeData, FieldData } from '#schema/type.ts';
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

/** What only makes sense beside an old value; schemas have fields such as $ref. */
const isDirective = (key: string): boolean =>
  /^\$(patch$|retainKeys$|setElementOrder\/|deleteFromPrimitiveList\/)/.test(key);

/** What the function answers, or that it refuses. */
function outcome(run: () => unknown): unknown {
  try {
    return { is: run() };
  } catch (error) {
    if (error instanceof ApiError || error instanceof RangeError) return 'refused';
    throw error;
  }
}

interface Rule {
  readonly type: AnyTypeData | undefined;
  readonly strategies: readonly string[];
  readonly mergeKey: string | undefined;
}

/** What the declaration says of a field's patches. */
function ruleFor(type: AnyTypeData | undefined, key: string): Rule {
  let field: Pick<FieldData, 'type' | 'patchStrategy'> | undefined;
  if (type?.is === 'struct' && Object.hasOwn(type.fields, key)) field = type.fields[key];
  else if (type?.is === 'map') field = { type: type.values };
  const list = field?.type.is === 'list' ? field.type.patch : undefined;
  const strategies = [...(field?.patchStrategy?.split(',') ?? []), ...(list?.strategy.split(',') ?? [])];
  return { type: field?.type, strategies, mergeKey: list?.mergeKey };
}

const itemsOf = (type: AnyTypeData | undefined): AnyTypeData | undefined =>
  type?.is === 'list' ? type.items : undefined;
const without = (object: Json, ...keys: string[]): Json =>
  Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));

/** Server's and patch's items in one list: each keeps the order it has on its side; the server's come first where both stood there. */
function interleave(
  server: readonly unknown[],
  patch: readonly unknown[],
  position: (item: unknown) => number,
): unknown[] {
  const [first, ...more] = server;
  const [named, ...others] = patch;
  if (server.length === 0) return [...patch];
  if (patch.length === 0) return [...server];
  return position(first) >= 0 && position(named) >= 0 && position(first) < position(named)
    ? [first, ...interleave(more, patch, position)]
    : [named, ...interleave(server, others, position)];
}

/** The documentation's rules, one after the other, without regard for cost. */
function plainStrategic(type: AnyTypeData | undefined, original: Json, patch: Json): Json {
  if (patch['$patch'] === 'replace') return without(patch, '$patch');
  if (patch['$patch'] === 'delete') return {};
  let result = { ...original };
  if (patch['$retainKeys'] !== undefined)
    result = Object.fromEntries(
      Object.entries(result).filter(([key]) => (patch['$retainKeys'] as string[]).includes(key)),
    );
  const fields = new Set(
    Object.keys(patch).flatMap((key) =>
      isDirective(key) ? (key.includes('/') ? [key.slice(key.indexOf('/') + 1)] : []) : [key],
    ),
  );
  for (const key of fields) {
    const rule = ruleFor(type, key);
    const value = patch[key];
    const order = patch[`$setElementOrder/${key}`] as unknown[] | undefined;
    const gone = patch[`$deleteFromPrimitiveList/${key}`] as unknown[] | undefined;
    const before = result[key];
    // A directive for what is not there leaves nothing.
    if (value === null || (isRecord(value) && value['$patch'] !== undefined && !isRecord(before))) {
      delete result[key];
      continue;
    }
    let after = before;
    if (isRecord(value) && isRecord(before) && !rule.strategies.includes('replace'))
      after = plainStrategic(rule.type, before, value);
    else if (Array.isArray(value) && Array.isArray(before) && rule.strategies.includes('merge'))
      after = plainLists(rule, { before, value, order: order ?? value });
    else if (value !== undefined)
      after = isRecord(before) || (Array.isArray(before) && Array.isArray(value)) ? value : fresh(value);
    if (gone !== undefined && Array.isArray(after)) after = after.filter((item) => !gone.includes(item));
    if (order !== undefined && Array.isArray(after))
      after = ordered(rule, after, { order, server: (before ?? []) as unknown[] });
    if (after !== undefined) result[key] = after;
  }
  return result;
}

const keyIn = (mergeKey: string | undefined, item: unknown): unknown =>
  mergeKey === undefined ? item : (item as Json)[mergeKey];

function ordered(
  rule: Rule,
  items: readonly unknown[],
  { order, server }: { order: readonly unknown[]; server: readonly unknown[] },
): unknown[] {
  const among = (list: readonly unknown[], item: unknown): number =>
    list.findIndex((one) => keyIn(rule.mergeKey, one) === keyIn(rule.mergeKey, item));
  const named = order.flatMap((item) =>
    items.filter((one) => keyIn(rule.mergeKey, one) === keyIn(rule.mergeKey, item)),
  );
  const others = server.flatMap((item) =>
    items.filter((one) => !named.includes(one) && keyIn(rule.mergeKey, one) === keyIn(rule.mergeKey, item)),
  );
  return interleave(others, named, (item) => among(server, item));
}

function plainLists(
  rule: Rule,
  { before, value, order }: { before: readonly unknown[]; value: readonly unknown[]; order: readonly unknown[] },
): unknown[] {
  if (![...before, ...value].some(isRecord))
    return ordered(rule, [...new Set([...before, ...value])], { order, server: before });
  const key = rule.mergeKey as string;
  const changes = (value as Json[]).filter((item) => item['$patch'] === undefined);
  if (value.some((item) => (item as Json)['$patch'] === 'replace')) return changes;
  const gone = (value as Json[]).filter((item) => item['$patch'] === 'delete').map((item) => item[key]);
  const kept = (before as Json[]).filter((item) => !gone.includes(item[key]));
  const merged = kept.map((item) =>
    changes
      .filter((one) => one[key] === item[key])
      .reduce((now, one) => plainStrategic(itemsOf(rule.type), now, one), item),
  );
  const added = changes.filter((one) => !kept.some((item) => item[key] === one[key])).map((one) => nullless(one));
  return ordered(rule, [...merged, ...added], { order: order === value ? changes : order, server: before });
}

/** A new value: what only makes sense beside an old one leaves no trace. */
function fresh(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => !(isRecord(item) && item['$patch'] !== undefined)).map(fresh);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(
        ([key, inner]) => inner !== null && !isDirective(key) && !(isRecord(inner) && inner['$patch'] !== undefined),
      )
      .map(([key, inner]) => [key, fresh(inner)]),
  );
}

const nullless = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(nullless);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, nullless(inner)]])),
  );
};

/** One item for each merge key: with two of a key nobody could say which a patch means. */
function distinct(type: AnyTypeData | undefined, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => distinct(itemsOf(type), item));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const { type: field, mergeKey, strategies } = ruleFor(type, key);
      const clean = distinct(field, inner);
      if (!Array.isArray(clean) || !strategies.includes('merge')) return [key, clean];
      const seen = new Set<unknown>();
      const keyed =
        mergeKey === undefined ? clean : clean.filter((item) => isRecord(item) && Object.hasOwn(item, mergeKey));
      return [key, keyed.filter((item) => !seen.has(keyIn(mergeKey, item)) && seen.add(keyIn(mergeKey, item)))];
    }),
  );
}

/** A patch with directives in it, from an object with the fields it is to have. */
const patchFrom = (kind: AnyKind, object: Json): fc.Arbitrary<Json> =>
  fc.array(fc.integer({ min: 0, max: 11 }), { minLength: 60, maxLength: 60 }).map((choices) => {
    let at = 0;
    const choose = (): number => choices[at++ % choices.length] as number;
    const walk = (type: AnyTypeData | undefined, value: Json, keep: readonly string[]): Json => {
      const out: Json = {};
      for (const [key, inner] of Object.entries(value)) {
        const { type: field, mergeKey, strategies } = ruleFor(type, key);
        const choice = keep.includes(key) ? 11 : choose();
        if (choice === 0) continue;
        if (choice === 1) {
          out[key] = null;
          continue;
        }
        if (isRecord(inner)) {
          out[key] =
            choice === 2
              ? { $patch: 'replace', ...inner }
              : choice === 3
                ? { $patch: 'delete' }
                : walk(field, inner, []);
          if (choice === 4) out[key] = { ...walk(field, inner, Object.keys(inner)), $retainKeys: Object.keys(inner) };
        } else if (Array.isArray(inner) && strategies.includes('merge')) {
          if (mergeKey === undefined) {
            if (choice < 6) out[`$deleteFromPrimitiveList/${key}`] = inner.slice(1);
            out[key] = choice < 6 ? inner.slice(0, 1) : inner;
            if (choice > 8) out[`$setElementOrder/${key}`] = inner.slice(0, choice < 6 ? 1 : undefined);
          } else {
            const items = (inner as Json[]).map((item) =>
              choose() < 3 ? { $patch: 'delete', [mergeKey]: item[mergeKey] } : walk(itemsOf(field), item, [mergeKey]),
            );
            out[key] = choice === 2 ? [...items, { $patch: 'replace' }] : items;
            if (choice > 6 && choice !== 11)
              out[`$setElementOrder/${key}`] = (inner as Json[]).map((item) => ({ [mergeKey]: item[mergeKey] }));
          }
        } else out[key] = inner;
      }
      return out;
    };
    return walk(kind.schema, distinct(kind.schema, object) as Json, []);
  });

/** Two objects that have something in common. */
const pairOf = (kind: AnyKind): fc.Arbitrary<[Json, Json]> =>
  fc.tuple(storedOf(kind), storedOf(kind), fc.integer({ min: 0, max: 2 })).map(([a, b, mix]) => {
    const first = distinct(kind.schema, a) as Json;
    const second = distinct(kind.schema, b) as Json;
    return [
      first,
      mix === 0
        ? second
        : (distinct(
            kind.schema,
            plainStrategic(kind.schema, first, mix === 1 ? second : { metadata: second['metadata'] ?? {} }),
          ) as Json),
    ];
  });

test('a strategic merge patch of any kind does what the documentation says', () => {
  for (const kind of kinds) {
    fc.assert(
      fc.property(
        pairOf(kind).chain(([a, b]) => fc.tuple(fc.constant(a), patchFrom(kind, b))),
        ([object, patch]) => {
          const before = JSON.stringify(object);
          // A null that stays in a new list (upstream leaves it there when the list comes with an order) is gone once the object is decoded.
          const result = outcome(() => nullless(copy(strategicMerge(kind.schema, object, patch))));
          assert.deepEqual(
            result,
            { is: nullless(plainStrategic(kind.schema, object, patch)) },
            `${kind.kind} ${JSON.stringify(patch)}`,
          );
          assert.equal(JSON.stringify(object), before);
        },
      ),
      runs,
    );
  }
});

/** The patch from one object to another, as kubectl makes it. */
function strategicDifference(type: AnyTypeData | undefined, before: Json, after: Json): Json {
  const out: Json = {};
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) out[key] = null;
  for (const [key, value] of Object.entries(after)) {
    const old = before[key];
    if (deepEqual(old, value)) continue;
    const { type: field, strategies, mergeKey } = ruleFor(type, key);
    if (isRecord(old) && isRecord(value) && !strategies.includes('replace')) {
      out[key] = strategicDifference(field, old, value);
      if (strategies.includes('retainKeys')) out[key] = { ...(out[key] as Json), $retainKeys: Object.keys(value) };
    } else if (Array.isArray(old) && Array.isArray(value) && strategies.includes('merge') && mergeKey !== undefined) {
      const items = (value as Json[]).flatMap((item): Json[] => {
        const known = (old as Json[]).find((one) => one[mergeKey] === item[mergeKey]);
        if (deepEqual(known, item)) return [];
        if (known === undefined) return [item];
        const retained = strategies.includes('retainKeys') ? { $retainKeys: Object.keys(item) } : {};
        return [{ ...strategicDifference(itemsOf(field), known, item), ...retained, [mergeKey]: item[mergeKey] }];
      });
      const gone = (old as Json[]).filter((one) => !(value as Json[]).some((item) => item[mergeKey] === one[mergeKey]));
      out[key] = [...items, ...gone.map((one) => ({ $patch: 'delete', [mergeKey]: one[mergeKey] }))];
      out[`$setElementOrder/${key}`] = (value as Json[]).map((item) => ({ [mergeKey]: item[mergeKey] }));
    } else if (Array.isArray(old) && Array.isArray(value) && strategies.includes('merge')) {
      const gone = old.filter((item) => !value.includes(item));
      const added = value.filter((item) => !old.includes(item));
      if (added.length > 0) out[key] = added;
      if (gone.length > 0) out[`$deleteFromPrimitiveList/${key}`] = gone;
      out[`$setElementOrder/${key}`] = value;
    } else out[key] = value;
  }
  return out;
}

test('the difference of two objects of any kind, applied to the one, gives the other', () => {
  for (const kind of kinds) {
    fc.assert(
      fc.property(pairOf(kind), ([before, after]) => {
        const patch = strategicDifference(kind.schema, before, after);
        assert.deepEqual(
          copy(strategicMerge(kind.schema, before, patch)),
          after,
          `${kind.kind} ${JSON.stringify(patch)}`,
        );
        assert.equal(strategicMerge(kind.schema, before, strategicDifference(kind.schema, before, before)), before);
      }),
      runs,
    );
  }
});
