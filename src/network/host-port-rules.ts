/**
 * The nftables rules of a node's pods: host ports lead to pods, and what pods send out of the cluster leaves with the node's address. Elements of maps,
 * not rules, come and go with pods. It must never see more than addresses and numbers, since it writes a program.
 */

/** One host port of one pod; `hostIp` empty for every address of the node. */
export interface HostPort {
  readonly hostIp: string;
  readonly hostPort: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly containerPort: number;
}

export const podTable = 'k8ts-pods';

export interface PodRules {
  readonly podCidr: string;
  /** Where pods are seen with their own address. */
  readonly podSubnet: string;
  readonly leases: Iterable<{ readonly ip: string; readonly ports: readonly HostPort[] }>;
}

/** The whole table, replacing the old one. After the proxy's chains, so a Service's node port wins. */
export function podTableText({ podCidr, podSubnet, leases }: PodRules): string {
  return [
    `add table ip ${podTable}`,
    `delete table ip ${podTable}`,
    `table ip ${podTable} {`,
    '  map anywhere { type inet_proto . inet_service : ipv4_addr . inet_service; }',
    '  map somewhere { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }',
    '  set hairpin { type ipv4_addr . ipv4_addr; }',
    '  chain ports {',
    '    dnat to ip daddr . ip protocol . th dport map @somewhere',
    '    dnat to ip protocol . th dport map @anywhere',
    '  }',
    '  chain prerouting {',
    '    type nat hook prerouting priority -95; policy accept;',
    '    fib daddr type local jump ports',
    '  }',
    '  chain output {',
    '    type nat hook output priority -95; policy accept;',
    '    ip daddr != 127.0.0.0/8 fib daddr type local jump ports',
    '  }',
    '  chain postrouting {',
    '    type nat hook postrouting priority 105; policy accept;',
    '    ip saddr . ip daddr @hairpin masquerade',
    `    ip saddr ${podCidr} ip daddr != ${podSubnet} ip daddr != 224.0.0.0/4 masquerade`,
    '  }',
    '}',
    ...[...leases].flatMap(({ ip, ports }) => portElements('add', ip, ports)),
    '',
  ].join('\n');
}

/** Commands that add or remove the host ports of the pod at `ip`; none for a pod without. */
export function portElements(verb: 'add' | 'delete', ip: string, ports: readonly HostPort[]): readonly string[] {
  if (ports.length === 0) return [];
  const element = (set: string, key: string, value?: string): string =>
    `${verb} element ip ${podTable} ${set} { ${key}${verb === 'add' && value ? ` : ${value}` : ''} }`;
  return [
    ...ports.map(({ hostIp, hostPort, protocol, containerPort }) => {
      const key = `${protocol.toLowerCase()} . ${hostPort}`;
      const target = `${ip} . ${containerPort}`;
      return hostIp ? element('somewhere', `${hostIp} . ${key}`, target) : element('anywhere', key, target);
    }),
    element('hairpin', `${ip} . ${ip}`),
  ];
}
