/**
 * What an access review asks about: a request for a resource or for a path. Shared by the review kinds.
 */
import { s, struct, type Of } from '#schema/type.ts';
import { fieldSelectorRequirement } from '#schema/condition.ts';
import { labelSelectorRequirement } from '#schema/label-selector.ts';

export const fieldSelectorAttributes = struct(
  'authorization.v1.FieldSelectorAttributes',
  {
    rawSelector: s.string(1).optional().doc('The selector as text; looked at only by webhooks.'),
    requirements: s.list(2, fieldSelectorRequirement).optional().doc('The selector, parsed.'),
  },
  { doc: 'The field selector of a request.' },
);
export interface FieldSelectorAttributes extends Of<typeof fieldSelectorAttributes> {}

export const labelSelectorAttributes = struct(
  'authorization.v1.LabelSelectorAttributes',
  {
    rawSelector: s.string(1).optional().doc('The selector as text; looked at only by webhooks.'),
    requirements: s.list(2, labelSelectorRequirement).optional().doc('The selector, parsed.'),
  },
  { doc: 'The label selector of a request.' },
);
export interface LabelSelectorAttributes extends Of<typeof labelSelectorAttributes> {}

export const resourceAttributes = struct(
  'authorization.v1.ResourceAttributes',
  {
    namespace: s.string(1).optional().doc('Namespace; empty for cluster-scoped resources, and for all namespaces.'),
    verb: s.string(2).optional().doc('Verb; * means all.'),
    group: s.string(3).optional().doc('Group; * means all.'),
    version: s.string(4).optional().doc('Version; * means all.'),
    resource: s.string(5).optional().doc('Resource; * means all.'),
    subresource: s.string(6).optional().doc('Subresource.'),
    name: s.string(7).optional().doc('Name; empty means all.'),
    fieldSelector: s.field(8, fieldSelectorAttributes).optional().doc('Field selector of a list or watch.'),
    labelSelector: s.field(9, labelSelectorAttributes).optional().doc('Label selector of a list or watch.'),
  },
  { doc: 'A request for a resource.' },
);
export interface ResourceAttributes extends Of<typeof resourceAttributes> {}

export const nonResourceAttributes = struct(
  'authorization.v1.NonResourceAttributes',
  {
    path: s.string(1).optional().doc('The path.'),
    verb: s.string(2).optional().doc('The HTTP verb.'),
  },
  { doc: 'A request for a path.' },
);
export interface NonResourceAttributes extends Of<typeof nonResourceAttributes> {}

export const subjectAccessReviewStatus = struct(
  'authorization.v1.SubjectAccessReviewStatus',
  {
    allowed: s.boolean(1).default(false).doc('True when it is allowed.'),
    denied: s.boolean(4).optional().doc('True when it is denied outright, not only not allowed.'),
    reason: s.string(2).optional().doc('Why.'),
    evaluationError: s.string(3).optional().doc('What went wrong while checking; the answer may still be right.'),
  },
  { doc: 'Whether it is allowed.' },
);
export interface SubjectAccessReviewStatus extends Of<typeof subjectAccessReviewStatus> {}
