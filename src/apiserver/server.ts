/**
 * The API server as one value: kinds and a store in, an API and a port out. Construction goes in the order of a request: caches, authorization, tokens,
 * admission, the API, the edge.
 */
import type { AnyKind } from '#client/client.ts';
import { clientOf } from '#client/client-of.ts';
import type { Client } from '#client/client.ts';
import { subresourceKinds } from '#api/kinds.ts';
import { Lease } from '#api/coordination/lease.ts';
import { Endpoints } from '#api/core/endpoints.ts';
import { LimitRange } from '#api/core/limitrange.ts';
import { Namespace } from '#api/core/namespace.ts';
import { Node } from '#api/core/node.ts';
import { Pod } from '#api/core/pod.ts';
import { ResourceQuota } from '#api/core/resourcequota.ts';
import { Secret } from '#api/core/secret.ts';
import { Service } from '#api/core/service.ts';
import { ServiceAccount } from '#api/core/serviceaccount.ts';
import { IngressClass } from '#api/networking/ingressclass.ts';
import { IPAddress } from '#api/networking/ipaddress.ts';
import { ServiceCIDR } from '#api/networking/servicecidr.ts';
import { RuntimeClass } from '#api/node/runtimeclass.ts';
import { ClusterRole } from '#api/rbac/clusterrole.ts';
import { ClusterRoleBinding } from '#api/rbac/clusterrolebinding.ts';
import { Role } from '#api/rbac/role.ts';
import { RoleBinding } from '#api/rbac/rolebinding.ts';
import { PriorityClass } from '#api/scheduling/priorityclass.ts';
import { StorageClass } from '#api/storage/storageclass.ts';
import { apiVersionOf } from '#schema/kind.ts';
import type { MetricFamily, Store } from '#store/store.ts';
import type { HttpServer, SocketAddress, TlsIdentity, World } from '#world/world.ts';
import { admissionOf } from './admission/admission.ts';
import { deviceAccess } from './admission/device-access.ts';
import { certificateAdmission } from './admission/certificates.ts';
import { defaultIngressClassAdmission, defaultStorageClassAdmission } from './admission/default-classes.ts';
import { escalationCheck } from './admission/escalation.ts';
import { limitRangerAdmission } from './admission/limit-ranger.ts';
import { namespaceLifecycle } from './admission/namespace-lifecycle.ts';
import { nodeRestriction } from './admission/node-restriction.ts';
import { defaultTolerationSeconds, taintNodesByCondition } from './admission/pod-defaults.ts';
import { podSecurityAdmission } from './admission/pod-security.ts';
import { podTopologyLabels } from './admission/pod-topology-labels.ts';
import { priorityAdmission } from './admission/priority.ts';
import { quotasOf } from './admission/resource-quota.ts';
import { runtimeClassAdmission } from './admission/runtime-class.ts';
import { serviceAccountAdmission } from './admission/service-account.ts';
import { persistentVolumeClaimResize, storageObjectInUseProtection } from './admission/storage-objects.ts';
import { Api, idOf, isStored } from './api.ts';
import { serviceAccountTokens, type TokenKey } from './authn/service-account-tokens.ts';
import { authorizer } from './authz/authorize.ts';
import { NodeAuthorizer } from './authz/node.ts';
import { Rbac } from './authz/rbac.ts';
import { bootstrap, publishApi, untilAgreed, type ApiAddress } from './bootstrap/bootstrap.ts';
import { startCompaction } from './compaction.ts';
import { directTransport } from './direct.ts';
import { documentsOf } from './discovery/documents.ts';
import { startEventExpiry } from './event-expiry.ts';
import { inFlightLimits, readingMax, writingMax } from './flow/in-flight.ts';
import { healthOf, type Check } from './health.ts';
import { apiHandlers } from './http/handler.ts';
import { metricsOf } from './metrics/metrics.ts';
import { fenceOf, type Term } from './registry/fence.ts';
import { repairAddresses, startAddressRepair } from './registry/address-repair.ts';
import { startPortClaims } from './registry/port-claims.ts';
import { rangesOf, serviceAllocator, type ServiceRanges } from './registry/service-allocation.ts';
import type { User } from './user.ts';
import { zPages } from './z-pages.ts';

export interface ApiServerOptions {
  readonly kinds: readonly AnyKind[];
  readonly store: Store;
  readonly ranges: ServiceRanges;
  readonly tokenKey: TokenKey;
  /** How kubelets are called back; absent where nothing is served over a network. */
  readonly kubeletAccess?: { readonly identity: TlsIdentity; readonly ca: string };
  readonly version: VersionInfo;
}

/** What /version answers. */
export interface VersionInfo {
  readonly major: string;
  readonly minor: string;
  readonly gitVersion: string;
  readonly gitCommit: string;
  readonly gitTreeState: string;
  readonly buildDate: string;
  readonly goVersion: string;
  readonly compiler: string;
  readonly platform: string;
}

export interface ApiServer extends AsyncDisposable {
  readonly api: Api;
  /** A client in this process, acting as `user`; one of a leader writes only in that term. */
  client(user: User, fieldManager: string, term?: Term): Client;
  /** Serves HTTPS; may be called for several addresses (a TCP port, a unix socket). */
  serve(listen: SocketAddress, tls: TlsIdentity & { clientCa: string }): Promise<HttpServer>;
  /** Shows these numbers among its own, at `/metrics`. */
  measure(family: MetricFamily): void;
  /** Tells the cluster where the API is. */
  publish(address: ApiAddress): Promise<void>;
}

/** Loads the state, writes what a new cluster needs, and answers from then on. Throws StoreFailed. */
export async function startApiServer(world: World, options: ApiServerOptions): Promise<ApiServer> {
  await using stack = new AsyncDisposableStack();
  const api = stack.use(new Api({ world, store: options.store, kinds: options.kinds }));
  await api.start();
  const claims = stack.use(await startPortClaims(options.store));
  const rbac = new Rbac({
    roles: api.cache(Role),
    clusterRoles: api.cache(ClusterRole),
    roleBindings: api.cache(RoleBinding),
    clusterRoleBindings: api.cache(ClusterRoleBinding),
  });
  const authorization = authorizer(rbac, new NodeAuthorizer(api.cache(Pod)));
  const tokens = await serviceAccountTokens(world, options.tokenKey, {
    serviceAccounts: api.cache(ServiceAccount),
    pods: api.cache(Pod),
    secrets: api.cache(Secret),
    nodes: api.cache(Node),
  });
  api.arm({
    authorizer: authorization,
    rbac,
    tokens,
    admission: admissionOf([
      namespaceLifecycle(api.cache(Namespace)),
      limitRangerAdmission(api.cache(LimitRange)),
      nodeRestriction({ pods: api.cache(Pod), nodes: api.cache(Node) }),
      serviceAccountAdmission(api.cache(ServiceAccount), world.random),
      defaultTolerationSeconds,
      podSecurityAdmission(api.cache(Namespace), api.cache(Pod)),
      priorityAdmission(api.cache(PriorityClass)),
      taintNodesByCondition,
      podTopologyLabels(api.cache(Node)),
      defaultStorageClassAdmission(api.cache(StorageClass)),
      storageObjectInUseProtection,
      persistentVolumeClaimResize(api.cache(StorageClass)),
      runtimeClassAdmission(api.cache(RuntimeClass)),
      certificateAdmission(world.clock, authorization),
      defaultIngressClassAdmission(api.cache(IngressClass)),
      deviceAccess(api.cache(Namespace)),
      escalationCheck(rbac, authorization),
    ]),
    quotas: quotasOf(world, api.cache(ResourceQuota)),
    allocators: {
      [idOf(Service)]: serviceAllocator(
        world,
        { services: api.cache(Service), ranges: api.cache(ServiceCIDR), addresses: api.cache(IPAddress), claims },
        options.ranges,
      ),
    },
  });
  await bootstrap(api, { serviceRanges: rangesOf(options.ranges) });
  await repairAddresses(api);
  await claims.repair(api);
  stack.use(startAddressRepair(api));
  stack.use(startEventExpiry(api));
  stack.use(startCompaction(world, options.store));

  let storeError: Error | undefined;
  void options.store.failed.then((error) => (storeError = error));
  const ping = { name: 'ping', check: () => undefined };
  const etcd = { name: 'etcd', check: () => storeError?.message };
  const poststart = { name: 'poststarthook/rbac/bootstrap-roles', check: () => undefined };
  const own = Object.entries(options.store.checks ?? {}).map(([name, check]) => ({ name, check }));
  const checks = {
    livez: [ping, etcd, ...own, poststart],
    readyz: [ping, etcd, ...own, { name: 'informer-sync', check: () => undefined }, poststart],
  };
  const health = healthOf(checks);
  const counted = api.kinds.filter((kind) => isStored(kind) && !kind.storedAs);
  const metrics = metricsOf(world, {
    objects: () => counted.map((kind) => ({ group: kind.group, plural: kind.plural, count: api.cache(kind).size })),
    storeBytes: () => options.store.sizeBytes(),
    storeGauges: options.store.gauges ?? {},
    storeFamilies: options.store.families ?? [],
    version: options.version,
    checks,
  });
  const paths = pathsOf(api.kinds, checks);
  const pages = zPages(world.clock, {
    version: options.version,
    paths: paths.filter((path) => !path.startsWith('/api')),
    flags: {
      'anonymous-auth': 'health and version only',
      'authorization-mode': 'Node,RBAC',
      'max-mutating-requests-inflight': String(writingMax),
      'max-requests-inflight': String(readingMax),
      'service-account-issuer': options.tokenKey.issuer,
      'service-cluster-ip-range': options.ranges.clusterIps,
      'service-node-port-range': options.ranges.nodePorts.join('-'),
    },
  });
  const owned = stack.move();
  return {
    api,
    client: (user, fieldManager, term) =>
      clientOf(directTransport(api, user, fieldManager, term && fenceOf(api.cache(Lease), term))),
    measure: (family) => metrics.add(family),
    publish: (address) => untilAgreed(() => publishApi(api, address)),
    async serve(listen, tls) {
      const kubelets = {
        world,
        pods: api.cache(Pod),
        nodes: api.cache(Node),
        services: api.cache(Service),
        endpoints: api.cache(Endpoints),
        identity: options.kubeletAccess?.identity ?? tls,
        ca: options.kubeletAccess?.ca ?? tls.clientCa,
      };
      const address = 'port' in listen ? `${listen.host}:${listen.port}` : '';
      const documents = documentsOf(
        { kinds: options.kinds, bodies: subresourceKinds },
        { ...options.version },
        address,
      );
      const server = await world.network.serveHttp(
        { listen, tls },
        apiHandlers({ api, documents, health, zPages: pages, paths, metrics, kubelets, flow: inFlightLimits() }),
      );
      owned.use(server);
      return server;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Every path that is no resource, in order. */
function pathsOf(kinds: readonly AnyKind[], checks: Readonly<Record<string, readonly Check[]>>): readonly string[] {
  const paths = new Set(['/.well-known/openid-configuration', '/api', '/apis', '/apis/']);
  for (const kind of kinds) {
    if (kind.group) paths.add(`/apis/${kind.group}`);
    paths.add(kind.group ? `/apis/${apiVersionOf(kind)}` : `/api/${kind.version}`);
  }
  for (const [name, list] of Object.entries({ ...checks, healthz: checks['livez'] ?? [] })) {
    paths.add(`/${name}`);
    for (const check of list) paths.add(`/${name}/${check.name}`);
  }
  for (const path of [
    'flagz',
    'metrics',
    'metrics/slis',
    'openapi/v2',
    'openapi/v3',
    'openid/v1/jwks',
    'statusz',
    'version',
  ])
    paths.add(`/${path}`);
  return [...paths].toSorted();
}
