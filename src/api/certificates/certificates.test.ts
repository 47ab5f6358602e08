import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { CertificateSigningRequest, type CertificateSigningRequestStatus } from './certificatesigningrequest.ts';
import { ClusterTrustBundle } from './clustertrustbundle.ts';
import { parseRequest, signatureFault } from './pkcs10.ts';
import { PodCertificateRequest } from './podcertificaterequest.ts';
import { authority, ed25519Request, leaf, mastersRequest, pem, rsaRequest } from './test-certificates.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const request = base64(pem('CERTIFICATE REQUEST', ed25519Request));
const csr = (fields: object = {}): never =>
  ({
    metadata: { name: 'jane' },
    spec: { request, signerName: 'example.com/signer', usages: ['client auth'], ...fields },
  }) as never;

/** The same bytes with the last one changed: the end of the signature. */
function broken(der: string): string {
  const bytes = Buffer.from(der, 'base64');
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  return bytes.toString('base64');
}
const badlySigned = base64(pem('CERTIFICATE REQUEST', broken(ed25519Request)));
const garbage = base64(pem('CERTIFICATE REQUEST', 'AAAA'));

const cases: readonly [string, object, readonly string[]][] = [
  ['nothing wrong', {}, []],
  ['no PEM', { request: 'AAAA' }, ['spec.request: Invalid value: "AAAA": PEM block type must be CERTIFICATE REQUEST']],
  [
    'a bad signature',
    { request: badlySigned },
    [`spec.request: Invalid value: "${badlySigned}": x509: Ed25519 verification failure`],
  ],
  [
    'garbage in PEM',
    { request: garbage },
    [`spec.request: Invalid value: "${garbage}": asn1: structure error: malformed certificate request`],
  ],
  [
    'everything else wrong',
    { usages: ['client auth', 'client auth'], signerName: 'nobody', expirationSeconds: 1 },
    [
      'spec.usages[1]: Duplicate value: "client auth"',
      `spec.signerName: Invalid value: "nobody": must be a fully qualified domain and path of the form 'example.com/signer-name'`,
      'spec.expirationSeconds: Invalid value: 1: may not specify a duration less than 600 seconds (10 minutes)',
    ],
  ],
  [
    'the old signer',
    { signerName: 'kubernetes.io/legacy-unknown' },
    [
      'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version',
    ],
  ],
];
for (const [what, fields, causes] of cases)
  test(`a request with ${what}`, () => assert.deepEqual(createCauses(CertificateSigningRequest, csr(fields)), causes));

test('requests of every common key are read, and hostile bytes are refused', () => {
  for (const text of [ed25519Request, mastersRequest, rsaRequest]) {
    const der = Buffer.from(text, 'base64');
    const parsed = parseRequest(der);
    assert.ok(typeof parsed === 'object');
    assert.equal(signatureFault(der, parsed), undefined);
    for (let length = 0; length < der.length; length += 7)
      assert.equal(typeof parseRequest(der.subarray(0, length)), 'string');
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.equal(typeof parseRequest(Buffer.from(bytes)), 'string');
    }),
  );
});

test('decisions are final, and only status carries a certificate', () => {
  const old = written(CertificateSigningRequest, csr());
  const approved = { type: 'Approved', status: 'True' as const };
  const denied = { type: 'Denied', status: 'True' as const };
  const certificate = base64(pem('CERTIFICATE', authority));
  const of = (status: CertificateSigningRequestStatus) => ({ ...old, status });
  const approval = (status: CertificateSigningRequestStatus, before = old): readonly string[] =>
    CertificateSigningRequest.hooks
      .validateSubresource?.(of(status), before, 'approval')
      .map(({ field, message }) => `${field}: ${message}`) ?? [];
  const sign = (status: CertificateSigningRequestStatus, before = old): readonly string[] =>
    CertificateSigningRequest.hooks
      .validateStatus?.(of(status), before)
      .map(({ field, message }) => `${field}: ${message}`) ?? [];
  assert.deepEqual(approval({ conditions: [approved] }), []);
  assert.deepEqual(approval({ conditions: [approved, denied] }), [
    'status.conditions[1].type: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
  ]);
  assert.deepEqual(approval({}, of({ conditions: [approved] })), [
    'status.conditions: Forbidden: updates may not remove a condition of type "Approved"',
  ]);
  assert.deepEqual(approval({ certificate }), [
    'status.certificate: Forbidden: updates may not set certificate content',
  ]);
  assert.deepEqual(sign({ conditions: [approved] }), [
    'status.conditions: Forbidden: updates may not add a condition of type "Approved"',
  ]);
  assert.deepEqual(sign({ certificate }), []);
  assert.deepEqual(sign({ certificate: base64('x') }, of({ certificate })), [
    'status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block',
    'status.certificate: Forbidden: updates may not modify existing certificate content',
  ]);
  assert.equal(
    row(CertificateSigningRequest, of({ conditions: [approved], certificate }))['Condition'],
    'Approved,Issued',
  );
});

test('an update leaves the spec alone', () => {
  const old = written(CertificateSigningRequest, csr());
  assert.deepEqual(updateCauses(CertificateSigningRequest, csr({ usages: [] }), old), []);
});

const bundle = (name: string, spec: object): string[] => createCauses(ClusterTrustBundle, { metadata: { name }, spec });
const root = pem('CERTIFICATE', authority);

test('a trust bundle holds roots, each once, and is named by its signer', () => {
  assert.deepEqual(bundle('roots', { trustBundle: root }), []);
  assert.deepEqual(bundle('example.com:a:roots', { signerName: 'example.com/a', trustBundle: root }), []);
  assert.deepEqual(bundle('roots', { signerName: 'example.com/a', trustBundle: root + root }), [
    'metadata.name: Invalid value: "roots": ClusterTrustBundle for signerName example.com/a must be named with prefix example.com:a:',
    'spec.trustBundle: Invalid value: "<value omitted>": duplicate trust anchor (indices [0 1])',
  ]);
  assert.deepEqual(bundle('roots', { trustBundle: pem('CERTIFICATE', leaf) + pem('KEY', leaf) }), [
    'spec.trustBundle: Invalid value: "<value omitted>": entry 0 does not have the CA bit set',
    'spec.trustBundle: Invalid value: "<value omitted>": entry 1 has bad block type: KEY',
  ]);
  assert.deepEqual(bundle('roots', {}), bundle('roots', { trustBundle: 'nothing' }));
  assert.deepEqual(bundle('roots', { trustBundle: 'nothing' }), [
    'spec.trustBundle: Invalid value: "<value omitted>": at least one trust anchor must be provided',
  ]);
});

const podRequest = {
  signerName: 'example.com/signer',
  podName: 'p',
  podUID: '1',
  serviceAccountName: 'default',
  serviceAccountUID: '2',
  nodeName: 'n',
  nodeUID: '3',
  stubPKCS10Request: ed25519Request,
};
const podCauses = (fields: object): string[] =>
  createCauses(PodCertificateRequest, { metadata: { name: 'p' }, spec: { ...podRequest, ...fields } });

test("a pod's request proves its key", () => {
  assert.deepEqual(podCauses({}), []);
  assert.deepEqual(podCauses({ stubPKCS10Request: rsaRequest, maxExpirationSeconds: 1 }), [
    'spec.maxExpirationSeconds: Invalid value: 1: must be in the range [3600, 7862400]',
    'spec.stubPKCS10Request: Invalid value: RSA keys must have modulus size 3072 or 4096',
  ]);
  assert.deepEqual(podCauses({ stubPKCS10Request: broken(ed25519Request), nodeUID: '' }), [
    'spec.nodeUID: Invalid value: "": must not be empty',
    'spec.stubPKCS10Request: Invalid value: could not verify the signature of the CSR',
  ]);
});

test("a pod's request says where it comes from, and keeps to it", () => {
  assert.deepEqual(podCauses({ podName: '', stubPKCS10Request: '', unverifiedUserAnnotations: { a: 'b' } }), [
    'spec.unverifiedUserAnnotations: Invalid value: "a": must be a domain-prefixed key (such as "acme.io/foo")',
    "spec.podName: Invalid value: \"\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    'spec: Invalid value: exactly one of (stubPKCS10Request) or (pkixPublicKey, proofOfPossession) must be set',
  ]);
  const old = written(PodCertificateRequest, { metadata: { name: 'p' }, spec: podRequest } as never);
  const changed = updateCauses(PodCertificateRequest, { metadata: { name: 'p' }, spec: { podName: '' } }, old);
  assert.deepEqual(changed, [
    'spec: Invalid value: {"SignerName":"","PodName":"","PodUID":"","ServiceAccountName":"","ServiceAccountUID":"","NodeName":"","NodeUID":"","MaxExpirationSeconds":86400,"StubPKCS10Request":null,"UnverifiedUserAnnotations":null}: field is immutable',
  ]);
});

test("a pod's request ends once", () => {
  const old = written(PodCertificateRequest, { metadata: { name: 'p' }, spec: podRequest } as never);
  const denied = {
    conditions: [
      {
        type: 'Denied',
        status: 'True' as const,
        reason: 'No',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
  };
  const check = (status: object, before = old): readonly string[] =>
    PodCertificateRequest.hooks
      .validateStatus?.({ ...old, status } as typeof old, before)
      .map(({ field, message }) => `${field}: ${message}`) ?? [];
  assert.deepEqual(check(denied), []);
  assert.deepEqual(check({}, { ...old, status: denied }), [
    'status: Invalid value: immutable after PodCertificateRequest is issued, denied, or failed',
  ]);
  assert.deepEqual(check({ certificateChain: root }), [
    'status: Invalid value: status is immutable unless transitioning to "Issued", "Denied", or "Failed"',
  ]);
});
