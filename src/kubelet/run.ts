/**
 * The kubelet of one node: registers it, and runs the pods that are bound to it, each by a worker of its own. It can stop and start at any time: what
 * runs goes on and is adopted.
 */
import { Pod } from '#api/core/pod.ts';
import { Service } from '#api/core/service.ts';
import type { Client } from '#client/client.ts';
import { startView } from '#client/view.ts';
import { eventRecorder } from '#runtime/events.ts';
import type { Millis, TlsIdentity, World } from '#world/world.ts';
import { Allocations } from './allocations.ts';
import type { ContainerRuntime } from './container-runtime.ts';
import { imagePulls } from './image-pulls.ts';
import type { NodeFacts } from './node-facts.ts';
import { allocatableOf, machineFacts, startNodeReporter, type MachineFacts } from './node-status.ts';
import { labels } from './pod-state.ts';
import { PodWorker, type WorkerParts } from './pod-worker.ts';
import { probeLoops } from './probe-loops.ts';
import { serveKubelet } from './server/server.ts';
import { apiSources } from './volumes/sources.ts';

/** Upstream's period of container garbage collection. */
const strayMs: Millis = 60_000;

export interface KubeletOptions {
  readonly nodeName: string;
  readonly nodeAddress: string;
  readonly podCidr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly clusterDns: string;
  readonly clusterDomain: string;
  /** Where pods' volumes and small files live. */
  readonly podsDirectory: string;
  readonly logDirectory: string;
  /** The kubelet's own API; absent in simulations. */
  readonly serve?: {
    readonly host: string;
    readonly port: number;
    readonly tls: TlsIdentity;
    readonly clientCa: string;
  };
  /** What the machine is; read from it when absent. */
  readonly facts?: MachineFacts;
}

export interface Kubelet extends AsyncDisposable {
  readonly registered: Promise<void>;
  /** Pods that have a worker. */
  readonly podCount: number;
}

/** Starts it. On disposal containers run on. */
export async function startKubelet(
  world: World,
  parts: { client: Client; runtime: ContainerRuntime },
  options: KubeletOptions,
): Promise<Kubelet> {
  await using stack = new AsyncDisposableStack();
  const { client, runtime } = parts;
  await world.disk.makeDirectory(options.podsDirectory, { mode: 0o750 });
  await world.disk.makeDirectory(options.logDirectory, { mode: 0o755 });
  const facts = options.facts ?? (await machineFacts(world, options.podsDirectory));
  const services = stack.use(
    startView(world, client, Service, { indexes: { namespace: (service) => [service.metadata.namespace ?? ''] } }),
  );
  const node: NodeFacts = {
    name: options.nodeName,
    address: options.nodeAddress,
    dns: {
      clusterDns: options.clusterDns,
      clusterDomain: options.clusterDomain,
      hostResolvConf: (await world.disk.readText('/etc/resolv.conf')) ?? '',
    },
    memoryBytes: facts.memoryBytes,
    allocatable: allocatableOf(facts),
    logDirectory: options.logDirectory,
    podDirectory: (uid) => `${options.podsDirectory}/${uid}`,
    servicesKnown: services.synced,
    services: (namespace) => [
      ...services.by('namespace', namespace),
      ...(namespace === 'default' ? [] : services.by('namespace', 'default')),
    ],
  };
  const events = eventRecorder(world, client, { component: 'kubelet', host: options.nodeName });
  const workers = new Map<string, PodWorker>();
  const sources = stack.use(apiSources(world, client, (uid) => workers.get(uid)?.sourceChanged()));
  const probes = stack.use(
    probeLoops(world, runtime, {
      changed: ({ pod }) => workers.get(pod.metadata.uid)?.wake(),
      failed: (target, kind, message) => {
        const { name, namespace = '', uid } = target.pod.metadata;
        const title = `${kind[0]?.toUpperCase()}${kind.slice(1)}`;
        events.record(
          {
            apiVersion: 'v1',
            kind: 'Pod',
            namespace,
            name,
            uid,
            fieldPath: `spec.containers{${target.container.name}}`,
          },
          'Warning',
          'Unhealthy',
          `${title} probe failed: ${message}`,
        );
      },
    }),
  );
  const shared: WorkerParts = {
    world,
    client,
    runtime,
    probes,
    pulls: imagePulls(world, runtime, sources),
    sources,
    events,
    node,
    allocations: new Allocations(node.allocatable, (uid) => workers.get(uid)?.wake()),
  };

  const reporter = stack.use(
    startNodeReporter(world, client, {
      identity: {
        name: options.nodeName,
        address: options.nodeAddress,
        kubeletPort: options.serve?.port ?? 0,
        podCidr: options.podCidr,
        runtimeVersion: `${runtime.info.name}://${runtime.info.version}`,
        ...(options.labels ? { labels: options.labels } : {}),
      },
      facts,
      images: runtime.images,
    }),
  );
  const pods = stack.use(startView(world, client, Pod, { fieldSelector: `spec.nodeName=${options.nodeName}` }));

  const add = (pod: Pod): void => {
    const worker = new PodWorker(shared, pod);
    workers.set(pod.metadata.uid, worker);
    void worker.finished.then(() => {
      if (workers.get(pod.metadata.uid) === worker) {
        workers.delete(pod.metadata.uid);
        shared.allocations.forget(pod.metadata.uid);
      }
      keepProbes();
    });
  };
  const keepProbes = (): void => {
    const before = probes.watched();
    void runtime.containers().then((containers) => {
      // Loops that began while the runtime was asked are of containers its answer does not show yet.
      const begun = [...probes.watched()].filter((id) => !before.has(id));
      const alive = containers.filter(({ state }) => state === 'running').map(({ id }) => id);
      probes.keepOnly(new Set([...alive, ...begun]));
    });
  };
  stack.use(
    pods.onChange(({ old, now }) => {
      if (old && old.metadata.uid !== now?.metadata.uid) workers.get(old.metadata.uid)?.orphan();
      if (!now) return;
      const worker = workers.get(now.metadata.uid);
      if (worker) worker.update(now);
      else add(now);
    }),
  );
  stack.use(
    runtime.onChange((sandboxId) => {
      void runtime.sandboxes().then((sandboxes) => {
        const uid = sandboxes.find(({ id }) => id === sandboxId)?.pod.uid;
        if (uid !== undefined) workers.get(uid)?.wake();
        else workers.forEach((worker) => worker.wake());
        keepProbes();
      });
    }),
  );
  // What runs for pods that the API no longer knows is ended, once the API has been asked; now and then again, since a runtime may keep what it was told to remove.
  const endStrays = async (): Promise<void> => {
    for (const sandbox of await runtime.sandboxes()) {
      if (workers.has(sandbox.pod.uid) || [...pods.all()].some(({ metadata }) => metadata.uid === sandbox.pod.uid))
        continue;
      world.log.info('a pod is gone from the API and is ended', {
        pod: `${sandbox.pod.namespace}/${sandbox.pod.name}`,
      });
      add(ghostOf(sandbox.labels, sandbox.pod, options.nodeName));
      workers.get(sandbox.pod.uid)?.orphan();
    }
  };
  const stop = stack.adopt(new AbortController(), (controller) => controller.abort());
  const sweep = async (): Promise<void> => {
    await Promise.all([pods.synced, services.synced]);
    while (!stop.signal.aborted) {
      await endStrays().catch((error: unknown) =>
        world.log.warn('what runs for nobody cannot be looked for', { error: String(error) }),
      );
      await world.clock.sleep(strayMs, { signal: stop.signal }).catch(() => undefined);
    }
  };
  void sweep();
  if (options.serve) {
    stack.use(
      await serveKubelet(
        world,
        {
          runtime,
          find: (namespace, name) =>
            [...workers.values()]
              .map((worker) => worker.pod)
              .find((pod) => pod.metadata.namespace === namespace && pod.metadata.name === name),
          pods: () => [...workers.values()].map((worker) => worker.pod),
        },
        options.serve,
      ),
    );
  }
  const owned = stack.move();
  return {
    registered: reporter.registered,
    get podCount() {
      return workers.size;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...workers.values()].map((worker) => worker.release()));
      await owned.disposeAsync();
      await events.flushed();
    },
  };
}

/** The least of a pod that its end needs, for a pod whose object is gone. */
function ghostOf(
  sandboxLabels: Readonly<Record<string, string>>,
  { uid, name, namespace }: { uid: string; name: string; namespace: string },
  nodeName: string,
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      uid,
      name: sandboxLabels[labels.podName] ?? name,
      namespace,
      resourceVersion: '0',
      creationTimestamp: '',
      deletionTimestamp: '1970-01-01T00:00:00Z',
      deletionGracePeriodSeconds: 0,
    },
    spec: {
      containers: [],
      nodeName,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      dnsPolicy: 'Default',
      schedulerName: '',
      securityContext: {},
    },
    status: { phase: 'Failed' },
  } as unknown as Pod;
}
