/** For every kind: what is written in JSON, YAML, CBOR and protobuf is read back the same, 64-bit integers included. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJson, parseOwnJson } from '#meta/json.ts';
import { formatYaml, parseYamlBody } from '#meta/yaml.ts';
import { decodeCbor, encodeCbor } from '#schema/cbor.ts';
import { decode } from '#schema/decode.ts';
import { decodeMessage } from '#schema/protobuf.ts';
import { encodeMessage } from '#schema/protobuf-encode.ts';
import { arbitraryOf } from '#schema/random-object.ts';
import { Pod } from './core/pod.ts';
import { allKinds, subresourceKinds } from './kinds.ts';

for (const kind of [...allKinds, ...subresourceKinds]) {
  test(`${kind.kind} of ${kind.group || 'core'} (${kind.version}) survives every encoding`, () => {
    fc.assert(
      fc.property(arbitraryOf(kind.schema), (random) => {
        const object = parseOwnJson(JSON.stringify(decode(kind, random, { strict: 'Ignore' }).object));
        const text = JSON.stringify(object);
        assert.deepEqual(parseJson(text, { duplicates: true }), { value: object, duplicates: [] });
        for (const sorted of [true, false])
          assert.deepEqual(parseYamlBody(formatYaml(object, { sorted })), { documents: [object], duplicates: [] });
        const cbor = encodeCbor(object, kind.schema);
        assert.deepEqual(decodeCbor(cbor), object);
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
