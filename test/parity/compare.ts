/** What of two answers must be equal, and where they differ, in words. */
import type { Answer } from './servers.ts';

export interface Normal {
  readonly status: number;
  readonly warnings: readonly string[];
  readonly reason?: string;
  readonly message?: string;
  readonly causes?: readonly string[];
  readonly object?: unknown;
}

const own = new Set(['uid', 'resourceVersion', 'creationTimestamp', 'managedFields', 'selfLink']);

export function normal({ status, warnings, body }: Answer): Normal {
  const value = body as Record<string, unknown>;
  if (status >= 300 || value?.['kind'] === 'Status') {
    const details = value?.['details'] as
      | { causes?: { reason?: string; field?: string; message?: string }[] }
      | undefined;
    return {
      status,
      warnings,
      reason: String(value?.['reason']),
      message: masked(String(value?.['message'] ?? body)),
      causes: (details?.causes ?? [])
        .map(({ reason, field, message }) => masked(`${reason}|${field}|${message}`))
        .toSorted(),
    };
  }
  return { status, warnings, object: plain(body, []) };
}

/** What has changed is shown in a picture below the first line of a cause, which each server draws in its own way. */
const withoutPicture = (text: string): string =>
  /is immutable after creation|may not change fields/.test(text) ? (text.split('\n', 1)[0] ?? '') : text;

const masked = (text: string): string =>
  withoutPicture(text)
    // The reference makes up a name for the type of self each time.
    .replaceAll(/selfType\d+/g, 'selfType@')
    .replaceAll(/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access-xxxxx')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uuid>');

function plain(value: unknown, path: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item, index) => plain(item, [...path, String(index)]));
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'string' ? masked(value) : value;
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !(path.length === 1 && path[0] === 'metadata' && own.has(key)))
      .map(([key, inner]) => [key, plain(inner, [...path, key])]),
  );
}

/** A line for each difference; `ours` comes first. */
export function difference(ours: Normal, theirs: Normal): string[] {
  const out: string[] = [];
  if (ours.status !== theirs.status) {
    const say = (side: Normal): string =>
      `${side.status} ${side.reason ?? ''} ${(side.causes?.length ? side.causes.join(' & ') : side.message) ?? ''}`
        .trim()
        .slice(0, 4000);
    return [`STATUS ours ${say(ours)}\n     theirs ${say(theirs)}`];
  }
  if (ours.object !== undefined || theirs.object !== undefined) {
    walk(ours.object, theirs.object, '', out);
  } else {
    if (ours.reason !== theirs.reason) out.push(`REASON ${ours.reason} / ${theirs.reason}`);
    const a = new Set(ours.causes);
    const b = new Set(theirs.causes);
    for (const cause of a) if (!b.has(cause)) out.push(`CAUSE only ours ${cause}`);
    for (const cause of b) if (!a.has(cause)) out.push(`CAUSE only theirs ${cause}`);
    if (out.length === 0 && ours.causes?.length !== theirs.causes?.length)
      out.push(`CAUSE count ${ours.causes?.length} / ${theirs.causes?.length}: ${theirs.causes?.join(' & ')}`);
    const order = (text = ''): string => [...text].toSorted().join('');
    if (
      out.length === 0 &&
      ours.message !== theirs.message &&
      (process.env['ORDER'] || order(ours.message) !== order(theirs.message))
    )
      out.push(`MESSAGE ours ${ours.message}\n     theirs ${theirs.message}`);
  }
  const w = JSON.stringify(ours.warnings);
  const v = JSON.stringify(theirs.warnings);
  if (w !== v) out.push(`WARNING ours ${w} theirs ${v}`);
  return out;
}

function walk(a: unknown, b: unknown, path: string, out: string[]): void {
  if (
    typeof a === 'object' &&
    typeof b === 'object' &&
    a !== null &&
    b !== null &&
    Array.isArray(a) === Array.isArray(b)
  ) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      walk((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], `${path}.${key}`, out);
    }
    return;
  }
  if (!Object.is(a, b)) out.push(`OBJECT ${path} ours ${show(a)} theirs ${show(b)}`);
}

const show = (value: unknown): string => (JSON.stringify(value) ?? 'absent').slice(0, 200);
