/**
 * The Node object: registered at the start, its status kept fresh, its lease renewed every ten seconds so that the control plane knows this node lives
 * (https://kubernetes.io/docs/concepts/architecture/nodes/#node-heartbeats).
 */
import { deepEqual } from '#base/deep-equal.ts';
import { isApiError } from '#meta/status.ts';
import { formatMicroTime, formatTime } from '#meta/time.ts';
import { Lease } from '#api/coordination/lease.ts';
import { Node } from '#api/core/node.ts';
import type { Client } from '#client/client.ts';
import type { Millis, World } from '#world/world.ts';
import type { RuntimeImages } from './container-runtime.ts';

export interface NodeIdentity {
  readonly name: string;
  readonly address: string;
  readonly kubeletPort: number;
  readonly podCidr: string;
  readonly runtimeVersion: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface MachineFacts {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly maxPods: number;
  readonly machineId: string;
  readonly bootId: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly architecture: string;
  readonly operatingSystem: string;
}

const leaseSeconds = 40;
const renewMs: Millis = 10_000;
/** An unchanged status is still written this often. */
const reportMs: Millis = 5 * 60_000;
const leaseNamespace = 'kube-node-lease';
const kubeletVersion = 'v1.37.0+k8ts';
const imagesMax = 50;

/** Reads what the machine is. */
export async function machineFacts(world: World, dataDirectory: string): Promise<MachineFacts> {
  const read = async (path: string): Promise<string> => ((await world.disk.readText(path)) ?? '').trim();
  const memory = /MemTotal:\s+(\d+) kB/.exec(await read('/proc/meminfo'));
  const cpus = (await read('/proc/cpuinfo')).split('\n').filter((line) => line.startsWith('processor')).length;
  const release = /PRETTY_NAME="?([^"\n]*)"?/.exec(await read('/etc/os-release'));
  const space = await world.disk.space(dataDirectory);
  return {
    cpus: cpus || 1,
    memoryBytes: memory ? Number(memory[1]) * 1024 : 1024 ** 3,
    diskBytes: space.totalBytes,
    maxPods: 110,
    machineId: await read('/etc/machine-id'),
    bootId: await read('/proc/sys/kernel/random/boot_id'),
    kernelVersion: (await read('/proc/sys/kernel/osrelease')) || 'unknown',
    osImage: release?.[1] ?? world.processes.self.platform,
    architecture: world.processes.self.arch === 'x64' ? 'amd64' : world.processes.self.arch,
    operatingSystem: world.processes.self.platform,
  };
}

/** What pods may use, as quantities. */
export const capacityOf = (facts: MachineFacts): Readonly<Record<string, string>> => ({
  cpu: String(facts.cpus),
  memory: `${Math.floor(facts.memoryBytes / 1024)}Ki`,
  'ephemeral-storage': `${Math.floor(facts.diskBytes / 1024)}Ki`,
  'hugepages-1Gi': '0',
  'hugepages-2Mi': '0',
  pods: String(facts.maxPods),
});

/** A tenth of the disk is kept back, as upstream's default eviction threshold does; memory keeps 100 MiB. */
export const allocatableOf = (facts: MachineFacts): Readonly<Record<string, string>> => ({
  ...capacityOf(facts),
  memory: `${Math.max(0, Math.floor(facts.memoryBytes / 1024) - 100 * 1024)}Ki`,
  'ephemeral-storage': String(Math.floor(facts.diskBytes * 0.9)),
});

export interface NodeReporter extends AsyncDisposable {
  /** Resolves once the node is registered and its first status is written. */
  readonly registered: Promise<void>;
}

/** Registers the node and keeps its status and lease. */
export function startNodeReporter(
  world: World,
  client: Client,
  parts: { identity: NodeIdentity; facts: MachineFacts; images: RuntimeImages },
): NodeReporter {
  const stop = new AbortController();
  const registered = Promise.withResolvers<void>();
  const running = Promise.all([
    keepStatus(world, client, parts, stop.signal, registered.resolve),
    keepLease(world, client, parts.identity.name, stop.signal),
  ]);
  return {
    registered: registered.promise,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

async function pause(world: World, ms: Millis, signal: AbortSignal): Promise<boolean> {
  try {
    await world.clock.sleep(ms, { signal });
    return !signal.aborted;
  } catch {
    return false; // Aborted: the agent stops.
  }
}

async function keepStatus(
  world: World,
  client: Client,
  { identity, facts, images }: { identity: NodeIdentity; facts: MachineFacts; images: RuntimeImages },
  signal: AbortSignal,
  done: () => void,
): Promise<void> {
  let reported: unknown;
  let reportedAt = -Infinity;
  let delay = 200;
  for (;;) {
    try {
      const node = await ensureNode(client, identity, facts);
      const status = statusOf(world, identity, facts, node);
      const known = (await images.list())
        .slice(0, imagesMax)
        .map(({ tags, digests, sizeBytes }) => ({ names: [...digests, ...tags], sizeBytes }));
      const stable = {
        ...status,
        conditions: status.conditions.map(({ lastHeartbeatTime: _h, ...rest }) => rest),
        images: known,
      };
      if (!deepEqual(stable, reported) || world.clock.monotonic() - reportedAt > reportMs) {
        await client.patch(
          Node,
          identity.name,
          { type: 'strategic', body: { status: { ...status, images: known } } },
          { subresource: 'status' },
        );
        reported = stable;
        reportedAt = world.clock.monotonic();
      }
      done();
      delay = 200;
      if (!(await pause(world, renewMs, signal))) return;
    } catch (error) {
      if (signal.aborted) return;
      world.log.warn('the node status could not be written', { node: identity.name, error: (error as Error).message });
      if (!(await pause(world, delay, signal))) return;
      delay = Math.min(delay * 2, renewMs);
    }
  }
}

async function ensureNode(client: Client, { name, labels, podCidr }: NodeIdentity, facts: MachineFacts): Promise<Node> {
  try {
    return await client.get(Node, name);
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
  }
  return client.create(Node, {
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/arch': facts.architecture,
        'kubernetes.io/os': facts.operatingSystem,
        'beta.kubernetes.io/arch': facts.architecture,
        'beta.kubernetes.io/os': facts.operatingSystem,
        ...labels,
      },
    },
    spec: { podCIDR: podCidr, podCIDRs: [podCidr] },
    status: { capacity: capacityOf(facts), allocatable: allocatableOf(facts) },
  } as never);
}

function statusOf(world: World, identity: NodeIdentity, facts: MachineFacts, node: Node) {
  const now = formatTime(world.clock.now());
  const condition = (type: string, status: 'True' | 'False', reason: string, message: string) => {
    const old = node.status?.conditions?.find((each) => each.type === type);
    return {
      type,
      status,
      reason,
      message,
      lastHeartbeatTime: now,
      lastTransitionTime: old?.status === status && old.lastTransitionTime ? old.lastTransitionTime : now,
    };
  };
  return {
    capacity: capacityOf(facts),
    allocatable: allocatableOf(facts),
    conditions: [
      condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
      condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
      condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
      condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
    ],
    addresses: [
      { type: 'InternalIP', address: identity.address },
      { type: 'Hostname', address: identity.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: identity.kubeletPort } },
    nodeInfo: {
      machineID: facts.machineId,
      systemUUID: facts.machineId,
      bootID: facts.bootId,
      kernelVersion: facts.kernelVersion,
      osImage: facts.osImage,
      containerRuntimeVersion: identity.runtimeVersion,
      kubeletVersion,
      kubeProxyVersion: '',
      operatingSystem: facts.operatingSystem,
      architecture: facts.architecture,
    },
  };
}

async function keepLease(world: World, client: Client, name: string, signal: AbortSignal): Promise<void> {
  let lease: Lease | undefined;
  for (;;) {
    try {
      const renewTime = formatMicroTime(world.clock.now());
      if (!lease) {
        try {
          lease = await client.get(Lease, name, { namespace: leaseNamespace });
        } catch (error) {
          if (!isApiError(error, 'NotFound')) throw error;
        }
      }
      const spec = { holderIdentity: name, leaseDurationSeconds: leaseSeconds, renewTime };
      if (lease) lease = await client.update(Lease, { ...lease, spec: { ...lease.spec, ...spec } });
      else {
        const node = await client.get(Node, name);
        lease = await client.create(Lease, {
          metadata: {
            name,
            namespace: leaseNamespace,
            ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid }],
          },
          spec,
        });
      }
      if (!(await pause(world, renewMs, signal))) return;
    } catch (error) {
      if (signal.aborted) return;
      lease = undefined;
      if (!isApiError(error, 'NotFound'))
        world.log.warn('the node lease could not be renewed', { node: name, error: (error as Error).message });
      if (!(await pause(world, 1_000, signal))) return;
    }
  }
}
