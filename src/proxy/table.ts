/**
 * The proxy's nftables table as text, in the language of nft 1.0.6: a fixed frame of maps and a few chains, and elements. Choosing an endpoint happens once
 * for each connection; the kernel keeps to it, so removing an endpoint never breaks a connection that stands. No chain
 * belongs to a Service: 10,000 of them load in a fraction of a second. It must never read back what the kernel has.
 */
import { mark, type SetName } from './elements.ts';

export interface TableFacts {
  readonly table: string;
  readonly podCidr: string;
}

export type ElementMaps = ReadonlyMap<SetName, ReadonlyMap<string, string>>;

/** Elements in one command; the parser of nft is slow with very long lines. */
const elementsMax = 2_000;
/** Clients remembered for affinity, all Services together: 100 bytes each. */
const affinityMax = 262_144;

const hex = (value: number): string => `0x${value.toString(16)}`;
const pool = `ct mark & ${hex(mark.pool)}`;
const ports = '{ tcp, udp, sctp }';
const has = (bit: number): string => `ct mark & ${hex(bit)} == ${hex(bit)}`;

/** Everything, in one transaction that replaces the old table. */
export function wholeTable(
  { table, podCidr }: TableFacts,
  elements: ElementMaps,
  chains: { readonly sizes: Iterable<number>; readonly affinities: Iterable<number> },
): string {
  return [
    `add table ip ${table}`,
    `delete table ip ${table}`,
    `table ip ${table} {`,
    '  map entries { type ipv4_addr . inet_proto . inet_service : mark; }',
    '  map node-ports { type inet_proto . inet_service : mark; }',
    '  map pools { type mark : verdict; }',
    '  map refused { type mark : verdict; }',
    '  map endpoints { type mark . mark : ipv4_addr . inet_service; }',
    '  map sizes { type mark : verdict; }',
    '  map sticky-ids { type mark . mark : mark; }',
    '  map sticky { type mark . mark : ipv4_addr . inet_service; }',
    `  map affinity { type mark . ipv4_addr : mark; flags dynamic,timeout; timeout 24h; size ${affinityMax}; }`,
    '  set cluster-ips { type ipv4_addr; }',
    '  set hairpin { type ipv4_addr . ipv4_addr; }',
    '  set firewalled { type ipv4_addr . inet_proto . inet_service; }',
    '  set allowed { type ipv4_addr . inet_proto . inet_service . ipv4_addr; flags interval; }',
    // A place at 0 stands for "none": marks of new connections begin with it.
    '  chain enter {',
    '    ct mark set ip daddr . ip protocol . th dport map @entries',
    '    ct mark 0 ip daddr != 127.0.0.0/8 fib daddr type local ct mark set ip protocol . th dport map @node-ports',
    `    ct mark 0 ip daddr @cluster-ips ip protocol ${ports} reject`,
    '    ip daddr . ip protocol . th dport @firewalled ip daddr . ip protocol . th dport . ip saddr != @allowed drop',
    '  }',
    '  chain rejecting { reject; }',
    '  chain dropping { drop; }',
    '  chain enter-prerouting {',
    '    type filter hook prerouting priority -110; policy accept;',
    '    ct state != new accept',
    '    jump enter',
    `    ${has(mark.masqueradeForeign)} ip saddr != ${podCidr} ct mark set ct mark | ${hex(mark.masquerade)}`,
    `    ${has(mark.localForForeign)} ip saddr ${podCidr} ct mark set ct mark & 0xfffffffe`,
    `    ${pool} vmap @refused`,
    '  }',
    '  chain enter-output {',
    '    type filter hook output priority -110; policy accept;',
    '    ct state != new accept',
    '    jump enter',
    `    ${has(mark.localForForeign)} ct mark set ct mark & 0xfffffffe ct mark set ct mark | ${hex(mark.masquerade)}`,
    `    ${pool} vmap @refused`,
    '  }',
    '  chain translate-prerouting {',
    '    type nat hook prerouting priority -100; policy accept;',
    `    ${pool} vmap @pools`,
    '  }',
    '  chain translate-output {',
    '    type nat hook output priority -100; policy accept;',
    `    ${pool} vmap @pools`,
    '  }',
    '  chain translate-postrouting {',
    '    type nat hook postrouting priority 100; policy accept;',
    `    ${has(mark.masquerade)} masquerade fully-random`,
    '    ct status dnat ip saddr . ip daddr @hairpin masquerade fully-random',
    '  }',
    '  chain pick {',
    `    meta l4proto ${ports} dnat to ${pool} . meta mark map @endpoints`,
    '  }',
    '}',
    ...[...chains.sizes].flatMap((size) => sizeChains(table, size)),
    ...[...chains.affinities].flatMap((seconds) => affinityChain(table, seconds)),
    ...[...elements].flatMap(([set, members]) => addElements(table, set, members)),
    '',
  ].join('\n');
}

/** Draws one of `size` endpoints. Adding chains that stand already is no change, as long as their rules are not added again. */
export function sizeChains(table: string, size: number): readonly string[] {
  return [
    `add chain ip ${table} draw-${size}`,
    `add rule ip ${table} draw-${size} meta mark set numgen random mod ${size}`,
    `add chain ip ${table} pick-${size}`,
    `add rule ip ${table} pick-${size} jump draw-${size}`,
    `add rule ip ${table} pick-${size} goto pick`,
  ];
}

/**
 * A client that was here before gets its endpoint, if that still stands; otherwise one is drawn and remembered. Every new connection
 * begins the time anew.
 */
export function affinityChain(table: string, seconds: number): readonly string[] {
  const chain = `affinity-${seconds}`;
  const remember = `update @affinity { ${pool} . ip saddr timeout ${seconds}s : meta mark }`;
  const translate = `dnat to ${pool} . meta mark map @sticky`;
  return [
    `add chain ip ${table} ${chain}`,
    `add rule ip ${table} ${chain} meta l4proto ${ports} meta mark set ${pool} . ip saddr map @affinity ${remember} ${translate}`,
    // An update of what is there renews its time only: what leads to an endpoint that is gone must go first.
    `add rule ip ${table} ${chain} delete @affinity { ${pool} . ip saddr : meta mark }`,
    `add rule ip ${table} ${chain} ${pool} vmap @sizes`,
    `add rule ip ${table} ${chain} meta mark set ${pool} . meta mark map @sticky-ids`,
    `add rule ip ${table} ${chain} meta l4proto ${ports} ${remember} ${translate}`,
  ];
}

export function addElements(
  table: string,
  set: SetName,
  members: Iterable<readonly [string, string]>,
): readonly string[] {
  const texts = [...members].map(([key, value]) => (value === '' ? key : `${key} : ${value}`));
  return inChunks(texts).map((chunk) => `add element ip ${table} ${set} { ${chunk.join(', ')} }`);
}

export function deleteElements(table: string, set: SetName, keys: Iterable<string>): readonly string[] {
  return inChunks([...keys]).map((chunk) => `delete element ip ${table} ${set} { ${chunk.join(', ')} }`);
}

function inChunks(all: readonly string[]): readonly (readonly string[])[] {
  const chunks: (readonly string[])[] = [];
  for (let at = 0; at < all.length; at += elementsMax) chunks.push(all.slice(at, at + elementsMax));
  return chunks;
}
