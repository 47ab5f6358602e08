/** */
import { s, struct, t, type Of } from '#schema/type.ts';

export const nodeSelectorRequirement = struct('core.v1.NodeSelectorRequirement', {
  key: s.string(1).doc(''),
  operator: s.oneOf(2, 'In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt').doc(''),
  values: s.list(3, t.string).optional().doc(''),
});
export interface NodeSelectorRequirement extends Of<typeof nodeSelectorRequirement> {}

export const nodeSelectorTerm = struct('core.v1.NodeSelectorTerm', {
  matchExpressions: s.list(1, nodeSelectorRequirement).optional().doc(''),
  matchFields: s.list(2, nodeSelectorRequirement).optional().doc(''),
});
export interface NodeSelectorTerm extends Of<typeof nodeSelectorTerm> {}

export const nodeSelector = struct('core.v1.NodeSelector', {
  nodeSelectorTerms: s.list(1, nodeSelectorTerm).doc(''),
});
export interface NodeSelector extends Of<typeof nodeSelector> {}

export const topologySelectorLabelRequirement = struct('core.v1.TopologySelectorLabelRequirement', {
  key: s.string(1).doc(''),
  values: s.list(2, t.string).doc(''),
});
export interface TopologySelectorLabelRequirement extends Of<typeof topologySelectorLabelRequirement> {}

export const topologySelectorTerm = struct('core.v1.TopologySelectorTerm', {
  matchLabelExpressions: s.list(1, topologySelectorLabelRequirement).optional().doc(''),
});
export interface TopologySelectorTerm extends Of<typeof topologySelectorTerm> {}
