/**
 * Rules of a HorizontalPodAutoscaler: sizes in order, one source for each metric, targets that are positive, behavior within limits. Paths and
 * wording are upstream's (pkg/apis/autoscaling/validation); they are those of v2 whatever version a client writes.
 */
import { forbiddenField, invalidValue, notSupported, required } from '#meta/causes.ts';
import { dns1123Label, pathSegment } from '#meta/names.ts';
import { parseQuantity } from '#meta/quantity.ts';
import { indexed, named, nonNegative, type Causes } from '../field-checks.ts';
import { containerResourceName } from '../core/resource-validation.ts';
import type {
  HorizontalPodAutoscalerSpec,
  HorizontalPodAutoscalerStatus,
  HPAScalingPolicy,
  HPAScalingRules,
} from './horizontalpodautoscaler.ts';
import type { CrossVersionObjectReference, MetricIdentifier, MetricSpec, MetricTarget } from './metrics.ts';

const periodSecondsMax = 1800;
const windowSecondsMax = 3600;

/** Type and member of each source, in the order in which members are looked at. */
const sources = [
  ['Object', 'object'],
  ['External', 'external'],
  ['Pods', 'pods'],
  ['Resource', 'resource'],
  ['ContainerResource', 'containerResource'],
] as const;
const types = sources.map(([type]) => type as string).sort();
type Member = (typeof sources)[number][1];

function* segment(path: string, value: string | undefined, detail = ''): Causes {
  if (!value) yield required(path, detail);
  else yield* named(pathSegment, path, value);
}

/** What is scaled must be of a group, but a ReplicationController; what a metric describes need not. */
function* reference(
  path: string,
  { kind, name, apiVersion = '' }: Partial<CrossVersionObjectReference> = {},
  needsGroup = false,
): Causes {
  yield* segment(`${path}.kind`, kind);
  yield* segment(`${path}.name`, name);
  const parts = apiVersion.split('/');
  if (parts.length > 2)
    yield invalidValue(`${path}.apiVersion`, apiVersion, `unexpected GroupVersion string: ${apiVersion}`);
  else if (needsGroup && kind !== 'ReplicationController' && (parts.length === 1 || parts[0] === ''))
    yield invalidValue(`${path}.apiVersion`, apiVersion, 'apiVersion must specify API group');
}

const isPositive = (text: string): boolean => (parseQuantity(text)?.nano ?? 1n) > 0n;

function* targetCauses(
  path: string,
  { type = '', value, averageValue, averageUtilization }: Partial<MetricTarget>,
): Causes {
  if (type === '') yield required(`${path}.type`, 'must specify a metric target type');
  if (type !== 'Utilization' && type !== 'Value' && type !== 'AverageValue')
    yield invalidValue(`${path}.type`, type, 'must be either Utilization, Value, or AverageValue');
  if (value !== undefined && !isPositive(value)) yield invalidValue(`${path}.value`, value, 'must be positive');
  if (averageValue !== undefined && !isPositive(averageValue))
    yield invalidValue(`${path}.averageValue`, averageValue, 'must be positive');
  if (averageUtilization !== undefined && averageUtilization < 1)
    yield invalidValue(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0');
}

function* identifier(path: string, { name }: Partial<MetricIdentifier> = {}): Causes {
  yield* segment(`${path}.name`, name, 'must specify a metric name');
}

/** Resources are compared in percent or in amounts, not both. */
function* usage(path: string, target: Partial<MetricTarget>): Causes {
  yield* targetCauses(path, target);
  const { averageUtilization: percent, averageValue: amount } = target;
  if (percent === undefined && amount === undefined)
    yield required(`${path}.averageUtilization`, 'must set either a target raw value or a target utilization');
  if (percent !== undefined && amount !== undefined)
    yield forbiddenField(`${path}.averageValue`, 'may not set both a target raw value and a target utilization');
}

function* sourceCauses(at: string, metric: MetricSpec, member: Member): Causes {
  const path = `${at}.${member}`;
  const { object, pods, resource, containerResource, external } = metric;
  // What is missing is reported by the declaration; here it is empty.
  const target: Partial<MetricTarget> = metric[member]?.target ?? {};
  switch (member) {
    case 'object':
      if (object === undefined) return;
      yield* reference(`${path}.describedObject`, object.describedObject);
      yield* identifier(`${path}.metric`, object.metric);
      yield* targetCauses(`${path}.target`, target);
      if (target.value === undefined && target.averageValue === undefined)
        yield required(`${path}.target.averageValue`, 'must set either a target value or averageValue');
      return;
    case 'external':
      if (external === undefined) return;
      yield* identifier(`${path}.metric`, external.metric);
      yield* targetCauses(`${path}.target`, target);
      if (target.value === undefined && target.averageValue === undefined)
        yield required(`${path}.target.averageValue`, 'must set either a target value for metric or a per-pod target');
      if (target.value !== undefined && target.averageValue !== undefined)
        yield forbiddenField(`${path}.target.value`, 'may not set both a target value for metric and a per-pod target');
      return;
    case 'pods':
      if (pods === undefined) return;
      yield* identifier(`${path}.metric`, pods.metric);
      yield* targetCauses(`${path}.target`, target);
      if (target.averageValue === undefined)
        yield required(`${path}.target.averageValue`, 'must specify a positive target averageValue');
      return;
    case 'resource':
      if (resource === undefined) return;
      if (!resource.name) yield required(`${path}.name`, 'must specify a resource name');
      yield* usage(`${path}.target`, target);
      return;
    case 'containerResource':
      if (containerResource === undefined) return;
      if (!containerResource.name) yield required(`${path}.name`, 'must specify a resource name');
      else yield* containerResourceName(`${path}.name`, containerResource.name);
      if (!containerResource.container) yield required(`${path}.container`, 'must specify a container');
      else yield* named(dns1123Label, `${path}.container`, containerResource.container);
      yield* usage(`${path}.target`, target);
      return;
    default:
      member satisfies never;
  }
}

function* metricCauses(at: string, metric: MetricSpec): Causes {
  const { type = '' } = metric;
  if (type === '') yield required(`${at}.type`, 'must specify a metric source type');
  const expected = sources.find(([name]) => name === type)?.[1];
  if (expected === undefined) yield notSupported(`${at}.type`, type, types);
  const present = sources.map(([, member]) => member).filter((member) => metric[member] !== undefined);
  const [first] = present;
  if (first !== undefined) yield* sourceCauses(at, metric, first);
  if (expected !== undefined && metric[expected] === undefined)
    yield required(`${at}.${expected}`, 'must populate information for the given metric source');
  if (present.length > 1)
    for (const member of present)
      if (member !== expected) yield forbiddenField(`${at}.${member}`, 'must populate the given metric source only');
}

function* policyCauses(at: string, { type = '', value, periodSeconds }: HPAScalingPolicy): Causes {
  if (type !== 'Pods' && type !== 'Percent') yield notSupported(`${at}.type`, type, ['Percent', 'Pods']);
  if (value <= 0) yield invalidValue(`${at}.value`, value, 'must be greater than zero');
  if (periodSeconds <= 0) yield invalidValue(`${at}.periodSeconds`, periodSeconds, 'must be greater than zero');
  if (periodSeconds > periodSecondsMax)
    yield invalidValue(`${at}.periodSeconds`, periodSeconds, `must be less than or equal to ${periodSecondsMax}`);
}

function* ruleCauses(path: string, rules: HPAScalingRules | undefined): Causes {
  if (rules === undefined) return;
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules;
  if (window !== undefined && window < 0)
    yield invalidValue(`${path}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero');
  if (window !== undefined && window > windowSecondsMax)
    yield invalidValue(
      `${path}.stabilizationWindowSeconds`,
      window,
      `must be less than or equal to ${windowSecondsMax}`,
    );
  const selects = ['Disabled', 'Max', 'Min'];
  if (selectPolicy !== undefined && !selects.includes(selectPolicy))
    yield notSupported(`${path}.selectPolicy`, selectPolicy, selects);
  if (policies.length === 0) yield required(`${path}.policies`, 'must specify at least one Policy');
  for (const [policy, at] of indexed(`${path}.policies`, policies)) yield* policyCauses(at, policy);
  const allowed = tolerance === undefined ? undefined : parseQuantity(tolerance);
  if (allowed !== undefined && allowed.nano < 0n)
    yield invalidValue(`${path}.tolerance`, allowed.text, 'must be greater than or equal to 0');
}

export function* hpaCauses(spec: HorizontalPodAutoscalerSpec): Causes {
  const { minReplicas, maxReplicas = 0, metrics = [], behavior } = spec;
  if (maxReplicas === 0) yield required('spec.maxReplicas');
  else if (maxReplicas < 1) yield invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to 1');
  if (maxReplicas < minReplicas)
    yield invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`');
  yield* reference('spec.scaleTargetRef', spec.scaleTargetRef, true);
  for (const [metric, at] of indexed('spec.metrics', metrics)) yield* metricCauses(at, metric);
  if (minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External'))
    yield forbiddenField(
      'spec.metrics',
      'must specify at least one Object or External metric to support scaling to zero replicas',
    );
  yield* ruleCauses('spec.behavior.scaleUp', behavior?.scaleUp);
  yield* ruleCauses('spec.behavior.scaleDown', behavior?.scaleDown);
}

export function* hpaStatusCauses({
  conditions,
  currentReplicas,
  desiredReplicas,
}: HorizontalPodAutoscalerStatus): Causes {
  for (const [{ observedGeneration }, at] of indexed('status.conditions', conditions))
    yield* nonNegative(`${at}.observedGeneration`, observedGeneration);
  yield* nonNegative('status.currentReplicas', currentReplicas);
  yield* nonNegative('status.desiredReplicas', desiredReplicas);
}
