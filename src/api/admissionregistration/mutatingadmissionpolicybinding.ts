/**
 * MutatingAdmissionPolicyBinding: puts a mutating policy into force, for some requests, with some parameters.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { paramRefText } from './policy-columns.ts';
import { mutatedOperationCauses, policyNameCauses } from './policy-validation.ts';
import { matchResources, paramRef } from './rules.ts';

export const mutatingAdmissionPolicyBindingSpec = struct(
  'admissionregistration.v1.MutatingAdmissionPolicyBindingSpec',
  {
    policyName: s.string(1).doc('Name of the MutatingAdmissionPolicy; a binding to a missing one does nothing.'),
    paramRef: s.field(2, paramRef).optional().doc('The parameters, of the kind that the policy names.'),
    matchResources: s
      .field(3, matchResources)
      .optional()
      .doc("Narrows the requests down: both this and the policy's own constraints must match."),
  },
  { doc: 'Which policy is in force.' },
);
export interface MutatingAdmissionPolicyBindingSpec extends Of<typeof mutatingAdmissionPolicyBindingSpec> {}

export const MutatingAdmissionPolicyBinding = resource({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingAdmissionPolicyBinding',
  plural: 'mutatingadmissionpolicybindings',
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
      ...mutatedOperationCauses('spec.matchResources', spec.matchResources),
    ],
  },
  name: 'admissionregistration.v1.MutatingAdmissionPolicyBinding',
  doc: 'Puts a MutatingAdmissionPolicy into force.',
  fields: {
    spec: s
      .field(2, mutatingAdmissionPolicyBindingSpec)
      .default({} as never)
      .doc('Which policy is in force.'),
  },
});
export type MutatingAdmissionPolicyBinding = ObjectOf<typeof MutatingAdmissionPolicyBinding>;
