/**
 * ValidatingAdmissionPolicy: rules in CEL that requests must keep, once a binding puts them into force. Stored here; evaluating them is admission's.
 */
import { condition } from '#schema/condition.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { Variables } from './expressions.ts';
import { paramKindText } from './policy-columns.ts';
import { policyCauses, policyStatusCauses, validatingCauses } from './policy-validation.ts';
import { matchCondition, matchConditionsOf, matchResources, paramKind, variable } from './rules.ts';

const validation = struct(
  'admissionregistration.v1.Validation',
  {
    expression: s
      .string(1)
      .requiredAs('expression is not specified')
      .doc(
        'A CEL expression that is true for requests that may pass. It may use object, oldObject, request, params, namespaceObject, variables and authorizer.',
      ),
    message: s
      .string(2)
      .optional()
      .doc('Said when the expression is false; one line. Needed when the expression has several.'),
    reason: s
      .string(3)
      .keepsZero()
      .optional()
      .doc('The reason of the refusal: Forbidden, Invalid (when absent) or RequestEntityTooLarge.'),
    messageExpression: s
      .string(4)
      .optional()
      .doc(
        'A CEL expression that makes the message; it goes before message, which stands in when it fails or is empty.',
      ),
  },
  { doc: 'One rule.' },
);

const auditAnnotation = struct(
  'admissionregistration.v1.AuditAnnotation',
  {
    key: s.string(1).ruled().doc("Second part of the annotation's key; the first is the policy's name."),
    valueExpression: s
      .string(2)
      .requiredAs('valueExpression is not specified')
      .doc("A CEL expression that makes the annotation's value; null leaves it out. Longer values are cut at 10 kB."),
  },
  { doc: 'One annotation of the audit event of a request.' },
);

export const validatingAdmissionPolicySpec = struct(
  'admissionregistration.v1.ValidatingAdmissionPolicySpec',
  {
    paramKind: s
      .field(1, paramKind)
      .optional()
      .doc('The kind of its parameters; without one, params is null in expressions. Bindings choose the objects.'),
    matchConstraints: s
      .field(2, matchResources)
      .optional()
      .doc('Which requests it applies to. At least one resource rule is needed.'),
    validations: s
      .list(3, validation)
      .optional()
      .doc('The rules; all must hold. Without any, auditAnnotations are needed.'),
    failurePolicy: s
      .oneOf(4, 'Fail', 'Ignore')
      .keepsZero()
      .default('Fail')
      .doc(
        "What happens when an expression cannot be evaluated: Fail refuses the request, Ignore passes it. What a false one does is the binding's to say.",
      ),
    auditAnnotations: s.list(5, auditAnnotation).optional().doc('Annotations of the audit event, at most 20.'),
    matchConditions: s
      .list(6, matchCondition, matchConditionsOf)
      .optional()
      .doc('CEL expressions that must all be true for the policy to apply; at most 64.'),
    variables: s
      .list(7, variable, {
        list: 'map',
        keys: ['name'],
        patch: { strategy: 'merge', mergeKey: 'name' },
        duplicates: 'allowed',
      })
      .optional()
      .doc('Values that expressions share as variables.<name>. Each may use those before it.'),
  },
  { doc: 'What a policy demands, and of which requests.' },
);
export interface ValidatingAdmissionPolicySpec extends Of<typeof validatingAdmissionPolicySpec> {}

const expressionWarning = struct(
  'admissionregistration.v1.ExpressionWarning',
  {
    fieldRef: s.string(2).doc('Path of the expression, such as spec.validations[0].expression.'),
    warning: s.string(3).doc('What is wrong with its types, for people.'),
  },
  { doc: 'A finding in an expression.' },
);

const typeChecking = struct(
  'admissionregistration.v1.TypeChecking',
  { expressionWarnings: s.list(1, expressionWarning).optional().doc('Findings.') },
  { doc: "What checking the expressions against the resources' types found." },
);

export const validatingAdmissionPolicyStatus = struct(
  'admissionregistration.v1.ValidatingAdmissionPolicyStatus',
  {
    observedGeneration: s.int64(1).optional().doc('The metadata.generation that this status speaks of.'),
    typeChecking: s.field(2, typeChecking).optional().doc('What checking the types found; absent until it is done.'),
    conditions: s
      .list(3, condition, { list: 'map', keys: ['type'] })
      .optional()
      .doc('State in detail.'),
  },
  { doc: 'What was last seen.' },
);
export interface ValidatingAdmissionPolicyStatus extends Of<typeof validatingAdmissionPolicyStatus> {}

export const ValidatingAdmissionPolicy = resource({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicy',
  plural: 'validatingadmissionpolicies',
  categories: ['api-extensions'],
  scope: 'Cluster',
  subresources: { status: true },
  columns: [
    nameColumn,
    {
      name: 'Validations',
      type: 'integer',
      description: 'How many rules it has.',
      cell: ({ spec }) => spec.validations?.length ?? 0,
    },
    {
      name: 'ParamKind',
      type: 'string',
      description: 'Kind of its parameters.',
      cell: ({ spec }) => paramKindText(spec.paramKind),
    },
    ageColumn,
  ],
  hooks: {
    needsVersion: true,
    plainFinalizers: true,
    prepareCreate: (policy) => ({ ...policy, status: {} }),
    validateCreate: ({ metadata, spec }) => {
      const variables = spec.variables?.length ? new Variables() : undefined;
      return [...policyCauses(spec, variables), ...validatingCauses(metadata.name, spec, variables)];
    },
    validateStatus: ({ status }) => policyStatusCauses(status),
  },
  name: 'admissionregistration.v1.ValidatingAdmissionPolicy',
  doc: 'Rules in CEL for requests. A ValidatingAdmissionPolicyBinding puts them into force.',
  fields: {
    spec: s.field(2, validatingAdmissionPolicySpec).default({}).doc('What it demands, and of which requests.'),
    status: s.field(3, validatingAdmissionPolicyStatus).default({}).doc('What was last seen.'),
  },
});
export type ValidatingAdmissionPolicy = ObjectOf<typeof ValidatingAdmissionPolicy>;
