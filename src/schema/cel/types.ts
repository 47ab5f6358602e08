/**
 * The types of CEL as the checker knows them, how messages print them, and object types whose fields are asked for by name. They are frozen plain values; two
 * of one shape are the same type. Nothing here knows Kubernetes.
 */

export type TypeKind =
  | 'any'
  | 'bool'
  | 'bytes'
  | 'double'
  | 'duration'
  | 'dyn'
  | 'error'
  | 'int'
  | 'list'
  | 'map'
  | 'none'
  | 'null'
  | 'object'
  | 'opaque'
  | 'parameter'
  | 'string'
  | 'timestamp'
  | 'type'
  | 'uint';

export interface CelType {
  readonly kind: TypeKind;
  /** The name at run time: `int`, `google.protobuf.Duration`, that of an object type, of a type parameter. */
  readonly name: string;
  /** Of a list its elements, of a map keys and values, of `type(T)` the T, of an opaque type its own. */
  readonly parameters: readonly CelType[];
  /** A wrapper of protobuf: the value or null. */
  readonly nullable: boolean;
  /** How many types it is made of, each counted as often as it stands there: what it takes to look at all of it. */
  readonly weight: number;
}

const typeOf = (kind: TypeKind, name: string, parameters: readonly CelType[] = []): CelType =>
  Object.freeze({
    kind,
    name,
    parameters: Object.freeze(parameters),
    nullable: false,
    weight: parameters.reduce((sum, { weight }) => sum + weight, 1),
  });

export const anyType = typeOf('any', 'google.protobuf.Any');
export const boolType = typeOf('bool', 'bool');
export const bytesType = typeOf('bytes', 'bytes');
export const doubleType = typeOf('double', 'double');
export const durationType = typeOf('duration', 'google.protobuf.Duration');
export const dynType = typeOf('dyn', 'dyn');
export const errorType = typeOf('error', 'error');
export const intType = typeOf('int', 'int');
export const nullType = typeOf('null', 'null_type');
export const stringType = typeOf('string', 'string');
export const timestampType = typeOf('timestamp', 'google.protobuf.Timestamp');
export const uintType = typeOf('uint', 'uint');

/** Of a field that is declared without a type: nothing but dynamic values fit. */
export const noType = typeOf('none', '');

export const listType = (element: CelType): CelType => typeOf('list', 'list', [element]);
export const mapType = (key: CelType, value: CelType): CelType => typeOf('map', 'map', [key, value]);
export const objectType = (name: string): CelType => typeOf('object', name);
/** A type of which nothing can be selected. */
export const opaqueType = (name: string, parameters: readonly CelType[] = []): CelType =>
  typeOf('opaque', name, parameters);
export const optionalType = (of: CelType): CelType => opaqueType('optional_type', [of]);
export const parameterType = (name: string): CelType => typeOf('parameter', name);
/** The type of a type; without an argument of any. */
export const typeType = (of?: CelType): CelType => typeOf('type', 'type', of === undefined ? [] : [of]);
export const nullableType = (of: CelType): CelType => Object.freeze({ ...of, nullable: true });

/** The n-th parameter. A list, a map and an optional always have theirs. */
export const parameterOf = (type: CelType, n: number): CelType => type.parameters[n] ?? dynType;

export const isDyn = ({ kind }: CelType): boolean => kind === 'dyn' || kind === 'any';
export const isOptional = ({ kind, name }: CelType): boolean => kind === 'opaque' && name === 'optional_type';

/** Of one shape. With `anyParameter` type parameters of every name are the same. */
export function sameType(one: CelType, other: CelType, anyParameter = false): boolean {
  if (one === other) return true;
  if (one.kind !== other.kind || one.parameters.length !== other.parameters.length) return false;
  if (one.name !== other.name && !(anyParameter && one.kind === 'parameter')) return false;
  return one.parameters.every((parameter, n) => sameType(parameter, parameterOf(other, n), anyParameter));
}

const declaredName = ({ name, nullable }: CelType): string => (nullable ? `wrapper(${name})` : name);

const shortNames: Partial<Record<TypeKind, string>> = {
  any: 'any',
  duration: 'duration',
  error: '!error!',
  null: 'null',
  timestamp: 'timestamp',
};

/** As the checker's messages name it: `list(timestamp)`. */
export function formatType(type: CelType): string {
  const short = shortNames[type.kind];
  if (short !== undefined) return short;
  if (type.parameters.length === 0) return declaredName(type);
  return `${type.name}(${type.parameters.map(formatType).join(', ')})`;
}

/** As Kubernetes' messages name it: `list(google.protobuf.Timestamp)`. */
export function printType(type: CelType): string {
  if (type.kind === 'parameter') return `<${type.name}>`;
  if (type.parameters.length === 0) return declaredName(type);
  return `${declaredName(type)}(${type.parameters.map(printType).join(', ')})`;
}

/** The fields of an object type. */
export interface ObjectFields {
  readonly type: CelType;
  /** undefined where there is no such field. */
  readonly field: (name: string) => CelType | undefined;
}

export interface Overload {
  readonly id: string;
  /** `target.name(…)`: the first argument is the target. */
  readonly member: boolean;
  readonly args: readonly CelType[];
  readonly result: CelType;
  /** The names of its type parameters. */
  readonly parameters: readonly string[];
}

export interface FunctionDeclaration {
  readonly name: string;
  readonly overloads: readonly Overload[];
}
