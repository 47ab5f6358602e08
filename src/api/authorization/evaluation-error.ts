/**
 * What of a review's selectors is not understood. The review is answered without it, which asks for more than was meant: the answer says so. Wording is
 * upstream's.
 */
import { isApiError } from '#meta/status.ts';
import { parseFieldSelector, parseLabelSelector } from '#meta/selector.ts';
import type { FieldSelectorAttributes, LabelSelectorAttributes, ResourceAttributes } from './attributes.ts';

type Requirements =
  | Required<FieldSelectorAttributes>['requirements']
  | Required<LabelSelectorAttributes>['requirements'];
type Requirement = Requirements[number];

interface Selector {
  readonly rawSelector?: string;
  readonly requirements?: Requirements;
}

/** One value, one comparison: fields are compared in no other way. */
const isField = ({ operator, values = [] }: Requirement): boolean =>
  ['In', 'NotIn'].includes(operator ?? '') && values.length === 1;

const isLabel = ({ operator }: Requirement): boolean =>
  ['In', 'NotIn', 'Exists', 'DoesNotExist'].includes(operator ?? '');

function parses(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch (error) {
    if (!isApiError(error, 'BadRequest')) throw error;
    return false;
  }
}

/** Nothing, `ignored` or `partially ignored`. */
function ignored(
  { rawSelector = '', requirements = [] }: Selector,
  parse: (text: string) => unknown,
  isKnown: (requirement: Requirement) => boolean,
): string | undefined {
  if (requirements.length === 0) return rawSelector === '' || parses(parse, rawSelector) ? undefined : 'ignored';
  const known = requirements.filter(isKnown).length;
  if (known === requirements.length) return undefined;
  return known === 0 ? 'ignored' : 'partially ignored';
}

export function evaluationError({ fieldSelector, labelSelector }: ResourceAttributes): string | undefined {
  const found = {
    fieldSelector: fieldSelector && ignored(fieldSelector, parseFieldSelector, isField),
    labelSelector: labelSelector && ignored(labelSelector, parseLabelSelector, isLabel),
  };
  const texts = Object.entries(found).flatMap(([field, how]) =>
    how === undefined ? [] : [`spec.resourceAttributes.${field} ${how} due to parse error`],
  );
  return texts.length === 0 ? undefined : texts.join('; ');
}
