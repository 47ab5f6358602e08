/**
 * What every cluster has from its first moment: four namespaces, the default roles and bindings, priority classes, flow control, the APIServices of
 * what this server serves, and the Service `kubernetes`. All of it is written in one transaction on an empty store; later starts only add what is missing.
 */
import { deepEqual } from '#base/deep-equal.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { isApiError } from '#meta/status.ts';
import { Endpoints } from '#api/core/endpoints.ts';
import { Namespace } from '#api/core/namespace.ts';
import { Service } from '#api/core/service.ts';
import { EndpointSlice } from '#api/discovery/endpointslice.ts';
import { ClusterRole } from '#api/rbac/clusterrole.ts';
import { ClusterRoleBinding } from '#api/rbac/clusterrolebinding.ts';
import { Role } from '#api/rbac/role.ts';
import { RoleBinding } from '#api/rbac/rolebinding.ts';
import type { AnyKind } from '#client/client.ts';
import type { Operation } from '#store/store.ts';
import type { Api } from '../api.ts';
import { defaultBindings, defaultRoles } from '../authz/default-policy.ts';
import type { DefaultRole } from '../authz/policy/rule.ts';
import { uncovered, type Rule } from '../authz/rbac.ts';
import { createDecoded } from '../registry/create.ts';
import { countsGenerations, defaulted, timestamp } from '../registry/prepare.ts';
import { write } from '../registry/update.ts';
import type { Asker } from '../registry/resource.ts';
import { loopback } from '../user.ts';
import { encode } from '../watch/entry.ts';
import { apiServiceDrafts } from './api-services.ts';
import { classDrafts } from './class-drafts.ts';

const autoupdate = 'rbac.authorization.kubernetes.io/autoupdate';
const bootstrapLabels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

const asker: Asker = { user: loopback, fieldManager: 'k8ts', fieldValidation: 'Ignore', warnings: [], dryRun: false };

interface Draft {
  readonly kind: AnyKind;
  readonly namespace?: string;
  readonly object: {
    readonly metadata: { readonly name: string; readonly labels?: object; readonly annotations?: object };
  };
}

/** Writes in one transaction: fewer than the 128 that etcd takes by default. */
const batchMax = 100;

/** Several servers of one store may start at once: who is late looks again at what is missing. */
const triesMax = 16;

/** Fills an empty store; on a later start, adds what is missing (a start that was cut short, too) and reconciles the default roles. */
export async function bootstrap(
  api: Api,
  { serviceRanges }: { readonly serviceRanges: readonly string[] },
): Promise<void> {
  const drafts: readonly Draft[] = [
    ...namespaces.map(namespaceDraft),
    ...defaultRoles.map(roleDraft),
    ...defaultBindings.map(bindingDraft),
    ...localRoles(),
    ...classDrafts(serviceRanges),
    ...apiServiceDrafts(api.kinds),
  ];
  for (let tries = 1; ; tries++) {
    const conflict = await addMissing(api, drafts);
    if (conflict === undefined) break;
    if (tries === triesMax) throw new Error(`the first objects could not be written: ${conflict} changed meanwhile`);
  }
  await reconcileRoles(api);
}

/** Writes what is not there; answers the key that somebody else wrote meanwhile, if there is one. */
async function addMissing(api: Api, drafts: readonly Draft[]): Promise<string | undefined> {
  const missing = drafts.filter(
    ({ kind, namespace, object }) => !api.cache(kind).get(api.cache(kind).key(namespace, object.metadata.name)),
  );
  const operations: Operation[] = missing.map((draft) => {
    const resource = api.resource(draft.kind);
    const { world } = api;
    const object = defaulted(resource, {
      ...draft.object,
      apiVersion: draft.kind.group ? `${draft.kind.group}/${draft.kind.version}` : draft.kind.version,
      kind: draft.kind.kind,
      metadata: {
        ...draft.object.metadata,
        ...(draft.namespace === undefined ? {} : { namespace: draft.namespace }),
        uid: world.random.uuid(),
        ...(countsGenerations(resource) ? { generation: 1 } : {}),
        creationTimestamp: timestamp(world),
      },
    } as unknown as AnyObject);
    const prepared = (draft.kind.hooks.prepareCreate?.(object) ?? object) as AnyObject;
    return {
      op: 'put',
      key: resource.cache.key(draft.namespace, draft.object.metadata.name),
      value: encode(draft.kind, prepared),
      expect: 0,
    };
  });
  for (let from = 0; from < operations.length; from += batchMax) {
    const result = await api.store.txn(operations.slice(from, from + batchMax));
    if (!result.ok) return result.conflict.key;
  }
  return undefined;
}

/** Runs `publish`, again when another server was about the same. */
export async function untilAgreed(publish: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await publish();
      return;
    } catch (error) {
      // A Service that is there already is refused for its address, not for its name.
      if (!isApiError(error, 'AlreadyExists', 'Conflict', 'Invalid') || tries === triesMax) throw error;
    }
  }
}

const namespaceDraft = (name: string): Draft => ({
  kind: Namespace,
  object: { metadata: { name, labels: { 'kubernetes.io/metadata.name': name } } },
});

function roleDraft(role: DefaultRole): Draft {
  return {
    kind: ClusterRole,
    object: {
      metadata: {
        name: role.name,
        labels: { ...bootstrapLabels, ...role.labels },
        annotations: { [autoupdate]: 'true' },
      },
      rules: role.aggregates ? gathered(role.aggregates) : role.rules,
      ...(role.aggregates
        ? {
            aggregationRule: {
              clusterRoleSelectors: [
                { matchLabels: { [`rbac.authorization.k8s.io/aggregate-to-${role.aggregates}`]: 'true' } },
              ],
            },
          }
        : {}),
    } as never,
  };
}

/** An aggregated role's first content; the aggregation controller keeps it from then on. */
function gathered(target: string): readonly Rule[] {
  const label = `rbac.authorization.k8s.io/aggregate-to-${target}`;
  return defaultRoles
    .filter((role) => role.labels?.[label] === 'true')
    .flatMap((role) => (role.aggregates ? gathered(role.aggregates) : role.rules));
}

const bindingDraft = ({ name, role, subjects }: (typeof defaultBindings)[number]): Draft => ({
  kind: ClusterRoleBinding,
  object: {
    metadata: { name, labels: bootstrapLabels, annotations: { [autoupdate]: 'true' } },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: subjects.map((subject) =>
      subject.kind === 'ServiceAccount' ? subject : { ...subject, apiGroup: 'rbac.authorization.k8s.io' },
    ),
  } as never,
});

/** The API server's published CA may be read by every component that authenticates its clients. */
function localRoles(): Draft[] {
  const name = 'extension-apiserver-authentication-reader';
  return [
    {
      kind: Role,
      namespace: 'kube-system',
      object: {
        metadata: { name, labels: bootstrapLabels, annotations: { [autoupdate]: 'true' } },
        rules: [
          {
            verbs: ['get', 'list', 'watch'],
            apiGroups: [''],
            resources: ['configmaps'],
            resourceNames: ['extension-apiserver-authentication'],
          },
        ],
      } as never,
    },
    {
      kind: RoleBinding,
      namespace: 'kube-system',
      object: {
        metadata: {
          name: 'system::extension-apiserver-authentication-reader',
          labels: bootstrapLabels,
          annotations: { [autoupdate]: 'true' },
        },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
        subjects: [
          { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'system:kube-controller-manager' },
          { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'system:kube-scheduler' },
        ],
      } as never,
    },
  ];
}

/** An upgrade may bring new rules: they are added, nothing is taken away. */
async function reconcileRoles(api: Api): Promise<void> {
  const roles = api.resource(ClusterRole);
  for (const wanted of defaultRoles) {
    if (wanted.aggregates) continue;
    const entry = roles.cache.get(roles.cache.key(undefined, wanted.name));
    const present = entry?.object as (AnyObject & { rules?: readonly Rule[] }) | undefined;
    if (!present || present.metadata.annotations?.[autoupdate] === 'false') continue;
    const missing = uncovered(present.rules ?? [], wanted.rules);
    if (missing.length === 0) continue;
    await write(roles, asker, {
      namespace: undefined,
      name: wanted.name,
      make: (old) => old && ({ ...old, rules: [...((old as typeof present).rules ?? []), ...missing] } as AnyObject),
    });
  }
}

/** Where the API is reached from inside: the Service's address and the endpoints behind it. */
export interface ApiAddress {
  /** The first address of the service range. */
  readonly clusterIp: string;
  readonly endpoints: readonly { readonly ip: string; readonly port: number }[];
}

/** Publishes `kubernetes` in namespace default; called again whenever the endpoints change. */
export async function publishApi(api: Api, address: ApiAddress): Promise<void> {
  const metadata = { name: 'kubernetes', labels: { component: 'apiserver', provider: 'kubernetes' } };
  const services = api.resource(Service);
  if (!services.cache.get(services.cache.key('default', 'kubernetes'))) {
    const draft = defaulted(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata as never,
      spec: {
        clusterIP: address.clusterIp,
        ports: [{ name: 'https', port: 443, targetPort: address.endpoints[0]?.port ?? 6443, protocol: 'TCP' }],
        sessionAffinity: 'None',
        type: 'ClusterIP',
      },
    } as unknown as AnyObject);
    try {
      await createDecoded(services, asker, { namespace: 'default', draft });
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }
  }
  const port = address.endpoints[0]?.port ?? 6443;
  const ips = address.endpoints.map(({ ip }) => ip);
  await keep(api, Endpoints, {
    metadata: { name: 'kubernetes', labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    ...(ips.length > 0
      ? { subsets: [{ addresses: ips.map((ip) => ({ ip })), ports: [{ name: 'https', port, protocol: 'TCP' }] }] }
      : {}),
  });
  await keep(api, EndpointSlice, {
    metadata: { name: 'kubernetes', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: 'IPv4',
    endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  });
}

async function keep(
  api: Api,
  kind: AnyKind,
  wanted: { readonly metadata: { readonly name: string; readonly labels: object }; readonly [field: string]: unknown },
): Promise<void> {
  const resource = api.resource(kind);
  const { metadata, ...content } = wanted;
  const apiVersion = kind.group ? `${kind.group}/${kind.version}` : kind.version;
  const draft = defaulted(resource, {
    apiVersion,
    kind: kind.kind,
    metadata: metadata as never,
    ...content,
  } as unknown as AnyObject);
  const present = resource.cache.get(resource.cache.key('default', metadata.name));
  if (!present) {
    await createDecoded(resource, asker, { namespace: 'default', draft });
    return;
  }
  const { metadata: _m, ...now } = present.object;
  const { metadata: _d, ...next } = draft;
  if (deepEqual(now, next)) return;
  await write(resource, asker, {
    namespace: 'default',
    name: metadata.name,
    make: (old) => old && ({ ...old, ...next } as AnyObject),
  });
}
