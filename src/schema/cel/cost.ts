/**
 * What running an expression costs at least and at most, in the units of cel-go (one is about 50 ns), before it is ever run: so a schema with a rule that could
 * keep the server busy is refused when it is written. Figures and rules are upstream's (cel-go `checker/cost.go`), since they decide which rules are accepted.
 */
import type { CallExpr, ComprehensionExpr, Expr, ListExpr, MapExpr } from './ast.ts';
import type { Checked } from './check.ts';
import { callCost } from './cost-calls.ts';
import { type Estimate, fixed, nothing, product, sum, UNBOUNDED, union, unknown } from './estimate.ts';
import { ACCUMULATOR } from './nodes.ts';
import { type CelType, dynType, parameterOf } from './types.ts';

/** A value whose size is asked for. */
export interface SizedNode {
  /** From a variable through fields, `@items`, `@keys` and `@values`; undefined where the value comes from no variable. */
  readonly path: readonly string[] | undefined;
  readonly type: CelType;
}

export interface CostOptions {
  /** How large the value of a variable, or of what is in it, can be: characters, bytes, elements. Undefined where nothing says so. */
  readonly sizeOf?: (node: SizedNode) => Estimate | undefined;
}

/** What the calls of an expression are judged by. */
export interface CostNode extends SizedNode {
  readonly expr: Expr | undefined;
  readonly size: Estimate | undefined;
}

const selectionCost = fixed(1);
const listCost = fixed(10);
const mapCost = fixed(30);
const structCost = fixed(40);

export function estimateCost(checked: Checked, { sizeOf = () => undefined }: CostOptions = {}): Estimate {
  return new Coster(checked, sizeOf).cost(checked.expr);
}

/** Sizes of what a list or a map holds. */
interface EntrySize {
  readonly of: 'list' | 'map';
  readonly key: Estimate;
  readonly value: Estimate;
}

interface Variable {
  readonly path: readonly string[];
  readonly size: Estimate | undefined;
  readonly entry: EntrySize | undefined;
}

class Coster {
  readonly #checked: Checked;
  readonly #sizeOf: NonNullable<CostOptions['sizeOf']>;
  readonly #paths = new Map<number, readonly string[]>();
  readonly #sizes = new Map<number, Estimate>();
  readonly #entries = new Map<number, EntrySize>();
  readonly #variables = new Map<string, Variable[]>();

  constructor(checked: Checked, sizeOf: NonNullable<CostOptions['sizeOf']>) {
    this.#checked = checked;
    this.#sizeOf = sizeOf;
  }

  cost(expr: Expr): Estimate {
    switch (expr.is) {
      case 'constant':
        return nothing;
      case 'ident':
        this.#paths.set(expr.id, this.#variable(expr.name)?.path ?? [expr.name]);
        return selectionCost;
      case 'select': {
        const operand = this.cost(expr.operand);
        if (expr.test) return operand;
        this.#paths.set(expr.id, [...this.#pathOf(expr.operand), expr.field]);
        const { kind } = this.#typeOf(expr.operand);
        return kind === 'map' || kind === 'object' || kind === 'parameter' ? sum(operand, selectionCost) : operand;
      }
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'struct':
        return sum(...expr.fields.map(({ value }) => this.cost(value)), structCost);
      case 'comprehension':
        return isBinding(expr) ? this.#binding(expr) : this.#comprehension(expr);
      default:
        expr satisfies never;
        return nothing;
    }
  }

  #list(expr: ListExpr): Estimate {
    const cost = sum(...expr.elements.map((element) => this.cost(element)), listCost);
    this.#entries.set(expr.id, { of: 'list', key: fixed(1), value: this.#unionOfSizes(expr.elements) });
    return cost;
  }

  #map(expr: MapExpr): Estimate {
    const cost = sum(...expr.entries.flatMap(({ key, value }) => [this.cost(key), this.cost(value)]), mapCost);
    const key = this.#unionOfSizes(expr.entries.map((entry) => entry.key));
    this.#entries.set(expr.id, { of: 'map', key, value: this.#unionOfSizes(expr.entries.map(({ value }) => value)) });
    return cost;
  }

  #unionOfSizes(exprs: readonly Expr[]): Estimate {
    return exprs.length === 0 ? nothing : exprs.map((expr) => this.#sizeOrUnknown(expr)).reduce(union);
  }

  #comprehension(expr: ComprehensionExpr): Estimate {
    const before = sum(this.cost(expr.range), this.cost(expr.initial));
    this.#push(expr.accumulator, this.#variableOf(expr.initial));
    const names = this.#pushLoopVariables(expr);
    const round = sum(this.cost(expr.condition), this.cost(expr.step));
    for (const name of names) this.#variables.get(name)?.pop();
    const after = this.cost(expr.result);
    this.#variables.get(expr.accumulator)?.pop();
    const count = this.#sizeOrUnknown(expr.range);
    if (expr.initial.is === 'constant') this.#keepSize(expr.id, this.#size(expr.initial));
    else if (expr.initial.is === 'list' || expr.initial.is === 'map') {
      this.#sizes.set(expr.id, count);
      this.#keepEntry(expr.id, this.#entry(expr.step));
    }
    return sum(before, after, product(count, round));
  }

  #pushLoopVariables({ range, variable, secondVariable }: ComprehensionExpr): readonly string[] {
    const entry = this.#entry(range);
    const isList = (entry?.of ?? this.#typeOf(range).kind) === 'list';
    const path = this.#pathOf(range);
    const push = (name: string, part: string, size: Estimate | undefined): void =>
      this.#push(name, { path: [...path, part], size, entry: undefined });
    const [key, value] = isList ? ['@indices', '@items'] : ['@keys', '@values'];
    if (secondVariable === undefined) {
      if (isList) push(variable, '@items', entry?.value);
      else push(variable, '@keys', entry?.key);
      return [variable];
    }
    push(variable, key, entry?.key);
    push(secondVariable, value, entry?.value);
    return [variable, secondVariable];
  }

  /** `cel.bind` and its like: nothing is repeated. */
  #binding(expr: ComprehensionExpr): Estimate {
    const before = sum(this.cost(expr.range), this.cost(expr.initial));
    this.#push(expr.accumulator, this.#variableOf(expr.initial));
    const cost = sum(before, this.cost(expr.result));
    this.#variables.get(expr.accumulator)?.pop();
    this.#copySizes(expr.id, expr.result);
    return cost;
  }

  #call(expr: CallExpr): Estimate {
    const [first] = expr.args;
    if (expr.name === 'dyn' && first !== undefined) {
      const cost = this.cost(first);
      this.#copySizes(expr.id, first);
      return sum(fixed(1), cost);
    }
    const costs = expr.args.map((arg) => this.cost(arg));
    const args = expr.args.map((arg) => this.#node(arg));
    const reference = this.#checked.references.get(expr.id);
    if (reference?.to !== 'overloads') return nothing;
    const targetCost = expr.target === undefined ? nothing : this.cost(expr.target);
    const target = expr.target && this.#node(expr.target);
    let cost: Estimate = { min: UNBOUNDED, max: 0 };
    let size: Estimate | undefined;
    for (const overload of reference.ids) {
      const call = this.#overload(expr, overload, { target, args, costs });
      cost = union(cost, call.cost);
      if (call.size !== undefined) size = size === undefined ? call.size : union(size, call.size);
      if (first !== undefined && (overload === 'index_list' || overload === 'index_map')) {
        size = this.#entry(first)?.value;
        this.#paths.set(expr.id, [...this.#pathOf(first), overload === 'index_list' ? '@items' : '@values']);
      }
      size ??= this.#size(expr);
    }
    this.#keepSize(expr.id, size);
    return sum(targetCost, cost);
  }

  #overload(
    expr: CallExpr,
    overload: string,
    {
      target,
      args,
      costs,
    }: {
      readonly target: CostNode | undefined;
      readonly args: readonly CostNode[];
      readonly costs: readonly Estimate[];
    },
  ): { readonly cost: Estimate; readonly size?: Estimate | undefined } {
    const [first = nothing, second = nothing, third = nothing] = costs;
    const [left, right] = expr.args;
    switch (overload) {
      case 'logical_or':
      case 'logical_and':
        // The second operand need not be looked at.
        return { cost: { min: first.min, max: sum(first, second).max } };
      case 'conditional': {
        const [, yes, no] = expr.args;
        if (yes === undefined || no === undefined) break;
        this.#keepEntry(expr.id, unionOfEntries(this.#entry(yes), this.#entry(no)));
        const size = union(this.#sizeOrUnknown(yes), this.#sizeOrUnknown(no));
        return { cost: sum(first, union(second, third)), size };
      }
      case 'add_list':
      case 'add_string':
      case 'add_bytes':
        if (left !== undefined && right !== undefined) {
          this.#keepEntry(expr.id, unionOfEntries(this.#entry(left), this.#entry(right)));
        }
        break;
      default:
    }
    const call = callCost({
      name: expr.name,
      overload,
      target,
      args,
      sizeOf: (node) => node.size ?? this.#sizeOf(node) ?? unknown,
    });
    return { cost: sum(call.cost, ...costs), size: call.size };
  }

  #typeOf(expr: Expr): CelType {
    return this.#checked.types.get(expr.id) ?? dynType;
  }

  #node(expr: Expr): CostNode {
    const path = this.#pathOf(expr);
    const isRooted = path[0] !== ACCUMULATOR && path.length > 0;
    return { path: isRooted ? path : undefined, type: this.#typeOf(expr), expr, size: this.#size(expr) };
  }

  #variable(name: string): Variable | undefined {
    return this.#variables.get(name)?.at(-1);
  }

  #variableOf(expr: Expr): Variable {
    return { path: this.#pathOf(expr), size: this.#size(expr), entry: this.#entry(expr) };
  }

  #push(name: string, variable: Variable): void {
    const variables = this.#variables.get(name);
    if (variables === undefined) this.#variables.set(name, [variable]);
    else variables.push(variable);
  }

  #pathOf(expr: Expr): readonly string[] {
    const variable = expr.is === 'ident' ? this.#variable(expr.name) : undefined;
    return variable?.path ?? this.#paths.get(expr.id) ?? [];
  }

  #size(expr: Expr): Estimate | undefined {
    const known = this.#sizes.get(expr.id) ?? literalSize(expr);
    if (known !== undefined) return known;
    const type = this.#typeOf(expr);
    const path = this.#pathOf(expr);
    const estimated = this.#sizeOf({ path: path.length > 0 ? path : undefined, type });
    if (estimated !== undefined) {
      this.#sizes.set(expr.id, estimated);
      return estimated;
    }
    if (isScalar(type)) return fixed(1);
    return expr.is === 'ident' ? this.#variable(expr.name)?.size : undefined;
  }

  #sizeOrUnknown(expr: Expr): Estimate {
    return this.#size(expr) ?? unknown;
  }

  #entry(expr: Expr): EntrySize | undefined {
    return this.#entries.get(expr.id) ?? (expr.is === 'ident' ? this.#variable(expr.name)?.entry : undefined);
  }

  #keepSize(id: number, size: Estimate | undefined): void {
    if (size !== undefined) this.#sizes.set(id, size);
  }

  #keepEntry(id: number, entry: EntrySize | undefined): void {
    if (entry !== undefined) this.#entries.set(id, entry);
  }

  #copySizes(id: number, from: Expr): void {
    this.#keepSize(id, this.#size(from));
    this.#keepEntry(id, this.#entry(from));
  }
}

function isBinding({ range, condition, accumulator }: ComprehensionExpr): boolean {
  const isEmpty = range.is === 'list' && range.elements.length === 0;
  const isNever = condition.is === 'constant' && condition.constant.type === 'bool' && !condition.constant.value;
  return isEmpty && isNever && accumulator !== '__result__';
}

function unionOfEntries(one: EntrySize | undefined, other: EntrySize | undefined): EntrySize | undefined {
  if (one === undefined || other === undefined) return undefined;
  return { of: one.of, key: union(one.key, other.key), value: union(one.value, other.value) };
}

/** The size that an expression shows. */
function literalSize(expr: Expr): Estimate | undefined {
  switch (expr.is) {
    case 'constant':
      if (expr.constant.type === 'string') return fixed([...expr.constant.value].length);
      return fixed(expr.constant.type === 'bytes' ? expr.constant.value.length : 1);
    case 'list':
      return fixed(expr.elements.length);
    case 'map':
      return fixed(expr.entries.length);
    default:
      return undefined;
  }
}

const scalars = new Set<CelType['kind']>(['bool', 'double', 'duration', 'int', 'timestamp', 'uint']);

function isScalar(type: CelType): boolean {
  if (type.kind === 'opaque' && type.name === 'optional_type') return isScalar(parameterOf(type, 0));
  return scalars.has(type.kind);
}
