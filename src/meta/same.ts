/**
 * Equality of API values as upstream's semantic equality has it: what is missing, null, an empty list or an empty map is the same. For plain JSON only.
 */

/** True when nobody could tell the two apart through a Go client. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return isNothing(a) && isNothing(b);
  if (Array.isArray(a)) {
    if (!Array.isArray(b)) return a.length === 0 && isNothing(b);
    return a.length === b.length && a.every((item, index) => sameValue(item, b[index]));
  }
  if (Array.isArray(b)) return b.length === 0 && isNothing(a);
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  for (const key in left) if (!sameValue(left[key], Object.hasOwn(right, key) ? right[key] : undefined)) return false;
  for (const key in right) if (!Object.hasOwn(left, key) && !isNothing(right[key])) return false;
  return true;
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value !== 'object') return false;
  for (const _ in value) return false;
  return true;
}
