/**
 * FlowSchema: which requests to the API server belong together, and which priority level serves them.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { flowCondition } from './condition.ts';
import { flowConditionCauses, flowSchemaCauses } from './flowschema-validation.ts';

export const priorityLevelConfigurationReference = struct(
  'flowcontrol.v1.PriorityLevelConfigurationReference',
  { name: s.string(1).requiredAs('must reference a priority level').doc('Name of the PriorityLevelConfiguration.') },
  { doc: 'The priority level.' },
);

export const flowDistinguisherMethod = struct(
  'flowcontrol.v1.FlowDistinguisherMethod',
  { type: s.oneOf(1, 'ByUser', 'ByNamespace').ruled().doc('ByUser or ByNamespace.') },
  { doc: 'What tells flows apart.' },
);

export const userSubject = struct(
  'flowcontrol.v1.UserSubject',
  { name: s.string(1).ruled().doc('Name of the user; * for all.') },
  { doc: 'A user.' },
);

export const groupSubject = struct(
  'flowcontrol.v1.GroupSubject',
  { name: s.string(1).ruled().doc('Name of the group; * for all.') },
  { doc: 'A group of users.' },
);

export const serviceAccountSubject = struct(
  'flowcontrol.v1.ServiceAccountSubject',
  {
    namespace: s.string(1).ruled().doc('Namespace of the account.'),
    name: s.string(2).ruled().doc('Name of the account; * for all of the namespace.'),
  },
  { doc: 'A ServiceAccount.' },
);

export const subject = struct(
  'flowcontrol.v1.Subject',
  {
    kind: s.oneOf(1, 'User', 'Group', 'ServiceAccount').listed().doc('Which of the other fields is set.'),
    user: s.field(2, userSubject).optional().doc('With kind User.'),
    group: s.field(3, groupSubject).optional().doc('With kind Group.'),
    serviceAccount: s.field(4, serviceAccountSubject).optional().doc('With kind ServiceAccount.'),
  },
  { doc: 'Who makes the request.' },
);
export interface Subject extends Of<typeof subject> {}

/** Owned by item; upstream takes an item twice. */
const set = { list: 'set', duplicates: 'allowed' } as const;

const verbsDetail = 'verbs must contain at least one value';

export const resourcePolicyRule = struct(
  'flowcontrol.v1.ResourcePolicyRule',
  {
    verbs: s.list(1, t.string, set).requiredAs(verbsDetail).doc('Verbs; * alone means all.'),
    apiGroups: s
      .list(2, t.string, set)
      .requiredAs('resource rules must supply at least one api group')
      .doc('Groups of the resources; * alone means all.'),
    resources: s
      .list(3, t.string, set)
      .requiredAs('resource rules must supply at least one resource')
      .doc('Resources in plural, with subresource: pods, nodes/status; * alone means all.'),
    clusterScope: s.boolean(4).optional().doc('Whether requests outside of namespaces match.'),
    namespaces: s
      .list(5, t.string, set)
      .optional()
      .doc('Namespaces; * alone means every one. Empty only with clusterScope.'),
  },
  { doc: 'Requests for resources: one of the verbs, of the groups, of the resources, and the right scope.' },
);
export interface ResourcePolicyRule extends Of<typeof resourcePolicyRule> {}

export const nonResourcePolicyRule = struct(
  'flowcontrol.v1.NonResourcePolicyRule',
  {
    verbs: s.list(1, t.string, set).requiredAs(verbsDetail).doc('Verbs; * alone means all.'),
    nonResourceURLs: s
      .list(6, t.string, set)
      .requiredAs('nonResourceURLs must contain at least one value')
      .doc('Paths, such as /healthz or /hea/*; * alone means all.'),
  },
  { doc: 'Requests for paths outside the resources.' },
);
export interface NonResourcePolicyRule extends Of<typeof nonResourcePolicyRule> {}

export const policyRulesWithSubjects = struct(
  'flowcontrol.v1.PolicyRulesWithSubjects',
  {
    subjects: s.list(1, subject).requiredAs('subjects must contain at least one value').doc('Who; one must match.'),
    resourceRules: s
      .list(2, resourcePolicyRule)
      .optional()
      .doc('What; one of these, or of nonResourceRules, must match.'),
    nonResourceRules: s.list(3, nonResourcePolicyRule).optional().doc('Which paths.'),
  },
  { doc: 'Who asks for what.' },
);
export interface PolicyRulesWithSubjects extends Of<typeof policyRulesWithSubjects> {}

export const flowSchemaSpec = struct(
  'flowcontrol.v1.FlowSchemaSpec',
  {
    priorityLevelConfiguration: s
      .field(1, priorityLevelConfigurationReference)
      .doc('The priority level that serves the requests.'),
    matchingPrecedence: s
      .int32(2)
      .keepsZero()
      .filled()
      .doc('Of the schemas that match a request the one with the lowest number counts: 1 to 10000, normally 1000.'),
    distinguisherMethod: s
      .field(3, flowDistinguisherMethod)
      .optional()
      .doc('What divides the requests into flows that wait in turn; one flow when absent.'),
    rules: s
      .list(4, policyRulesWithSubjects)
      .optional()
      .doc('Which requests; one rule must match, and without rules none does.'),
  },
  { doc: 'Which requests, and which level.' },
);
export interface FlowSchemaSpec extends Of<typeof flowSchemaSpec> {}

const flowSchemaCondition = flowCondition('flowcontrol.v1.FlowSchemaCondition');

export const flowSchemaStatus = struct(
  'flowcontrol.v1.FlowSchemaStatus',
  {
    conditions: s
      .list(1, flowSchemaCondition, {
        list: 'map',
        keys: ['type'],
        patch: { strategy: 'merge', mergeKey: 'type' },
      })
      .optional()
      .doc('State in detail; Dangling tells whether the level is missing.'),
  },
  { doc: 'What was last seen.' },
);

const defaultPrecedence = 1000;

export const FlowSchema = resource({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'FlowSchema',
  plural: 'flowschemas',
  scope: 'Cluster',
  subresources: { status: true },
  columns: [
    nameColumn,
    {
      name: 'PriorityLevel',
      type: 'string',
      description: 'The level that serves the requests.',
      cell: ({ spec }) => spec.priorityLevelConfiguration.name,
    },
    {
      name: 'MatchingPrecedence',
      type: 'string',
      description: 'Of several matching schemas the lowest counts.',
      cell: ({ spec }) => spec.matchingPrecedence,
    },
    {
      name: 'DistinguisherMethod',
      type: 'string',
      description: 'What tells flows apart.',
      cell: ({ spec }) => spec.distinguisherMethod?.type ?? '<none>',
    },
    ageColumn,
    {
      name: 'MissingPL',
      type: 'string',
      description: 'Whether the level is missing.',
      cell: ({ status }) => status.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?',
    },
  ],
  hooks: {
    // A zero is no precedence either: the field is no pointer.
    fill: (schema) =>
      schema.spec === undefined || schema.spec.matchingPrecedence
        ? schema
        : { ...schema, spec: { ...schema.spec, matchingPrecedence: defaultPrecedence } },
    prepareCreate: (schema) => ({ ...schema, status: {} }),
    validateCreate: ({ metadata, spec }) => [...flowSchemaCauses(metadata.name, spec)],
    validateStatus: ({ status }) => [...flowConditionCauses(status.conditions)],
  },
  name: 'flowcontrol.v1.FlowSchema',
  doc: 'Tells which requests to the API server belong together, and which priority level serves them.',
  fields: {
    spec: s
      .field(2, flowSchemaSpec)
      .default({} as never)
      .doc('Which requests, and which level.'),
    status: s.field(3, flowSchemaStatus).default({}).doc('What was last seen.'),
  },
});
export type FlowSchema = ObjectOf<typeof FlowSchema>;
