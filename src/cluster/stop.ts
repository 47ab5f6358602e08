/**
 * Ends a cluster without leaving anything behind: processes, containers, mounts, cgroups, network namespaces, bridge, nft tables. Works after crashes too, and
 * twice.
 */
import { openImageStore } from '#images/image-store.ts';
import { openOciRuntime } from '#kubelet/oci/runtime.ts';
import { removeMounts } from '#kubelet/volumes/volumes.ts';
import { stopMachines } from '#network/machines.ts';
import type { Millis, World } from '#world/world.ts';
import { cgroupRootOf } from './agent-process.ts';
import type { Configuration } from './configuration.ts';
import type { Layout } from './layout.ts';
import { runningState } from './process-state.ts';

const graceMs: Millis = 10_000;
const pollMs: Millis = 10;

export async function stopCluster(world: World, layout: Layout, configuration: Configuration): Promise<void> {
  // Agents first: without them no container comes back while we clean.
  await Promise.all(configuration.nodes.map(({ name }) => endProcess(world, layout.node(name).state)));
  await Promise.all([endProcess(world, layout.serverState), endProcess(world, layout.frontState)]);
  // Servers before the members of etcd: they give up their leases.
  const places = (configuration.controlPlanes ?? []).map(({ name }) => layout.controlPlane(name));
  await Promise.all(places.map(({ serverState }) => endProcess(world, serverState)));
  await Promise.all(places.map(({ etcdState }) => endProcess(world, etcdState)));
  if (configuration.nodeKind === 'simulated') return;
  const images = await openImageStore(world, { directory: layout.images });
  try {
    for (const { name } of configuration.nodes) {
      const place = layout.node(name);
      if ((await world.disk.stat(place.runtime)) === undefined) continue;
      const runtime = await openOciRuntime(world, {
        directory: place.runtime,
        images,
        cgroupRoot: cgroupRootOf(configuration, name),
        nodeName: name,
        // The machines go as a whole: there is nothing to give back one by one.
        network: {
          attach: () => Promise.reject(new Error('the cluster is being stopped')),
          detach: () => Promise.resolve(),
        },
      });
      try {
        await runtime.removeEverything();
      } finally {
        await runtime[Symbol.asyncDispose]();
      }
      await removeMounts(world, place.root);
    }
  } finally {
    await images[Symbol.asyncDispose]();
  }
  await stopMachines(world, configuration.id);
}

/** Asks a process to end, and makes it. */
async function endProcess(world: World, statePath: string): Promise<void> {
  const state = await runningState(world, statePath);
  if (state) {
    world.processes.kill(state.pid, 'SIGTERM');
    const deadline = world.clock.monotonic() + graceMs;
    while (await runningState(world, statePath)) {
      if (world.clock.monotonic() > deadline) {
        world.processes.kill(state.pid, 'SIGKILL');
        break;
      }
      await world.clock.sleep(pollMs);
    }
    while (
      world.processes.kill(state.pid, 0) &&
      world.clock.monotonic() < deadline + graceMs &&
      (await runningState(world, statePath))
    )
      await world.clock.sleep(pollMs);
  }
  await world.disk.remove(statePath);
}
