/**
 * Go's durations as people write them in manifests and flags: "1h2m3s", "100ms", "-1.5h". Held as milliseconds here; what is
 * finer than Go's nanosecond is cut.
 */

/** Nanoseconds a unit. Both signs for micro (U+00B5 and U+03BC) count. */
const units: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
/** Go's int64 of nanoseconds: 292 years. */
const nanosMax = 2n ** 63n - 1n;

/** Milliseconds; throws RangeError with the wording of Go's time.ParseDuration. */
export function parseDuration(text: string): number {
  const invalid = (reason = 'invalid duration'): RangeError =>
    new RangeError(`time: ${reason} ${JSON.stringify(text)}`);
  const sign = text.startsWith('-') ? -1n : 1n;
  let rest = text.replace(/^[+-]/, '');
  if (rest === '0') return 0;
  if (rest === '') throw invalid();
  let nanos = 0n;
  while (rest !== '') {
    const match = /^(\d*)(?:\.(\d*))?([^\d.]*)/.exec(rest) as RegExpExecArray;
    const [piece, whole = '', fraction = '', unit = ''] = match;
    if (whole === '' && fraction === '') throw invalid();
    if (unit === '') throw invalid('missing unit in duration');
    const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
    if (factor === undefined) throw invalid(`unknown unit ${JSON.stringify(unit)} in duration`);
    nanos += BigInt(whole || '0') * factor + (BigInt(fraction || '0') * factor) / 10n ** BigInt(fraction.length);
    if (nanos > nanosMax + (sign < 0n ? 1n : 0n)) throw invalid();
    rest = rest.slice(piece.length);
  }
  nanos *= sign;
  return Number(nanos / 1_000_000n) + Number(nanos % 1_000_000n) / 1e6;
}

/** As Go prints a time.Duration: "1m30s", "1.5s", "100ms", "0s". */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) throw new RangeError(`${ms} is no duration`);
  const whole = Math.trunc(ms);
  let nanos = BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6));
  if (nanos === 0n) return '0s';
  const sign = nanos < 0n ? '-' : '';
  if (nanos < 0n) nanos = -nanos;
  if (nanos < 1_000n) return `${sign}${nanos}ns`;
  if (nanos < 1_000_000n) return `${sign}${decimal(nanos, 3)}µs`;
  if (nanos < 1_000_000_000n) return `${sign}${decimal(nanos, 6)}ms`;
  const seconds = nanos / 1_000_000_000n;
  const hours = seconds / 3600n;
  const minutes = (seconds / 60n) % 60n;
  const last = `${decimal(nanos - (seconds - (seconds % 60n)) * 1_000_000_000n, 9)}s`;
  if (hours > 0n) return `${sign}${hours}h${minutes}m${last}`;
  return minutes > 0n ? `${sign}${minutes}m${last}` : `${sign}${last}`;
}

/** value / 10^places, without trailing zeros. */
function decimal(value: bigint, places: number): string {
  const digits = value.toString().padStart(places + 1, '0');
  const fraction = digits.slice(-places).replace(/0+$/, '');
  const whole = digits.slice(0, -places);
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
