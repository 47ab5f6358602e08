/**
 * Walks the grammar over the tokens of a text and builds the tree of what was read. It recovers from errors exactly as upstream's generated parser does, so
 * that the same errors are found at the same places in the same words: drop one token or make one up where that helps, else give the rule up and skip to a
 * token that something around it waits for.
 */
import { type ChoiceNode, type Expected, expectedAt, type Node, ruleNode } from './grammar.ts';
import { predict } from './predict.ts';
import { Tokens } from './lexer.ts';
import { END, namesOf, type Token, tokenNames, type TokenType, WHITESPACE } from './token.ts';

/** What was read by a rule, or the part of it that was before an error. */
export interface Branch {
  /** The alternative that was taken, else the rule. */
  name: string;
  readonly first: Token;
  readonly branches: Map<string, Branch[]>;
  readonly tokens: Map<string, Token[]>;
}

/** Ends the whole parse; what is to be said is reported already or is `message`. */
export class Abandoned extends Error {}

/** Ends a rule. */
class RuleError extends Error {
  readonly report: () => void;
  constructor(report: () => void) {
    super('syntax error');
    this.report = report;
  }
}

/** How deep a rule may be within itself. */
const maxDepth = 250;
const maxRecoveries = 30;
/** The most tokens that one recovery may skip. */
const maxSkipped = 256;

/** A rule that is being read: where it goes on when what it waits for is read, and within which rule it is. */
interface Frame {
  readonly precedence: number;
  readonly after: Node;
  readonly parent: Frame | undefined;
}

/** Reads a whole text. `report` takes each syntax error. */
export function recognize(characters: readonly string[], report: (offset: number, message: string) => void): Branch {
  return new Recognizer(new Tokens(characters, report), report).rule('start', 0, undefined);
}

class Recognizer {
  readonly #tokens: Tokens;
  readonly #report: (offset: number, message: string) => void;
  readonly #depths = new Map<string, number>();
  /** After an error nothing is reported until a token fits again. */
  #recovering = false;
  #recoveries = 0;
  #lastErrorAt = -1;
  #lastErrorNodes = new Set<Node>();

  constructor(tokens: Tokens, report: (offset: number, message: string) => void) {
    this.#tokens = tokens;
    this.#report = report;
  }

  rule(name: string, precedence: number, called: Omit<Frame, 'precedence'> | undefined): Branch {
    const depth = (this.#depths.get(name) ?? 0) + 1;
    if (depth > maxDepth) throw new Abandoned(`expression recursion limit exceeded: ${maxDepth}`);
    this.#depths.set(name, depth);
    const frame = called && { ...called, precedence };
    const read = this.#walk(name, ruleNode(name), frame);
    this.#depths.set(name, depth - 1);
    return read;
  }

  /** Reads from a node to the end of its rule. */
  #walk(name: string, from: Node, frame: Frame | undefined): Branch {
    let branch: Branch = { name, first: this.#tokens.look(1), branches: new Map(), tokens: new Map() };
    let node = from;
    try {
      while (node.is !== 'end') {
        switch (node.is) {
          case 'token':
            keep(branch.tokens, node.as, this.#match(node, frame));
            node = node.next;
            break;
          case 'rule':
            keep(branch.branches, node.as, this.rule(node.rule, node.precedence, { after: node.next, parent: frame }));
            node = node.next;
            break;
          case 'choice':
            node = this.#choose(node, frame);
            break;
          case 'alternative':
            if (node.suffix) {
              branch = {
                name: node.name,
                first: branch.first,
                branches: new Map([['left', [branch]]]),
                tokens: new Map(),
              };
            } else branch.name = node.name;
            node = node.next;
            break;
          default:
            node satisfies never;
        }
      }
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      if (!this.#recovering) {
        this.#recovering = true;
        error.report();
      }
      this.#recover(node, frame);
    }
    return branch;
  }

  #match(node: Node & { readonly is: 'token' }, frame: Frame | undefined): Token {
    const token = this.#tokens.look(1);
    if (node.types.includes(token.type)) {
      this.#matched();
      this.#tokens.consume();
      return token;
    }
    this.#countRecovery();
    if (this.#drop(node, frame)) {
      const matched = this.#tokens.look(1);
      this.#tokens.consume();
      return matched;
    }
    if (!followingAt(node.next, frame).has(token.type)) throw this.#mismatch(node, frame);
    const expected = followingAt(node, frame);
    if (!this.#recovering) {
      this.#recovering = true;
      this.#report(token.offset, `missing ${namesOf(expected)} at ${quoted(token.text)}`);
    }
    return this.#madeUp(expected);
  }

  #matched(): void {
    this.#recovering = false;
    this.#lastErrorAt = -1;
    this.#lastErrorNodes = new Set();
  }

  #choose(node: ChoiceNode, frame: Frame | undefined): Node {
    if (!this.#recovering) this.#synchronize(node, frame);
    const first = this.#tokens.look(1);
    const predicted = predict(node, {
      type: (ahead) => this.#tokens.look(ahead).type,
      precedence: frame?.precedence ?? 0,
    });
    const next = 'way' in predicted ? node.ways[predicted.way] : undefined;
    if (next !== undefined) return next;
    const last = this.#tokens.look('deadEnd' in predicted ? predicted.deadEnd : 1);
    throw new RuleError(() => {
      const text = first.type === END ? '<EOF>' : this.#tokens.textBetween(first, last);
      this.#report(last.offset, `no viable alternative at input ${quoted(text)}`);
    });
  }

  /** Before a choice: drop a token that is in the way, or within a loop all that nothing waits for. */
  #synchronize(node: ChoiceNode, frame: Frame | undefined): void {
    const expected = expectedAt(node);
    if (expected.end || expected.types.has(this.#tokens.look(1).type)) return;
    if (node.kind !== 'back') {
      if (!this.#drop(node, frame)) throw this.#mismatch(node, frame);
      return;
    }
    this.#unwanted(node, frame);
    this.#skipUntil(new Set([...followingAt(node, frame), ...awaited(frame)]));
  }

  #mismatch(node: Node, frame: Frame | undefined): RuleError {
    const token = this.#tokens.look(1);
    return new RuleError(() =>
      this.#report(
        token.offset,
        `mismatched input ${quoted(token.text)} expecting ${namesOf(followingAt(node, frame))}`,
      ),
    );
  }

  /** Drops the next token where the one after it is expected. */
  #drop(node: Node, frame: Frame | undefined): boolean {
    if (!followingAt(node, frame).has(this.#tokens.look(2).type)) return false;
    this.#unwanted(node, frame);
    this.#tokens.consume();
    this.#matched();
    return true;
  }

  #unwanted(node: Node, frame: Frame | undefined): void {
    if (this.#recovering) return;
    this.#recovering = true;
    const token = this.#tokens.look(1);
    this.#report(token.offset, `extraneous input ${quoted(token.text)} expecting ${namesOf(followingAt(node, frame))}`);
  }

  #madeUp(expected: ReadonlySet<TokenType>): Token {
    const type = Math.min(...expected);
    const next = this.#tokens.look(1);
    const at = next.type === END ? (this.#tokens.previous ?? next) : next;
    const name = type === END ? 'EOF' : type < WHITESPACE ? (tokenNames[type] ?? '') : 'undefined';
    return { type, text: `<missing ${name}>`, offset: at.offset, index: -1 };
  }

  #countRecovery(): void {
    this.#recoveries++;
    if (this.#recoveries <= maxRecoveries) return;
    this.#report(this.#tokens.look(1).offset, `error recovery attempt limit exceeded: ${maxRecoveries}`);
    throw new Abandoned('');
  }

  /** Skips to a token that is awaited, and at least one where nothing was gained since the last error. */
  #recover(node: Node, frame: Frame | undefined): void {
    this.#countRecovery();
    const isStuck = this.#lastErrorAt === this.#tokens.position && this.#lastErrorNodes.has(node);
    if (isStuck) this.#tokens.consume();
    this.#lastErrorAt = this.#tokens.position;
    this.#lastErrorNodes.add(node);
    this.#skipUntil(awaited(frame), isStuck ? 1 : 0);
  }

  #skipUntil(types: ReadonlySet<TokenType>, skippedBefore?: number): void {
    let skipped = skippedBefore ?? -Infinity;
    for (let { type } = this.#tokens.look(1); type !== END && !types.has(type); { type } = this.#tokens.look(1)) {
      if (skipped >= maxSkipped) throw new Abandoned(`error recovery token lookahead limit exceeded: ${maxSkipped}`);
      skipped++;
      this.#tokens.consume();
    }
  }
}

/** Keeps what was read under a name; without one it is not needed. */
function keep<Value>(map: Map<string, Value[]>, name: string, value: Value): void {
  if (name === '') return;
  const values = map.get(name);
  if (values === undefined) map.set(name, [value]);
  else values.push(value);
}

/** What may come at a place, also after the ends of the rules around it. */
function followingAt(node: Node, frame: Frame | undefined): ReadonlySet<TokenType> {
  const following = new Set<TokenType>();
  let expected: Expected = expectedAt(node);
  let around = frame;
  for (;;) {
    for (const type of expected.types) following.add(type);
    if (!expected.end) return following;
    if (around === undefined) return following.add(END);
    expected = expectedAt(around.after);
    around = around.parent;
  }
}

/** What any of the rules around waits for. */
function awaited(frame: Frame | undefined): ReadonlySet<TokenType> {
  const types = new Set<TokenType>();
  for (let around = frame; around !== undefined; around = around.parent) {
    for (const type of expectedAt(around.after).types) types.add(type);
  }
  return types;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\t', '\\t').replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`;
}
