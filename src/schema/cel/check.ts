/**
 * Type-checks a parsed expression: finds what each name means, which overloads a call may reach and the type of every node, or says what is wrong in the words
 * of cel-go. Errors do not stop it: what is wrong has the type `error`, which fits everywhere. It changes no tree; it returns one in which names are whole.
 */
import { assert } from '#base/assert.ts';
import type {
  CallExpr,
  CelError,
  ComprehensionExpr,
  Expr,
  ListExpr,
  MapExpr,
  Parsed,
  SelectExpr,
  StructExpr,
} from './ast.ts';
import type { Environment } from './environment.ts';
import { NOWHERE } from './errors.ts';
import { Names, qualifiersOf, type Resolved } from './names.ts';
import {
  boolType,
  bytesType,
  doubleType,
  dynType,
  errorType,
  formatType,
  intType,
  isDyn,
  isOptional,
  listType,
  mapType,
  nullType,
  optionalType,
  parameterOf,
  parameterType,
  sameType,
  stringType,
  uintType,
  type CelType,
  type FunctionDeclaration,
} from './types.ts';
import { instantiate, moreGeneral, TooComplex, Unifier } from './unify.ts';

/** What a name or a call means. */
export type Reference =
  | { readonly to: 'name'; readonly name: string }
  | { readonly to: 'overloads'; readonly ids: readonly string[] };

export interface Checked extends Parsed {
  /** By the number of the node. */
  readonly types: ReadonlyMap<number, CelType>;
  readonly references: ReadonlyMap<number, Reference>;
  readonly type: CelType;
}

export type CheckResult = { readonly checked: Checked } | { readonly errors: readonly CelError[] };

export function check(parsed: Parsed, environment: Environment): CheckResult {
  const checker = new Checker(parsed, environment);
  try {
    const expr = checker.check(parsed.expr);
    if (checker.errors.length > 0) return { errors: checker.errors };
    return { checked: { ...parsed, expr, ...checker.result(expr) } };
  } catch (error) {
    if (error instanceof TooComplex) return { errors: [{ offset: NOWHERE, message: 'the types are too complex' }] };
    throw error;
  }
}

/** Types that are looked at in an expression: some for each character, where a plain one takes one or two. */
const stepsMax = { always: 100_000, perCharacter: 20 };
/** How many types a type may be made of. */
const weightMax = 10_000;

const constantTypes = {
  null: nullType,
  bool: boolType,
  int: intType,
  uint: uintType,
  double: doubleType,
  string: stringType,
  bytes: bytesType,
} as const;

class Checker {
  readonly errors: CelError[] = [];
  readonly #positions: ReadonlyMap<number, number>;
  readonly #environment: Environment;
  readonly #types = new Map<number, CelType>();
  readonly #references = new Map<number, Reference>();
  readonly #unifier: Unifier;
  readonly #names: Names;
  #freeTypes = 0;

  constructor({ positions, source }: Parsed, environment: Environment) {
    this.#positions = positions;
    this.#unifier = new Unifier(stepsMax.always + stepsMax.perCharacter * source.length);
    this.#environment = environment;
    this.#names = new Names(environment);
  }

  result(root: Expr): Pick<Checked, 'types' | 'references' | 'type'> {
    const types = new Map([...this.#types].map(([id, type]) => [id, this.#unifier.substitute(type, true)]));
    return { types, references: this.#references, type: types.get(root.id) ?? errorType };
  }

  check(expr: Expr): Expr {
    switch (expr.is) {
      case 'constant':
        return this.#typed(expr, constantTypes[expr.constant.type]);
      case 'ident': {
        const found = this.#names.resolve(expr.name);
        if (found !== undefined) return this.#named(expr.id, found);
        this.#undeclared(expr, expr.name);
        return expr;
      }
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'struct':
        return this.#struct(expr);
      case 'comprehension':
        return this.#comprehension(expr);
      default:
        expr satisfies never;
        return expr;
    }
  }

  #named(id: number, { name, type }: Resolved): Expr {
    this.#types.set(id, type);
    this.#references.set(id, { to: 'name', name });
    return { is: 'ident', id, name };
  }

  // --- Selection ------------------------------------------------------------------------------------------------------------------

  #select(expr: SelectExpr): Expr {
    const qualifiers = qualifiersOf(expr);
    const found = qualifiers && this.#names.resolveQualified(qualifiers);
    if (found !== undefined) return this.#named(expr.id, found);
    const { operand, type } = this.#field(expr.id, expr.operand, expr.field);
    return this.#typed({ ...expr, operand }, expr.test ? boolType : this.#unifier.substitute(type));
  }

  /** The type of a field; `optional` when `?.` asks for it. */
  #field(
    id: number,
    target: Expr,
    field: string,
    optional = false,
  ): { readonly operand: Expr; readonly type: CelType } {
    const operand = this.check(target);
    const whole = this.#unifier.substitute(this.#typeOf(operand));
    const from = isOptional(whole) ? parameterOf(whole, 0) : whole;
    const type = this.#fieldType(id, from, field);
    return { operand, type: isOptional(whole) || optional ? optionalType(type) : type };
  }

  #fieldType(id: number, from: CelType, field: string): CelType {
    switch (from.kind) {
      case 'map':
        return parameterOf(from, 1);
      case 'object':
        return this.#fieldOf(id, from.name, field) ?? errorType;
      case 'parameter':
        // It is dynamic from here on, lest it be taken for something narrower later.
        this.#fits(dynType, from);
        return dynType;
      case 'dyn':
      case 'any':
      case 'error':
        return dynType;
      default:
        this.#fault(id, `type '${formatType(from)}' does not support field selection`);
        return dynType;
    }
  }

  #fieldOf(id: number, name: string, field: string): CelType | undefined {
    const object = this.#environment.object(name);
    if (object === undefined) {
      this.#fault(id, `unexpected failed resolution of '${name}'`);
      return undefined;
    }
    const type = object.field(field);
    if (type === undefined) this.#fault(id, `undefined field '${field}'`);
    return type;
  }

  // --- Calls ----------------------------------------------------------------------------------------------------------------------

  #call(expr: CallExpr): Expr {
    if (expr.name === '_?._') return this.#optionalSelect(expr);
    const args = expr.args.map((arg) => this.check(arg));
    if (expr.target === undefined) {
      const found = this.#names.function(expr.name);
      if (found !== undefined) return this.#overloaded({ ...expr, name: found.name, args }, found);
      this.#undeclared(expr, expr.name);
      return { ...expr, args };
    }
    // Of `a.b.c()` either `a.b.c` is a function, or `c` is one with the target `a.b`.
    const qualifiers = qualifiersOf(expr.target);
    const spaced = qualifiers && this.#names.function([...qualifiers, expr.name].join('.'));
    if (spaced !== undefined) return this.#overloaded({ ...expr, target: undefined, name: spaced.name, args }, spaced);
    const target = this.check(expr.target);
    const found = this.#names.function(expr.name);
    if (found !== undefined) return this.#overloaded({ ...expr, target, args }, found);
    this.#undeclared(expr, expr.name);
    return { ...expr, target, args };
  }

  #optionalSelect(expr: CallExpr): Expr {
    const [target, field] = expr.args;
    assert(
      target !== undefined && field?.is === 'constant' && field.constant.type === 'string',
      'the parser makes `?.` of a name',
    );
    const { operand, type } = this.#field(expr.id, target, field.constant.value, true);
    this.#references.set(expr.id, { to: 'overloads', ids: ['select_optional_field'] });
    return this.#typed({ ...expr, args: [operand, field] }, this.#unifier.substitute(type));
  }

  #overloaded(expr: CallExpr, { name, overloads }: FunctionDeclaration): Expr {
    if (name === '_&&_' || name === '_||_') return this.#logical(expr, name);
    const given = [...(expr.target === undefined ? [] : [expr.target]), ...expr.args].map((arg) => this.#typeOf(arg));
    const ids: string[] = [];
    let result: CelType | undefined;
    for (const overload of overloads) {
      if (overload.member !== (expr.target !== undefined)) continue;
      const fresh = new Map(overload.parameters.map((parameter) => [parameter, this.#freeType()]));
      const wanted = overload.args.map((arg) => instantiate(arg, fresh));
      if (!this.#unifier.assign(given, wanted)) continue;
      ids.push(overload.id);
      const type = this.#unifier.substitute(instantiate(overload.result, fresh));
      if (result === undefined) result = type;
      else if (!isDyn(result) && !sameType(type, result)) result = dynType;
    }
    if (result === undefined) {
      const types = given.map((type) => formatType(this.#unifier.substitute(type, true)));
      const target = expr.target === undefined ? '' : `${types.shift()}.`;
      this.#fault(expr.id, `found no matching overload for '${name}' applied to '${target}(${types.join(', ')})'`);
      return this.#typed(expr, errorType);
    }
    this.#references.set(expr.id, { to: 'overloads', ids });
    return this.#typed(expr, result);
  }

  /** Each side is told apart what is wrong with it. */
  #logical(expr: CallExpr, name: string): Expr {
    const wrong = expr.args.filter((arg) => !this.#mustBe(arg, this.#typeOf(arg), boolType));
    if (wrong.length > 0) return this.#typed(expr, errorType);
    this.#references.set(expr.id, { to: 'overloads', ids: [name === '_&&_' ? 'logical_and' : 'logical_or'] });
    return this.#typed(expr, boolType);
  }

  // --- Literals -------------------------------------------------------------------------------------------------------------------

  #list(expr: ListExpr): Expr {
    let joined: CelType | undefined;
    const elements = expr.elements.map((each, index) => {
      const element = this.check(each);
      joined = this.#join(joined, this.#elementType(element, expr.optional.includes(index)));
      return element;
    });
    return this.#typed({ ...expr, elements }, listType(joined ?? this.#freeType()));
  }

  #map(expr: MapExpr): Expr {
    let keys: CelType | undefined;
    let values: CelType | undefined;
    const entries = expr.entries.map((entry) => {
      const key = this.check(entry.key);
      keys = this.#join(keys, this.#typeOf(key));
      const value = this.check(entry.value);
      values = this.#join(values, this.#elementType(value, entry.optional));
      return { ...entry, key, value };
    });
    return this.#typed({ ...expr, entries }, mapType(keys ?? this.#freeType(), values ?? this.#freeType()));
  }

  #struct(expr: StructExpr): Expr {
    const found = this.#names.typeNamed(expr.name);
    if (found === undefined) {
      this.#undeclared(expr, expr.name);
      return expr;
    }
    this.#references.set(expr.id, { to: 'name', name: found.name });
    const { type } = found;
    const { message } = found;
    if (message === undefined)
      this.#fault(expr.id, `'${type.nullable ? `wrapper(${type.name})` : type.name}' is not a message type`);
    this.#types.set(expr.id, message === undefined ? errorType : type);
    const fields = expr.fields.map((field) => {
      const value = this.check(field.value);
      const wanted = this.#fieldOf(field.id, message ?? found.name, field.name) ?? errorType;
      const given = this.#elementType(value, field.optional);
      if (!this.#fits(wanted, given))
        this.#fault(
          field.id,
          `expected type of field '${field.name}' is '${formatType(wanted)}' but provided type is '${formatType(given)}'`,
        );
      return { ...field, value };
    });
    return { ...expr, name: found.name, fields };
  }

  /** The type of an element; of an optional one what it may hold. */
  #elementType(element: Expr, optional: boolean): CelType {
    const type = this.#typeOf(element);
    if (!optional) return type;
    if (isOptional(type)) return parameterOf(type, 0);
    if (!isDyn(type)) this.#mismatch(element.id, optionalType(type), type);
    return type;
  }

  /** Elements of several types make a dynamic list; that it is not what was meant is said of literals. */
  #join(previous: CelType | undefined, current: CelType): CelType {
    if (previous === undefined) return current;
    return this.#fits(previous, current) ? moreGeneral(previous, current) : dynType;
  }

  // --- Comprehensions -------------------------------------------------------------------------------------------------------------

  #comprehension(expr: ComprehensionExpr): Expr {
    const range = this.check(expr.range);
    const initial = this.check(expr.initial);
    const over = this.#unifier.substitute(this.#typeOf(range));
    const accumulated = this.#typeOf(initial);
    return this.#names.within([[expr.accumulator, accumulated]], () => {
      const [first, second] = this.#loopTypes(range, over, expr.secondVariable !== undefined);
      const names: [string, CelType][] = [[expr.variable, first]];
      if (expr.secondVariable !== undefined) names.push([expr.secondVariable, second]);
      const { condition, step } = this.#names.within(names, () => {
        const loop = { condition: this.check(expr.condition), step: expr.step };
        this.#mustBe(loop.condition, this.#typeOf(loop.condition), boolType);
        loop.step = this.check(expr.step);
        this.#mustBe(loop.step, this.#typeOf(loop.step), accumulated);
        return loop;
      });
      const result = this.check(expr.result);
      const type = this.#unifier.substitute(this.#typeOf(result));
      return this.#typed({ ...expr, range, initial, condition, step, result }, type);
    });
  }

  /** The types of the one or two variables of a loop. */
  #loopTypes(range: Expr, over: CelType, two: boolean): readonly [CelType, CelType] {
    switch (over.kind) {
      case 'list':
        return two ? [intType, parameterOf(over, 0)] : [parameterOf(over, 0), dynType];
      case 'map':
        return [parameterOf(over, 0), parameterOf(over, 1)];
      case 'dyn':
      case 'error':
      case 'parameter':
        this.#fits(dynType, over);
        return [dynType, dynType];
      default:
        this.#fault(
          range.id,
          `expression of type '${formatType(over)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
        );
        return [errorType, errorType];
    }
  }

  // --- Types ----------------------------------------------------------------------------------------------------------------------

  #typed<E extends Expr>(expr: E, type: CelType): E {
    if (type.weight > weightMax) throw new TooComplex();
    this.#types.set(expr.id, type);
    return expr;
  }

  #typeOf(expr: Expr): CelType {
    return this.#types.get(expr.id) ?? errorType;
  }

  #freeType(): CelType {
    return parameterType(`_var${this.#freeTypes++}`);
  }

  #fits(value: CelType, wanted: CelType): boolean {
    return this.#unifier.assign([value], [wanted]);
  }

  #mustBe(expr: Expr, type: CelType, wanted: CelType): boolean {
    const fits = this.#fits(wanted, type);
    if (!fits) this.#mismatch(expr.id, wanted, type);
    return fits;
  }

  #mismatch(id: number, wanted: CelType, type: CelType): void {
    this.#fault(id, `expected type '${formatType(wanted)}' but found '${formatType(type)}'`);
  }

  #undeclared(expr: Expr, name: string): void {
    this.#types.set(expr.id, errorType);
    this.#fault(expr.id, `undeclared reference to '${name}' (in container '${this.#environment.container}')`);
  }

  #fault(id: number, message: string): void {
    this.errors.push({ offset: this.#positions.get(id) ?? 0, message });
  }
}
