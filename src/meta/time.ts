/**
 * Instants and spans as the API writes them: RFC 3339 in UTC with whole seconds (metav1.Time) or microseconds (MicroTime), and the short ages of
 * kubectl's tables. Reads no clock.
 */

const pattern = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,9})\d*)?(Z|([+-])(\d{2}):(\d{2}))$/;

interface Instant {
  /** Milliseconds since the epoch, of the whole second. */
  readonly ms: number;
  readonly nanos: number;
}

const daysIn = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate();

function parse(text: string): Instant | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59)
    return undefined;
  const [offsetHour, offsetMinute] = [Number(match[10] ?? 0), Number(match[11] ?? 0)];
  if (offsetHour > 24 || offsetMinute > 60) return undefined;
  const offset = (offsetHour * 60 + offsetMinute) * 60_000 * (match[9] === '-' ? -1 : 1);
  // Date.UTC reads years 0 to 99 as 1900 to 1999.
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  return { ms: date.getTime() - offset, nanos: Number((match[7] ?? '').padEnd(9, '0')) };
}

/** Milliseconds since the epoch, with the fraction as far as milliseconds reach; undefined for anything but RFC 3339. */
export function parseTime(text: string): number | undefined {
  const instant = parse(text);
  return instant && instant.ms + Math.floor(instant.nanos / 1_000_000);
}

/** Whole seconds since the epoch and the microseconds after them; undefined for anything but RFC 3339. */
export function parseMicros(text: string): { readonly seconds: number; readonly micros: number } | undefined {
  const instant = parse(text);
  return instant && { seconds: instant.ms / 1000, micros: Math.floor(instant.nanos / 1000) };
}

/** `2026-01-02T03:04:05Z`. */
export function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -5)}Z`;
}

/** `2026-01-02T03:04:05.678000Z`. */
export function formatMicroTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -1)}000Z`;
}

const canonicalTimePattern =
  /^(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/;

/** A client's instant as it is stored: UTC, fraction cut off. undefined when it is none. */
export function canonicalTime(text: string): string | undefined {
  if (canonicalTimePattern.test(text)) return text;
  const instant = parse(text);
  return instant && inYears(instant.ms) ? formatTime(instant.ms) : undefined;
}

/** A client's instant as a MicroTime is stored: UTC, six digits of fraction. undefined when it is none. */
export function canonicalMicroTime(text: string): string | undefined {
  const instant = parse(text);
  if (instant === undefined || !inYears(instant.ms)) return undefined;
  return `${new Date(instant.ms).toISOString().slice(0, -5)}.${String(Math.floor(instant.nanos / 1000)).padStart(6, '0')}Z`;
}

/** From year 1 to year 9999: what can be written back. */
const inYears = (ms: number): boolean => ms >= -62_135_596_800_000 && ms < 253_402_300_800_000;

/** A span as kubectl's AGE columns show it: `5s`, `3m12s`, `2d4h`, `1y20d`. https://pkg.go.dev/k8s.io/apimachinery/pkg/util/duration */
export function formatAge(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${Math.abs(seconds)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return pair(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  if (days < 2920) return pair(years, 'y', days % 365, 'd');
  return `${years}y`;
}

const pair = (big: number, bigUnit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${small}${smallUnit}`;
