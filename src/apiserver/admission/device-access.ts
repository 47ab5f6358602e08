/**
 * Access to devices that others use (`adminAccess`) is for namespaces whose label allows it: asked for in a claim or a template of claims, or given in a claim's
 * status. Upstream's strategies check it, so the fault is told among those of validation.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#admin-access
 */
import type { DeviceClaim } from '#api/resource/device-claim.ts';
import type { ResourceClaim } from '#api/resource/resourceclaim.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { forbiddenField } from '#meta/causes.ts';
import type { WatchCache } from '../watch/cache.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

const label = 'resource.kubernetes.io/admin-access';

export function deviceAccess(namespaces: WatchCache): AdmissionPlugin {
  const isAllowed = (namespace: string | undefined): boolean =>
    namespaces.get(namespaces.key(undefined, namespace ?? ''))?.object.metadata.labels?.[label] === 'true';
  return {
    name: 'DeviceAccess',
    causes(request) {
      if (request.kind.group !== 'resource.k8s.io') return [];
      const path = wanted(request);
      if (path === undefined || isAllowed(request.namespace)) return [];
      const detail = `admin access to devices requires the \`${label}: true\` label on the containing namespace`;
      return [forbiddenField(path, detail)];
    },
  };
}

/** Where access is asked for that the object did not have before. Specs cannot change, so only new ones are looked at. */
function wanted({ kind, operation, subresource, object, old }: AdmissionRequest): string | undefined {
  if (operation === 'CREATE') {
    const { spec } = object as AnyObject & { spec?: { devices?: DeviceClaim; spec?: { devices?: DeviceClaim } } };
    const devices = kind.kind === 'ResourceClaimTemplate' ? spec?.spec?.devices : spec?.devices;
    if (kind.kind !== 'ResourceClaim' && kind.kind !== 'ResourceClaimTemplate') return undefined;
    const index = devices?.requests?.findIndex(({ exactly }) => exactly?.adminAccess === true) ?? -1;
    // Upstream tells this path of templates, too.
    return index === -1 ? undefined : `spec.devices.requests[${index}].adminAccess`;
  }
  if (operation !== 'UPDATE' || subresource !== 'status' || kind.kind !== 'ResourceClaim') return undefined;
  const given = (claim: AnyObject | undefined): number =>
    (claim as ResourceClaim | undefined)?.status?.allocation?.devices.results?.findIndex(
      ({ adminAccess }) => adminAccess === true,
    ) ?? -1;
  const index = given(old) === -1 ? given(object) : -1;
  return index === -1 ? undefined : `status.allocation.devices.results[${index}].adminAccess`;
}
