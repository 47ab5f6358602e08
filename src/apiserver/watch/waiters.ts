/**
 * Who waits for the next event of a resource: by namespace, by name, or for any. An event wakes only those whom it may concern, so that a thousand watchers of a
 * thousand namespaces cost no more than one.
 */

/** What a reader looks at. `name` without a namespace is a name in any namespace. */
export interface Scope {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

type Wake = (sequence: number) => void;

export class Waiters {
  readonly #any = new Set<Wake>();
  readonly #scoped = new Map<string, Set<Wake>>();

  /** `wake` is called once, with the sequence number of the event. The answer forgets it. */
  add(scope: Scope, wake: Wake): () => void {
    const id = idOf(scope);
    if (id === undefined) {
      this.#any.add(wake);
      return () => void this.#any.delete(wake);
    }
    let set = this.#scoped.get(id);
    if (!set) this.#scoped.set(id, (set = new Set()));
    set.add(wake);
    return () => {
      set.delete(wake);
      if (set.size === 0 && this.#scoped.get(id) === set) this.#scoped.delete(id);
    };
  }

  wake({ namespace, name }: { readonly namespace: string | undefined; readonly name: string }, sequence: number): void {
    if (this.#any.size > 0) release(this.#any, sequence);
    if (this.#scoped.size === 0) return;
    for (const scope of [{ namespace, name }, { name }, { namespace }]) {
      const id = idOf(scope);
      const set = id === undefined ? undefined : this.#scoped.get(id);
      if (id === undefined || !set) continue;
      this.#scoped.delete(id);
      release(set, sequence);
    }
  }

  wakeAll(sequence: number): void {
    release(this.#any, sequence);
    for (const set of this.#scoped.values()) release(set, sequence);
    this.#scoped.clear();
  }
}

/** A slash cannot stand in a namespace or name. */
function idOf({ namespace, name }: Scope): string | undefined {
  if (namespace === undefined && name === undefined) return undefined;
  return `${namespace ?? ''}/${name ?? ''}`;
}

/** Those who wait again at once wait for the next event. */
function release(set: Set<Wake>, sequence: number): void {
  const wakes = [...set];
  set.clear();
  for (const wake of wakes) wake(sequence);
}
