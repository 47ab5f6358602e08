/** What `kubectl get hpa` shows, in both versions; texts are those of upstream's printHorizontalPodAutoscaler. */
import type { AnyObject } from '#meta/object-meta.ts';
import type { Column } from '#schema/kind.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import type { HorizontalPodAutoscalerSpec, HorizontalPodAutoscalerStatus } from './horizontalpodautoscaler.ts';
import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from './metrics.ts';

/** What the columns read: an object as v2 has it. */
export interface HpaView {
  readonly spec: HorizontalPodAutoscalerSpec;
  readonly status: HorizontalPodAutoscalerStatus;
}

const shownMax = 2;
const unknown = '<unknown>';

/** A metric as a whole, or divided by pods. */
function valueText(target: MetricTarget, current: MetricValueStatus | undefined): string {
  return target.averageValue === undefined
    ? `${current?.value ?? unknown}/${target.value ?? '0'}`
    : `${current?.averageValue ?? unknown}/${target.averageValue} (avg)`;
}

function resourceText(name: string, target: MetricTarget, current: MetricValueStatus | undefined): string {
  if (target.averageValue !== undefined) return `${name}: ${current?.averageValue ?? unknown}/${target.averageValue}`;
  const used = current?.averageUtilization === undefined ? unknown : `${current.averageUtilization}%`;
  return `${name}: ${used}/${target.averageUtilization === undefined ? '<auto>' : `${target.averageUtilization}%`}`;
}

function metricText(metric: MetricSpec, status: MetricStatus | undefined): string {
  const { object, pods, resource, containerResource, external } = metric;
  switch (metric.type) {
    case 'External':
      return external === undefined ? unknown : valueText(external.target, status?.external?.current);
    case 'Pods':
      return `${status?.pods?.current.averageValue ?? unknown}/${pods?.target.averageValue ?? '0'}`;
    case 'Object':
      return object === undefined ? unknown : valueText(object.target, status?.object?.current);
    case 'Resource':
      return resource === undefined
        ? unknown
        : resourceText(resource.name ?? '', resource.target, status?.resource?.current);
    case 'ContainerResource':
      return containerResource === undefined
        ? unknown
        : resourceText(containerResource.name ?? '', containerResource.target, status?.containerResource?.current);
    case undefined:
    default:
      return '<unknown type>';
  }
}

function targets({ spec, status }: HpaView): string {
  const { metrics = [] } = spec;
  if (metrics.length === 0) return '<none>';
  const shown = metrics.slice(0, shownMax).map((metric, index) => metricText(metric, status.currentMetrics?.[index]));
  const more = metrics.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` + ${more} more...` : ''}`;
}

/** `view` answers the object as v2 has it. */
export const hpaColumns = (view: (object: AnyObject) => HpaView): readonly Column<AnyObject>[] => [
  nameColumn,
  {
    name: 'Reference',
    type: 'string',
    description: 'What is scaled.',
    cell: (object) => {
      const { kind, name } = view(object).spec.scaleTargetRef;
      return `${kind}/${name}`;
    },
  },
  {
    name: 'Targets',
    type: 'string',
    description: 'What metrics are, and should be.',
    cell: (object) => targets(view(object)),
  },
  {
    name: 'MinPods',
    type: 'string',
    description: 'The smallest size.',
    cell: (object) => String(view(object).spec.minReplicas),
  },
  {
    name: 'MaxPods',
    type: 'string',
    description: 'The greatest size.',
    cell: (object) => view(object).spec.maxReplicas,
  },
  {
    name: 'Replicas',
    type: 'string',
    description: 'The size that was last seen.',
    cell: (object) => view(object).status.currentReplicas ?? 0,
  },
  ageColumn,
];
