/**
 * A simulated node: the real kubelet on a machine whose containers are data. It can lose its kubelet, its network or its power.
 */
import { startKubelet, type Kubelet } from '#kubelet/run.ts';
import type { SimImage, Latencies } from '#kubelet/sim/behaviour.ts';
import { simRuntime, type RuntimeFault, type SimRuntime } from '#kubelet/sim/runtime.ts';
import type { Client } from '#client/client.ts';
import type { Life } from './faults.ts';
import type { SimUniverse, SimWorld } from './world/world.ts';

export interface SimNodeOptions {
  readonly name: string;
  readonly address: string;
  readonly podCidr: string;
  readonly cpus?: number;
  readonly memoryBytes?: number;
  readonly maxPods?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly images?: Readonly<Record<string, SimImage>>;
  readonly latencies?: Partial<Latencies>;
  readonly failures?: { readonly sandbox?: number; readonly start?: number };
  /** Whether a fault of its container runtime strikes. */
  readonly strikes?: (fault: RuntimeFault) => boolean;
}

export interface SimNode {
  readonly name: string;
  readonly world: SimWorld;
  readonly runtime: SimRuntime;
  /** The kubelet dies and a new one starts; containers run on. */
  restartKubelet(): Promise<void>;
  /** The machine dies, with everything on it. */
  powerOff(): void;
  /** It comes back, empty. */
  powerOn(): Promise<void>;
  /** Nothing gets in or out, though everything runs on; 'replies': requests still get out. */
  isolate(cut: boolean | 'replies'): void;
  [Symbol.asyncDispose](): Promise<void>;
}

const gigabyte = 1024 ** 3;

/** `connect` gives the kubelet its client, anew for each of its lives. */
export async function startSimNode(
  universe: SimUniverse,
  options: SimNodeOptions,
  connect: (life: Life) => Client,
): Promise<SimNode> {
  const world = universe.machine(options.name);
  const runtime = simRuntime(world, {
    podCidr: options.podCidr,
    nodeAddress: options.address,
    ...(options.images ? { images: options.images } : {}),
    ...(options.latencies ? { latencies: options.latencies } : {}),
    ...(options.failures ? { failures: options.failures } : {}),
    ...(options.strikes ? { strikes: options.strikes } : {}),
    place: (address, peer) => universe.network.place(address, peer),
  });
  let life: Life = { name: options.name, alive: false, cut: false, writes: 0 };
  let kubelet: Kubelet | undefined;
  const start = async (): Promise<void> => {
    life = { name: options.name, alive: true, cut: life.cut, writes: 0 };
    kubelet = await startKubelet(
      world,
      { client: connect(life), runtime },
      {
        nodeName: options.name,
        nodeAddress: options.address,
        podCidr: options.podCidr,
        ...(options.labels ? { labels: options.labels } : {}),
        clusterDns: '10.96.0.10',
        clusterDomain: 'cluster.local',
        podsDirectory: '/var/lib/kubelet/pods',
        logDirectory: '/var/log/pods',
        facts: {
          cpus: options.cpus ?? 4,
          memoryBytes: options.memoryBytes ?? 8 * gigabyte,
          diskBytes: 100 * gigabyte,
          maxPods: options.maxPods ?? 110,
          machineId: options.name,
          bootId: options.name,
          kernelVersion: '6.0.0-sim',
          osImage: 'k8ts simulator',
          architecture: 'amd64',
          operatingSystem: 'linux',
        },
      },
    );
  };
  const end = (): void => {
    life.alive = false;
    // Its calls never come back, so nobody waits for its end.
    void kubelet?.[Symbol.asyncDispose]();
    kubelet = undefined;
  };
  await start();
  return {
    name: options.name,
    world,
    runtime,
    async restartKubelet() {
      end();
      await start();
    },
    powerOff() {
      end();
      runtime.powerOff();
      world.disk.losePower();
    },
    powerOn: start,
    isolate(cut) {
      life.cut = cut;
    },
    async [Symbol.asyncDispose]() {
      const last = kubelet;
      kubelet = undefined;
      if (life.alive && !life.cut) await last?.[Symbol.asyncDispose]();
      life.alive = false;
    },
  };
}
