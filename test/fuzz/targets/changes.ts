/** Patches of every kind and server-side apply: a JSON list of a document, a patch, and (for apply) a second configuration. */
import assert from 'node:assert/strict';
import { kindOf, type AnyKind } from '#api/kinds.ts';
import { goJson } from '#meta/causes.ts';
import { parseJson } from '#meta/json.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { applyJsonPatch } from '#meta/patch/json-patch.ts';
import { applyMergePatch } from '#meta/patch/merge-patch.ts';
import { ApiError } from '#meta/status.ts';
import { decode } from '#schema/decode.ts';
import { decodeFields, encodeFields, sameSet } from '#schema/field-set.ts';
import { applyFields, trackUpdate } from '#schema/managed-fields.ts';
import { strategicMerge } from '#schema/strategic-merge.ts';
import type { Target } from '../target.ts';

const kinds: readonly AnyKind[] = (
  [
    ['', 'Pod'],
    ['apps', 'Deployment'],
    ['', 'Service'],
    ['', 'ConfigMap'],
  ] as const
).map(([group, kind]) => kindOf(group, 'v1', kind) as AnyKind);

/** The parts of the list; anything else is a document without a patch. */
function parts(bytes: Buffer): readonly unknown[] {
  const { value } = parseJson(bytes, { duplicates: false });
  return Array.isArray(value) ? value : [value];
}

/** Neither input may be changed by what reads them. */
function untouched(inputs: readonly unknown[], run: () => void): void {
  const before = inputs.map((input) => goJson(input ?? null));
  run();
  for (const [at, input] of inputs.entries()) assert.equal(goJson(input ?? null), before[at], 'an input was changed');
}

const kindFor = (document: unknown): AnyKind =>
  kinds.find(({ kind }) => kind === (document as { kind?: unknown } | null)?.kind) ?? (kinds[0] as AnyKind);

const tracking = { time: '2026-01-01T00:00:00Z', apiVersion: 'v1' } as const;

export const changeTargets: readonly Target[] = [
  {
    name: 'json-patch',
    refuses: [ApiError],
    run(bytes) {
      const [document, patch] = parts(bytes);
      untouched([document, patch], () => void applyJsonPatch(document, patch));
    },
  },
  {
    name: 'merge-patch',
    refuses: [ApiError],
    run(bytes) {
      const [document, patch] = parts(bytes);
      untouched([document, patch], () => {
        const once = applyMergePatch(document, patch);
        assert.equal(goJson(applyMergePatch(once, patch) ?? null), goJson(once ?? null), 'applied twice, it differs');
      });
    },
  },
  {
    name: 'strategic-merge',
    refuses: [ApiError],
    run(bytes) {
      const [raw, patch] = parts(bytes);
      const kind = kindFor(raw);
      const { object } = decode<AnyObject>(kind, raw, { strict: 'Ignore' });
      untouched([object, patch], () => {
        decode(kind, strategicMerge(kind.schema, object, patch), { strict: 'Ignore' });
      });
    },
  },
  {
    name: 'server-side-apply',
    refuses: [ApiError],
    run(bytes) {
      const [raw, first, second] = parts(bytes);
      const kind = kindFor(raw);
      const read = (value: unknown): AnyObject => {
        const { object } = decode<AnyObject>(kind, value ?? {}, { strict: 'Ignore', keepZeros: true });
        return { ...object, metadata: object.metadata ?? {} };
      };
      let live: object = trackUpdate({ ...tracking, kind, live: undefined, manager: 'maker', updated: read(raw) });
      for (const [at, configuration] of [first, second].entries()) {
        const applied = read(configuration);
        untouched([live, applied], () => {
          const request = { ...tracking, kind, live, manager: `m${at}`, applied };
          const { object, conflicts } = applyFields({ ...request, force: false });
          live = conflicts.length === 0 ? object : applyFields({ ...request, force: true }).object;
        });
        decode(kind, live, { strict: 'Ignore' });
      }
    },
  },
  {
    name: 'managed-fields',
    refuses: [ApiError],
    run(bytes) {
      const { value } = parseJson(bytes, { duplicates: false });
      const set = decodeFields(value);
      if (set === undefined) return;
      const again = decodeFields(encodeFields(set));
      assert.ok(again !== undefined && sameSet(again, set), 'fields read back as others');
    },
  },
];
