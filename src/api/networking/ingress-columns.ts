/** Hosts and addresses as `kubectl get ingress` shows them: upstream's printIngress. */

const shownMax = 3;

export function hostsOf(rules: readonly { readonly host?: string }[] | undefined): string {
  const hosts = (rules ?? []).map(({ host }) => host ?? '').filter((host) => host !== '');
  if (hosts.length === 0) return '*';
  const shown = hosts.slice(0, shownMax).join(',');
  return hosts.length > shownMax ? `${shown} + ${hosts.length - shownMax} more...` : shown;
}

export const addressesOf = (
  entrances: readonly { readonly ip?: string; readonly hostname?: string }[] | undefined,
): string => {
  const found = (entrances ?? []).map(({ ip, hostname }) => ip || hostname || '').filter((text) => text !== '');
  return [...new Set(found)].sort().join(',');
};
