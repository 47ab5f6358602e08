/**
 * The tokens of CEL, in the order of its grammar (`CEL.g4` of cel-go): where a text is refused, the tokens that were expected are listed in this order and
 * by these names, and people and their tests know those lists.
 */

/** How a token is called in an error: by its text, or by its kind. */
export const tokenNames = [
  '',
  "'=='",
  "'!='",
  "'in'",
  "'<'",
  "'<='",
  "'>='",
  "'>'",
  "'&&'",
  "'||'",
  "'['",
  "']'",
  "'{'",
  "'}'",
  "'('",
  "')'",
  "'.'",
  "','",
  "'-'",
  "'!'",
  "'?'",
  "':'",
  "'+'",
  "'*'",
  "'/'",
  "'%'",
  "'true'",
  "'false'",
  "'null'",
  'WHITESPACE',
  'COMMENT',
  'NUM_FLOAT',
  'NUM_INT',
  'NUM_UINT',
  'STRING',
  'BYTES',
  'IDENTIFIER',
  'ESC_IDENTIFIER',
] as const;

/** The place of a token's name in that list; the end of the text is -1 and so comes first. */
export type TokenType = number;

const typeOfName = new Map<string, TokenType>(tokenNames.map((name, type) => [name, type]));

/** The type of a token by its name: an operator or word as it is written, or a kind like `IDENTIFIER`. */
export function tokenType(name: string): TokenType {
  return name === 'EOF' ? END : (typeOfName.get(`'${name}'`) ?? typeOfName.get(name) ?? UNKNOWN);
}

export const END = -1;
export const UNKNOWN = 0;
export const WHITESPACE = 29;
export const COMMENT = 30;
export const FLOAT = 31;
export const INT = 32;
export const UINT = 33;
export const STRING = 34;
export const BYTES = 35;
export const IDENTIFIER = 36;
export const ESCAPED_IDENTIFIER = 37;

/** How a set of tokens is listed in an error. */
export function namesOf(types: Iterable<TokenType>): string {
  const names = [...types].sort((a, b) => a - b).map((type) => (type === END ? '<EOF>' : (tokenNames[type] ?? '')));
  return names.length > 1 ? `{${names.join(', ')}}` : (names[0] ?? '{}');
}

export interface Token {
  readonly type: TokenType;
  readonly text: string;
  /** Where it starts, in code points. */
  readonly offset: number;
  /** Its place among all tokens, white space and comments included; -1 of one that recovery made up. */
  readonly index: number;
}
