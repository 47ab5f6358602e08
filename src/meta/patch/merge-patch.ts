/**
 * JSON Merge Patch (RFC 7386): objects are merged, null deletes, everything else replaces. Never changes its inputs; what stays the same is shared.
 */

/** The target after the patch. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return withoutNulls(patch);
  if (!isRecord(target)) return withoutNulls(patch);
  let out: Record<string, unknown> | undefined;
  for (const key of Object.keys(patch)) {
    const change = patch[key];
    const known = Object.hasOwn(target, key);
    const old = known ? target[key] : undefined;
    if (change === null) {
      if (!known) continue;
      out ??= { ...target };
      delete out[key];
      continue;
    }
    const next = known ? applyMergePatch(old, change) : withoutNulls(change);
    if (known && next === old) continue;
    out ??= { ...target };
    // Defined, not assigned: a key __proto__ is data.
    Object.defineProperty(out, key, { value: next, enumerable: true, configurable: true, writable: true });
  }
  return out ?? target;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A new subtree has no nulls in its objects; null items of lists stay. So upstream's library has it. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return mapShared(value, withoutNulls);
  if (!isRecord(value)) return value;
  const entries = Object.entries(value);
  let changed = false;
  const kept: [string, unknown][] = [];
  for (const [key, inner] of entries) {
    if (inner === null) {
      changed = true;
      continue;
    }
    const next = withoutNulls(inner);
    if (next !== inner) changed = true;
    kept.push([key, next]);
  }
  return changed ? Object.fromEntries(kept) : value;
}

function mapShared(list: readonly unknown[], map: (item: unknown) => unknown): readonly unknown[] {
  let out: unknown[] | undefined;
  for (const [index, item] of list.entries()) {
    const next = map(item);
    if (next === item) continue;
    out ??= [...list];
    out[index] = next;
  }
  return out ?? list;
}
