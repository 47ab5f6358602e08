/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { labelSelector } from '#schema/label-selector.ts';
import { podTemplateSpec } from '../core/pod-template.ts';

export const rollingUpdateDaemonSet = struct('apps.v1.RollingUpdateDaemonSet', {
  maxUnavailable: s.intOrString(1).default(1).doc(''),
  maxSurge: s.intOrString(2).default(0).doc(''),
});
export interface RollingUpdateDaemonSet extends Of<typeof rollingUpdateDaemonSet> {}

export const daemonSetUpdateStrategy = struct('apps.v1.DaemonSetUpdateStrategy', {
  type: s.oneOf(1, 'RollingUpdate', 'OnDelete').default('RollingUpdate').doc(''),
  rollingUpdate: s.field(2, rollingUpdateDaemonSet).optional().doc(''),
});
export interface DaemonSetUpdateStrategy extends Of<typeof daemonSetUpdateStrategy> {}

export const daemonSetSpec = struct('apps.v1.DaemonSetSpec', {
  selector: s.field(1, labelSelector).doc(''),
  template: s
    .field(2, podTemplateSpec)
    .default({} as never)
    .doc(''),
  updateStrategy: s.field(3, daemonSetUpdateStrategy).default({}).doc(''),
  minReadySeconds: s.int32(4).optional().doc(''),
  revisionHistoryLimit: s.int32(6).default(10).doc(''),
});
export interface DaemonSetSpec extends Of<typeof daemonSetSpec> {}

export const daemonSetCondition = struct('apps.v1.DaemonSetCondition', {
  type: s.string(1).doc(''),
  status: s.oneOf(2, 'True', 'False', 'Unknown').doc(''),
  lastTransitionTime: s.time(3).optional().doc(''),
  reason: s.string(4).optional().doc(''),
  message: s.string(5).optional().doc(''),
});
export interface DaemonSetCondition extends Of<typeof daemonSetCondition> {}

export const daemonSetStatus = struct('apps.v1.DaemonSetStatus', {
  currentNumberScheduled: s.int32(1).default(0).doc(''),
  numberMisscheduled: s.int32(2).default(0).doc(''),
  desiredNumberScheduled: s.int32(3).default(0).doc(''),
  numberReady: s.int32(4).default(0).doc(''),
  observedGeneration: s.int64(5).optional().doc(''),
  updatedNumberScheduled: s.int32(6).optional().doc(''),
  numberAvailable: s.int32(7).optional().doc(''),
  numberUnavailable: s.int32(8).optional().doc(''),
  collisionCount: s.int32(9).optional().doc(''),
  conditions: s
    .list(10, daemonSetCondition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
    .optional()
    .doc(''),
});
export interface DaemonSetStatus extends Of<typeof daemonSetStatus> {}

export const DaemonSet = resource({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  shortNames: ['ds'],
  categories: ['all'],
  scope: 'Namespaced',
  subresources: { status: true },
  name: 'apps.v1.DaemonSet',
  doc: '',
  fields: {
    spec: s
      .field(2, daemonSetSpec)
      .default({} as never)
      .doc(''),
    status: s.field(3, daemonSetStatus).default({}).doc(''),
  },
});
export type DaemonSet = ObjectOf<typeof DaemonSet>;
