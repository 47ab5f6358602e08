/**
 * Which IP families a Service has: inferred from what a client said, from what the Service was before and from what the cluster is configured for
 * (KEP-563, https://kubernetes.io/docs/concepts/services-networking/dual-stack/). Pure; addresses are found elsewhere.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { invalidValue } from '#meta/causes.ts';
import { ipFamily } from '#meta/ip.ts';
import { invalid, type Cause } from '#meta/status.ts';
import type { Service } from '#api/core/service.ts';

export type Family = 'IPv4' | 'IPv6';

const policyPath = 'spec.ipFamilyPolicy';

export const familyOf = (ip: string): Family => (ipFamily(ip) === 6 ? 'IPv6' : 'IPv4');

/** A PreferDualStack Service stays as it is when the cluster gains or loses a family. */
export function isSettled({ spec }: Service, old: Service | undefined): boolean {
  if (old === undefined || spec.ipFamilyPolicy !== 'PreferDualStack' || spec.type === 'ExternalName') return false;
  return (
    old.spec.type === spec.type &&
    (old.spec.ipFamilyPolicy ?? 'PreferDualStack') === 'PreferDualStack' &&
    sameList(spec.clusterIPs, old.spec.clusterIPs) &&
    sameList(spec.ipFamilies, old.spec.ipFamilies)
  );
}

const sameList = (a: readonly string[] | undefined, b: readonly string[] | undefined): boolean =>
  deepEqual(a ?? [], b ?? []);

/** The Service with policy and families filled in. `configured`: the cluster's families, the default one first. Throws Invalid. */
export function withFamilies(service: Service, old: Service | undefined, configured: readonly Family[]): Service {
  if (service.spec.type === 'ExternalName' || isSettled(service, old)) return service;
  const { spec } = service;
  const isHeadless = spec.clusterIP === 'None';
  const isFree = isHeadless && Object.keys(spec.selector ?? {}).length === 0;
  const policy = spec.ipFamilyPolicy ?? old?.spec.ipFamilyPolicy ?? (isFree ? 'RequireDualStack' : 'SingleStack');
  let clusterIPs = spec.clusterIPs ?? [];
  let families: readonly Family[] = spec.ipFamilies ?? [];
  const causes: Cause[] = [];
  if (old !== undefined && policy === 'SingleStack') {
    if (clusterIPs.length > 1 && sameList(clusterIPs, old.spec.clusterIPs)) clusterIPs = clusterIPs.slice(0, 1);
    if (families.length > 1 && sameList(families, old.spec.ipFamilies)) families = families.slice(0, 1);
  } else if (old !== undefined) {
    if (isReduced(clusterIPs, old.spec.clusterIPs))
      causes.push(invalidValue(policyPath, policy, "must be 'SingleStack' to release the secondary cluster IP"));
    if (isReduced(families, old.spec.ipFamilies))
      causes.push(invalidValue(policyPath, policy, "must be 'SingleStack' to release the secondary IP family"));
  }
  if (policy === 'SingleStack') {
    const detail = "must be 'RequireDualStack' or 'PreferDualStack' when multiple";
    if (clusterIPs.length === 2) causes.push(invalidValue(policyPath, policy, `${detail} cluster IPs are specified`));
    if (families.length === 2) causes.push(invalidValue(policyPath, policy, `${detail} IP families are specified`));
  }
  if (!isHeadless) {
    for (const [index, ip] of clusterIPs.entries()) {
      if (index < families.length) continue;
      const family = familyOf(ip);
      if (configured.includes(family)) families = [...families, family];
      else
        causes.push(
          invalidValue(`spec.clusterIPs[${index}]`, clusterIPs, `${family} is not configured on this cluster`),
        );
    }
  }
  const refuseAny = (): void => {
    if (causes.length > 0) throw invalid({ group: '', kind: 'Service' }, service.metadata.name, causes);
  };
  refuseAny();
  const [first = 'IPv4'] = configured;
  if (!isFree) {
    if (policy === 'RequireDualStack' && configured.length < 2)
      causes.push(invalidValue(policyPath, policy, 'this cluster is not configured for dual-stack services'));
    for (const [index, family] of families.entries()) {
      if (!configured.includes(family))
        causes.push(invalidValue(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster'));
    }
    refuseAny();
  }
  if (families.length === 0) families = [first];
  // Headless without selector: somebody else writes the endpoints, of any family.
  if (policy !== 'SingleStack' && families.length === 1 && (isFree || configured.length === 2))
    families = [...families, families[0] === 'IPv4' ? 'IPv6' : 'IPv4'];
  return {
    ...service,
    spec: {
      ...spec,
      ...(clusterIPs.length > 0 ? { clusterIPs } : {}),
      ipFamilies: families,
      ipFamilyPolicy: policy,
    },
  };
}

const isReduced = (now: readonly string[], before: readonly string[] | undefined): boolean =>
  now.length > 0 && now.length < (before?.length ?? 0);
