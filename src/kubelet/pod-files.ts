/**
 * The small files every container gets: /etc/hosts, /etc/resolv.conf and /etc/hostname
 * (https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/). The texts are pure functions of the pod and the node.
 */
import { join } from 'node:path';
import type { Pod } from '#api/core/pod.ts';
import type { World } from '#world/world.ts';

export interface DnsSettings {
  readonly clusterDns: string;
  readonly clusterDomain: string;
  /** The node's own resolv.conf. */
  readonly hostResolvConf: string;
}

/** glibc reads three servers and 32 search domains of 2,048 bytes at most; upstream cuts there. */
const serversMax = 3;
const searchesMax = 32;

/** The name a pod's processes see. */
export function hostnameOf(pod: Pod): string {
  return (pod.spec.hostnameOverride ?? pod.spec.hostname ?? pod.metadata.name).slice(0, 63).replace(/[-.]+$/, '');
}

export function resolvConf(pod: Pod, { clusterDns, clusterDomain, hostResolvConf }: DnsSettings): string {
  const host = parseResolvConf(hostResolvConf);
  const policy = pod.spec.hostNetwork && pod.spec.dnsPolicy === 'ClusterFirst' ? 'Default' : pod.spec.dnsPolicy;
  let servers: string[] = [];
  let searches: string[] = [];
  let options: string[] = [];
  if (policy === 'ClusterFirst' || policy === 'ClusterFirstWithHostNet') {
    servers = [clusterDns];
    searches = [
      `${pod.metadata.namespace}.svc.${clusterDomain}`,
      `svc.${clusterDomain}`,
      clusterDomain,
      ...host.searches,
    ];
    options = ['ndots:5'];
  } else if (policy === 'Default') ({ servers, searches, options } = host);
  const { nameservers = [], searches: more = [], options: extra = [] } = pod.spec.dnsConfig ?? {};
  const all = new Map(options.map((option) => [option.split(':')[0] as string, option]));
  for (const { name, value } of extra) if (name) all.set(name, value === undefined ? name : `${name}:${value}`);
  return [
    ...[...new Set([...servers, ...nameservers])].slice(0, serversMax).map((server) => `nameserver ${server}`),
    ...(searches.length + more.length > 0
      ? [`search ${[...new Set([...searches, ...more])].slice(0, searchesMax).join(' ')}`]
      : []),
    ...(all.size > 0 ? [`options ${[...all.values()].join(' ')}`] : []),
    '',
  ].join('\n');
}

export function parseResolvConf(text: string): { servers: string[]; searches: string[]; options: string[] } {
  const found = { servers: [] as string[], searches: [] as string[], options: [] as string[] };
  for (const line of text.split('\n')) {
    const [word, ...rest] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (word === 'nameserver' && rest[0]) found.servers.push(rest[0]);
    else if (word === 'search' || word === 'domain') found.searches = rest.filter((name) => name !== '.');
    else if (word === 'options') found.options.push(...rest);
  }
  return found;
}

export function etcHosts(pod: Pod, ips: readonly string[], clusterDomain: string, hostFile: string): string {
  const aliases = (pod.spec.hostAliases ?? []).map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}`);
  const extra = aliases.length > 0 ? ['', '# Entries added by HostAliases.', ...aliases] : [];
  if (pod.spec.hostNetwork)
    return ['# Kubernetes-managed hosts file (host network).', hostFile.trimEnd(), ...extra, ''].join('\n');
  const name = hostnameOf(pod);
  const full = pod.spec.subdomain
    ? `${name}.${pod.spec.subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}\t${name}`
    : name;
  return [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...ips.map((ip) => `${ip}\t${full}`),
    ...extra,
    '',
  ].join('\n');
}

/** Writes them into the pod's directory; answers host paths by container path. Existing hosts files are kept: a container may have edited its own. */
export async function writePodFiles(
  world: World,
  directory: string,
  pod: Pod,
  { ips, dns }: { ips: readonly string[]; dns: DnsSettings },
): Promise<ReadonlyMap<string, string>> {
  const place = join(directory, 'etc');
  await world.disk.makeDirectory(place, { mode: 0o755 });
  const hostFile = pod.spec.hostNetwork ? ((await world.disk.readText('/etc/hosts')) ?? '') : '';
  const files: readonly (readonly [path: string, content: string])[] = [
    ['/etc/hosts', etcHosts(pod, ips, dns.clusterDomain, hostFile)],
    ['/etc/resolv.conf', resolvConf(pod, dns)],
    ['/etc/hostname', `${hostnameOf(pod)}\n`],
  ];
  const written = files.map(async ([path, content]): Promise<readonly [string, string]> => {
    const file = join(place, path.slice('/etc/'.length));
    const present = await world.disk.readText(file);
    // New ones need not survive a power cut, which the pod would not survive either: no waiting for the disk.
    if (present === undefined) await world.disk.append(file, content);
    else if (present !== content) await world.disk.write(file, content, { mode: 0o644 });
    return [path, file];
  });
  return new Map(await Promise.all(written));
}
