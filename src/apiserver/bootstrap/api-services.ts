/**
 * An APIService for each version of each group that this server serves itself, as upstream's autoregistration makes them: clients see there which versions
 * exist and which are preferred. They are written at the start; one that somebody deletes comes back at the next.
 */
import { APIService } from '#api/apiregistration/apiservice.ts';
import type { AnyKind } from '#client/client.ts';

/** Upstream's priorities of groups. The core group is always first; groups that are not here follow those that are. */
const groupPriorities: Readonly<Record<string, number>> = {
  '': 18_000,
  apps: 17_800,
  'events.k8s.io': 17_750,
  'authentication.k8s.io': 17_700,
  'authorization.k8s.io': 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  'certificates.k8s.io': 17_300,
  'networking.k8s.io': 17_200,
  policy: 17_100,
  'rbac.authorization.k8s.io': 17_000,
  'storage.k8s.io': 16_800,
  'apiextensions.k8s.io': 16_700,
  'admissionregistration.k8s.io': 16_700,
  'scheduling.k8s.io': 16_600,
  'coordination.k8s.io': 16_500,
  'node.k8s.io': 16_300,
  'discovery.k8s.io': 16_200,
  'flowcontrol.apiserver.k8s.io': 16_100,
  'resource.k8s.io': 15_900,
  'storagemigration.k8s.io': 15_700,
};
const otherPriority = 15_000;

/** Upstream's own, where a group has several versions or another number than the usual 15. */
const versionPriorities: Readonly<Record<string, number>> = {
  v1: 1,
  'autoscaling/v2': 30,
  'flowcontrol.apiserver.k8s.io/v1': 21,
};
const usualPriority = 15;

/** The aggregation layer's own group is not registered in itself. */
const ownGroup = APIService.group;

interface ApiServiceDraft {
  readonly kind: AnyKind;
  readonly object: { readonly metadata: { readonly name: string; readonly labels: object }; readonly spec: object };
}

export function apiServiceDrafts(kinds: readonly AnyKind[]): readonly ApiServiceDraft[] {
  const versions = new Map(kinds.map(({ group, version }) => [`${version}.${group}`, { group, version }]));
  return [...versions]
    .filter(([, { group }]) => group !== ownGroup)
    .map(([name, { group, version }]) => ({
      kind: APIService,
      object: {
        metadata: { name, labels: { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' } },
        spec: {
          ...(group === '' ? {} : { group }),
          version,
          groupPriorityMinimum: groupPriorities[group] ?? otherPriority,
          versionPriority: versionPriorities[group === '' ? version : `${group}/${version}`] ?? usualPriority,
        },
      },
    }));
}
