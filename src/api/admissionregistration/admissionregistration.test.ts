import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCauses, row, written } from '../written.ts';
import { MutatingAdmissionPolicy } from './mutatingadmissionpolicy.ts';
import { MutatingAdmissionPolicyBinding } from './mutatingadmissionpolicybinding.ts';
import { MutatingWebhookConfiguration } from './mutatingwebhookconfiguration.ts';
import { ValidatingAdmissionPolicy } from './validatingadmissionpolicy.ts';
import { ValidatingAdmissionPolicyBinding } from './validatingadmissionpolicybinding.ts';
import { ValidatingWebhookConfiguration } from './validatingwebhookconfiguration.ts';

const metadata = { name: 'check.example.com' };
const rule = { operations: ['CREATE'], apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'] };
const hook = {
  name: 'check.example.com',
  clientConfig: { service: { namespace: 'default', name: 'hook' } },
  rules: [rule],
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
};

const webhookCauses = (...webhooks: readonly object[]): string[] =>
  createCauses(ValidatingWebhookConfiguration, { metadata, webhooks });

test('a webhook gets its defaults', () => {
  const { webhooks = [] } = written(MutatingWebhookConfiguration, { metadata, webhooks: [hook] } as never);
  const [first] = webhooks;
  assert.equal(first?.failurePolicy, 'Fail');
  assert.equal(first.matchPolicy, 'Equivalent');
  assert.equal(first.timeoutSeconds, 10);
  assert.equal(first.reinvocationPolicy, 'Never');
  assert.deepEqual([first.namespaceSelector, first.objectSelector], [{}, {}]);
  assert.equal(first.rules?.[0]?.scope, '*');
  assert.equal(first.clientConfig.service?.port, 443);
});

const hooks: readonly [string, object, readonly string[]][] = [
  ['all it needs', {}, []],
  [
    'nothing but a name',
    { clientConfig: undefined, rules: undefined, sideEffects: undefined, admissionReviewVersions: undefined },
    [
      'webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1',
      'webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun',
      'webhooks[0].clientConfig: Required value: exactly one of url or service is required',
    ],
  ],
  [
    'a short name',
    { name: 'check.com' },
    ['webhooks[0].name: Invalid value: "check.com": should be a domain with at least three segments separated by dots'],
  ],
  [
    'side effects and a long wait',
    { sideEffects: 'Some', timeoutSeconds: 31 },
    [
      'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
      'webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds',
    ],
  ],
  [
    'unknown policies',
    { failurePolicy: 'Maybe', matchPolicy: 'Some' },
    [
      'webhooks[0].failurePolicy: Unsupported value: "Maybe": supported values: "Fail", "Ignore"',
      'webhooks[0].matchPolicy: Unsupported value: "Some": supported values: "Equivalent", "Exact"',
    ],
  ],
  [
    'versions nobody knows',
    { admissionReviewVersions: ['v2', 'v2', 'V3'] },
    [
      'webhooks[0].admissionReviewVersions[1]: Invalid value: "v2": duplicate version',
      `webhooks[0].admissionReviewVersions[2]: Invalid value: "V3": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
      'webhooks[0].admissionReviewVersions: Invalid value: ["v2","v2","V3"]: must include at least one of v1, v1beta1',
    ],
  ],
  [
    'both addresses',
    { clientConfig: { url: 'https://a.example.com', service: { name: 'a', namespace: 'b' } } },
    ['webhooks[0].clientConfig: Required value: exactly one of url or service is required'],
  ],
  [
    'a bad URL',
    { clientConfig: { url: 'http://me:pw@example.com/x?a=b#c' } },
    [
      `webhooks[0].clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
      'webhooks[0].clientConfig.url: Invalid value: "me:pw": user information is not permitted in the URL',
      'webhooks[0].clientConfig.url: Invalid value: "c": fragments are not permitted in the URL',
      'webhooks[0].clientConfig.url: Invalid value: "a=b": query parameters are not permitted in the URL',
    ],
  ],
  [
    'a bad Service',
    { clientConfig: { service: { path: 'a//B', port: 0 } } },
    [
      'webhooks[0].clientConfig.service.name: Required value: service name is required',
      'webhooks[0].clientConfig.service.namespace: Required value: service namespace is required',
      'webhooks[0].clientConfig.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive',
      `webhooks[0].clientConfig.service.path: Invalid value: "a//B": must start with a '/'`,
      'webhooks[0].clientConfig.service.path: Invalid value: "a//B": segment[0] may not be empty',
      'webhooks[0].clientConfig.service.path: Invalid value: "a//B": segment[1] may not be empty',
      `webhooks[0].clientConfig.service.path: Invalid value: "a//B": segment[2]: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
    ],
  ],
  [
    'a rule for nothing',
    { rules: [{}] },
    ['operations', 'apiGroups', 'apiVersions', 'resources'].map(
      (field) => `webhooks[0].rules[0].${field}: Required value`,
    ),
  ],
  [
    'rules with stars among others',
    {
      rules: [
        {
          operations: ['*', 'SCALE'],
          apiGroups: ['*', 'apps'],
          apiVersions: ['*', ''],
          resources: ['pods/*', 'pods/log', '*/*', '*', 'nodes'],
          scope: 'Some',
        },
      ],
    },
    [
      'webhooks[0].rules[0].operations[1]: Unsupported value: "SCALE": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"',
      'webhooks[0].rules[0].scope: Unsupported value: "Some": supported values: "*", "Cluster", "Namespaced"',
      `webhooks[0].rules[0].operations: Invalid value: ["*","SCALE"]: if '*' is present, must not specify other operations`,
      `webhooks[0].rules[0].apiGroups: Invalid value: ["*","apps"]: if '*' is present, must not specify other API groups`,
      `webhooks[0].rules[0].apiVersions: Invalid value: ["*",""]: if '*' is present, must not specify other API versions`,
      'webhooks[0].rules[0].apiVersions[1]: Required value',
      `webhooks[0].rules[0].resources[1]: Invalid value: "pods/log": if 'pods/*' is present, must not specify pods/log`,
      `webhooks[0].rules[0].resources: Invalid value: ["pods/*","pods/log","*/*","*","nodes"]: if '*/*' is present, must not specify other resources`,
      `webhooks[0].rules[0].resources: Invalid value: ["pods/*","pods/log","*/*","*","nodes"]: if '*' is present, must not specify other resources without subresources`,
    ],
  ],
  [
    'conditions without a name or an expression',
    {
      matchConditions: [
        { name: 'a b', expression: ' ' },
        { name: 'x', expression: 'true' },
        { name: 'x', expression: 'true' },
      ],
    },
    [
      'webhooks[0].matchConditions[2].name: Duplicate value: "x"',
      'webhooks[0].matchConditions[0].expression: Required value',
      `webhooks[0].matchConditions[0].name: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    ],
  ],
];
for (const [what, change, causes] of hooks)
  test(`a webhook with ${what}`, () => assert.deepEqual(webhookCauses({ ...hook, ...change }), causes));

test('webhooks have names of their own, and are counted', () => {
  assert.deepEqual(webhookCauses(hook, hook), ['webhooks[1].name: Duplicate value: "check.example.com"']);
  const { Age: _, ...cells } = row(
    ValidatingWebhookConfiguration,
    written(ValidatingWebhookConfiguration, { metadata, webhooks: [hook] } as never),
  );
  assert.deepEqual(cells, { Name: 'check.example.com', Webhooks: 1 });
});

const policy = {
  matchConstraints: { resourceRules: [rule] },
  validations: [{ expression: 'object.spec.replicas < 5' }],
};

const policies: readonly [string, object, readonly string[]][] = [
  ['all it needs', policy, []],
  [
    'nothing',
    {},
    [
      'spec.matchConstraints: Required value',
      'spec.validations: Required value: validations or auditAnnotations must contain at least one item',
      'spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item',
    ],
  ],
  ['no resource', { ...policy, matchConstraints: {} }, ['spec.matchConstraints.resourceRules: Required value']],
  [
    'bad parameters',
    { ...policy, paramKind: { apiVersion: 'a/b/c', kind: '9x' } },
    [
      'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
      `spec.paramKind.kind: Invalid value: "9x": may have mixed case, but should otherwise match: a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
    ],
  ],
  [
    'bad variables',
    {
      ...policy,
      variables: [
        { name: 'in', expression: '1' },
        { name: 'x', expression: ' ' },
      ],
    },
    [
      'spec.variables[0].name: Invalid value: "in": must be a valid CEL identifier',
      'spec.variables[1].expression: Required value: expression is not specified',
    ],
  ],
  [
    'bad messages',
    { ...policy, validations: [{ expression: 'true', message: 'x\ny', reason: 'Gone', messageExpression: ' ' }] },
    [
      'spec.validations[0].messageExpression: Invalid value: " ": must be non-empty if specified',
      'spec.validations[0].message: Invalid value: "x\\ny": must not contain line breaks',
      'spec.validations[0].reason: Unsupported value: "Gone": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
    ],
  ],
  [
    'bad annotations',
    {
      ...policy,
      auditAnnotations: [
        { key: 'k', valueExpression: ' ' },
        { key: 'k', valueExpression: 'x'.repeat(5 * 1024 + 1) },
      ],
    },
    [
      'spec.auditAnnotations[0].valueExpression: Required value: valueExpression is not specified',
      'spec.auditAnnotations[1].valueExpression: Required value: must not exceed 5120 bytes in length',
      'spec.auditAnnotations[1].key: Duplicate value: "k"',
    ],
  ],
  [
    'names of objects that stand twice',
    { ...policy, matchConstraints: { resourceRules: [{ ...rule, resourceNames: ['a', 'a', 'b/c'] }] } },
    [
      'spec.matchConstraints.resourceRules[0].resourceNames[1]: Duplicate value: "a"',
      `spec.matchConstraints.resourceRules[0].resourceNames[2]: Invalid value: "b/c": may not contain '/'`,
    ],
  ],
];
for (const [what, spec, causes] of policies)
  test(`a validating policy with ${what}`, () =>
    assert.deepEqual(createCauses(ValidatingAdmissionPolicy, { metadata, spec }), causes));

test('the status of a policy names expressions and standard conditions', () => {
  const causes = ValidatingAdmissionPolicy.hooks.validateStatus?.(
    {
      status: {
        typeChecking: { expressionWarnings: [{ fieldRef: '', warning: '' }] },
        conditions: [
          { type: 'Ready', status: 'Maybe', reason: '9', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
        ],
      },
    } as never,
    {} as never,
  );
  assert.deepEqual(
    causes?.map(({ field, reason }) => `${field} ${reason}`),
    [
      'status.typeChecking.expressionWarnings[0].warning FieldValueRequired',
      'status.typeChecking.expressionWarnings[0].fieldRef FieldValueRequired',
      'status.conditions[0].status FieldValueNotSupported',
      'status.conditions[0].reason FieldValueInvalid',
    ],
  );
});

const bindings: readonly [string, object, readonly string[]][] = [
  ['all it needs', { policyName: 'a', validationActions: ['Deny', 'Audit'] }, []],
  ['nothing', {}, ['spec.policyName: Required value', 'spec.validationActions: Required value']],
  [
    'actions that exclude each other',
    { policyName: 'a', validationActions: ['Deny', 'Warn', 'Warn', 'Shout'] },
    [
      'spec.validationActions[2]: Duplicate value: "Warn"',
      'spec.validationActions[3]: Unsupported value: "Shout": supported values: "Audit", "Deny", "Warn"',
      'spec.validationActions: Invalid value: ["Deny","Warn","Warn","Shout"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
    ],
  ],
  [
    'parameters of no name',
    { policyName: 'a', validationActions: ['Deny'], paramRef: {} },
    [
      'spec.paramRef.parameterNotFoundAction: Required value',
      'spec.paramRef: Required value: one of name or selector must be specified',
    ],
  ],
  [
    'parameters of a name and a selector',
    {
      policyName: 'a',
      validationActions: ['Deny'],
      paramRef: { name: 'x', selector: {}, parameterNotFoundAction: 'Deny' },
    },
    [
      'spec.paramRef.name: Forbidden: name and selector are mutually exclusive',
      'spec.paramRef.selector: Forbidden: name and selector are mutually exclusive',
    ],
  ],
];
for (const [what, spec, causes] of bindings)
  test(`a binding with ${what}`, () =>
    assert.deepEqual(createCauses(ValidatingAdmissionPolicyBinding, { metadata, spec }), causes));

test('a mutating policy holds what each mutation names', () => {
  const spec = { matchConstraints: { resourceRules: [rule] }, reinvocationPolicy: 'Never' };
  const of = (...mutations: readonly object[]): string[] =>
    createCauses(MutatingAdmissionPolicy, { metadata, spec: { ...spec, mutations } });
  assert.deepEqual(
    of({ patchType: 'JSONPatch', jsonPatch: { expression: '[JSONPatch{op: "remove", path: "/a"}]' } }),
    [],
  );
  assert.deepEqual(of(), ['spec.mutations: Required value: mutations must contain at least one item']);
  assert.deepEqual(of({ patchType: 'JSONPatch', applyConfiguration: { expression: 'Object{}' } }), [
    'spec.mutations[0].applyConfiguration: Invalid value: "{applyConfiguration}": must not be specified when patchType is JSONPatch',
    'spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch',
  ]);
  const deletes = { resourceRules: [{ ...rule, operations: ['DELETE'] }] };
  assert.deepEqual(
    createCauses(MutatingAdmissionPolicyBinding, { metadata, spec: { policyName: 'a', matchResources: deletes } }),
    [
      'spec.matchResources.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
    ],
  );
  assert.deepEqual(createCauses(MutatingAdmissionPolicyBinding, { metadata, spec: {} }), [
    'spec.policyName: Required value',
  ]);
});

test('tables show the kind of parameters and which ones', () => {
  const shown = (paramRef?: object): unknown =>
    row(
      MutatingAdmissionPolicyBinding,
      written(MutatingAdmissionPolicyBinding, { metadata, spec: { policyName: 'a', paramRef } } as never),
    )['ParamRef'];
  assert.equal(shown(), '<unset>');
  assert.equal(shown({ name: 'x' }), '*/x');
  assert.equal(shown({ name: 'x', namespace: 'y' }), 'y/x');
  assert.equal(
    shown({ selector: { matchLabels: { b: '2', a: '1' } } }),
    '&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{},}',
  );
});
