/**
 * The CEL expressions of webhooks and admission policies: what they may name, and what is wrong with one that is written. Compiled without the schemas of the
 * objects: `object`, `oldObject` and `params` may be anything.
 */
import { compileProgram, programCause } from '#schema/cel/compile.ts';
import {
  declaredList,
  declaredMap,
  declaredObject,
  objectsOf,
  reservedWords,
  scalar,
} from '#schema/cel/declared-type.ts';
import { extended, type Environment } from '#schema/cel/environment.ts';
import { kubernetesEnvironment } from '#schema/cel/kubernetes.ts';
import { jsonPatch } from '#schema/cel/library/kubernetes.ts';
import {
  boolType,
  dynType,
  intType,
  listType,
  mapType,
  noType,
  nullType,
  objectType,
  printType,
  sameType,
  stringType,
  timestampType,
  type CelType,
  type ObjectFields,
} from '#schema/cel/types.ts';
import { indexed, type Causes } from '../field-checks.ts';

/** Which variables an expression has beside object, oldObject, request and namespaceObject. */
export interface Scope {
  readonly params: boolean;
  readonly authorizer: boolean;
  /** Object{…}, JSONPatch{…} and what makes paths. */
  readonly patches?: boolean;
  readonly variables?: Variables | undefined;
}

/** `variables.<name>`: each is known to the expressions after it. */
export class Variables {
  readonly #types = new Map<string, CelType>();

  readonly object: ObjectFields = {
    type: objectType('kubernetes.variables'),
    field: (name) => this.#types.get(name) ?? (reservedWords.has(name) ? this.#types.get(`__${name}__`) : undefined),
  };

  /** What is wrong with the variable's expression, at a path. One that is wrong is known all the same. */
  *add(
    { name, expression }: { readonly name: string; readonly expression: string },
    path: string,
    scope: Scope,
  ): Causes {
    const compiled = compileProgram(expression, environmentOf({ ...scope, variables: this }), () => undefined);
    this.#types.set(name, 'fault' in compiled ? dynType : declarable(compiled.checked.type));
    if ('fault' in compiled) yield programCause(path, expression, compiled);
  }
}

const plainKinds: readonly CelType['kind'][] = [
  'any',
  'bool',
  'bytes',
  'double',
  'duration',
  'int',
  'null',
  'string',
  'timestamp',
  'uint',
];

/** Lists, maps and simple types are kept, everything else is dynamic to those who use the variable. */
function declarable(type: CelType): CelType {
  if (plainKinds.includes(type.kind) && !type.nullable) return type;
  const [first = dynType, second = dynType] = type.parameters.map(declarable);
  if (type.kind === 'list') return listType(first);
  return type.kind === 'map' ? mapType(first, second) : dynType;
}

/** The wanted result of an expression. */
export const results = {
  bool: [boolType],
  string: [stringType],
  stringOrNull: [stringType, nullType],
  object: [objectType('Object')],
  patches: [listType(objectType('JSONPatch'))],
} as const;

interface Demand {
  readonly wanted: readonly CelType[];
  readonly scope: Scope;
  /** Compiled without what is blank around it, and told with it. */
  readonly trimmed?: boolean;
}

/** What is wrong with an expression that is there. */
export function* expressionCauses(
  path: string,
  expression: string,
  { wanted, scope, trimmed = false }: Demand,
): Causes {
  const source = trimmed ? expression.trim() : expression;
  const compiled = compileProgram(source, environmentOf(scope), (type) => {
    if (wanted.some((one) => sameType(one, type))) return undefined;
    const names = wanted.map(printType);
    const one = names.length === 1 ? names[0] : `one of [${names.join(' ')}]`;
    return `must evaluate to ${one} but got ${printType(type)}`;
  });
  if ('fault' in compiled) yield programCause(path, expression, compiled);
}

/** Match conditions know no variables: they decide whether any of those are needed. */
export function* matchExpressionCauses(
  path: string,
  conditions: readonly { readonly expression?: string }[] | undefined,
  params: boolean,
): Causes {
  for (const [{ expression = '' }, at] of indexed(path, conditions)) {
    const source = expression.trim();
    if (source !== '')
      yield* expressionCauses(`${at}.expression`, source, {
        wanted: results.bool,
        scope: { params, authorizer: true },
      });
  }
}

const environments = new Map<string, Environment>();

function environmentOf({ params, authorizer, patches = false, variables }: Scope): Environment {
  const key = [params, authorizer, patches].join();
  let known = environments.get(key);
  if (known === undefined) {
    known = extended(kubernetesEnvironment('new'), {
      variables: {
        object: dynType,
        oldObject: dynType,
        namespaceObject: objectType('kubernetes.Namespace'),
        request: objectType('kubernetes.AdmissionRequest'),
        ...(params ? { params: dynType } : {}),
        ...(authorizer
          ? {
              authorizer: objectType('kubernetes.authorization.Authorizer'),
              'authorizer.requestResource': objectType('kubernetes.authorization.ResourceCheck'),
            }
          : {}),
      },
      objects: [...(patches ? [patchObject] : []), declaredObjects],
      libraries: patches ? [jsonPatch] : [],
    });
    environments.set(key, known);
  }
  if (variables === undefined) return known;
  const { object } = variables;
  return extended(known, {
    variables: { variables: object.type },
    objects: [(name) => (name === object.type.name ? object : undefined)],
  });
}

/** What a patch is made of: an Object of any shape, and operations of RFC 6902. */
function patchObject(name: string): ObjectFields | undefined {
  const type = objectType(name);
  if (name === 'JSONPatch') return { type, field: (field) => operationFields[field] ?? noType };
  return name === 'Object' || name.startsWith('Object.') ? { type, field: () => dynType } : undefined;
}

const operationFields: Readonly<Record<string, CelType>> = Object.assign(Object.create(null), {
  op: stringType,
  path: stringType,
  from: stringType,
  value: dynType,
});

const text = scalar(stringType);
const integer = scalar(intType);
const instant = scalar(timestampType);
const texts = declaredList(text);
const textMap = declaredMap(text);

const kindName = declaredObject('kubernetes.GroupVersionKind', { group: text, version: text, kind: text });
const resourceName = declaredObject('kubernetes.GroupVersionResource', { group: text, version: text, resource: text });

/** The request under admission, without its uid and objects. */
const admissionRequest = declaredObject('kubernetes.AdmissionRequest', {
  kind: kindName,
  resource: resourceName,
  subResource: text,
  requestKind: kindName,
  requestResource: resourceName,
  requestSubResource: text,
  name: text,
  namespace: text,
  operation: text,
  userInfo: declaredObject('kubernetes.UserInfo', {
    username: text,
    uid: text,
    groups: texts,
    extra: declaredMap(texts),
  }),
  dryRun: scalar(boolType),
  options: scalar(dynType),
});

/** The namespace of the object, as far as upstream shows it: `UID` is written as it is there. */
const namespaceObject = declaredObject('kubernetes.Namespace', {
  metadata: declaredObject('kubernetes.NamespaceMetadata', {
    name: text,
    generateName: text,
    namespace: text,
    labels: textMap,
    annotations: textMap,
    UID: text,
    creationTimestamp: instant,
    deletionGracePeriodSeconds: integer,
    deletionTimestamp: instant,
    generation: integer,
    resourceVersion: text,
    finalizers: texts,
  }),
  spec: declaredObject('kubernetes.NamespaceSpec', { finalizers: texts }),
  status: declaredObject('kubernetes.NamespaceStatus', {
    conditions: declaredList(
      declaredObject('kubernetes.NamespaceCondition', {
        status: text,
        type: text,
        lastTransitionTime: instant,
        message: text,
        reason: text,
      }),
    ),
    phase: text,
  }),
});

const declaredObjects = objectsOf([namespaceObject, admissionRequest]);
