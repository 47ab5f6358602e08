/**
 * Brings one pod's status to the API beside the pod's own work: the newest status wins, one write at a time, tried again while the API is away. Nobody who
 * starts or ends containers waits for it, but for the last report before a pod goes. It must never write the status of another pod of the same name.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { isApiError } from '#meta/status.ts';
import { Pod } from '#api/core/pod.ts';
import type { PodCondition, PodStatus } from '#api/core/pod-status.ts';
import type { Client } from '#client/client.ts';
import type { Millis, World } from '#world/world.ts';

const retryMsMin: Millis = 200;
const retryMsMax: Millis = 10_000;

export interface StatusWriterOptions {
  /** The pod as it was last seen, which a patch is made against. */
  pod(): Pod;
  /** The API's answer to a write. */
  written(pod: Pod): void;
  readonly signal: AbortSignal;
}

export class StatusWriter {
  readonly #world: World;
  readonly #client: Client;
  readonly #options: StatusWriterOptions;
  #wanted: PodStatus | undefined;
  #running: Promise<void> | undefined;
  /** Turned off by the writing loop itself as it ends: a status shown a moment later starts a new one. */
  #busy = false;

  constructor(world: World, client: Client, options: StatusWriterOptions) {
    this.#world = world;
    this.#client = client;
    this.#options = options;
  }

  /** From now on the API is to show this. */
  show(status: PodStatus): void {
    if (!this.#busy && patchOf(this.#options.pod().status, status) === undefined) return;
    this.#wanted = status;
    if (this.#busy) return;
    this.#busy = true;
    this.#running = this.#write();
  }

  /** Resolves when everything shown so far is written, or when the writer was stopped. */
  async flushed(): Promise<void> {
    while (this.#busy && !this.#options.signal.aborted) await this.#running;
  }

  async #write(): Promise<void> {
    const { signal } = this.#options;
    let delayMs = retryMsMin;
    while (this.#wanted && !signal.aborted) {
      const status = this.#wanted;
      this.#wanted = undefined;
      const pod = this.#options.pod();
      const body = patchOf(pod.status, status);
      if (!body) continue;
      const { name, namespace = '', uid } = pod.metadata;
      try {
        this.#options.written(
          await this.#client.patch(
            Pod,
            name,
            { type: 'strategic', body: { metadata: { uid }, status: body } },
            { namespace, subresource: 'status', signal },
          ),
        );
        delayMs = retryMsMin;
      } catch (error) {
        // Gone, or another pod of this name: the view tells.
        if (signal.aborted || isApiError(error, 'NotFound', 'Conflict')) continue;
        this.#world.log.warn('a pod status could not be written', {
          pod: `${namespace}/${name}`,
          error: (error as Error).message,
        });
        this.#wanted ??= status;
        await this.#world.clock.sleep(delayMs, { signal }).catch(() => undefined); // Aborted: the loop ends.
        delayMs = Math.min(delayMs * 2, retryMsMax);
      }
    }
    this.#busy = false;
  }
}

/** The strategic merge patch from one status to another; undefined when they are the same. Members that went are named as null, or they would stay. */
export function patchOf(before: Partial<PodStatus> | undefined, now: PodStatus): Record<string, unknown> | undefined {
  const patch: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(now)) {
    const old = before?.[key as keyof PodStatus];
    if (key === 'conditions') continue;
    if (deepEqual(old, value)) continue;
    // These lists merge by address: an old one would stay.
    patch[key] =
      (key === 'podIPs' || key === 'hostIPs') && old !== undefined
        ? [{ $patch: 'replace' }, ...(value as readonly unknown[])]
        : value;
  }
  for (const key of ['reason', 'message', 'podIP', 'podIPs'] as const)
    if (before?.[key] !== undefined && now[key] === undefined) patch[key] = null;
  const conditions = conditionsPatch(before?.conditions ?? [], now.conditions ?? []);
  if (conditions.length > 0) patch['conditions'] = conditions;
  return Object.keys(patch).length > 0 ? patch : undefined;
}

function conditionsPatch(
  before: readonly PodCondition[],
  now: readonly PodCondition[],
): readonly Record<string, unknown>[] {
  const changed: Record<string, unknown>[] = [];
  for (const condition of now) {
    const old = before.find(({ type }) => type === condition.type);
    if (deepEqual(old, condition)) continue;
    const gone = Object.keys(old ?? {}).filter((key) => condition[key as keyof PodCondition] === undefined);
    changed.push({ ...Object.fromEntries(gone.map((key) => [key, null])), ...condition });
  }
  // Conditions of others stay; these are the kubelet's, and are there only while they hold.
  for (const { type } of before) {
    if (/^PodResize(Pending|InProgress)$/.test(type) && !now.some((condition) => condition.type === type))
      changed.push({ type, $patch: 'delete' });
  }
  return changed;
}
