/**
 * ValidatingAdmissionPolicyBinding: puts a policy into force, for some requests, with some parameters.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { paramRefText } from './policy-columns.ts';
import { policyNameCauses, validationActionCauses } from './policy-validation.ts';
import { matchResources, paramRef } from './rules.ts';

export const validatingAdmissionPolicyBindingSpec = struct(
  'admissionregistration.v1.ValidatingAdmissionPolicyBindingSpec',
  {
    policyName: s.string(1).doc('Name of the ValidatingAdmissionPolicy; a binding to a missing one does nothing.'),
    paramRef: s.field(2, paramRef).optional().doc('The parameters, of the kind that the policy names.'),
    matchResources: s
      .field(3, matchResources)
      .optional()
      .doc("Narrows the requests down: both this and the policy's own constraints must match."),
    validationActions: s
      .list(4, t.oneOf('Audit', 'Deny', 'Warn'), { list: 'set' })
      .doc(
        'What a rule that does not hold leads to: Deny refuses, Warn adds a warning to the answer, Audit notes it. Deny and Warn exclude each other.',
      ),
  },
  { doc: 'Which policy is in force, and how.' },
);
export interface ValidatingAdmissionPolicyBindingSpec extends Of<typeof validatingAdmissionPolicyBindingSpec> {}

export const ValidatingAdmissionPolicyBinding = resource({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
  categories: ['api-extensions'],
  scope: 'Cluster',
  columns: [
    nameColumn,
    {
      name: 'PolicyName',
      type: 'string',
      description: 'The policy that is in force.',
      cell: ({ spec }) => spec.policyName,
    },
    {
      name: 'ParamRef',
      type: 'string',
      description: 'The parameters.',
      cell: ({ spec }) => paramRefText(spec.paramRef),
    },
    ageColumn,
  ],
  hooks: {
    needsVersion: true,
    plainFinalizers: true,
    generation: true,
    validateCreate: ({ spec }) => [
      ...policyNameCauses(spec.policyName),
      ...validationActionCauses(spec.validationActions),
    ],
  },
  name: 'admissionregistration.v1.ValidatingAdmissionPolicyBinding',
  doc: 'Puts a ValidatingAdmissionPolicy into force.',
  fields: {
    spec: s
      .field(2, validatingAdmissionPolicyBindingSpec)
      .default({} as never)
      .doc('Which policy is in force, and how.'),
  },
});
export type ValidatingAdmissionPolicyBinding = ObjectOf<typeof ValidatingAdmissionPolicyBinding>;
