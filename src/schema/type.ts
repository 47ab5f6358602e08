/**
 * The declaration language: a type is frozen plain data, and everything else (decoding, defaults, validation, apply,
 * OpenAPI, tables) is an interpreter that walks it. `struct`, `s` and `t` build the data and carry the TypeScript type along,
 * so a Kind's type is inferred from its declaration. Nothing here may know a particular kind.
 *
 * Two types travel with each declaration: what is *stored* (defaults filled in) and what a client may *draft* (they may be missing).
 */
import type { Cause } from '#meta/status.ts';

/** A rule beyond the declaration. Answers the causes it finds; `path` is the field path of `value`, `spec.ports[0].name`. */
export type Rule = (value: never, path: string) => readonly Cause[];

export interface StringType {
  readonly is: 'string';
  /** 'byte' is base64 text; 'time' and 'microTime' are RFC 3339 instants in UTC, without and with microseconds. */
  readonly format?: 'byte' | 'time' | 'microTime' | 'duration';
  /** Known values; another value is `Unsupported value` unless `open`. */
  readonly values?: readonly string[];
  /** They are told as they are declared; otherwise sorted. */
  readonly ordered?: boolean;
  readonly open?: boolean;
}
export interface IntegerType {
  readonly is: 'integer';
  readonly bits: 32 | 64;
}
export interface NumberType {
  readonly is: 'number';
}
export interface BooleanType {
  readonly is: 'boolean';
}
export interface IntOrStringType {
  readonly is: 'intOrString';
  /** Go's IntOrString has 32 bits; in custom resources an integer has 64. */
  readonly bits?: 64;
}
export interface QuantityType {
  readonly is: 'quantity';
}
/** Any JSON, kept as it is: RawExtension, FieldsV1, JSON. */
export interface AnyType {
  readonly is: 'any';
  /** A definition of its own in OpenAPI, which says nothing of the shape: `apiextensions.v1.JSON`. Without one it is an object. */
  readonly name?: string;
}
/**
 * An object of a struct, or another shape of JSON in its place (`additionalProperties: true`): the value itself tells which. In protobuf it is a message with
 * a tag for each. Apply owns the object field by field, as it does JSON of no declared type.
 */
export interface EitherType {
  readonly is: 'either';
  /** Name of the definition and of the message: `apiextensions.v1.JSONSchemaPropsOrBool`. */
  readonly name: string;
  readonly doc: string;
  readonly struct: StructType;
  readonly other: BooleanType | ListType;
  readonly tags: { readonly struct: number; readonly other: number };
}
export interface MapType {
  readonly is: 'map';
  readonly values: AnyTypeData;
  /** Server-side apply owns the map as a whole. */
  readonly atomic?: boolean;
  /** A null value stays one; otherwise it becomes Go's zero value. */
  readonly nulls?: 'kept';
}
export interface ListType {
  readonly is: 'list';
  readonly items: AnyTypeData;
  /** Server-side apply: how items are owned. `keys` only with 'map'. */
  readonly list: 'atomic' | 'set' | 'map';
  readonly keys?: readonly string[];
  /** Strategic merge patch: items are merged (by `mergeKey`, or as a set of scalars) instead of replaced. */
  readonly patch?: { readonly strategy: string; readonly mergeKey?: string };
  /** Upstream accepts two items of the same key (env, container ports): then they are no `Duplicate value`. */
  readonly duplicates?: 'allowed';
  /** A null item stays one; otherwise it becomes Go's zero value. */
  readonly nulls?: 'kept';
}
export interface StructType {
  readonly is: 'struct';
  /** `core.v1.PodSpec`, `meta.v1.ObjectMeta`: see `definitionName`. */
  readonly name: string;
  readonly doc: string;
  readonly fields: Readonly<Record<string, FieldData>>;
  readonly rules: readonly Rule[];
  /** Server-side apply owns the struct as a whole. */
  readonly atomic?: boolean;
  /** Fields that are not declared stay as they are (x-kubernetes-preserve-unknown-fields). */
  readonly preserves?: boolean;
  /** Union members of which at most (or exactly, when required) one may be set; upstream words differ, so rules check them. */
  readonly retainKeys?: boolean;
}
export type AnyTypeData =
  | StringType
  | IntegerType
  | NumberType
  | BooleanType
  | IntOrStringType
  | QuantityType
  | AnyType
  | EitherType
  | MapType
  | ListType
  | StructType;

/** How a value that may not change is told: as it is, as its internal Go type has it, or (where upstream declares the rule) not at all. */
export type Told = 'plain' | 'internal' | 'null';

export interface FieldData {
  readonly type: AnyTypeData;
  /** Protobuf tag. */
  readonly tag: number;
  /** Tags of the enclosing inline messages, outermost first (protobuf only; JSON is flat). */
  readonly via?: readonly number[];
  readonly presence: 'required' | 'optional' | 'defaulted';
  /** What `Required value` is followed by when it is missing. */
  readonly requiredDetail?: string;
  /** What is said when it is missing, instead of `Required value`: nothing here, because a rule does, or `Unsupported value: ""`. */
  readonly missing?: 'ruled' | 'unsupported';
  readonly default?: unknown;
  /** The default is not stored. */
  readonly omitsDefault?: true;
  readonly doc: string;
  /** `alone`: of an update nothing else is said about it. */
  readonly immutable?: { readonly told: Told; readonly alone?: true };
  /** An explicit 0, false or '' differs from absence; in other fields that are not required it is absence, as Go's omitempty has it. */
  readonly keepsZero?: boolean;
  /**
   * As custom resources have it: what stands in JSON is the value, and no zero or empty value means absence. A null means absence, unless it is
   * 'nullable'.
   */
  readonly verbatim?: 'value' | 'nullable';
  readonly min?: number;
  readonly max?: number;
  readonly rules: readonly Rule[];
  /** Strategic merge of a struct field: `replace` or `retainKeys`. */
  readonly patchStrategy?: string;
  /** A feature of v1.37 that is off: the field is known, and what clients send in it is dropped as upstream drops it. */
  readonly gate?: string;
}

/** A type with the TypeScript types it stands for. */
export type Type<Stored = unknown, Draft = Stored, Data extends AnyTypeData = AnyTypeData> = Data & {
  readonly '~stored'?: Stored;
  readonly '~draft'?: Draft;
};

type Presence = FieldData['presence'];

/** A field under construction; every method answers a new one. */
export class Field<Stored, Draft = Stored, P extends Presence = 'required'> {
  readonly data: FieldData;
  declare readonly '~stored': Stored;
  declare readonly '~draft': Draft;
  declare readonly '~presence': P;

  constructor(data: FieldData) {
    this.data = Object.freeze(data);
  }

  #with<Q extends Presence = P>(change: Partial<FieldData>): Field<Stored, Draft, Q> {
    return new Field<Stored, Draft, Q>({ ...this.data, ...change });
  }

  /** What `kubectl explain` shows. */
  doc(text: string): Field<Stored, Draft, P> {
    return this.#with({ doc: text });
  }
  optional(): Field<Stored, Draft, 'optional'> {
    return this.#with<'optional'>({ presence: 'optional' });
  }
  /** Required, with this detail in the cause when it is missing. */
  requiredAs(detail: string): Field<Stored, Draft, 'required'> {
    return this.#with<'required'>({ presence: 'required', requiredDetail: detail });
  }
  /**
   * What is said of its absence, and of a value that is not known, is said by a rule of the kind, in upstream's own way. A required one is Go's zero value then:
   * rules find '', 0 or an empty struct, as upstream's do (and nothing where Go has a pointer or bytes). An optional struct or list is looked into by the rule
   * alone (`validateStruct`).
   */
  ruled(): Field<Stored, Draft, P> {
    const { presence, keepsZero, type } = this.data;
    const zero = presence === 'required' && keepsZero !== true ? zeroOf(type) : undefined;
    return this.#with({ missing: 'ruled', ...(zero === undefined ? {} : { default: zero }) });
  }
  /** One of the known values, and no value is not one of them. */
  listed(): Field<Stored, Draft, P> {
    return this.#with({ missing: 'unsupported' });
  }
  /** Known values are told in this order, as upstream does of some. */
  inOrder(): Field<Stored, Draft, P> {
    return this.#with({ type: Object.freeze({ ...this.data.type, ordered: true }) as AnyTypeData });
  }
  /** Filled in when absent; the stored type has no undefined here. */
  default(value: Draft): Field<Stored, Draft, 'defaulted'> {
    return this.#with<'defaulted'>({ presence: 'defaulted', default: value });
  }
  /** An empty text, which schemas tell of and nothing is stored of, as Go's omitempty has it. */
  emptyDefault(): Field<Stored, Draft, 'optional'> {
    return this.#with<'optional'>({ presence: 'optional', default: '', omitsDefault: true });
  }
  /** The kind's own default hook fills it in: always there in the stored type, may be missing in a draft. */
  filled(): Field<Stored, Draft, 'defaulted'> {
    return this.#with<'defaulted'>({ presence: 'defaulted' });
  }
  /** Behind a feature gate that is off in v1.37: known to clients and schemas, dropped when sent. */
  off(gate: string): Field<Stored, Draft, 'optional'> {
    return this.#with<'optional'>({ presence: 'optional', gate });
  }
  min(value: number): Field<Stored, Draft, P> {
    return this.#with({ min: value });
  }
  max(value: number): Field<Stored, Draft, P> {
    return this.#with({ max: value });
  }
  /** An explicit 0, false or '' means something (a pointer in Go). */
  keepsZero(): Field<Stored, Draft, P> {
    return this.#with({ keepsZero: true });
  }
  /** An update that changes it is `Invalid value: … field is immutable`. */
  immutable(told: Told = 'plain'): Field<Stored, Draft, P> {
    return this.#with({ immutable: { told } });
  }
  /** The same for a field of the object itself, and whatever else is wrong there is not told of an update. */
  frozen(told: Told): Field<Stored, Draft, P> {
    return this.#with({ immutable: { told, alone: true } });
  }
  rule(check: (value: Stored, path: string) => readonly Cause[]): Field<Stored, Draft, P> {
    return this.#with({ rules: [...this.data.rules, check as Rule] });
  }
  patchStrategy(strategy: string): Field<Stored, Draft, P> {
    return this.#with({ patchStrategy: strategy });
  }
}

function zeroOf(type: AnyTypeData): unknown {
  if (type.is === 'string' && type.format === 'byte') return undefined;
  return type.is === 'struct' ? Object.freeze({}) : scalarZero(type);
}

/** Go's zero value of what is no list, map or struct, as it is written; undefined for those. */
export function scalarZero(type: AnyTypeData): string | number | false | undefined {
  switch (type.is) {
    case 'string':
      return '';
    case 'integer':
    case 'number':
    case 'intOrString':
      return 0;
    case 'boolean':
      return false;
    case 'quantity':
      return '0';
    default:
      return undefined;
  }
}

type AnyField = Field<unknown, unknown, Presence>;
type Fields = Readonly<Record<string, AnyField>>;

type Simplify<T> = { readonly [K in keyof T]: T[K] };
type StoredFields<F extends Fields> = Simplify<
  { [K in keyof F as F[K]['~presence'] extends 'optional' ? never : K]: F[K]['~stored'] } & {
    [K in keyof F as F[K]['~presence'] extends 'optional' ? K : never]?: F[K]['~stored'];
  }
>;
type DraftFields<F extends Fields> = Simplify<
  { [K in keyof F as F[K]['~presence'] extends 'required' ? K : never]: F[K]['~draft'] } & {
    [K in keyof F as F[K]['~presence'] extends 'required' ? never : K]?: F[K]['~draft'];
  }
>;

/** A struct, its builder fields kept so that another struct can inline them. */
export type Struct<F extends Fields> = Type<StoredFields<F>, DraftFields<F>, StructType> & { readonly inlined: F };

/** The stored type of a declaration. */
export type Of<T> = T extends { readonly '~stored'?: infer S } ? NonNullable<S> : never;
/** The type a client may send: defaults may be missing. */
export type DraftOf<T> = T extends { readonly '~draft'?: infer D } ? NonNullable<D> : never;

/** Declares a struct. `name` is `<group>.<version>.<GoType>`; see `definitionName` for the OpenAPI name. */
export function struct<const F extends Fields>(
  name: string,
  fields: F,
  options: {
    doc?: string;
    atomic?: boolean;
    retainKeys?: boolean;
    rules?: readonly ((value: StoredFields<F>, path: string) => readonly Cause[])[];
  } = {},
): Struct<F> {
  const data: Record<string, FieldData> = {};
  for (const [key, field] of Object.entries(fields)) data[key] = field.data;
  return Object.freeze({
    is: 'struct',
    name,
    doc: options.doc ?? '',
    fields: Object.freeze(data),
    rules: (options.rules ?? []) as readonly Rule[],
    ...(options.atomic ? { atomic: true } : {}),
    ...(options.retainKeys ? { retainKeys: true } : {}),
    inlined: fields,
  }) as Struct<F>;
}

/**
 * Declares a struct that contains itself. `fields` gets the struct that is being declared; its types cannot be inferred and are stated:
 * `recursiveStruct<JsonSchema>(name, (self) => ({ not: s.field(28, self).optional() … }))`.
 */
export function recursiveStruct<Stored, Draft = Stored>(
  name: string,
  fields: (self: Type<Stored, Draft, StructType>) => Fields,
  options: { doc: string; rules?: readonly ((value: Stored, path: string) => readonly Cause[])[] },
): Type<Stored, Draft, StructType> {
  const data: Record<string, FieldData> = {};
  const self = {
    is: 'struct',
    name,
    doc: options.doc,
    fields: data,
    rules: (options.rules ?? []) as readonly Rule[],
  } as Type<Stored, Draft, StructType>;
  for (const [key, field] of Object.entries(fields(self))) data[key] = field.data;
  Object.freeze(data);
  return Object.freeze(self);
}

/** The fields of `inner`, to be spread into another struct: flat in JSON, a nested message `tag` in protobuf. */
export function inline<F extends Fields>(tag: number, inner: Struct<F>): F {
  const fields: Record<string, AnyField> = {};
  for (const [key, field] of Object.entries(inner.inlined)) {
    fields[key] = new Field({ ...field.data, via: [tag, ...(field.data.via ?? [])] });
  }
  return fields as F;
}

const type = <S, D extends AnyTypeData>(data: D): Type<S, S, D> => Object.freeze(data) as Type<S, S, D>;

type ListOptions = {
  readonly list?: 'atomic' | 'set' | 'map';
  readonly keys?: readonly string[];
  readonly patch?: { readonly strategy: string; readonly mergeKey?: string };
  readonly duplicates?: 'allowed';
};

/** Types of list items, map values and nested fields. */
export const t = {
  string: type<string, StringType>({ is: 'string' }),
  int32: type<number, IntegerType>({ is: 'integer', bits: 32 }),
  int64: type<number, IntegerType>({ is: 'integer', bits: 64 }),
  number: type<number, NumberType>({ is: 'number' }),
  boolean: type<boolean, BooleanType>({ is: 'boolean' }),
  bytes: type<string, StringType>({ is: 'string', format: 'byte' }),
  time: type<string, StringType>({ is: 'string', format: 'time' }),
  microTime: type<string, StringType>({ is: 'string', format: 'microTime' }),
  quantity: type<string, QuantityType>({ is: 'quantity' }),
  intOrString: type<number | string, IntOrStringType>({ is: 'intOrString' }),
  any: type<unknown, AnyType>({ is: 'any' }),
  /** JSON of any shape that has a definition of its own. */
  json: (name: string) => type<unknown, AnyType>({ is: 'any', name }),
  /** An object of the struct, or a value of the other type. */
  either: <S, D, O>(
    name: string,
    struct: Type<S, D, StructType>,
    other: Type<O, O, BooleanType | ListType>,
    options: { doc: string; tags: EitherType['tags'] },
  ): Type<S | O, D | O, EitherType> => Object.freeze({ is: 'either', name, struct, other, ...options }) as never,
  /** A string of known values; `open` when clients may send others (upstream adds values over time). */
  oneOf: <const V extends readonly string[]>(...values: V) => type<V[number], StringType>({ is: 'string', values }),
  /** The same, told in this order. */
  inOrder: <const V extends readonly string[]>(...values: V) =>
    type<V[number], StringType>({ is: 'string', values, ordered: true }),
  list: <S, D>(items: Type<S, D>, options: ListOptions = {}): Type<readonly S[], readonly D[], ListType> =>
    Object.freeze({ is: 'list', items, list: options.list ?? 'atomic', ...options }) as Type<
      readonly S[],
      readonly D[],
      ListType
    >,
  map: <S, D>(
    values: Type<S, D>,
    options: { atomic?: boolean } = {},
  ): Type<Readonly<Record<string, S>>, Readonly<Record<string, D>>, MapType> =>
    Object.freeze({ is: 'map', values, ...options }) as never,
} as const;

const field = <S, D>(tag: number, of: Type<S, D>): Field<S, D> =>
  new Field<S, D>({ type: of, tag, presence: 'required', doc: '', rules: [] });

/** Fields: the number is the protobuf tag. */
export const s = {
  field,
  string: (tag: number) => field(tag, t.string),
  int32: (tag: number) => field(tag, t.int32),
  int64: (tag: number) => field(tag, t.int64),
  number: (tag: number) => field(tag, t.number),
  boolean: (tag: number) => field(tag, t.boolean),
  bytes: (tag: number) => field(tag, t.bytes),
  time: (tag: number) => field(tag, t.time),
  microTime: (tag: number) => field(tag, t.microTime),
  quantity: (tag: number) => field(tag, t.quantity),
  intOrString: (tag: number) => field(tag, t.intOrString),
  any: (tag: number) => field(tag, t.any),
  oneOf: <const V extends readonly string[]>(tag: number, ...values: V) => field(tag, t.oneOf(...values)),
  list: <S, D>(tag: number, items: Type<S, D>, options: ListOptions = {}) => field(tag, t.list(items, options)),
  map: <S, D>(tag: number, values: Type<S, D>, options: { atomic?: boolean } = {}) =>
    field(tag, t.map(values, options)),
} as const;

/** Groups that upstream keeps outside k8s.io/api, and where. */
const definitionPrefixes: Readonly<Record<string, string>> = {
  meta: 'io.k8s.apimachinery.pkg.apis',
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis',
  apiregistration: 'io.k8s.kube-aggregator.pkg.apis',
};

/** `core.v1.Pod` → `io.k8s.api.core.v1.Pod`; `meta.v1.X` → `io.k8s.apimachinery.pkg.apis.meta.v1.X`; `.com.example.v1.X` of a user → `com.example.v1.X`. */
export function definitionName(name: string): string {
  if (name.startsWith('.')) return name.slice(1);
  return `${definitionPrefixes[name.slice(0, name.indexOf('.'))] ?? 'io.k8s.api'}.${name}`;
}
