/**
 * What the functions of CEL, of its extensions and of Kubernetes cost by the sizes of their arguments. The extensions with figures of their own come first,
 * then Kubernetes' (apiserver `pkg/cel/library/cost.go`), then CEL's; a call of any other costs one.
 */
import type { CostNode } from './cost.ts';
import { type Estimate, fixed, product, scaled, sum, UNBOUNDED } from './estimate.ts';
import { parameterOf, sameType } from './types.ts';

/** A call, without what its arguments cost. */
export interface Call {
  readonly name: string;
  readonly overload: string;
  readonly target: CostNode | undefined;
  readonly args: readonly CostNode[];
  /** The size of an argument, unbounded where it is not known. */
  readonly sizeOf: (node: CostNode) => Estimate;
}

export interface CallCost {
  readonly cost: Estimate;
  /** Of the result. */
  readonly size?: Estimate;
}

type Costing = (call: Call) => CallCost | undefined;

/** The cost of looking at a character. */
const perCharacter = 0.1;
/** The cost of a character of a pattern, for each of a text. */
const perPatternCharacter = 0.25;
const newList = 10;
const newStruct = 40;
const one: CallCost = { cost: fixed(1) };

export function callCost(call: Call): CallCost {
  return byOverload[call.overload]?.(call) ?? byName[call.name]?.(call) ?? standard[call.overload]?.(call) ?? one;
}

// --- Extensions of CEL ----------------------------------------------------------------------------------------------------------

const newListOf = (factor: number, size: Estimate): CallCost => ({
  cost: sum(scaled(size, factor), fixed(1 + newList)),
  size,
});

const onTarget =
  (cost: (size: Estimate, call: Call) => CallCost): Costing =>
  (call) =>
    call.target && cost(call.sizeOf(call.target), call);

/** An integer that is written out; a negative one counts as nothing. */
function written(node: CostNode | undefined, otherwise: number): number {
  if (node?.expr?.is !== 'constant' || node.expr.constant.type !== 'int') return otherwise;
  return Math.max(0, Number(node.expr.constant.value));
}

const sets =
  (factor: number): Costing =>
  ({ args: [left, right], sizeOf }) =>
    left && right && { cost: sum(scaled(product(sizeOf(left), sizeOf(right)), factor), fixed(1)) };

const sortedTypes = [
  'int',
  'uint',
  'double',
  'bool',
  'google.protobuf.Duration',
  'google.protobuf.Timestamp',
  'string',
  'bytes',
];
/** Each element is compared with each. */
const sort = (type: string, size: Estimate): CallCost =>
  newListOf(type === 'string' || type === 'bytes' ? 2 + perCharacter : 2, product(size, size));

const byOverload: Readonly<Record<string, Costing | undefined>> = {
  list_sets_contains_list: sets(1),
  list_sets_intersects_list: sets(1),
  list_sets_equivalent_list: sets(2),
  list_slice: onTarget((size, { args }) => {
    const length = written(args[1], size.max) - written(args[0], 0);
    return newListOf(1, fixed(length < 0 ? UNBOUNDED + length : length));
  }),
  list_flatten: onTarget((size) => newListOf(1, size)),
  list_flatten_int: onTarget((size, { args }) => newListOf(written(args[0], UNBOUNDED), size)),
  lists_range: ({ args }) => newListOf(1, fixed(written(args[0], UNBOUNDED))),
  list_reverse: onTarget((size) => newListOf(1, size)),
  list_distinct: onTarget((size) => newListOf(2, product(size, size))),
  ...Object.fromEntries(
    sortedTypes.flatMap((type): readonly [string, Costing][] => [
      [`list_${type}_sort`, onTarget((size) => sort(type, size))],
      [`list_${type}_sortByAssociatedKeys`, ({ args: [keys], sizeOf }) => keys && sort(type, sizeOf(keys))],
    ]),
  ),
};

// --- Kubernetes -----------------------------------------------------------------------------------------------------------------

/** The same for several functions. */
const each = (names: string, costing: Costing): Readonly<Record<string, Costing>> =>
  Object.fromEntries(names.split(' ').map((name) => [name, costing]));

/** Looking at each character of an argument `times`. */
const traversal =
  (times = 1): Costing =>
  ({ args: [text], sizeOf }) =>
    text && { cost: scaled(sizeOf(text), times * perCharacter) };

/** A list of the requirements of a selector; the shortest takes two characters. */
function selector(length: Estimate): Estimate {
  const requirements = scaled(scaled(length, 0.5), newList + newStruct);
  return sum(fixed(newList), scaled(length, perCharacter), requirements);
}

/** What the elements of a list are. */
function elementOf({ type, path }: CostNode): CostNode | undefined {
  if (type.parameters.length === 0) return undefined;
  return { type: parameterOf(type, 0), path: path && [...path, '@items'], expr: undefined, size: undefined };
}

/** A comparison with each element, and with each of its characters. */
const comparisons: Costing = onTarget((size, { name, target, sizeOf }) => {
  const element = target && elementOf(target);
  if (element === undefined) {
    return { cost: name === 'includes' ? size : scaled(size, perCharacter) };
  }
  const isText = element.type.kind === 'string' || element.type.kind === 'bytes';
  const characters = isText ? scaled(sizeOf(element), perCharacter) : fixed(0);
  return { cost: product(size, sum(fixed(1), characters)) };
});

/** A text of the same length. */
const copied: Costing = onTarget((size) => ({ cost: scaled(size, perCharacter), size }));

const replaced: Costing = onTarget((size, { args: [before, after], sizeOf }) => {
  const cost = scaled(size, 2 * perCharacter);
  if (before === undefined || after === undefined) return { cost };
  const from = sizeOf(before);
  const to = sizeOf(after);
  const [longest, most] = replacements(size.max, from.min, to.max <= from.min);
  const [shortest, least] = replacements(size.min, from.max, from.max <= to.min);
  return {
    cost,
    size: sum(product({ min: shortest, max: longest }, to), { min: least, max: most }),
  };
});

/** How often a text of a length can be replaced, and how much of what is replaced stays. Nothing is found between all characters and around them. */
function replacements(length: number, found: number, unchanged: boolean): readonly [count: number, kept: number] {
  if (found === 0) return [length < UNBOUNDED ? length + 1 : length, length];
  return unchanged ? [0, length] : [Math.ceil(length / found), 0];
}

const joined: Costing = onTarget((size, { target, args: [separator], sizeOf }) => {
  const element = target && elementOf(target);
  const texts = element === undefined ? fixed(0) : product(size, sizeOf(element));
  const between = { min: Math.max(size.min - 1, 0), max: Math.max(size.max - 1, 0) };
  const all = separator === undefined ? texts : sum(texts, product(sizeOf(separator), between));
  return { cost: scaled(all, perCharacter), size: all };
});

/** A pattern against a text; an empty text still costs what the pattern does. */
const match = (text: Estimate, pattern: Estimate): Estimate =>
  product(scaled(sum(text, fixed(1)), perCharacter), scaled(pattern, perPatternCharacter));

/** The bytes of an address. */
const address: Estimate = { min: 4, max: 16 };
const contains =
  (overload: string, more: Estimate): Costing =>
  (call) => {
    const [other] = call.args;
    const parsed = other && call.overload === overload ? scaled(call.sizeOf(other), perCharacter) : fixed(0);
    return other && { cost: sum(scaled(sum(address, address), perCharacter), more, parsed) };
  };

/** The longest pattern of a named format, and the longest name of one. */
const formatPattern = 128;
const formatName = 64;

const constantEquality = new Set([
  'net.IP',
  'net.CIDR',
  'kubernetes.Quantity',
  'kubernetes.Semver',
  ...['Authorizer', 'PathCheck', 'GroupCheck', 'ResourceCheck', 'Decision'].map(
    (name) => `kubernetes.authorization.${name}`,
  ),
]);

const byName: Readonly<Record<string, Costing | undefined>> = {
  // Only two of these fit into the budget of an expression.
  check: () => ({ cost: fixed(350_000) }),
  ...each('serviceAccount path group resource subresource namespace name allowed reason error errored', () => one),
  ...each('fieldSelector labelSelector', ({ args: [text], sizeOf }) => text && { cost: selector(sizeOf(text)) }),
  ...each('isSorted sum max min indexOf lastIndexOf includes', comparisons),
  ...each(
    'url jsonpatch.escapeKey',
    ({ args: [text], sizeOf }) => text && { cost: scaled(sizeOf(text), perCharacter), size: sizeOf(text) },
  ),
  ...each('lowerAscii upperAscii substring trim', copied),
  replace: replaced,
  split: onTarget((size, { args }) => {
    const limit = args[1]?.expr;
    const isWritten = limit?.is === 'constant' && limit.constant.type === 'int';
    const max = isWritten ? Number(BigInt.asUintN(64, limit.constant.value)) : size.max;
    return { cost: scaled(size, 2 * perCharacter), size: { min: 0, max } };
  }),
  join: joined,
  ...each(
    'find findAll',
    onTarget((size, { args: [pattern], sizeOf }) => ({
      cost: match(size, pattern === undefined ? fixed(0) : sizeOf(pattern)),
      size: { min: 0, max: size.max },
    })),
  ),
  ...each('cidr isIP isCIDR quantity isQuantity semver isSemver', traversal()),
  ip: (call) => (call.overload === 'cidr_ip' ? one : traversal()(call)),
  'ip.isCanonical': traversal(2),
  ...each(
    'masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast',
    () => one,
  ),
  containsIP: contains('cidr_contains_ip_string', fixed(0)),
  containsCIDR: contains('cidr_contains_cidr_string', sum(scaled(address, perCharacter), fixed(1))),
  validate: ({ args: [text], sizeOf }) =>
    text && { cost: scaled(scaled(sizeOf(text), perCharacter), formatPattern * perPatternCharacter) },
  'format.named': () => one,
  ...each(
    'sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub major minor patch',
    () => one,
  ),
  ...each('getScheme getHostname getHost getPort getEscapedPath getQuery', () => one),
  '_==_': ({ args: [left, right] }) => {
    if (left === undefined || right === undefined || !sameType(left.type, right.type)) return undefined;
    const { kind, name } = left.type;
    if (kind !== 'opaque' && kind !== 'object') return undefined;
    if (constantEquality.has(name)) return one;
    if (name === 'kubernetes.NamedFormat') return { cost: scaled({ min: 1, max: formatName }, perCharacter) };
    if (name === 'kubernetes.URL') return { cost: scaled({ min: 1, max: right.size?.max ?? 1 }, perCharacter) };
    return undefined;
  },
};

// --- CEL ------------------------------------------------------------------------------------------------------------------------

const matches = (text: CostNode | undefined, pattern: CostNode | undefined, { sizeOf }: Call): CallCost | undefined =>
  text && pattern && { cost: match(sizeOf(text), sizeOf(pattern)) };

/** The shorter side decides how much is compared. */
const compared: Costing = ({ args: [left, right], sizeOf }) => {
  if (left === undefined || right === undefined) return undefined;
  const max = Math.min(sizeOf(left).max, sizeOf(right).max);
  return { cost: scaled({ min: max > 0 ? 1 : 0, max }, perCharacter) };
};

/** A conversion to a result whose size follows from that of the argument. */
const converted =
  (result: (size: Estimate) => Estimate): Costing =>
  ({ args: [value], sizeOf }) =>
    value && { cost: scaled(sizeOf(value), perCharacter), size: result(sizeOf(value)) };

const concatenated =
  (cost: (size: Estimate) => Estimate): Costing =>
  ({ args: [left, right], sizeOf }) => {
    if (left === undefined || right === undefined) return undefined;
    const size = sum(sizeOf(left), sizeOf(right));
    return { cost: cost(size), size };
  };

/** The sizes of `bytes()` and `quote()` overflow upstream, and so do they here. */
const standard: Readonly<Record<string, Costing | undefined>> = {
  string_format: onTarget((size) => ({ cost: scaled(size, perCharacter) })),
  string_to_bytes: converted(({ min, max }) => ({ min, max: max === UNBOUNDED ? max : (max * 4) % UNBOUNDED })),
  bytes_to_string: converted(({ min, max }) => ({ min: Math.floor(min / 4), max })),
  strings_quote: converted(({ min, max }) => ({ min: min + 2, max: (max * 2 + 2) % UNBOUNDED })),
  ...each('starts_with_string ends_with_string', traversal()),
  in_list: ({ args: [, list], sizeOf }) => list && { cost: sizeOf(list) },
  matches: (call) => matches(call.args[0], call.args[1], call),
  matches_string: (call) => matches(call.target, call.args[0], call),
  contains_string: onTarget((size, { args: [part], sizeOf }) => ({
    cost: product(scaled(size, perCharacter), part === undefined ? fixed(0) : scaled(sizeOf(part), perCharacter)),
  })),
  add_list: concatenated(() => fixed(1)),
  ...each(
    'add_string add_bytes',
    concatenated((size) => scaled(size, perCharacter)),
  ),
  ...each(
    ['less', 'greater', 'less_equals', 'greater_equals'].map((name) => `${name}_string ${name}_bytes`).join(' '),
    compared,
  ),
  ...each('equals not_equals', compared),
};
