/**
 * Objects to compare two API servers with: a good object of a kind, and at every place of its declaration everything that could be wrong there, one at a time.
 * Nothing here knows what is right: that is for the servers to say, and for them to agree on.
 */
import type { AnyKind } from '#api/kinds.ts';
import { expressionsAt, ruledSchemas } from './expressions.ts';
import type { AnyTypeData, FieldData, StructType } from '#schema/type.ts';

export interface Case {
  /** `spec.containers[0].image = "A_b"`. */
  readonly name: string;
  readonly object: Record<string, unknown>;
}

type Path = readonly (string | number)[];
type Json = Record<string, unknown>;

/** Deeper places repeat what stands higher up. */
const depthMax = 14;
/** A struct that contains itself is entered once. */
const recursionMax = 1;
/** Pod templates are pods: within other kinds only these of their places are tried. */
const templateNames = new Set(['core.v1.PodSpec']);
const templateFieldsKept = new Set(['restartPolicy', 'activeDeadlineSeconds', 'containers', 'hostNetwork']);

/** Written by the server, whatever a client says. */
const skipped = new Set(['managedFields', 'status']);

export interface CaseOptions {
  /** `spec` or `status`: which part is varied. */
  readonly part?: 'status';
}

export function* casesOf(kind: AnyKind, seed: Json, { part }: CaseOptions = {}): Generator<Case> {
  yield { name: 'as it is', object: seed };
  yield { name: 'with a field that is not known', object: { ...seed, unknown: 1 } };
  if (kind.kind === 'CustomResourceDefinition' && part === undefined) {
    for (const [n, schema] of ruledSchemas.entries())
      yield {
        name: `rules ${n}`,
        object: write(seed, ['spec', 'versions', 0, 'schema'], { openAPIV3Schema: schema }),
      };
  }
  for (const place of placesOf(kind, part)) {
    const target = graft(seed, place.path, place.fields);
    for (const [label, value] of valuesOf(place.type, place.field, read(seed, place.path))) {
      yield { name: `${pathText(place.path)} = ${label}`, object: write(target, place.path, value) };
    }
    for (const text of expressionsAt(place.path.at(-1)))
      yield { name: `${pathText(place.path)} = ${JSON.stringify(text)}`, object: write(target, place.path, text) };
    if (read(seed, place.path) !== undefined) {
      yield { name: `without ${pathText(place.path)}`, object: write(target, place.path, undefined) };
    }
  }
}

interface Place {
  readonly path: Path;
  readonly type: AnyTypeData;
  readonly field: FieldData | undefined;
  /** Types on the way, for what must be made to get there. */
  readonly fields: readonly AnyTypeData[];
}

function* placesOf(kind: AnyKind, part: 'status' | undefined): Generator<Place> {
  const root = kind.schema as StructType;
  for (const [name, field] of Object.entries(root.fields)) {
    if (name === 'apiVersion' || name === 'kind') continue;
    if (part === undefined ? skipped.has(name) : name !== part) continue;
    yield* walk({ path: [name], type: field.type, field, fields: [root] }, kind, []);
  }
}

function* walk(place: Place, kind: AnyKind, seen: readonly string[]): Generator<Place> {
  const { path, type, fields } = place;
  if (path.length > depthMax || place.field?.gate !== undefined) return;
  if (path.at(-1) === 'managedFields') return;
  yield place;
  const below = [...fields, type];
  switch (type.is) {
    case 'struct': {
      if (seen.filter((name) => name === type.name).length > recursionMax - 1) return;
      const trimmed = templateNames.has(type.name) && kind.kind !== 'Pod' && kind.kind !== 'PodTemplate';
      for (const [name, field] of Object.entries(type.fields)) {
        if (trimmed && !templateFieldsKept.has(name)) continue;
        yield* walk({ path: [...path, name], type: field.type, field, fields: below }, kind, [...seen, type.name]);
      }
      return;
    }
    case 'list':
      yield* walk({ path: [...path, 0], type: type.items, field: undefined, fields: below }, kind, seen);
      return;
    case 'map':
      yield* walk({ path: [...path, 'key'], type: type.values, field: undefined, fields: below }, kind, seen);
      return;
    case 'either':
      yield* walk({ path, type: type.struct, field: undefined, fields }, kind, seen);
      return;
    default:
  }
}

const long = (length: number): string => 'a'.repeat(length);

const words: readonly string[] = [
  '',
  'a',
  'A_b',
  '-x',
  'a.b',
  'a/b',
  'x y',
  '/abs',
  '../up',
  '10.0.0.1',
  'fe80::1',
  'https://example.com/x?y#z',
  'kubernetes.io/x',
  '*',
  '1',
  long(64),
  long(254),
];

function* valuesOf(
  type: AnyTypeData,
  field: FieldData | undefined,
  now: unknown,
): Generator<readonly [string, unknown]> {
  const say = (value: unknown): readonly [string, unknown] => {
    const text = JSON.stringify(value) ?? 'nothing';
    return [text.length > 70 ? `${text.slice(0, 40)}… (${text.length})` : text, value];
  };
  switch (type.is) {
    case 'string': {
      for (const value of type.values ?? []) yield say(value);
      if (type.values) {
        yield say('Bogus');
        yield say('');
      } else if (type.format === 'byte') {
        for (const value of ['', 'YQ==', 'not base64!']) yield say(value);
      } else if (type.format === 'time' || type.format === 'microTime') {
        for (const value of ['2020-01-01T00:00:00Z', '2020-01-01T00:00:00.123456Z', 'yesterday', '']) yield say(value);
      } else if (type.format === 'duration') {
        for (const value of ['1s', '-1s', '1000h', 'x']) yield say(value);
      } else for (const value of words) yield say(value);
      yield say(7);
      return;
    }
    case 'integer':
      for (const value of [-1, 0, 1, 2, 100, 101, 1000, 65_535, 65_536, 2_147_483_647]) yield say(value);
      if (field?.max !== undefined) yield say(field.max + 1);
      yield say('1');
      return;
    case 'number':
      for (const value of [-1, 0, 1.5]) yield say(value);
      return;
    case 'boolean':
      for (const value of [true, false, 'true']) yield say(value);
      return;
    case 'intOrString':
      for (const value of [-1, 0, 1, 70_000, '', '0%', '50%', '101%', 'http', 'x%', 'A_b']) yield say(value);
      return;
    case 'quantity':
      for (const value of ['-1', '0', '1', '100m', '1.5', '1Ki', 'abc', 3]) yield say(value);
      return;
    case 'any':
      for (const value of [{}, { a: 1 }, null, 'x', [1]]) yield say(value);
      return;
    case 'map': {
      yield say({});
      const value = minimal(type.values);
      for (const key of ['a', 'A b', 'example.com/a', 'kubernetes.io/a', '-x', '', long(64), long(254)])
        yield say({ [key]: value });
      yield say([]);
      return;
    }
    case 'list': {
      yield say([]);
      const item = Array.isArray(now) && now.length > 0 ? (now[0] as unknown) : minimal(type.items);
      yield ['two of the same', [item, item]];
      yield ['one null', [null]];
      if (type.items.is === 'string' || type.items.is === 'struct')
        yield ['twenty', Array.from({ length: 20 }, () => item)];
      yield say({});
      return;
    }
    case 'struct':
      yield say({});
      yield say('x');
      if (now === undefined) yield ['the least of it', minimal(type)];
      return;
    case 'either':
      for (const value of [true, false, [], 'x', {}]) yield say(value);
      return;
    default:
      return type satisfies never;
  }
}

/** The least that a type takes: required fields only. */
function minimal(type: AnyTypeData, depth = 0): unknown {
  switch (type.is) {
    case 'string':
      if (type.values) return type.values.find((value) => value !== '') ?? '';
      if (type.format === 'byte') return 'YQ==';
      if (type.format === 'time') return '2020-01-01T00:00:00Z';
      if (type.format === 'microTime') return '2020-01-01T00:00:00.000000Z';
      return type.format === 'duration' ? '1s' : 'x';
    case 'integer':
    case 'number':
      return 1;
    case 'boolean':
      return true;
    case 'intOrString':
      return 1;
    case 'quantity':
      return '1';
    case 'any':
      return { a: 1 };
    case 'map':
      return {};
    case 'list':
      return [minimal(type.items, depth + 1)];
    case 'either':
      return minimal(type.struct, depth + 1);
    case 'struct': {
      if (depth > 6) return {};
      const out: Json = {};
      for (const [name, field] of Object.entries(type.fields)) {
        if (field.presence === 'required') out[name] = minimal(field.type, depth + 1);
      }
      return out;
    }
    default:
      return type satisfies never;
  }
}

/** The seed with whatever must be there for the path to lead somewhere. */
function graft(seed: Json, path: Path, types: readonly AnyTypeData[]): Json {
  let object = seed;
  for (let length = 1; length < path.length; length++) {
    const part = path.slice(0, length);
    const there = read(object, part);
    if (
      there !== undefined &&
      there !== null &&
      typeof there === 'object' &&
      !(Array.isArray(there) && there.length === 0)
    )
      continue;
    const type = types[length];
    object = write(object, part, type ? minimal(type) : {});
  }
  return object;
}

export function read(object: unknown, path: Path): unknown {
  let at: unknown = object;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}

/** A copy with another value there; undefined removes it. */
export function write(object: Json, path: Path, value: unknown): Json {
  const copy = structuredClone(object);
  let at: Record<string | number, unknown> = copy;
  for (const step of path.slice(0, -1)) {
    let next = at[step];
    if (typeof next !== 'object' || next === null) {
      next = {};
      at[step] = next;
    }
    at = next as Record<string | number, unknown>;
  }
  const last = path.at(-1) as string | number;
  if (value !== undefined) at[last] = value;
  else if (Array.isArray(at)) at.splice(last as number, 1);
  else delete at[last];
  return copy;
}

export const pathText = (path: Path): string =>
  path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');
