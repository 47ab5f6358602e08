/**
 * The syntax tree of CEL, the Common Expression Language (github.com/google/cel-spec, `langdef.md`), as it stands after macros are expanded. It is frozen
 * plain data that the checker, the cost estimate and later an evaluator walk. Where a node stands in its text is kept apart, by the node's number, since the
 * nodes that a macro makes have the position of the macro.
 */

export type Constant =
  | { readonly type: 'null' }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'uint'; readonly value: bigint }
  | { readonly type: 'double'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'bytes'; readonly value: Uint8Array };

/** An entry of `{key: value}`; `{?key: value}` is optional: left out where the value is `optional.none()`. */
export interface MapEntry {
  readonly id: number;
  readonly key: Expr;
  readonly value: Expr;
  readonly optional: boolean;
}

/** A field of `Type{name: value}`. */
export interface StructField {
  readonly id: number;
  readonly name: string;
  readonly value: Expr;
  readonly optional: boolean;
}

export interface ConstantExpr {
  readonly is: 'constant';
  readonly id: number;
  readonly constant: Constant;
}
/** A name; a leading dot (`.name`, from the root container) is kept in it. */
export interface IdentExpr {
  readonly is: 'ident';
  readonly id: number;
  readonly name: string;
}
/** `operand.field`, or with `test` what `has(operand.field)` becomes. */
export interface SelectExpr {
  readonly is: 'select';
  readonly id: number;
  readonly operand: Expr;
  readonly field: string;
  readonly test: boolean;
}
/** `name(args)` or `target.name(args)`. Operators are calls of `_+_`, `!_`, `_?_:_`, `_[_]`, `_?._`, `_[?_]`, `@in` and so on, as upstream names them. */
export interface CallExpr {
  readonly is: 'call';
  readonly id: number;
  readonly target: Expr | undefined;
  readonly name: string;
  readonly args: readonly Expr[];
}
export interface ListExpr {
  readonly is: 'list';
  readonly id: number;
  readonly elements: readonly Expr[];
  /** The places of elements written `?element`. */
  readonly optional: readonly number[];
}
export interface MapExpr {
  readonly is: 'map';
  readonly id: number;
  readonly entries: readonly MapEntry[];
}
export interface StructExpr {
  readonly is: 'struct';
  readonly id: number;
  /** The type's name as written. */
  readonly name: string;
  readonly fields: readonly StructField[];
}
/** A fold over a list or the keys of a map: what `all`, `exists`, `map` and the other macros become. */
export interface ComprehensionExpr {
  readonly is: 'comprehension';
  readonly id: number;
  readonly range: Expr;
  readonly variable: string;
  /** The second variable of the macros with two (index and element, key and value). */
  readonly secondVariable: string | undefined;
  readonly accumulator: string;
  readonly initial: Expr;
  /** The fold goes on while this is true. */
  readonly condition: Expr;
  readonly step: Expr;
  readonly result: Expr;
}

export type Expr =
  | ConstantExpr
  | IdentExpr
  | SelectExpr
  | CallExpr
  | ListExpr
  | MapExpr
  | StructExpr
  | ComprehensionExpr;

/** A whole expression. */
export interface Parsed {
  readonly expr: Expr;
  readonly source: string;
  /** Where each node stands, by its number: an offset in code points. Of a binary operator it is the operator's place, of a call its `(`, as upstream. */
  readonly positions: ReadonlyMap<number, number>;
}

/** One thing wrong with an expression. `offset` counts code points of the source. */
export interface CelError {
  readonly offset: number;
  readonly message: string;
}
