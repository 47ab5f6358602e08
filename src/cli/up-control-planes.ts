/**
 * What `k8ts up` does for a cluster with several control planes: it finds which of their processes are missing and starts them, each on its machine.
 */
import { dirname } from 'node:path';
import type { Configuration, ControlPlaneConfiguration } from '#cluster/configuration.ts';
import { etcdCommand } from '#cluster/control-planes.ts';
import { newKey, writeKeyFile } from '#cluster/encryption/key-file.ts';
import type { Layout } from '#cluster/layout.ts';
import { recordState, runningState } from '#cluster/process-state.ts';
import { machineCommand } from '#network/machines.ts';
import type { World } from '#world/world.ts';
import { UsageError } from './flags.ts';

export { openControlPlaneIdentities as openIdentities } from '#cluster/control-planes.ts';

/** A process of the cluster beside the nodes' agents. */
export interface Part {
  readonly kind: 'etcd' | 'server' | 'front';
  readonly label: string;
  readonly plane?: ControlPlaneConfiguration;
  readonly state: string;
  readonly log: string;
  /** Writes the stages of its start into its state. */
  readonly tells: boolean;
}

/** A majority of an even number is no smaller than that of the next odd one. */
const counts = [1, 3, 5];

/** Throws for a number that makes no sense, and where there can be none. */
export async function refuseControlPlanes(
  world: World,
  count: number,
  nodeKind: Configuration['nodeKind'],
): Promise<void> {
  if (!counts.includes(count)) throw new UsageError(`--control-planes must be 1, 3 or 5, not ${count}`);
  if (nodeKind === 'simulated')
    throw new UsageError('--control-planes needs machines of their own: root on Linux, without --simulated');
  await requireEtcd(world);
}

async function requireEtcd(world: World): Promise<void> {
  if ((await world.processes.which('etcd')) !== undefined) return;
  throw new UsageError(
    'control planes need etcd, which is missing. Install it: "apt-get install etcd-server" (Debian, Ubuntu), "dnf install etcd" (Fedora), or from https://github.com/etcd-io/etcd/releases',
  );
}

/** Every process that control planes need, in the order in which they are started. */
export function partsOf(layout: Layout, { controlPlanes = [] }: Configuration): readonly Part[] {
  const members = controlPlanes.map((plane): Part => {
    const { etcdState, etcdLog } = layout.controlPlane(plane.name);
    return { kind: 'etcd', label: `etcd of ${plane.name}`, plane, state: etcdState, log: etcdLog, tells: false };
  });
  const servers = controlPlanes.map((plane): Part => {
    const { serverState, serverLog } = layout.controlPlane(plane.name);
    return { kind: 'server', label: plane.name, plane, state: serverState, log: serverLog, tells: true };
  });
  const front: Part = { kind: 'front', label: 'front', state: layout.frontState, log: layout.frontLog, tells: true };
  return [...members, ...servers, front];
}

/** Those that do not run. */
export async function missingParts(
  world: World,
  layout: Layout,
  configuration: Configuration,
): Promise<readonly Part[]> {
  const parts = partsOf(layout, configuration);
  const states = await Promise.all(parts.map(({ state }) => runningState(world, state)));
  return parts.filter((_part, index) => states[index] === undefined);
}

/** Made before the first servers start, which all read it. */
export const makeEncryptionKey = (world: World, layout: Layout): Promise<void> =>
  writeKeyFile(world, layout, [newKey(world)]);

export interface Start {
  readonly parts: readonly Part[];
  /** For the servers. */
  readonly flags: readonly string[];
  /** Runs a command of this program. */
  readonly command: (words: readonly string[]) => readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Told of each process that runs the program. */
  readonly started: (pid: number) => Promise<void>;
}

/** Starts what is missing. Their machines stand. */
export async function startParts(
  world: World,
  layout: Layout,
  configuration: Configuration,
  { parts, flags, command, env, started }: Start,
): Promise<void> {
  if (parts.some(({ kind }) => kind === 'etcd')) await requireEtcd(world);
  for (const { kind, plane, state, log } of parts) {
    // The state that a killed process left would pass for the new one's.
    await world.disk.remove(state);
    const machine = plane ? machineCommand(configuration.id, plane.name) : [];
    if (kind === 'etcd' && plane) {
      await world.disk.makeDirectory(dirname(layout.controlPlane(plane.name).etcdData), { mode: 0o700 });
      await world.disk.makeDirectory(layout.controlPlane(plane.name).etcdData, { mode: 0o700 });
      const member = etcdCommand(layout, configuration, plane);
      const { pid } = world.processes.spawn([...machine, ...member], { detached: true, stdio: { appendTo: log } });
      await recordState(world, state, pid);
    } else {
      const words = plane ? ['server', '--control-plane', plane.name, ...flags] : ['front'];
      const { pid } = world.processes.spawn([...machine, ...command([...words, '--data-dir', layout.root])], {
        detached: true,
        env,
        stdio: { appendTo: log },
      });
      await started(pid);
    }
  }
}
