/** Request bodies in every encoding, up to a stored object: read, decoded, defaulted, validated, and written in every encoding again. */
import assert from 'node:assert/strict';
import { allKinds, kindOf, subresourceKinds, type AnyKind } from '#api/kinds.ts';
import { bodyOf } from '#apiserver/http/body.ts';
import { deepEqual } from '#base/deep-equal.ts';
import { goJson } from '#meta/causes.ts';
import { parseJson } from '#meta/json.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { ApiError } from '#meta/status.ts';
import { formatYaml, parseYaml, parseYamlBody } from '#meta/yaml.ts';
import { CborError, decodeCbor, encodeCbor } from '#schema/cbor.ts';
import { decode } from '#schema/decode.ts';
import { applyDefaults } from '#schema/default.ts';
import { decodeMessage, openEnvelope, ProtobufError } from '#schema/protobuf.ts';
import { encodeMessage } from '#schema/protobuf-encode.ts';
import { validate, validateMeta } from '#schema/validate.ts';
import type { Target } from '../target.ts';

const big = ['Pod', 'Deployment', 'Service', 'Node', 'CustomResourceDefinition', 'Job', 'Event', 'ResourceSlice'];
const bigKinds = allKinds.filter(({ kind }) => big.includes(kind));

/** What each door does with a value: the decoders' strict and lenient ways, defaults, all checks, all encoders. */
function throughKind(kind: AnyKind, value: unknown): void {
  const { object, warnings } = decode<AnyObject>(kind, value, { strict: 'Warn' });
  assert.ok(warnings.length <= 100);
  // What was decoded is decoded again to the same: readers of stored objects rely on it.
  const again = decode<AnyObject>(kind, object, { strict: 'Strict' }).object;
  assert.ok(deepEqual(again, object), 'a decoded object decodes to another one');
  // The registry sees to a name, an empty one too, before anything is checked.
  const typed = { ...object, metadata: { ...object.metadata, name: object.metadata?.name ?? '' } };
  const filled = applyDefaults(kind.schema, typed);
  const full = (kind.hooks.fill?.(filled as never) ?? filled) as AnyObject;
  const wrong = [
    ...validateMeta(kind, full.metadata),
    ...validate(kind, full),
    ...(kind.hooks.validateCreate?.(full as never) ?? []),
  ];
  for (const { field, message } of wrong) assert.ok(typeof field === 'string' && typeof message === 'string');
  encodeMessage(kind.schema, full as never);
  encodeCbor(full, kind.schema);
  if (wrong.length > 0) return;
  // Only what is valid is ever stored, warned of and printed.
  const prepared = (kind.hooks.prepareCreate?.(full as never) ?? full) as never;
  kind.hooks.warnings?.(prepared, undefined);
  kind.hooks.validateUpdate?.(prepared, prepared);
  for (const column of kind.columns) column.cell(prepared as never, { now: 0 });
  for (const read of Object.values(kind.selectable)) read(prepared as never);
}

/** The kind that a value names; a Pod when it names none. */
function kindIn(value: unknown): AnyKind {
  const { apiVersion, kind } = (value ?? {}) as { apiVersion?: unknown; kind?: unknown };
  const [group, version] = String(apiVersion).includes('/') ? String(apiVersion).split('/') : ['', String(apiVersion)];
  const named = `${kind}`;
  return (
    kindOf(group ?? '', version ?? '', named) ??
    subresourceKinds.find((each) => each.kind === named) ??
    (kindOf('', 'v1', 'Pod') as AnyKind)
  );
}

const contentTypes = [
  'application/json',
  'application/yaml',
  'application/cbor',
  'application/vnd.kubernetes.protobuf',
  'application/apply-patch+yaml',
];

export const bodyTargets: readonly Target[] = [
  {
    name: 'json',
    refuses: [ApiError],
    run(bytes) {
      const { value } = parseJson(bytes, { duplicates: true });
      const text = goJson(value);
      assert.equal(goJson(parseJson(text, { duplicates: false }).value), text);
    },
  },
  {
    name: 'yaml',
    refuses: [ApiError],
    run(bytes) {
      const text = bytes.toString('utf8');
      parseYaml(text);
      const { documents } = parseYamlBody(text);
      for (const document of documents) {
        const [back] = parseYaml(formatYaml(document));
        assert.equal(goJson(back ?? null), goJson(document));
      }
    },
  },
  {
    name: 'cbor',
    refuses: [CborError],
    run(bytes) {
      const value = decodeCbor(bytes);
      assert.ok(deepEqual(decodeCbor(encodeCbor(value)), value), 'CBOR reads back as another value');
    },
  },
  {
    name: 'protobuf',
    refuses: [ProtobufError],
    run(bytes) {
      const { apiVersion, kind: named, raw } = openEnvelope(bytes);
      const own = kindIn({ apiVersion, kind: named });
      for (const kind of new Set([own, ...bigKinds])) {
        let object: Record<string, unknown>;
        try {
          object = decodeMessage(kind.schema, raw);
        } catch (error) {
          if (error instanceof ProtobufError) continue;
          // Raw JSON within a message is refused in the words of JSON's reader.
          if (error instanceof ApiError && error.code < 500) continue;
          throw error;
        }
        let seen: AnyObject;
        try {
          seen = decode<AnyObject>(kind, object, { strict: 'Ignore' }).object;
        } catch (error) {
          if (error instanceof ApiError && error.code < 500) continue;
          throw error;
        }
        const written = encodeMessage(kind.schema, seen as never);
        const back = decodeMessage(kind.schema, written);
        assert.ok(encodeMessage(kind.schema, back).equals(written), `${kind.kind} is written in two ways`);
      }
    },
  },
  {
    name: 'object',
    refuses: [ApiError],
    run(bytes) {
      const { value } = parseJson(bytes, { duplicates: true });
      throughKind(kindIn(value), value);
    },
  },
  {
    name: 'body',
    refuses: [ApiError],
    async run(bytes) {
      const type = contentTypes[(bytes[0] ?? 0) % contentTypes.length] as string;
      const body = await bodyOf(
        { headers: { 'content-type': type }, body: async () => bytes.subarray(1) },
        (apiVersion, kind) => kindIn({ apiVersion, kind }).schema,
      );
      if (body !== undefined) throughKind(kindIn(body.value), body.value);
    },
  },
];
