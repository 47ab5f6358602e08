/**
 * A simulated container runtime: sandboxes and containers are entries of a table, their programs are data. The real kubelet runs on it unchanged, so a thousand
 * nodes fit in a test. State outlives the kubelet, as a real runtime's does; `powerOff` is the end of the machine.
 */
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { PassThrough, Readable, Writable, type Duplex } from 'node:stream';
import { addressAt, formatIp, parseCidr } from '#base/cidr.ts';
import type { Millis, Timer, World } from '#world/world.ts';
import {
  RuntimeError,
  type Container,
  type ContainerConfig,
  type ContainerResources,
  type ContainerRuntime,
  type ExecOptions,
  type ExecSession,
  type ImageInfo,
  type RuntimeImages,
  type Sandbox,
  type SandboxConfig,
} from '../container-runtime.ts';
import { defaultLatencies, type ContainerFacts, type Latencies, type SimImage, type Span } from './behaviour.ts';

export interface SimRuntimeOptions {
  /** Pod addresses of this node. */
  readonly podCidr: string;
  /** Address of host-network pods. */
  readonly nodeAddress: string;
  /** Image reference → what it does. `*` stands for all others; without it they cannot be pulled. */
  readonly images?: Readonly<Record<string, SimImage>>;
  readonly latencies?: Partial<Latencies>;
  /** Chance that making a sandbox or starting a container fails, 0 to 1. */
  readonly failures?: { readonly sandbox?: number; readonly start?: number };
  /** Asked at every opportunity whether a fault strikes there. */
  readonly strikes?: (fault: RuntimeFault) => boolean;
  /** Puts a pod on the simulated network. */
  readonly place?: (address: string, peer: SimPeer) => Disposable;
}

/**
 * `sandboxLost`, `createLost`, `startLost`: it was done, and is said to have failed. `removalLost`: it is said to be removed, and is still there. `stopFails`: nothing was done.
 * `runtimeSlow`: an operation takes very long.
 */
export type RuntimeFault = 'sandboxLost' | 'createLost' | 'startLost' | 'removalLost' | 'stopFails' | 'runtimeSlow';

const slowMs: Millis = 15_000;

export interface SimPeer {
  connect(port: number): boolean;
  get(port: number, path: string): { readonly status: number } | undefined;
}

export interface SimRuntime extends ContainerRuntime {
  /** The machine is gone: everything that ran has stopped, without a word. */
  powerOff(): void;
  /** Ends a running container as a crash would. */
  crash(id: string, exitCode: number): void;
}

interface Running {
  config: ContainerConfig;
  image: SimImage;
  state: Container;
  exitTimer: Timer | undefined;
  readonly exited: PromiseWithResolvers<void>;
}

interface Box {
  sandbox: Sandbox;
  readonly config: SandboxConfig;
  address: Disposable | undefined;
}

/** First pod address of a node's range: below it stand the network and the bridge. */
const firstAddress = 2;

export function simRuntime(world: World, options: SimRuntimeOptions): SimRuntime {
  return new Simulated(world, options);
}

class Simulated implements SimRuntime {
  readonly info = { name: 'sim', version: '1.0.0' };
  readonly pretended = true;
  readonly images: RuntimeImages;
  readonly #world: World;
  readonly #options: SimRuntimeOptions;
  readonly #latencies: Latencies;
  readonly #boxes = new Map<string, Box>();
  readonly #containers = new Map<string, Running>();
  readonly #addresses = new Set<string>();
  readonly #pulled = new Map<string, ImageInfo>();
  readonly #listeners = new Set<(sandboxId: string) => void>();
  #nextAddress = firstAddress;

  constructor(world: World, options: SimRuntimeOptions) {
    this.#world = world;
    this.#options = options;
    this.#latencies = { ...defaultLatencies, ...options.latencies };
    this.images = {
      pull: async (reference) => {
        const image = this.#imageOf(reference);
        await this.#take(this.#latencies.pull);
        if (!image) throw new RuntimeError('ErrImagePull', `failed to pull and unpack image "${reference}": not found`);
        if (image.pullError !== undefined) throw new RuntimeError('ErrImagePull', image.pullError);
        const info = infoOf(reference, image);
        this.#pulled.set(reference, info);
        return info.id;
      },
      status: async (reference) => this.#pulled.get(reference),
      list: async () => [...this.#pulled.values()],
      remove: async (reference) => void this.#pulled.delete(reference),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The machine goes on without its agent.
  }

  powerOff(): void {
    for (const { exitTimer } of this.#containers.values()) exitTimer?.cancel();
    for (const { address } of this.#boxes.values()) address?.[Symbol.dispose]();
    this.#containers.clear();
    this.#boxes.clear();
    this.#addresses.clear();
  }

  async runSandbox(config: SandboxConfig): Promise<Sandbox> {
    await this.#take(this.#latencies.sandbox);
    if (this.#world.random.fraction() < (this.#options.failures?.sandbox ?? 0))
      throw new RuntimeError('CreatePodSandboxError', 'the simulated sandbox could not be made');
    const ip = config.hostNetwork ? undefined : this.#allocate();
    const id = this.#world.random.uuid().replaceAll('-', '');
    const sandbox: Sandbox = {
      id,
      pod: config.pod,
      state: 'ready',
      createdAt: this.#world.clock.now(),
      ips: ip === undefined ? [] : [ip],
      labels: config.labels,
      annotations: config.annotations,
    };
    this.#boxes.set(id, {
      sandbox,
      config,
      address: ip === undefined ? undefined : this.#options.place?.(ip, this.#peerOf(id)),
    });
    if (this.#strikes('sandboxLost')) throw new RuntimeError('CreatePodSandboxError', 'context deadline exceeded');
    return sandbox;
  }

  async stopSandbox(id: string): Promise<void> {
    const box = this.#boxes.get(id);
    if (!box || box.sandbox.state === 'notReady') return;
    for (const container of this.#inside(id)) this.#end(container, 137);
    box.address?.[Symbol.dispose]();
    for (const ip of box.sandbox.ips) this.#addresses.delete(ip);
    box.sandbox = { ...box.sandbox, state: 'notReady' };
    this.#tell(id);
  }

  async removeSandbox(id: string): Promise<void> {
    await this.stopSandbox(id);
    if (this.#boxes.has(id) && this.#strikes('removalLost')) return;
    for (const { state } of this.#inside(id)) this.#containers.delete(state.id);
    this.#boxes.delete(id);
  }

  async sandboxes(): Promise<readonly Sandbox[]> {
    return [...this.#boxes.values()].map(({ sandbox }) => sandbox);
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    await this.#take(this.#latencies.create);
    if (this.#boxes.get(sandboxId)?.sandbox.state !== 'ready')
      throw new RuntimeError('CreateContainerError', `sandbox ${sandboxId} is not ready`);
    const image = this.#imageOf(config.imageReference);
    if (!image) throw new RuntimeError('CreateContainerError', `image ${config.imageReference} is not there`);
    const id = this.#world.random.uuid().replaceAll('-', '');
    const { name, attempt, imageId, imageReference, logPath, labels, annotations, resources } = config;
    const state: Container = {
      id,
      sandboxId,
      name,
      attempt,
      state: 'created',
      createdAt: this.#world.clock.now(),
      resources,
      imageId,
      imageReference,
      logPath,
      labels,
      annotations,
    };
    this.#containers.set(id, { config, image, state, exitTimer: undefined, exited: Promise.withResolvers() });
    if (this.#strikes('createLost')) throw new RuntimeError('CreateContainerError', 'context deadline exceeded');
    return id;
  }

  async startContainer(id: string): Promise<void> {
    const container = this.#get(id);
    await this.#take(this.#latencies.start);
    const { image, state } = container;
    const failed =
      image.startError ??
      (this.#world.random.fraction() < (this.#options.failures?.start ?? 0)
        ? 'the simulated container could not be started'
        : undefined);
    if (failed !== undefined) {
      this.#end(container, 128, 'StartError', failed);
      throw new RuntimeError('RunContainerError', failed);
    }
    if (state.state !== 'created') throw new RuntimeError('RunContainerError', `container ${id} is ${state.state}`);
    container.state = { ...state, state: 'running', startedAt: this.#world.clock.now() };
    await this.#print(container);
    const exit = image.exit?.(this.#factsOf(container));
    if (exit) container.exitTimer = this.#world.clock.after(exit.afterMs, () => this.#end(container, exit.code));
    this.#tell(state.sandboxId);
    if (this.#strikes('startLost')) throw new RuntimeError('RunContainerError', 'context deadline exceeded');
  }

  async stopContainer(id: string, graceMs: Millis): Promise<void> {
    const container = this.#containers.get(id);
    if (!container || container.state.state === 'exited') return;
    if (this.#strikes('stopFails')) throw new RuntimeError('KillContainerError', 'the runtime is not there');
    if (container.state.state === 'created') {
      this.#end(container, 137);
      return;
    }
    const { stopMs } = container.image;
    const asked = stopMs === 'ignores' ? Infinity : this.#span(stopMs ?? this.#latencies.stop);
    const inTime = asked <= graceMs;
    const timer = this.#world.clock.after(inTime ? asked : graceMs, () => this.#end(container, inTime ? 0 : 137));
    await container.exited.promise;
    timer.cancel();
  }

  async removeContainer(id: string): Promise<void> {
    const container = this.#containers.get(id);
    if (!container) return;
    if (container.state.state === 'running')
      throw new RuntimeError('RemoveContainerError', `container ${id} is running`);
    if (this.#strikes('removalLost')) return;
    this.#containers.delete(id);
  }

  async containers(): Promise<readonly Container[]> {
    return [...this.#containers.values()].map(({ state }) => state);
  }

  async updateResources(id: string, resources: ContainerResources): Promise<void> {
    const container = this.#get(id);
    container.state = { ...container.state, resources: { ...container.state.resources, ...resources } };
    this.#tell(container.state.sandboxId);
  }

  async updateSandboxResources(id: string): Promise<void> {
    if (!this.#boxes.has(id)) throw new RuntimeError('NotFound', `there is no sandbox ${id}`);
  }

  async exec(id: string, { command, timeoutMs }: ExecOptions): Promise<ExecSession> {
    const container = this.#get(id);
    if (container.state.state !== 'running') throw new RuntimeError('ExecError', `container ${id} is not running`);
    const { code, output = '', afterMs = 1 } = container.image.exec?.(this.#factsOf(container), command) ?? { code: 0 };
    const late = timeoutMs !== undefined && afterMs > timeoutMs;
    const exited = this.#world.clock.sleep(late ? timeoutMs : afterMs).then(() => {
      if (late) throw new RuntimeError('ExecError', `command "${command.join(' ')}" timed out`);
      return code;
    });
    return {
      stdin: undefined,
      stdout: Readable.from(output ? [Buffer.from(output)] : []),
      stderr: undefined,
      exited,
      resize: () => {},
      close: () => {},
    };
  }

  async attach(id: string): Promise<ExecSession> {
    const container = this.#get(id);
    const exited = container.exited.promise.then(() => container.state.exitCode ?? 0);
    return {
      stdin: new Writable({ write: (_chunk, _encoding, done) => done() }),
      stdout: new PassThrough(),
      stderr: undefined,
      exited,
      resize: () => {},
      close: () => {},
    };
  }

  async dial(sandboxId: string, port: number): Promise<Duplex> {
    if (!this.#boxes.has(sandboxId)) throw new RuntimeError('DialError', `there is no sandbox ${sandboxId}`);
    if (!this.#peerOf(sandboxId).connect(port))
      throw new RuntimeError('DialError', `connection refused on port ${port}`);
    return new PassThrough();
  }

  async reopenLog(id: string): Promise<void> {
    this.#get(id);
  }

  async stats() {
    return [...this.#containers.values()]
      .filter(({ state }) => state.state === 'running')
      .map(({ state }) => ({
        containerId: state.id,
        sandboxId: state.sandboxId,
        name: state.name,
        at: this.#world.clock.now(),
        cpuNanos: (this.#world.clock.now() - (state.startedAt ?? 0)) * 1_000,
        memoryBytes: 10_000_000,
        memoryWorkingSetBytes: 8_000_000,
        writableLayerBytes: 0,
      }));
  }

  onChange(listener: (sandboxId: string) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  crash(id: string, exitCode: number): void {
    this.#end(this.#get(id), exitCode);
  }

  #imageOf(reference: string): SimImage | undefined {
    const images = this.#options.images ?? { '*': {} };
    return images[reference] ?? images['*'];
  }

  #span(span: Span): Millis {
    return typeof span === 'number' ? span : span[0] + this.#world.random.fraction() * (span[1] - span[0]);
  }

  #take(span: Span): Promise<void> {
    return this.#world.clock.sleep(this.#strikes('runtimeSlow') ? slowMs : this.#span(span));
  }

  #strikes(fault: RuntimeFault): boolean {
    return this.#options.strikes?.(fault) ?? false;
  }

  #get(id: string): Running {
    const container = this.#containers.get(id);
    if (!container) throw new RuntimeError('NotFound', `there is no container ${id}`);
    return container;
  }

  #inside(sandboxId: string): readonly Running[] {
    return [...this.#containers.values()].filter(({ state }) => state.sandboxId === sandboxId);
  }

  /** The next free address: one that was just given back rests until all others were used. */
  #allocate(): string {
    const range = parseCidr(this.#options.podCidr);
    if (!range) throw new RuntimeError('CreatePodSandboxError', `${this.#options.podCidr} is no range of addresses`);
    for (let tries = 0; ; tries++) {
      const ip = addressAt(range, this.#nextAddress++);
      if (!ip) {
        if (tries > this.#addresses.size + 1)
          throw new RuntimeError('CreatePodSandboxError', `all addresses of ${this.#options.podCidr} are in use`);
        this.#nextAddress = firstAddress;
        continue;
      }
      const text = formatIp(ip);
      if (this.#addresses.has(text)) continue;
      this.#addresses.add(text);
      return text;
    }
  }

  #factsOf({ config, state }: Running): ContainerFacts {
    const box = this.#boxes.get(state.sandboxId);
    return {
      name: config.name,
      attempt: config.attempt,
      command: [...(config.command ?? []), ...(config.args ?? [])],
      environment: new Map(config.environment.map(({ name, value }) => [name, value])),
      pod: { name: box?.config.pod.name ?? '', namespace: box?.config.pod.namespace ?? '' },
      age: state.startedAt === undefined ? 0 : this.#world.clock.now() - state.startedAt,
    };
  }

  #peerOf(sandboxId: string): SimPeer {
    const answer = (port: number, path: string): number | undefined => {
      for (const container of this.#inside(sandboxId)) {
        if (container.state.state !== 'running') continue;
        const { http } = container.image;
        const status = http ? http(this.#factsOf(container), port, path) : 200;
        if (status !== undefined) return status;
      }
      return undefined;
    };
    return {
      connect: (port) => answer(port, '/') !== undefined,
      get: (port, path) => {
        const status = answer(port, path);
        return status === undefined ? undefined : { status };
      },
    };
  }

  #end(container: Running, exitCode: number, reason?: string, message?: string): void {
    if (container.state.state === 'exited') return;
    container.exitTimer?.cancel();
    container.state = {
      ...container.state,
      state: 'exited',
      finishedAt: this.#world.clock.now(),
      exitCode,
      reason: reason ?? (exitCode === 0 ? 'Completed' : 'Error'),
      ...(message === undefined ? {} : { message }),
    };
    container.exited.resolve();
    this.#tell(container.state.sandboxId);
  }

  #tell(sandboxId: string): void {
    for (const listener of this.#listeners) listener(sandboxId);
  }

  async #print({ config, image }: Running): Promise<void> {
    await this.#world.disk.makeDirectory(posix.dirname(config.logPath));
    const at = new Date(this.#world.clock.now()).toISOString();
    const text = (image.prints ?? []).map((line) => `${at} stdout F ${line}\n`).join('');
    await this.#world.disk.append(config.logPath, text);
  }
}

function infoOf(reference: string, image: SimImage): ImageInfo {
  const digest = createHash('sha256').update(reference).digest('hex');
  const repository = reference.replace(/[@:][^/]*$/, '');
  return {
    id: `sha256:${digest}`,
    tags: [reference],
    digests: [`${repository}@sha256:${digest}`],
    sizeBytes: image.sizeBytes ?? 50_000_000,
    user: image.user ?? '',
    entrypoint: ['/sim'],
    command: [],
  };
}
