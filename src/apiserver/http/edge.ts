/**
 * What the HTTP edge stands on, and what it tells the metrics of each request.
 */
import type { Api } from '../api.ts';
import type { Documents } from '../discovery/documents.ts';
import type { Flow } from '../flow/in-flight.ts';
import type { Health } from '../health.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Subject } from '../metrics/requests.ts';
import type { ZPages } from '../z-pages.ts';
import type { KubeletAccess } from '../proxy/access.ts';

export interface Edge {
  readonly api: Api;
  readonly documents: Documents;
  readonly health: Health;
  readonly zPages: ZPages;
  /** Every path that is no resource, as `/` shows them. */
  readonly paths: readonly string[];
  readonly metrics: Metrics;
  readonly kubelets: KubeletAccess;
  readonly flow: Flow;
}

/** A request as the metrics are told of it: named as soon as its path is understood. */
export interface Seen {
  subject: Subject;
}
