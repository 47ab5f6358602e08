/** Macros: calls that become other expressions while a text is parsed. Which of them there are is the environment's to say. */
import { assert } from '#base/assert.ts';
import type { ComprehensionExpr, Expr, IdentExpr } from './ast.ts';
import { ACCUMULATOR, type MacroNodes } from './nodes.ts';

/** A call with a faulty argument. */
export interface MacroFault {
  readonly at: Expr;
  readonly fault: string;
}
/** What a call becomes; undefined where it is no macro after all. */
type Expanded = Expr | MacroFault | undefined;

export interface Macro {
  readonly name: string;
  readonly args: number;
  /** Whether it is called on something. */
  readonly method: boolean;
  readonly expand: (make: MacroNodes, target: Expr | undefined, args: readonly Expr[]) => Expanded;
}

/** How a fold begins, when it goes on, what each element adds, what comes of it. */
type Fold = Pick<ComprehensionExpr, 'initial' | 'condition' | 'step' | 'result'>;
type Arguments = readonly [Expr, Expr, Expr, Expr];

function method(
  name: string,
  args: number,
  expand: (make: MacroNodes, target: Expr, args: Arguments) => Expanded,
): Macro {
  return {
    name,
    args,
    method: true,
    expand: (make, target, given) => {
      const [first, second = first, third = second, fourth = third] = given;
      assert(target !== undefined && first !== undefined, `${name} without a target or arguments`);
      return expand(make, target, [first, second ?? first, third ?? first, fourth ?? first]);
    },
  };
}

const notStrictlyFalse = '@not_strictly_false';

/** Folds that ask something of the elements. */
const quantifiers = {
  all: (make: MacroNodes, predicate: Expr) => ({
    initial: make.bool(true),
    condition: make.call(notStrictlyFalse, make.accumulator()),
    step: make.call('_&&_', make.accumulator(), predicate),
    result: make.accumulator(),
  }),
  exists: (make: MacroNodes, predicate: Expr) => ({
    initial: make.bool(false),
    condition: make.call(notStrictlyFalse, make.call('!_', make.accumulator())),
    step: make.call('_||_', make.accumulator(), predicate),
    result: make.accumulator(),
  }),
  exists_one: (make: MacroNodes, predicate: Expr) => ({
    initial: make.int(0n),
    condition: make.bool(true),
    step: make.call('_?_:_', predicate, make.call('_+_', make.accumulator(), make.int(1n)), make.accumulator()),
    result: make.call('_==_', make.accumulator(), make.int(1n)),
  }),
} as const;

const quantifier = (name: keyof typeof quantifiers): Macro =>
  method(name, 2, (make, range, [name1, predicate]) => {
    const variable = nameOf(name1, 'argument must be a simple name');
    return 'fault' in variable ? variable : make.fold(range, [variable.name], quantifiers[name](make, predicate));
  });

/** `has`, `all`, `exists`, `exists_one`, `map`, `filter`. */
export const standardMacros: readonly Macro[] = [
  {
    name: 'has',
    args: 1,
    method: false,
    expand: (make, _, [arg]) => {
      assert(arg !== undefined, 'has without an argument');
      if (arg.is !== 'select') return { at: arg, fault: 'invalid argument to has() macro' };
      return make.presence(arg.operand, arg.field);
    },
  },
  quantifier('all'),
  quantifier('exists'),
  quantifier('exists_one'),
  method('map', 2, (make, range, [variable, value]) => mapping(make, range, { variable, value })),
  method('map', 3, (make, range, [variable, filter, value]) => mapping(make, range, { variable, filter, value })),
  method('filter', 2, (make, range, [variable, filter]) => mapping(make, range, { variable, filter, value: variable })),
];

interface Mapping {
  readonly variable: Expr;
  readonly filter?: Expr;
  readonly value: Expr;
}

function mapping(make: MacroNodes, range: Expr, { variable, filter, value }: Mapping): Expanded {
  const name = nameOf(variable, 'argument is not an identifier');
  if ('fault' in name) return name;
  const add = make.call('_+_', make.accumulator(), make.list(value));
  return make.fold(range, [name.name], collected(make, make.list(), filtered(make, filter, add)));
}

/** What a fold that collects all elements is made of. */
const collected = (make: MacroNodes, initial: Expr, step: Expr): Fold => ({
  initial,
  condition: make.bool(true),
  step,
  result: make.accumulator(),
});

function filtered(make: MacroNodes, filter: Expr | undefined, step: Expr): Expr {
  return filter === undefined ? step : make.call('_?_:_', filter, step, make.accumulator());
}

function nameOf(expr: Expr, otherwise: string): IdentExpr | MacroFault {
  if (expr.is !== 'ident') return { at: expr, fault: otherwise };
  return isAccumulator(expr.name) ? { at: expr, fault: 'iteration variable overwrites accumulator variable' } : expr;
}

/** `__result__` is what the accumulator was called before. */
function isAccumulator(name: string): boolean {
  return name === ACCUMULATOR || name === '__result__';
}

/** `optMap` and `optFlatMap`. */
export const optionalMacros: readonly Macro[] = (['optMap', 'optFlatMap'] as const).map((name) =>
  method(name, 2, (make, target, [variable, value]) => {
    if (variable.is !== 'ident') {
      return { at: variable, fault: `${name}() variable name must be a simple identifier` };
    }
    const bound = make.bind(variable.name, make.method(make.copy(target), 'value'), value);
    const present = name === 'optMap' ? make.call('optional.of', bound) : bound;
    return make.call('_?_:_', make.method(target, 'hasValue'), present, make.call('optional.none'));
  }),
);

/** `cel.bind`. */
export const bindMacros: readonly Macro[] = [
  method('bind', 3, (make, target, [variable, value, result]) => {
    if (target.is !== 'ident' || target.name !== 'cel') return undefined;
    if (variable.is !== 'ident') return { at: variable, fault: 'cel.bind() variable names must be simple identifiers' };
    return make.bind(variable.name, value, result);
  }),
];

/** `sortBy` of lists. */
export const listMacros: readonly Macro[] = [
  method('sortBy', 2, (make, target, [variable, key]) => {
    if (target.is === 'constant' || target.is === 'map' || target.is === 'struct') {
      const fault = 'sortBy can only be applied to a list, identifier, comprehension, call or select expression';
      return { at: target, fault };
    }
    const name = '@__sortBy_input__';
    const keys = mapping(make, make.ident(name), { variable, value: key });
    if (keys === undefined || 'fault' in keys) return keys;
    return make.bind(name, target, make.method(make.ident(name), '@sortByAssociatedKeys', keys));
  }),
];

/** A macro with two variables: the index and the element of a list, the key and the value of a map. */
function pairs(name: string, args: number, fold: (make: MacroNodes, args: Arguments, key: string) => Fold): Macro {
  return method(name, args, (make, range, given) => {
    const names: string[] = [];
    for (const arg of given.slice(0, 2)) {
      if (arg.is !== 'ident') return { at: arg, fault: 'argument must be a simple name' };
      if (names.includes(arg.name)) return { at: arg, fault: `duplicate variable name: ${arg.name}` };
      names.push(arg.name);
    }
    const accumulator = given.slice(0, 2).find((arg) => arg.is === 'ident' && isAccumulator(arg.name));
    if (accumulator !== undefined) {
      return { at: accumulator, fault: 'iteration variable overwrites accumulator variable' };
    }
    const [key = '', value = ''] = names;
    return make.fold(range, [key, value], fold(make, given, key));
  });
}

const insert = 'cel.@mapInsert';

/** What each pair adds to the result of `transformList` and the like. */
const transformations: Readonly<Record<string, (make: MacroNodes, key: string, value: Expr) => Expr>> = {
  transformList: (make, _, value) => make.call('_+_', make.accumulator(), make.list(value)),
  transformMap: (make, key, value) => make.call(insert, make.accumulator(), make.ident(key), value),
  transformMapEntry: (make, _, entry) => make.call(insert, make.accumulator(), entry),
};

/** `all`, `exists`, `existsOne`, `exists_one`, `transformList`, `transformMap` and `transformMapEntry` with two variables. */
export const twoVariableMacros: readonly Macro[] = [
  ...(['all', 'exists', 'exists_one'] as const).map((name) =>
    pairs(name, 3, (make, [, , predicate]) => quantifiers[name](make, predicate)),
  ),
  pairs('existsOne', 3, (make, [, , predicate]) => quantifiers.exists_one(make, predicate)),
  ...Object.entries(transformations).flatMap(([name, step]) => {
    const initial = (make: MacroNodes): Expr => (name === 'transformList' ? make.list() : make.map());
    return [
      pairs(name, 3, (make, [, , value], key) => collected(make, initial(make), step(make, key, value))),
      pairs(name, 4, (make, [, , filter, value], key) =>
        collected(make, initial(make), filtered(make, filter, step(make, key, value))),
      ),
    ];
  }),
];
