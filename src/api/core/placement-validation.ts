/** Rules of what says where a pod may run: node selectors, affinity, tolerations, topology spread. Wording is upstream's. */
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '#meta/causes.ts';
import { dns1123Label, dns1123Subdomain, labelKey, labelValue } from '#meta/names.ts';
import { checkLabelSelector } from '#meta/selector.ts';
import type { LabelSelector } from '#schema/label-selector.ts';
import { indexed, named, positive, type Causes } from '../field-checks.ts';
import type { Affinity, PodAffinityTerm } from './affinity.ts';
import type { NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from './node-selector.ts';
import type { Toleration, TopologySpreadConstraint } from './tolerations.ts';

function* labelRequirement(
  at: string,
  { key, operator, values = [] }: NodeSelectorRequirement,
  checkValues: boolean,
): Causes {
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) yield required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0)
        yield forbiddenField(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      break;
    case 'Gt':
    case 'Lt':
      if (values.length !== 1)
        yield required(`${at}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'");
      break;
    default:
      operator satisfies never;
      yield invalidValue(`${at}.operator`, operator, 'not a valid selector operator');
  }
  yield* named(labelKey, `${at}.key`, key);
  if (checkValues)
    for (const [value, valueAt] of indexed(`${at}.values`, values)) yield* named(labelValue, valueAt, value);
}

function* fieldRequirement(at: string, { key, operator, values = [] }: NodeSelectorRequirement): Causes {
  if (operator !== 'In' && operator !== 'NotIn')
    yield invalidValue(`${at}.operator`, operator, 'not a valid selector operator');
  else if (values.length !== 1)
    yield required(`${at}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
  if (key !== 'metadata.name') yield invalidValue(`${at}.key`, key, 'not a valid field selector key');
  else for (const [value, valueAt] of indexed(`${at}.values`, values)) yield* named(dns1123Subdomain, valueAt, value);
}

function* nodeTerm(path: string, term: NodeSelectorTerm, checkValues: boolean): Causes {
  for (const [requirement, at] of indexed(`${path}.matchExpressions`, term.matchExpressions))
    yield* labelRequirement(at, requirement, checkValues);
  for (const [requirement, at] of indexed(`${path}.matchFields`, term.matchFields))
    yield* fieldRequirement(at, requirement);
}

/** The terms of a selector of nodes. */
export function* nodeSelectorCauses(path: string, selector: NodeSelector): Causes {
  if (!selector.nodeSelectorTerms?.length)
    yield required(`${path}.nodeSelectorTerms`, 'must have at least one node selector term');
  for (const [term, at] of indexed(`${path}.nodeSelectorTerms`, selector.nodeSelectorTerms))
    yield* nodeTerm(at, term, true);
}

function* weight(path: string, value: number): Causes {
  if (value < 1 || value > 100) yield invalidValue(path, value, 'must be in the range 1-100');
}

/** Keys that a selector speaks of more than once are, after the server has merged the keys in, those named in both places. */
function* matchKeys(path: string, keys: readonly string[] | undefined, selector: LabelSelector | undefined): Causes {
  if (!keys?.length) return;
  if (selector === undefined) {
    yield forbiddenField(path, 'must not be specified when labelSelector is not set');
    return;
  }
  for (const [key, at] of indexed(path, keys)) yield* named(labelKey, at, key);
}

function* inBoth(path: string, keys: readonly string[] | undefined, selector: LabelSelector | undefined): Causes {
  if (selector === undefined || !keys?.length) return;
  const seen = new Set(Object.keys(selector.matchLabels ?? {}));
  for (const { key } of selector.matchExpressions ?? []) {
    if (keys.includes(key) && seen.has(key))
      yield invalidValue(`${path}[${keys.indexOf(key)}]`, key, 'exists in both matchLabelKeys and labelSelector');
    seen.add(key);
  }
}

function* affinityTerm(path: string, term: PodAffinityTerm): Causes {
  yield* checkLabelSelector(term.labelSelector, `${path}.labelSelector`);
  yield* checkLabelSelector(term.namespaceSelector, `${path}.namespaceSelector`);
  for (const namespace of term.namespaces ?? []) yield* named(dns1123Label, `${path}.namespace`, namespace);
  yield* matchKeys(`${path}.matchLabelKeys`, term.matchLabelKeys, term.labelSelector);
  yield* matchKeys(`${path}.mismatchLabelKeys`, term.mismatchLabelKeys, term.labelSelector);
  yield* inBoth(path, term.matchLabelKeys, term.labelSelector);
  for (const [key, at] of indexed(`${path}.matchLabelKeys`, term.matchLabelKeys)) {
    if (term.mismatchLabelKeys?.includes(key))
      yield invalidValue(at, key, 'exists in both matchLabelKeys and mismatchLabelKeys');
  }
  if (!term.topologyKey) yield required(`${path}.topologyKey`, 'can not be empty');
  yield* named(labelKey, `${path}.topologyKey`, term.topologyKey);
}

function* neighbours(path: string, side: Affinity['podAffinity']): Causes {
  if (side === undefined) return;
  const requiredPath = `${path}.requiredDuringSchedulingIgnoredDuringExecution`;
  for (const [term, at] of indexed(requiredPath, side.requiredDuringSchedulingIgnoredDuringExecution))
    yield* affinityTerm(at, term);
  const preferredPath = `${path}.preferredDuringSchedulingIgnoredDuringExecution`;
  for (const [term, at] of indexed(preferredPath, side.preferredDuringSchedulingIgnoredDuringExecution)) {
    yield* weight(`${at}.weight`, term.weight);
    if (term.podAffinityTerm !== undefined) yield* affinityTerm(`${at}.podAffinityTerm`, term.podAffinityTerm);
  }
}

export function* affinityCauses(path: string, affinity: Affinity | undefined): Causes {
  const nodes = affinity?.nodeAffinity;
  if (nodes?.requiredDuringSchedulingIgnoredDuringExecution !== undefined) {
    const at = `${path}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`;
    yield* nodeSelectorCauses(at, nodes.requiredDuringSchedulingIgnoredDuringExecution);
  }
  const preferredPath = `${path}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution`;
  for (const [term, at] of indexed(preferredPath, nodes?.preferredDuringSchedulingIgnoredDuringExecution)) {
    yield* weight(`${at}.weight`, term.weight);
    if (term.preference !== undefined) yield* nodeTerm(`${at}.preference`, term.preference, false);
  }
  yield* neighbours(`${path}.podAffinity`, affinity?.podAffinity);
  yield* neighbours(`${path}.podAntiAffinity`, affinity?.podAntiAffinity);
}

export function* tolerationCauses(path: string, tolerations: readonly Toleration[] | undefined): Causes {
  for (const [{ key, operator = '', value = '', effect, tolerationSeconds }, at] of indexed(path, tolerations)) {
    if (key) yield* named(labelKey, `${at}.key`, key);
    else if (operator !== 'Exists') {
      yield invalidValue(
        `${at}.operator`,
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      );
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      yield invalidValue(`${at}.effect`, effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set");
    }
    if (operator === 'Exists') {
      if (value !== '') yield invalidValue(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'");
    } else if (operator === 'Equal' || operator === '') {
      const messages = labelValue(value);
      if (messages.length > 0) yield invalidValue(`${at}.operator`, value, messages.join(';'));
    }
  }
}

export function* spreadCauses(path: string, constraints: readonly TopologySpreadConstraint[] | undefined): Causes {
  for (const [constraint, at, index] of indexed(path, constraints)) {
    const { topologyKey, whenUnsatisfiable, minDomains, labelSelector, matchLabelKeys } = constraint;
    yield* positive(`${at}.maxSkew`, constraint.maxSkew);
    const again = constraints
      ?.slice(index + 1)
      .some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable);
    if (again) yield duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${whenUnsatisfiable}}`);
    yield* positive(`${at}.minDomains`, minDomains);
    if (minDomains !== undefined && whenUnsatisfiable !== 'DoNotSchedule') {
      yield invalidValue(
        `${at}.minDomains`,
        minDomains,
        `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`,
      );
    }
    yield* matchKeys(`${at}.matchLabelKeys`, matchLabelKeys, labelSelector);
    yield* inBoth(`${at}.matchLabelKeys`, matchLabelKeys, labelSelector);
    yield* checkLabelSelector(labelSelector, `${at}.labelSelector`);
  }
}

/** Of pods and of priority classes; undefined where nothing is said. */
export function* preemptionCauses(path: string, policy: string | undefined): Causes {
  const known = ['PreemptLowerPriority', 'Never'];
  if (policy === '') yield required(path);
  else if (policy !== undefined && !known.includes(policy)) yield notSupported(path, policy, known);
}
