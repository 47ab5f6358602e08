import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenRequest } from '../authentication/tokenrequest.ts';
import { Lease } from '../coordination/lease.ts';
import { createCauses, row, written } from '../written.ts';
import { SelfSubjectAccessReview } from './selfsubjectaccessreview.ts';
import { SubjectAccessReview } from './subjectaccessreview.ts';

const metadata = { name: 'x' };

test('a review asks about one thing, and about somebody', () => {
  const none =
    'spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified';
  assert.deepEqual(createCauses(SelfSubjectAccessReview, { metadata }), [none]);
  assert.deepEqual(createCauses(SubjectAccessReview, { metadata }), [
    none,
    'spec.user: Invalid value: "": at least one of user or group must be specified',
  ]);
  assert.deepEqual(
    createCauses(SelfSubjectAccessReview, {
      metadata,
      spec: { resourceAttributes: {}, nonResourceAttributes: { path: '/x' } },
    }),
    [
      'spec.nonResourceAttributes: Invalid value: {"path":"/x"}: cannot be specified in combination with resourceAttributes',
    ],
  );
});

test('a token lives at least ten minutes', () => {
  assert.equal(written(TokenRequest, { metadata }).spec.expirationSeconds, 3600);
  assert.deepEqual(createCauses(TokenRequest, { metadata, spec: { expirationSeconds: 60 } }), [
    'spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes',
  ]);
});

test('a lease lasts, and shows its holder', () => {
  assert.deepEqual(createCauses(Lease, { metadata, spec: { leaseDurationSeconds: 0, leaseTransitions: -1 } }), [
    'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
    'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
  ]);
  assert.deepEqual(row(Lease, written(Lease, { metadata, spec: { holderIdentity: 'a' } })), {
    Name: 'x',
    Holder: 'a',
    Age: '5m',
  });
});
