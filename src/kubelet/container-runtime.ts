/**
 * What the kubelet asks of a container runtime, shaped like CRI v1 (https://github.com/kubernetes/cri-api): sandboxes,
 * containers, images, exec, stats. `oci/` (embedded: crun or runc) and `sim/` implement it. The runtime keeps its own state
 * on disk so that a new agent finds and adopts everything that runs. It must never read the API.
 */
import type { Duplex } from 'node:stream';
import type { Millis } from '#world/world.ts';

export interface ContainerRuntime extends AsyncDisposable {
  readonly info: { readonly name: string; readonly version: string };
  /** Containers are only pretended: nothing answers at their addresses. */
  readonly pretended?: true;

  runSandbox(config: SandboxConfig): Promise<Sandbox>;
  /** Kills what still runs in it and releases its network. Idempotent. */
  stopSandbox(id: string): Promise<void>;
  /** Forgets it, with its containers, mounts and cgroup. Idempotent. */
  removeSandbox(id: string): Promise<void>;
  sandboxes(): Promise<readonly Sandbox[]>;

  /** Prepares the root filesystem and the spec. Throws RuntimeError('CreateContainerError' …). */
  createContainer(sandboxId: string, config: ContainerConfig): Promise<string>;
  /** Throws RuntimeError('RunContainerError' …), for instance when the executable is missing. */
  startContainer(id: string): Promise<void>;
  /** The image's stop signal (default SIGTERM), then SIGKILL after `graceMs`. Resolves when it has exited. */
  stopContainer(id: string, graceMs: Millis): Promise<void>;
  /** Removes a stopped container and its writable layer; the log stays until the kubelet deletes it. Idempotent. */
  removeContainer(id: string): Promise<void>;
  containers(): Promise<readonly Container[]>;
  /** Raises or lowers limits of a running container. */
  updateResources(id: string, resources: ContainerResources): Promise<void>;
  /** The same for a pod as a whole; a limit that is not named ends. */
  updateSandboxResources(id: string, resources: ContainerResources): Promise<void>;

  exec(id: string, options: ExecOptions): Promise<ExecSession>;
  /** The container's own stdio from now on. */
  attach(id: string, options: { stdin: boolean; tty: boolean }): Promise<ExecSession>;
  /** A TCP connection to `port` on the pod's loopback (port-forward, tcp and http probes of `host: localhost`). */
  dial(sandboxId: string, port: number): Promise<Duplex>;

  /** Starts `reopenLog` after the kubelet rotated the file away. */
  reopenLog(id: string): Promise<void>;
  stats(): Promise<readonly ContainerStats[]>;

  /** Calls back whenever a container or sandbox changed state (an exit, above all), with the sandbox' id. */
  onChange(listener: (sandboxId: string) => void): Disposable;

  readonly images: RuntimeImages;
}

export interface RuntimeImages {
  /** Pulls by reference; resolves with the image's id (sha256:… of its config). Throws RuntimeError with the registry's reason. */
  pull(reference: string, auth: readonly RegistryAuth[]): Promise<string>;
  status(reference: string): Promise<ImageInfo | undefined>;
  list(): Promise<readonly ImageInfo[]>;
  remove(reference: string): Promise<void>;
}

export interface RegistryAuth {
  /** Registry host, optionally with a path prefix, as in .dockerconfigjson. */
  readonly registry: string;
  readonly username?: string;
  readonly password?: string;
  readonly identityToken?: string;
}

export interface ImageInfo {
  /** sha256:… of the config. */
  readonly id: string;
  readonly tags: readonly string[];
  /** repo@sha256:… of the manifests. */
  readonly digests: readonly string[];
  readonly sizeBytes: number;
  /** USER of the image: `uid[:gid]` or a name. */
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
}

export interface PodIdentity {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  /** How often this pod's sandbox was made anew. */
  readonly attempt: number;
}

export interface SandboxConfig {
  readonly pod: PodIdentity;
  readonly hostname: string;
  readonly hostNetwork: boolean;
  readonly hostPid: boolean;
  readonly hostIpc: boolean;
  readonly shareProcessNamespace: boolean;
  readonly sysctls: Readonly<Record<string, string>>;
  /** Content of the pod's /etc/resolv.conf and /etc/hosts is the kubelet's and is mounted like any other file. */
  readonly portMappings: readonly {
    hostPort: number;
    containerPort: number;
    protocol: 'TCP' | 'UDP' | 'SCTP';
    hostIp: string;
  }[];
  /** The pod's cgroup: `burstable/pod<uid>` and so on, below the node's root. Limits of the whole pod. */
  readonly cgroup: { readonly parent: string; readonly resources: ContainerResources };
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Sandbox {
  readonly id: string;
  readonly pod: PodIdentity;
  readonly state: 'ready' | 'notReady';
  readonly createdAt: Millis;
  /** Empty for a host-network pod. IPv4 first. */
  readonly ips: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ContainerConfig {
  readonly name: string;
  /** How often this container was started anew: its restart count. */
  readonly attempt: number;
  /** The id that `images.pull` or `images.status` gave, and the reference that the pod wrote. */
  readonly imageId: string;
  readonly imageReference: string;
  /** Absent: the image's entrypoint and command, by CRI's rules (command replaces both, args replaces command). */
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly workingDirectory?: string;
  readonly environment: readonly { name: string; value: string }[];
  readonly mounts: readonly Mount[];
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  /** Absolute path of the log in CRI's format: `<RFC 3339 nanos> stdout|stderr F|P <line>`. */
  readonly logPath: string;
  readonly resources: ContainerResources;
  readonly security: ContainerSecurity;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Mount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly readOnly: boolean;
  readonly propagation: 'private' | 'rslave' | 'rshared';
}

export interface ContainerResources {
  readonly cpuShares?: number;
  readonly cpuQuotaMicros?: number;
  readonly cpuPeriodMicros?: number;
  readonly memoryLimitBytes?: number;
  readonly pidsLimit?: number;
  readonly oomScoreAdjust?: number;
}

export interface ContainerSecurity {
  readonly privileged: boolean;
  readonly readOnlyRootFilesystem: boolean;
  readonly noNewPrivileges: boolean;
  /** Absent: the image's USER. */
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly supplementalGroups: readonly number[];
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
  readonly seccomp: 'RuntimeDefault' | 'Unconfined';
  readonly procMount: 'Default' | 'Unmasked';
}

export interface Container {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly attempt: number;
  readonly state: 'created' | 'running' | 'exited' | 'unknown';
  readonly createdAt: Millis;
  readonly startedAt?: Millis;
  readonly finishedAt?: Millis;
  readonly exitCode?: number;
  /** What it runs with now; absent when the runtime does not know. */
  readonly resources?: ContainerResources;
  /** Completed, Error, OOMKilled, StartError, ContainerCannotRun … */
  readonly reason?: string;
  readonly message?: string;
  readonly imageId: string;
  readonly imageReference: string;
  readonly logPath: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ExecOptions {
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly tty: boolean;
  readonly timeoutMs?: Millis;
}

/** Streams of a running command. `stderr` is absent with a tty. */
export interface ExecSession {
  readonly stdin: import('node:stream').Writable | undefined;
  readonly stdout: import('node:stream').Readable;
  readonly stderr: import('node:stream').Readable | undefined;
  readonly exited: Promise<number>;
  resize(columns: number, rows: number): void;
  /** Ends the command (exec) or only the connection (attach). */
  close(): void;
}

export interface ContainerStats {
  readonly containerId: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly at: Millis;
  readonly cpuNanos: number;
  readonly memoryBytes: number;
  readonly memoryWorkingSetBytes: number;
  readonly writableLayerBytes: number;
}

/** `reason` is what the container's waiting state shows: ErrImagePull, CreateContainerError, RunContainerError … */
export class RuntimeError extends Error {
  readonly reason: string;
  constructor(reason: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'RuntimeError';
    this.reason = reason;
  }
}
