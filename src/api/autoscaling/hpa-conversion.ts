/**
 * The two faces of a HorizontalPodAutoscaler: v2, which is stored, and v1, which knows the CPU of pods only and carries the rest in annotations,
 * written as upstream writes them. Annotations come from clients: what cannot be read is passed over, as upstream does.
 */
import { isApiError } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { decode } from '#schema/decode.ts';
import type { StructType } from '#schema/type.ts';
import {
  defaultCpuUtilization,
  horizontalPodAutoscalerSpec,
  horizontalPodAutoscalerStatus,
} from './horizontalpodautoscaler.ts';
import type { HorizontalPodAutoscaler } from './horizontalpodautoscaler.ts';

type Json = Readonly<Record<string, unknown>>;

const prefix = 'autoscaling.alpha.kubernetes.io/';
export const metricsAnnotation = `${prefix}metrics`;
export const currentMetricsAnnotation = `${prefix}current-metrics`;
export const behaviorAnnotation = `${prefix}behavior`;
export const conditionsAnnotation = `${prefix}conditions`;
const carried = [metricsAnnotation, currentMetricsAnnotation, behaviorAnnotation, conditionsAnnotation];

// Go's encoder leaves absent fields out and keeps the order of the struct: so do these.
const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const some = (fields: Json): Json =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

const isCpu = (metric: Json): boolean => metric['type'] === 'Resource' && object(metric['resource'])['name'] === 'cpu';
const utilizationOf = (metric: Json, part: 'target' | 'current'): number | undefined =>
  object(object(metric['resource'])[part])['averageUtilization'] as number | undefined;

/** One metric as v1 wrote it in v2beta1's days: `part` is target or current. */
function oldMetric(metric: Json, part: 'target' | 'current'): Json {
  const [amount, average, utilization] = [`${part}Value`, `${part}AverageValue`, `${part}AverageUtilization`];
  const at = (key: string): { source: Json; value: Json; id: Json } | undefined => {
    if (metric[key] === undefined) return undefined;
    const source = object(metric[key]);
    return { source, value: object(source[part]), id: object(source['metric']) };
  };
  // What is no pointer in Go is always written.
  const always = (value: unknown): unknown => value ?? '0';
  const [ofObject, pods, resource, container, external] = [
    at('object'),
    at('pods'),
    at('resource'),
    at('containerResource'),
    at('external'),
  ];
  const used = ({ source, value }: { source: Json; value: Json }): Json => ({
    name: source['name'] ?? '',
    [utilization]: value['averageUtilization'],
    [average]: part === 'target' ? value['averageValue'] : always(value['averageValue']),
  });
  return some({
    type: metric['type'] ?? '',
    object:
      ofObject &&
      some({
        target: ofObject.source['describedObject'] ?? {},
        metricName: ofObject.id['name'] ?? '',
        [amount]: always(ofObject.value['value']),
        selector: ofObject.id['selector'],
        averageValue: ofObject.value['averageValue'],
      }),
    pods:
      pods &&
      some({
        metricName: pods.id['name'] ?? '',
        [average]: always(pods.value['averageValue']),
        selector: pods.id['selector'],
      }),
    resource: resource && some(used(resource)),
    containerResource: container && some({ ...used(container), container: container.source['container'] ?? '' }),
    external:
      external &&
      some({
        metricName: external.id['name'] ?? '',
        metricSelector: external.id['selector'],
        [amount]: part === 'target' ? external.value['value'] : always(external.value['value']),
        [average]: external.value['averageValue'],
      }),
  });
}

/** And back. What v1 does not say, the type of the target, follows from what is set. */
function newMetric(metric: Json, part: 'target' | 'current'): Json {
  const [amount, average, utilization] = [`${part}Value`, `${part}AverageValue`, `${part}AverageUtilization`];
  const typed = (value: Json, type: string): Json => (part === 'target' ? { type, ...some(value) } : some(value));
  const at = (key: string): Json | undefined => (metric[key] === undefined ? undefined : object(metric[key]));
  const id = (name: unknown, selector: unknown): Json => some({ name, selector });
  const [ofObject, pods, resource, container, external] = [
    at('object'),
    at('pods'),
    at('resource'),
    at('containerResource'),
    at('external'),
  ];
  const used = (source: Json): Json => ({
    name: source['name'],
    [part]: typed(
      { averageValue: source[average], averageUtilization: source[utilization] },
      source[utilization] === undefined ? 'AverageValue' : 'Utilization',
    ),
  });
  // A whole that is zero beside an average was never set: v1 cannot leave it out.
  const whole = (source: Json, averaged: unknown): unknown =>
    averaged !== undefined && source[amount] === '0' ? undefined : source[amount];
  return some({
    type: metric['type'],
    object: ofObject && {
      describedObject: ofObject['target'],
      [part]: typed(
        { value: whole(ofObject, ofObject['averageValue']), averageValue: ofObject['averageValue'] },
        ofObject['averageValue'] === undefined ? 'Value' : 'AverageValue',
      ),
      metric: id(ofObject['metricName'], ofObject['selector']),
    },
    pods: pods && {
      metric: id(pods['metricName'], pods['selector']),
      [part]: typed({ averageValue: pods[average] }, 'AverageValue'),
    },
    resource: resource && used(resource),
    containerResource: container && { ...used(container), container: container['container'] },
    external: external && {
      metric: id(external['metricName'], external['metricSelector']),
      [part]: typed(
        { value: whole(external, external[average]), averageValue: external[average] },
        external[amount] === undefined ? 'AverageValue' : 'Value',
      ),
    },
  });
}

/** Upstream writes the behavior with Go's own names of the fields. */
const goName = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
const jsonName = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);

function renamed(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([name, inner]) => [rename(name), renamed(inner, rename)]),
  );
}

function goRules(rules: Json | undefined): Json | null {
  if (rules === undefined) return null;
  const { stabilizationWindowSeconds = null, selectPolicy = null, policies = null, tolerance = null } = rules;
  const named = (policies as readonly Json[] | null)?.map(({ type, value, periodSeconds }) => ({
    Type: type ?? '',
    Value: value ?? 0,
    PeriodSeconds: periodSeconds ?? 0,
  }));
  return {
    [goName('stabilizationWindowSeconds')]: stabilizationWindowSeconds,
    [goName('selectPolicy')]: selectPolicy,
    [goName('policies')]: named ?? null,
    [goName('tolerance')]: tolerance,
  };
}

/** The stored object as v1 shows it. An object that is v1 already stays. */
export function fromV2(stored: AnyObject): AnyObject {
  if (stored.apiVersion === 'autoscaling/v1') return stored;
  const { spec, status, metadata, ...rest } = stored as HorizontalPodAutoscaler;
  const metrics = (spec?.metrics ?? []) as readonly unknown[] as readonly Json[];
  const current = (status?.currentMetrics ?? []) as readonly unknown[] as readonly Json[];
  const others = metrics.filter((metric) => !isCpu(metric) || utilizationOf(metric, 'target') === undefined);
  const cpu = metrics.find(isCpu);
  const target = cpu && utilizationOf(cpu, 'target');
  const used = current
    .filter(isCpu)
    .flatMap((metric) => utilizationOf(metric, 'current') ?? [])
    .at(-1);
  const notes: Record<string, string> = {};
  const note = (name: string, value: unknown): void => void (notes[name] = JSON.stringify(value));
  if (others.length > 0)
    note(
      metricsAnnotation,
      others.map((metric) => oldMetric(metric, 'target')),
    );
  if (current.length > 0)
    note(
      currentMetricsAnnotation,
      current.map((metric) => oldMetric(metric, 'current')),
    );
  if (spec?.behavior !== undefined) {
    const { scaleUp, scaleDown } = spec.behavior;
    note(behaviorAnnotation, {
      ScaleUp: goRules(scaleUp as Json | undefined),
      ScaleDown: goRules(scaleDown as Json | undefined),
    });
  }
  if (status?.conditions?.length) note(conditionsAnnotation, status.conditions);
  const { metrics: _m, behavior: _b, ...plain } = spec ?? {};
  const { currentMetrics: _c, conditions: _s, currentReplicas = 0, ...seen } = status ?? {};
  return {
    ...rest,
    apiVersion: 'autoscaling/v1',
    metadata: withNotes(metadata, notes),
    spec: { ...plain, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
    ...(status === undefined
      ? {}
      : {
          status: {
            ...seen,
            currentReplicas,
            ...(used === undefined ? {} : { currentCPUUtilizationPercentage: used }),
          },
        }),
  } as unknown as AnyObject;
}

/** The object with these annotations in place of those that carry what v1 lacks. */
function withNotes(metadata: AnyObject['metadata'], notes: Readonly<Record<string, string>>): AnyObject['metadata'] {
  const { annotations, ...rest } = metadata;
  const kept = Object.entries(annotations ?? {}).filter(([name]) => !carried.includes(name));
  const all = Object.fromEntries([...kept, ...Object.entries(notes)]);
  return Object.keys(all).length === 0 ? rest : { ...rest, annotations: all };
}

/** A v1 object as it is stored. */
export function toV2(shown: AnyObject): AnyObject {
  if (shown.apiVersion !== 'autoscaling/v1') return shown;
  const { spec = {}, status, metadata, ...rest } = shown as AnyObject & { spec?: Json; status?: Json };
  const notes = metadata.annotations ?? {};
  const { targetCPUUtilizationPercentage: target, ...plain } = spec;
  const others = read(notes[metricsAnnotation], 'metrics', horizontalPodAutoscalerSpec, (value) =>
    newMetric(value, 'target'),
  );
  const cpu = (utilization: unknown): Json => ({
    type: 'Resource',
    resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: utilization } },
  });
  const metrics = [...(others ?? []), ...(target === undefined ? [] : [cpu(target)])];
  const behavior = behaviorOf(notes[behaviorAnnotation]);
  const { currentCPUUtilizationPercentage: used, currentReplicas, ...seen } = status ?? {};
  const current =
    read(notes[currentMetricsAnnotation], 'currentMetrics', horizontalPodAutoscalerStatus, (value) =>
      newMetric(value, 'current'),
    ) ??
    (used === undefined
      ? []
      : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: used } } }]);
  const conditions = read(notes[conditionsAnnotation], 'conditions', horizontalPodAutoscalerStatus, (value) => value);
  return {
    ...rest,
    apiVersion: 'autoscaling/v2',
    metadata: withNotes(metadata, {}),
    spec: {
      ...plain,
      metrics: metrics.length > 0 ? metrics : [cpu(defaultCpuUtilization)],
      ...(behavior === undefined ? {} : { behavior }),
    },
    ...(status === undefined
      ? {}
      : {
          status: {
            ...seen,
            ...(currentReplicas ? { currentReplicas } : {}),
            ...(current.length > 0 ? { currentMetrics: current } : {}),
            ...(conditions?.length ? { conditions } : {}),
          },
        }),
  } as unknown as AnyObject;
}

/** The list in an annotation, as the field of this name in `type` holds it; undefined when it cannot be read. */
function read(
  text: string | undefined,
  field: string,
  type: StructType,
  convert: (item: Json) => Json,
): readonly Json[] | undefined {
  const list = parsed(text);
  if (!Array.isArray(list)) return undefined;
  const found = decoded(type, { [field]: list.map((item: unknown) => convert(object(item))) });
  return found && ((found[field] ?? []) as readonly Json[]);
}

function behaviorOf(text: string | undefined): Json | undefined {
  const value = renamed(parsed(text), jsonName);
  const behavior = decoded(horizontalPodAutoscalerSpec, { behavior: value })?.['behavior'];
  return behavior === undefined || Object.keys(object(behavior)).length === 0 ? undefined : object(behavior);
}

function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Right types only, in their one spelling. Nothing is required here: that is for validation. */
function decoded(type: StructType, value: Json): Json | undefined {
  try {
    return decode<Json>(type, value, { strict: 'Ignore' }).object;
  } catch (error) {
    if (isApiError(error, 'BadRequest')) return undefined;
    throw error;
  }
}
