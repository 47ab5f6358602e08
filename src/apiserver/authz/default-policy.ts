/**
 * The roles and bindings that every cluster starts with, the same as upstream's
 * (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings). They are reconciled at every start: missing rules and
 * subjects are added unless the object says `rbac.authorization.kubernetes.io/autoupdate: "false"`.
 */
import type { Rule } from './rbac.ts';

const read = ['get', 'list', 'watch'];
const write = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const readWrite = [...read, ...write];
const rule = (verbs: readonly string[], group: string, ...resources: string[]): Rule =>
  ({ verbs, apiGroups: [group], resources }) as Rule;
const named = (verbs: readonly string[], group: string, resource: string, ...resourceNames: string[]): Rule =>
  ({ verbs, apiGroups: [group], resources: [resource], resourceNames }) as Rule;
const urls = (...nonResourceURLs: string[]): Rule => ({ verbs: ['get'], nonResourceURLs }) as Rule;
const events = [
  rule(['create', 'patch', 'update'], '', 'events'),
  rule(['create', 'patch', 'update'], 'events.k8s.io', 'events'),
];
const apps = 'apps';
const rbacGroup = 'rbac.authorization.k8s.io';

export interface DefaultRole {
  readonly name: string;
  readonly rules: readonly Rule[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Label of the roles whose rules this one gathers. */
  readonly aggregates?: string;
}

export interface DefaultBinding {
  readonly name: string;
  readonly role: string;
  readonly subjects: readonly { kind: 'User' | 'Group' | 'ServiceAccount'; name: string; namespace?: string }[];
}

const aggregateTo = (role: string): Record<string, string> => ({
  [`rbac.authorization.k8s.io/aggregate-to-${role}`]: 'true',
});

const viewRules: readonly Rule[] = [
  rule(
    read,
    '',
    'configmaps',
    'endpoints',
    'persistentvolumeclaims',
    'persistentvolumeclaims/status',
    'pods',
    'replicationcontrollers',
    'replicationcontrollers/scale',
    'serviceaccounts',
    'services',
    'services/status',
    'bindings',
    'events',
    'limitranges',
    'namespaces/status',
    'pods/log',
    'pods/status',
    'replicationcontrollers/status',
    'resourcequotas',
    'resourcequotas/status',
    'namespaces',
  ),
  rule(read, 'discovery.k8s.io', 'endpointslices'),
  rule(
    read,
    apps,
    'controllerrevisions',
    'daemonsets',
    'daemonsets/status',
    'deployments',
    'deployments/scale',
    'deployments/status',
    'replicasets',
    'replicasets/scale',
    'replicasets/status',
    'statefulsets',
    'statefulsets/scale',
    'statefulsets/status',
  ),
  rule(read, 'autoscaling', 'horizontalpodautoscalers', 'horizontalpodautoscalers/status'),
  rule(read, 'batch', 'cronjobs', 'cronjobs/status', 'jobs', 'jobs/status'),
  rule(read, 'policy', 'poddisruptionbudgets', 'poddisruptionbudgets/status'),
  rule(read, 'networking.k8s.io', 'ingresses', 'ingresses/status', 'networkpolicies'),
  rule(read, 'resource.k8s.io', 'resourceclaims', 'resourceclaims/status', 'resourceclaimtemplates'),
];

const editRules: readonly Rule[] = [
  rule(read, '', 'pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy', 'secrets', 'services/proxy'),
  rule(['impersonate'], '', 'serviceaccounts'),
  rule(write, '', 'pods', 'pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy'),
  rule(['create'], '', 'pods/eviction'),
  rule(
    write,
    '',
    'configmaps',
    'events',
    'persistentvolumeclaims',
    'replicationcontrollers',
    'replicationcontrollers/scale',
    'secrets',
    'serviceaccounts',
    'services',
    'services/proxy',
  ),
  rule(['create'], '', 'serviceaccounts/token'),
  rule(
    write,
    apps,
    'daemonsets',
    'deployments',
    'deployments/rollback',
    'deployments/scale',
    'replicasets',
    'replicasets/scale',
    'statefulsets',
    'statefulsets/scale',
  ),
  rule(write, 'autoscaling', 'horizontalpodautoscalers'),
  rule(write, 'batch', 'cronjobs', 'jobs'),
  rule(write, 'policy', 'poddisruptionbudgets'),
  rule(write, 'networking.k8s.io', 'ingresses', 'networkpolicies'),
  rule(write, 'resource.k8s.io', 'resourceclaims', 'resourceclaimtemplates'),
  rule(readWrite, 'coordination.k8s.io', 'leases'),
];

const adminRules: readonly Rule[] = [
  rule(['create'], 'authorization.k8s.io', 'localsubjectaccessreviews'),
  rule(readWrite, rbacGroup, 'roles', 'rolebindings'),
];

/** Roles of people and components. */
const roles: readonly DefaultRole[] = [
  { name: 'cluster-admin', rules: [rule(['*'], '*', '*'), { verbs: ['*'], nonResourceURLs: ['*'] } as Rule] },
  { name: 'admin', rules: [], aggregates: 'admin' },
  { name: 'edit', rules: [], labels: aggregateTo('admin'), aggregates: 'edit' },
  { name: 'view', rules: [], labels: aggregateTo('edit'), aggregates: 'view' },
  { name: 'system:aggregate-to-admin', labels: aggregateTo('admin'), rules: adminRules },
  { name: 'system:aggregate-to-edit', labels: aggregateTo('edit'), rules: editRules },
  { name: 'system:aggregate-to-view', labels: aggregateTo('view'), rules: viewRules },
  {
    name: 'system:discovery',
    rules: [
      urls(
        '/api',
        '/api/*',
        '/apis',
        '/apis/*',
        '/healthz',
        '/livez',
        '/openapi',
        '/openapi/*',
        '/readyz',
        '/version',
        '/version/',
      ),
    ],
  },
  {
    name: 'system:basic-user',
    rules: [
      rule(['create'], 'authorization.k8s.io', 'selfsubjectaccessreviews', 'selfsubjectrulesreviews'),
      rule(['create'], 'authentication.k8s.io', 'selfsubjectreviews'),
    ],
  },
  { name: 'system:public-info-viewer', rules: [urls('/healthz', '/livez', '/readyz', '/version', '/version/')] },
  {
    name: 'system:monitoring',
    rules: [
      urls(
        '/flagz',
        '/healthz',
        '/healthz/*',
        '/livez',
        '/livez/*',
        '/metrics',
        '/metrics/slis',
        '/readyz',
        '/readyz/*',
        '/statusz',
      ),
    ],
  },
  {
    name: 'system:heapster',
    rules: [rule(read, '', 'events', 'namespaces', 'nodes', 'pods'), rule(read, apps, 'deployments')],
  },
  {
    name: 'system:node',
    rules: [
      rule(['create'], 'authentication.k8s.io', 'tokenreviews'),
      rule(['create'], 'authorization.k8s.io', 'localsubjectaccessreviews', 'subjectaccessreviews'),
      rule(read, '', 'services'),
      rule(['create', ...read], '', 'nodes'),
      rule(['patch', 'update'], '', 'nodes/status'),
      rule(['patch', 'update'], '', 'nodes'),
      ...events,
      rule(read, '', 'pods'),
      rule(['create', 'delete'], '', 'pods'),
      rule(['patch', 'update'], '', 'pods/status'),
      rule(['create'], '', 'pods/eviction'),
      rule(read, '', 'configmaps', 'secrets'),
      rule(['get'], '', 'persistentvolumeclaims', 'persistentvolumes'),
      rule(['create'], '', 'serviceaccounts/token'),
      rule(['create', 'delete', 'get', 'patch', 'update'], 'coordination.k8s.io', 'leases'),
      rule(read, 'node.k8s.io', 'runtimeclasses'),
      rule(['get'], 'storage.k8s.io', 'volumeattachments'),
      rule(read, 'storage.k8s.io', 'csidrivers'),
      rule(['create', 'delete', 'get', 'patch', 'update'], 'storage.k8s.io', 'csinodes'),
      rule(['create', ...read], 'certificates.k8s.io', 'certificatesigningrequests', 'podcertificaterequests'),
      rule(read, 'certificates.k8s.io', 'clustertrustbundles'),
    ],
  },
  {
    name: 'system:node-proxier',
    rules: [
      rule(['list', 'watch'], '', 'services', 'endpoints'),
      rule(read, '', 'nodes'),
      ...events,
      rule(['list', 'watch'], 'discovery.k8s.io', 'endpointslices'),
      rule(['list', 'watch'], 'networking.k8s.io', 'servicecidrs'),
    ],
  },
  {
    name: 'system:coredns',
    rules: [
      rule(['list', 'watch'], '', 'endpoints', 'services', 'pods', 'namespaces'),
      rule(['list', 'watch'], 'discovery.k8s.io', 'endpointslices'),
    ],
  },
  {
    name: 'system:kubelet-api-admin',
    rules: [
      rule(read, '', 'nodes'),
      rule(['proxy'], '', 'nodes'),
      rule(
        ['*'],
        '',
        'nodes/configz',
        'nodes/healthz',
        'nodes/log',
        'nodes/metrics',
        'nodes/pods',
        'nodes/proxy',
        'nodes/stats',
      ),
    ],
  },
  {
    name: 'system:kube-scheduler',
    rules: [
      ...events,
      rule(['create'], 'coordination.k8s.io', 'leases'),
      rule(['list', 'watch'], 'coordination.k8s.io', 'leases'),
      named(['get', 'update'], 'coordination.k8s.io', 'leases', 'kube-scheduler'),
      rule(read, '', 'nodes'),
      rule(['delete', ...read], '', 'pods'),
      rule(['create'], '', 'bindings', 'pods/binding'),
      rule(['patch', 'update'], '', 'pods/status'),
      rule(read, '', 'replicationcontrollers', 'services'),
      rule(read, apps, 'replicasets', 'statefulsets'),
      rule(read, 'policy', 'poddisruptionbudgets'),
      rule(read, '', 'persistentvolumeclaims', 'persistentvolumes', 'namespaces'),
      rule(
        read,
        'storage.k8s.io',
        'csidrivers',
        'csinodes',
        'csistoragecapacities',
        'storageclasses',
        'volumeattachments',
      ),
      rule(read, 'resource.k8s.io', 'deviceclasses', 'devicetaintrules', 'resourceslices'),
      rule(['patch', 'update', ...read], 'resource.k8s.io', 'resourceclaims'),
      rule(['patch', 'update'], 'resource.k8s.io', 'resourceclaims/status'),
      rule(['create'], 'authentication.k8s.io', 'tokenreviews'),
      rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews'),
    ],
  },
  {
    name: 'system:kube-controller-manager',
    rules: [
      ...events,
      rule(['create'], 'coordination.k8s.io', 'leases'),
      rule(['list', 'watch'], 'coordination.k8s.io', 'leases'),
      named(['get', 'update'], 'coordination.k8s.io', 'leases', 'kube-controller-manager'),
      rule(['create'], '', 'secrets', 'serviceaccounts'),
      rule(['delete'], '', 'secrets'),
      rule(['get'], '', 'configmaps', 'namespaces', 'secrets', 'serviceaccounts'),
      rule(['update'], '', 'secrets', 'serviceaccounts'),
      rule(['create'], 'authentication.k8s.io', 'tokenreviews'),
      rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews'),
      rule(['list', 'watch'], '*', '*'),
      rule(['create'], '', 'serviceaccounts/token'),
    ],
  },
  {
    name: 'system:auth-delegator',
    rules: [
      rule(['create'], 'authentication.k8s.io', 'tokenreviews'),
      rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews'),
    ],
  },
  {
    name: 'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
    rules: [rule(['create'], 'certificates.k8s.io', 'certificatesigningrequests/nodeclient')],
  },
  {
    name: 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
    rules: [rule(['create'], 'certificates.k8s.io', 'certificatesigningrequests/selfnodeclient')],
  },
  {
    name: 'system:certificates.k8s.io:kube-apiserver-client-approver',
    rules: [named(['approve'], 'certificates.k8s.io', 'signers', 'kubernetes.io/kube-apiserver-client')],
  },
  {
    name: 'system:certificates.k8s.io:kube-apiserver-client-kubelet-approver',
    rules: [named(['approve'], 'certificates.k8s.io', 'signers', 'kubernetes.io/kube-apiserver-client-kubelet')],
  },
  {
    name: 'system:certificates.k8s.io:kubelet-serving-approver',
    rules: [named(['approve'], 'certificates.k8s.io', 'signers', 'kubernetes.io/kubelet-serving')],
  },
  {
    name: 'system:certificates.k8s.io:legacy-unknown-approver',
    rules: [named(['approve'], 'certificates.k8s.io', 'signers', 'kubernetes.io/legacy-unknown')],
  },
  {
    name: 'system:node-bootstrapper',
    rules: [rule(['create', ...read], 'certificates.k8s.io', 'certificatesigningrequests')],
  },
  { name: 'system:cluster-trust-bundle-discovery', rules: [rule(read, 'certificates.k8s.io', 'clustertrustbundles')] },
  {
    name: 'system:service-account-issuer-discovery',
    rules: [
      urls(
        '/.well-known/openid-configuration',
        '/.well-known/openid-configuration/',
        '/openid/v1/jwks',
        '/openid/v1/jwks/',
      ),
    ],
  },
];

/** One ServiceAccount a controller, in kube-system, each with its own role `system:controller:<name>`. */
const controllers: Readonly<Record<string, readonly Rule[]>> = {
  'clusterrole-aggregation-controller': [
    rule(['escalate', 'get', 'list', 'patch', 'update', 'watch'], rbacGroup, 'clusterroles'),
  ],
  'daemon-set-controller': [
    rule(['get', 'list', 'watch'], apps, 'daemonsets'),
    rule(['update'], apps, 'daemonsets/status'),
    rule(['update'], apps, 'daemonsets/finalizers'),
    rule(['list', 'watch'], '', 'nodes'),
    rule(['create', 'delete', 'list', 'patch', 'watch'], '', 'pods'),
    rule(['create'], '', 'pods/binding'),
    rule(['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'], apps, 'controllerrevisions'),
    ...events,
  ],
  'deployment-controller': [
    rule(['get', 'list', 'update', 'watch'], apps, 'deployments'),
    rule(['update'], apps, 'deployments/status'),
    rule(['update'], apps, 'deployments/finalizers'),
    rule(['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'], apps, 'replicasets'),
    rule(['get', 'list', 'update', 'watch'], '', 'pods'),
    ...events,
  ],
  'endpoint-controller': [
    rule(read, '', 'pods', 'services'),
    rule(['create', 'delete', 'get', 'list', 'update'], '', 'endpoints'),
    rule(['create'], '', 'endpoints/restricted'),
    ...events,
  ],
  'endpointslice-controller': [
    rule(read, '', 'nodes', 'pods', 'services'),
    rule(['update'], '', 'services/finalizers'),
    rule(['create', 'delete', 'get', 'list', 'update', 'watch'], 'discovery.k8s.io', 'endpointslices'),
    rule(['create'], 'discovery.k8s.io', 'endpointslices/restricted'),
    ...events,
  ],
  'disruption-controller': [
    rule(['get', 'list', 'watch'], 'apps', 'deployments', 'replicasets', 'statefulsets'),
    rule(['get', 'list', 'watch'], '', 'replicationcontrollers'),
    rule(['get', 'list', 'watch'], 'policy', 'poddisruptionbudgets'),
    rule(['update'], 'policy', 'poddisruptionbudgets/status'),
    rule(['patch', 'update'], '', 'pods/status'),
    rule(['get'], '*', '*/scale'),
    ...events,
  ],
  'generic-garbage-collector': [rule(['delete', 'get', 'list', 'patch', 'update', 'watch'], '*', '*'), ...events],
  'job-controller': [
    rule(['get', 'list', 'patch', 'update', 'watch'], 'batch', 'jobs'),
    rule(['update'], 'batch', 'jobs/status'),
    rule(['update'], 'batch', 'jobs/finalizers'),
    rule(['create', 'delete', 'list', 'patch', 'watch'], '', 'pods'),
    ...events,
  ],
  'namespace-controller': [
    rule(['delete', 'get', 'list', 'watch'], '', 'namespaces'),
    rule(['update'], '', 'namespaces/finalize', 'namespaces/status'),
    rule(['delete', 'deletecollection', 'get', 'list'], '*', '*'),
  ],
  'node-controller': [
    rule(['delete', 'get', 'list', 'patch', 'update', 'watch'], '', 'nodes'),
    rule(['patch', 'update'], '', 'nodes/status'),
    rule(['patch', 'update'], '', 'pods/status'),
    rule(['delete', 'get', 'list', 'watch'], '', 'pods'),
    rule(['get', 'list', 'watch', 'delete'], 'coordination.k8s.io', 'leases'),
    ...events,
  ],
  'pod-garbage-collector': [
    rule(['delete', 'list', 'watch'], '', 'pods'),
    rule(['get', 'list', 'watch'], '', 'nodes'),
    rule(['patch'], '', 'pods/status'),
  ],
  'pv-protection-controller': [rule(['get', 'list', 'update', 'watch'], '', 'persistentvolumes'), ...events],
  'pvc-protection-controller': [
    rule(['get', 'list', 'update', 'watch'], '', 'persistentvolumeclaims'),
    rule(['get', 'list', 'watch'], '', 'pods'),
    ...events,
  ],
  'replicaset-controller': [
    rule(['get', 'list', 'update', 'watch'], apps, 'replicasets'),
    rule(['update'], apps, 'replicasets/status'),
    rule(['update'], apps, 'replicasets/finalizers'),
    rule(['create', 'delete', 'get', 'list', 'patch', 'watch'], '', 'pods'),
    ...events,
  ],
  'resourcequota-controller': [
    rule(['list', 'watch'], '*', '*'),
    rule(['update'], '', 'resourcequotas/status'),
    ...events,
  ],
  'root-ca-cert-publisher': [rule(['create', 'update'], '', 'configmaps'), ...events],
  'service-account-controller': [rule(['create'], '', 'serviceaccounts'), ...events],
  'service-cidrs-controller': [
    rule(['get', 'list', 'patch', 'update', 'watch'], 'networking.k8s.io', 'servicecidrs'),
    rule(['patch', 'update'], 'networking.k8s.io', 'servicecidrs/finalizers', 'servicecidrs/status'),
    rule(['get', 'list', 'watch'], 'networking.k8s.io', 'ipaddresses'),
    ...events,
  ],
  'ttl-after-finished-controller': [rule(['delete', 'get', 'list', 'watch'], 'batch', 'jobs'), ...events],
  'volumeattributesclass-protection-controller': [
    rule(['get', 'list', 'watch'], '', 'persistentvolumeclaims'),
    rule(['get', 'list', 'watch'], '', 'persistentvolumes'),
    rule(['get', 'list', 'update', 'watch'], 'storage.k8s.io', 'volumeattributesclasses'),
    ...events,
  ],
};

/** A controller's own identity: the short name under `system:controller:`. */
export type ControllerName = keyof typeof controllers;

export const defaultRoles: readonly DefaultRole[] = [
  ...roles,
  ...Object.entries(controllers).map(([name, rules]) => ({ name: `system:controller:${name}`, rules })),
];

const group = (name: string) => ({ kind: 'Group' as const, name });
const user = (name: string) => ({ kind: 'User' as const, name });
const authenticated = group('system:authenticated');
const everybody = [authenticated, group('system:unauthenticated')];

export const defaultBindings: readonly DefaultBinding[] = [
  { name: 'cluster-admin', role: 'cluster-admin', subjects: [group('system:masters')] },
  { name: 'system:discovery', role: 'system:discovery', subjects: [authenticated] },
  { name: 'system:basic-user', role: 'system:basic-user', subjects: [authenticated] },
  { name: 'system:public-info-viewer', role: 'system:public-info-viewer', subjects: everybody },
  { name: 'system:monitoring', role: 'system:monitoring', subjects: [group('system:monitoring')] },
  { name: 'system:node-proxier', role: 'system:node-proxier', subjects: [user('system:kube-proxy')] },
  {
    name: 'system:coredns',
    role: 'system:coredns',
    subjects: [{ kind: 'ServiceAccount', name: 'coredns', namespace: 'kube-system' }],
  },
  {
    name: 'system:kubelet-api-admin',
    role: 'system:kubelet-api-admin',
    subjects: [user('kube-apiserver-kubelet-client')],
  },
  { name: 'system:kube-scheduler', role: 'system:kube-scheduler', subjects: [user('system:kube-scheduler')] },
  {
    name: 'system:kube-controller-manager',
    role: 'system:kube-controller-manager',
    subjects: [user('system:kube-controller-manager')],
  },
  { name: 'system:node', role: 'system:node', subjects: [] },
  {
    name: 'system:cluster-trust-bundle-discovery',
    role: 'system:cluster-trust-bundle-discovery',
    subjects: [group('system:serviceaccounts')],
  },
  {
    name: 'system:service-account-issuer-discovery',
    role: 'system:service-account-issuer-discovery',
    subjects: [group('system:serviceaccounts')],
  },
  ...Object.keys(controllers).map((name) => ({
    name: `system:controller:${name}`,
    role: `system:controller:${name}`,
    subjects: [{ kind: 'ServiceAccount' as const, name, namespace: 'kube-system' }],
  })),
];
