/** Names of ClusterTrustBundles: those of a signer begin with it. Wording is upstream's (ValidateClusterTrustBundleName). */
import { dns1123Subdomain } from '#meta/names.ts';

/** What is wrong with the name of a bundle of this signer; '' for a bundle of nobody's. */
export function trustBundleNameFaults(name: string, signer: string): readonly string[] {
  if (signer === '') {
    return name.includes(':')
      ? ['ClusterTrustBundle without signer name must not have ":" in its name']
      : dns1123Subdomain(name);
  }
  const prefix = `${signer.replaceAll('/', ':')}:`;
  return name.startsWith(prefix)
    ? dns1123Subdomain(name.slice(prefix.length))
    : [`ClusterTrustBundle for signerName ${signer} must be named with prefix ${prefix}`];
}
