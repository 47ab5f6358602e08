/**
 * Node selectors: requirements on labels and fields of a node, for affinity.
 */
import { s, struct, t, type Of } from '#schema/type.ts';

export const nodeSelectorRequirement = struct(
  'core.v1.NodeSelectorRequirement',
  {
    key: s.string(1).ruled().doc('The label or field.'),
    operator: s
      .oneOf(2, 'In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt')
      .ruled()
      .doc('In, NotIn, Exists, DoesNotExist, Gt or Lt.'),
    values: s
      .list(3, t.string)
      .optional()
      .doc('What to compare with; empty for Exists and DoesNotExist, one integer for Gt and Lt.'),
  },
  { doc: 'Compares one label or field of a node.' },
);
export interface NodeSelectorRequirement extends Of<typeof nodeSelectorRequirement> {}

export const nodeSelectorTerm = struct(
  'core.v1.NodeSelectorTerm',
  {
    matchExpressions: s.list(1, nodeSelectorRequirement).optional().doc('Requirements on labels.'),
    matchFields: s
      .list(2, nodeSelectorRequirement)
      .optional()
      .doc('Requirements on fields; metadata.name is the only one.'),
  },
  { atomic: true, doc: 'Requirements that must all hold; an empty term matches nothing.' },
);
export interface NodeSelectorTerm extends Of<typeof nodeSelectorTerm> {}

export const nodeSelector = struct(
  'core.v1.NodeSelector',
  {
    nodeSelectorTerms: s.list(1, nodeSelectorTerm).ruled().doc('The terms; at least one.'),
  },
  { atomic: true, doc: 'Terms of which at least one must match.' },
);
export interface NodeSelector extends Of<typeof nodeSelector> {}
