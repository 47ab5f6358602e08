/**
 * The grammar of CEL as data, after `CEL.g4` of cel-go, rule by rule and alternative by alternative: which tokens are expected at a place, and so the words
 * of a syntax error, follow from its exact shape. The rules are linked into a graph that `recognize.ts` walks; each place in a rule is one node.
 */
import { tokenType, type TokenType } from './token.ts';

/** How one of several ways is chosen where the next token alone does not tell; see `predict.ts`. */
export type Prediction =
  | 'only'
  | 'optional'
  | 'next token'
  | 'operator'
  | 'list'
  | 'selection'
  | 'minus'
  | 'unary'
  | 'primary'
  | 'literal';

/** A place in a rule. `as` is the name under which what was read is kept. */
export type Node =
  | { readonly is: 'token'; readonly types: readonly TokenType[]; readonly as: string; readonly next: Node }
  | {
      readonly is: 'rule';
      readonly rule: string;
      readonly precedence: number;
      readonly as: string;
      readonly next: Node;
    }
  | { readonly is: 'choice'; readonly kind: ChoiceKind; readonly by: Prediction; readonly ways: readonly Node[] }
  /** From here the rule is a certain alternative, around what was read so far if it is a `suffix`. */
  | { readonly is: 'alternative'; readonly name: string; readonly suffix: boolean; readonly next: Node }
  | { readonly is: 'end' };
export type ChoiceNode = Node & { readonly is: 'choice' };
/** Recovery from an error differs between the first round of a loop and later ones. */
export type ChoiceKind = 'block' | 'entry' | 'back';

type Part = (next: Node) => Node;

const end: Node = { is: 'end' };
const linked = (parts: readonly Part[], next: Node): Node => parts.reduceRight((after, part) => part(after), next);

/** Tokens by their names with spaces between. */
const token =
  (names: string, as = ''): Part =>
  (next) => ({ is: 'token', types: names.split(' ').map(tokenType), as, next });
const rule =
  (name: string, as = '', precedence = 0): Part =>
  (next) => ({ is: 'rule', rule: name, precedence, as, next });
const optional =
  (...parts: readonly Part[]): Part =>
  (next) => ({ is: 'choice', kind: 'block', by: 'optional', ways: [linked(parts, next), next] });
const choice =
  (by: Prediction, ...ways: readonly (readonly Part[])[]): Part =>
  (next) => ({ is: 'choice', kind: 'block', by, ways: ways.map((parts) => linked(parts, next)) });
const many =
  (by: Prediction, ...parts: readonly Part[]): Part =>
  (next) => ({ is: 'choice', kind: 'entry', by, ways: [loop(by, parts, next), next] });
const some =
  (by: Prediction, ...parts: readonly Part[]): Part =>
  (next) => ({ is: 'choice', kind: 'block', by: 'only', ways: [loop(by, parts, next)] });
/** A round of a loop; at its end it may go round again. */
function loop(by: Prediction, parts: readonly Part[], next: Node): Node {
  const ways: Node[] = [];
  const round = linked(parts, { is: 'choice', kind: 'back', by, ways });
  ways.push(round, next);
  return round;
}
const alternative = (name: string, ...parts: readonly Part[]): readonly Part[] => [
  (next) => ({ is: 'alternative', name, suffix: false, next }),
  ...parts,
];
const suffix = (name: string, ...parts: readonly Part[]): readonly Part[] => [
  (next) => ({ is: 'alternative', name, suffix: true, next }),
  ...parts,
];
const name = 'IDENTIFIER';

const parts: Readonly<Record<string, readonly Part[]>> = {
  start: [rule('expr', 'e'), token('EOF')],
  expr: [
    rule('conditionalOr', 'e'),
    optional(token('?', 'op'), rule('conditionalOr', 'e1'), token(':'), rule('expr', 'e2')),
  ],
  conditionalOr: [rule('conditionalAnd', 'e'), many('optional', token('||', 'ops'), rule('conditionalAnd', 'rest'))],
  conditionalAnd: [rule('relation', 'e'), many('optional', token('&&', 'ops'), rule('relation', 'rest'))],
  relation: [
    rule('calc', 'e'),
    many('operator', ...suffix('Operation', token('< <= >= > == != in', 'op'), rule('relation', 'right', 2))),
  ],
  calc: [
    rule('unary', 'e'),
    many(
      'operator',
      choice(
        'next token',
        suffix('Operation', token('* / %', 'op'), rule('calc', 'right', 3)),
        suffix('Operation', token('+ -', 'op'), rule('calc', 'right', 2)),
      ),
    ),
  ],
  unary: [
    choice(
      'unary',
      alternative('MemberExpr', rule('member', 'e')),
      alternative('LogicalNot', some('optional', token('!', 'ops')), rule('member', 'e')),
      alternative('Negate', some('minus', token('-', 'ops')), rule('member', 'e')),
    ),
  ],
  member: [
    ...alternative('PrimaryExpr', rule('primary', 'e')),
    many(
      'operator',
      choice(
        'selection',
        suffix('Select', token('.', 'op'), optional(token('?', 'opt')), rule('escapeIdent', 'id')),
        suffix(
          'MemberCall',
          token('.', 'op'),
          token(name, 'id'),
          token('(', 'open'),
          optional(rule('exprList', 'args')),
          token(')'),
        ),
        suffix('Index', token('[', 'op'), optional(token('?', 'opt')), rule('expr', 'index'), token(']')),
      ),
    ),
  ],
  primary: [
    choice(
      'primary',
      alternative('Ident', optional(token('.', 'dot')), token(name, 'id')),
      alternative(
        'GlobalCall',
        optional(token('.', 'dot')),
        token(name, 'id'),
        token('(', 'op'),
        optional(rule('exprList', 'args')),
        token(')'),
      ),
      alternative('Nested', token('('), rule('expr', 'e'), token(')')),
      alternative(
        'CreateList',
        token('[', 'op'),
        optional(rule('listInit', 'elements')),
        optional(token(',')),
        token(']'),
      ),
      alternative(
        'CreateStruct',
        token('{', 'op'),
        optional(rule('mapInitializerList', 'entries')),
        optional(token(',')),
        token('}'),
      ),
      alternative(
        'CreateMessage',
        optional(token('.', 'dot')),
        token(name, 'ids'),
        many('optional', token('.'), token(name, 'ids')),
        token('{', 'op'),
        optional(rule('fieldInitializerList', 'entries')),
        optional(token(',')),
        token('}'),
      ),
      alternative('ConstantLiteral', rule('literal', 'e')),
    ),
  ],
  exprList: [rule('expr', 'e'), many('optional', token(','), rule('expr', 'e'))],
  listInit: [rule('optExpr', 'elements'), many('list', token(','), rule('optExpr', 'elements'))],
  fieldInitializerList: [
    rule('optField', 'keys'),
    token(':', 'colons'),
    rule('expr', 'values'),
    many('list', token(','), rule('optField', 'keys'), token(':', 'colons'), rule('expr', 'values')),
  ],
  optField: [optional(token('?', 'opt')), rule('escapeIdent', 'id')],
  mapInitializerList: [
    rule('optExpr', 'keys'),
    token(':', 'colons'),
    rule('expr', 'values'),
    many('list', token(','), rule('optExpr', 'keys'), token(':', 'colons'), rule('expr', 'values')),
  ],
  escapeIdent: [
    choice(
      'next token',
      alternative('SimpleIdentifier', token(name, 'id')),
      alternative('EscapedIdentifier', token('ESC_IDENTIFIER', 'id')),
    ),
  ],
  optExpr: [optional(token('?', 'opt')), rule('expr', 'e')],
  literal: [
    choice(
      'literal',
      alternative('Int', optional(token('-', 'sign')), token('NUM_INT', 'token')),
      alternative('Uint', token('NUM_UINT', 'token')),
      alternative('Double', optional(token('-', 'sign')), token('NUM_FLOAT', 'token')),
      alternative('String', token('STRING', 'token')),
      alternative('Bytes', token('BYTES', 'token')),
      alternative('BoolTrue', token('true', 'token')),
      alternative('BoolFalse', token('false', 'token')),
      alternative('Null', token('null', 'token')),
    ),
  ],
};

const rules = new Map<string, Node>();

/** The first node of a rule. Rules are linked when they are first needed. */
export function ruleNode(ruleName: string): Node {
  let node = rules.get(ruleName);
  if (node === undefined) {
    node = linked(parts[ruleName] ?? [], end);
    rules.set(ruleName, node);
  }
  return node;
}

/** The tokens that may come at a place within its rule, and whether the rule may end there. */
export interface Expected {
  readonly types: ReadonlySet<TokenType>;
  readonly end: boolean;
}

const known = new Map<Node, Expected>();

/** What may come at a node. */
export function expectedAt(node: Node): Expected {
  let expected = known.get(node);
  if (expected === undefined) {
    expected = expectedOf(node);
    known.set(node, expected);
  }
  return expected;
}

function expectedOf(node: Node): Expected {
  switch (node.is) {
    case 'token':
      return { types: new Set(node.types), end: false };
    case 'end':
      return { types: new Set(), end: true };
    case 'alternative':
      return expectedAt(node.next);
    case 'choice': {
      const ways = node.ways.map(expectedAt);
      return { types: new Set(ways.flatMap(({ types }) => [...types])), end: ways.some((way) => way.end) };
    }
    case 'rule': {
      const inside = expectedAt(ruleNode(node.rule));
      if (!inside.end) return inside;
      const after = expectedAt(node.next);
      return { types: new Set([...inside.types, ...after.types]), end: after.end };
    }
    default:
      node satisfies never;
      return { types: new Set(), end: true };
  }
}
