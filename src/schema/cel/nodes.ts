/** Makes the nodes of a syntax tree: numbers them and notes where each stands. */
import type {
  CallExpr,
  ComprehensionExpr,
  Constant,
  Expr,
  IdentExpr,
  ListExpr,
  MapEntry,
  MapExpr,
  SelectExpr,
  StructField,
} from './ast.ts';
import { NOWHERE } from './errors.ts';

/** The result of a fold. Its name cannot be written, so no variable of an expression can hide it. */
export const ACCUMULATOR = '@result';

export class Nodes {
  readonly positions = new Map<number, number>();
  #lastId = 0;

  /** The number of a new node at a place. */
  id(offset: number): number {
    this.#lastId++;
    if (offset !== NOWHERE) this.positions.set(this.#lastId, offset);
    return this.#lastId;
  }

  position(id: number): number {
    return this.positions.get(id) ?? NOWHERE;
  }

  /** What stands where a text could not be understood; an expression with one is never handed out. */
  unknown(offset: number): Expr {
    return { is: 'constant', id: this.id(offset), constant: { type: 'null' } };
  }
}

/** Makes nodes at one place: what a macro becomes. */
export class MacroNodes {
  readonly #nodes: Nodes;
  readonly #offset: number;

  constructor(nodes: Nodes, offset: number) {
    this.#nodes = nodes;
    this.#offset = offset;
  }

  constant(constant: Constant): Expr {
    return { is: 'constant', id: this.#id(), constant };
  }
  bool(value: boolean): Expr {
    return this.constant({ type: 'bool', value });
  }
  int(value: bigint): Expr {
    return this.constant({ type: 'int', value });
  }
  ident(name: string): IdentExpr {
    return { is: 'ident', id: this.#id(), name };
  }
  accumulator(): IdentExpr {
    return this.ident(ACCUMULATOR);
  }
  presence(operand: Expr, field: string): SelectExpr {
    return { is: 'select', id: this.#id(), operand, field, test: true };
  }
  call(name: string, ...args: readonly Expr[]): CallExpr {
    return { is: 'call', id: this.#id(), target: undefined, name, args };
  }
  method(target: Expr, name: string, ...args: readonly Expr[]): CallExpr {
    return { is: 'call', id: this.#id(), target, name, args };
  }
  list(...elements: readonly Expr[]): ListExpr {
    return { is: 'list', id: this.#id(), elements, optional: [] };
  }
  map(): MapExpr {
    return { is: 'map', id: this.#id(), entries: [] };
  }
  fold(
    range: Expr,
    variables: readonly [string, string?],
    parts: Pick<ComprehensionExpr, 'initial' | 'condition' | 'step' | 'result'>,
    accumulator = ACCUMULATOR,
  ): ComprehensionExpr {
    const [variable, secondVariable] = variables;
    return { is: 'comprehension', id: this.#id(), range, variable, secondVariable, accumulator, ...parts };
  }
  /** `value` under a name in `result`: a fold over nothing, whose accumulator is the name. */
  bind(name: string, value: Expr, result: Expr): ComprehensionExpr {
    const parts = { initial: value, condition: this.bool(false), step: this.ident(name), result };
    return this.fold(this.list(), ['#unused'], parts, name);
  }

  /** The same expression again, with numbers of its own. */
  copy(expr: Expr): Expr {
    const id = this.#nodes.id(this.#nodes.position(expr.id));
    switch (expr.is) {
      case 'constant':
      case 'ident':
        return { ...expr, id };
      case 'select':
        return { ...expr, id, operand: this.copy(expr.operand) };
      case 'call':
        return {
          ...expr,
          id,
          args: expr.args.map((arg) => this.copy(arg)),
          target: expr.target && this.copy(expr.target),
        };
      case 'list':
        return { ...expr, id, elements: expr.elements.map((element) => this.copy(element)) };
      case 'map': {
        const entries = expr.entries.map((entry): MapEntry => ({
          ...entry,
          id: this.#id(),
          key: this.copy(entry.key),
          value: this.copy(entry.value),
        }));
        return { ...expr, id, entries };
      }
      case 'struct': {
        const fields = expr.fields.map((field): StructField => ({
          ...field,
          id: this.#id(),
          value: this.copy(field.value),
        }));
        return { ...expr, id, fields };
      }
      case 'comprehension': {
        const range = this.copy(expr.range);
        const initial = this.copy(expr.initial);
        const condition = this.copy(expr.condition);
        const step = this.copy(expr.step);
        return { ...expr, id, range, initial, condition, step, result: this.copy(expr.result) };
      }
      default:
        expr satisfies never;
        return expr;
    }
  }

  #id(): number {
    return this.#nodes.id(this.#offset);
  }
}
