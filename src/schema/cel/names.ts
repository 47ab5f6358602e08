/**
 * How names are found: of `a.b.C` in the container `x.y` first `x.y.a.b.C`, then `x.a.b.C`, then `a.b.C`; after a leading dot only the last. A name is a
 * variable, else a type.
 */
import type { Expr } from './ast.ts';
import type { Environment } from './environment.ts';
import { typeType, type CelType, type FunctionDeclaration, type TypeKind } from './types.ts';

/** What a name means. */
export interface Resolved {
  /** Whole. */
  readonly name: string;
  readonly type: CelType;
}

function candidates(container: string, name: string): readonly string[] {
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

interface Scope {
  readonly parent: Scope | undefined;
  readonly names: ReadonlyMap<string, CelType>;
}

/** What names mean while an expression is walked: variables of the comprehensions around, innermost first, then the environment. */
export class Names {
  readonly #environment: Environment;
  #scope: Scope | undefined;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Runs with variables that hide others of their names. */
  within<T>(names: readonly (readonly [string, CelType])[], run: () => T): T {
    const parent = this.#scope;
    this.#scope = { parent, names: new Map(names) };
    const result = run();
    this.#scope = parent;
    return result;
  }

  /** What `a` or, with a dot before it, the outermost `a` means. One that a variable hides keeps its dot. */
  resolve(name: string): Resolved | undefined {
    const isOutermost = name.startsWith('.');
    const local = this.#local(isOutermost ? name.slice(1) : name);
    if (local !== undefined && !isOutermost) return { name, type: local };
    return this.#global(name, local !== undefined);
  }

  /** What `a.b.c` means as one name. */
  resolveQualified(qualifiers: readonly string[]): Resolved | undefined {
    const [first = ''] = qualifiers;
    const isOutermost = first.startsWith('.');
    const local = this.#local(isOutermost ? first.slice(1) : first);
    return local !== undefined && !isOutermost ? undefined : this.#global(qualifiers.join('.'), local !== undefined);
  }

  function(name: string): FunctionDeclaration | undefined {
    return this.#first(name, (candidate) => this.#environment.function(candidate));
  }

  /** The type that `Name{…}` names, and the message whose fields may be written; undefined where the type is no message. */
  typeNamed(
    name: string,
  ): { readonly name: string; readonly type: CelType; readonly message: string | undefined } | undefined {
    return this.#first(name, (candidate) => {
      const type = this.#environment.type(candidate) ?? this.#environment.object(candidate)?.type;
      return type && { name: candidate, type, message: messageOf(type) };
    });
  }

  #local(name: string): CelType | undefined {
    for (let scope = this.#scope; scope !== undefined; scope = scope.parent) {
      const found = scope.names.get(name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A variable or a type of the environment. */
  #global(name: string, isHidden: boolean): Resolved | undefined {
    return this.#first(name, (candidate) => {
      const { variable, type, object } = this.#environment;
      const value = type(candidate) ?? object(candidate)?.type;
      const found = variable(candidate) ?? (value && typeType(value));
      return found && { name: isHidden ? `.${candidate}` : candidate, type: found };
    });
  }

  #first<T>(name: string, find: (candidate: string) => T | undefined): T | undefined {
    for (const candidate of candidates(this.#environment.container, name)) {
      const found = find(candidate);
      if (found !== undefined) return found;
    }
    return undefined;
  }
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
