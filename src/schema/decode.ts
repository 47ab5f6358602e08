/**
 * From any JSON value to an object of a declared type: wrong types are errors in upstream's words, unknown fields are dropped (and reported), nulls are
 * absent, times and quantities get their one spelling. What comes out has the declared shape, and nothing else looks at raw input.
 * Each struct is compiled once to a closure; values that need no change are shared with the input, which must not be changed afterwards.
 */
import { badRequest } from '#meta/status.ts';
import { parseQuantity, quantityError } from '#meta/quantity.ts';
import { canonicalMicroTime, canonicalTime } from '#meta/time.ts';
import { goPlace, goType, jsonKind, jsonNumber, shortName } from './go-type.ts';
import type { Kind } from './kind.ts';
import { timeError } from './time-error.ts';
import {
  scalarZero,
  type AnyTypeData,
  type FieldData,
  type ListType,
  type MapType,
  type StringType,
  type StructType,
} from './type.ts';

export interface DecodeOptions {
  /** What becomes of unknown and duplicate fields: an error, warnings, or nothing. */
  readonly strict: 'Strict' | 'Warn' | 'Ignore';
  /** What the reader of the text found: `duplicate field "spec.replicas"`. */
  readonly duplicates?: readonly string[];
  /** Errors tell only what is wrong, without `Deployment in version "v1" cannot be handled as a Deployment: `. */
  readonly bare?: boolean;
  /** Explicit zero values stay in every field: an applied configuration states them. */
  readonly keepZeros?: boolean;
}

export interface Decoded<T = unknown> {
  readonly object: T;
  /** `unknown field "spec.foo"`: for Warning headers. */
  readonly warnings: string[];
}

/** Findings beyond these help nobody; upstream stops at the same number. */
const findingsMax = 100;

const noWarnings: readonly string[] = Object.freeze([]);

// oxlint-disable-next-line typescript/no-explicit-any -- any Kind, whatever its object type
type AnyKind = Kind<any, any>;

/** Throws BadRequest when the value cannot be an object of this type, and under Strict for unknown and duplicate fields. */
export function decode<T = unknown>(of: AnyKind | StructType, raw: unknown, options: DecodeOptions): Decoded<T> {
  const struct = 'schema' in of ? of.schema : of;
  const walk = new Walk(struct, { reports: options.strict !== 'Ignore', keepsZeros: options.keepZeros === true });
  let object: unknown;
  try {
    object = decoderOf(struct)(raw, walk);
  } catch (error) {
    if (error instanceof Mismatch) throw badRequest(named(of, error.message, options));
    throw error;
  }
  if (options.strict === 'Ignore') return { object: object as T, warnings: noWarnings as string[] };
  const findings = walk.findings.map((path) => `unknown field "${path}"`);
  // YAML is read before its fields are looked at, JSON at the same time.
  for (const found of options.duplicates ?? []) {
    if (found.includes('yaml: ')) findings.unshift(found);
    else findings.push(found);
  }
  if (findings.length > findingsMax) findings.length = findingsMax;
  if (options.strict === 'Strict' && findings.length > 0) {
    throw badRequest(named(of, `strict decoding error: ${findings.join(', ')}`, options));
  }
  return { object: object as T, warnings: findings };
}

function named(of: AnyKind | StructType, message: string, options: DecodeOptions): string {
  if (options.bare === true) return message;
  const kind = 'schema' in of ? of.kind : shortName(of.name);
  const version = 'schema' in of ? of.version : (of.name.split('.').at(-2) ?? '');
  return `${kind} in version "${version}" cannot be handled as a ${kind}: ${message}`;
}

/** A value of the wrong type: thrown inside, answered as BadRequest. */
class Mismatch extends Error {}

/** Where the decoder is. One is made for each call; steps are pushed and popped, and read only when something is wrong. */
class Walk {
  /** Field names, list positions, and map keys with a NUL before them. */
  readonly steps: (string | number)[] = [];
  readonly findings: string[] = [];
  readonly #reports: boolean;
  /** Name of the struct whose fields are being read. */
  struct = '';
  readonly keepsZeros: boolean;

  readonly #root: StructType;

  constructor(root: StructType, { reports, keepsZeros }: { reports: boolean; keepsZeros: boolean }) {
    this.#root = root;
    this.#reports = reports;
    this.keepsZeros = keepsZeros;
  }

  unknown(key: string): void {
    if (!this.#reports || this.findings.length >= findingsMax) return;
    let path = '';
    for (const step of [...this.steps, key]) {
      if (typeof step === 'number') path += `[${step}]`;
      else path += `${path === '' ? '' : '.'}${step.startsWith('\0') ? step.slice(1) : step}`;
    }
    this.findings.push(path);
  }

  /** The value is not of the type; `what` as Go's decoder calls it. */
  mismatch(what: string, type: string): Mismatch {
    const place = goPlace(this.#root, this.steps);
    if (place.path === '') return new Mismatch(`json: cannot unmarshal ${what} into Go value of type ${type}`);
    return new Mismatch(
      `json: cannot unmarshal ${what} into Go struct field ${this.struct}.${place.path} of type ${place.type ?? type}`,
    );
  }
}

type Decoder = (value: unknown, walk: Walk) => unknown;

const compiled = new WeakMap<StructType, Decoder>();

function decoderOf(struct: StructType): Decoder {
  const known = compiled.get(struct);
  if (known !== undefined) return known;
  // Registered before its fields are compiled: a struct may contain itself.
  let ready: Decoder | undefined;
  compiled.set(struct, (value, walk) => (ready ??= structDecoder(struct))(value, walk));
  ready = structDecoder(struct);
  compiled.set(struct, ready);
  return ready;
}

interface CompiledField {
  readonly decode: Decoder;
  /** An empty list or map is left out, as Go's omitempty does. */
  readonly dropsEmpty: boolean;
  /** The value that is absence as well; undefined when none is. */
  readonly zero: unknown;
  /** Read for its type, then dropped: its feature is off. */
  readonly off: boolean;
  /** A null is the value. */
  readonly keepsNull: boolean;
}

/** What Go's omitempty leaves out of a field that is no pointer. */
function droppedZero(field: FieldData): unknown {
  if (field.presence === 'required' || field.keepsZero === true || field.verbatim !== undefined) return undefined;
  switch (field.type.is) {
    case 'string':
      return '';
    case 'integer':
    case 'number':
      return 0;
    case 'boolean':
      return false;
    default:
      return undefined;
  }
}

function compileField(name: string, field: FieldData): CompiledField {
  const container = field.type.is === 'list' || field.type.is === 'map';
  // An empty managedFields list is a command (forget all managers), not an absence.
  return {
    decode: decoderFor(field.type),
    dropsEmpty:
      container &&
      field.presence !== 'required' &&
      field.keepsZero !== true &&
      field.verbatim === undefined &&
      name !== 'managedFields',
    zero: droppedZero(field),
    off: field.gate !== undefined,
    keepsNull: field.verbatim === 'nullable',
  };
}

function structDecoder(struct: StructType): Decoder {
  const fields = new Map(Object.entries(struct.fields).map(([name, field]) => [name, compileField(name, field)]));
  const name = shortName(struct.name);
  const type = goType(struct);
  return (value, walk) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw walk.mismatch(jsonKind(value), type);
    const record = value as Record<string, unknown>;
    const { steps } = walk;
    const outer = walk.struct;
    walk.struct = name;
    let out: Record<string, unknown> | undefined;
    for (const key in record) {
      const old = record[key];
      const field = fields.get(key);
      let next: unknown;
      if (field === undefined) {
        if (struct.preserves === true) next = old;
        else walk.unknown(key);
      } else if (old === null && field.keepsNull) next = null;
      else if (old !== null && old !== undefined) {
        steps.push(key);
        next = field.decode(old, walk);
        steps.pop();
        if (field.off || (field.dropsEmpty ? isEmpty(next) : next === field.zero && !walk.keepsZeros)) next = undefined;
      }
      if (next === old && next !== undefined) {
        if (out !== undefined) put(out, key, next);
      } else {
        out ??= before(record, key);
        if (next !== undefined) put(out, key, next);
      }
    }
    walk.struct = outer;
    return out ?? value;
  };
}

/** A preserved field may have any name: __proto__ stays data. */
function put(out: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(out, key, { value, enumerable: true, configurable: true, writable: true });
  else out[key] = value;
}

/** The fields of `record` that stand before `end`. */
function before(record: Record<string, unknown>, end: string): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const key in record) {
    if (key === end) break;
    put(out, key, record[key]);
  }
  return out;
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  for (const _ in value as object) return false;
  return true;
}

function decoderFor(type: AnyTypeData): Decoder {
  switch (type.is) {
    case 'string':
      return stringDecoder(type);
    case 'integer':
      return type.bits === 32 ? int32 : int64;
    case 'number':
      return number;
    case 'boolean':
      return boolean;
    case 'intOrString':
      return type.bits === 64 ? int64OrString : intOrString;
    case 'quantity':
      return quantity;
    case 'any':
      return (value) => value;
    case 'map':
      return mapDecoder(type);
    case 'list':
      return listDecoder(type);
    case 'either': {
      const object = decoderOf(type.struct);
      const other = decoderFor(type.other);
      const isBoolean = type.other.is === 'boolean';
      return (value, walk) => {
        if (typeof value === 'object' && !Array.isArray(value)) return object(value, walk);
        if (isBoolean && typeof value !== 'boolean') throw new Mismatch('boolean or JSON schema expected');
        return other(value, walk);
      };
    }
    case 'struct':
      return decoderOf(type);
    default:
      return type satisfies never;
  }
}

const int32: Decoder = (value, walk) => {
  if (typeof value !== 'number' || (value | 0) !== value) throw walk.mismatch(jsonNumber(value), 'int32');
  return value;
};

/** Beyond 2^53 the JSON reader gives bigints, which are within 64 bits. */
const int64: Decoder = (value, walk) => {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) throw walk.mismatch(jsonNumber(value), 'int64');
  return value;
};

const number: Decoder = (value, walk) => {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'number') throw walk.mismatch(jsonKind(value), 'float64');
  return value;
};

const boolean: Decoder = (value, walk) => {
  if (typeof value !== 'boolean') throw walk.mismatch(jsonKind(value), 'bool');
  return value;
};

const intOrString: Decoder = (value) => {
  if (typeof value === 'string') return value;
  if (typeof value !== 'number' || (value | 0) !== value) {
    throw new Mismatch(`json: cannot unmarshal ${jsonNumber(value)} into Go value of type int32`);
  }
  return value;
};

const int64OrString: Decoder = (value, walk) => (typeof value === 'string' ? value : int64(value, walk));

const quantity: Decoder = (value) => {
  const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : value;
  if (typeof text !== 'string') throw new Mismatch(quantityError('') ?? '');
  const parsed = parseQuantity(text);
  if (parsed === undefined) throw new Mismatch(quantityError(text) ?? '');
  return parsed.text;
};

function stringDecoder(type: StringType): Decoder {
  switch (type.format) {
    case 'time':
      return instant(canonicalTime, '2006-01-02T15:04:05Z07:00');
    case 'microTime':
      return instant(canonicalMicroTime, '2006-01-02T15:04:05.000000Z07:00');
    case 'byte':
      return bytes;
    default:
      return string;
  }
}

const string: Decoder = (value, walk) => {
  if (typeof value !== 'string') throw walk.mismatch(jsonKind(value), 'string');
  return value;
};

const bytes: Decoder = (value, walk) => {
  if (typeof value !== 'string') throw walk.mismatch(jsonKind(value), '[]uint8');
  const text = /[\r\n]/.test(value) ? value.replace(/[\r\n]+/g, '') : value;
  const body = /^[A-Za-z0-9+/]*/.exec(text)?.[0].length ?? 0;
  const padding = text.slice(body);
  const padded =
    padding === '' ? body % 4 === 0 : (padding === '=' && body % 4 === 3) || (padding === '==' && body % 4 === 2);
  if (!padded) throw new Mismatch(`illegal base64 data at input byte ${body}`);
  return text;
};

function instant(canonical: (text: string) => string | undefined, layout: string): Decoder {
  return (value, walk) => {
    if (typeof value !== 'string') throw walk.mismatch(jsonKind(value), 'string');
    const known = canonical(value);
    if (known === undefined) throw new Mismatch(timeError(value, layout));
    return known;
  };
}

function mapDecoder(type: MapType): Decoder {
  const inner = decoderFor(type.values);
  const zero = type.nulls === 'kept' ? null : zeroOf(type.values);
  const goName = goType(type);
  // Plain maps of strings are most of all maps: labels, annotations, data.
  const plain = type.values.is === 'string' && type.values.format === undefined;
  return (value, walk) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw walk.mismatch(jsonKind(value), goName);
    const record = value as Record<string, unknown>;
    let changes: Map<string, unknown> | undefined;
    for (const key in record) {
      const old = record[key];
      if (plain && typeof old === 'string') continue;
      walk.steps.push(`\0${key}`);
      const next = old === null || old === undefined ? zero : inner(old, walk);
      walk.steps.pop();
      if (next !== old) (changes ??= new Map<string, unknown>()).set(key, next);
    }
    if (changes === undefined) return value;
    // fromEntries defines own properties: a key __proto__ stays data.
    return Object.fromEntries(
      Object.entries(record)
        .map(([key, old]): [string, unknown] => [key, changes.has(key) ? changes.get(key) : old])
        .filter(([, next]) => next !== undefined),
    );
  };
}

function listDecoder(type: ListType): Decoder {
  const inner = decoderFor(type.items);
  const zero = type.nulls === 'kept' ? null : zeroOf(type.items);
  const goName = goType(type);
  return (value, walk) => {
    if (!Array.isArray(value)) throw walk.mismatch(jsonKind(value), goName);
    let out: unknown[] | undefined;
    for (let index = 0; index < value.length; index++) {
      const old: unknown = value[index];
      walk.steps.push(index);
      const next = old === null || old === undefined ? zero : inner(old, walk);
      walk.steps.pop();
      if (out !== undefined) out.push(next);
      else if (next !== old) {
        out = value.slice(0, index) as unknown[];
        out.push(next);
      }
    }
    return out ?? value;
  };
}

/** What Go makes of a null item. */
function zeroOf(type: AnyTypeData): unknown {
  if (type.is === 'any') return null;
  return type.is === 'list' ? [] : (scalarZero(type) ?? {});
}
