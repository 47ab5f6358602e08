/** Ciphers: what upstream wrote is read, what is written is read again, and nothing that was changed is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nodeRandom } from '#world/node/random.ts';
import { aesCbc, aesGcm, extendedNonceGcm, secretbox } from './cipher.ts';
import { testEncryption } from './test-encryption.ts';
import { startTestKms } from './test-kms.ts';
import { upstreamValues } from './test-upstream-values.ts';

const random = nodeRandom();
const ciphers = { aesCbc, aesGcm, extendedNonceGcm, secretbox };
const bytes = (max: number) => fc.uint8Array({ maxLength: max }).map((array) => Buffer.from(array));
const secrets = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((array) => Buffer.from(array));

test('values of a real kube-apiserver are read, by every provider', async () => {
  await using kms = await startTestKms('one');
  const providers = `secretbox sb1=a; aesgcm gcm1=b; aescbc cbc1=c; kms mykms=${kms.endpoint}`;
  await using store = await testEncryption(providers);
  for (const [name, base64] of Object.entries(upstreamValues)) {
    const key = `/registry/secrets/default/${name}`;
    await store.raw.txn([{ op: 'put', key, value: Buffer.from(base64, 'base64') }]);
    const entry = await store.get(key);
    assert.equal(entry?.unreadable, undefined);
    const object = JSON.parse(String(entry?.value)) as { metadata: { name: string }; data: object };
    assert.deepEqual([object.metadata.name, object.data], [name, { a: 'dG9wc2VjcmV0' }]);
    assert.equal(await store.stale(key), name !== 'secretbox');
  }
  assert.equal(kms.calls.Decrypt, 1, 'the seed is asked for once');
});

for (const [name, make] of Object.entries(ciphers)) {
  test(`${name}: what was encrypted is read again, and never the same twice`, () => {
    fc.assert(
      fc.property(secrets, bytes(200), fc.string(), (secret, plain, key) => {
        const cipher = make(secret, random);
        const sealed = cipher.seal(plain, key);
        assert.deepEqual(cipher.open(sealed, key), plain);
        assert.notDeepEqual(cipher.seal(plain, key), sealed);
        if (plain.length >= 8) assert.equal(sealed.includes(plain), false);
      }),
      { numRuns: 100 },
    );
  });

  test(`${name}: a value that was cut is refused, also to nothing`, () => {
    const cipher = make(Buffer.alloc(32, 1), random);
    const sealed = cipher.seal(Buffer.from('a value that takes a few blocks of sixteen bytes'), '/key');
    for (let length = 0; length < sealed.length; length++) {
      // Without authentication, whole blocks may go and the padding look right by chance: 1 in 256.
      if (name === 'aesCbc' && length >= 16 && length % 16 === 0) continue;
      assert.throws(() => cipher.open(sealed.subarray(0, length), '/key'), Error, `cut to ${length}`);
    }
  });

  if (name === 'aesCbc') continue;
  test(`${name}: a flipped bit, another key and another secret are refused`, () => {
    const plain = Buffer.from('{"data":"topsecret"}');
    fc.assert(
      fc.property(secrets, fc.nat(), fc.nat(7), (secret, at, bit) => {
        const cipher = make(secret, random);
        const sealed = cipher.seal(plain, '/a');
        const other = make(Buffer.from(secret.map((byte, index) => (index === 0 ? byte ^ 1 : byte))), random);
        assert.throws(() => other.open(sealed, '/a'));
        if (name !== 'secretbox') assert.throws(() => cipher.open(sealed, '/b'), /message authentication failed/);
        const index = at % sealed.length;
        sealed.writeUInt8(sealed.readUInt8(index) ^ (1 << bit), index);
        assert.throws(() => cipher.open(sealed, '/a'));
      }),
      { numRuns: 100 },
    );
  });
}

test('a seed that is too short is refused', () => {
  assert.throws(
    () => extendedNonceGcm(Buffer.alloc(31), random),
    /^Error: invalid seed length 31 used for key generation$/,
  );
});
