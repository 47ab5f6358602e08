/**
 * What webhooks and admission policies share: the requests they apply to, the conditions beyond that, and the parameters of policies. Rules stand in
 * `rules-validation.ts`. CEL expressions are kept as text; compiling them is not this folder's.
 */
import { labelSelector } from '#schema/label-selector.ts';
import { inline, s, struct, t, type Of } from '#schema/type.ts';
import {
  matchConditionCauses,
  matchResourcesCauses,
  paramKindCauses,
  paramRefCauses,
  ruleCauses,
} from './rules-validation.ts';

export const rule = struct(
  'admissionregistration.v1.Rule',
  {
    apiGroups: s.list(1, t.string).doc('Groups of the resources; "" is the core group, * means all and stands alone.'),
    apiVersions: s.list(2, t.string).doc('Versions of the groups; * means all and stands alone.'),
    resources: s
      .list(3, t.string)
      .doc(
        'Resources: pods, pods/log, */scale for one subresource of all, pods/* for all of one, * for all but subresources, */* for everything.',
      ),
    scope: s
      .oneOf(4, '*', 'Cluster', 'Namespaced')
      .keepsZero()
      .default('*')
      .doc('Cluster, Namespaced, or * for both. A Namespace itself counts as Cluster.'),
  },
  { doc: 'Names resources.' },
);

export const ruleWithOperations = struct(
  'admissionregistration.v1.RuleWithOperations',
  {
    operations: s
      .list(1, t.oneOf('*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'))
      .doc('CREATE, UPDATE, DELETE, CONNECT, or * for all.'),
    ...inline(2, rule),
  },
  { doc: 'Names operations on resources.', rules: [ruleCauses] },
);
export interface RuleWithOperations extends Of<typeof ruleWithOperations> {}

export const namedRuleWithOperations = struct(
  'admissionregistration.v1.NamedRuleWithOperations',
  {
    resourceNames: s
      .list(1, t.string)
      .optional()
      .doc('Names of single objects; all when empty. An object that is created with generateName has no name yet.'),
    ...inline(2, ruleWithOperations),
  },
  { doc: 'Names operations on resources, or on some objects of them.', atomic: true, rules: [ruleCauses] },
);
export interface NamedRuleWithOperations extends Of<typeof namedRuleWithOperations> {}

export const matchResources = struct(
  'admissionregistration.v1.MatchResources',
  {
    namespaceSelector: s
      .field(1, labelSelector)
      .default({})
      .doc(
        "Labels of the object's namespace; a Namespace is judged by its own labels, other cluster-scoped objects always match.",
      ),
    objectSelector: s
      .field(2, labelSelector)
      .default({})
      .doc(
        'Labels of the object, before or after the change. Users may label their objects: rely on it only where they opt in.',
      ),
    resourceRules: s
      .list(3, namedRuleWithOperations)
      .optional()
      .doc('Operations on resources; a request matches when one of these does.'),
    excludeResourceRules: s
      .list(4, namedRuleWithOperations)
      .optional()
      .doc('Operations on resources that never match, whatever resourceRules say.'),
    matchPolicy: s
      .oneOf(7, 'Equivalent', 'Exact')
      .keepsZero()
      .default('Equivalent')
      .doc(
        'Equivalent: a request for another version or group of the same objects matches too. Exact: only what the rules name.',
      ),
  },
  {
    doc: 'Chooses requests by operation, resource, namespace and labels.',
    atomic: true,
    rules: [matchResourcesCauses],
  },
);
export interface MatchResources extends Of<typeof matchResources> {}

export const matchCondition = struct(
  'admissionregistration.v1.MatchCondition',
  {
    name: s
      .string(1)
      .doc('Names the condition in messages and audit; unique in the list: check-owner or example.com/check-owner.'),
    expression: s
      .string(2)
      .doc(
        'A CEL expression that is true for requests that match. It may use object, oldObject, request, authorizer and, in policies, params.',
      ),
  },
  { doc: 'A condition beyond rules and selectors: all must hold.', rules: [matchConditionCauses] },
);
export interface MatchCondition extends Of<typeof matchCondition> {}

export const matchConditionsOf = {
  list: 'map',
  keys: ['name'],
  patch: { strategy: 'merge', mergeKey: 'name' },
} as const;

export const variable = struct(
  'admissionregistration.v1.Variable',
  {
    name: s
      .string(1)
      .ruled()
      .doc('Name of the variable: a CEL identifier. Later expressions read it as variables.<name>.'),
    expression: s
      .string(2)
      .ruled()
      .doc('A CEL expression, computed when the variable is first read. It may use variables before it.'),
  },
  { doc: 'A value that expressions of the policy share.', atomic: true },
);
export interface Variable extends Of<typeof variable> {}

export const paramKind = struct(
  'admissionregistration.v1.ParamKind',
  {
    apiVersion: s.string(1).doc("The parameters' group and version, `group/version`."),
    kind: s.string(2).doc("The parameters' kind."),
  },
  { doc: 'The kind of the objects that parametrize a policy.', atomic: true, rules: [paramKindCauses] },
);
export interface ParamKind extends Of<typeof paramKind> {}

export const paramRef = struct(
  'admissionregistration.v1.ParamRef',
  {
    name: s.string(1).optional().doc('Name of the one parameter object; not together with selector.'),
    namespace: s
      .string(2)
      .optional()
      .doc("Namespace of the parameters; when empty, that of the request's object. Not for cluster-scoped parameters."),
    selector: s
      .field(3, labelSelector)
      .optional()
      .doc('Labels of the parameter objects: the policy is evaluated once for each. Not together with name.'),
    parameterNotFoundAction: s
      .oneOf(4, 'Deny', 'Allow')
      .inOrder()
      .keepsZero()
      .doc(
        "What happens when there are no parameters: Allow passes the request, Deny leaves it to the policy's failurePolicy.",
      ),
  },
  { doc: 'Which parameters a binding gives to its policy.', atomic: true, rules: [paramRefCauses] },
);
export interface ParamRef extends Of<typeof paramRef> {}
