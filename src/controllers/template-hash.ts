/**
 * The pod-template-hash that keeps the pods of one template apart from those of the next: FNV-1a over the template's canonical JSON, in upstream's safe alphabet.
 */
import { fnv1a32, safeEncode } from '#base/hash.ts';

/** Collisions are told apart by `salt`, the owner's collisionCount. */
export function templateHash(template: unknown, salt: number | undefined): string {
  return safeEncode(String(fnv1a32(canonical(template) + (salt === undefined || salt === 0 ? '' : `\0${salt}`))));
}

/** JSON with sorted keys: equal values have equal texts. */
export function canonical(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const record = value as Record<string, unknown>;
  const keys = Object.keys(record)
    .filter((key) => record[key] !== undefined)
    .toSorted();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(record[key])}`).join(',')}}`;
}
