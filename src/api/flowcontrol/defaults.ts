/**
 * The flow control that every cluster begins with, as upstream has it: two levels and two schemas that must be there and cannot be changed,
 * and further ones that are a suggestion. Plain data; the API server's bootstrap writes it.
 */

const all = ['*'];
const readWrite = ['get', 'create', 'update'];

const group = (name: string) => ({ kind: 'Group' as const, group: { name } });
const user = (name: string) => ({ kind: 'User' as const, user: { name } });
const account = (name: string) => ({
  kind: 'ServiceAccount' as const,
  serviceAccount: { namespace: 'kube-system', name },
});
type Subject = ReturnType<typeof group> | ReturnType<typeof user> | ReturnType<typeof account>;

const everybody = [group('system:unauthenticated'), group('system:authenticated')];
const controllerManager = user('system:kube-controller-manager');
const scheduler = user('system:kube-scheduler');

interface ResourceRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly namespaces: readonly string[];
  readonly clusterScope?: true;
}
interface PathRule {
  readonly verbs: readonly string[];
  readonly nonResourceURLs: readonly string[];
}
interface Rule {
  readonly subjects: readonly Subject[];
  readonly resourceRules?: readonly ResourceRule[];
  readonly nonResourceRules?: readonly PathRule[];
}

/** Whatever these ask for. */
const everything = (...subjects: Subject[]): Rule => ({
  subjects,
  resourceRules: [{ verbs: all, apiGroups: all, resources: all, clusterScope: true, namespaces: all }],
  nonResourceRules: [{ verbs: all, nonResourceURLs: all }],
});
const leases = (verbs: readonly string[]): ResourceRule => ({
  verbs,
  apiGroups: ['coordination.k8s.io'],
  resources: ['leases'],
  namespaces: all,
});

function schema(name: string, level: string, precedence: number, by: 'ByUser' | 'ByNamespace' | undefined, rule: Rule) {
  const spec = {
    priorityLevelConfiguration: { name: level },
    matchingPrecedence: precedence,
    ...(by === undefined ? {} : { distinguisherMethod: { type: by } }),
    rules: [rule],
  };
  return { name, spec };
}

export const mandatoryFlowSchemas = [
  schema('exempt', 'exempt', 1, undefined, everything(group('system:masters'))),
  schema('catch-all', 'catch-all', 10_000, 'ByUser', everything(...everybody)),
];

export const suggestedFlowSchemas = [
  schema('system-nodes', 'system', 500, 'ByUser', everything(group('system:nodes'))),
  schema('system-node-high', 'node-high', 400, 'ByUser', {
    subjects: [group('system:nodes')],
    resourceRules: [
      { verbs: all, apiGroups: [''], resources: ['nodes', 'nodes/status'], clusterScope: true, namespaces: all },
      leases(all),
    ],
  }),
  schema('probes', 'exempt', 2, undefined, {
    subjects: everybody,
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  }),
  schema('system-leader-election', 'leader-election', 100, 'ByUser', {
    subjects: [controllerManager, scheduler, account('*')],
    resourceRules: [leases(readWrite)],
  }),
  schema('endpoint-controller', 'workload-high', 150, 'ByUser', {
    subjects: [controllerManager, account('endpoint-controller'), account('endpointslicemirroring-controller')],
    resourceRules: [{ verbs: readWrite, apiGroups: [''], resources: ['endpoints'], namespaces: all }],
  }),
  schema('workload-leader-election', 'leader-election', 200, 'ByUser', {
    subjects: [account('*')],
    resourceRules: [leases(readWrite)],
  }),
  schema('kube-controller-manager', 'workload-high', 800, 'ByNamespace', everything(controllerManager)),
  schema('kube-scheduler', 'workload-high', 800, 'ByNamespace', everything(scheduler)),
  schema('kube-system-service-accounts', 'workload-high', 900, 'ByNamespace', everything(account('*'))),
  schema('service-accounts', 'workload-low', 9000, 'ByUser', everything(group('system:serviceaccounts'))),
  schema('global-default', 'global-default', 9900, 'ByUser', everything(...everybody)),
];

const queueLengthLimit = 50;

function level(name: string, shares: number, lendable: number, queues?: { queues: number; handSize: number }) {
  const response = queues
    ? { type: 'Queue' as const, queuing: { ...queues, queueLengthLimit } }
    : { type: 'Reject' as const };
  const limited = { nominalConcurrencyShares: shares, limitResponse: response, lendablePercent: lendable };
  return { name, spec: { type: 'Limited' as const, limited } };
}

export const mandatoryPriorityLevels = [
  {
    name: 'exempt',
    spec: { type: 'Exempt' as const, exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  },
  level('catch-all', 5, 0),
];

export const suggestedPriorityLevels = [
  level('system', 30, 33, { queues: 64, handSize: 6 }),
  level('node-high', 40, 25, { queues: 64, handSize: 6 }),
  level('leader-election', 10, 0, { queues: 16, handSize: 4 }),
  level('workload-high', 40, 50, { queues: 128, handSize: 6 }),
  level('workload-low', 100, 90, { queues: 128, handSize: 6 }),
  level('global-default', 20, 50, { queues: 128, handSize: 6 }),
];
