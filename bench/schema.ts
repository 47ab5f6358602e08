/**
 * What one write costs in the schema floor: parse, decode, default, validate, track, and print of a pod of about 3 kB; and the documents that are
 * derived once. Run: `node bench/schema.ts`. Prints medians of microseconds.
 */
import { hrtime } from 'node:process';
import { allKinds } from '#api/kinds.ts';
import { Pod } from '#api/core/pod.ts';
import { parseJson } from '#meta/json.ts';
import { decode } from '#schema/decode.ts';
import { applyDefaults } from '#schema/default.ts';
import { trackUpdate } from '#schema/managed-fields.ts';
import { openApiV2 } from '#schema/openapi-v2.ts';
import { openApiV2Protobuf } from '#schema/openapi-v2-protobuf.ts';
import { openApiV3Documents, openApiV3Index } from '#schema/openapi-v3.ts';
import { validate, validateMeta } from '#schema/validate.ts';

const container = (name: string): object => ({
  name,
  image: `registry.example/team/${name}:v1.2.3`,
  args: ['--port=8080', '--log-level=info'],
  ports: [{ name: 'http', containerPort: 8080 }],
  env: [
    { name: 'NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
    { name: 'MODE', value: 'production' },
  ],
  resources: { requests: { cpu: '250m', memory: '128Mi' }, limits: { cpu: '0.5', memory: '256Mi' } },
  readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 5 },
  livenessProbe: { httpGet: { path: '/live', port: 8080 }, initialDelaySeconds: 10 },
  volumeMounts: [{ name: 'config', mountPath: '/etc/config', readOnly: true }],
  securityContext: { runAsNonRoot: true, capabilities: { drop: ['ALL'] } },
});

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'web-5d9c7b8f6-abcde',
    namespace: 'default',
    labels: { app: 'web', 'pod-template-hash': '5d9c7b8f6', 'app.kubernetes.io/part-of': 'shop' },
    annotations: { 'example.com/checksum': 'a'.repeat(64) },
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5d9c7b8f6', uid: 'f1a2', controller: true },
    ],
  },
  spec: {
    containers: [container('web'), container('proxy')],
    volumes: [{ name: 'config', configMap: { name: 'web' } }],
    serviceAccountName: 'web',
    tolerations: [
      { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
    ],
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'topology.kubernetes.io/zone',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: { app: 'web' } },
      },
    ],
  },
};

function measure(name: string, run: () => unknown, times = 20_000): void {
  for (let index = 0; index < times / 4; index++) run();
  const rounds: number[] = [];
  for (let round = 0; round < 9; round++) {
    const from = hrtime.bigint();
    for (let index = 0; index < times / 9; index++) run();
    rounds.push(Number(hrtime.bigint() - from) / 1000 / (times / 9));
  }
  rounds.sort((a, b) => a - b);
  console.log(`${name.padEnd(40)} ${(rounds[4] ?? 0).toFixed(1).padStart(9)} µs`);
}

const bytes = Buffer.from(JSON.stringify(pod));
const raw = JSON.parse(bytes.toString()) as unknown;
const decoded = decode<object>(Pod, raw, { strict: 'Warn' }).object;
const full = applyDefaults(Pod.schema, decoded);
const causes = [...validate(Pod, full), ...validateMeta(Pod, pod.metadata)];
if (causes.length > 0) throw new Error(`the pod of the benchmark is invalid: ${JSON.stringify(causes)}`);
const tracked = trackUpdate({
  kind: Pod,
  live: undefined,
  updated: full,
  manager: 'bench',
  time: '2026-01-01T00:00:00Z',
  apiVersion: 'v1',
});

console.log(`pod: ${bytes.length} bytes as sent, ${JSON.stringify(full).length} with defaults`);
measure('JSON.parse', () => JSON.parse(bytes.toString()));
measure('parseJson, with duplicates', () => parseJson(bytes, { duplicates: true }));
measure('decode', () => decode(Pod, raw, { strict: 'Warn' }));
measure('default', () => applyDefaults(Pod.schema, decoded));
measure('validate', () => validate(Pod, full));
measure('validateMeta', () => validateMeta(Pod, pod.metadata));
measure('decode + default + validate', () => {
  const object = applyDefaults(Pod.schema, decode<object>(Pod, raw, { strict: 'Warn' }).object);
  return [validate(Pod, object), validateMeta(Pod, pod.metadata)];
});
measure('managedFields of a create', () =>
  trackUpdate({
    kind: Pod,
    live: undefined,
    updated: full,
    manager: 'bench',
    time: '2026-01-01T00:00:00Z',
    apiVersion: 'v1',
  }),
);
measure('managedFields of a status update', () =>
  trackUpdate({
    kind: Pod,
    live: tracked,
    updated: { ...tracked, status: { phase: 'Running' } },
    manager: 'kubelet',
    time: '2026-01-01T00:00:01Z',
    apiVersion: 'v1',
    subresource: 'status',
  }),
);
measure('JSON.stringify', () => JSON.stringify(full));
measure('openapi v2', () => openApiV2(allKinds), 27);
const swagger = openApiV2(allKinds);
measure('openapi v2 as protobuf', () => openApiV2Protobuf(swagger), 27);
measure('openapi v3 index', () => openApiV3Index(openApiV3Documents(allKinds)), 27);
