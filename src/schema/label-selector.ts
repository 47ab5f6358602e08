/**
 * LabelSelector as kinds embed it (spec.selector). Parsing and matching live in `meta/selector.ts`; this is only its declaration.
 */
import { s, struct, t, type Of } from './type.ts';

export const labelSelectorRequirement = struct(
  'meta.v1.LabelSelectorRequirement',
  {
    key: s.string(1).ruled().doc('The label key that the requirement speaks of.'),
    operator: s.string(2).ruled().doc('In, NotIn, Exists or DoesNotExist.'),
    values: s.list(3, t.string).optional().doc('What the label is compared with; empty for Exists and DoesNotExist.'),
  },
  { doc: 'One requirement on a label.' },
);
export interface LabelSelectorRequirement extends Of<typeof labelSelectorRequirement> {}

export const labelSelector = struct(
  'meta.v1.LabelSelector',
  {
    matchLabels: s.map(1, t.string).optional().doc('Labels that must have exactly these values.'),
    matchExpressions: s.list(2, labelSelectorRequirement).optional().doc('Further requirements; all must hold.'),
  },
  { doc: 'Selects objects by their labels: an empty one selects all, a missing one none.', atomic: true },
);
export interface LabelSelector extends Of<typeof labelSelector> {}
