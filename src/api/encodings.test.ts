/** For every kind: what is written in JSON, YAML, CBOR and protobuf is read back the same, 64-bit integers included. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJson, parseOwnJson } from '#meta/json.ts';
import { formatYaml, parseYamlBody } from '#meta/yaml.ts';
import { decodeCbor, encodeCbor } from '#schema/cbor.ts';
import { decode } from '#schema/decode.ts';
import { withDoubles } from '#schema/doubles.ts';
import { decodeMessage } from '#schema/protobuf.ts';
import { encodeMessage } from '#schema/protobuf-encode.ts';
import { arbitraryOf } from '#schema/random-object.ts';
import { CustomResourceDefinition } from './apiextensions/customresourcedefinition.ts';
import { Pod } from './core/pod.ts';
import { allKinds, subresourceKinds } from './kinds.ts';

for (const kind of [...allKinds, ...subresourceKinds]) {
  test(`${kind.kind} of ${kind.group || 'core'} (${kind.version}) survives every encoding`, () => {
    fc.assert(
      fc.property(arbitraryOf(kind.schema), (random) => {
        const { object } = decode(kind, random, { strict: 'Ignore' });
        // Only its type tells that a whole number is a double.
        const typed = (value: unknown): unknown => withDoubles(kind.schema, value);
        const text = JSON.stringify(object);
        assert.deepEqual(typed(parseOwnJson(text)), object);
        const { value, duplicates } = parseJson(text, { duplicates: true });
        assert.deepEqual([typed(value), duplicates], [object, []]);
        assert.deepEqual(decode(kind, value, { strict: 'Ignore' }).object, object);
        for (const sorted of [true, false]) {
          const { documents, duplicates: twice } = parseYamlBody(formatYaml(object, { sorted }));
          assert.deepEqual([documents.map(typed), twice], [[object], []]);
        }
        const cbor = encodeCbor(object, kind.schema);
        assert.deepEqual(typed(decodeCbor(cbor)), object);
        assert.deepEqual(encodeCbor(decodeCbor(cbor), kind.schema), cbor);
        const message = encodeMessage(kind.schema, object as Record<string, unknown>);
        assert.deepEqual(encodeMessage(kind.schema, decodeMessage(kind.schema, message)), message);
      }),
      { numRuns: 15 },
    );
  });
}

test('integers of 64 bits are the same in every encoding', () => {
  for (const wide of [9007199254740993n, 9223372036854775807n, -9223372036854775808n]) {
    const pod = {
      metadata: { name: 'a' },
      spec: { tolerations: [{ tolerationSeconds: wide }], securityContext: { runAsUser: wide } },
    };
    const { object } = decode(Pod, pod, { strict: 'Strict' });
    assert.deepEqual(object, pod);
    assert.deepEqual(parseYamlBody(formatYaml(pod)).documents, [pod]);
    assert.deepEqual(decodeCbor(encodeCbor(pod, Pod.schema)), pod);
    assert.deepEqual(decodeMessage(Pod.schema, encodeMessage(Pod.schema, pod)), pod);
  }
});

test('a whole number in a field of doubles is a double, however it is read', () => {
  const schema = (maximum: unknown) => ({
    spec: { versions: [{ name: 'v1', schema: { openAPIV3Schema: { properties: { a: { maximum } } } } }] },
  });
  for (const maximum of [32883862395250352, 2 ** 63, -(2 ** 62), 1e21]) {
    const object = schema(maximum);
    const read = parseOwnJson(JSON.stringify(object));
    assert.deepEqual(withDoubles(CustomResourceDefinition.schema, read), object);
    assert.deepEqual(decode(CustomResourceDefinition, read, { strict: 'Strict' }).object, object);
    const { schema: type } = CustomResourceDefinition;
    assert.deepEqual(withDoubles(type, decodeCbor(encodeCbor(object, type))), object);
  }
  const pod = { spec: { terminationGracePeriodSeconds: 9007199254740993n } };
  assert.equal(withDoubles(Pod.schema, pod), pod);
});
