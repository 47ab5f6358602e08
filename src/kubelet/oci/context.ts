/**
 * What the parts of the oci runtime share: its collaborators, its places on disk, and what it knows of sandboxes and
 * containers. Everything that must survive this process is in `sandbox.json`, `container.json` and `result.json`; the rest
 * of a record is found again on the machine (see recovery.ts).
 */
import type { ImageStore } from '#images/image-store.ts';
import type { Millis, World } from '#world/world.ts';
import type { ContainerConfig, SandboxConfig } from '../container-runtime.ts';
import type { PodNetwork } from '../pod-network.ts';
import type { Cgroups } from './cgroups.ts';
import type { ContainerIo } from './container-io.ts';
import type { LogLimits } from './container-log.ts';
import type { PodDialer } from './dial.ts';
import type { Engine } from './engine.ts';
import type { HelperShell } from './helper-shell.ts';
import type { ProcessUser } from './users.ts';

export interface OciContext {
  readonly world: World;
  readonly images: ImageStore;
  readonly network: PodNetwork;
  readonly engine: Engine;
  readonly cgroups: Cgroups;
  readonly shell: HelperShell;
  /** Absolute; holds sandboxes/, containers/, run/ (the engine's state). */
  readonly directory: string;
  readonly cgroupRoot: string;
  readonly logLimits: LogLimits;
  /** What the kernel calls this boot: processes and mounts of another one are gone. */
  readonly bootId: string;
  readonly oomScoreMin: number;
  readonly capabilities: ReadonlySet<string>;
  readonly sandboxes: Map<string, SandboxRecord>;
  readonly containers: Map<string, ContainerRecord>;
  /** This process is going: what ends now is the next one's to finish. */
  closing: boolean;
  changed(sandboxId: string): void;
}

/** sandbox.json */
export interface SandboxFile {
  readonly id: string;
  readonly config: SandboxConfig;
  readonly createdAt: Millis;
  readonly state: 'making' | 'ready' | 'notReady';
  readonly ips: readonly string[];
  readonly bootId: string;
  /** The process that holds the shared PID namespace. */
  readonly holderPid?: number;
}

export interface SandboxRecord {
  file: SandboxFile;
  dialer?: PodDialer;
}

/** container.json */
export interface ContainerFile {
  readonly id: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  readonly createdAt: Millis;
  readonly bootId: string;
  readonly nonce: string;
  readonly user: ProcessUser;
  readonly stopSignal: string;
  readonly image: {
    readonly entrypoint: readonly string[];
    readonly command: readonly string[];
    readonly environment: readonly string[];
    readonly workingDirectory: string;
  };
}

/** result.json: how it ended. */
export interface ContainerResult {
  readonly exitCode: number;
  readonly startedAt?: Millis;
  readonly finishedAt: Millis;
  readonly reason: string;
  readonly message: string;
}

export interface ContainerRecord {
  file: ContainerFile;
  state: 'created' | 'starting' | 'running' | 'exited';
  pid?: number;
  startedAt?: Millis;
  result?: ContainerResult;
  io?: ContainerIo;
  /** We have sent SIGKILL, so that an exit code of 137 needs no other reason. */
  killed?: boolean;
  /** Its end is being written down. */
  finishing?: boolean;
  /** Settles when it has exited and its group and monitor are gone. */
  gone?: Promise<void>;
  writable?: { readonly at: Millis; readonly bytes: number };
}

export function sandboxDirectory(context: { readonly directory: string }, id: string): string {
  return `${context.directory}/sandboxes/${id}`;
}

export function containerDirectory(context: { readonly directory: string }, id: string): string {
  return `${context.directory}/containers/${id}`;
}

export function runtimeRoot(context: { readonly directory: string }): string {
  return `${context.directory}/run`;
}

export function podCgroup(context: { readonly cgroupRoot: string }, config: SandboxConfig): string {
  return `${context.cgroupRoot}/${config.cgroup.parent}`;
}

/** The container's own group: limits and accounts are read here, whatever the engine does below. */
export function containerCgroup(context: OciContext, record: { readonly file: ContainerFile }): string {
  const sandbox = context.sandboxes.get(record.file.sandboxId);
  const parent = sandbox ? podCgroup(context, sandbox.file.config) : context.cgroupRoot;
  return `${parent}/${record.file.id}`;
}

/** A new id in containerd's form. */
export function newId(world: World): string {
  return Buffer.from(world.random.bytes(32)).toString('hex');
}
