/**
 * What goes wrong when a checked expression is made into a program, before it ever runs: constants that cannot be converted, patterns that are none, names of
 * types that cannot be values. Upstream finds these on the way, and so a write is refused with them. In the order in which upstream comes to them.
 */
import { patternFault } from '#base/regexp.ts';
import type { CallExpr, Expr } from './ast.ts';
import type { Checked } from './check.ts';
import { convert, isConversion, type Known } from './constants.ts';
import type { Environment } from './environment.ts';
import { childrenOf, nodesOf } from './walk.ts';

/** What is known of the values of nodes, by their numbers. */
type Constants = Map<number, Known>;

/** The first fault; undefined when a program can be made. */
export function programFault(checked: Checked, environment: Environment): string | undefined {
  const constants: Constants = new Map();
  for (const expr of nodesOf(checked.expr)) {
    const fault = faultOf(expr, { checked, environment, constants });
    if (fault !== undefined) return fault;
  }
  return undefined;
}

interface Making {
  readonly checked: Checked;
  readonly environment: Environment;
  readonly constants: Constants;
}

/** Of one node, when those in it are in order. Notes what is known of its value. */
function faultOf(expr: Expr, { checked, environment, constants }: Making): string | undefined {
  switch (expr.is) {
    case 'constant':
      constants.set(expr.id, expr.constant);
      return undefined;
    case 'ident':
      if (checked.types.get(expr.id)?.kind !== 'type') return undefined;
      if (environment.type(expr.name) === undefined) return `reference to undefined type: ${expr.name}`;
      constants.set(expr.id, { type: 'type' });
      return undefined;
    case 'list':
    case 'map':
      if (childrenOf(expr).every(({ id }) => constants.has(id))) constants.set(expr.id, { type: expr.is });
      return undefined;
    case 'call':
      return callFault(expr, constants);
    default:
      return undefined;
  }
}

/** What an index cannot be, as Go calls it. */
const noIndex: Partial<Record<Known['type'], string>> = {
  bytes: 'types.Bytes',
  duration: 'types.Duration',
  list: '*types.baseList',
  map: '*types.baseMap',
  null: 'types.Null',
  timestamp: 'types.Timestamp',
  type: '*types.Type',
};

function callFault(expr: CallExpr, constants: Constants): string | undefined {
  const { name, args } = expr;
  if (name === '_[_]' || name === '_[?_]') {
    const index = args[1] && constants.get(args[1].id);
    const type = index && noIndex[index.type];
    return type === undefined ? undefined : `invalid qualifier type: ${type}`;
  }
  const pattern = patternOf(expr);
  if (pattern !== undefined) {
    const known = constants.get(pattern.id);
    return known?.type === 'string' && known.value !== undefined ? patternFault(known.value) : undefined;
  }
  const known = args[0] && constants.get(args[0].id);
  if (known === undefined || args.length > 1 || expr.target !== undefined || !isConversion(name)) return undefined;
  const converted = convert(name, known);
  if ('fault' in converted) return converted.fault;
  constants.set(expr.id, converted);
  return undefined;
}

function patternOf({ name, target, args }: CallExpr): Expr | undefined {
  if (name === 'matches') return target === undefined ? args[1] : args[0];
  return name === 'find' || name === 'findAll' ? args[0] : undefined;
}
