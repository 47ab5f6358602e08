/**
 * Metrics of a HorizontalPodAutoscaler (autoscaling/v2): what to look at, what it should be, and what it was.
 */
import { labelSelector } from '#schema/label-selector.ts';
import { s, struct, type Of } from '#schema/type.ts';

export const crossVersionObjectReference = struct(
  'autoscaling.v2.CrossVersionObjectReference',
  {
    kind: s.string(1).doc('Kind of the object.'),
    name: s.string(2).doc('Name of the object.'),
    apiVersion: s.string(3).optional().doc('API version of the object.'),
  },
  { doc: 'An object of the same namespace.' },
);
export interface CrossVersionObjectReference extends Of<typeof crossVersionObjectReference> {}

export const metricIdentifier = struct(
  'autoscaling.v2.MetricIdentifier',
  {
    name: s.string(1).requiredAs('must specify a metric name').doc('Name of the metric.'),
    selector: s.field(2, labelSelector).optional().doc('Labels of the metric, handed to the metrics server.'),
  },
  { doc: 'Which metric.' },
);
export interface MetricIdentifier extends Of<typeof metricIdentifier> {}

export const metricTarget = struct(
  'autoscaling.v2.MetricTarget',
  {
    type: s.string(1).ruled().doc('How the target is given: Utilization, Value or AverageValue.'),
    value: s.quantity(2).optional().doc('The metric as a whole.'),
    averageValue: s.quantity(3).optional().doc('The metric divided by the number of pods.'),
    averageUtilization: s
      .int32(4)
      .keepsZero()
      .optional()
      .doc('The average over pods, in percent of what they request; only for resources.'),
  },
  { doc: 'What a metric should be.' },
);
export interface MetricTarget extends Of<typeof metricTarget> {}

export const metricValueStatus = struct(
  'autoscaling.v2.MetricValueStatus',
  {
    value: s.quantity(1).optional().doc('The metric as a whole.'),
    averageValue: s.quantity(2).optional().doc('The metric divided by the number of pods.'),
    averageUtilization: s
      .int32(3)
      .keepsZero()
      .optional()
      .doc('The average over pods, in percent of what they request.'),
  },
  { doc: 'What a metric was.' },
);
export interface MetricValueStatus extends Of<typeof metricValueStatus> {}

const target = s.field(2, metricTarget).ruled().doc('What the metric should be.');
const metric = s.field(1, metricIdentifier).doc('Which metric.');
const seen = s
  .field(1, metricIdentifier)
  .default({} as never)
  .doc('Which metric.');
const current = s.field(2, metricValueStatus).default({}).doc('What the metric was.');

export const objectMetricSource = struct(
  'autoscaling.v2.ObjectMetricSource',
  {
    describedObject: s.field(1, crossVersionObjectReference).doc('The object, such as an Ingress.'),
    target,
    metric: s.field(3, metricIdentifier).doc('Which metric.'),
  },
  { doc: 'A metric of one object.' },
);
export interface ObjectMetricSource extends Of<typeof objectMetricSource> {}

export const podsMetricSource = struct(
  'autoscaling.v2.PodsMetricSource',
  { metric, target },
  { doc: 'A metric that each pod has.' },
);
export interface PodsMetricSource extends Of<typeof podsMetricSource> {}

export const resourceMetricSource = struct(
  'autoscaling.v2.ResourceMetricSource',
  { name: s.string(1).ruled().doc('Name of the resource, such as cpu.'), target },
  { doc: 'A resource that pods use.' },
);
export interface ResourceMetricSource extends Of<typeof resourceMetricSource> {}

export const containerResourceMetricSource = struct(
  'autoscaling.v2.ContainerResourceMetricSource',
  {
    name: s.string(1).ruled().doc('Name of the resource, such as cpu.'),
    target,
    container: s.string(3).ruled().doc('Name of the container.'),
  },
  { doc: 'A resource that one container of each pod uses.' },
);
export interface ContainerResourceMetricSource extends Of<typeof containerResourceMetricSource> {}

export const externalMetricSource = struct(
  'autoscaling.v2.ExternalMetricSource',
  { metric, target },
  { doc: 'A metric of something outside the cluster.' },
);
export interface ExternalMetricSource extends Of<typeof externalMetricSource> {}

export const metricSpec = struct(
  'autoscaling.v2.MetricSpec',
  {
    type: s.string(1).ruled().doc('Which member is set: Object, Pods, Resource, ContainerResource or External.'),
    object: s.field(2, objectMetricSource).optional().doc('A metric of one object.'),
    pods: s.field(3, podsMetricSource).optional().doc('A metric that each pod has.'),
    resource: s.field(4, resourceMetricSource).optional().doc('A resource that pods use.'),
    containerResource: s
      .field(7, containerResourceMetricSource)
      .optional()
      .doc('A resource that one container of each pod uses.'),
    external: s.field(5, externalMetricSource).optional().doc('A metric of something outside the cluster.'),
  },
  { doc: 'One metric, and what it should be.' },
);
export interface MetricSpec extends Of<typeof metricSpec> {}

export const objectMetricStatus = struct(
  'autoscaling.v2.ObjectMetricStatus',
  {
    metric: seen,
    current,
    describedObject: s
      .field(3, crossVersionObjectReference)
      .default({} as never)
      .doc('The object.'),
  },
  { doc: 'What a metric of one object was.' },
);
export interface ObjectMetricStatus extends Of<typeof objectMetricStatus> {}

export const podsMetricStatus = struct(
  'autoscaling.v2.PodsMetricStatus',
  { metric: seen, current },
  { doc: 'What a metric of pods was.' },
);
export interface PodsMetricStatus extends Of<typeof podsMetricStatus> {}

export const resourceMetricStatus = struct(
  'autoscaling.v2.ResourceMetricStatus',
  { name: s.string(1).default('').doc('Name of the resource.'), current },
  { doc: 'How much of a resource pods used.' },
);
export interface ResourceMetricStatus extends Of<typeof resourceMetricStatus> {}

export const containerResourceMetricStatus = struct(
  'autoscaling.v2.ContainerResourceMetricStatus',
  {
    name: s.string(1).default('').doc('Name of the resource.'),
    current,
    container: s.string(3).default('').doc('Name of the container.'),
  },
  { doc: 'How much of a resource a container used.' },
);
export interface ContainerResourceMetricStatus extends Of<typeof containerResourceMetricStatus> {}

export const externalMetricStatus = struct(
  'autoscaling.v2.ExternalMetricStatus',
  { metric: seen, current },
  { doc: 'What a metric from outside was.' },
);
export interface ExternalMetricStatus extends Of<typeof externalMetricStatus> {}

export const metricStatus = struct(
  'autoscaling.v2.MetricStatus',
  {
    type: s.string(1).default('').doc('Which member is set: Object, Pods, Resource, ContainerResource or External.'),
    object: s.field(2, objectMetricStatus).optional().doc('A metric of one object.'),
    pods: s.field(3, podsMetricStatus).optional().doc('A metric of pods.'),
    resource: s.field(4, resourceMetricStatus).optional().doc('A resource that pods use.'),
    containerResource: s
      .field(7, containerResourceMetricStatus)
      .optional()
      .doc('A resource that one container of each pod uses.'),
    external: s.field(5, externalMetricStatus).optional().doc('A metric from outside the cluster.'),
  },
  { doc: 'What one metric was.' },
);
export interface MetricStatus extends Of<typeof metricStatus> {}
