/**
 * APIService: who serves one version of an API group, this server itself or a Service of the cluster. Stored here; handing requests on is aggregation's, and
 * whether a Service answers is its controller's to say. Rules stand in `apiservice-validation.ts`.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { apiServiceCauses, apiServiceStatusCauses } from './apiservice-validation.ts';

const serviceReference = struct(
  'apiregistration.v1.ServiceReference',
  {
    namespace: s.string(1).optional().doc('Namespace of the Service.'),
    name: s.string(2).optional().doc('Name of the Service.'),
    port: s.int32(3).keepsZero().default(443).doc('Port of the Service; 443 when absent.'),
  },
  { doc: 'A Service of the cluster that serves the version.' },
);

const apiServiceSpec = struct(
  'apiregistration.v1.APIServiceSpec',
  {
    service: s
      .field(1, serviceReference)
      .optional()
      .doc('The Service that serves it, over TLS. Absent: this server itself does.'),
    group: s.string(2).optional().doc('The API group; empty for the core group.'),
    version: s.string(3).optional().doc('The version, such as v1.'),
    insecureSkipTLSVerify: s
      .boolean(4)
      .optional()
      .doc("True: the Service's certificate is not checked. Better give a caBundle."),
    caBundle: s
      .bytes(5)
      .optional()
      .doc("PEM of the authorities that signed the Service's certificate; the machine's own when absent."),
    groupPriorityMinimum: s
      .int32(7)
      .default(0)
      .doc(
        'Priority of the group: the highest of its versions counts, and clients see groups of higher priority first. 1 to 20000.',
      ),
    versionPriority: s
      .int32(8)
      .default(0)
      .doc(
        'Priority of the version in its group: the highest is preferred; equal ones are sorted as versions are. 1 to 1000.',
      ),
  },
  { doc: 'Which version of which group, and who serves it.' },
);
export interface ApiServiceSpec extends Of<typeof apiServiceSpec> {}

const apiServiceCondition = struct(
  'apiregistration.v1.APIServiceCondition',
  {
    type: s.string(1).doc('What is observed: Available.'),
    status: s.oneOf(2, 'True', 'False', 'Unknown').doc('Whether it holds.'),
    lastTransitionTime: s.time(3).optional().doc('When the status last changed.'),
    reason: s.string(4).optional().doc('Why it changed: one CamelCase word for programs.'),
    message: s.string(5).optional().doc('Why it changed, for people.'),
  },
  { doc: "One aspect of the APIService's state." },
);

const apiServiceStatus = struct(
  'apiregistration.v1.APIServiceStatus',
  {
    conditions: s
      .list(1, apiServiceCondition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
      .optional()
      .doc('State in detail.'),
  },
  { doc: 'Whether the version can be used.' },
);

interface AvailableLike {
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason?: string }[];
}

function availability({ conditions = [] }: AvailableLike): string {
  const available = conditions.find(({ type }) => type === 'Available');
  if (available === undefined) return 'Unknown';
  return available.status === 'True' ? 'True' : `${available.status} (${available.reason ?? ''})`;
}

const alwaysAvailable = (lastTransitionTime: string | undefined): Of<typeof apiServiceStatus> => ({
  conditions: [
    {
      type: 'Available',
      status: 'True',
      ...(lastTransitionTime === undefined ? {} : { lastTransitionTime }),
      reason: 'Local',
      message: 'Local APIServices are always available',
    },
  ],
});

export const APIService = resource({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  categories: ['api-extensions'],
  scope: 'Cluster',
  storagePrefix: 'apiregistration.k8s.io/apiservices',
  subresources: { status: true },
  columns: [
    nameColumn,
    {
      name: 'Service',
      type: 'string',
      description: 'The Service that serves it, or Local.',
      cell: ({ spec: { service } }) =>
        service === undefined ? 'Local' : `${service.namespace ?? ''}/${service.name ?? ''}`,
    },
    {
      name: 'Available',
      type: 'string',
      description: 'Whether it can be used.',
      cell: ({ status }) => availability(status),
    },
    ageColumn,
  ],
  hooks: {
    needsVersion: true,
    plainFinalizers: true,
    generation: false,
    // The name is checked against the spec; beyond that it only must fit into a path.
    name: 'pathSegment',
    validateCreate: (service) => [...apiServiceCauses(service)],
    // A version that this server serves itself is there from the start.
    prepareCreate: (service) => ({
      ...service,
      status: service.spec.service === undefined ? alwaysAvailable(service.metadata.creationTimestamp) : {},
    }),
    validateStatus: ({ status }) => [...apiServiceStatusCauses(status ?? {})],
  },
  name: 'apiregistration.v1.APIService',
  doc: 'One version of an API group and who serves it. Its name is <version>.<group>.',
  fields: {
    spec: s.field(2, apiServiceSpec).default({}).doc('Which version of which group, and who serves it.'),
    status: s.field(3, apiServiceStatus).default({}).doc('Whether the version can be used.'),
  },
});
export type APIService = ObjectOf<typeof APIService>;
