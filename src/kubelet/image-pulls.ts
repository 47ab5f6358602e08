/**
 * Sees to it that a container's image is on the node, by its pull policy, with a growing pause after a failed pull
 * (https://kubernetes.io/docs/concepts/containers/images/).
 */
import type { Container as ContainerSpec } from '#api/core/container.ts';
import type { Pod } from '#api/core/pod.ts';
import type { World } from '#world/world.ts';
import { RuntimeError, type ContainerRuntime, type ImageInfo, type RegistryAuth } from './container-runtime.ts';
import { nextBackoff } from './plan.ts';
import type { StartFailure } from './pod-state.ts';
import type { Sources } from './volumes/sources.ts';

export interface PullReports {
  event(type: 'Normal' | 'Warning', reason: string, message: string): void;
}

export type ImageOutcome =
  | { readonly ok: true; readonly imageId: string }
  | { readonly ok: false; readonly failure: StartFailure; readonly retryAt: number };

export interface ImagePulls {
  ensure(pod: Pod, container: ContainerSpec, reports: PullReports): Promise<ImageOutcome>;
}

export function imagePulls(world: World, runtime: ContainerRuntime, sources: Sources): ImagePulls {
  /** image + pull secrets' namespace → failures. */
  const backoffs = new Map<string, { failures: number; until: number; message: string }>();

  return {
    async ensure(pod, container, reports) {
      const { image } = container;
      const policy = container.imagePullPolicy;
      let present: ImageInfo | undefined;
      try {
        present = await runtime.images.status(image);
      } catch (error) {
        const { message } = error as Error;
        const reason = error instanceof RuntimeError ? error.reason : 'ImageInspectError';
        const text =
          reason === 'InvalidImageName'
            ? `Failed to apply default image tag "${image}": ${message}`
            : `Failed to inspect image "${image}": ${message}`;
        reports.event('Warning', reason === 'InvalidImageName' ? 'InspectFailed' : 'Failed', text);
        reports.event('Warning', 'Failed', `Error: ${reason}`);
        return { ok: false, failure: { reason, message: text }, retryAt: world.clock.now() + 30_000 };
      }
      if (present && policy !== 'Always') {
        reports.event(
          'Normal',
          'Pulled',
          `Container image "${image}" already present on machine and can be accessed by the pod`,
        );
        return { ok: true, imageId: present.id };
      }
      if (policy === 'Never') {
        const message = `Container image "${image}" is not present with pull policy of Never`;
        reports.event('Warning', 'ErrImageNeverPull', message);
        return { ok: false, failure: { reason: 'ErrImageNeverPull', message }, retryAt: world.clock.now() + 10_000 };
      }
      const key = `${pod.metadata.namespace}/${image}`;
      const backoff = backoffs.get(key);
      const now = world.clock.now();
      if (backoff && backoff.until > now) {
        const message = `Back-off pulling image "${image}": ${backoff.message}`;
        reports.event('Normal', 'BackOff', `Back-off pulling image "${image}"`);
        return { ok: false, failure: { reason: 'ImagePullBackOff', message }, retryAt: backoff.until };
      }
      reports.event('Normal', 'Pulling', `Pulling image "${image}"`);
      const started = world.clock.monotonic();
      try {
        const imageId = await runtime.images.pull(image, await credentials(sources, pod));
        backoffs.delete(key);
        const took = (world.clock.monotonic() - started) / 1000;
        const size = (await runtime.images.status(image))?.sizeBytes ?? 0;
        reports.event(
          'Normal',
          'Pulled',
          `Successfully pulled image "${image}" in ${took.toFixed(3)}s (${took.toFixed(3)}s including waiting). Image size: ${size} bytes.`,
        );
        return { ok: true, imageId };
      } catch (error) {
        const message = (error as Error).message;
        const next = nextBackoff(backoff, undefined);
        const until = world.clock.now() + next.delayMs;
        backoffs.set(key, { failures: next.failures, until, message });
        const reason = error instanceof RuntimeError ? error.reason : 'ErrImagePull';
        reports.event('Warning', 'Failed', `Failed to pull image "${image}": ${message}`);
        reports.event('Warning', 'Failed', `Error: ${reason}`);
        return { ok: false, failure: { reason, message }, retryAt: Math.min(until, world.clock.now() + 1000) };
      }
    },
  };
}

/** What the pod's imagePullSecrets say of registries. A missing or malformed secret is skipped: the pull then tells. */
async function credentials(sources: Sources, pod: Pod): Promise<readonly RegistryAuth[]> {
  const found: RegistryAuth[] = [];
  for (const { name } of pod.spec.imagePullSecrets ?? []) {
    const secret = name ? await sources.secret(pod, name) : undefined;
    const text = secret?.data?.['.dockerconfigjson'] ?? secret?.data?.['.dockercfg'];
    if (text !== undefined) found.push(...parseDockerConfig(Buffer.from(text, 'base64').toString('utf8')));
  }
  return found;
}

interface DockerAuth {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
}

function parseDockerConfig(text: string): RegistryAuth[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The API server checks these secrets at creation; an unreadable one authenticates nobody.
    return [];
  }
  if (parsed === null || typeof parsed !== 'object') return [];
  const auths = ('auths' in parsed ? parsed.auths : parsed) as Record<string, DockerAuth> | null;
  return Object.entries(auths ?? {}).map(([registry, entry]) => {
    const decoded = entry.auth ? Buffer.from(entry.auth, 'base64').toString('utf8') : undefined;
    const colon = decoded?.indexOf(':') ?? -1;
    const username = entry.username ?? (decoded && colon > 0 ? decoded.slice(0, colon) : undefined);
    const password = entry.password ?? (decoded && colon > 0 ? decoded.slice(colon + 1) : undefined);
    return {
      registry: registry.replace(/^https?:\/\//, '').replace(/\/(v1|v2)?\/?$/, ''),
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(entry.identitytoken === undefined ? {} : { identityToken: entry.identitytoken }),
    };
  });
}
