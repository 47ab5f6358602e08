/**
 * What can be seen to be wrong with constants once an expression's types are right: durations, instants and patterns that are none, lists of mixed types, and
 * formats that do not fit their arguments. These are the AST validators that Kubernetes gives cel-go.
 */
import { patternFault } from '#base/regexp.ts';
import type { CallExpr, CelError, Expr, ListExpr, MapExpr } from './ast.ts';
import type { Checked } from './check.ts';
import { convert } from './constants.ts';
import { formatFault } from './format-string.ts';
import { dynType, formatType, parameterOf, sameType, type CelType } from './types.ts';
import { childrenOf, nodesOf } from './walk.ts';

export function literalErrors(checked: Checked): readonly CelError[] {
  const errors: CelError[] = [];
  const report = (id: number, message: string): void => {
    errors.push({ offset: checked.positions.get(id) ?? 0, message });
  };
  uniform(checked, checked.expr, report);
  for (const expr of nodesOf(checked.expr)) {
    if (expr.is !== 'call') continue;
    const [arg] = expr.args;
    if (arg?.is === 'constant' && isWrongConstant(expr, arg)) report(arg.id, `invalid ${expr.name} argument`);
    if (expr.name === 'format' && arg?.is === 'list') {
      const fault = formatFault(checked, expr, arg.elements);
      if (fault !== undefined) report(fault.id, fault.message);
    }
  }
  return errors;
}

/** Of `matches(text, pattern)` upstream looks at the text: what is wrong with the pattern is seen when the program is made. */
function isWrongConstant({ name }: CallExpr, { constant }: Extract<Expr, { is: 'constant' }>): boolean {
  if (name === 'duration' || name === 'timestamp') return 'fault' in convert(name, constant);
  return name === 'matches' && constant.type === 'string' && patternFault(constant.value) !== undefined;
}

type Report = (id: number, message: string) => void;

/** Lists and maps written out have elements of one type each, but for the arguments of `format`. */
function uniform(checked: Checked, expr: Expr, report: Report): void {
  if (expr.is === 'call' && expr.name === 'format') return;
  for (const child of childrenOf(expr)) uniform(checked, child, report);
  if (expr.is === 'list') uniformList(checked, expr, report);
  if (expr.is === 'map') uniformMap(checked, expr, report);
}

const typeIn = ({ types }: Checked, expr: Expr, optional: boolean): CelType => {
  const type = types.get(expr.id) ?? dynType;
  return optional ? parameterOf(type, 0) : type;
};

function uniformList(checked: Checked, { elements, optional }: ListExpr, report: Report): void {
  const typed = elements.map((element, index) => ({
    id: element.id,
    type: typeIn(checked, element, optional.includes(index)),
  }));
  const [first] = typed;
  const other = first && typed.find(({ type }) => !sameType(first.type, type, true));
  if (first !== undefined && other !== undefined) report(other.id, mismatch(first.type, other.type));
}

function uniformMap(checked: Checked, { entries }: MapExpr, report: Report): void {
  const [first] = entries;
  if (first === undefined) return;
  const keys = typeIn(checked, first.key, false);
  const values = typeIn(checked, first.value, first.optional);
  for (const { key, value, optional } of entries) {
    const types = { key: typeIn(checked, key, false), value: typeIn(checked, value, optional) };
    if (!sameType(keys, types.key, true)) report(key.id, mismatch(keys, types.key));
    if (!sameType(values, types.value, true)) report(value.id, mismatch(values, types.value));
  }
}

const mismatch = (wanted: CelType, found: CelType): string =>
  `expected type '${formatType(wanted)}' but found '${formatType(found)}'`;
