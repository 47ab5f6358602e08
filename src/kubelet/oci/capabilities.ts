/**
 * Linux capabilities of a container: containerd's default set, what the pod adds and drops, cut down to what this process
 * may give at all (inside a container or a locked-down machine that is less than everything).
 */
import type { ContainerSecurity } from '../container-runtime.ts';

/** In the kernel's order: the index is the capability's number. */
export const capabilityNames: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
];

const defaults: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
  'SETFCAP',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'KILL',
  'AUDIT_WRITE',
];

/** The set in a line like `CapEff:\t000001fffeffffff` of /proc/self/status. */
export function capabilitiesOf(status: string, field: 'CapEff' | 'CapBnd'): ReadonlySet<string> {
  const mask = BigInt(`0x${new RegExp(`^${field}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`);
  return new Set(capabilityNames.filter((_, bit) => (mask >> BigInt(bit)) & 1n));
}

/** `CAP_…` names for the container, and what was asked for but cannot be given. Throws for names the kernel does not know. */
export function containerCapabilities(
  security: ContainerSecurity,
  available: ReadonlySet<string>,
): { readonly granted: readonly string[]; readonly refused: readonly string[] } {
  if (security.privileged)
    return { granted: capabilityNames.filter((name) => available.has(name)).map(prefixed), refused: [] };
  const add = security.addCapabilities.map(normalized);
  const drop = security.dropCapabilities.map(normalized);
  const set = new Set(add.includes('ALL') ? capabilityNames : drop.includes('ALL') ? [] : defaults);
  for (const name of drop) set.delete(name);
  for (const name of add) if (name !== 'ALL') set.add(name);
  const wanted = capabilityNames.filter((name) => set.has(name));
  // "ALL" means all there are; a capability asked for by name that is missing deserves a word in the log.
  const refused = add.filter((name) => name !== 'ALL' && !available.has(name));
  return { granted: wanted.filter((name) => available.has(name)).map(prefixed), refused };
}

function normalized(name: string): string {
  const bare = name.toUpperCase().replace(/^CAP_/, '');
  if (bare !== 'ALL' && !capabilityNames.includes(bare)) throw new RangeError(`unknown capability "CAP_${bare}"`);
  return bare;
}

function prefixed(name: string): string {
  return `CAP_${name}`;
}
