/**
 * The functions and operators of CEL itself (cel-spec, `langdef.md`, "List of Standard Definitions"), with numbers compared across types. The order of the
 * overloads of a function is upstream's: it decides how an ambiguous call is typed.
 */
import type { Library } from '../declare.ts';

const numbers = { int64: 'int', uint64: 'uint', double: 'double' };
const comparable = { bool: 'bool', string: 'string', bytes: 'bytes', timestamp: 'timestamp', duration: 'duration' };

/** The overloads of `<` and its like: numbers of every two types, and two of the others of one. */
function comparison(name: string): string {
  const ids = Object.entries(numbers).flatMap(([one, type]) =>
    Object.entries(numbers).map(
      ([two, other]) => `${name}_${one === two ? one : `${one}_${two}`}: (${type}, ${other}) bool`,
    ),
  );
  return [...ids, ...Object.entries(comparable).map(([one, type]) => `${name}_${one}: (${type}, ${type}) bool`)].join(
    '\n',
  );
}

/** A part of an instant, in UTC or a time zone; some are parts of a duration as well. */
const part = (name: string, zone = 'with_tz'): string =>
  `timestamp_to_${name}: timestamp.() int\ntimestamp_to_${name}_${zone}: timestamp.(string) int`;
const durationPart = (name: string, zone?: string): string =>
  `${part(name, zone)}\nduration_to_${name}: duration.() int`;

export const standard: Library = {
  '_<_': comparison('less'),
  '_<=_': comparison('less_equals'),
  '_>_': comparison('greater'),
  '_>=_': comparison('greater_equals'),
  getDate: part('day_of_month_1_based'),
  getDayOfMonth: part('day_of_month'),
  getDayOfWeek: part('day_of_week'),
  getDayOfYear: part('day_of_year'),
  getFullYear: part('year'),
  getHours: durationPart('hours'),
  getMilliseconds: durationPart('milliseconds'),
  getMinutes: durationPart('minutes'),
  getMonth: part('month'),
  getSeconds: durationPart('seconds', 'tz'),
  '!_': `logical_not: (bool) bool`,
  '-_': `
    negate_double: (double) double
    negate_int64: (int) int`,
  '@in': `
    in_list: (A, list(A)) bool
    in_map: (A, map(A, B)) bool`,
  '@not_strictly_false': `not_strictly_false: (bool) bool`,
  '_!=_': `not_equals: (A, A) bool`,
  '_%_': `
    modulo_int64: (int, int) int
    modulo_uint64: (uint, uint) uint`,
  '_&&_': `logical_and: (bool, bool) bool`,
  '_*_': `
    multiply_double: (double, double) double
    multiply_int64: (int, int) int
    multiply_uint64: (uint, uint) uint`,
  '_+_': `
    add_bytes: (bytes, bytes) bytes
    add_double: (double, double) double
    add_duration_duration: (duration, duration) duration
    add_duration_timestamp: (duration, timestamp) timestamp
    add_timestamp_duration: (timestamp, duration) timestamp
    add_int64: (int, int) int
    add_list: (list(A), list(A)) list(A)
    add_string: (string, string) string
    add_uint64: (uint, uint) uint`,
  '_-_': `
    subtract_double: (double, double) double
    subtract_duration_duration: (duration, duration) duration
    subtract_int64: (int, int) int
    subtract_timestamp_duration: (timestamp, duration) timestamp
    subtract_timestamp_timestamp: (timestamp, timestamp) duration
    subtract_uint64: (uint, uint) uint`,
  '_/_': `
    divide_double: (double, double) double
    divide_int64: (int, int) int
    divide_uint64: (uint, uint) uint`,
  '_==_': `equals: (A, A) bool`,
  '_?_:_': `conditional: (bool, A, A) A`,
  '_[_]': `
    index_list: (list(A), int) A
    index_map: (map(A, B), A) B`,
  '_||_': `logical_or: (bool, bool) bool`,
  bool: `
    bool_to_bool: (bool) bool
    string_to_bool: (string) bool`,
  bytes: `
    bytes_to_bytes: (bytes) bytes
    string_to_bytes: (string) bytes`,
  contains: `contains_string: string.(string) bool`,
  double: `
    double_to_double: (double) double
    int64_to_double: (int) double
    string_to_double: (string) double
    uint64_to_double: (uint) double`,
  duration: `
    duration_to_duration: (duration) duration
    string_to_duration: (string) duration`,
  dyn: `to_dyn: (A) dyn`,
  endsWith: `ends_with_string: string.(string) bool`,
  int: `
    int64_to_int64: (int) int
    double_to_int64: (double) int
    duration_to_int64: (duration) int
    string_to_int64: (string) int
    timestamp_to_int64: (timestamp) int
    uint64_to_int64: (uint) int`,
  matches: `
    matches: (string, string) bool
    matches_string: string.(string) bool`,
  size: `
    size_bytes: (bytes) int
    bytes_size: bytes.() int
    size_list: (list(A)) int
    list_size: list(A).() int
    size_map: (map(A, B)) int
    map_size: map(A, B).() int
    size_string: (string) int
    string_size: string.() int`,
  startsWith: `starts_with_string: string.(string) bool`,
  string: `
    string_to_string: (string) string
    bool_to_string: (bool) string
    bytes_to_string: (bytes) string
    double_to_string: (double) string
    duration_to_string: (duration) string
    int64_to_string: (int) string
    timestamp_to_string: (timestamp) string
    uint64_to_string: (uint) string`,
  timestamp: `
    timestamp_to_timestamp: (timestamp) timestamp
    int64_to_timestamp: (int) timestamp
    string_to_timestamp: (string) timestamp`,
  type: `type: (A) type(A)`,
  uint: `
    uint64_to_uint64: (uint) uint
    double_to_uint64: (double) uint
    int64_to_uint64: (int) uint
    string_to_uint64: (string) uint`,
};
