/**
 * The CEL expressions that select devices: what they may name, and what is wrong with one that is written. An attribute may be of any type, so a selector may
 * be an attribute itself.
 */
import { forbiddenField } from '#meta/causes.ts';
import { compileProgram, programCause } from '#schema/cel/compile.ts';
import { estimateCost } from '#schema/cel/cost.ts';
import { sizesOf } from '#schema/cel/declared-size.ts';
import { declaredMap, declaredObject, objectsOf, scalar } from '#schema/cel/declared-type.ts';
import { extended, type Environment } from '#schema/cel/environment.ts';
import { bindMacros } from '#schema/cel/macros.ts';
import { kubernetesMacros } from '#schema/cel/parse.ts';
import { kubernetesEnvironment } from '#schema/cel/kubernetes.ts';
import { anyType, boolType, objectType, printType, stringType } from '#schema/cel/types.ts';
import type { Causes } from '../field-checks.ts';

const selectorCostMax = 1_000_000;
/** Of a device's attributes and capacities, each. */
const entriesMax = 32;
const valueBytesMax = 64;
const domain = scalar(stringType, { elementsMax: 63 });
const identifier = scalar(stringType, { elementsMax: 32 });

/** An attribute: it may be of any simple type. */
const attribute = scalar(anyType, { elementsMax: valueBytesMax });

const device = declaredObject('kubernetes.DRADevice', {
  driver: scalar(stringType, { elementsMax: 63 }),
  allowMultipleAllocations: scalar(boolType, { elementsMax: 1 }),
  attributes: declaredMap(declaredMap(attribute, entriesMax, identifier), entriesMax, domain),
  capacity: declaredMap(
    declaredMap(scalar(objectType('kubernetes.Quantity'), { bytesMin: 8 }), entriesMax, identifier),
    entriesMax,
    domain,
  ),
});

/** Attributes are named as if they were fields, and none is larger than another. */
const sizeOf = sizesOf({ device }, attribute);

let known: Environment | undefined;

const deviceEnvironment = (): Environment =>
  (known ??= extended(kubernetesEnvironment('new'), {
    variables: { device: device.type },
    objects: [objectsOf([device])],
    macros: [...kubernetesMacros, ...bindMacros],
  }));

/** What is wrong with a selector. */
export function* selectorExpressionCauses(path: string, expression: string): Causes {
  const compiled = compileProgram(expression, deviceEnvironment(), (type) =>
    type.kind === 'bool' || type.kind === 'any'
      ? undefined
      : `must evaluate to bool or the unknown type, not ${printType(type)}`,
  );
  if ('fault' in compiled) yield programCause(path, expression, compiled);
  else if (estimateCost(compiled.checked, { sizeOf }).max > selectorCostMax)
    yield forbiddenField(path, 'too complex, exceeds cost limit');
}
