/**
 * Values that are known before an expression runs, as far as something can be wrong with them: upstream computes conversions of constants
 * (`int('1')`, `duration('1h')`) when it makes a program. Of a value that no further conversion can fail on only the type is kept.
 */
import { parseDuration } from '#base/duration.ts';
import { parseTime } from '#meta/time.ts';
import type { Constant } from './ast.ts';

/** A constant, or only its type. */
export type Known =
  | Constant
  | {
      readonly type: 'double' | 'duration' | 'int' | 'list' | 'map' | 'string' | 'timestamp' | 'type';
      readonly value?: undefined;
    };

export type Converted = Known | { readonly fault: string };

/** The types that each conversion takes. */
const conversions: Readonly<Record<string, readonly Known['type'][]>> = {
  bool: ['bool', 'string'],
  bytes: ['bytes', 'string'],
  double: ['double', 'int', 'string', 'uint'],
  duration: ['duration', 'string'],
  int: ['int', 'double', 'duration', 'string', 'timestamp', 'uint'],
  string: ['string', 'bool', 'bytes', 'double', 'duration', 'int', 'timestamp', 'uint'],
  timestamp: ['timestamp', 'int', 'string'],
  uint: ['uint', 'double', 'int', 'string'],
};

export const isConversion = (name: string): boolean =>
  name === 'dyn' || name === 'type' || Object.hasOwn(conversions, name);

const int64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
const uint64Max = 2n ** 64n - 1n;
/** The years 1 to 9999, in seconds. */
const instants = { min: -62_135_596_800n, max: 253_402_300_799n };

const typeNames: Readonly<Record<string, string>> = {
  null: 'null_type',
  duration: 'google.protobuf.Duration',
  timestamp: 'google.protobuf.Timestamp',
};
const nameOf = (type: string): string => typeNames[type] ?? type;

/** `to(value)`. */
export function convert(to: string, value: Known): Converted {
  if (to === 'type') return { type: 'type' };
  if (to === 'dyn' || to === value.type) return value;
  if (!conversions[to]?.includes(value.type)) return { fault: `no such overload: ${to}(${nameOf(value.type)})` };
  return computed(to, value) ?? { fault: `type conversion error from '${nameOf(value.type)}' to '${nameOf(to)}'` };
}

/** undefined where the value cannot be converted. */
function computed(to: string, known: Known): Converted | undefined {
  // Of these only the type is known, and the result is right.
  if (known.type === 'null' || known.value === undefined) return { type: to as 'int' | 'string' };
  switch (known.type) {
    case 'string':
      return ofString(to, known.value);
    case 'int':
    case 'uint':
      return ofInteger(to, known.value);
    case 'double':
      return ofDouble(to, known.value);
    case 'bytes':
      return ofBytes(known.value);
    case 'bool':
      return { type: 'string', value: String(known.value) };
    default:
      known satisfies never;
      return undefined;
  }
}

const truths = new Map([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text) => [text, false] as const),
]);

function ofString(to: string, text: string): Converted | undefined {
  switch (to) {
    case 'int': {
      const value = /^[+-]?\d+$/.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined;
      return value !== undefined && value >= int64.min && value <= int64.max ? { type: 'int', value } : undefined;
    }
    case 'uint': {
      const value = /^\d+$/.test(text) ? BigInt(text) : undefined;
      return value !== undefined && value <= uint64Max ? { type: 'uint', value } : undefined;
    }
    case 'double':
      return isDouble(text) ? { type: 'double' } : undefined;
    case 'bool': {
      const value = truths.get(text);
      return value === undefined ? undefined : { type: 'bool', value };
    }
    case 'bytes':
      return { type: 'bytes', value: Buffer.from(text) };
    case 'duration':
      return isDuration(text) ? { type: 'duration' } : undefined;
    case 'timestamp': {
      const ms = parseTime(text);
      return ms === undefined ? undefined : instant(BigInt(Math.floor(ms / 1000)));
    }
    default:
      return undefined;
  }
}

/** As Go reads a number: in decimal or hexadecimal, with underscores between digits, and not too large. */
function isDouble(text: string): boolean {
  const plain = text.replaceAll(/(?<=[\da-fx])_(?=[\da-f])/gi, '');
  if (/^(?:[+-]?inf(?:inity)?|nan)$/i.test(plain)) return true;
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(plain)) return Number.isFinite(Number(plain));
  const {
    whole,
    fraction = '',
    power,
  } = /^[+-]?0x(?=\.?[\da-f])(?<whole>[\da-f]*)\.?(?<fraction>[\da-f]*)p(?<power>[+-]?\d+)$/i.exec(plain)?.groups ?? {};
  if (whole === undefined) return false;
  const digits = Number.parseInt(`0${whole}${fraction}`, 16);
  return digits === 0 || Number.isFinite(digits * 2 ** (Number(power) - 4 * fraction.length));
}

function isDuration(text: string): boolean {
  try {
    parseDuration(text);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

const instant = (seconds: bigint): Converted =>
  seconds < instants.min || seconds > instants.max ? { fault: 'timestamp overflow' } : { type: 'timestamp' };

function ofInteger(to: string, value: bigint): Converted | undefined {
  switch (to) {
    case 'int':
      return value > int64.max ? { fault: 'integer overflow' } : { type: 'int', value };
    case 'uint':
      return value < 0n ? { fault: 'unsigned integer overflow' } : { type: 'uint', value };
    case 'double':
      return { type: 'double', value: Number(value) };
    case 'string':
      return { type: 'string', value: String(value) };
    case 'timestamp':
      return instant(value);
    default:
      return undefined;
  }
}

function ofDouble(to: string, value: number): Converted | undefined {
  switch (to) {
    case 'int':
      return value > -(2 ** 63) && value < 2 ** 63
        ? { type: 'int', value: BigInt(Math.trunc(value)) }
        : { fault: 'integer overflow' };
    case 'uint':
      return value >= 0 && value < 2 ** 64
        ? { type: 'uint', value: BigInt(Math.trunc(value)) }
        : { fault: 'unsigned integer overflow' };
    case 'string':
      return { type: 'string' };
    default:
      return undefined;
  }
}

function ofBytes(value: Uint8Array): Converted {
  try {
    return { type: 'string', value: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value) };
  } catch {
    return { fault: 'invalid UTF-8 in bytes, cannot convert to string' };
  }
}
