/**
 * How containers of one pod start: the image, what the container gets from the API and the node, the runtime's two steps, and the postStart hook, which runs beside the
 * pod's worker and may take as long as it likes.
 */
import type { Container as ContainerSpec } from '#api/core/container.ts';
import type { Pod } from '#api/core/pod.ts';
import { containerConfig } from './container-config.ts';
import { RuntimeError, type ContainerRuntime, type Sandbox } from './container-runtime.ts';
import { environmentSources } from './environment-sources.ts';
import { runHandler } from './handlers.ts';
import type { ImagePulls } from './image-pulls.ts';
import type { PodAction } from './plan.ts';
import { writePodFiles } from './pod-files.ts';
import type { PodLimits } from './pod-limits.ts';
import type { PodOnNode, PodVolumes, VolumeParts } from './pod-volumes.ts';
import type { Restarts } from './restarts.ts';

export interface StartParts extends VolumeParts {
  readonly runtime: ContainerRuntime;
  readonly pulls: ImagePulls;
}

/** What starts share with the rest of the pod's work. */
export interface StartContext extends PodOnNode {
  readonly volumes: PodVolumes;
  readonly limits: PodLimits;
  readonly restarts: Restarts;
  event(type: 'Normal' | 'Warning', reason: string, message: string, container: string): void;
  /** A hook has ended. */
  hooked(): void;
  /** Resolves when waiting for an image is not worth it any more. */
  readonly interrupted: Promise<void>;
  readonly signal: AbortSignal;
}

/** A hook may take as long as it likes: the most that timers know. */
const hookMsMax = 2 ** 31 - 1;

export class ContainerStarts {
  readonly #parts: StartParts;
  readonly #context: StartContext;
  /** Containers that run their postStart hook: they do not count as running yet. */
  readonly hooking = new Set<string>();

  constructor(parts: StartParts, context: StartContext) {
    this.#parts = parts;
    this.#context = context;
  }

  /** What fails is told to the restarts, which say when to try again. `allocated` is the pod with the resources that it was promised. */
  async start(
    { container, attempt, role }: Extract<PodAction, { do: 'start' }>,
    sandbox: Sandbox,
    allocated: Pod,
  ): Promise<void> {
    const { runtime, pulls, world, node, sources } = this.#parts;
    const { volumes, limits, restarts, interrupted } = this.#context;
    const pod = this.#context.pod();
    const podIps = this.#context.ips();
    const report = (type: 'Normal' | 'Warning', reason: string, message: string): void =>
      this.#context.event(type, reason, message, container.name);
    const image = await Promise.race([pulls.ensure(pod, container, { event: report }), interrupted]);
    if (!image) return;
    if (!image.ok) {
      restarts.fail(container.name, image.failure, image.retryAt);
      return;
    }
    const podDirectory = node.podDirectory(pod.metadata.uid);
    try {
      const [hostPaths, info, environment, podFiles] = await Promise.all([
        volumes.paths(),
        runtime.images.status(container.image),
        environmentSources(container, pod, { sources, node, podIps }),
        writePodFiles(world, podDirectory, pod, { ips: podIps, dns: node.dns }),
      ]);
      if (!info) throw new RuntimeError('ErrImagePull', `the image ${container.image} went away`);
      const config = await containerConfig({
        world,
        pod: allocated,
        container,
        attempt,
        image: info,
        volumes: hostPaths,
        podFiles,
        environment,
        podDirectory,
        logDirectory: node.logDirectory,
        memoryCapacity: node.memoryBytes,
        nodeName: node.name,
      });
      await limits.grow(sandbox, allocated);
      const id = await runtime.createContainer(sandbox.id, config);
      report('Normal', 'Created', `Container created`);
      if (role !== 'init' && container.lifecycle?.postStart) this.hooking.add(id);
      await runtime.startContainer(id);
      report('Normal', 'Started', `Container started`);
      restarts.failures.delete(container.name);
      if (this.hooking.has(id)) this.#postStart(container, id);
    } catch (error) {
      restarts.startFailed(container.name, error);
    }
  }

  #postStart(container: ContainerSpec, id: string): void {
    const hook = container.lifecycle?.postStart;
    if (!hook) return;
    const { world, runtime } = this.#parts;
    const { signal } = this.#context;
    void runHandler(world, runtime, hook, {
      pod: this.#context.pod(),
      container,
      containerId: id,
      podIp: this.#context.ips()[0] ?? '',
      timeoutMs: hookMsMax,
      signal,
    }).then(async (outcome) => {
      if (!outcome.ok && !signal.aborted) {
        this.#context.event(
          'Warning',
          'FailedPostStartHook',
          `PostStartHook failed: ${outcome.message}`,
          container.name,
        );
        const graceMs = (this.#context.pod().spec.terminationGracePeriodSeconds ?? 30) * 1000;
        await runtime
          .stopContainer(id, graceMs)
          .catch((error: unknown) =>
            world.log.info('a container whose hook failed could not be stopped', { error: String(error) }),
          );
      }
      this.hooking.delete(id);
      this.#context.hooked();
    });
  }
}
