/**
 * An API server on a loopback port inside the test's process, and the real clients against it. Everything is gone when it is disposed: files, sockets,
 * store. No kubelet runs, so pods stay as the test leaves them.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allKinds } from '#api/kinds.ts';
import { ServiceAccount } from '#api/core/serviceaccount.ts';
import { startApiServer, type ApiServer } from '#apiserver/server.ts';
import { loopback, serviceAccountUser, userOf } from '#apiserver/user.ts';
import type { Client } from '#client/client.ts';
import { clientTools, toolsDirectory, type ClientTools } from '#cluster/client-tools.ts';
import { writeKubeconfig } from '#cluster/kubeconfig.ts';
import { startControllers } from '#controllers/all.ts';
import { openAuthority, openTokenKey, type Authority } from '#cluster/pki.ts';
import { memoryStore } from '#store/memory.ts';
import type { Store } from '#store/store.ts';
import { openSqliteStore } from '#store/sqlite/sqlite-store.ts';
import { nodeWorld } from '#world/node/world.ts';
import type { RunResult, World } from '#world/world.ts';

export const version = {
  major: '1',
  minor: '37',
  gitVersion: 'v1.37.0+k8ts',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: 'node',
  platform: 'linux/amd64',
};

export interface WireCluster extends AsyncDisposable {
  readonly world: World;
  /** The first one, as `client`: after a restart both are of the past. */
  readonly server: ApiServer;
  /** A client in this process with all rights. */
  readonly client: Client;
  readonly directory: string;
  readonly kubeconfig: string;
  readonly url: string;
  readonly authority: Authority;
  /** Ends the API server, lets `meanwhile` happen to its store, and starts another one in its place: same store, same port. */
  restart(meanwhile?: (store: Store) => Promise<void>): Promise<void>;
  kubectl(args: string | readonly string[], options?: RunOptions): Promise<RunResult>;
  helm(args: string | readonly string[], options?: RunOptions): Promise<RunResult>;
  /** kubectl that must succeed; answers what it printed. */
  ok(args: string | readonly string[], stdin?: string): Promise<string>;
  /** Writes a file into the cluster's directory; answers its path. */
  file(name: string, content: string): Promise<string>;
}

interface RunOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

const runMsMax = 60_000;

/** Starts it. The ServiceAccount `default` stands in the namespace default, as its controller would make it. */
export async function wireCluster(
  options: {
    readonly store?: 'memory' | 'sqlite';
    readonly controllers?: boolean;
    /** Other than kubectl 1.36 and Helm 4. */
    readonly tools?: ClientTools;
  } = {},
): Promise<WireCluster> {
  await using stack = new AsyncDisposableStack();
  const world = nodeWorld();
  const directory = await mkdtemp(join(tmpdir(), 'k8ts-wire-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const tools = options.tools ?? (await clientTools(world, toolsDirectory));
  const pki = join(directory, 'pki');
  const authority = await openAuthority(world, pki);
  const identity = await authority.issue('server', {
    commonName: 'kube-apiserver',
    usage: 'server',
    dnsNames: ['localhost', 'kubernetes'],
    ipAddresses: ['127.0.0.1'],
  });
  const admin = await authority.issue('admin', {
    commonName: 'kubernetes-admin',
    organizations: ['system:masters'],
    usage: 'client',
  });
  const key = await openTokenKey(world, pki);
  const store = stack.use(
    options.store === 'sqlite' ? await openSqliteStore(world, { path: join(directory, 'state.db') }) : memoryStore(),
  );
  let server: ApiServer | undefined;
  stack.defer(() => server?.[Symbol.asyncDispose]());
  const start = async (wanted: number): Promise<{ readonly running: ApiServer; readonly port: number }> => {
    const running = await startApiServer(world, {
      kinds: allKinds,
      store,
      ranges: { clusterIps: '10.96.0.0/16', nodePorts: [30000, 32767] },
      tokenKey: { ...key, issuer: 'https://kubernetes.default.svc.cluster.local' },
      version,
    });
    server = running;
    const { port } = await running.serve(
      { host: '127.0.0.1', port: wanted },
      { ...identity, clientCa: authority.cert },
    );
    return { running, port };
  };
  const { running: first, port } = await start(0);
  const url = `https://127.0.0.1:${port}`;
  await first.publish({ clusterIp: '10.96.0.1', endpoints: [{ ip: '192.0.2.1', port }] });
  const kubeconfig = join(directory, 'kubeconfig');
  await writeKubeconfig(world, kubeconfig, { name: 'wire', server: url, ca: authority.cert, identity: admin });
  const client = first.client(loopback, 'wire-test');
  if (options.controllers) {
    const as = (identity: string): Client =>
      first.client(serviceAccountUser('kube-system', identity), `kube-controller-manager`);
    const read = first.client(userOf('system:kube-controller-manager'), 'kube-controller-manager');
    stack.use(startControllers(world, { read, as }, { kinds: allKinds, rootCa: authority.cert }));
    await accountOf(world, client);
  } else await client.create(ServiceAccount, { metadata: { name: 'default', namespace: 'default' } });

  const run = (
    program: string,
    args: string | readonly string[],
    { stdin, env, timeoutMs }: RunOptions = {},
  ): Promise<RunResult> =>
    world.processes.run([program, ...(typeof args === 'string' ? args.split(' ') : args)], {
      env: {
        KUBECONFIG: kubeconfig,
        HOME: directory,
        KUBECACHEDIR: join(directory, 'cache'),
        HELM_CACHE_HOME: join(directory, 'helm-cache'),
        HELM_CONFIG_HOME: join(directory, 'helm-config'),
        HELM_DATA_HOME: join(directory, 'helm-data'),
        ...env,
      },
      cwd: directory,
      timeoutMs: timeoutMs ?? runMsMax,
      ...(stdin === undefined ? {} : { input: stdin }),
    });
  const owned = stack.move();
  return {
    world,
    server: first,
    client,
    directory,
    kubeconfig,
    url,
    authority,
    async restart(meanwhile) {
      await server?.[Symbol.asyncDispose]();
      await meanwhile?.(store);
      await start(port);
    },
    kubectl: (args, runOptions) => run(tools.kubectl, args, runOptions),
    helm: (args, runOptions) => run(tools.helm, args, runOptions),
    async ok(args, stdin) {
      const { code, stdout, stderr } = await run(tools.kubectl, args, stdin === undefined ? {} : { stdin });
      if (code !== 0) throw new Error(`kubectl ${String(args)} ended with ${code}:\n${stdout}${stderr}`);
      return stdout;
    },
    async file(name, content) {
      const path = join(directory, name);
      await writeFile(path, content, { mode: 0o755 });
      return path;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The controllers make the ServiceAccount `default` in their own time. */
async function accountOf(world: World, client: Client): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const { items } = await client.list(ServiceAccount, { namespace: 'default' });
    if (items.length > 0) return;
    await world.clock.sleep(25);
  }
  throw new Error('the ServiceAccount default never came');
}

/** A small Deployment, changed by `edit` lines of sed's kind in the tests themselves. */
export const webManifest = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: example.com/web:1
        ports: [{containerPort: 8080}]
`;
