/**
 * CustomResourceDefinition: a kind that users bring. Stored here; serving it, accepting its names and converting between its versions is other work. Rules stand
 * in `customresourcedefinition-validation.ts`, those of schemas in `schema-validation.ts`.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { nameColumn } from '../columns.ts';
import { crdCauses, crdNameCauses, crdStatusCauses, crdUpdateCauses } from './customresourcedefinition-validation.ts';
import { schemaWarnings } from './schema-warnings.ts';
import { jsonSchemaProps } from './json-schema.ts';

const nameFields = {
  singular: s.string(2).optional().doc('Name of one object; the kind in lower case when absent.'),
  shortNames: s.list(3, t.string).optional().doc('Short names for the command line, in lower case.'),
  listKind: s.string(5).optional().doc('Kind of the list; <kind>List when absent.'),
  categories: s.list(6, t.string).optional().doc('Groups of resources it belongs to, such as all.'),
} as const;

const names = struct(
  'apiextensions.v1.CustomResourceDefinitionNames',
  {
    plural: s
      .string(1)
      .doc('Name of the resource, in lower case: the part of the path, /apis/<group>/<version>/…/<plural>.'),
    kind: s.string(4).doc('The kind of the objects, in CamelCase and singular.'),
    ...nameFields,
  },
  { doc: 'What the resource is called.' },
);
export interface CustomResourceDefinitionNames extends Of<typeof names> {}

/** The same in a status, where names are empty until they are accepted. */
const acceptedNames = struct(
  'apiextensions.v1.CustomResourceDefinitionNames',
  {
    plural: s.string(1).default('').doc('Name of the resource.'),
    kind: s.string(4).default('').doc('The kind of the objects.'),
    ...nameFields,
  },
  { doc: 'What the resource is called.' },
);

const serviceReference = struct(
  'apiextensions.v1.ServiceReference',
  {
    namespace: s.string(1).default('').doc('Namespace of the Service.'),
    name: s.string(2).default('').doc('Name of the Service.'),
    path: s.string(3).keepsZero().optional().doc('Path of the URL.'),
    port: s.int32(4).keepsZero().default(443).doc('Port of the Service; 443 when absent.'),
  },
  { doc: 'A Service of the cluster that answers.' },
);

const webhookClientConfig = struct(
  'apiextensions.v1.WebhookClientConfig',
  {
    url: s
      .string(3)
      .keepsZero()
      .optional()
      .doc('An https URL without user, query and fragment. Either this or service.'),
    service: s.field(1, serviceReference).optional().doc('A Service of the cluster. Either this or url.'),
    caBundle: s
      .bytes(2)
      .optional()
      .doc("PEM of the authorities that signed the webhook's certificate; the machine's own when absent."),
  },
  { doc: 'How a webhook is reached, over TLS.' },
);

const webhookConversion = struct(
  'apiextensions.v1.WebhookConversion',
  {
    clientConfig: s.field(2, webhookClientConfig).optional().doc('How the webhook is reached.'),
    conversionReviewVersions: s
      .list(3, t.string)
      .optional()
      .doc('Versions of ConversionReview that the webhook understands, the best first: v1.'),
  },
  { doc: 'A webhook that converts.' },
);

const customResourceConversion = struct(
  'apiextensions.v1.CustomResourceConversion',
  {
    strategy: s.oneOf(1, 'None', 'Webhook').doc('None: only apiVersion changes. Webhook: a webhook converts.'),
    webhook: s.field(2, webhookConversion).optional().doc('The webhook, for Webhook.'),
  },
  { doc: 'How objects get from one version to another.' },
);
export interface CustomResourceConversion extends Of<typeof customResourceConversion> {}

const customResourceSubresourceScale = struct(
  'apiextensions.v1.CustomResourceSubresourceScale',
  {
    specReplicasPath: s.string(1).ruled().doc('Path of the wanted number, under .spec: .spec.replicas.'),
    statusReplicasPath: s.string(2).ruled().doc('Path of the actual number, under .status: .status.replicas.'),
    labelSelectorPath: s
      .string(3)
      .keepsZero()
      .optional()
      .doc(
        'Path of the selector of pods, as text, under .spec or .status: .status.selector. Needed by the HorizontalPodAutoscaler.',
      ),
  },
  { doc: 'How the scale subresource reads and writes an object.' },
);

const customResourceSubresources = struct(
  'apiextensions.v1.CustomResourceSubresources',
  {
    status: s
      .field(
        1,
        struct(
          'apiextensions.v1.CustomResourceSubresourceStatus',
          {},
          { doc: 'The status subresource; it has no settings.' },
        ),
      )
      .optional()
      .doc('When given, /status is served: it alone writes .status, and everything else is written without it.'),
    scale: s.field(2, customResourceSubresourceScale).optional().doc('When given, /scale is served.'),
  },
  { doc: 'Subresources that are served.' },
);
export interface CustomResourceSubresources extends Of<typeof customResourceSubresources> {}

const customResourceColumnDefinition = struct(
  'apiextensions.v1.CustomResourceColumnDefinition',
  {
    name: s.string(1).ruled().doc('Head of the column.'),
    type: s.string(2).ruled().doc('boolean, date, integer, number or string. A date is shown as an age.'),
    format: s.string(3).optional().doc('More about the type, for clients: int32, double, byte, date-time and such.'),
    description: s.string(4).optional().doc('What it shows.'),
    priority: s.int32(5).optional().doc('Above 0 the column is shown with -o wide only.'),
    jsonPath: s.string(6).ruled().doc('Path of the value in an object: .spec.replicas.'),
  },
  { doc: 'A column of kubectl get.' },
);
export interface CustomResourceColumnDefinition extends Of<typeof customResourceColumnDefinition> {}

const selectableField = struct(
  'apiextensions.v1.SelectableField',
  {
    jsonPath: s
      .string(1)
      .ruled()
      .doc('Path of the field, without arrays: .spec.color. It is a string, a boolean or an integer.'),
  },
  { doc: 'A field that field selectors may name.' },
);

const customResourceValidation = struct(
  'apiextensions.v1.CustomResourceValidation',
  { openAPIV3Schema: s.field(1, jsonSchemaProps).optional().doc('The schema, which must be structural.') },
  { doc: 'What objects look like.' },
);

export const customResourceDefinitionVersion = struct(
  'apiextensions.v1.CustomResourceDefinitionVersion',
  {
    name: s
      .string(1)
      .ruled()
      .doc('Name of the version, v1 or v1beta1: the part of the path. Versions are sorted by it.'),
    served: s.boolean(2).ruled().doc('Whether it is served.'),
    storage: s.boolean(3).ruled().doc('Whether objects are stored in it; true for exactly one version.'),
    deprecated: s.boolean(7).optional().doc('When true, every request gets a warning.'),
    deprecationWarning: s.string(8).keepsZero().optional().doc('The warning, instead of the usual one.'),
    schema: s.field(4, customResourceValidation).optional().doc('What objects look like in this version.'),
    subresources: s.field(5, customResourceSubresources).optional().doc('Subresources that are served.'),
    additionalPrinterColumns: s
      .list(6, customResourceColumnDefinition)
      .optional()
      .doc('Columns of kubectl get after the name; the age alone when there are none.'),
    selectableFields: s.list(9, selectableField).optional().doc('Fields that field selectors may name; at most 8.'),
  },
  { doc: 'One version of the resource.' },
);
export interface CustomResourceDefinitionVersion extends Of<typeof customResourceDefinitionVersion> {}

const customResourceDefinitionSpec = struct(
  'apiextensions.v1.CustomResourceDefinitionSpec',
  {
    group: s.string(1).doc('The API group, a domain: /apis/<group>/…. The name of the definition is <plural>.<group>.'),
    names: s.field(3, names).doc('What the resource is called.'),
    scope: s.oneOf(4, 'Cluster', 'Namespaced').doc('Whether objects live in namespaces: Namespaced or Cluster.'),
    versions: s
      .list(7, customResourceDefinitionVersion)
      .ruled()
      .doc(
        'The versions. All of them show the same objects; those that are served are listed by discovery, stable and high ones first.',
      ),
    conversion: s
      .field(9, customResourceConversion)
      .default({ strategy: 'None' })
      .doc('How objects get from one version to another.'),
    preserveUnknownFields: s
      .boolean(10)
      .optional()
      .doc('Must be false or absent: use x-kubernetes-preserve-unknown-fields in a schema.'),
  },
  { doc: 'The kind that is brought.' },
);
export interface CustomResourceDefinitionSpec extends Of<typeof customResourceDefinitionSpec> {}

const customResourceDefinitionCondition = struct(
  'apiextensions.v1.CustomResourceDefinitionCondition',
  {
    type: s
      .string(1)
      .doc(
        'What is observed: NamesAccepted, Established, NonStructuralSchema, Terminating, KubernetesAPIApprovalPolicyConformant, StorageMigrating.',
      ),
    status: s.oneOf(2, 'True', 'False', 'Unknown').doc('Whether it holds.'),
    lastTransitionTime: s.time(3).optional().doc('When the status last changed.'),
    reason: s.string(4).optional().doc('Why it changed: one CamelCase word for programs.'),
    message: s.string(5).optional().doc('Why it changed, for people.'),
    observedGeneration: s
      .int64(6)
      .off('CRDObservedGenerationTracking')
      .doc('The metadata.generation that this condition speaks of.'),
  },
  { doc: "One aspect of the definition's state." },
);

const customResourceDefinitionStatus = struct(
  'apiextensions.v1.CustomResourceDefinitionStatus',
  {
    conditions: s
      .list(1, customResourceDefinitionCondition, { list: 'map', keys: ['type'] })
      .default([])
      .doc('State in detail.'),
    acceptedNames: s
      .field(2, acceptedNames)
      .default({})
      .doc('The names that are served: others may have taken some of those that are wanted.'),
    storedVersions: s
      .list(3, t.string)
      .default([])
      .doc(
        'Versions in which objects may be stored. One may be taken out once all objects are written anew, and must be before it leaves spec.versions.',
      ),
    observedGeneration: s
      .int64(4)
      .off('CRDObservedGenerationTracking')
      .doc('The metadata.generation that this status speaks of.'),
  },
  { doc: 'What has become of the definition.' },
);
export interface CustomResourceDefinitionStatus extends Of<typeof customResourceDefinitionStatus> {}

/** The status with the version that is stored now among those that may be stored. */
function withStored(
  status: CustomResourceDefinitionStatus,
  spec: CustomResourceDefinitionSpec,
): CustomResourceDefinitionStatus {
  const stored = spec.versions?.find(({ storage }) => storage)?.name;
  if (stored === undefined || status.storedVersions.includes(stored)) return status;
  return { ...status, storedVersions: [...status.storedVersions, stored] };
}

interface ConversionDraft {
  readonly spec?: { readonly conversion?: { readonly webhook?: object } };
}

/** Upstream's internal form has the settings of the webhook, but no webhook: without any there is none. */
function withoutEmptyWebhook<T extends ConversionDraft>(draft: T): T {
  const { webhook, ...conversion } = draft.spec?.conversion ?? {};
  if (webhook === undefined || Object.keys(webhook).length > 0) return draft;
  return { ...draft, spec: { ...draft.spec, conversion } };
}

const freshStatus: CustomResourceDefinitionStatus = {
  conditions: [],
  acceptedNames: { plural: '', kind: '' },
  storedVersions: [],
};

export const CustomResourceDefinition = resource({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  scope: 'Cluster',
  storagePrefix: 'apiextensions.k8s.io/customresourcedefinitions',
  subresources: { status: true },
  columns: [
    nameColumn,
    { name: 'Scope', type: 'string', description: 'Cluster or Namespaced.', cell: ({ spec }) => spec.scope },
    {
      name: 'Versions',
      type: 'string',
      description: 'Versions that are served.',
      cell: ({ spec }) =>
        spec.versions
          .filter(({ served }) => served)
          .map(({ name, storage }) => (storage ? `${name}(storage)` : name))
          .sort()
          .join(','),
    },
    {
      name: 'Created At',
      type: 'date',
      description: 'When it was created.',
      cell: ({ metadata }) => metadata.creationTimestamp,
    },
    { name: 'Group', type: 'string', priority: 1, description: 'The API group.', cell: ({ spec }) => spec.group },
    { name: 'Kind', type: 'string', priority: 1, description: 'The kind.', cell: ({ spec }) => spec.names.kind },
    {
      name: 'ShortNames',
      type: 'string',
      priority: 1,
      description: 'Short names.',
      cell: ({ spec }) => spec.names.shortNames?.join(',') ?? '',
    },
    {
      name: 'Established',
      type: 'boolean',
      priority: 1,
      description: 'Whether its objects are served.',
      cell: ({ status }) =>
        status?.conditions?.some(({ type, status: holds }) => type === 'Established' && holds === 'True') ?? false,
    },
  ],
  hooks: {
    needsVersion: true,
    plainFinalizers: true,
    fill: (sentDraft) => {
      const draft = withoutEmptyWebhook(sentDraft);
      const sent = draft.spec?.names;
      if (draft.spec === undefined || !sent?.kind || (sent.singular && sent.listKind)) return draft;
      const { kind } = sent;
      const filled = {
        ...sent,
        singular: sent.singular || kind.toLowerCase(),
        listKind: sent.listKind || `${kind}List`,
      };
      return { ...draft, spec: { ...draft.spec, names: filled } };
    },
    prepareCreate: (crd) => ({ ...crd, status: withStored(freshStatus, crd.spec) }),
    prepareUpdate: (crd, old) => {
      const status = withStored(old.status, crd.spec);
      return status === crd.status ? crd : { ...crd, status };
    },
    validateNew: (crd) => [...crdNameCauses(crd)],
    validateCreate: (crd) => [...crdCauses(crd)],
    validateUpdate: (crd, old) => [...crdUpdateCauses(crd, old)],
    validateStatus: ({ status }) => [...crdStatusCauses(status)],
    warnings: ({ spec }, old) => schemaWarnings(spec, old?.spec),
  },
  name: 'apiextensions.v1.CustomResourceDefinition',
  doc: 'A kind that users bring: its names, its versions and what its objects look like.',
  fields: {
    spec: s
      .field(2, customResourceDefinitionSpec)
      .default({} as never)
      .doc('The kind that is brought.'),
    status: s.field(3, customResourceDefinitionStatus).default({}).doc('What has become of the definition.'),
  },
});
export type CustomResourceDefinition = ObjectOf<typeof CustomResourceDefinition>;
