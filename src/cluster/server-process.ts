/**
 * The server process: store, API server, scheduler and controllers in one, joined by the direct client. It serves the API on loopback and on a unix socket; the nodes'
 * agents bring the socket to their pods.
 */
import { dirname } from 'node:path';
import { allKinds } from '#api/kinds.ts';
import { startApiServer } from '#apiserver/server.ts';
import { serviceAccountUser, userOf } from '#apiserver/user.ts';
import { startControllers } from '#controllers/all.ts';
import { startHostPorts } from '#network/host-ports.ts';
import { startScheduler } from '#scheduler/run.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';
import type { Store } from '#store/store.ts';
import type { World } from '#world/world.ts';
import { serveBackups } from './backup/backup-socket.ts';
import { startBackups } from './backup/backups.ts';
import { apiServiceIp, defaults, type Configuration, type ControlPlaneConfiguration } from './configuration.ts';
import { serveEncryption } from './encryption/encryption-socket.ts';
import { openEncryption } from './encryption/encryption.ts';
import { openEtcd } from './etcd.ts';
import { serveClusterEtcd } from './etcd-api/serve.ts';
import { openIdentities } from './identities.ts';
import { startIdleMemory } from './idle-memory.ts';
import type { Layout } from './layout.ts';
import { publishClusterDns } from './cluster-dns.ts';
import { startProcess } from './process-state.ts';
import { versionInfo } from './version.ts';

export interface ServerProcess extends AsyncDisposable {
  /** Resolves when the store can no longer be trusted: the process must end. */
  readonly failed: Promise<Error>;
}

export interface ServerOptions {
  readonly ignoreMissingKeys?: boolean;
  /** Which one this is, of several. */
  readonly plane?: ControlPlaneConfiguration;
}

/** Starts everything; resolves when the API answers and the controllers run. */
export async function startServerProcess(
  world: World,
  layout: Layout,
  configuration: Configuration,
  { plane, ...options }: ServerOptions = {},
): Promise<ServerProcess> {
  return startProcess(
    world,
    plane ? layout.controlPlane(plane.name).serverState : layout.serverState,
    async (stack, state) => {
      await world.disk.makeDirectory(dirname(layout.database), { mode: 0o700 });
      const identities = await openIdentities(world, layout, configuration);
      let store: Store;
      let purge: (() => Promise<void>) | undefined;
      let threads: (() => Promise<void>) | undefined;
      const several = plane && (await import('./control-planes.ts'));
      const etcd = several ? several.etcdOf(layout, configuration, plane) : configuration.etcd;
      if (etcd) {
        store = stack.use(await openEtcd(world, etcd));
      } else {
        const file = stack.use(await openSqliteStore(world, { path: layout.database }));
        stack.use(startBackups(world, layout, file));
        stack.use(await serveBackups(world, layout, file));
        store = file;
        purge = () => file.purge();
        threads = () => file.collectGarbage();
      }
      // As in an etcd under upstream's API server: what is encrypted stays so. Control planes have a real etcd, which serves itself.
      if (!plane) stack.use(await serveClusterEtcd(world, layout, { configuration, store }));
      const encryption = stack.use(
        await openEncryption(
          world,
          { layout, configuration, store },
          {
            ...options,
            ...(purge ? { purge } : {}),
            ...(plane ? { shared: true } : {}),
          },
        ),
      );
      stack.use(await serveEncryption(world, plane ? layout.controlPlane(plane.name) : layout, encryption));
      ({ store } = encryption);
      await state.stage('store');

      const server = stack.use(
        await startApiServer(world, {
          kinds: allKinds,
          store,
          ranges: { clusterIps: configuration.serviceSubnet, nodePorts: configuration.nodePorts },
          tokenKey: { ...identities.tokenKey, issuer: `https://kubernetes.default.svc.${configuration.clusterDomain}` },
          kubeletAccess: { identity: identities.kubeletClient, ca: identities.ca },
          version: versionInfo(world.processes.self.platform, world.processes.self.arch),
        }),
      );
      const clusterIp = apiServiceIp(configuration);
      if (several) {
        const own = (await several.openControlPlaneIdentities(world, layout, configuration)).servers.get(plane.name);
        const address = { ip: plane.address, port: defaults.apiPort };
        const listen = { host: address.ip, port: address.port };
        await server.serve(listen, { ...(own ?? identities.server), clientCa: identities.ca });
        const { startEndpointLeases } = await import('#apiserver/bootstrap/endpoint-leases.ts');
        stack.use(await startEndpointLeases(server.api, { clusterIp, own: address }));
      } else {
        const tls = { ...identities.server, clientCa: identities.ca };
        await server.serve({ host: '127.0.0.1', port: configuration.port }, tls);
        await world.disk.remove(layout.apiSocket);
        await server.serve({ path: layout.apiSocket }, tls);
        await server.publish({
          clusterIp,
          endpoints:
            configuration.nodeKind === 'containers'
              ? configuration.nodes.map(({ address }) => ({ ip: address, port: defaults.apiPort }))
              : [],
        });
      }
      await publishClusterDns(server, configuration);
      await state.stage('API server');

      if (etcd) {
        const { startElections } = await import('./elections.ts');
        const identity = `${plane?.name ?? 'server'}_${configuration.id}`;
        stack.use(await startElections(world, server, { identity, rootCa: identities.ca }));
        await state.stage('controllers, scheduler');
      } else {
        stack.use(
          startControllers(
            world,
            {
              read: server.client(userOf('system:kube-controller-manager'), 'kube-controller-manager'),
              as: (name) => server.client(serviceAccountUser('kube-system', name), name),
            },
            { kinds: allKinds, rootCa: identities.ca },
          ),
        );
        // They run in this process: what ends them ends it.
        server.api.report('controller-manager', () => undefined);
        await state.stage('controllers');
        stack.use(await startScheduler(world, server.client(userOf('system:kube-scheduler'), 'kube-scheduler')));
        server.api.report('scheduler', () => undefined);
        await state.stage('scheduler');
      }
      if (configuration.nodeKind === 'simulated') {
        // Not needed where nodes are real: what is not loaded takes no memory.
        const { startSimulatedNodes } = await import('./simulated-nodes.ts');
        stack.use(await startSimulatedNodes(world, server, configuration, layout));
      } else if (!plane)
        stack.use(
          await startHostPorts(world, server.client(userOf('system:kube-proxy'), 'k8ts-host-ports'), {
            nodePorts: configuration.nodePorts,
          }),
        );
      stack.use(startIdleMemory(world, threads));
      return { failed: store.failed };
    },
  );
}
