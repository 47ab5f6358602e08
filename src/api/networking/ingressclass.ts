/**
 * IngressClass: names an ingress controller, so that Ingresses can choose among several.
 */
import { forbiddenField, required, tooLong } from '#meta/causes.ts';
import { dns1123Label, dns1123Subdomain, pathSegment } from '#meta/names.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { domainPrefixedPath, named, type Causes } from '../field-checks.ts';

/** Marks the class that Ingresses without one get. */
export const defaultIngressClass = 'ingressclass.kubernetes.io/is-default-class';

const controllerBytesMax = 250;

export const ingressClassParametersReference = struct(
  'networking.v1.IngressClassParametersReference',
  {
    apiGroup: s.string(1).keepsZero().optional().doc('Group of the kind; the core group when absent.'),
    kind: s.string(2).doc('Kind of the object.'),
    name: s.string(3).doc('Name of the object.'),
    scope: s
      .oneOf(4, 'Cluster', 'Namespace')
      .keepsZero()
      .default('Cluster')
      .doc('Cluster, or Namespace for an object inside a namespace.'),
    namespace: s
      .string(5)
      .keepsZero()
      .optional()
      .doc('Namespace of the object; only, and then needed, with scope Namespace.'),
  },
  { doc: 'An object with settings of the controller.' },
);
export interface IngressClassParametersReference extends Of<typeof ingressClassParametersReference> {}

export const ingressClassSpec = struct(
  'networking.v1.IngressClassSpec',
  {
    controller: s
      .string(1)
      .immutable()
      .doc('The controller that serves this class: a domain and a path, example.com/ingress. Cannot be changed.'),
    parameters: s
      .field(2, ingressClassParametersReference)
      .optional()
      .doc('An object with settings of the controller.'),
  },
  { doc: 'Who serves the class.' },
);
export interface IngressClassSpec extends Of<typeof ingressClassSpec> {}

function* classCauses({ controller, parameters }: IngressClassSpec): Causes {
  if (controller) {
    if (Buffer.byteLength(controller) > controllerBytesMax) yield tooLong('spec.controller', controllerBytesMax);
    yield* domainPrefixedPath('spec.controller', controller);
  }
  if (parameters === undefined) return;
  const at = 'spec.parameters';
  yield* named(dns1123Subdomain, `${at}.apiGroup`, parameters.apiGroup);
  for (const key of ['kind', 'name'] as const) yield* named(pathSegment, `${at}.${key}`, parameters[key] || undefined);
  if (parameters.scope === 'Namespace') {
    if (parameters.namespace === undefined)
      yield required(`${at}.namespace`, "`parameters.scope` is set to 'Namespace'");
    else yield* named(dns1123Label, `${at}.namespace`, parameters.namespace);
  } else if (parameters.scope === 'Cluster' && parameters.namespace !== undefined)
    yield forbiddenField(`${at}.namespace`, "`parameters.scope` is set to 'Cluster'");
}

function parametersOf({ parameters }: IngressClassSpec): string {
  if (parameters === undefined) return '<none>';
  const { apiGroup, kind, name } = parameters;
  return `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}`;
}

export const IngressClass = resource({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  plural: 'ingressclasses',
  scope: 'Cluster',
  columns: [
    nameColumn,
    { name: 'Controller', type: 'string', description: 'Who serves it.', cell: ({ spec }) => spec.controller },
    {
      name: 'Parameters',
      type: 'string',
      description: 'The object with settings of the controller.',
      cell: ({ spec }) => parametersOf(spec),
    },
    ageColumn,
  ],
  hooks: { generation: true, validateCreate: ({ spec }) => [...classCauses(spec)] },
  name: 'networking.v1.IngressClass',
  doc: `Names an ingress controller. The annotation ${defaultIngressClass} makes it the class of Ingresses without one.`,
  fields: {
    spec: s
      .field(2, ingressClassSpec)
      .default({} as never)
      .doc('Who serves the class.'),
  },
});
export type IngressClass = ObjectOf<typeof IngressClass>;
