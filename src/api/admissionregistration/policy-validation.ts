/**
 * Rules of admission policies and of their bindings. Wording and paths are upstream's, its misspelt `matchResouces` included. Expressions are compiled by
 * `expressions.ts`.
 */
import { reservedWords } from '#schema/cel/declared-type.ts';
import { duplicate, invalidValue, notSupported, required, tooMany } from '#meta/causes.ts';
import { dns1123Subdomain, labelKey } from '#meta/names.ts';
import type { Cause } from '#meta/status.ts';
import { conditionCauses } from '../condition-validation.ts';
import { indexed, named, type Causes } from '../field-checks.ts';
import { expressionCauses, matchExpressionCauses, results, type Scope, type Variables } from './expressions.ts';
import { fieldRefFault } from './field-ref.ts';
import type { MatchCondition, MatchResources, Variable } from './rules.ts';
import { isBlank, matchConditionsMax } from './rules-validation.ts';

const identifier = /^[_a-zA-Z][_a-zA-Z0-9]*$/;
const newline = /[\n\r]/;

const auditAnnotationsMax = 20;
/** Less than what an audit annotation may hold: expressions that join strings make longer values. */
const valueExpressionBytesMax = 5 * 1024;

interface PolicySpecLike {
  readonly paramKind?: object;
  readonly matchConstraints?: MatchResources;
  readonly matchConditions?: readonly MatchCondition[];
  readonly variables?: readonly Variable[];
}

/** What validating and mutating policies share. `known` is given the variables, for the expressions that come after this. */
export function* policyCauses(
  { paramKind, matchConstraints, matchConditions = [], variables }: PolicySpecLike,
  known: Variables | undefined,
): Causes {
  if (matchConstraints === undefined) yield required('spec.matchConstraints');
  else if (!matchConstraints.resourceRules?.length) yield required('spec.matchConstraints.resourceRules');
  if (matchConditions.length > matchConditionsMax)
    yield tooMany('spec.matchConditions', matchConditions.length, matchConditionsMax);
  const params = paramKind !== undefined;
  yield* matchExpressionCauses('spec.matchConditions', matchConditions, params);
  for (const [{ name, expression }, at] of indexed('spec.variables', variables)) {
    if (isBlank(name)) yield required(`${at}.name`, 'name is not specified');
    else if (!identifier.test(name) || reservedWords.has(name))
      yield invalidValue(`${at}.name`, name, 'must be a valid CEL identifier');
    if (isBlank(expression)) yield required(`${at}.expression`, 'expression is not specified');
    else if (known !== undefined)
      yield* known.add({ name, expression }, `${at}.expression`, { params, authorizer: true });
  }
}

interface ValidationLike {
  readonly expression: string;
  readonly message?: string;
  readonly reason?: string;
  readonly messageExpression?: string;
}

const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];

function* validationCauses(
  at: string,
  { expression, message = '', reason, messageExpression = '' }: ValidationLike,
  scope: Scope,
): Causes {
  if (isBlank(expression)) yield required(`${at}.expression`, 'expression is not specified');
  else yield* expressionCauses(`${at}.expression`, expression, { wanted: results.bool, scope });
  if (messageExpression !== '' && isBlank(messageExpression))
    yield invalidValue(`${at}.messageExpression`, messageExpression, 'must be non-empty if specified');
  else if (messageExpression !== '')
    yield* expressionCauses(`${at}.messageExpression`, messageExpression, {
      wanted: results.string,
      scope: { ...scope, authorizer: false },
    });
  if (message !== '' && isBlank(message))
    yield invalidValue(`${at}.message`, message, 'must be non-empty if specified');
  else if (newline.test(message.trim())) yield invalidValue(`${at}.message`, message, 'must not contain line breaks');
  if (reason !== undefined && !reasons.includes(reason)) yield notSupported(`${at}.reason`, reason, reasons);
}

interface AuditAnnotationLike {
  readonly key: string;
  readonly valueExpression: string;
}

interface ValidatingSpecLike {
  readonly paramKind?: object;
  readonly validations?: readonly ValidationLike[];
  readonly auditAnnotations?: readonly AuditAnnotationLike[];
}

export function* validatingCauses(
  name: string,
  { paramKind, validations = [], auditAnnotations = [] }: ValidatingSpecLike,
  variables: Variables | undefined,
): Causes {
  const scope: Scope = { params: paramKind !== undefined, authorizer: true, variables };
  if (validations.length === 0 && auditAnnotations.length === 0) {
    for (const field of ['validations', 'auditAnnotations'])
      yield required(`spec.${field}`, 'validations or auditAnnotations must contain at least one item');
    return;
  }
  for (const [validation, at] of indexed('spec.validations', validations))
    yield* validationCauses(at, validation, scope);
  if (auditAnnotations.length > auditAnnotationsMax) {
    yield invalidValue(
      'spec.auditAnnotations',
      auditAnnotations,
      `must not have more than ${auditAnnotationsMax} auditAnnotations`,
    );
  }
  const keys = new Set<string>();
  for (const [{ key = '', valueExpression = '' }, at] of indexed('spec.auditAnnotations', auditAnnotations)) {
    if (name === '') yield invalidValue(`${at}.key`, key, 'requires metadata.name be non-empty');
    else yield* named(labelKey, `${at}.key`, `${name}/${key}`);
    if (isBlank(valueExpression)) yield required(`${at}.valueExpression`, 'valueExpression is not specified');
    else if (Buffer.byteLength(valueExpression.trim()) > valueExpressionBytesMax)
      yield required(`${at}.valueExpression`, `must not exceed ${valueExpressionBytesMax} bytes in length`);
    else
      yield* expressionCauses(`${at}.valueExpression`, valueExpression, {
        wanted: results.stringOrNull,
        scope,
        trimmed: true,
      });
    if (keys.has(key)) yield duplicate(`${at}.key`, key);
    keys.add(key);
  }
}

const mutated: readonly string[] = ['*', 'CONNECT', 'CREATE', 'UPDATE'];

/** What is being deleted is not changed. Upstream tells the path without the rule's place. */
export function* mutatedOperationCauses(path: string, match: MatchResources | undefined): Causes {
  for (const { operations = [] } of match?.resourceRules ?? [])
    for (const operation of operations)
      if (!mutated.includes(operation)) yield notSupported(`${path}.resourceRules.operations`, operation, mutated);
}

interface MutationLike {
  readonly patchType: string;
  readonly applyConfiguration?: { readonly expression?: string };
  readonly jsonPatch?: { readonly expression?: string };
}

const patchResults = { applyConfiguration: results.object, jsonPatch: results.patches };

/** A mutation holds what its type names, and nothing else. */
export function* mutationCauses(
  { paramKind, mutations }: { readonly paramKind?: object; readonly mutations?: readonly MutationLike[] },
  variables: Variables,
): Causes {
  const scope: Scope = { params: paramKind !== undefined, authorizer: true, patches: true, variables };
  if (!mutations?.length) yield required('spec.mutations', 'mutations must contain at least one item');
  for (const [mutation, at] of indexed('spec.mutations', mutations)) {
    const of = { ApplyConfiguration: 'applyConfiguration', JSONPatch: 'jsonPatch' } as const;
    for (const [type, field] of Object.entries(of)) {
      const held = mutation[field];
      if (type !== mutation.patchType) {
        if (held !== undefined && mutation.patchType in of)
          yield invalidValue(
            `${at}.${field}`,
            `{${field}}`,
            `must not be specified when patchType is ${mutation.patchType}`,
          );
      } else if (held === undefined)
        yield required(`${at}.${field}`, `must be specified when patchType is ${mutation.patchType}`);
      else if (held.expression === undefined || isBlank(held.expression)) yield required(`${at}.${field}.expression`);
      else
        yield* expressionCauses(`${at}.${field}.expression`, held.expression.trim(), {
          wanted: patchResults[field],
          scope,
        });
    }
  }
}

const expectsEach =
  'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';

export function* validationActionCauses(actions: readonly string[] | undefined): Causes {
  if (actions?.includes('Deny') && actions.includes('Warn'))
    yield invalidValue('spec.validationActions', actions, expectsEach);
}

export function* policyNameCauses(policyName: string | undefined): Causes {
  if (policyName) yield* named(dns1123Subdomain, 'spec.policyName', policyName);
}

interface PolicyStatusLike {
  readonly typeChecking?: {
    readonly expressionWarnings?: readonly { readonly fieldRef?: string; readonly warning?: string }[];
  };
  readonly conditions?: Parameters<typeof conditionCauses>[1];
}

export function policyStatusCauses(status: PolicyStatusLike | undefined): readonly Cause[] {
  const causes: Cause[] = [];
  const warnings = indexed('status.typeChecking.expressionWarnings', status?.typeChecking?.expressionWarnings);
  for (const [{ fieldRef = '', warning }, at] of warnings) {
    if (!warning) causes.push(required(`${at}.warning`));
    const text = fieldRef.trim();
    const fault = fieldRefFault(text);
    if (text === '') causes.push(required(`${at}.fieldRef`));
    else if (fault !== undefined) causes.push(invalidValue(`${at}.fieldRef`, text, `invalid JSONPath: ${fault}`));
  }
  return [...causes, ...conditionCauses('status.conditions', status?.conditions)];
}
