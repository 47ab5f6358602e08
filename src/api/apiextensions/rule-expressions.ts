/**
 * The CEL rules of custom resources (`x-kubernetes-validations`): what is wrong with those that are written, and how much work they may be. `self` has the type
 * that the schema declares where the rule stands. https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
 */
import { forbiddenField, invalidValue } from '#meta/causes.ts';
import type { Checked } from '#schema/cel/check.ts';
import { compile } from '#schema/cel/compile.ts';
import { estimateCost, type CostOptions } from '#schema/cel/cost.ts';
import { sizesOf } from '#schema/cel/declared-size.ts';
import { objectsOf, type DeclaredType } from '#schema/cel/declared-type.ts';
import { extended, type Environment } from '#schema/cel/environment.ts';
import { kubernetesEnvironment } from '#schema/cel/kubernetes.ts';
import { programFault } from '#schema/cel/program.ts';
import { requestBytesMax, schemaType } from '#schema/cel/schema-type.ts';
import { optionalType } from '#schema/cel/types.ts';
import { internalValue } from '#schema/go-internal.ts';
import type { JsonSchemaProps } from '#schema/json-schema-props.ts';
import { indexed, type Causes } from '../field-checks.ts';
import { validationRule, type ValidationRule } from './json-schema.ts';

/** Of one expression, for as often as it may run in one object. */
const expressionCostMax = 10_000_000;
/** Of all expressions of a schema. */
const totalCostMax = 100_000_000;
const toldOfTotalMax = 4;

/** No name that an expression could write: nobody may come to depend on it. */
const selfName = 'selfType@';

/** What the rules of a whole schema cost, and which of them cost most. */
export class RuleCosts {
  #total = 0;
  #expensive: readonly { readonly path: string; readonly cost: number }[] = [];

  add(path: string, cost: number): void {
    this.#total += cost;
    if (cost < totalCostMax / 100) return;
    this.#expensive = [...this.#expensive, { path, cost }]
      .sort((one, other) => other.cost - one.cost)
      .slice(0, toldOfTotalMax);
  }

  *causes(at: string): Causes {
    if (this.#total <= totalCostMax) return;
    for (const { path } of this.#expensive)
      yield forbiddenField(
        path,
        'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema',
      );
    yield forbiddenField(
      at,
      overBudget(
        'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema',
        this.#total,
        totalCostMax,
      ),
    );
  }
}

/** Where rules stand. */
export interface RulePlace {
  /** At the root, or where an object of its own begins. */
  readonly isObject: boolean;
  /** How often there may be a value here in one object; undefined when nothing says so. */
  readonly cardinality: number | undefined;
  readonly costs: RuleCosts;
  /** The path of the list whose items cannot be told from others, so that nothing in it has an old value. */
  readonly uncorrelated: string | undefined;
}

/** What is wrong with the rules of one schema, which is in order otherwise. */
export function* ruleExpressionCauses(at: string, schema: JsonSchemaProps, place: RulePlace): Causes {
  const rules = schema['x-kubernetes-validations'] ?? [];
  if (rules.length === 0) return;
  const self = schemaType(schema, selfName, place.isObject);
  if (self === undefined) {
    yield {
      reason: 'InternalError',
      field: `${at}.x-kubernetes-validations`,
      message:
        'Internal error: internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations',
    };
    return;
  }
  const environments = environmentsOf(self);
  for (const [rule, each] of indexed(`${at}.x-kubernetes-validations`, rules)) {
    const environment = rule.optionalOldSelf === true ? environments.optional : environments.plain;
    yield* oneRule(each, rule, { self, environment, place });
  }
}

function environmentsOf(self: DeclaredType): { readonly plain: Environment; readonly optional: Environment } {
  const objects = [objectsOf([self])];
  const of = (oldSelf: DeclaredType['type']): Environment =>
    extended(kubernetesEnvironment('new'), { variables: { self: self.type, oldSelf }, objects });
  return { plain: of(self.type), optional: of(optionalType(self.type)) };
}

interface Scope {
  readonly self: DeclaredType;
  readonly environment: Environment;
  readonly place: RulePlace;
}

function* oneRule(at: string, rule: ValidationRule, scope: Scope): Causes {
  const { place, self } = scope;
  const compiled = judged(rule.rule ?? '', scope, {
    kind: 'bool',
    wrong: 'cel expression must evaluate to a bool',
    what: '',
  });
  if ('fault' in compiled) yield invalidValue(`${at}.rule`, internalValue(validationRule, rule), compiled.fault);
  else {
    const { cost } = compiled;
    const cardinality = place.cardinality ?? Math.floor(requestBytesMax / (self.bytesMin + 1));
    yield* costCauses(`${at}.rule`, cost * cardinality, { what: 'estimated rule cost', place });
    yield* messageCauses(at, rule, scope);
  }
  const usesOld =
    'checked' in compiled &&
    [...compiled.checked.references.values()].some(
      (reference) => reference.to === 'name' && reference.name === 'oldSelf',
    );
  if (usesOld) {
    if (place.uncorrelated !== undefined)
      yield invalidValue(
        `${at}.rule`,
        rule.rule,
        `oldSelf cannot be used on the uncorrelatable portion of the schema within ${place.uncorrelated}`,
      );
  } else if (rule.optionalOldSelf !== undefined)
    yield invalidValue(`${at}.optionalOldSelf`, rule.optionalOldSelf, 'may not be set if oldSelf is not used in rule');
}

function* messageCauses(at: string, rule: ValidationRule, scope: Scope): Causes {
  const { messageExpression = '' } = rule;
  if (messageExpression === '') return;
  const path = `${at}.messageExpression`;
  const compiled = judged(messageExpression, scope, {
    kind: 'string',
    wrong: 'messageExpression must evaluate to a string',
    what: 'messageExpression ',
  });
  if ('fault' in compiled) yield invalidValue(path, internalValue(validationRule, rule), compiled.fault);
  else yield* costCauses(path, compiled.cost, { what: 'estimated messageExpression cost', place: scope.place });
}

type Judged = { readonly checked: Checked; readonly cost: number } | { readonly fault: string };

function judged(
  source: string,
  { self, environment }: Scope,
  { kind, wrong, what }: { readonly kind: 'bool' | 'string'; readonly wrong: string; readonly what: string },
): Judged {
  const compiled = compile(source, environment);
  if ('fault' in compiled) return { fault: `${what}compilation failed: ${compiled.fault}` };
  const { checked } = compiled;
  if (checked.type.kind !== kind) return { fault: wrong };
  const fault = programFault(checked, environment);
  if (fault !== undefined) return { fault: `${what === '' ? 'program ' : what}instantiation failed: ${fault}` };
  return { checked, cost: estimateCost(checked, { sizeOf: sizeOf(self) }).max };
}

/** Upstream takes every name for self: what is found from oldSelf is as large as from self, and a type such as `int` as self is. */
function sizeOf(self: DeclaredType): NonNullable<CostOptions['sizeOf']> {
  const sizes = sizesOf({ self });
  return (node) => sizes({ ...node, path: node.path && ['self', ...node.path.slice(1)] });
}

function* costCauses(
  path: string,
  cost: number,
  { what, place }: { readonly what: string; readonly place: RulePlace },
): Causes {
  if (cost > expressionCostMax) yield forbiddenField(path, overBudget(what, cost, expressionCostMax));
  place.costs.add(path, cost);
}

/** By how much, as precisely as helps: of what is far beyond the limit nothing but a limit of the schema will. */
function overBudget(what: string, cost: number, max: number): string {
  const factor = cost / max;
  const text = factor > 100 ? 'more than 100' : factor.toFixed(factor < 1.5 ? 6 : 1);
  return `${what} exceeds budget by factor of ${text}x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}
