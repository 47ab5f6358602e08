/**
 * Checks a written-out format against the list of its arguments: `'%s is %d'.format([name, size])`. The clauses are those of version 2 of cel-go's strings.
 */
import type { CallExpr, Expr } from './ast.ts';
import type { Checked } from './check.ts';
import { dynType, type CelType, type TypeKind } from './types.ts';

/** `id`: the node to blame. */
interface Fault {
  readonly id: number;
  readonly message: string;
}

const whole: readonly TypeKind[] = ['int', 'uint'];
const printed: readonly TypeKind[] = [
  ...whole,
  'list',
  'map',
  'double',
  'bool',
  'string',
  'timestamp',
  'bytes',
  'duration',
  'type',
  'null',
];

/** What each clause takes, and what is said of anything else. */
const clauses: Readonly<Record<string, { readonly kinds: readonly TypeKind[]; readonly only: string }>> = {
  s: {
    kinds: printed,
    only: 'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
  },
  d: { kinds: whole, only: 'decimal clause can only be used on integers' },
  f: { kinds: ['double', 'string'], only: 'fixed-point clause can only be used on doubles' },
  e: { kinds: ['double', 'string'], only: 'scientific clause can only be used on doubles' },
  b: { kinds: [...whole, 'bool'], only: 'only integers and bools can be formatted as binary' },
  x: {
    kinds: [...whole, 'string', 'bytes'],
    only: 'only integers, byte buffers, and strings can be formatted as hex',
  },
  o: { kinds: whole, only: 'octal clause can only be used on integers' },
};

/** The first thing that is wrong; undefined when nothing is, or when the format is not written out. */
export function formatFault(checked: Checked, { id, target }: CallExpr, args: readonly Expr[]): Fault | undefined {
  if (target?.is !== 'constant' || target.constant.type !== 'string') return undefined;
  // Go reads bytes: a character beyond ASCII is several, none of them a percent sign.
  const text = Buffer.from(target.constant.value).toString('latin1');
  let used = 0;
  for (let at = text.indexOf('%'); at !== -1; at = text.indexOf('%', at)) {
    if (text[at + 1] === '%') {
      at += 2;
      continue;
    }
    if (at + 1 >= text.length) return { id, message: 'unexpected end of string' };
    const arg = args[used];
    if (arg === undefined) return { id, message: `index ${used} out of range` };
    const clause = readClause(text.slice(at + 1));
    if ('fault' in clause) return { id, message: `could not parse formatting clause: ${clause.fault}` };
    const wrong = clause.letter === 's' ? unprintable(checked, arg) : unfit(checked, arg, clause.kinds);
    if (wrong !== undefined)
      return { id: wrong.id, message: `error during formatting: ${clause.only}, was given ${wrong.type.name}` };
    at += 1 + clause.length;
    used++;
  }
  if (args.length <= used) return undefined;
  return { id, message: `too many arguments supplied to string.format (expected ${used}, got ${args.length})` };
}

type Clause =
  | { readonly letter: string; readonly length: number; readonly kinds: readonly TypeKind[]; readonly only: string }
  | { readonly fault: string };

const int64Max = 2n ** 63n - 1n;

/** What follows a percent sign. */
function readClause(text: string): Clause {
  const { precision } = /^\.(?<precision>\d*)/.exec(text)?.groups ?? {};
  const skipped = precision === undefined ? 0 : precision.length + 1;
  const letter = text.charAt(skipped);
  if (precision !== undefined) {
    const wrong = 'error while parsing precision: ';
    if (letter === '') return { fault: `${wrong}could not find end of precision specifier` };
    const problem =
      precision === '' ? 'invalid syntax' : BigInt(precision) > int64Max ? 'value out of range' : undefined;
    if (problem !== undefined)
      return {
        fault: `${wrong}error while converting precision to integer: strconv.Atoi: parsing "${precision}": ${problem}`,
      };
  }
  const key = letter === 'X' ? 'x' : letter;
  const clause = Object.hasOwn(clauses, key) ? clauses[key] : undefined;
  if (clause === undefined) return { fault: `unrecognized formatting clause "${letter}"` };
  return { letter, length: skipped + 1, ...clause };
}

interface Unfit {
  readonly id: number;
  readonly type: CelType;
}

function unfit({ types }: Checked, { id }: Expr, kinds: readonly TypeKind[]): Unfit | undefined {
  const type = types.get(id) ?? dynType;
  return type.kind === 'dyn' || kinds.includes(type.kind) ? undefined : { id, type };
}

/** Also what is in a list or map that is written out must be printable. */
function unprintable(checked: Checked, expr: Expr): Unfit | undefined {
  const wrong = unfit(checked, expr, printed);
  if (wrong !== undefined) return wrong;
  const parts =
    expr.is === 'list'
      ? expr.elements
      : expr.is === 'map'
        ? expr.entries.flatMap(({ key, value }) => [key, value])
        : [];
  for (const part of parts) {
    const found = unprintable(checked, part);
    if (found !== undefined) return found;
  }
  return undefined;
}
