/**
 * How names are found: of `a.b.C` in the container `x.y` first `x.y.a.b.C`, then `x.a.b.C`, then `a.b.C`; after a leading dot only the last. A name is a
 * variable, else a type. Variables of comprehensions are the checker's.
 */
import type { Expr } from './ast.ts';
import type { Environment } from './environment.ts';
import { typeType, type CelType, type TypeKind } from './types.ts';

/** What a name means. */
export interface Resolved {
  /** Whole, without the leading dot. */
  readonly name: string;
  readonly type: CelType;
}

export function candidates(container: string, name: string): readonly string[] {
  if (name.startsWith('.')) return [name.slice(1)];
  const parts = container === '' ? [] : container.split('.');
  return [...parts.keys()].map((n) => [...parts.slice(0, parts.length - n), name].join('.')).concat(name);
}

/** The names of `a.b.c`; undefined where the expression is none. */
export function qualifiersOf(expr: Expr): readonly string[] | undefined {
  if (expr.is === 'ident') return [expr.name];
  if (expr.is !== 'select' || expr.test) return undefined;
  const before = qualifiersOf(expr.operand);
  return before && [...before, expr.field];
}

/** A variable or a type of the environment. */
export function globalType(environment: Environment, name: string): Resolved | undefined {
  for (const candidate of candidates(environment.container, name)) {
    const variable = environment.variable(candidate);
    if (variable !== undefined) return { name: candidate, type: variable };
    const type = environment.type(candidate);
    if (type !== undefined) return { name: candidate, type: typeType(type) };
    const object = environment.object(candidate);
    if (object !== undefined) return { name: candidate, type: typeType(object.type) };
  }
  return undefined;
}

/** The type that `Name{…}` names, and the message whose fields may be written; undefined where the type is no message. */
export function typeNamed(
  environment: Environment,
  name: string,
): { readonly name: string; readonly type: CelType; readonly message: string | undefined } | undefined {
  for (const candidate of candidates(environment.container, name)) {
    const type = environment.type(candidate) ?? environment.object(candidate)?.type;
    if (type !== undefined) return { name: candidate, type, message: messageOf(type) };
  }
  return undefined;
}

const wellKnown: Partial<Record<TypeKind, string>> = {
  any: 'Any',
  bool: 'BoolValue',
  bytes: 'BytesValue',
  double: 'DoubleValue',
  duration: 'Duration',
  dyn: 'Value',
  int: 'Int64Value',
  list: 'ListValue',
  map: 'Struct',
  null: 'NullValue',
  string: 'StringValue',
  timestamp: 'Timestamp',
  uint: 'UInt64Value',
};

/** Some messages of protobuf are types of CEL. */
function messageOf({ kind, name, nullable, parameters: [first, second] }: CelType): string | undefined {
  if (kind === 'object') return name;
  const isMessage =
    nullable ||
    ['any', 'duration', 'dyn', 'null', 'timestamp'].includes(kind) ||
    (kind === 'list' && first?.kind === 'dyn') ||
    (kind === 'map' && first?.kind === 'string' && second?.kind === 'dyn');
  return isMessage ? `google.protobuf.${wellKnown[kind]}` : undefined;
}
