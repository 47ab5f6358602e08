/**
 * Small meta/v1 structs that kinds embed: the standard Condition, and one requirement of a field selector as authorization reviews carry it.
 */
import { s, struct, t, type Of } from './type.ts';

export const condition = struct(
  'meta.v1.Condition',
  {
    type: s.string(1).doc('What is observed, in CamelCase.'),
    status: s.oneOf(2, 'True', 'False', 'Unknown').doc('Whether it holds.'),
    observedGeneration: s.int64(3).optional().doc('The metadata.generation that this condition speaks of.'),
    lastTransitionTime: s.time(4).doc('When the status last changed.'),
    reason: s.string(5).doc('Why it changed: one CamelCase word for programs.'),
    message: s.string(6).default('').doc('Why it changed, for people.'),
  },
  { doc: 'One aspect of the current state of an object.' },
);
export interface Condition extends Of<typeof condition> {}

export const fieldSelectorRequirement = struct(
  'meta.v1.FieldSelectorRequirement',
  {
    key: s.string(1).ruled().doc('The field that is compared.'),
    operator: s.string(2).ruled().doc('In, NotIn, Exists or DoesNotExist.'),
    values: s.list(3, t.string).optional().doc('What it is compared with; empty for Exists and DoesNotExist.'),
  },
  { doc: 'One requirement of a field selector.' },
);
