/**
 * LimitRange: what one pod, container or claim of a namespace may use, and what it gets when it does not say. Declares fields, defaults and
 * rules; the admission plugin that applies it is the API server's.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type DraftOf, type Of } from '#schema/type.ts';
import { limitRangeCauses } from './limitrange-validation.ts';

export const limitRangeItem = struct(
  'core.v1.LimitRangeItem',
  {
    type: s.string(1).ruled().doc('What is limited: Pod, Container or PersistentVolumeClaim.'),
    max: s.map(2, t.quantity).optional().doc('The most of each resource that one of them may use.'),
    min: s.map(3, t.quantity).optional().doc('The least of each resource that one of them must ask for.'),
    default: s.map(4, t.quantity).optional().doc('Limits given to a container that states none.'),
    defaultRequest: s.map(5, t.quantity).optional().doc('Requests given to a container that states none.'),
    maxLimitRequestRatio: s
      .map(6, t.quantity)
      .optional()
      .doc('How many times its request a limit may be, for each resource.'),
  },
  { doc: 'Limits of one kind of thing.' },
);
export interface LimitRangeItem extends Of<typeof limitRangeItem> {}

export const limitRangeSpec = struct(
  'core.v1.LimitRangeSpec',
  {
    limits: s.list(1, limitRangeItem).default([]).doc('The limits; each type once.'),
  },
  { doc: 'The limits of a namespace.' },
);
export interface LimitRangeSpec extends Of<typeof limitRangeSpec> {}

type Quantities = Readonly<Record<string, string>>;
type ItemDraft = DraftOf<typeof limitRangeItem>;

/** A maximum is the limit of who states none; a limit, else a minimum, the request. */
function fillItem(item: ItemDraft): ItemDraft {
  if (item.type !== 'Container') return item;
  const limits: Quantities = { ...item.max, ...item.default };
  const requests: Quantities = { ...item.min, ...limits, ...item.defaultRequest };
  const complete = (have: Quantities | undefined, want: Quantities): boolean =>
    Object.keys(have ?? {}).length === Object.keys(want).length;
  if (complete(item.default, limits) && complete(item.defaultRequest, requests)) return item;
  return {
    ...item,
    ...(Object.keys(limits).length > 0 ? { default: limits } : {}),
    ...(Object.keys(requests).length > 0 ? { defaultRequest: requests } : {}),
  };
}

export const LimitRange = resource({
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  shortNames: ['limits'],
  scope: 'Namespaced',
  hooks: {
    validateCreate: ({ spec }) => [...limitRangeCauses(spec)],
    fill: (draft) => fillLimitRange(draft),
    // Without a name it gets one that nobody has: its UID is such a text.
    prepareCreate: (range) =>
      range.metadata.name ? range : { ...range, metadata: { ...range.metadata, name: range.metadata.uid } },
  },
  name: 'core.v1.LimitRange',
  doc: 'What each pod, container or claim of a namespace may use at least and at most, and what it gets by default.',
  fields: {
    spec: s
      .field(2, limitRangeSpec)
      .default({} as never)
      .doc('The limits.'),
  },
});
export type LimitRange = ObjectOf<typeof LimitRange>;

function fillLimitRange<D extends { readonly spec?: DraftOf<typeof limitRangeSpec> }>(draft: D): D {
  const before = draft.spec?.limits;
  if (before === undefined) return draft;
  const limits = before.map(fillItem);
  return limits.every((item, index) => item === before[index]) ? draft : { ...draft, spec: { ...draft.spec, limits } };
}
