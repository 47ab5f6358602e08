/**
 * Which way to go where several are open. Upstream's generated parser looks ahead as far as it needs to; how far that is for each choice of this grammar, and
 * where it gives up, was worked out by hand, since an error says what text was looked at.
 */
import { type ChoiceNode, expectedAt } from './grammar.ts';
import { ESCAPED_IDENTIFIER, FLOAT, IDENTIFIER, INT, tokenType, type TokenType } from './token.ts';

/** The place of the way in its choice; or no way is open, as the token so many places ahead showed. */
export type Predicted = { readonly way: number } | { readonly deadEnd: number };

/** What a prediction sees of the parser. */
export interface Lookahead {
  /** The type of the token so many places ahead, 1 the next one. */
  type(ahead: number): TokenType;
  /** Operators that bind less than this end the operation. */
  readonly precedence: number;
}

const dot = tokenType('.');
const question = tokenType('?');
const minus = tokenType('-');
const not = tokenType('!');
const comma = tokenType(',');
const leftParen = tokenType('(');
const leftBrace = tokenType('{');
const multiplications = new Set(['*', '/', '%'].map(tokenType));

const way = (place: number): Predicted => ({ way: place });
const isNumber = (type: TokenType): boolean => type === INT || type === FLOAT;

export function predict(choice: ChoiceNode, ahead: Lookahead): Predicted {
  const first = ahead.type(1);
  switch (choice.by) {
    case 'only':
      return way(0);
    case 'optional':
      return way(opens(choice, 0, first) ? 0 : 1);
    case 'next token':
      return byFirst(choice, first);
    case 'operator':
      return way(opens(choice, 0, first) && (multiplications.has(first) ? 2 : 1) >= ahead.precedence ? 0 : 1);
    case 'list':
      return way(first === comma && elementFollows(choice, ahead.type(2)) ? 0 : 1);
    case 'selection':
      return first === dot ? selection(ahead) : byFirst(choice, first);
    case 'minus':
      if (first !== minus) return opens(choice, 1, first) ? way(1) : { deadEnd: 1 };
      return opens(choice, 0, ahead.type(2)) || opens(choice, 1, ahead.type(2)) ? way(0) : { deadEnd: 2 };
    case 'unary':
      return first === minus ? negation(choice, ahead) : byFirst(choice, first);
    case 'primary':
      return first === dot || first === IDENTIFIER ? named(ahead) : byFirst(choice, first);
    case 'literal':
      if (first !== minus) return byFirst(choice, first);
      return isNumber(ahead.type(2)) ? way(ahead.type(2) === INT ? 0 : 2) : { deadEnd: 2 };
    default:
      choice.by satisfies never;
      return { deadEnd: 1 };
  }
}

function opens(choice: ChoiceNode, place: number, type: TokenType): boolean {
  const node = choice.ways[place];
  return node !== undefined && expectedAt(node).types.has(type);
}

function byFirst(choice: ChoiceNode, first: TokenType): Predicted {
  const place = choice.ways.findIndex((_, index) => opens(choice, index, first));
  return place < 0 ? { deadEnd: 1 } : way(place);
}

/** Whether a comma is followed by another element: it may also be the last thing in a list. */
function elementFollows({ ways: [round] }: ChoiceNode, type: TokenType): boolean {
  return round?.is === 'token' && expectedAt(round.next).types.has(type);
}

/** `.name`, `.?name` or `.name(`. */
function selection(ahead: Lookahead): Predicted {
  const second = ahead.type(2);
  if (second === IDENTIFIER) return way(ahead.type(3) === leftParen ? 1 : 0);
  return second === ESCAPED_IDENTIFIER || second === question ? way(0) : { deadEnd: 2 };
}

/** `-1` is a literal; all other minuses are operators. */
function negation(choice: ChoiceNode, ahead: Lookahead): Predicted {
  const second = ahead.type(2);
  if (isNumber(second)) return way(0);
  return second !== not && (opens(choice, 0, second) || second === minus) ? way(2) : { deadEnd: 2 };
}

/** A name, a call, or the name of a message with dots in it, which only its brace tells. */
function named(ahead: Lookahead): Predicted {
  let at = ahead.type(1) === dot ? 2 : 1;
  if (ahead.type(at) !== IDENTIFIER) return { deadEnd: at };
  if (ahead.type(at + 1) === leftParen) return way(1);
  while (ahead.type(at + 1) === dot && ahead.type(at + 2) === IDENTIFIER) at += 2;
  return way(ahead.type(at + 1) === leftBrace ? 5 : 0);
}
