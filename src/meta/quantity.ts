/**
 * Kubernetes quantities: exact decimal numbers with a suffix (`500m`, `1Gi`, `12e6`), kept as whole nano units so that sums and comparisons lose
 * nothing. Spelling follows apimachinery's resource.Quantity, its quirks included: a text that already is canonical enough is kept as written.
 */

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

export interface Quantity {
  /** The number times 10^9. */
  readonly nano: bigint;
  readonly format: QuantityFormat;
  /** The spelling that is stored and shown. */
  readonly text: string;
}

export const quantityFormatError =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
export const quantitySuffixError = "unable to parse quantity's suffix";

const decimalExponents: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const binaryExponents: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
const decimalSuffixes = new Map(Object.entries(decimalExponents).map(([suffix, exponent]) => [exponent, suffix]));
const binarySuffixes = new Map(Object.entries(binaryExponents).map(([suffix, exponent]) => [exponent, suffix]));

const giga = 1_000_000_000n;
const maxInt64 = 9_223_372_036_854_775_807n;
/** Digits and exponents beyond these name no resource of any machine; they only cost time. */
const digitsMax = 200;
const exponentMax = 200;

/** Parsed texts: the same few hundred recur in every pod of a cluster. 4,096 × about 200 bytes is below 1 MB. */
const cache = new Map<string, Quantity>();
const cacheMax = 4096;

const shape = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/;

/** undefined when the text is no quantity; `quantityError` says why. */
export function parseQuantity(text: string): Quantity | undefined {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const parsed = parse(text);
  if (typeof parsed === 'string') return undefined;
  if (cache.size >= cacheMax) cache.clear();
  if (text.length <= 32) cache.set(text, parsed);
  return parsed;
}

/** Why the text is no quantity, in upstream's words; undefined when it is one. */
export function quantityError(text: string): string | undefined {
  const parsed = cache.get(text) ?? parse(text);
  return typeof parsed === 'string' ? parsed : undefined;
}

function parse(text: string): Quantity | string {
  if (text === '') return quantityFormatError;
  const match = shape.exec(text);
  if (match === null || text.length > digitsMax) return quantityFormatError;
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match;
  // A lone dot, sign or suffix reads as zero upstream; a number is wanted here.
  if (whole === '' && fraction === '') return quantityFormatError;
  const read = readSuffix(suffix);
  if (read === undefined) return quantitySuffixError;
  const digits = whole.replace(/^0+/, '') || '0';
  const value = BigInt(digits + fraction);
  // value × 10^-fraction × 10^exponent (or 2^exponent), in nano units, rounded away from zero.
  let numerator = value * giga;
  if (read.base === 2) numerator <<= BigInt(read.exponent);
  else if (read.exponent > 0) numerator *= 10n ** BigInt(read.exponent);
  let divisor = 10n ** BigInt(fraction.length);
  if (read.base === 10 && read.exponent < 0) divisor *= 10n ** BigInt(-read.exponent);
  let magnitude = ceilDivide(numerator, divisor);
  let format: QuantityFormat = read.format;
  if (format === 'BinarySI') {
    if (magnitude > maxInt64 * giga) magnitude = maxInt64 * giga;
    if (fraction !== '' && magnitude > 0n && magnitude < giga) format = 'DecimalSI';
  }
  const nano = sign === '-' ? -magnitude : magnitude;
  const kept = keepsSpelling(digits, fraction, read);
  return { nano, format, text: kept ? text : spell(nano, format) };
}

interface Suffix {
  readonly base: 2 | 10;
  readonly exponent: number;
  readonly format: QuantityFormat;
}

function readSuffix(suffix: string): Suffix | undefined {
  const decimal = Object.hasOwn(decimalExponents, suffix) ? decimalExponents[suffix] : undefined;
  if (decimal !== undefined) return { base: 10, exponent: decimal, format: 'DecimalSI' };
  const binary = Object.hasOwn(binaryExponents, suffix) ? binaryExponents[suffix] : undefined;
  if (binary !== undefined) return { base: 2, exponent: binary, format: 'BinarySI' };
  if (!/^[eE][-+]?[0-9]+$/.test(suffix)) return undefined;
  const exponent = Number(suffix.slice(1));
  if (!(Math.abs(exponent) <= exponentMax)) return undefined;
  return { base: 10, exponent, format: 'DecimalExponent' };
}

/** Upstream's short path: a number of at most 18 digits whose spelling needs no change is stored as the client wrote it. */
function keepsSpelling(digits: string, fraction: string, suffix: Suffix): boolean {
  const shifted = digits + fraction;
  if (suffix.format === 'BinarySI') {
    const precision = 15 - digits.length - Math.trunc((suffix.exponent * 3) / 10) - 1;
    return fraction === '' && precision >= 0 && (Number(shifted) & 7) !== 0;
  }
  const scale = suffix.exponent - fraction.length;
  if (shifted.length > 18 || scale < -9) return false;
  return scale % 3 === 0 && !shifted.endsWith('000') && !shifted.startsWith('0');
}

function spell(nano: bigint, format: QuantityFormat): string {
  if (nano === 0n) return '0';
  const sign = nano < 0n ? '-' : '';
  const magnitude = nano < 0n ? -nano : nano;
  if (format === 'BinarySI' && magnitude >= 1024n * giga && magnitude % giga === 0n) {
    let value = magnitude / giga;
    let exponent = 0;
    while (exponent < 60 && value % 1024n === 0n) {
      value /= 1024n;
      exponent += 10;
    }
    return `${sign}${value}${binarySuffixes.get(exponent) ?? ''}`;
  }
  const digits = magnitude.toString();
  const stripped = digits.replace(/0+$/, '');
  const zeros = digits.length - stripped.length;
  const exponent = Math.floor((zeros - 9) / 3) * 3;
  const number = stripped + '0'.repeat(zeros - 9 - exponent);
  const suffix = format === 'DecimalExponent' ? undefined : decimalSuffixes.get(exponent);
  return `${sign}${number}${suffix ?? (exponent === 0 ? '' : `e${exponent}`)}`;
}

function ceilDivide(numerator: bigint, divisor: bigint): bigint {
  const whole = numerator / divisor;
  return numerator % divisor === 0n ? whole : whole + 1n;
}

/** The spelling that is stored: `0.5` → `500m`, `1024Mi` → `1Gi`. undefined when the text is no quantity. */
export function canonicalQuantity(text: string): string | undefined {
  return parseQuantity(text)?.text;
}

/** A quantity of this many nano units. */
export function quantityOf(nano: bigint, format: QuantityFormat): Quantity {
  return { nano, format, text: spell(nano, format) };
}

const awayFromZero = (nano: bigint, unit: bigint): bigint => {
  const magnitude = ceilDivide(nano < 0n ? -nano : nano, unit);
  return nano < 0n ? -magnitude : magnitude;
};

/** The value in whole units, rounded away from zero. */
export const quantityValue = (quantity: Quantity): number => Number(awayFromZero(quantity.nano, giga));

/** The value in thousandths, rounded away from zero. */
export const milliValue = (quantity: Quantity): number => Number(awayFromZero(quantity.nano, 1_000_000n));

/** Upstream keeps the format of the first, unless that is zero. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return quantityOf(a.nano + b.nano, a.nano === 0n ? b.format : a.format);
}

/** Below, at or above zero, as a sort wants it. */
export function compareQuantities(a: Quantity, b: Quantity): -1 | 0 | 1 {
  return a.nano < b.nano ? -1 : a.nano > b.nano ? 1 : 0;
}
