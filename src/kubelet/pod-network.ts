/**
 * What a container runtime asks of the node's network: an address for a sandbox, and its release. `network/` implements it
 * (bridge, veth pairs, address management); the runtime makes and keeps the network namespace. It must never know images
 * or containers.
 */
export interface PodNetwork {
  /**
   * Connects the network namespace bound at `netnsPath` (its loopback is up already). Throws when it cannot; nothing of a
   * failed attempt may be left. IPv4 first.
   */
  attach(sandboxId: string, netnsPath: string, request: AttachRequest): Promise<{ readonly ips: readonly string[] }>;
  /** Gives everything back. Idempotent; also for a sandbox whose namespace is gone already (after a reboot). */
  detach(sandboxId: string): Promise<void>;
  /** Tells of a sandbox that was attached by an earlier process and still stands: its addresses stay taken. */
  restore?(
    sandboxId: string,
    netnsPath: string,
    request: AttachRequest & { readonly ips: readonly string[] },
  ): Promise<void>;
}

export interface AttachRequest {
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly portMappings: readonly PortMapping[];
  readonly annotations: Readonly<Record<string, string>>;
}

export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  /** Empty: every address of the node. */
  readonly hostIp: string;
}
