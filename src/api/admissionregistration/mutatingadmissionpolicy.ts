/**
 * MutatingAdmissionPolicy: changes in CEL to what requests write, once a binding puts them into force. Stored here; evaluating them is admission's.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { Variables } from './expressions.ts';
import { paramKindText } from './policy-columns.ts';
import { mutatedOperationCauses, mutationCauses, policyCauses } from './policy-validation.ts';
import { matchCondition, matchConditionsOf, matchResources, paramKind, variable } from './rules.ts';

const applyConfiguration = struct(
  'admissionregistration.v1.ApplyConfiguration',
  {
    expression: s
      .string(1)
      .optional()
      .doc(
        'A CEL expression that makes an Object: `Object{spec: Object.spec{replicas: 3}}`. It may not touch atomic lists and structs, nor remove fields.',
      ),
  },
  { doc: 'A change that is merged as server-side apply would.' },
);

const jsonPatch = struct(
  'admissionregistration.v1.JSONPatch',
  {
    expression: s
      .string(1)
      .optional()
      .doc(
        'A CEL expression that makes a list of JSONPatch operations: `[JSONPatch{op: "add", path: "/spec/x", value: 1}]`.',
      ),
  },
  { doc: 'A change as RFC 6902 has it.' },
);

const mutation = struct(
  'admissionregistration.v1.Mutation',
  {
    patchType: s
      .oneOf(2, 'ApplyConfiguration', 'JSONPatch')
      .doc('Which of the two it is: ApplyConfiguration or JSONPatch.'),
    applyConfiguration: s.field(3, applyConfiguration).optional().doc('For ApplyConfiguration.'),
    jsonPatch: s.field(4, jsonPatch).optional().doc('For JSONPatch.'),
  },
  { doc: 'One change.' },
);

export const mutatingAdmissionPolicySpec = struct(
  'admissionregistration.v1.MutatingAdmissionPolicySpec',
  {
    paramKind: s
      .field(1, paramKind)
      .optional()
      .doc('The kind of its parameters; without one, params is null in expressions. Bindings choose the objects.'),
    matchConstraints: s
      .field(2, matchResources)
      .optional()
      .doc('Which requests it applies to: CREATE, UPDATE or CONNECT. At least one resource rule is needed.'),
    variables: s
      .list(3, variable)
      .optional()
      .doc('Values that expressions share as variables.<name>. Each may use those before it.'),
    mutations: s.list(4, mutation).optional().doc('The changes, made one after the other; at least one.'),
    failurePolicy: s
      .oneOf(5, 'Fail', 'Ignore')
      .keepsZero()
      .default('Fail')
      .doc('What happens when an expression cannot be evaluated: Fail refuses the request, Ignore passes it.'),
    matchConditions: s
      .list(6, matchCondition, matchConditionsOf)
      .optional()
      .doc('CEL expressions that must all be true for the policy to apply; at most 64.'),
    reinvocationPolicy: s
      .oneOf(7, 'IfNeeded', 'Never')
      .doc(
        'IfNeeded: it is evaluated once more when others changed the object after it. Never: once for each request and binding.',
      ),
  },
  { doc: 'What a policy changes, and in which requests.' },
);
export interface MutatingAdmissionPolicySpec extends Of<typeof mutatingAdmissionPolicySpec> {}

export const MutatingAdmissionPolicy = resource({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingAdmissionPolicy',
  plural: 'mutatingadmissionpolicies',
  categories: ['api-extensions'],
  scope: 'Cluster',
  columns: [
    nameColumn,
    {
      name: 'Mutations',
      type: 'integer',
      description: 'How many changes it makes.',
      cell: ({ spec }) => spec.mutations?.length ?? 0,
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
    generation: true,
    validateCreate: ({ spec }) => {
      const variables = new Variables();
      return [
        ...policyCauses(spec, variables),
        ...mutatedOperationCauses('spec.matchConstraints', spec.matchConstraints),
        ...mutationCauses(spec, variables),
      ];
    },
  },
  name: 'admissionregistration.v1.MutatingAdmissionPolicy',
  doc: 'Changes in CEL to objects on their way in. A MutatingAdmissionPolicyBinding puts them into force.',
  fields: {
    spec: s
      .field(2, mutatingAdmissionPolicySpec)
      .default({} as never)
      .doc('What it changes, and in which requests.'),
  },
});
export type MutatingAdmissionPolicy = ObjectOf<typeof MutatingAdmissionPolicy>;
