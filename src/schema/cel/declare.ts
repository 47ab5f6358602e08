/**
 * Reads declarations of functions. A library is a table of functions, each a text with an overload a line:
 *
 *     contains_string: string.(string) bool        a member: 'abc'.contains('b')
 *     size_list: (list(A)) int                     not one: size([1])
 *
 * The id comes first, then the target's type and a dot for a member, the arguments, the result. A capital letter is a type parameter; a name with a dot in
 * it is an object type, with a `!` before it an opaque one.
 */
import { assert } from '#base/assert.ts';
import {
  anyType,
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  nullType,
  objectType,
  opaqueType,
  optionalType,
  parameterType,
  stringType,
  timestampType,
  typeType,
  uintType,
  type CelType,
  type FunctionDeclaration,
  type Overload,
} from './types.ts';

/** Overloads by the name of their function. */
export type Library = Readonly<Record<string, string>>;

const simple = new Map<string, CelType>([
  ['any', anyType],
  ['bool', boolType],
  ['bytes', bytesType],
  ['double', doubleType],
  ['duration', durationType],
  ['dyn', dynType],
  ['int', intType],
  ['null', nullType],
  ['string', stringType],
  ['timestamp', timestampType],
  ['uint', uintType],
]);

/** undefined when no library has such a function. */
export function functionOf(name: string, libraries: readonly Library[]): FunctionDeclaration | undefined {
  const overloads = libraries.flatMap((library) => {
    const text = Object.hasOwn(library, name) ? library[name] : undefined;
    return text === undefined ? [] : text.trim().split('\n').map(readOverload);
  });
  return overloads.length === 0 ? undefined : { name, overloads };
}

function readOverload(line: string): Overload {
  const {
    id,
    target = '',
    args = '',
    result = '',
  } = /^\s*(?<id>\S+): (?:(?<target>\S.*)\.)?\((?<args>.*)\) (?<result>\S.*)$/.exec(line)?.groups ?? {};
  assert(id !== undefined, `a declaration of a function: ${line}`);
  const member = target !== '';
  const types = splitTypes(member ? `${target}, ${args}` : args).map(readType);
  return {
    id,
    member,
    args: types,
    result: readType(result),
    parameters: [...new Set(line.slice(line.indexOf(':')).match(/\b[A-Z]\b/g))],
  };
}

/** Splits at the commas that stand in no parentheses. */
function splitTypes(text: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')') depth--;
    else if (text[at] === ',' && depth === 0) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return [...parts, text.slice(from)].map((part) => part.trim()).filter((part) => part !== '');
}

/** A type as declarations write it. */
export function readType(text: string): CelType {
  const known = simple.get(text);
  if (known !== undefined) return known;
  if (/^[A-Z]$/.test(text)) return parameterType(text);
  const { name, inner } = /^(?<name>[a-z]+)\((?<inner>.*)\)$/.exec(text)?.groups ?? {};
  if (name === undefined || inner === undefined)
    return text.startsWith('!') ? opaqueType(text.slice(1)) : objectType(text);
  const [first = dynType, second = dynType] = splitTypes(inner).map(readType);
  switch (name) {
    case 'list':
      return listType(first);
    case 'map':
      return mapType(first, second);
    case 'optional':
      return optionalType(first);
    case 'type':
      return typeType(first);
    default:
      throw new Error(`no type of CEL: ${text}`);
  }
}
