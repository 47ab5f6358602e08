/** Pods and pictures for the tests of this folder. Only tests import it. */
import type { Pod } from '#api/core/pod.ts';
import type { Container, Sandbox } from './container-runtime.ts';
import { annotations, labels, type PodPicture } from './pod-state.ts';

export const at = Date.parse('2026-01-01T00:00:00Z');

export const podOf = (spec: Record<string, unknown> = {}, rest: Record<string, unknown> = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web',
      namespace: 'shop',
      uid: 'u1',
      resourceVersion: '5',
      generation: 1,
      labels: { app: 'web' },
      annotations: {},
    },
    spec: {
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      securityContext: {},
      containers: [containerOf('main')],
      terminationGracePeriodSeconds: 30,
      ...spec,
    },
    status: { phase: 'Pending', qosClass: 'BestEffort' },
    ...rest,
  }) as unknown as Pod;

export const containerOf = (name: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  name,
  image: 'app:v1',
  resources: {},
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
  imagePullPolicy: 'IfNotPresent',
  ...more,
});

export const sandboxOf = (more: Partial<Sandbox> = {}): Sandbox => ({
  id: 's0',
  pod: { uid: 'u1', name: 'web', namespace: 'shop', attempt: 0 },
  state: 'ready',
  createdAt: at,
  ips: ['10.0.0.2'],
  labels: {},
  annotations: {},
  ...more,
});

export const runOf = (name: string, more: Partial<Container> = {}): Container => ({
  id: `${name}-${more.attempt ?? 0}`,
  sandboxId: 's0',
  name,
  attempt: 0,
  state: 'running',
  createdAt: at,
  startedAt: at,
  imageId: 'sha256:1',
  imageReference: 'app:v1',
  logPath: '/log',
  labels: { [labels.podUid]: 'u1' },
  annotations: { [annotations.hash]: 'app:v1' },
  ...more,
});

export const deadOf = (name: string, exitCode: number, more: Partial<Container> = {}): Container =>
  runOf(name, { state: 'exited', exitCode, finishedAt: at, reason: exitCode === 0 ? 'Completed' : 'Error', ...more });

export const pictureOf = (more: Partial<PodPicture> = {}): PodPicture => ({
  pod: podOf(),
  sandboxes: [sandboxOf()],
  containers: [],
  probes: new Map(),
  hooking: new Set(),
  backoffs: new Map(),
  failures: new Map(),
  ending: undefined,
  now: at,
  ...more,
});
