/**
 * The volumes of one pod while it lives: made before its first container, kept in step with the API objects that they show, and given back. How a volume is made is in
 * `volumes/`.
 */
import { join } from 'node:path';
import type { Pod } from '#api/core/pod.ts';
import type { Millis, World } from '#world/world.ts';
import type { NodeFacts } from './node-facts.ts';
import type { Sources } from './volumes/sources.ts';
import { isLive, MountError, prepareVolumes, removeVolumes, type HostPaths } from './volumes/volumes.ts';

/** Volumes that follow API objects are looked at this often. */
const refreshMs: Millis = 60_000;

export interface VolumeParts {
  readonly world: World;
  readonly sources: Sources;
  readonly node: NodeFacts;
}

/** The pod as it is now. */
export interface PodOnNode {
  pod(): Pod;
  ips(): readonly string[];
}

export class PodVolumes {
  readonly #parts: VolumeParts;
  readonly #on: PodOnNode;
  #paths: HostPaths | undefined;
  #refreshAt: Millis = 0;
  #isReleased = false;

  constructor(parts: VolumeParts, on: PodOnNode) {
    this.#parts = parts;
    this.#on = on;
  }

  /** Where they are, made if they are not. Throws MountError. */
  async paths(): Promise<HostPaths> {
    return this.#paths ?? (await this.mount());
  }

  /** Makes them, or brings them up to date. Throws MountError. */
  async mount(): Promise<HostPaths> {
    const { world, sources, node } = this.#parts;
    const pod = this.#on.pod();
    this.#paths = await prepareVolumes(
      {
        world,
        sources,
        directory: node.podDirectory(pod.metadata.uid),
        pod,
        fields: { podIps: this.#on.ips(), hostIp: node.address, nodeName: node.name },
        allocatable: node.allocatable,
      },
      this.#paths,
    );
    this.#refreshAt = world.clock.now() + refreshMs;
    return this.#paths;
  }

  /** Something that they show has changed. */
  outdated(): void {
    this.#refreshAt = 0;
  }

  /** Brings those that follow API objects up to date when it is time; answers in how many ms to come back. */
  async refresh(now: Millis): Promise<Millis> {
    const pod = this.#on.pod();
    if (!(pod.spec.volumes ?? []).some(isLive)) return Infinity;
    // An agent that starts anew writes them once, so that tokens do not run out unseen.
    if (this.#paths && this.#refreshAt > now) return this.#refreshAt - now;
    try {
      await this.mount();
    } catch (error) {
      if (!(error instanceof MountError)) throw error;
      const { namespace, name } = pod.metadata;
      this.#parts.world.log.info('a volume could not be refreshed', {
        pod: `${namespace}/${name}`,
        error: error.message,
      });
      this.#refreshAt = now + refreshMs / 4;
    }
    return Math.max(0, this.#refreshAt - now);
  }

  /** Gives back what a pod that ran to its end needs no more; its logs stay. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    const { world, sources, node } = this.#parts;
    const pod = this.#on.pod();
    await removeVolumes(world, join(node.podDirectory(pod.metadata.uid), 'volumes'));
    sources.forget(pod);
    this.#isReleased = true;
  }
}
