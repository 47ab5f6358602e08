/**
 * What the HTTP edge stands on, and what it tells the metrics of each request.
 */
import type { Api } from '../api.ts';
import type { Documents } from '../discovery/documents.ts';
import type { Flow } from '../flow/in-flight.ts';
import type { Health } from '../health.ts';
import type { Metrics } from '../metrics.ts';
import type { KubeletAccess } from '../proxy/kubelet.ts';

export interface Edge {
  readonly api: Api;
  readonly documents: Documents;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly kubelets: KubeletAccess;
  readonly flow: Flow;
}

/** A request as it was answered. */
export interface Seen {
  readonly verb: string;
  readonly resource: string;
  readonly code: number;
}
