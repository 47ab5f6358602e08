/**
 * Rules that Deployments, ReplicaSets, DaemonSets and StatefulSets share: a selector that fits the template, templates that restart always,
 * and how many pods a rolling update may miss or add. Paths and wording are upstream's (pkg/apis/apps/validation).
 */
import { forbiddenField, invalidValue, notSupported, required } from '#meta/causes.ts';
import { percent } from '#meta/names.ts';
import { checkLabelSelector, matches, selectorFrom, selectsEverything } from '#meta/selector.ts';
import { internalValue } from '#schema/go-internal.ts';
import type { LabelSelector } from '#schema/label-selector.ts';
import { nonNegative, type Causes } from '../field-checks.ts';
import type { PodTemplateSpec } from '../core/pod-template.ts';
import { templateCauses } from '../core/pod-validation.ts';
import { daemonSetUpdateStrategy } from './daemonset.ts';
import { deploymentStrategy } from './deployment.ts';

/** A selector that cannot be compiled has its own causes; nothing is matched with it. */
export const isUsable = (selector: LabelSelector | undefined): boolean =>
  [...checkLabelSelector(selector, '')].length === 0;

/** Go prints maps in the order of their keys. */
export const sortedLabels = (labels: Readonly<Record<string, string>> | undefined) =>
  labels && Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));

/** A selector as Go prints it: key and operator are there even when they are missing. */
export const sortedSelector = (selector: LabelSelector | undefined): unknown =>
  selector && {
    ...(selector.matchLabels && { matchLabels: sortedLabels(selector.matchLabels) }),
    ...(selector.matchExpressions && {
      matchExpressions: selector.matchExpressions.map(({ key = '', operator = '', ...rest }) => ({
        key,
        operator,
        ...rest,
      })),
    }),
  };

/**
 * The selector and template of a workload. `kind` stands in the messages. With `unusable` a selector that cannot be compiled is told with
 * this detail once more, and the template is not looked at.
 */
export function* selectorAndTemplateCauses(
  spec: { readonly selector?: LabelSelector; readonly template: PodTemplateSpec },
  words: { readonly empty: string; readonly kind: string; readonly unusable?: string },
): Causes {
  const { selector, template } = spec;
  yield* checkLabelSelector(selector, 'spec.selector');
  const compiled = isUsable(selector) ? selectorFrom(selector) : undefined;
  if (compiled === undefined && words.unusable !== undefined) {
    yield invalidValue('spec.selector', sortedSelector(selector), words.unusable);
    return;
  }
  if (compiled !== undefined && selectsEverything(compiled)) {
    yield invalidValue('spec.selector', selector, `empty selector is invalid for ${words.empty}`);
  } else if (compiled !== undefined && !matches(compiled, template.metadata.labels)) {
    yield invalidValue(
      'spec.template.metadata.labels',
      sortedLabels(template.metadata.labels),
      '`selector` does not match template `labels`',
    );
  }
  yield* templateCauses('spec.template', template);
  const { restartPolicy, activeDeadlineSeconds } = template.spec;
  if (restartPolicy !== 'Always') yield notSupported('spec.template.spec.restartPolicy', restartPolicy, ['Always']);
  if (activeDeadlineSeconds !== undefined) {
    yield forbiddenField(
      'spec.template.spec.activeDeadlineSeconds',
      `activeDeadlineSeconds in ${words.kind} is not Supported`,
    );
  }
}

/** A number that is not negative, or a percentage. */
export function* countOrPercent(path: string, value: number | string | undefined): Causes {
  if (typeof value === 'number') yield* nonNegative(path, value);
  else if (value !== undefined) for (const message of percent(value)) yield invalidValue(path, value, message);
}

/** No percentage above 100. */
export function* atMostAll(path: string, value: number | string | undefined): Causes {
  if (typeof value === 'string' && percent(value).length === 0 && Number.parseInt(value, 10) > 100) {
    yield invalidValue(path, value, 'must not be greater than 100%');
  }
}

/** 0 and 0% are none, and so is what is no percentage. */
export const isNone = (value: number | string | undefined): boolean =>
  typeof value === 'string'
    ? percent(value).length > 0 || Number.parseInt(value, 10) === 0
    : value === undefined || value === 0;

type Counters = Readonly<Record<string, unknown>>;

/** None of these counters of a status is negative. */
export function* counters(status: Counters, keys: readonly string[]): Causes {
  for (const key of keys) yield* nonNegative(`status.${key}`, status[key] as number | undefined);
}

/** None of these counters is negative, and none of `counts` is greater than all pods; `ready` is how the counter of ready pods is told. */
export function* countCauses(
  status: Counters & { readonly availableReplicas?: number; readonly readyReplicas?: number },
  { counts, others, ready = 'readyReplicas' }: { counts: readonly string[]; others: readonly string[]; ready?: string },
): Causes {
  yield* counters(status, ['replicas', 'observedGeneration', ...counts, ...others]);
  const of = (key: string): number => (status[key] as number | undefined) ?? 0;
  for (const key of counts)
    if (of(key) > of('replicas'))
      yield invalidValue(`status.${key}`, of(key), 'cannot be greater than status.replicas');
  if (of('availableReplicas') > of('readyReplicas'))
    yield invalidValue('status.availableReplicas', of('availableReplicas'), `cannot be greater than ${ready}`);
}

/** A counter that only grows. */
export function* neverLess(path: string, value: number | undefined, old: number | undefined): Causes {
  if (old !== undefined && (value === undefined || value < old))
    yield invalidValue(path, value ?? 0, 'cannot be decremented');
}

interface RollingUpdate {
  readonly maxUnavailable: number | string;
  readonly maxSurge: number | string;
}

export function* deploymentStrategyCauses(strategy: {
  readonly type: string;
  readonly rollingUpdate?: RollingUpdate;
}): Causes {
  const path = 'spec.strategy.rollingUpdate';
  const { rollingUpdate } = strategy;
  if (strategy.type === 'Recreate') {
    if (rollingUpdate !== undefined)
      yield forbiddenField(path, "may not be specified when strategy `type` is 'Recreate'");
    return;
  }
  if (strategy.type !== 'RollingUpdate') {
    yield notSupported('spec.strategy', internalValue(deploymentStrategy, strategy), ['Recreate', 'RollingUpdate']);
    return;
  }
  if (rollingUpdate === undefined) {
    yield required(path, 'this should be defaulted and never be nil');
    return;
  }
  const { maxUnavailable, maxSurge } = rollingUpdate;
  yield* countOrPercent(`${path}.maxUnavailable`, maxUnavailable);
  yield* countOrPercent(`${path}.maxSurge`, maxSurge);
  if (isNone(maxUnavailable) && isNone(maxSurge))
    yield invalidValue(`${path}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0');
  yield* atMostAll(`${path}.maxUnavailable`, maxUnavailable);
}

export function* daemonSetStrategyCauses(strategy: {
  readonly type: string;
  readonly rollingUpdate?: RollingUpdate;
}): Causes {
  const path = 'spec.updateStrategy.rollingUpdate';
  const { rollingUpdate } = strategy;
  if (strategy.type === 'OnDelete') return;
  if (strategy.type !== 'RollingUpdate') {
    const told = internalValue(daemonSetUpdateStrategy, strategy);
    yield notSupported('spec.updateStrategy', told, ['RollingUpdate', 'OnDelete']);
    return;
  }
  if (rollingUpdate === undefined) {
    yield required(path);
    return;
  }
  const { maxUnavailable, maxSurge } = rollingUpdate;
  yield* countOrPercent(`${path}.maxUnavailable`, maxUnavailable);
  yield* countOrPercent(`${path}.maxSurge`, maxSurge);
  if (!isNone(maxUnavailable) && !isNone(maxSurge))
    yield invalidValue(`${path}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero');
  if (isNone(maxUnavailable) && isNone(maxSurge))
    yield required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0');
  yield* atMostAll(`${path}.maxUnavailable`, maxUnavailable);
  yield* atMostAll(`${path}.maxSurge`, maxSurge);
}
