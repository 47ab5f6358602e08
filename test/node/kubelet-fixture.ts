/**
 * One node for the tests in this folder: an API server in this process on a loopback port, the embedded runtime, the kubelet, and a network of veth pairs
 * with addresses of its own for every fixture. Pods are bound by hand; the real kubectl comes in over the port.
 */
import assert from 'node:assert/strict';
import { allKinds } from '#api/kinds.ts';
import type { Pod as PodObject } from '#api/core/pod.ts';
import { Pod } from '#api/core/pod.ts';
import { Event } from '#api/core/event.ts';
import { startApiServer, type ApiServer } from '#apiserver/server.ts';
import type { Client } from '#client/client.ts';
import { clientTools, toolsDirectory } from '#cluster/client-tools.ts';
import { openAuthority, openTokenKey } from '#cluster/pki.ts';
import { writeKubeconfig } from '#cluster/kubeconfig.ts';
import { ensureDemoImages } from '#images/demo.ts';
import { openImageStore, type ImageStore } from '#images/image-store.ts';
import { temporaryDirectory } from '#images/testing.ts';
import { openOciRuntime, type OciRuntime } from '#kubelet/oci/runtime.ts';
import type { PodNetwork } from '#kubelet/pod-network.ts';
import { startKubelet, type Kubelet } from '#kubelet/run.ts';
import { isApiError } from '#meta/status.ts';
import { memoryStore } from '#store/memory.ts';
import { world } from './oci-fixture.ts';

export { asRoot, leftovers, withApplets, world } from './oci-fixture.ts';
export const image = 'k8ts.local/guestbook:v1';

/** Every pod gets one end of a veth pair; the other end stands on this machine with a route to the pod's address. */
export function vethNetwork(): PodNetwork {
  const { bytes } = world.random;
  const [a = 0, b = 0] = bytes(2);
  const net = `10.${200 + (a % 50)}.${b}`;
  const given = new Map<string, { ip: string; link: string }>();
  let next = 2;
  const run = async (script: string): Promise<void> => {
    const { code, stderr } = await world.processes.run(['sh', '-ec', script]);
    if (code !== 0) throw new Error(`the test network failed: ${stderr}`);
  };
  return {
    async attach(sandboxId, netnsPath) {
      const ip = `${net}.${next++}`;
      const link = `kt${world.random.suffix(9)}`;
      const inside = `nsenter --net=${netnsPath} ip`;
      await run(
        `ip link add ${link} type veth peer name eth0 netns ${netnsPath}
         ip address add ${net}.1/32 dev ${link}; ip link set ${link} up; ip route add ${ip}/32 dev ${link} src ${net}.1
         ${inside} address add ${ip}/32 dev eth0; ${inside} link set eth0 up; ${inside} route add default dev eth0`,
      );
      given.set(sandboxId, { ip, link });
      return { ips: [ip] };
    },
    async detach(sandboxId) {
      const found = given.get(sandboxId);
      given.delete(sandboxId);
      if (found) await world.processes.run(['ip', 'link', 'delete', found.link]);
    },
    async restore(sandboxId, _netnsPath, { ips }) {
      if (!given.has(sandboxId)) given.set(sandboxId, { ip: ips[0] ?? '', link: '' });
    },
  };
}

export interface KubeletFixture extends AsyncDisposable {
  readonly path: string;
  readonly cgroupRoot: string;
  readonly api: ApiServer;
  readonly admin: Client;
  readonly images: ImageStore;
  readonly kubeconfig: string;
  runtime: OciRuntime;
  kubelet: Kubelet;
  /** Ends kubelet and runtime as a stopped agent does; containers run on. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Creates a pod that is bound to the node. */
  pod(name: string, spec: Record<string, unknown>, metadata?: Record<string, unknown>): Promise<PodObject>;
  /** A pod of one container that runs a shell script. */
  script(
    name: string,
    script: string,
    container?: Record<string, unknown>,
    spec?: Record<string, unknown>,
  ): Promise<PodObject>;
  get(name: string): Promise<PodObject>;
  /** Waits until the pod is as asked. */
  until(name: string, holds: (pod: PodObject) => unknown, timeoutMs?: number): Promise<PodObject>;
  running(name: string): Promise<PodObject>;
  over(name: string, timeoutMs?: number): Promise<PodObject>;
  remove(name: string, gracePeriodSeconds?: number): Promise<void>;
  gone(name: string, timeoutMs?: number): Promise<void>;
  log(name: string, container?: string): Promise<string>;
  exec(name: string, script: string, container?: string): Promise<{ code: number; stdout: string; stderr: string }>;
  events(name: string): Promise<readonly { type: string; reason: string; message: string; count: number }[]>;
  kubectl(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }>;
}

/** The real kubectl, or undefined where npm did not bring it. */
export const kubectlPath = await clientTools(world, toolsDirectory).then(
  ({ kubectl }) => kubectl,
  () => world.processes.which('kubectl'),
);

export const nodeName = 'node-1';

export async function kubeletFixture(): Promise<KubeletFixture> {
  await using stack = new AsyncDisposableStack();
  const place = stack.use(await temporaryDirectory());
  const authority = await openAuthority(world, `${place.path}/pki`);
  const server = await authority.issue('server', {
    commonName: 'kube-apiserver',
    usage: 'server',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
  });
  const toKubelets = await authority.issue('kubelet-client', {
    commonName: 'kube-apiserver-kubelet-client',
    usage: 'client',
  });
  const serving = await authority.issue('kubelet', {
    commonName: `system:node:${nodeName}`,
    organizations: ['system:nodes'],
    usage: 'server',
    ipAddresses: ['127.0.0.1'],
  });
  const adminIdentity = await authority.issue('admin', {
    commonName: 'kubernetes-admin',
    organizations: ['system:masters'],
    usage: 'client',
  });
  const key = await openTokenKey(world, `${place.path}/pki`);
  const api = stack.use(
    await startApiServer(world, {
      kinds: allKinds,
      store: memoryStore(),
      ranges: { clusterIps: '10.96.0.0/12', nodePorts: [30000, 32767] },
      tokenKey: { ...key, issuer: 'https://kubernetes.default.svc.cluster.local' },
      kubeletAccess: { identity: toKubelets, ca: authority.cert },
      version: {
        major: '1',
        minor: '37',
        gitVersion: 'v1.37.0+k8ts',
        gitCommit: '',
        gitTreeState: 'clean',
        buildDate: '',
        goVersion: '',
        compiler: 'node',
        platform: 'linux/amd64',
      },
    } as never),
  );
  const http = await api.serve({ host: '127.0.0.1', port: 0 }, { ...server, clientCa: authority.cert });
  await api.publish({ clusterIp: '10.96.0.1', endpoints: [{ ip: '10.199.0.1', port: http.port }] });
  const kubeconfig = `${place.path}/kubeconfig`;
  await writeKubeconfig(world, kubeconfig, {
    name: 'k8ts',
    server: `https://127.0.0.1:${http.port}`,
    ca: authority.cert,
    identity: adminIdentity,
  });
  const admin = api.client(
    { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] } as never,
    'test',
  );
  for (const namespace of ['default']) {
    await admin
      .create(
        allKinds.find(({ kind }) => kind === 'ServiceAccount') as never,
        { metadata: { name: 'default', namespace } } as never,
        { namespace },
      )
      .catch((error: unknown) => {
        if (!isApiError(error, 'AlreadyExists')) throw error;
      });
    // What the root-ca controller writes into every namespace.
    await admin.create(
      allKinds.find(({ kind }) => kind === 'ConfigMap') as never,
      { metadata: { name: 'kube-root-ca.crt', namespace }, data: { 'ca.crt': authority.cert } } as never,
      { namespace },
    );
  }
  const images = stack.use(await openImageStore(world, { directory: `${place.path}/images` }));
  await ensureDemoImages(world, images);
  const cgroupRoot = `k8ts-test-${world.random.suffix(8)}/${nodeName}`;
  const network = vethNetwork();
  const port = await freePort();
  const identity = { name: `system:node:${nodeName}`, groups: ['system:nodes', 'system:authenticated'] };
  const openRuntime = (): Promise<OciRuntime> =>
    openOciRuntime(world, { directory: `${place.path}/oci`, images, cgroupRoot, network, nodeName });
  const openKubelet = (runtime: OciRuntime): Promise<Kubelet> =>
    startKubelet(
      world,
      { client: api.client(identity as never, 'kubelet'), runtime },
      {
        nodeName,
        nodeAddress: '127.0.0.1',
        podCidr: '10.244.0.0/24',
        clusterDns: '10.96.0.10',
        clusterDomain: 'cluster.local',
        podsDirectory: `${place.path}/pods`,
        logDirectory: `${place.path}/log`,
        serve: { host: '127.0.0.1', port, tls: serving, clientCa: authority.cert },
      },
    );
  const runtime = await openRuntime();
  const owned = stack.move();
  let running = true;
  const fixture: KubeletFixture = {
    path: place.path,
    cgroupRoot,
    api,
    admin,
    images,
    kubeconfig,
    runtime,
    kubelet: await openKubelet(runtime),
    async stop() {
      running = false;
      await fixture.kubelet[Symbol.asyncDispose]();
      await fixture.runtime[Symbol.asyncDispose]();
    },
    async start() {
      fixture.runtime = await openRuntime();
      fixture.kubelet = await openKubelet(fixture.runtime);
      running = true;
    },
    async pod(name, spec, metadata = {}) {
      return admin.create(
        Pod,
        {
          metadata: { name, namespace: 'default', ...metadata },
          spec: { nodeName, terminationGracePeriodSeconds: 1, ...spec },
        } as never,
        { namespace: 'default' },
      );
    },
    script: (name, script, container = {}, spec = {}) =>
      fixture.pod(name, { containers: [shell('main', script, container)], ...spec }),
    get: (name) => admin.get(Pod, name, { namespace: 'default' }),
    async until(name, holds, timeoutMs = 15_000) {
      const stop = new AbortController();
      const timer = world.clock.after(timeoutMs, () => stop.abort(), { unref: true });
      let last = await fixture.get(name);
      try {
        if (holds(last)) return last;
        for await (const event of admin.watch(Pod, {
          namespace: 'default',
          fieldSelector: `metadata.name=${name}`,
          resourceVersion: last.metadata.resourceVersion,
          signal: stop.signal,
        })) {
          last = event.object as PodObject;
          if (event.type !== 'DELETED' && holds(last)) return last;
        }
      } catch (error) {
        if (!stop.signal.aborted) throw error;
      } finally {
        timer.cancel();
        stop.abort();
      }
      throw new Error(
        `the pod ${name} is still not ${holds}: ${JSON.stringify(last.status, null, 1)}\n${JSON.stringify(await fixture.events(name))}`,
      );
    },
    running: (name) =>
      fixture.until(
        name,
        ({ status }) => status.phase === 'Running' && status.containerStatuses?.every(({ state }) => state.running),
      ),
    over: (name, timeoutMs) =>
      fixture.until(name, ({ status }) => status.phase === 'Succeeded' || status.phase === 'Failed', timeoutMs),
    async remove(name, gracePeriodSeconds) {
      await admin.delete(Pod, name, {
        namespace: 'default',
        ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      });
    },
    async gone(name, timeoutMs = 15_000) {
      const deadline = world.clock.monotonic() + timeoutMs;
      for (;;) {
        try {
          const pod = await fixture.get(name);
          if (world.clock.monotonic() > deadline)
            throw new Error(`${name} is still there: ${JSON.stringify(pod.status)}`);
        } catch (error) {
          if (isApiError(error, 'NotFound')) return;
          throw error;
        }
        await world.clock.sleep(10);
      }
    },
    async log(name, container) {
      const pod = await fixture.get(name);
      const found = (await fixture.runtime.containers())
        .filter(
          (each) =>
            each.labels['io.kubernetes.pod.uid'] === pod.metadata.uid &&
            (container === undefined || each.name === container),
        )
        .toSorted((a, b) => b.attempt - a.attempt)[0];
      const text = (await world.disk.readText(found?.logPath ?? '/nowhere')) ?? '';
      return text
        .split('\n')
        .map((line) => line.split(' ').slice(3).join(' '))
        .join('\n');
    },
    async exec(name, script, container) {
      const pod = await fixture.get(name);
      const found = (await fixture.runtime.containers()).find(
        (each) =>
          each.labels['io.kubernetes.pod.uid'] === pod.metadata.uid &&
          each.state === 'running' &&
          (container === undefined || each.name === container),
      );
      assert.ok(found, `no container ${container ?? ''} of ${name} runs`);
      const session = await fixture.runtime.exec(found.id, { command: ['sh', '-c', script], stdin: false, tty: false });
      const text = async (stream: AsyncIterable<unknown> | undefined): Promise<string> => {
        let all = '';
        if (stream) for await (const chunk of stream) all += String(chunk);
        return all;
      };
      const [stdout, stderr, code] = await Promise.all([text(session.stdout), text(session.stderr), session.exited]);
      return { code, stdout, stderr };
    },
    async events(name) {
      const list = await admin.list(Event, { namespace: 'default', fieldSelector: `involvedObject.name=${name}` });
      return list.items.map(({ type = '', reason = '', message = '', count = 0 }) => ({
        type,
        reason,
        message,
        count,
      }));
    },
    kubectl: (...args) =>
      world.processes.run([kubectlPath ?? 'kubectl', '--kubeconfig', kubeconfig, ...args], { timeoutMs: 60_000 }),
    async [Symbol.asyncDispose]() {
      if (!running) await fixture.start();
      await fixture.kubelet[Symbol.asyncDispose]();
      await fixture.runtime.removeEverything();
      await fixture.runtime[Symbol.asyncDispose]();
      const mounts = ((await world.disk.readText('/proc/self/mounts')) ?? '')
        .split('\n')
        .map((line) => line.split(' ')[1] ?? '');
      for (const mount of mounts.filter((each) => each.startsWith(`${place.path}/`)).toReversed())
        await world.processes.run(['umount', '-l', mount]);
      await owned.disposeAsync();
    },
  };
  await fixture.kubelet.registered;
  return fixture;
}

export const shell = (name: string, script: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  name,
  image,
  command: ['sh', '-c', script],
  securityContext: { runAsUser: 0 },
  ...more,
});

/** A shell script that ends soon after SIGTERM. */
export const idle = 'trap "exit 0" TERM; while :; do sleep 0.05; done';

async function freePort(): Promise<number> {
  await using listener = await world.network.listenTcp({ host: '127.0.0.1', port: 0 }, (socket) => socket.destroy());
  return (listener.address as { port: number }).port;
}

/** Asks until the answer is true; fails after ten seconds. */
export async function eventually(ask: () => Promise<unknown>, timeoutMs = 10_000): Promise<void> {
  const deadline = world.clock.monotonic() + timeoutMs;
  while (!(await ask())) {
    if (world.clock.monotonic() > deadline) throw new Error(`still waiting for ${ask}`);
    await world.clock.sleep(10);
  }
}
