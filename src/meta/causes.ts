/**
 * Builders of validation causes, worded as upstream's field errors are, because people, tests and tools read them: `Required value`,
 * `Invalid value: "x": must be …`. Pure; a path is text such as `spec.containers[0].name`.
 */
import { goQuote as quoted } from '#base/go-quote.ts';
import type { Cause, CauseReason } from './status.ts';

export { quoted };

const cause = (reason: CauseReason, field: string, message: string, detail: string): Cause => ({
  reason,
  message: detail === '' ? message : `${message}: ${detail}`,
  field,
});

export const required = (path: string, detail = ''): Cause =>
  cause('FieldValueRequired', path, 'Required value', detail);

export const invalidValue = (path: string, value: unknown, detail: string): Cause =>
  cause('FieldValueInvalid', path, `Invalid value: ${printed(value)}`, detail);

/** Of a whole that is told without its value. */
export const invalidWhole = (path: string, detail: string): Cause =>
  cause('FieldValueInvalid', path, 'Invalid value', detail);

export const notSupported = (path: string, value: unknown, supported: readonly string[]): Cause =>
  cause(
    'FieldValueNotSupported',
    path,
    `Unsupported value: ${printed(value)}`,
    supported.length === 0 ? '' : `supported values: ${supported.map(quoted).join(', ')}`,
  );

export const duplicate = (path: string, value: unknown): Cause =>
  cause('FieldValueDuplicate', path, `Duplicate value: ${printed(value)}`, '');

export const forbiddenField = (path: string, detail: string): Cause =>
  cause('FieldValueForbidden', path, 'Forbidden', detail);

/** Of what is wrong with a value in a way that upstream did not think of when it named the reasons. */
export const internalFault = (path: string, detail: string): Cause =>
  cause('InternalError', path, 'Internal error', detail);

export const notFoundField = (path: string, value: unknown): Cause =>
  cause('FieldValueNotFound', path, `Not found: ${printed(value)}`, '');

/** `max` below 0: only "value is too long". */
export const tooLong = (path: string, max: number): Cause =>
  cause(
    'FieldValueTooLong',
    path,
    'Too long',
    max < 0 ? 'value is too long' : `may not be more than ${max} ${max === 1 ? 'byte' : 'bytes'}`,
  );

/** Of rules that count characters. */
export const tooLongInCharacters = (path: string, max: number): Cause =>
  cause('FieldValueTooLong', path, 'Too long', `may not be more than ${max} characters`);

export const tooMany = (path: string, count: number, max: number): Cause =>
  cause('FieldValueTooMany', path, `Too many: ${count}`, `must have at most ${max} ${max === 1 ? 'item' : 'items'}`);

/** The detail of every refused change. */
export const immutableDetail = 'field is immutable';

/** A value as upstream prints it in a cause: strings quoted as Go does, numbers and booleans plain, the rest as Go's JSON. */
export function printed(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (value === undefined || value === null) return 'null';
  return goJson(value);
}

/** JSON with the escapes of Go's encoder. */
export function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
