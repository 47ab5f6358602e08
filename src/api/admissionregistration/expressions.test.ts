import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cause } from '#meta/status.ts';
import { applyDefaults } from '#schema/default.ts';
import { validate } from '#schema/validate.ts';
import { MutatingAdmissionPolicy } from './mutatingadmissionpolicy.ts';
import { ValidatingAdmissionPolicy } from './validatingadmissionpolicy.ts';
import { ValidatingWebhookConfiguration } from './validatingwebhookconfiguration.ts';

const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };
const matchConstraints = { resourceRules: [rule] };
const params = { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } };
const fine = [{ expression: 'true' }];

/** Each fault with where it is and its first line. */
const lines = (causes: readonly Cause[] = []): readonly string[] =>
  causes.map(({ field, message }) => `${field}: ${message.split('\n', 1)[0]}`);

const validating = (spec: object): readonly string[] =>
  lines(
    ValidatingAdmissionPolicy.hooks.validateCreate?.({
      metadata: { name: 'p' },
      spec: { matchConstraints, ...spec },
    } as never),
  );

const mutating = (spec: object): readonly string[] =>
  lines(
    MutatingAdmissionPolicy.hooks.validateCreate?.({
      metadata: { name: 'p' },
      spec: { matchConstraints, ...spec },
    } as never),
  );

test('what the expressions of a validating policy must be', () => {
  const spec = {
    matchConditions: [{ name: 'a', expression: ' object.x ' }],
    validations: [{ expression: '1', messageExpression: '[1]' }],
    auditAnnotations: [{ key: 'k', valueExpression: ' 1 ' }],
  };
  assert.deepEqual(validating(spec), [
    'spec.matchConditions[0].expression: Invalid value: "object.x": must evaluate to bool but got dyn',
    'spec.validations[0].expression: Invalid value: "1": must evaluate to bool but got int',
    'spec.validations[0].messageExpression: Invalid value: "[1]": must evaluate to string but got list(int)',
    'spec.auditAnnotations[0].valueExpression: Invalid value: " 1 ": must evaluate to one of [string null_type] but got int',
  ]);
  const right = {
    matchConditions: [{ name: 'a', expression: 'object.x == 1' }],
    validations: [{ expression: 'request.dryRun', messageExpression: "'no ' + object.x" }],
    auditAnnotations: [{ key: 'k', valueExpression: 'null' }],
  };
  assert.deepEqual(validating(right), []);
});

test('params are known where a policy has a kind of them, the authorizer everywhere but in messages', () => {
  const spec = {
    matchConditions: [{ name: 'a', expression: 'params.x == 1' }],
    validations: [
      {
        expression: "authorizer.requestResource.check('get').allowed()",
        messageExpression: "authorizer.path('/').check('get').reason()",
      },
    ],
  };
  const message = `spec.validations[0].messageExpression: Invalid value: "authorizer.path('/').check('get').reason()": compilation failed: ERROR: <input>:1:1: undeclared reference to 'authorizer' (in container '')`;
  assert.deepEqual(validating(spec), [
    `spec.matchConditions[0].expression: Invalid value: "params.x == 1": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')`,
    message,
  ]);
  assert.deepEqual(validating({ ...params, ...spec }), [message]);
});

test('a variable has the type of its expression for all that come after it', () => {
  const variables = [
    { name: 'early', expression: 'variables.late' },
    { name: 'late', expression: '[request.name]' },
    { name: 'next', expression: 'variables.late[0].size()' },
    { name: 'free', expression: "quantity('1')" },
    { name: 'namespace', expression: "'a'" },
  ];
  const of = (expression: string): readonly string[] =>
    validating({ variables, validations: [{ expression }] }).slice(2);
  assert.deepEqual(validating({ variables, validations: fine }), [
    `spec.variables[0].expression: Invalid value: "variables.late": compilation failed: ERROR: <input>:1:10: undefined field 'late'`,
    'spec.variables[4].name: Invalid value: "namespace": must be a valid CEL identifier',
  ]);
  assert.deepEqual(of('variables.next > 1'), []);
  assert.match(of("variables.next == 'a'")[0] ?? '', /no matching overload for '_==_' applied to '\(int, string\)'/);
  assert.deepEqual(
    of("variables.free.isLessThan(quantity('2')) && variables.early.x && variables.namespace == 'a'"),
    [],
  );
  assert.deepEqual(validating({ validations: [{ expression: 'has(variables.a)' }] }), [
    `spec.validations[0].expression: Invalid value: "has(variables.a)": compilation failed: ERROR: <input>:1:5: undeclared reference to 'variables' (in container '')`,
  ]);
});

test('a mutation makes an Object or a list of operations', () => {
  const apply = (expression: string): readonly string[] =>
    mutating({ mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }] });
  const patch = (expression: string): readonly string[] =>
    mutating({ mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression } }] });
  const [at, patchAt] = ['spec.mutations[0].applyConfiguration.expression', 'spec.mutations[0].jsonPatch.expression'];
  assert.deepEqual(apply(' Object{spec: Object.spec{replicas: 3, ?x: object.?x}} '), []);
  assert.deepEqual(apply(' {} '), [`${at}: Invalid value: "{}": must evaluate to Object but got map(dyn, dyn)`]);
  assert.deepEqual(patch(`[JSONPatch{op: 'add', path: '/a/' + jsonpatch.escapeKey('b'), value: 1}]`), []);
  assert.deepEqual(patch('[JSONPatch{op: 1}]'), [
    `${patchAt}: Invalid value: "[JSONPatch{op: 1}]": compilation failed: ERROR: <input>:1:14: expected type of field 'op' is 'string' but provided type is 'int'`,
  ]);
  assert.deepEqual(patch('[JSONPatch{size: 1}]'), [
    `${patchAt}: Invalid value: "[JSONPatch{size: 1}]": compilation failed: ERROR: <input>:1:16: expected type of field 'size' is '' but provided type is 'int'`,
  ]);
});

test('match conditions of webhooks know the request and the authorizer, and no params', () => {
  const of = (expression: string): readonly string[] => {
    const webhooks = [
      {
        name: 'a.example.com',
        clientConfig: { url: 'https://example.com' },
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        matchConditions: [{ name: 'a', expression }],
      },
    ];
    const draft = applyDefaults(ValidatingWebhookConfiguration.schema, { metadata: { name: 'a' }, webhooks });
    return lines(validate(ValidatingWebhookConfiguration, draft));
  };
  assert.deepEqual(
    of(`request.kind.kind == 'Pod' && authorizer.group('').resource('pods').check('get').allowed()`),
    [],
  );
  assert.deepEqual(of('params.a'), [
    `webhooks[0].matchConditions[0].expression: Invalid value: "params.a": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')`,
  ]);
});
