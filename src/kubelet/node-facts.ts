/** What a node's workers know of their node: addresses, places on the disk, capacity. Plain values, read once at the start. */
import type { DnsSettings } from './pod-files.ts';
import type { Service } from '#api/core/service.ts';

export interface NodeFacts {
  readonly name: string;
  readonly address: string;
  readonly dns: DnsSettings;
  readonly memoryBytes: number;
  /** Quantities by resource name. */
  readonly allocatable: Readonly<Record<string, string>>;
  readonly logDirectory: string;
  podDirectory(uid: string): string;
  /** Resolves when the Services of the cluster are known. */
  readonly servicesKnown: Promise<void>;
  /** Services as the node sees them now, for environment variables. */
  services(namespace: string): readonly Service[];
}
