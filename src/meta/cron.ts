/**
 * Cron schedules as CronJobs write them: five fields with names, ranges and steps, `@daily` and its kin, `@every 1h`, and the old TZ= prefix.
 * Parsing and the words of its errors are those of the library that upstream uses (robfig/cron v3); so is what happens when clocks are
 * changed: a time that does not exist is skipped, one that exists twice counts twice. Pure; the caller brings the time.
 */
import { parseDuration } from '#base/duration.ts';
import { goQuote } from '#base/go-quote.ts';

/** Which values of a field match; `any` when the field was a star, which decides how days are combined. */
interface Field {
  readonly values: ReadonlySet<number>;
  readonly any: boolean;
}

export type CronSchedule =
  | {
      readonly is: 'fields';
      readonly minute: Field;
      readonly hour: Field;
      readonly day: Field;
      readonly month: Field;
      readonly weekday: Field;
      readonly timeZone?: string;
    }
  | { readonly is: 'every'; readonly ms: number };

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const weekdayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const minutes: Bounds = { min: 0, max: 59 };
const hours: Bounds = { min: 0, max: 23 };
const days: Bounds = { min: 1, max: 31 };
const months: Bounds = { min: 1, max: 12, names: monthNames };
const weekdays: Bounds = { min: 0, max: 6, names: weekdayNames };

const descriptors: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const every = '@every ';
const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const integerMax = 2 ** 63;

/** The schedule, or what is wrong with the text. Throws nothing. */
export function parseCron(text: string): { readonly schedule: CronSchedule } | { readonly error: string } {
  try {
    return { schedule: scheduleOf(text) };
  } catch (error) {
    if (error instanceof RangeError) return { error: error.message };
    throw error;
  }
}

function scheduleOf(text: string): CronSchedule {
  if (text === '') throw new RangeError('empty spec string');
  let rest = text;
  let timeZone: string | undefined;
  if (/^(?:CRON_)?TZ=/.test(text)) {
    const space = text.indexOf(' ');
    timeZone = text.slice(text.indexOf('=') + 1, space === -1 ? undefined : space);
    // Go reads no name as UTC, and Local as the zone of the machine: ours have none but UTC.
    if (timeZone === '' || timeZone === 'Local') timeZone = 'UTC';
    if (!isTimeZone(timeZone)) throw new RangeError(`provided bad location ${timeZone}: unknown time zone ${timeZone}`);
    rest = space === -1 ? '' : text.slice(space).trim();
  }
  if (rest.startsWith('@')) {
    if (rest.startsWith(every)) return everyOf(rest);
    const fields = Object.hasOwn(descriptors, rest) ? descriptors[rest] : undefined;
    if (fields === undefined) throw new RangeError(`unrecognized descriptor: ${rest}`);
    rest = fields;
  }
  const fields = rest.split(/\s+/).filter((field) => field !== '');
  if (fields.length !== 5)
    throw new RangeError(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  return {
    is: 'fields',
    minute: fieldOf(minute, minutes),
    hour: fieldOf(hour, hours),
    day: fieldOf(day, days),
    month: fieldOf(month, months),
    weekday: fieldOf(weekday, weekdays),
    ...(timeZone === undefined ? {} : { timeZone }),
  };
}

function everyOf(text: string): CronSchedule {
  try {
    const ms = parseDuration(text.slice(every.length));
    return { is: 'every', ms: Math.max(secondMs, ms - (ms % secondMs)) };
  } catch (error) {
    if (error instanceof RangeError) throw new RangeError(`failed to parse duration ${text}: ${error.message}`);
    throw error;
  }
}

function fieldOf(text: string, bounds: Bounds): Field {
  const values = new Set<number>();
  let any = false;
  for (const part of text.split(',').filter((piece) => piece !== '')) {
    const { start, end, step, star } = rangeOf(part, bounds);
    for (let value = start; value <= end; value += step) values.add(value);
    any ||= star;
  }
  return { values, any };
}

function rangeOf(
  text: string,
  { min, max, names }: Bounds,
): { start: number; end: number; step: number; star: boolean } {
  const [range = '', stepText, ...moreSteps] = text.split('/');
  const [low = '', high, ...moreEnds] = range.split('-');
  let star = low === '*' || low === '?';
  let [start, end, step] = [min, max, 1];
  if (!star) {
    start = numberOf(low, names);
    if (moreEnds.length > 0) throw new RangeError(`too many hyphens: ${text}`);
    end = high === undefined ? start : numberOf(high, names);
  }
  if (moreSteps.length > 0) throw new RangeError(`too many slashes: ${text}`);
  if (stepText !== undefined) {
    step = numberOf(stepText, undefined);
    // "N/step" means from N on.
    if (high === undefined) end = max;
    if (step > 1) star = false;
  }
  if (start < min) throw new RangeError(`beginning of range (${start}) below minimum (${min}): ${text}`);
  if (end > max) throw new RangeError(`end of range (${end}) above maximum (${max}): ${text}`);
  if (start > end) throw new RangeError(`beginning of range (${start}) beyond end of range (${end}): ${text}`);
  if (step === 0) throw new RangeError(`step of range should be a positive number: ${text}`);
  return { start, end, step, star };
}

/** A number, or a name where there are names; the first month is 1, the first weekday 0. */
function numberOf(text: string, names: readonly string[] | undefined): number {
  const index = names?.indexOf(text.toLowerCase()) ?? -1;
  if (index !== -1) return names === monthNames ? index + 1 : index;
  const parsing = `failed to parse int from ${text}: strconv.Atoi: parsing ${goQuote(text)}`;
  if (!/^[+-]?\d+$/.test(text)) throw new RangeError(`${parsing}: invalid syntax`);
  const value = Number(text);
  if (Math.abs(value) >= integerMax) throw new RangeError(`${parsing}: value out of range`);
  if (value < 0) throw new RangeError(`negative number (${value}) not allowed: ${text}`);
  return value;
}

// --- Time zones ---------------------------------------------------------------------------------------------------------------------

/** Whether the IANA database knows this name. Names are told apart by case, as files are. */
export function isTimeZone(name: string): boolean {
  if (name === 'UTC') return true;
  // Without the first letter in capitals it is an offset, or a name that only Intl would forgive.
  if (!/^[A-Z]/.test(name)) return false;
  const resolved = zoneOf(name)?.resolvedOptions().timeZone;
  return resolved !== undefined && (resolved === name || resolved.toLowerCase() !== name.toLowerCase());
}

/** Making one takes 50 µs, and there are few. Names come from clients, so that the number of those kept is limited. */
const zones = new Map<string, Intl.DateTimeFormat>();
const zonesMax = 600;

function zoneOf(name: string): Intl.DateTimeFormat | undefined {
  const known = zones.get(name);
  if (known !== undefined) return known;
  try {
    const zone = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    if (zones.size >= zonesMax) zones.clear();
    zones.set(name, zone);
    return zone;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** What clocks in the zone show at this instant, as milliseconds since 1970 if it were UTC. */
function localOf(instant: number, timeZone: string): number {
  if (timeZone === 'UTC') return instant;
  const zone = zoneOf(timeZone);
  if (zone === undefined) throw new RangeError(`unknown time zone ${timeZone}`);
  const parts: Record<string, number> = {};
  for (const { type, value } of zone.formatToParts(instant)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** The first instant at which clocks in the zone show this; when they jump over it, the instant after the jump. */
function instantOf(local: number, timeZone: string): number {
  const offsetNear = (instant: number): number => localOf(instant, timeZone) - instant;
  const [before, after] = [offsetNear(local - dayMs), offsetNear(local + dayMs)];
  const candidates = [local - before, local - after].sort((a, b) => a - b);
  return candidates.find((instant) => localOf(instant, timeZone) === local) ?? local - before;
}

// --- When -----------------------------------------------------------------------------------------------------------------------------

/** A schedule that matches nothing in this time (31 February) never will. */
const yearsMax = 5;

/**
 * The first time after `after` (milliseconds since 1970) that the schedule names, in the given zone (the schedule's own, else UTC, when
 * absent); undefined when there is none in the next five years.
 */
export function nextTime(schedule: CronSchedule, after: number, timeZone?: string): number | undefined {
  if (schedule.is === 'every') return after - (after % secondMs) + schedule.ms;
  const zone = timeZone ?? schedule.timeZone ?? 'UTC';
  let at = after - (after % secondMs) + secondMs;
  const lastYear = new Date(localOf(at, zone)).getUTCFullYear() + yearsMax;
  for (;;) {
    const local = new Date(localOf(at, zone));
    const [year, month, day] = [local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()];
    if (year > lastYear) return undefined;
    if (!schedule.month.values.has(month + 1)) at = instantOf(Date.UTC(year, month + 1, 1), zone);
    else if (!isDay(schedule, local)) at = instantOf(Date.UTC(year, month, day + 1), zone);
    else if (!schedule.hour.values.has(local.getUTCHours()))
      at += hourMs - local.getUTCMinutes() * minuteMs - local.getUTCSeconds() * secondMs;
    else if (!schedule.minute.values.has(local.getUTCMinutes()) || local.getUTCSeconds() !== 0)
      at += minuteMs - local.getUTCSeconds() * secondMs;
    else return at;
  }
}

/** With a star in either field both must match, else one is enough. */
function isDay({ day, weekday }: Extract<CronSchedule, { is: 'fields' }>, local: Date): boolean {
  const [byDay, byWeekday] = [day.values.has(local.getUTCDate()), weekday.values.has(local.getUTCDay())];
  return day.any || weekday.any ? byDay && byWeekday : byDay || byWeekday;
}
