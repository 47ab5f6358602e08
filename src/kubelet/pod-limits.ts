/**
 * The limits of a running pod and of its containers, changed in place (KEP-1287). The pod's grow before those of its containers, and shrink after them: none may have more
 * than the pod.
 */
import type { Pod } from '#api/core/pod.ts';
import type { ContainerResources, ContainerRuntime, Sandbox } from './container-runtime.ts';
import type { NodeFacts } from './node-facts.ts';
import type { PodAction } from './plan.ts';
import { containerResources, podCgroup } from './resources.ts';

export class PodLimits {
  readonly #runtime: ContainerRuntime;
  readonly #node: NodeFacts;
  /** The last limits that this agent gave the pod as a whole. */
  #given: ContainerResources | undefined;
  /** It has more now, until its containers have what they are to have. */
  #grown = false;
  /** Why a container could not be given what it is to have. */
  readonly errors = new Map<string, string>();

  constructor(runtime: ContainerRuntime, node: NodeFacts) {
    this.#runtime = runtime;
    this.#node = node;
  }

  /** A sandbox is made with these. */
  made(resources: ContainerResources): void {
    this.#given = resources;
  }

  /** Gives the pod room for what its containers are about to get. */
  grow(sandbox: Sandbox, allocated: Pod): Promise<void> {
    return this.#limit(sandbox, allocated, true);
  }

  /** Takes back what its containers do not have any more. */
  async settle(sandbox: Sandbox, allocated: Pod): Promise<void> {
    if (this.#grown) await this.#limit(sandbox, allocated, false);
  }

  /** Gives containers what they are to have; what could not be given stands in `errors`. */
  async resize({ sandbox, containers }: Extract<PodAction, { do: 'resize' }>, allocated: Pod): Promise<void> {
    const stats = await this.#runtime.stats();
    await this.grow(sandbox, allocated);
    for (const { run, container } of containers) {
      const { oomScoreAdjust: _set, ...wanted } = containerResources(container, allocated, this.#node.memoryBytes);
      const used = stats.find(({ containerId }) => containerId === run.id)?.memoryWorkingSetBytes ?? 0;
      if (wanted.memoryLimitBytes !== undefined && wanted.memoryLimitBytes < used) {
        this.errors.set(
          container.name,
          `attempting to set container "${container.name}" memory limit (${wanted.memoryLimitBytes}) below current usage (${used})`,
        );
        continue;
      }
      await this.#runtime.updateResources(run.id, wanted);
      this.errors.delete(container.name);
    }
  }

  async #limit({ id }: Sandbox, allocated: Pod, growing: boolean): Promise<void> {
    const { resources } = podCgroup(allocated);
    const before = this.#given;
    if (!this.#grown && before && JSON.stringify(before) === JSON.stringify(resources)) return;
    await this.#runtime.updateSandboxResources(
      id,
      growing
        ? {
            ...resources,
            cpuQuotaMicros: larger(resources.cpuQuotaMicros, before?.cpuQuotaMicros),
            memoryLimitBytes: larger(resources.memoryLimitBytes, before?.memoryLimitBytes),
          }
        : resources,
    );
    this.#grown = growing;
    if (!growing) this.#given = resources;
  }
}

/** -1 takes a limit away: nothing is larger. */
const larger = (a: number | undefined, b: number | undefined): number =>
  a === undefined || b === undefined ? -1 : Math.max(a, b);
