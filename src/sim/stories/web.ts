/** The Deployment that many stories are about, and what has become of it. A story in which it must be special writes its own. */
import { Pod } from '#api/core/pod.ts';
import type { SimCluster } from '../cluster.ts';

/** `web`, whose pods count as ready when they answer (with `probe`), behind a Service of the same name (with `service`). */
export const web = (image: string, replicas: number, { probe = false, service = false } = {}): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: main
          image: '${image}'
          ${probe ? 'readinessProbe: { httpGet: { path: /, port: 80 }, periodSeconds: 1 }' : ''}
${service ? '---\n{ apiVersion: v1, kind: Service, metadata: { name: web }, spec: { selector: { app: web }, ports: [{ port: 80 }] } }' : ''}
`;

/** The images of all pods that are not ending; with `ready`, of those that are ready. */
export async function imagesOf({ client, run }: SimCluster, { ready = false } = {}): Promise<readonly string[]> {
  const { items } = await run(client.list(Pod, { namespace: 'default' }));
  const isReady = ({ status }: Pod): boolean =>
    status?.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True') ?? false;
  return items
    .filter((pod) => pod.metadata.deletionTimestamp === undefined && (!ready || isReady(pod)))
    .map(({ spec }) => spec.containers[0]?.image ?? '');
}
