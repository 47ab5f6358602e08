/** Topology selectors: places by the values of node labels, as StorageClasses restrict where volumes are made. */
import { duplicate } from '#meta/causes.ts';
import { labelKey } from '#meta/names.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { indexed, named, type Causes } from '../field-checks.ts';

export const topologySelectorLabelRequirement = struct(
  'core.v1.TopologySelectorLabelRequirement',
  {
    key: s.string(1).ruled().doc('The label key.'),
    values: s.list(2, t.string).doc('Values of which the label must have one.'),
  },
  { doc: 'Compares one label.' },
);

export const topologySelectorTerm = struct(
  'core.v1.TopologySelectorTerm',
  {
    matchLabelExpressions: s
      .list(1, topologySelectorLabelRequirement)
      .optional()
      .doc('Requirements on labels; all must hold.'),
  },
  { doc: 'A place, by node labels.' },
);
export interface TopologySelectorTerm extends Of<typeof topologySelectorTerm> {}

/** What the term says, in one spelling: equal for terms that mean the same. */
const meaning = ({ matchLabelExpressions = [] }: TopologySelectorTerm): string =>
  JSON.stringify(
    Object.entries(
      Object.fromEntries(matchLabelExpressions.map(({ key, values = [] }) => [key, [...values].sort()])),
    ).sort(([a], [b]) => (a < b ? -1 : 1)),
  );

export function* topologyCauses(path: string, terms: readonly TopologySelectorTerm[] | undefined): Causes {
  const seen = new Set<string>();
  for (const [term, at] of indexed(path, terms)) {
    const keys = new Set<string>();
    for (const [{ key, values }, requirementAt] of indexed(`${at}.matchLabelExpressions`, term.matchLabelExpressions)) {
      const known = new Set<string>();
      for (const [value, valueAt] of indexed(`${requirementAt}.values`, values)) {
        if (known.has(value)) yield duplicate(valueAt, value);
        known.add(value);
      }
      yield* named(labelKey, `${requirementAt}.key`, key);
      if (keys.has(key)) yield duplicate(`${requirementAt}.key`, key);
      keys.add(key);
    }
    // Upstream takes a term without requirements for another's double, even the only one.
    if (keys.size === 0 || seen.has(meaning(term))) yield duplicate(`${at}.matchLabelExpressions`, '');
    seen.add(meaning(term));
  }
}
