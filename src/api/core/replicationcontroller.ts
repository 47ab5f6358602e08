/**
 * ReplicationController: a number of equal pods, the way before ReplicaSets. Its selector is a plain map and comes from the template when
 * absent. Declares fields, defaults and rules.
 */
import { forbiddenField, invalidValue, notSupported, required } from '#meta/causes.ts';
import type { AnyObject, DraftMeta } from '#meta/object-meta.ts';
import { matches, selectorFrom } from '#meta/selector.ts';
import { resource, type Column, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type DraftOf, type Of } from '#schema/type.ts';
import { countCauses, sortedLabels } from '../apps/workload-validation.ts';
import { ageColumn, containersColumn, formatLabels, imagesColumn, nameColumn } from '../columns.ts';
import type { Causes } from '../field-checks.ts';
import { fillTemplateOf } from './pod-defaults.ts';
import { podTemplateSpec } from './pod-template.ts';
import { templateCauses } from './pod-validation.ts';
import { nameWarnings, podNames, podWarnings } from './pod-warnings.ts';

export const replicationControllerSpec = struct(
  'core.v1.ReplicationControllerSpec',
  {
    replicas: s.int32(1).keepsZero().min(0).default(1).doc('How many pods should exist.'),
    minReadySeconds: s.int32(4).min(0).optional().doc('Seconds a pod must stay ready to count as available.'),
    selector: s
      .map(2, t.string, { atomic: true })
      .optional()
      .doc("Labels of the pods that belong to it; the template's when absent."),
    template: s.field(3, podTemplateSpec).optional().doc('The pod to make copies of.'),
  },
  { doc: 'Which pods there should be.' },
);
export interface ReplicationControllerSpec extends Of<typeof replicationControllerSpec> {}

export const replicationControllerCondition = struct(
  'core.v1.ReplicationControllerCondition',
  {
    type: s.string(1).doc('What is observed: ReplicaFailure.'),
    status: s.oneOf(2, 'True', 'False', 'Unknown').doc('Whether it holds.'),
    lastTransitionTime: s.time(3).optional().doc('When the status last changed.'),
    reason: s.string(4).optional().doc('Why it changed: one CamelCase word for programs.'),
    message: s.string(5).optional().doc('Why it changed, for people.'),
  },
  { doc: "One aspect of the ReplicationController's state." },
);
export interface ReplicationControllerCondition extends Of<typeof replicationControllerCondition> {}

export const replicationControllerStatus = struct(
  'core.v1.ReplicationControllerStatus',
  {
    replicas: s.int32(1).default(0).doc('Pods that exist and are not terminating.'),
    fullyLabeledReplicas: s.int32(2).optional().doc('Pods that have all labels of the template.'),
    readyReplicas: s.int32(4).optional().doc('Pods that are ready.'),
    availableReplicas: s.int32(5).optional().doc('Pods that are available.'),
    observedGeneration: s.int64(3).optional().doc('The metadata.generation that this status speaks of.'),
    conditions: s
      .list(6, replicationControllerCondition, {
        list: 'map',
        keys: ['type'],
        patch: { strategy: 'merge', mergeKey: 'type' },
      })
      .optional()
      .doc('State in detail.'),
  },
  { doc: 'What was last seen.' },
);
export interface ReplicationControllerStatus extends Of<typeof replicationControllerStatus> {}

function* specCauses({ selector = {}, template }: ReplicationControllerSpec): Causes {
  const isEmpty = Object.keys(selector).length === 0;
  if (isEmpty) yield required('spec.selector');
  if (template === undefined) {
    yield required('spec.template');
    return;
  }
  const { labels } = template.metadata;
  if (!isEmpty && !matches(selectorFrom({ matchLabels: selector }), labels))
    yield invalidValue(
      'spec.template.metadata.labels',
      sortedLabels(labels),
      '`selector` does not match template `labels`',
    );
  yield* templateCauses('spec.template', template);
  const { restartPolicy, activeDeadlineSeconds } = template.spec;
  if (restartPolicy !== 'Always') yield notSupported('spec.template.spec.restartPolicy', restartPolicy, ['Always']);
  if (activeDeadlineSeconds !== undefined)
    yield forbiddenField(
      'spec.template.spec.activeDeadlineSeconds',
      'activeDeadlineSeconds in ReplicationController is not Supported',
    );
}

/** Selector and labels come from the template where the author gave none. */
function filled<D extends { readonly metadata: DraftMeta; readonly spec?: DraftOf<typeof replicationControllerSpec> }>(
  draft: D,
): D {
  if (draft.spec === undefined) return draft;
  const spec = fillTemplateOf(draft.spec);
  const labels = spec.template?.metadata?.labels;
  const none = (map: object | undefined): boolean => Object.keys(map ?? {}).length === 0;
  const needsSelector = none(spec.selector) && !none(labels);
  const needsLabels = none(draft.metadata.labels) && !none(labels);
  if (spec === draft.spec && !needsSelector && !needsLabels) return draft;
  return {
    ...draft,
    ...(needsLabels && labels ? { metadata: { ...draft.metadata, labels } } : {}),
    spec: { ...spec, ...(needsSelector && labels ? { selector: labels } : {}) },
  };
}

/** A column of the template's, empty where there is none: here it may be missing. */
const ofTemplate = ({ name, type, priority, description, cell }: typeof containersColumn): Column<AnyObject> => ({
  name,
  type,
  description,
  ...(priority === undefined ? {} : { priority }),
  cell: (rc, context) => ((rc as { spec?: { template?: unknown } }).spec?.template ? cell(rc as never, context) : ''),
});

export const ReplicationController = resource({
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  shortNames: ['rc'],
  categories: ['all'],
  scope: 'Namespaced',
  storagePrefix: 'controllers',
  subresources: {
    status: true,
    scale: { replicas: '.spec.replicas', statusReplicas: '.status.replicas', selector: '.spec.selector' },
  },
  columns: [
    nameColumn,
    { name: 'Desired', type: 'integer', description: 'How many pods should exist.', cell: ({ spec }) => spec.replicas },
    { name: 'Current', type: 'integer', description: 'How many pods exist.', cell: ({ status }) => status.replicas },
    {
      name: 'Ready',
      type: 'integer',
      description: 'How many pods are ready.',
      cell: ({ status }) => status.readyReplicas ?? 0,
    },
    ageColumn,
    ofTemplate(containersColumn),
    ofTemplate(imagesColumn),
    {
      name: 'Selector',
      type: 'string',
      priority: 1,
      description: 'Labels of the pods that belong to it.',
      cell: ({ spec }) => formatLabels(spec.selector),
    },
  ],
  selectable: { 'status.replicas': ({ status }) => String(status.replicas) },
  hooks: {
    looseGenerateName: true,
    validateCreate: ({ spec }) => [...specCauses(spec)],
    validateStatus: ({ status }) => [
      ...countCauses(status, { counts: ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'], others: [] }),
    ],
    warnings: ({ metadata, spec }, old) => [
      ...nameWarnings(metadata, old, podNames),
      ...(spec.template ? podWarnings('spec.template', spec.template) : []),
    ],
    fill: (draft) => filled(draft),
    prepareCreate: (controller) => ({ ...controller, status: { replicas: 0 } }),
    // Old clients that do not say otherwise keep the pods.
    defaultPropagation: 'Orphan',
  },
  name: 'core.v1.ReplicationController',
  doc: 'Keeps a number of equal pods. Old: a Deployment does the same and more.',
  fields: {
    spec: s.field(2, replicationControllerSpec).default({}).doc('Which pods there should be.'),
    status: s.field(3, replicationControllerStatus).default({}).doc('What was last seen.'),
  },
});
export type ReplicationController = ObjectOf<typeof ReplicationController>;
