/** Visits the nodes of an expression, what is within a node before the node itself, in the order in which they would be run. */
import type { Expr } from './ast.ts';

export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.is) {
    case 'constant':
    case 'ident':
      return [];
    case 'select':
      return [expr.operand];
    case 'call':
      return expr.target === undefined ? expr.args : [expr.target, ...expr.args];
    case 'list':
      return expr.elements;
    case 'map':
      return expr.entries.flatMap(({ key, value }) => [key, value]);
    case 'struct':
      return expr.fields.map(({ value }) => value);
    case 'comprehension':
      return [expr.range, expr.initial, expr.condition, expr.step, expr.result];
    default:
      expr satisfies never;
      return [];
  }
}

export function* nodesOf(expr: Expr): Generator<Expr> {
  for (const child of childrenOf(expr)) yield* nodesOf(child);
  yield expr;
}
