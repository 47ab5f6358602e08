/** The protobuf form, for every kind: what is written is read back, and hostile bytes are refused, never more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { allKinds, subresourceKinds } from './kinds.ts';
import { decode } from '#schema/decode.ts';
import { decodeMessage, openEnvelope, ProtobufError } from '#schema/protobuf.ts';
import { encodeMessage, sealEnvelope } from '#schema/protobuf-encode.ts';
import { arbitraryOf } from '#schema/random-object.ts';

const kinds = [...allKinds, ...subresourceKinds];

/** Objects as the API sees them: decoded; empty lists, maps and texts gone, as Go leaves them out. */
const seen = (kind: (typeof kinds)[number], object: unknown): unknown =>
  bare(decode(kind, object, { strict: 'Ignore' }).object);

function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => bare(item) ?? item);
  if (value === null || typeof value !== 'object') return value;
  const kept = Object.entries(value)
    .map(([key, inner]) => [key, bare(inner)] as const)
    .filter(([, inner]) => inner !== undefined && !isEmpty(inner));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

const isEmpty = (value: unknown): boolean => value === '' || (Array.isArray(value) && value.length === 0);

for (const kind of kinds) {
  test(`${kind.kind} of ${kind.group || 'core'} survives its way through protobuf`, () => {
    fc.assert(
      fc.property(arbitraryOf(kind.schema), (object) => {
        const back = decodeMessage(kind.schema, encodeMessage(kind.schema, object));
        assert.deepEqual(seen(kind, back), seen(kind, object));
      }),
      { numRuns: 25 },
    );
  });
}

test('an envelope is opened as it was sealed', () => {
  const raw = Buffer.from('anything');
  const open = openEnvelope(sealEnvelope({ apiVersion: 'apps/v1', kind: 'Deployment' }, raw));
  assert.deepEqual(open, { apiVersion: 'apps/v1', kind: 'Deployment', raw });
});

test('the bytes are those that Go writes', () => {
  const raw = encodeMessage((allKinds.find(({ kind }) => kind === 'ConfigMap') as (typeof kinds)[number]).schema, {
    metadata: { name: 'a' },
    data: { k: 'v' },
  });
  // metadata: 1, length-delimited; name: 1; data: 2, an entry of key 1 and value 2.
  const text = raw.toString('hex');
  assert.match(text, /^0a/);
  assert.ok(text.includes('0a0161'), text);
  assert.ok(text.includes('12060a016b120176'), text);
});

test('hostile bytes are refused as such', () => {
  const read = (bytes: Buffer): void => {
    for (const kind of kinds) {
      try {
        decodeMessage(kind.schema, bytes);
      } catch (error) {
        assert.ok(error instanceof ProtobufError, String(error));
      }
    }
    try {
      openEnvelope(Buffer.concat([Buffer.from('k8s\0'), bytes]));
    } catch (error) {
      assert.ok(error instanceof ProtobufError, String(error));
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => read(Buffer.from(bytes))),
    { numRuns: 300 },
  );
  // A length that promises more than there is; a varint without end; a tag of zero; deep nesting.
  for (const hex of ['0affffffff0f', 'ffffffffffffffffffffff', '0000', '0a0a0a0a0a0a0a0a'])
    read(Buffer.from(hex, 'hex'));
});

test('a cut message is refused or is a shorter message, never something else', () => {
  const pod = kinds.find(({ kind }) => kind === 'Pod') as (typeof kinds)[number];
  fc.assert(
    fc.property(arbitraryOf(pod.schema), fc.double({ min: 0, max: 1, noNaN: true }), (object, part) => {
      const bytes = encodeMessage(pod.schema, object);
      try {
        decodeMessage(pod.schema, bytes.subarray(0, Math.floor(bytes.length * part)));
      } catch (error) {
        assert.ok(error instanceof ProtobufError, String(error));
      }
    }),
    { numRuns: 50 },
  );
});
