/**
 * Pods that wait for a node: ready to be tried (the most important first), backing off after a failure, or refused and waiting for an event that may help. What
 * was refused is tried again after five minutes whatever happens.
 */
import { Heap } from '#base/heap.ts';
import type { Clock, Millis, Timer } from '#world/world.ts';
import type { ClusterEvent } from './framework.ts';
import type { PodDemand } from './pod-demand.ts';

const backoffMsMin: Millis = 1_000;
const backoffMsMax: Millis = 10_000;
const refusedMsMax: Millis = 5 * 60 * 1000;

interface Entry {
  demand: PodDemand;
  readonly order: number;
  state: 'active' | 'trying' | 'backing-off' | 'refused';
  failures: number;
  failedAt: Millis;
  refusedBy: ReadonlySet<string>;
  timer: Timer | undefined;
  /** Something that may help happened while it was being tried. */
  stirred: boolean;
}

export type Hint = (plugin: string, event: ClusterEvent, pod: PodDemand) => boolean;

export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #hint: Hint;
  readonly #entries = new Map<string, Entry>();
  readonly #active = new Heap<Entry>({
    key: (entry) => entry.demand.uid,
    before: (a, b) =>
      a.demand.priority > b.demand.priority || (a.demand.priority === b.demand.priority && a.order < b.order),
  });
  #order = 0;
  #onReady: () => void;

  constructor(clock: Clock, hint: Hint, onReady: () => void) {
    this.#clock = clock;
    this.#hint = hint;
    this.#onReady = onReady;
  }

  /** Nothing is tried, about to be, or backing off. */
  get idle(): boolean {
    for (const { state } of this.#entries.values()) if (state !== 'refused') return false;
    return true;
  }

  /** A pod without a node, new or changed. */
  set(demand: PodDemand): void {
    const present = this.#entries.get(demand.uid);
    if (!present) {
      const entry: Entry = {
        demand,
        order: this.#order++,
        state: 'active',
        failures: 0,
        failedAt: 0,
        refusedBy: new Set(),
        timer: undefined,
        stirred: false,
      };
      this.#entries.set(demand.uid, entry);
      this.#activate(entry);
      return;
    }
    const changed = mayFitNow(present.demand, demand);
    present.demand = demand;
    if (present.state === 'active') this.#active.set(present);
    else if (changed) this.#stir(present);
  }

  remove(uid: string): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    entry.timer?.cancel();
    this.#active.delete(uid);
    this.#entries.delete(uid);
  }

  /** The next pod to try. */
  take(): PodDemand | undefined {
    const entry = this.#active.peek();
    if (!entry) return undefined;
    this.#active.delete(entry.demand.uid);
    entry.state = 'trying';
    entry.stirred = false;
    return entry.demand;
  }

  /** Refused by these plugins: it waits until one of them hopes again. */
  refused(uid: string, refusedBy: ReadonlySet<string>): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    this.#failed(entry);
    entry.refusedBy = refusedBy;
    if (entry.stirred) {
      this.#backOff(entry);
      return;
    }
    entry.state = 'refused';
    entry.timer = this.#clock.after(refusedMsMax, () => this.#backOff(entry), { unref: true });
  }

  /** Failed for no reason of the pod's: again after a while. */
  failed(uid: string): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    this.#failed(entry);
    this.#backOff(entry);
  }

  happened(event: ClusterEvent): void {
    for (const entry of this.#entries.values()) {
      if (entry.state === 'trying') entry.stirred = true;
      else if (entry.state === 'refused') {
        // Without nodes nobody refused: anything that changes may help.
        const helps =
          entry.refusedBy.size === 0 || [...entry.refusedBy].some((plugin) => this.#hint(plugin, event, entry.demand));
        if (helps) this.#stir(entry);
      }
    }
  }

  close(): void {
    for (const { timer } of this.#entries.values()) timer?.cancel();
    this.#entries.clear();
    this.#onReady = () => {};
  }

  #failed(entry: Entry): void {
    entry.failures++;
    entry.failedAt = this.#clock.monotonic();
  }

  #stir(entry: Entry): void {
    if (entry.state === 'trying') entry.stirred = true;
    else if (entry.state === 'refused') this.#backOff(entry);
  }

  #backOff(entry: Entry): void {
    entry.timer?.cancel();
    const wait =
      Math.min(backoffMsMin * 2 ** (entry.failures - 1), backoffMsMax) - (this.#clock.monotonic() - entry.failedAt);
    if (wait <= 0) {
      this.#activate(entry);
      return;
    }
    entry.state = 'backing-off';
    entry.timer = this.#clock.after(wait, () => this.#activate(entry), { unref: true });
  }

  #activate(entry: Entry): void {
    entry.timer = undefined;
    entry.state = 'active';
    this.#active.set(entry);
    this.#onReady();
  }
}

/** Changes of a waiting pod that can make it fit: its status alone cannot. */
function mayFitNow(old: PodDemand, now: PodDemand): boolean {
  return old.pod.spec !== now.pod.spec && old.pod.metadata.generation !== now.pod.metadata.generation
    ? true
    : JSON.stringify(old.pod.metadata.labels) !== JSON.stringify(now.pod.metadata.labels) ||
        JSON.stringify(old.pod.spec.tolerations) !== JSON.stringify(now.pod.spec.tolerations);
}
