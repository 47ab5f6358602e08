/**
 * Label selectors and field selectors: from the text of a query (`app=web,tier in (a,b),!old`) or from a LabelSelector object to one list of
 * requirements that matches sets of labels. Texts come from clients: errors are BadRequest in upstream's words.
 */
import { invalidValue, printed } from './causes.ts';
import { labelKey, labelValue } from './names.ts';
import { badRequest, type ApiError, type Cause } from './status.ts';

export type LabelOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  /** Sorted, each once. */
  readonly values: readonly string[];
}

/** All requirements must hold: none of them selects everything, unless `nothing`. */
export interface LabelSelector {
  readonly requirements: readonly LabelRequirement[];
  /** Selects no object at all: what a missing LabelSelector means. */
  readonly nothing?: true;
}

/** The `spec.selector` of many kinds. */
export interface LabelSelectorObject {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

export const selectNothing: LabelSelector = Object.freeze({ requirements: Object.freeze([]), nothing: true as const });

type Labels = Readonly<Record<string, string>> | undefined;

export function matches(selector: LabelSelector, labels: Labels): boolean {
  if (selector.nothing === true) return false;
  for (const requirement of selector.requirements) if (!holds(requirement, labels)) return false;
  return true;
}

function holds({ key, operator, values }: LabelRequirement, labels: Labels): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case '=':
    case '==':
    case 'in':
      return value !== undefined && values.includes(value);
    case '!=':
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'gt':
    case 'lt': {
      const [bound = ''] = values;
      if (value === undefined || !integer.test(value) || !integer.test(bound)) return false;
      return operator === 'gt' ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
    }
    default:
      return operator satisfies never;
  }
}

const integer = /^-?[0-9]{1,19}$/;

/** True when the selector restricts nothing. */
export const selectsEverything = (selector: LabelSelector): boolean =>
  selector.nothing !== true && selector.requirements.length === 0;

/** The value that the selector insists on for this key, when it is exactly one: for an index look-up. */
export function exactValue(selector: LabelSelector, key: string): string | undefined {
  for (const requirement of selector.requirements) {
    if (requirement.key !== key || requirement.values.length !== 1) continue;
    if (requirement.operator === '=' || requirement.operator === '==' || requirement.operator === 'in')
      return requirement.values[0];
  }
  return undefined;
}

/** As text that `parseLabelSelector` reads back: what `status.selector` of a Scale holds. */
export function formatSelector(selector: LabelSelector): string {
  return selector.requirements.map(formatRequirement).join(',');
}

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.join(',')})`;
    case 'gt':
      return `${key}>${values.join(',')}`;
    case 'lt':
      return `${key}<${values.join(',')}`;
    default:
      return `${key}${operator}${values.join(',')}`;
  }
}

const compiled = new WeakMap<object, LabelSelector>();

/**
 * From a LabelSelector object: undefined selects nothing, an empty one everything. The object must not change afterwards (objects of
 * the API are frozen): the answer is remembered. Throws BadRequest for an unknown operator.
 */
export function selectorFrom(object: LabelSelectorObject | undefined | null): LabelSelector {
  if (object === undefined || object === null) return selectNothing;
  const known = compiled.get(object);
  if (known !== undefined) return known;
  const requirements: LabelRequirement[] = [];
  for (const [key, value] of Object.entries(object.matchLabels ?? {}))
    requirements.push({ key, operator: '=', values: [value] });
  for (const { key, operator, values } of object.matchExpressions ?? []) {
    const known = Object.hasOwn(objectOperators, operator) ? objectOperators[operator] : undefined;
    if (known === undefined) throw badRequest(`${printed(operator)} is not a valid label selector operator`);
    requirements.push({ key, operator: known, values: sortedSet(values ?? []) });
  }
  const selector: LabelSelector = { requirements: byKey(requirements) };
  compiled.set(object, selector);
  return selector;
}

const objectOperators: Readonly<Record<string, LabelOperator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
};

const sortedSet = (values: readonly string[]): string[] => [...new Set(values)].sort();
const byKey = (requirements: LabelRequirement[]): LabelRequirement[] =>
  requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));

// --- The text form ------------------------------------------------------------------------------------------------------------------

type Token =
  | { readonly is: 'word'; readonly text: string }
  | { readonly is: 'symbol'; readonly text: string }
  | { readonly is: 'end'; readonly text: '' };

const symbols = ['!=', '==', '=', '!', '(', ')', ',', '>', '<'] as const;

function tokens(text: string): Token[] {
  const out: Token[] = [];
  let at = 0;
  while (at < text.length) {
    if (/[ \t\r\n]/.test(text.charAt(at))) {
      at++;
      continue;
    }
    const symbol = symbols.find((known) => text.startsWith(known, at));
    if (symbol !== undefined) {
      out.push({ is: 'symbol', text: symbol });
      at += symbol.length;
      continue;
    }
    const word = /[^ \t\r\n=!(),<>]+/y;
    word.lastIndex = at;
    const found = word.exec(text)?.[0] ?? '';
    out.push({ is: 'word', text: found });
    at += found.length;
  }
  out.push({ is: 'end', text: '' });
  return out;
}

const operatorNames = ['in', 'notin', '=', '==', '!=', '>', '<'];

/** Reads `a=b,c!=d,e in (x,y),f notin (z),g,!h`. Throws BadRequest with upstream's text. */
export function parseLabelSelector(text: string): LabelSelector {
  const stream = tokens(text);
  let at = 0;
  const peek = (): Token => stream[at] ?? { is: 'end', text: '' };
  const take = (): Token => stream[at++] ?? { is: 'end', text: '' };
  const requirements: LabelRequirement[] = [];
  for (;;) {
    const first = peek();
    if (first.is === 'end') break;
    if (first.is === 'symbol' && first.text !== '!') {
      throw badRequest(`found '${first.text}', expected: !, identifier, or 'end of string'`);
    }
    requirements.push(requirement(peek, take));
    const next = take();
    if (next.is === 'end') break;
    if (next.text !== ',' || next.is !== 'symbol')
      throw badRequest(`found '${next.text}', expected: ',' or 'end of string'`);
    const after = peek();
    if (after.is !== 'word' && after.text !== '!')
      throw badRequest(`found '${after.text}', expected: identifier after ','`);
  }
  return { requirements: byKey(requirements) };
}

function failed(why: string): ApiError {
  return badRequest(`unable to parse requirement: ${why}`);
}

function requirement(peek: () => Token, take: () => Token): LabelRequirement {
  let first = take();
  const negated = first.is === 'symbol' && first.text === '!';
  if (negated) first = take();
  if (first.is !== 'word') throw failed(`found '${first.text}', expected: identifier`);
  const key = first.text;
  const wrong = labelKey(key);
  if (wrong.length > 0) throw failed(`<nil>: Invalid value: ${printed(key)}: ${wrong.join('; ')}`);
  if (negated) return { key, operator: '!', values: [] };
  const next = peek();
  if (next.is === 'end' || (next.is === 'symbol' && next.text === ',')) return { key, operator: 'exists', values: [] };
  const operator = take();
  if (!operatorNames.includes(operator.text))
    throw failed(`found '${operator.text}', expected: ${operatorNames.join(', ')}`);
  const values = operator.text === 'in' || operator.text === 'notin' ? valueList(peek, take) : [oneValue(peek, take)];
  const known: LabelOperator =
    operator.text === '>' ? 'gt' : operator.text === '<' ? 'lt' : (operator.text as LabelOperator);
  const found = checkRequirement(key, known, values);
  if (found.length > 0) {
    const texts = found.map((cause) => `${cause.field}: ${cause.message}`);
    throw failed(texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`);
  }
  return { key, operator: known, values: sortedSet(values) };
}

function oneValue(peek: () => Token, take: () => Token): string {
  const next = peek();
  if (next.is === 'end' || (next.is === 'symbol' && next.text === ',')) return '';
  const value = take();
  if (value.is !== 'word') throw failed(`found '${value.text}', expected: identifier`);
  return value.text;
}

function valueList(peek: () => Token, take: () => Token): string[] {
  const open = take();
  if (open.is !== 'symbol' || open.text !== '(') throw failed(`found '${open.text}' expected: '('`);
  const values: string[] = [];
  let wanted = true;
  for (;;) {
    const token = take();
    if (token.is === 'word') {
      if (!wanted) throw failed(`found '${token.text}', expected: ',' or ')'`);
      values.push(token.text);
      wanted = false;
    } else if (token.text === ',') {
      if (wanted) values.push('');
      wanted = true;
      if (peek().is === 'end') throw failed(`found '', expected: ',', or identifier`);
    } else if (token.text === ')' && token.is === 'symbol') {
      if (wanted) values.push('');
      return sortedSet(values);
    } else throw failed(`found '${token.text}', expected: ',', or identifier`);
  }
}

function checkRequirement(key: string, operator: LabelOperator, values: readonly string[]): readonly Cause[] {
  const causes: Cause[] = [];
  for (const [index, value] of values.entries()) {
    if ((operator === 'gt' || operator === 'lt') && !integer.test(value)) {
      causes.push(invalidValue(`values[${index}]`, value, "for 'Gt', 'Lt' operators, the value must be an integer"));
    }
    const wrong = labelValue(value);
    if (wrong.length > 0) causes.push(invalidValue(`values[${index}][${key}]`, value, wrong.join('; ')));
  }
  return causes;
}

// --- Validation of LabelSelector objects ---------------------------------------------------------------------------------------------

/** The causes that upstream finds in a LabelSelector object at `path`. */
export function checkLabelSelector(selector: LabelSelectorObject | undefined, path: string): readonly Cause[] {
  if (selector === undefined) return [];
  const causes: Cause[] = [...checkLabels(selector.matchLabels, `${path}.matchLabels`)];
  for (const [index, { key = '', operator = '', values = [] }] of (selector.matchExpressions ?? []).entries()) {
    const at = `${path}.matchExpressions[${index}]`;
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) {
        causes.push({
          reason: 'FieldValueRequired',
          field: `${at}.values`,
          message: "Required value: must be specified when `operator` is 'In' or 'NotIn'",
        });
      }
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) {
        causes.push({
          reason: 'FieldValueForbidden',
          field: `${at}.values`,
          message: "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        });
      }
    } else causes.push(invalidValue(`${at}.operator`, operator, 'not a valid selector operator'));
    for (const message of labelKey(key)) causes.push(invalidValue(`${at}.key`, key, message));
    for (const [at2, value] of values.entries()) {
      for (const message of labelValue(value)) causes.push(invalidValue(`${at}.values[${at2}]`, value, message));
    }
  }
  return causes;
}

/** The causes that upstream finds in a set of labels: metadata.labels, matchLabels, a Service's selector. */
export function checkLabels(labels: Labels, path: string): readonly Cause[] {
  if (labels === undefined) return [];
  const causes: Cause[] = [];
  for (const [key, value] of Object.entries(labels)) {
    for (const message of labelKey(key)) causes.push(invalidValue(path, key, message));
    for (const message of labelValue(value)) causes.push(invalidValue(path, value, message));
  }
  return causes;
}

// --- Field selectors ------------------------------------------------------------------------------------------------------------------

export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** Reads `metadata.name=web,status.phase!=Running`; a backslash escapes `,`, `=` and itself in values. Throws BadRequest. */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  const out: FieldRequirement[] = [];
  for (const term of splitTerms(text)) {
    if (term === '') continue;
    const match = /^([^!=]*(?:!(?!=)[^!=]*)*)(!=|==|=)(.*)$/s.exec(term);
    if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    const [, field = '', operator = '', raw = ''] = match;
    out.push({ field, operator: operator === '!=' ? '!=' : '=', value: unescape(raw) });
  }
  return out;
}

export function formatFieldSelector(requirements: readonly FieldRequirement[]): string {
  return requirements
    .map(({ field, operator, value }) => `${field}${operator}${value.replace(/[\\,=]/g, '\\$&')}`)
    .join(',');
}

function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === ',') {
      terms.push(text.slice(from, at));
      from = at + 1;
    }
  }
  terms.push(text.slice(from));
  return terms.sort();
}

function unescape(text: string): string {
  if (!/[\\,=]/.test(text)) return text;
  let out = '';
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === '\\') {
      const next = text.charAt(++at);
      if (next !== '\\' && next !== ',' && next !== '=') {
        throw badRequest(`invalid field selector: invalid escape sequence: \\${next}`);
      }
      out += next;
    } else if (char === ',' || char === '=') {
      throw badRequest(`invalid field selector: unescaped character in value: ${char.charCodeAt(0)}`);
    } else out += char;
  }
  return out;
}
