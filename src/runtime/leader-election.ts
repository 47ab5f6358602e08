/**
 * Leader election: of several instances of a component one works, the holder of a Lease (coordination.k8s.io/v1); the rules and times are those of client-go's
 * tools/leaderelection. Whether somebody else's term is over is judged by how long its Lease has not changed on one's own clock, never by the times written in it. A leader
 * that cannot renew in time stops before anybody else may begin, and begins no write any more; what it had sent already is refused by the API server's fence.
 */
import { formatMicroTime } from '#meta/time.ts';
import { ApiError, isApiError } from '#meta/status.ts';
import { Lease } from '#api/coordination/lease.ts';
import type { Client } from '#client/client.ts';
import type { Millis, World } from '#world/world.ts';
import type { EventRecorder } from './events.ts';

export interface ElectionOptions {
  /** The Lease that all instances strive for, in kube-system. */
  readonly name: string;
  /**
   * Who we are: nobody else may have this name while we live. A process that follows another of the same name takes its place at once, so a stable name needs
   * proof that the former process is gone.
   */
  readonly identity: string;
  /** Others take the Lease when it has not changed for so long. */
  readonly leaseDurationMs?: Millis;
  /** A leader that has not renewed for so long stops. */
  readonly renewDeadlineMs?: Millis;
  readonly retryPeriodMs?: Millis;
  /** Tells of changes, as upstream. */
  readonly events?: EventRecorder;
}

/** One time as leader. */
export interface LeaderTerm {
  readonly lease: { readonly namespace: string; readonly name: string };
  readonly holder: string;
  /** leaseTransitions: a number that no other term has. */
  readonly transitions: number;
  /** Aborted when the term ends. */
  readonly signal: AbortSignal;
  /** Whether it still lasts: false from the moment on when somebody else might lead. */
  lasts(): boolean;
}

export interface Election extends AsyncDisposable {
  readonly leading: boolean;
  /** The holder as last seen. */
  readonly leader: string | undefined;
  /** How often a leader had to read its Lease before it could renew it (upstream's slow path). */
  readonly slowRenewals: number;
  /** Resolves once it is known who leads, and our own work has begun if we do. */
  readonly decided: Promise<void>;
  /** Undefined or what is wrong: a leader that should have stopped and has not. Upstream's healthz adaptor. */
  check(): string | undefined;
}

const namespace = 'kube-system';
const leaseDurationMsDefault: Millis = 15_000;
const renewDeadlineMsDefault: Millis = 10_000;
const retryPeriodMsDefault: Millis = 2_000;
/** Those who wait ask after one to 2.2 retry periods, so that they do not ask all at once. */
const jitterFactor = 1.2;
/** Upstream's HealthzAdaptor gives a leader so long past its Lease. */
const healthToleranceMs: Millis = 20_000;
const releaseTries = 3;

/** Strives for the Lease until disposed; `lead` begins the work of a term, and what it answers is disposed at its end. */
export function startElection(
  world: World,
  client: Client,
  { lead, ...options }: ElectionOptions & { readonly lead: (term: LeaderTerm) => Promise<AsyncDisposable> },
): Election {
  return new LeaseElection(world, client, options, lead);
}

class LeaseElection implements Election {
  readonly #world: World;
  readonly #client: Client;
  readonly #options: ElectionOptions;
  readonly #lead: (term: LeaderTerm) => Promise<AsyncDisposable>;
  readonly #durationMs: Millis;
  readonly #deadlineMs: Millis;
  readonly #retryMs: Millis;
  readonly #stop = new AbortController();
  readonly #decided = Promise.withResolvers<void>();
  readonly #running: Promise<void>;
  /** The Lease as last seen, and when it came to be so on our clock. */
  #seen: { readonly lease: Lease; readonly at: Millis } | undefined;
  #term: AbortController | undefined;
  #slowRenewals = 0;
  /** When the last renewal that succeeded was sent. */
  #renewedAt: Millis = 0;

  constructor(
    world: World,
    client: Client,
    options: ElectionOptions,
    lead: (term: LeaderTerm) => Promise<AsyncDisposable>,
  ) {
    this.#world = world;
    this.#client = client;
    this.#options = options;
    this.#lead = lead;
    this.#durationMs = options.leaseDurationMs ?? leaseDurationMsDefault;
    this.#deadlineMs = options.renewDeadlineMs ?? renewDeadlineMsDefault;
    this.#retryMs = options.retryPeriodMs ?? retryPeriodMsDefault;
    this.#running = this.#run();
  }

  get leading(): boolean {
    return this.#term !== undefined && !this.#term.signal.aborted;
  }
  get leader(): string | undefined {
    return this.#seen?.lease.spec.holderIdentity || undefined;
  }
  get slowRenewals(): number {
    return this.#slowRenewals;
  }
  get decided(): Promise<void> {
    return this.#decided.promise;
  }

  check(): string | undefined {
    const late = this.#world.clock.monotonic() - this.#renewedAt - this.#durationMs;
    return this.leading && late > healthToleranceMs
      ? `failed election to renew leadership on lease ${this.#options.name}`
      : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#decided.resolve();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { clock, random } = this.#world;
    const past = new Set<Promise<void>>();
    while (!signal.aborted) {
      if (!(await this.#tryAcquire())) {
        if (this.#seen) this.#decided.resolve();
        await clock.sleep(this.#retryMs * (1 + jitterFactor * random.fraction()), { signal }).catch(() => undefined); // Stopped: the loop's condition sees it.
        continue;
      }
      const end = this.#serve();
      past.add(end.work);
      void end.work.finally(() => past.delete(end.work));
      await end.term;
      if (!signal.aborted) {
        await clock.sleep(this.#retryMs, { signal }).catch(() => undefined); // Stopped: seen above.
        continue;
      }
      // Nobody may begin before our last write is over.
      await end.work;
      await this.#release();
    }
    await Promise.all(past);
  }

  /** Leads as long as the Lease can be renewed. `term` resolves when it is over, `work` when all that was begun in it has ended. */
  #serve(): { readonly term: Promise<void>; readonly work: Promise<void> } {
    const { clock, log } = this.#world;
    const { identity, name } = this.#options;
    const controller = new AbortController();
    this.#term = controller;
    const transitions = this.#seen?.lease.spec.leaseTransitions ?? 0;
    this.#tell('became leader');
    log.info('this process leads', { lease: name, identity, transitions });
    const begun = this.#lead({
      lease: { namespace, name },
      holder: identity,
      transitions,
      signal: controller.signal,
      lasts: () => !controller.signal.aborted && clock.monotonic() - this.#renewedAt < this.#deadlineMs,
    });
    begun.then(
      () => this.#decided.resolve(),
      (error: unknown) => {
        if (controller.signal.aborted) return;
        log.error('the work of a leader could not begin', { lease: name, error: String(error) });
        controller.abort();
      },
    );
    const term = this.#renew(controller).then(() => {
      controller.abort();
      this.#tell('stopped leading');
      if (!this.#stop.signal.aborted) log.warn('this process does not lead any more', { lease: name, identity });
    });
    const work = term.then(async () => {
      try {
        await (await begun)[Symbol.asyncDispose]();
      } catch (error) {
        log.debug('the work of a term ended badly', { lease: name, error: String(error) });
      }
    });
    return { term, work };
  }

  /** Resolves when the term is over: not renewed in time, taken by somebody else, or given up. */
  async #renew({ signal: over }: AbortController): Promise<void> {
    const { clock } = this.#world;
    const signal = AbortSignal.any([over, this.#stop.signal]);
    const left = (): Millis => this.#renewedAt + this.#deadlineMs - clock.monotonic();
    while (!signal.aborted) {
      await clock.sleep(Math.min(this.#retryMs, Math.max(0, left())), { signal }).catch(() => undefined); // Over or stopped: seen below.
      // A process that was paused wakes up here: whatever its timers say, the clock knows.
      if (signal.aborted || left() <= 0) return;
      const sent = clock.monotonic();
      const outcome = await this.#inTime(this.#tryRenew(), left(), signal);
      if (outcome === undefined || outcome === 'lost') return;
      if (outcome === 'renewed') this.#renewedAt = sent;
    }
  }

  /** What `work` resolves with, or undefined when that takes longer or the signal comes first. */
  async #inTime<T>(work: Promise<T>, ms: Millis, signal: AbortSignal): Promise<T | undefined> {
    const early = Promise.withResolvers<undefined>();
    const onEarly = (): void => early.resolve(undefined);
    const timer = this.#world.clock.after(ms, onEarly, { unref: true });
    signal.addEventListener('abort', onEarly, { once: true });
    try {
      return await Promise.race([work, early.promise]);
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', onEarly);
    }
  }

  async #tryRenew(): Promise<'renewed' | 'failed' | 'lost'> {
    const mine = (this.#seen as { readonly lease: Lease }).lease;
    const { holderIdentity, leaseTransitions, acquireTime } = mine.spec;
    try {
      await this.#write(mine, this.#spec(acquireTime, leaseTransitions));
      return 'renewed';
    } catch (error) {
      this.#world.log.debug('a lease was not renewed', { lease: this.#options.name, error: String(error) });
    }
    try {
      // It may have been written after all, or by somebody else.
      const now = await this.#read();
      const isOurs = now?.spec.holderIdentity === holderIdentity && now?.spec.leaseTransitions === leaseTransitions;
      if (!now || !isOurs) return 'lost';
      this.#slowRenewals++;
      await this.#write(now, this.#spec(acquireTime, leaseTransitions));
      return 'renewed';
    } catch (error) {
      this.#world.log.debug('a lease was not renewed again', { lease: this.#options.name, error: String(error) });
      return 'failed';
    }
  }

  /** True when the Lease is ours from now on. */
  async #tryAcquire(): Promise<boolean> {
    const { clock, log } = this.#world;
    const { identity, name } = this.#options;
    const sent = clock.monotonic();
    try {
      const present = await this.#read();
      const now = formatMicroTime(clock.now());
      if (present) {
        const { holderIdentity, leaseDurationSeconds, leaseTransitions = 0 } = present.spec;
        const { at } = this.#seen as { readonly at: Millis };
        const lastsMs = (leaseDurationSeconds ?? 0) * 1000 || this.#durationMs;
        const isHeld = holderIdentity && holderIdentity !== identity && clock.monotonic() - at <= lastsMs;
        if (isHeld) return false;
        await this.#write(present, this.#spec(now, leaseTransitions + 1));
      } else {
        const draft = { metadata: { name, namespace }, spec: this.#spec(now, 0) };
        this.#observe(await this.#client.create(Lease, draft, { namespace }));
      }
    } catch (error) {
      if (!isApiError(error, 'Conflict', 'AlreadyExists'))
        log.debug('a lease was not taken', { lease: name, error: String(error) });
      return false;
    }
    this.#renewedAt = sent;
    return true;
  }

  /** Gives the Lease up, so that others need not wait for its end. */
  async #release(): Promise<void> {
    for (let tries = 0; tries < releaseTries; tries++) {
      const { lease } = this.#seen as { readonly lease: Lease };
      if (lease.spec.holderIdentity !== this.#options.identity) return;
      const spec = this.#spec(formatMicroTime(this.#world.clock.now()), lease.spec.leaseTransitions);
      try {
        await this.#write(lease, { ...spec, holderIdentity: '', leaseDurationSeconds: 1 });
        return;
      } catch (error) {
        this.#world.log.debug('a lease was not released', { lease: this.#options.name, error: String(error) });
        // A renewal that was under way came first. Anything else: they wait for its end.
        if (!isApiError(error, 'Conflict')) return;
      }
      await this.#read().catch(() => undefined); // Then the next try fails as well.
    }
  }

  async #read(): Promise<Lease | undefined> {
    try {
      const lease = await this.#client.get(Lease, this.#options.name, { namespace });
      this.#observe(lease);
      return lease;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async #write(lease: Lease, spec: Lease['spec']): Promise<void> {
    this.#observe(await this.#client.update(Lease, { ...lease, spec: { ...lease.spec, ...spec } }, { namespace }));
  }

  #observe(lease: Lease): void {
    // An answer that was long on its way tells nothing new.
    if (this.#seen && Number(lease.metadata.resourceVersion) <= Number(this.#seen.lease.metadata.resourceVersion))
      return;
    this.#seen = { lease, at: this.#world.clock.monotonic() };
  }

  #spec(acquireTime: string | undefined, transitions: number | undefined): Lease['spec'] {
    return {
      holderIdentity: this.#options.identity,
      leaseDurationSeconds: Math.ceil(this.#durationMs / 1000),
      ...(acquireTime === undefined ? {} : { acquireTime }),
      renewTime: formatMicroTime(this.#world.clock.now()),
      leaseTransitions: transitions ?? 0,
    };
  }

  #tell(what: string): void {
    const lease = this.#seen?.lease;
    if (lease) this.#options.events?.record(lease, 'Normal', 'LeaderElection', `${this.#options.identity} ${what}`);
  }
}

/** `client`, which begins no write once the term is over. */
export function clientInTerm(client: Client, term: Pick<LeaderTerm, 'holder' | 'lasts'>): Client {
  const check = (): void => {
    if (!term.lasts()) throw new ApiError('Conflict', `the term of ${term.holder} as leader is over`);
  };
  return {
    ...client,
    async create(kind, object, options) {
      check();
      return client.create(kind, object, options);
    },
    async update(kind, object, options) {
      check();
      return client.update(kind, object, options);
    },
    async patch(kind, name, patch, options) {
      check();
      return client.patch(kind, name, patch, options);
    },
    async delete(kind, name, options) {
      check();
      return client.delete(kind, name, options);
    },
    async deleteCollection(kind, options) {
      check();
      return client.deleteCollection(kind, options);
    },
    async post(kind, name, subresource, body, options) {
      check();
      return client.post(kind, name, subresource, body, options);
    },
  };
}
