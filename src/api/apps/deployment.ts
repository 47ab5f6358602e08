/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { labelSelector } from '#schema/label-selector.ts';
import { podTemplateSpec } from '../core/pod-template.ts';

export const rollingUpdateDeployment = struct('apps.v1.RollingUpdateDeployment', {
  maxUnavailable: s.intOrString(1).default('25%').doc(''),
  maxSurge: s.intOrString(2).default('25%').doc(''),
});
export interface RollingUpdateDeployment extends Of<typeof rollingUpdateDeployment> {}

export const deploymentStrategy = struct('apps.v1.DeploymentStrategy', {
  type: s.oneOf(1, 'Recreate', 'RollingUpdate').default('RollingUpdate').doc(''),
  rollingUpdate: s.field(2, rollingUpdateDeployment).optional().doc(''),
});
export interface DeploymentStrategy extends Of<typeof deploymentStrategy> {}

export const deploymentSpec = struct('apps.v1.DeploymentSpec', {
  replicas: s.int32(1).default(1).doc(''),
  selector: s.field(2, labelSelector).doc(''),
  template: s
    .field(3, podTemplateSpec)
    .default({} as never)
    .doc(''),
  strategy: s.field(4, deploymentStrategy).patchStrategy('retainKeys').patchStrategy('retainKeys').default({}).doc(''),
  minReadySeconds: s.int32(5).optional().doc(''),
  revisionHistoryLimit: s.int32(6).default(10).doc(''),
  paused: s.boolean(7).optional().doc(''),
  progressDeadlineSeconds: s.int32(9).default(600).doc(''),
});
export interface DeploymentSpec extends Of<typeof deploymentSpec> {}

export const deploymentCondition = struct('apps.v1.DeploymentCondition', {
  type: s.string(1).doc(''),
  status: s.oneOf(2, 'True', 'False', 'Unknown').doc(''),
  lastUpdateTime: s.time(6).optional().doc(''),
  lastTransitionTime: s.time(7).optional().doc(''),
  reason: s.string(4).optional().doc(''),
  message: s.string(5).optional().doc(''),
});
export interface DeploymentCondition extends Of<typeof deploymentCondition> {}

export const deploymentStatus = struct('apps.v1.DeploymentStatus', {
  observedGeneration: s.int64(1).optional().doc(''),
  replicas: s.int32(2).optional().doc(''),
  updatedReplicas: s.int32(3).optional().doc(''),
  readyReplicas: s.int32(7).optional().doc(''),
  availableReplicas: s.int32(4).optional().doc(''),
  unavailableReplicas: s.int32(5).optional().doc(''),
  terminatingReplicas: s.int32(9).optional().doc(''),
  conditions: s
    .list(6, deploymentCondition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
    .optional()
    .doc(''),
  collisionCount: s.int32(8).optional().doc(''),
});
export interface DeploymentStatus extends Of<typeof deploymentStatus> {}

export const Deployment = resource({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  shortNames: ['deploy'],
  categories: ['all'],
  scope: 'Namespaced',
  subresources: {
    status: true,
    scale: { replicas: '.spec.replicas', statusReplicas: '.status.replicas', selector: '.spec.selector' },
  },
  name: 'apps.v1.Deployment',
  doc: '',
  fields: {
    spec: s
      .field(2, deploymentSpec)
      .default({} as never)
      .doc(''),
    status: s.field(3, deploymentStatus).default({}).doc(''),
  },
});
export type Deployment = ObjectOf<typeof Deployment>;
