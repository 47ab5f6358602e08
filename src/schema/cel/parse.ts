/**
 * From the text of an expression to its syntax tree, or to all that is wrong with it in upstream's words. Two steps, as upstream: `recognize.ts` reads the
 * text by the grammar, this makes the tree of it, expands macros, and finds what the grammar allows and CEL does not. Both go on after an error.
 */
import type { CelError, Expr, MapEntry, Parsed, StructField } from './ast.ts';
import { BEFORE_START, NOWHERE } from './errors.ts';
import { bytesLiteral, doubleLiteral, intLiteral, type Literal, stringLiteral, uintLiteral } from './literal-text.ts';
import { listMacros, type Macro, optionalMacros, standardMacros, twoVariableMacros } from './macros.ts';
import { MacroNodes, Nodes } from './nodes.ts';
import { Abandoned, type Branch, recognize } from './recognize.ts';
import type { Token } from './token.ts';

export interface ParseOptions {
  /** Those of Kubernetes, unless others are given. */
  readonly macros?: readonly Macro[];
}

/** The longest text that is read, in code points. */
const maxCodePoints = 100_000;
const maxDepth = 250;
const maxSyntaxErrors = 100;

/** The macros that expressions of Kubernetes have. */
export const kubernetesMacros: readonly Macro[] = [
  ...standardMacros,
  ...optionalMacros,
  ...twoVariableMacros,
  ...listMacros,
];

export function parse(
  source: string,
  { macros = kubernetesMacros }: ParseOptions = {},
): { readonly parsed: Parsed } | { readonly errors: readonly CelError[] } {
  const errors: CelError[] = [];
  const characters = [...source];
  if (characters.length > maxCodePoints) {
    const message = `expression code point size exceeds limit: size: ${characters.length}, limit ${maxCodePoints}`;
    return { errors: [{ offset: NOWHERE, message }] };
  }
  try {
    const tree = recognize(characters, (offset, message) => {
      const isLast = errors.length >= maxSyntaxErrors;
      errors.push({
        offset,
        message: `Syntax error: ${isLast ? `More than ${maxSyntaxErrors} syntax errors` : reworded(message)}`,
      });
      if (isLast) throw new Abandoned('');
    });
    const nodes = new Nodes();
    const expr = new Builder(nodes, errors, macros).expr(tree.branches.get('e')?.[0]);
    if (errors.length === 0) return { parsed: { expr, source, positions: nodes.positions } };
  } catch (error) {
    if (!(error instanceof Abandoned)) throw error;
    if (error.message !== '') errors.push({ offset: NOWHERE, message: error.message });
  }
  return { errors };
}

/** A reserved word after a dot is called a mismatch, as it was in old versions of CEL. */
function reworded(message: string): string {
  return message.replace(
    /no viable alternative at input '.(?<word>true|false|null)'/g,
    "mismatched input '$<word>' expecting IDENTIFIER",
  );
}

const reserved = new Set(
  (
    'as break const continue else false for function if import in let loop package namespace null return true var void ' +
    'while'
  ).split(' '),
);

class Builder {
  readonly #nodes: Nodes;
  readonly #errors: CelError[];
  readonly #macros: ReadonlyMap<string, Macro>;
  #depth = 0;

  constructor(nodes: Nodes, errors: CelError[], macros: readonly Macro[]) {
    this.#nodes = nodes;
    this.#errors = errors;
    this.#macros = new Map(macros.map((macro) => [`${macro.method}:${macro.name}:${macro.args}`, macro]));
  }

  /** The expression that a branch of the tree stands for. */
  expr(tree: Branch | undefined): Expr {
    const branch = compound(tree);
    const make = branch && makers[branch.name];
    if (branch === undefined || make === undefined) {
      const found = branch === undefined ? '<<nil>>' : `<<${branch.name}>>`;
      if (this.#errors.length === 0) return this.fault(NOWHERE, `unknown parse element encountered: ${found}`);
      return this.#nodes.unknown(BEFORE_START);
    }
    if (!deep.has(branch.name)) return make(this, branch);
    this.#depth++;
    if (this.#depth > maxDepth) throw new Abandoned('max recursion depth exceeded');
    const made = make(this, branch);
    this.#depth--;
    return made;
  }

  exprs(branches: readonly Branch[] | undefined): readonly Expr[] {
    return (branches ?? []).map((branch) => this.expr(branch));
  }

  id(place: Branch | Token | undefined): number {
    return this.#nodes.id(offsetOf(place));
  }

  unknown(place: Branch | Token | undefined): Expr {
    return this.#nodes.unknown(offsetOf(place));
  }

  fault(place: Branch | Token | undefined | number, message: string): Expr {
    const offset = typeof place === 'number' ? place : offsetOf(place);
    this.#errors.push({ offset, message });
    return this.#nodes.unknown(offset);
  }

  literal(branch: Branch, literal: Literal): Expr {
    if ('fault' in literal) return this.fault(branch, literal.fault);
    return { is: 'constant', id: this.id(branch), constant: literal.constant };
  }

  /** A call, or what the macro of this name makes of it. */
  call(id: number, name: string, [target, args]: readonly [Expr | undefined, readonly Expr[]]): Expr {
    const macro = this.#macros.get(`${target !== undefined}:${name}:${args.length}`);
    const expanded = macro?.expand(new MacroNodes(this.#nodes, this.#nodes.position(id)), target, args);
    if (expanded === undefined) return { is: 'call', id, target, name, args };
    return 'fault' in expanded ? this.fault(this.#nodes.position(expanded.at.id), expanded.fault) : expanded;
  }

  operation(operator: Token | undefined, name: string, operands: readonly (Branch | undefined)[]): Expr {
    const [first, ...rest] = operands;
    const left = this.expr(first);
    const id = this.id(operator);
    return this.call(id, name, [undefined, [left, ...rest.map((operand) => this.expr(operand))]]);
  }

  /** `a && b && c…`: a balanced tree, since the order in which it is run is free and long chains are common. */
  logical(branch: Branch, operator: string): Expr {
    const terms = [this.expr(one(branch, 'e'))];
    const ids: number[] = [];
    const rest = branch.branches.get('rest') ?? [];
    for (const [place, token] of (branch.tokens.get('ops') ?? []).entries()) {
      const term = rest[place];
      if (term === undefined) return this.fault(branch, `unexpected character, wanted '${operator}'`);
      terms.push(this.expr(term));
      ids.push(this.id(token));
    }
    return this.#balanced(`_${operator}_`, terms, ids);
  }

  #balanced(name: string, terms: readonly Expr[], ids: readonly number[]): Expr {
    const [only] = terms;
    const middle = ids.length >> 1;
    const id = ids[middle];
    if (id === undefined) return only ?? this.#nodes.unknown(NOWHERE);
    const left = this.#balanced(name, terms.slice(0, middle + 1), ids.slice(0, middle));
    const right = this.#balanced(name, terms.slice(middle + 1), ids.slice(middle + 1));
    return { is: 'call', id, target: undefined, name, args: [left, right] };
  }

  /** The name that `name` or `` `name` `` stands for. */
  fieldName(branch: Branch | undefined): { readonly name: string } | { readonly fault: string } {
    const text = branch && text1(branch, 'id');
    if (branch?.name === 'SimpleIdentifier' && text !== undefined) return { name: text };
    if (branch?.name !== 'EscapedIdentifier' || text === undefined) return { fault: 'unsupported ident kind' };
    return { name: text.slice(1, -1) };
  }

  mapEntries(branch: Branch | undefined): readonly MapEntry[] {
    const keys = branch?.branches.get('keys') ?? [];
    const values = branch?.branches.get('values') ?? [];
    const entries: MapEntry[] = [];
    for (const [place, colon] of (branch?.tokens.get('colons') ?? []).entries()) {
      const id = this.id(colon);
      const key = keys[place];
      const value = values[place];
      if (key === undefined || value === undefined) return [];
      const keyExpr = this.expr(one(key, 'e'));
      entries.push({ id, key: keyExpr, value: this.expr(value), optional: isOptional(key) });
    }
    return entries;
  }

  fields(branch: Branch | undefined): readonly StructField[] {
    const colons = branch?.tokens.get('colons') ?? [];
    const values = branch?.branches.get('values') ?? [];
    const fields: StructField[] = [];
    for (const [place, key] of (branch?.branches.get('keys') ?? []).entries()) {
      const colon = colons[place];
      const value = values[place];
      if (colon === undefined || value === undefined) return [];
      const id = this.id(colon);
      const named = this.fieldName(one(key, 'id'));
      if ('fault' in named) this.fault(branch, named.fault);
      else fields.push({ id, name: named.name, value: this.expr(value), optional: isOptional(key) });
    }
    return fields;
  }
}

/** Rules within rules that only pass on what they are around are left out. */
function compound(tree: Branch | undefined): Branch | undefined {
  let branch = tree;
  while (branch !== undefined && passes(branch)) branch = one(branch, 'e');
  return branch;
}

function passes({ name, tokens }: Branch): boolean {
  switch (name) {
    case 'expr':
      return !tokens.has('op');
    case 'conditionalOr':
    case 'conditionalAnd':
      return !tokens.has('ops');
    default:
      return passing.has(name);
  }
}

const passing = new Set(['relation', 'calc', 'MemberExpr', 'PrimaryExpr', 'Nested', 'ConstantLiteral']);
/** What counts as one level of depth. */
const deep = new Set(['expr', 'Operation', 'Select', 'MemberCall', 'Index']);

const one = (branch: Branch, name: string): Branch | undefined => branch.branches.get(name)?.[0];
const token = (branch: Branch, name: string): Token | undefined => branch.tokens.get(name)?.[0];
const text1 = (branch: Branch, name: string): string | undefined => token(branch, name)?.text;
const isOptional = (branch: Branch): boolean => branch.tokens.has('opt');
const offsetOf = (place: Branch | Token | undefined): number =>
  place === undefined ? NOWHERE : 'first' in place ? place.first.offset : place.offset;

/** How operators are called that are not `_` with the operator between. */
const operators: Readonly<Record<string, string>> = { in: '@in' };

type Make = (builder: Builder, branch: Branch) => Expr;

const negation =
  (name: string): Make =>
  (builder, branch) => {
    const signs = branch.tokens.get('ops') ?? [];
    if (signs.length % 2 === 0) return builder.expr(one(branch, 'e'));
    const id = builder.id(signs[0]);
    return builder.call(id, name, [undefined, [builder.expr(one(branch, 'e'))]]);
  };

const literal =
  (read: (text: string) => Literal): Make =>
  (builder, branch) =>
    builder.literal(branch, read((text1(branch, 'sign') ?? '') + (text1(branch, 'token') ?? '')));

/** A name and what may follow it; undefined where it is none. */
function rootName(builder: Builder, branch: Branch): string | { readonly fault: Expr } {
  const name = text1(branch, 'id');
  if (name === undefined) return { fault: builder.unknown(branch) };
  if (reserved.has(name)) return { fault: builder.fault(branch, `reserved identifier: ${name}`) };
  return (branch.tokens.has('dot') ? '.' : '') + name;
}

const makers: Readonly<Record<string, Make | undefined>> = {
  expr: (builder, branch) => {
    const condition = builder.expr(one(branch, 'e'));
    const id = builder.id(token(branch, 'op'));
    const yes = builder.expr(one(branch, 'e1'));
    const no = builder.expr(one(branch, 'e2'));
    return builder.call(id, '_?_:_', [undefined, [condition, yes, no]]);
  },
  conditionalOr: (builder, branch) => builder.logical(branch, '||'),
  conditionalAnd: (builder, branch) => builder.logical(branch, '&&'),
  Operation: (builder, branch) => {
    const operator = token(branch, 'op');
    const name = operator?.text ?? '';
    return builder.operation(operator, operators[name] ?? `_${name}_`, [one(branch, 'left'), one(branch, 'right')]);
  },
  unary: (builder, branch) => builder.literal(branch, { constant: { type: 'string', value: '<<error>>' } }),
  LogicalNot: negation('!_'),
  Negate: negation('-_'),
  Select: (builder, branch) => {
    const operand = builder.expr(one(branch, 'left'));
    const field = one(branch, 'id');
    const operator = token(branch, 'op');
    if (field === undefined || operator === undefined) return builder.unknown(branch);
    const named = builder.fieldName(field);
    if ('fault' in named) builder.fault(field, named.fault);
    const name = 'fault' in named ? '' : named.name;
    if (!isOptional(branch)) return { is: 'select', id: builder.id(operator), operand, field: name, test: false };
    const constant = builder.literal(field, { constant: { type: 'string', value: name } });
    return { is: 'call', id: builder.id(operator), target: undefined, name: '_?._', args: [operand, constant] };
  },
  MemberCall: (builder, branch) => {
    const target = builder.expr(one(branch, 'left'));
    const name = text1(branch, 'id');
    if (name === undefined) return builder.unknown(branch);
    const id = builder.id(token(branch, 'open'));
    return builder.call(id, name, [target, builder.exprs(one(branch, 'args')?.branches.get('e'))]);
  },
  Index: (builder, branch) => {
    const operator = token(branch, 'op');
    const name = isOptional(branch) ? '_[?_]' : '_[_]';
    const target = builder.expr(one(branch, 'left'));
    if (operator === undefined) return builder.unknown(branch);
    const id = builder.id(operator);
    return builder.call(id, name, [undefined, [target, builder.expr(one(branch, 'index'))]]);
  },
  Ident: (builder, branch) => {
    const name = rootName(builder, branch);
    return typeof name === 'string' ? { is: 'ident', id: builder.id(token(branch, 'id')), name } : name.fault;
  },
  GlobalCall: (builder, branch) => {
    const name = rootName(builder, branch);
    if (typeof name !== 'string') return name.fault;
    const id = builder.id(token(branch, 'op'));
    return builder.call(id, name, [undefined, builder.exprs(one(branch, 'args')?.branches.get('e'))]);
  },
  CreateList: (builder, branch) => {
    const id = builder.id(token(branch, 'op'));
    const items = one(branch, 'elements')?.branches.get('elements') ?? [];
    const elements = items.map((item) => builder.expr(one(item, 'e')));
    return { is: 'list', id, elements, optional: items.flatMap((item, place) => (isOptional(item) ? [place] : [])) };
  },
  CreateStruct: (builder, branch) => {
    const id = builder.id(token(branch, 'op'));
    return { is: 'map', id, entries: builder.mapEntries(one(branch, 'entries')) };
  },
  CreateMessage: (builder, branch) => {
    const path = (branch.tokens.get('ids') ?? []).map(({ text }) => text).join('.');
    const id = builder.id(token(branch, 'op'));
    const name = branch.tokens.has('dot') ? `.${path}` : path;
    return { is: 'struct', id, name, fields: builder.fields(one(branch, 'entries')) };
  },
  Int: literal(intLiteral),
  Uint: literal(uintLiteral),
  Double: literal(doubleLiteral),
  String: literal(stringLiteral),
  Bytes: literal(bytesLiteral),
  BoolTrue: literal(() => ({ constant: { type: 'bool', value: true } })),
  BoolFalse: literal(() => ({ constant: { type: 'bool', value: false } })),
  Null: literal(() => ({ constant: { type: 'null' } })),
};
