/**
 * IP addresses and CIDR ranges as fields hold them, with upstream's strict rules (no leading zeros, no IPv4-mapped IPv6) and words.
 * Only texts are judged here; arithmetic on addresses is elsewhere.
 */

const none: readonly string[] = Object.freeze([]);

interface Parsed {
  readonly family: 4 | 6;
  /** Sixteen-bit groups for IPv6, octets for IPv4. */
  readonly groups: readonly number[];
  readonly leadingZeros: boolean;
  readonly mapped: boolean;
}

function parseV4(text: string): { octets: number[]; leadingZeros: boolean } | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const octets: number[] = [];
  let leadingZeros = false;
  for (const part of parts) {
    if (!/^[0-9]{1,8}$/.test(part)) return undefined;
    const octet = Number(part);
    if (octet > 255) return undefined;
    if (part.length > 1 && part.startsWith('0')) leadingZeros = true;
    octets.push(octet);
  }
  return { octets, leadingZeros };
}

function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  for (const part of text.split(':')) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
    groups.push(Number.parseInt(part, 16));
  }
  return groups;
}

function parse(text: string): Parsed | undefined {
  if (text.length > 64) return undefined;
  if (!text.includes(':')) {
    const v4 = parseV4(text);
    return v4 && { family: 4, groups: v4.octets, leadingZeros: v4.leadingZeros, mapped: false };
  }
  let rest = text;
  let tail: number[] = [];
  let leadingZeros = false;
  const colon = rest.lastIndexOf(':');
  if (rest.includes('.')) {
    const v4 = parseV4(rest.slice(colon + 1));
    if (v4 === undefined) return undefined;
    const [a = 0, b = 0, c = 0, d = 0] = v4.octets;
    tail = [a * 256 + b, c * 256 + d];
    leadingZeros = v4.leadingZeros;
    // Keep "::" whole when the IPv4 part follows it directly.
    rest = rest.slice(0, colon);
    if (rest.endsWith(':')) rest += ':';
    if (rest === '') return undefined;
  }
  const halves = rest.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? '');
  const end = halves.length === 2 ? parseGroups(halves[1] ?? '') : [];
  if (head === undefined || end === undefined) return undefined;
  const known = head.length + end.length + tail.length;
  if (halves.length === 1 ? known !== 8 : known > 7) return undefined;
  const groups = [...head, ...Array.from({ length: 8 - known }, () => 0), ...end, ...tail];
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  return { family: 6, groups, leadingZeros, mapped };
}

function canonical(parsed: Parsed): string {
  if (parsed.family === 4) return parsed.groups.join('.');
  if (parsed.mapped) {
    const [a = 0, b = 0] = parsed.groups.slice(6);
    return [a >> 8, a & 255, b >> 8, b & 255].join('.');
  }
  let best = { from: -1, length: 1 };
  for (let from = 0; from < 8; from++) {
    let length = 0;
    while (from + length < 8 && parsed.groups[from + length] === 0) length++;
    if (length > best.length) best = { from, length };
  }
  const hex = parsed.groups.map((group) => group.toString(16));
  if (best.from === -1) return hex.join(':');
  return `${hex.slice(0, best.from).join(':')}::${hex.slice(best.from + best.length).join(':')}`;
}

/** 4 or 6 for an address in strict form, undefined for anything else. */
export function ipFamily(text: string): 4 | 6 | undefined {
  const parsed = parse(text);
  return parsed === undefined || parsed.leadingZeros || parsed.mapped ? undefined : parsed.family;
}

/** The address in its one canonical spelling (RFC 5952), undefined when it is none. */
export function canonicalIp(text: string): string | undefined {
  const parsed = parse(text);
  return parsed && canonical(parsed);
}

/** What is wrong with an address. `canonicalOnly`: newer fields also insist on the canonical spelling. */
export function ipAddress(text: string, options: { canonicalOnly?: boolean } = {}): readonly string[] {
  const parsed = parse(text);
  if (parsed === undefined) return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];
  if (parsed.leadingZeros) return ['must not have leading 0s'];
  if (parsed.mapped) return ['must not be an IPv4-mapped IPv6 address'];
  if (options.canonicalOnly && canonical(parsed) !== text)
    return [`must be in canonical form ("${canonical(parsed)}")`];
  return none;
}

/** What is odd about an address that older fields take nevertheless. */
export function ipWarnings(text: string): readonly string[] {
  const parsed = parse(text);
  if (parsed === undefined) return none;
  const spelled = canonical(parsed);
  if (parsed.leadingZeros || parsed.mapped) return [`non-standard IP address "${text}" is invalid: use "${spelled}"`];
  return parsed.family === 6 && spelled !== text
    ? [`IPv6 address "${text}" should be in RFC 5952 canonical format ("${spelled}")`]
    : none;
}

interface Range {
  readonly address: Parsed;
  readonly length: number;
  readonly leadingZeros: boolean;
}

function parseRange(text: string): Range | undefined {
  const slash = text.indexOf('/');
  const address = slash === -1 ? undefined : parse(text.slice(0, slash));
  const lengthText = text.slice(slash + 1);
  const length = /^[0-9]{1,3}$/.test(lengthText) ? Number(lengthText) : Number.NaN;
  if (address === undefined || !(length <= (address.family === 4 ? 32 : 128))) return undefined;
  const leadingZeros = address.leadingZeros || (lengthText.length > 1 && lengthText.startsWith('0'));
  return { address, length, leadingZeros };
}

/** The address without the bits beyond the length. */
function masked({ address, length }: Range): Parsed {
  const width = address.family === 4 ? 8 : 16;
  const groups = address.groups.map((group, index) => {
    const kept = Math.max(0, Math.min(width, length - index * width));
    return group & ~((1 << (width - kept)) - 1);
  });
  return { ...address, groups };
}

/** What is wrong with a range such as 10.0.0.0/24. */
export function cidrRange(text: string, options: { canonicalOnly?: boolean } = {}): readonly string[] {
  const range = parseRange(text);
  if (range === undefined) return ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'];
  if (range.leadingZeros) return ['must not have leading 0s in IP or prefix length'];
  if (range.address.mapped) return ['must not have an IPv4-mapped IPv6 address'];
  const spelled = canonical(range.address);
  if (canonical(masked(range)) !== spelled) return ['must not have bits set beyond the prefix length'];
  if (options.canonicalOnly && `${spelled}/${range.length}` !== text)
    return [`must be in canonical form ("${spelled}/${range.length}")`];
  return none;
}

/** What is odd about a range that older fields take nevertheless. */
export function cidrWarnings(text: string): readonly string[] {
  const range = parseRange(text);
  if (range === undefined) return none;
  const { address, leadingZeros } = range;
  // A mapped range is shown as the IPv4 range that it is.
  const [length, width] = address.mapped ? [range.length - 96, 32] : [range.length, address.family === 4 ? 32 : 128];
  const [spelled, network] = [canonical(address), `${canonical(masked(range))}/${length}`];
  const warnings: string[] = [];
  if (`${spelled}/${length}` !== network)
    warnings.push(
      `CIDR value "${text}" is ambiguous in this context (should be "${network}" or "${spelled}/${width}"?)`,
    );
  if (leadingZeros || address.mapped) warnings.push(`non-standard CIDR value "${text}" is invalid: use "${network}"`);
  if (warnings.length === 0 && address.family === 6 && network !== text)
    warnings.push(`IPv6 CIDR value "${text}" should be in RFC 5952 canonical format ("${network}")`);
  return warnings;
}
