/**
 * Rules that Deployments, ReplicaSets, DaemonSets and StatefulSets share: a selector that fits the template, templates that restart always,
 * and how many pods a rolling update may miss or add. Paths and wording are upstream's (pkg/apis/apps/validation).
 */
import { forbiddenField, invalidValue, notSupported, required } from '#meta/causes.ts';
import { percent } from '#meta/names.ts';
import { checkLabelSelector, matches, selectorFrom, selectsEverything } from '#meta/selector.ts';
import type { LabelSelector } from '#schema/label-selector.ts';
import { nonNegative, type Causes } from '../field-checks.ts';
import type { PodTemplateSpec } from '../core/pod-template.ts';
import { templateCauses } from '../core/pod-validation.ts';

/** A selector that cannot be compiled has its own causes; nothing is matched with it. */
export const isUsable = (selector: LabelSelector | undefined): boolean =>
  [...checkLabelSelector(selector, '')].length === 0;

/** Go writes the key and the operator even when they are missing. */
const written = (selector: LabelSelector | undefined): unknown => ({
  ...selector,
  ...(selector?.matchExpressions && {
    matchExpressions: selector.matchExpressions.map((one) => ({
      ...one,
      key: one.key ?? '',
      operator: one.operator ?? '',
    })),
  }),
});

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
    yield invalidValue('spec.selector', written(selector), words.unusable);
    return;
  }
  if (compiled !== undefined && selectsEverything(compiled)) {
    yield invalidValue('spec.selector', selector, `empty selector is invalid for ${words.empty}`);
  } else if (compiled !== undefined && !matches(compiled, template.metadata.labels)) {
    yield invalidValue(
      'spec.template.metadata.labels',
      template.metadata.labels,
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

/** 0 and 0% are none. */
export const isNone = (value: number | string | undefined): boolean =>
  (typeof value === 'string' ? Number.parseInt(value, 10) : (value ?? 0)) === 0;

/** Counters of a status: none is negative, and none is greater than `of`. */
export function* countCauses(
  status: Readonly<Record<string, unknown>>,
  { replicas, counts }: { readonly replicas: number; readonly counts: readonly string[] },
): Causes {
  for (const key of counts) {
    const value = status[key];
    if (typeof value !== 'number') continue;
    yield* nonNegative(`status.${key}`, value);
    if (value > replicas) yield invalidValue(`status.${key}`, value, 'cannot be greater than status.replicas');
  }
  const { availableReplicas: available = 0, readyReplicas: ready = 0 } = status as {
    availableReplicas?: number;
    readyReplicas?: number;
  };
  if (available > ready)
    yield invalidValue('status.availableReplicas', available, 'cannot be greater than readyReplicas');
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
  if (strategy.type !== 'RollingUpdate') return;
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
  if (strategy.type !== 'RollingUpdate') return;
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
