import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenRequest } from '../authentication/tokenrequest.ts';
import { Lease } from '../coordination/lease.ts';
import { createCauses, row, written } from '../written.ts';
import type { AnyKind } from '../kinds.ts';
import { evaluationError } from './evaluation-error.ts';
import { LocalSubjectAccessReview } from './localsubjectaccessreview.ts';
import { SelfSubjectAccessReview } from './selfsubjectaccessreview.ts';
import { SubjectAccessReview } from './subjectaccessreview.ts';

const metadata = { name: 'x' };

const causesOf = (kind: AnyKind, { metadata = {}, spec = {} }: { metadata?: object; spec?: object }): string[] =>
  (kind.hooks.validateCreate?.({ metadata, spec }) ?? []).map(({ field, message }) => `${field}: ${message}`);
const oneOf = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
const nobody = 'spec.user: Invalid value: "": at least one of user or group must be specified';

test('a review asks about one thing, and about somebody', () => {
  const none = `spec: Invalid value: null: ${oneOf}`;
  assert.deepEqual(causesOf(SelfSubjectAccessReview, {}), [none]);
  assert.deepEqual(causesOf(SubjectAccessReview, {}), [none, nobody]);
  assert.deepEqual(
    causesOf(SelfSubjectAccessReview, { spec: { resourceAttributes: {}, nonResourceAttributes: { path: '/x' } } }),
    [`spec: Invalid value: {"Path":"/x","Verb":""}: ${oneOf}`],
  );
  assert.deepEqual(causesOf(SelfSubjectAccessReview, { metadata: { name: 'x' }, spec: { resourceAttributes: {} } }), [
    'metadata: Invalid value: {"name":"x"}: must be empty',
  ]);
});

test('a local review is about the namespace it is sent to', () => {
  const metadata = { namespace: 'default', managedFields: [] };
  const of = (spec: object): string[] => causesOf(LocalSubjectAccessReview, { metadata, spec: { user: 'a', ...spec } });
  assert.deepEqual(of({ resourceAttributes: { namespace: 'default' } }), []);
  assert.deepEqual(of({ resourceAttributes: {} }), [
    'spec.resourceAttributes.namespace: Invalid value: "": must match metadata.namespace',
  ]);
  assert.deepEqual(of({ nonResourceAttributes: {} }), [
    'spec.nonResourceAttributes: Invalid value: {"Path":"","Verb":""}: disallowed on this kind of request',
  ]);
});

test('a selector of a review is text or requirements, and those are in order', () => {
  const path = 'spec.resourceAttributes';
  const of = (resourceAttributes: object): string[] =>
    causesOf(SelfSubjectAccessReview, { spec: { resourceAttributes } });
  assert.deepEqual(
    of({ fieldSelector: {}, labelSelector: { rawSelector: 'a', requirements: [{ key: 'a', operator: 'In' }] } }),
    [
      `${path}.fieldSelector.requirements: Required value: when ${path}.fieldSelector is specified, requirements or rawSelector is required`,
      `${path}.labelSelector.rawSelector: Invalid value: "a": may not specified at the same time as requirements`,
      `${path}.labelSelector.requirements[0].values: Required value: must be specified when \`operator\` is 'In' or 'NotIn'`,
    ],
  );
  assert.deepEqual(of({ fieldSelector: { requirements: [{ operator: 'Exists', values: ['a'] }] } }), [
    `${path}.fieldSelector.requirements[0].key: Required value: must be specified`,
    `${path}.fieldSelector.requirements[0].values: Forbidden: may not be specified when \`operator\` is 'Exists' or 'DoesNotExist'`,
  ]);
});

test('what a review does not understand of its selectors, its answer tells', () => {
  const path = 'spec.resourceAttributes';
  const known = { key: 'a', operator: 'In', values: ['b'] };
  const newer = { key: 'a', operator: 'Like', values: ['b'] };
  assert.equal(evaluationError({}), undefined);
  assert.equal(
    evaluationError({ fieldSelector: { rawSelector: 'a=b' }, labelSelector: { requirements: [known] } }),
    undefined,
  );
  assert.equal(
    evaluationError({ fieldSelector: { rawSelector: 'a' }, labelSelector: { requirements: [known, newer] } }),
    `${path}.fieldSelector ignored due to parse error; ${path}.labelSelector partially ignored due to parse error`,
  );
  assert.equal(
    evaluationError({ labelSelector: { requirements: [newer] } }),
    `${path}.labelSelector ignored due to parse error`,
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
