/**
 * IP addresses and prefixes as values, parsed as strictly as Go's net/netip does: no leading zeros (010 is octal elsewhere),
 * no missing parts, no zones. An address is a family and a number; never compare the texts people wrote.
 */

export interface Ip {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** `address` may have host bits, as written; `network(cidr)` clears them. */
export interface Cidr {
  readonly address: Ip;
  readonly bits: number;
}

/** The address, or undefined when the text is not exactly one. */
export function parseIp(text: string): Ip | undefined {
  if (text.length > 45) return undefined;
  const value = text.includes(':') ? parse6(text) : parse4(text);
  if (value === undefined) return undefined;
  return { family: text.includes(':') ? 6 : 4, value };
}

/** RFC 5952 for IPv6, as Go prints it: `::ffff:1.2.3.4` for mapped addresses. */
export function formatIp(ip: Ip): string {
  return ip.family === 4 ? format4(ip.value) : format6(ip.value);
}

export function parseCidr(text: string): Cidr | undefined {
  const slash = text.lastIndexOf('/');
  if (slash < 0) return undefined;
  const address = parseIp(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (!address || !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const bits = Number(length);
  return bits <= width(address.family) ? { address, bits } : undefined;
}

const special: readonly Cidr[] = [
  '0.0.0.0/32',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '255.255.255.255/32',
  '::/128',
  '::1/128',
  'fe80::/10',
  'ff00::/8',
].map((text) => parseCidr(text) as Cidr);

/** True for an address of one host that is not this host's alone: neither unspecified, loopback, link-local nor multicast. */
export function isGlobalUnicast(ip: Ip): boolean {
  // ::ffff:127.0.0.1 is loopback too.
  const plain: Ip = ip.family === 6 && ip.value >> 32n === 0xffffn ? { family: 4, value: ip.value & 0xffffffffn } : ip;
  return !special.some((cidr) => contains(cidr, plain));
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIp(cidr.address)}/${cidr.bits}`;
}

/** The prefix with its host bits cleared: what upstream calls masked. */
export function network(cidr: Cidr): Cidr {
  const { family, value } = cidr.address;
  const host = BigInt(width(family) - cidr.bits);
  return { address: { family, value: (value >> host) << host }, bits: cidr.bits };
}

export function contains(cidr: Cidr, ip: Ip): boolean {
  if (cidr.address.family !== ip.family) return false;
  const host = BigInt(width(ip.family) - cidr.bits);
  return cidr.address.value >> host === ip.value >> host;
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.bits <= b.bits ? contains(a, b.address) : contains(b, a.address);
}

/** How many addresses the prefix holds, network and broadcast address included. */
export function addressCount(cidr: Cidr): bigint {
  return 1n << BigInt(width(cidr.address.family) - cidr.bits);
}

/** The address `offset` places after the prefix' first; undefined outside the prefix. Negative counts from its end. */
export function addressAt(cidr: Cidr, offset: bigint | number): Ip | undefined {
  const count = addressCount(cidr);
  const at = BigInt(offset) < 0n ? count + BigInt(offset) : BigInt(offset);
  if (at < 0n || at >= count) return undefined;
  const { family, value } = network(cidr).address;
  return { family, value: value + at };
}

/** How far the address is from the prefix' first; undefined outside. */
export function offsetOf(cidr: Cidr, ip: Ip): bigint | undefined {
  return contains(cidr, ip) ? ip.value - network(cidr).address.value : undefined;
}

/** The prefix' subnets of the given length, in order: the pod ranges of nodes. Empty when `bits` is shorter than the prefix. */
export function* subnets(cidr: Cidr, bits: number): IterableIterator<Cidr> {
  const { family, value } = network(cidr).address;
  if (bits < cidr.bits || bits > width(family)) return;
  const step = 1n << BigInt(width(family) - bits);
  const end = value + addressCount(cidr);
  for (let at = value; at < end; at += step) yield { address: { family, value: at }, bits };
}

function width(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

function parse4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return BigInt(value);
}

function parse6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0] as string, halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1] as string, true) : [];
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  // `::` stands for at least one group.
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  let value = 0n;
  for (const group of [...head, ...Array<number>(missing).fill(0), ...tail]) value = (value << 16n) | BigInt(group);
  return value;
}

/** The 16-bit groups of one side of `::`; an IPv4 address may stand at the very end. */
function groups(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const found: number[] = [];
  for (const [at, part] of parts.entries()) {
    if (last && at === parts.length - 1 && part.includes('.')) {
      const embedded = parse4(part);
      if (embedded === undefined) return undefined;
      found.push(Number(embedded >> 16n), Number(embedded & 0xffffn));
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      found.push(Number.parseInt(part, 16));
    }
  }
  return found;
}

function format4(value: bigint): string {
  const n = Number(value);
  return `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
}

function format6(value: bigint): string {
  if (value >> 32n === 0xffffn) return `::ffff:${format4(value & 0xffffffffn)}`;
  const parts: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) parts.push(Number((value >> shift) & 0xffffn));
  // The longest run of zero groups, at least two, the first of equals.
  let from = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && parts[end] === 0) end++;
    if (end - i > length) [from, length] = [i, end - i];
    if (end > i) i = end;
  }
  const hex = parts.map((part) => part.toString(16));
  return from < 0 ? hex.join(':') : `${hex.slice(0, from).join(':')}::${hex.slice(from + length).join(':')}`;
}
