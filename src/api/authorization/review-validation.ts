/** Rules of access reviews: they ask about exactly one thing, and say nothing of themselves. Wording is upstream's. */
import { deepEqual } from '#base/deep-equal.ts';
import { forbiddenField, invalidValue, required } from '#meta/causes.ts';
import { labelKey, labelValue } from '#meta/names.ts';
import type { DraftMeta } from '#meta/object-meta.ts';
import { internalValue } from '#schema/go-internal.ts';
import { indexed, named, type Causes } from '../field-checks.ts';
import {
  nonResourceAttributes,
  type FieldSelectorAttributes,
  type LabelSelectorAttributes,
  type NonResourceAttributes,
  type ResourceAttributes,
} from './attributes.ts';

interface Asked {
  readonly resourceAttributes?: ResourceAttributes;
  readonly nonResourceAttributes?: NonResourceAttributes;
  readonly user?: string;
  readonly groups?: readonly string[];
}

/** What is asked; with `subject`, of somebody. */
export function* askedCauses(spec: Asked, subject?: 'subject'): Causes {
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec;
  if ((resource === undefined) === (path === undefined))
    yield invalidValue(
      'spec',
      path && internalValue(nonResourceAttributes, path),
      'exactly one of nonResourceAttributes or resourceAttributes must be specified',
    );
  if (subject && !spec.user && !spec.groups?.length)
    yield invalidValue('spec.user', spec.user ?? '', 'at least one of user or group must be specified');
  if (resource?.fieldSelector !== undefined) yield* fieldCauses(resource.fieldSelector);
  if (resource?.labelSelector !== undefined) yield* labelCauses(resource.labelSelector);
}

/** A review is no object: it has no name, no labels, nothing. `rest` may not be there, either. */
export function* metadataCauses(metadata: DraftMeta, except?: 'namespace'): Causes {
  const { managedFields: _own, ...sent } = metadata;
  const { namespace: _where, ...rest } = sent;
  if (!deepEqual(except ? rest : sent, {}))
    yield invalidValue('metadata', metadata, except ? 'must be empty except for namespace' : 'must be empty');
}

/** In one namespace: that of the request. */
export function* localCauses(
  metadata: DraftMeta,
  { resourceAttributes: resource, nonResourceAttributes: path }: Asked,
): Causes {
  yield* metadataCauses(metadata, 'namespace');
  if (resource !== undefined && (resource.namespace ?? '') !== metadata.namespace)
    yield invalidValue('spec.resourceAttributes.namespace', resource.namespace ?? '', 'must match metadata.namespace');
  if (path !== undefined)
    yield invalidValue(
      'spec.nonResourceAttributes',
      internalValue(nonResourceAttributes, path),
      'disallowed on this kind of request',
    );
}

const setOperators = ['In', 'NotIn'];
const existence = ['Exists', 'DoesNotExist'];

/** Other operators are those of newer clients: the review is answered without them. */
function* valuesCauses(at: string, operator: string, values: readonly string[]): Causes {
  if (setOperators.includes(operator) && values.length === 0)
    yield required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
  if (existence.includes(operator) && values.length > 0)
    yield forbiddenField(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
}

/** The selector stands once, as text or in parts. */
function* onceCauses(at: string, { rawSelector = '', requirements = [] }: FieldSelectorAttributes): Causes {
  if (rawSelector !== '' && requirements.length > 0)
    yield invalidValue(`${at}.rawSelector`, rawSelector, 'may not specified at the same time as requirements');
  if (rawSelector === '' && requirements.length === 0)
    yield required(`${at}.requirements`, `when ${at} is specified, requirements or rawSelector is required`);
}

function* fieldCauses(selector: FieldSelectorAttributes): Causes {
  const path = 'spec.resourceAttributes.fieldSelector';
  yield* onceCauses(path, selector);
  for (const [{ key, operator, values = [] }, at] of indexed(`${path}.requirements`, selector.requirements)) {
    if (!key) yield required(`${at}.key`, 'must be specified');
    yield* valuesCauses(at, operator, values);
  }
}

function* labelCauses(selector: LabelSelectorAttributes): Causes {
  const path = 'spec.resourceAttributes.labelSelector';
  yield* onceCauses(path, selector);
  for (const [{ key = '', operator = '', values = [] }, at] of indexed(`${path}.requirements`, selector.requirements)) {
    yield* valuesCauses(at, operator, values);
    yield* named(labelKey, `${at}.key`, key);
    for (const [value, each] of indexed(`${at}.values`, values)) yield* named(labelValue, each, value);
  }
}
