/**
 * The Pod Security Standards: what the levels baseline and restricted forbid, each control as one check with the versions of the standards it changed in. Wording is
 * upstream's, because clients and tests read it. Pure. https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
import type { Pod } from '#api/core/pod.ts';
import { goQuote } from '#base/go-quote.ts';

export interface CheckedPod {
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: Pod['spec'];
}

/** What is forbidden, in short, and where it stands. */
export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

/** `minor` is that of the standards' version: 25 for v1.25. */
type Rule = (pod: CheckedPod, minor: number) => Violation | undefined;

export interface Check {
  readonly id: string;
  /** The first version that has it. */
  readonly since: number;
  /** A check of baseline that this one stands for under restricted. */
  readonly instead?: string;
  readonly rule: Rule;
}

/** The newest version that a check changed in: what `latest` means. */
export const newestMinor = 37;

type Container = Pod['spec']['containers'][number];
type SecurityContext = NonNullable<Container['securityContext']>;

const containersOf = ({ spec }: CheckedPod): readonly Container[] => [
  ...((spec.initContainers ?? []) as readonly Container[]),
  ...spec.containers,
  ...((spec.ephemeralContainers ?? []) as readonly unknown[] as readonly Container[]),
];

const quote = (items: readonly string[]): string => (items.length === 0 ? '' : `"${items.join('", "')}"`);
const plural = (count: number, word: string, words = `${word}s`): string => (count === 1 ? word : words);
const sorted = (items: Iterable<string>): string[] => [...new Set(items)].sort();
const named = (names: readonly string[]): string => `${plural(names.length, 'container')} ${quote(names)}`;

/** Names of the containers whose security context is as asked. */
const where = (pod: CheckedPod, holds: (context: SecurityContext | undefined) => boolean): string[] =>
  containersOf(pod)
    .filter(({ securityContext }) => holds(securityContext as SecurityContext | undefined))
    .map(({ name }) => name);

/** `pod and containers "a", "b"`; undefined when nobody. */
function setters(isPod: boolean, containers: readonly string[]): string | undefined {
  const who = [...(isPod ? ['pod'] : []), ...(containers.length > 0 ? [named(containers)] : [])];
  return who.length === 0 ? undefined : who.join(' and ');
}

const hasUserNamespace = ({ spec }: CheckedPod): boolean => spec.hostUsers === false;
const isWindows = ({ spec }: CheckedPod): boolean => spec.os?.name === 'windows';

// --- Baseline -------------------------------------------------------------------------------------------------------------------------

const appArmorAnnotation = 'container.apparmor.security.beta.kubernetes.io/';
const goodProfiles = new Set(['RuntimeDefault', 'Localhost']);

function appArmorProfile(pod: CheckedPod): Violation | undefined {
  const bad = (type: string | undefined): boolean => type !== undefined && !goodProfiles.has(type);
  const ofPod = pod.spec.securityContext?.appArmorProfile?.type;
  const values = sorted(
    [ofPod, ...containersOf(pod).map(({ securityContext }) => securityContext?.appArmorProfile?.type)].filter(
      (type): type is NonNullable<typeof ofPod> => bad(type),
    ),
  );
  const annotations = Object.entries(pod.annotations)
    .filter(([key, value]) => key.startsWith(appArmorAnnotation) && !/^($|runtime\/default$|localhost\/)/.test(value))
    .map(([key, value]) => `${key}=${goQuote(value)}`)
    .sort();
  const who = setters(
    bad(ofPod),
    where(pod, (context) => bad(context?.appArmorProfile?.type)),
  );
  const all = [
    ...(who === undefined ? [] : [who]),
    ...(annotations.length > 0 ? [plural(annotations.length, 'annotation')] : []),
  ];
  if (all.length === 0) return undefined;
  const found = [...values, ...annotations];
  return {
    reason: plural(found.length, 'forbidden AppArmor profile'),
    detail: `${all.join(' and ')} must not set AppArmor profile type to ${quote(found)}`,
  };
}

const defaultCapabilities = new Set(
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'.split(
    ' ',
  ),
);

/** Containers that add other capabilities than these, and which. */
function additions(pod: CheckedPod, allowed: ReadonlySet<string>): string | undefined {
  const forbidden = (context: SecurityContext | undefined): string[] =>
    (context?.capabilities?.add ?? []).filter((name) => !allowed.has(name));
  const names = where(pod, (context) => forbidden(context).length > 0);
  if (names.length === 0) return undefined;
  const found = sorted(
    containersOf(pod).flatMap(({ securityContext }) => forbidden(securityContext as SecurityContext)),
  );
  return `${named(names)} must not include ${quote(found)} in securityContext.capabilities.add`;
}

function capabilitiesBaseline(pod: CheckedPod): Violation | undefined {
  const detail = additions(pod, defaultCapabilities);
  return detail === undefined ? undefined : { reason: 'non-default capabilities', detail };
}

function hostNamespaces({ spec }: CheckedPod): Violation | undefined {
  const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const)
    .filter((field) => spec[field])
    .map((field) => `${field}=true`);
  return shared.length === 0 ? undefined : { reason: 'host namespaces', detail: shared.join(', ') };
}

function hostPathVolumes({ spec }: CheckedPod): Violation | undefined {
  const names = (spec.volumes ?? []).filter(({ hostPath }) => hostPath).map(({ name }) => name);
  return names.length === 0
    ? undefined
    : { reason: 'hostPath volumes', detail: `${plural(names.length, 'volume')} ${quote(names)}` };
}

function hostPorts(pod: CheckedPod): Violation | undefined {
  const portsOf = ({ ports = [] }: Container): string[] =>
    ports.flatMap(({ hostPort }) => (hostPort ? [String(hostPort)] : []));
  const names = containersOf(pod)
    .filter((one) => portsOf(one).length > 0)
    .map(({ name }) => name);
  if (names.length === 0) return undefined;
  const ports = sorted(containersOf(pod).flatMap(portsOf));
  const detail = `${named(names)} ${plural(names.length, 'uses', 'use')} ${plural(ports.length, 'hostPort')} ${ports.join(', ')}`;
  return { reason: 'hostPort', detail };
}

interface Handler {
  readonly httpGet?: { readonly host?: string };
  readonly tcpSocket?: { readonly host?: string };
}

function hostProbes(pod: CheckedPod): Violation | undefined {
  const hostsOf = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: Container): string[] =>
    [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop]
      .map((handler) => handler as Handler | undefined)
      .flatMap((handler) => [handler?.httpGet?.host, handler?.tcpSocket?.host])
      .filter((host): host is string => Boolean(host));
  const names = sorted(
    containersOf(pod)
      .filter((one) => hostsOf(one).length > 0)
      .map(({ name }) => name),
  );
  if (names.length === 0) return undefined;
  const hosts = sorted(containersOf(pod).flatMap(hostsOf));
  const what = plural(hosts.length, 'probe or lifecycle host');
  const detail = `${named(names)} ${plural(names.length, 'uses', 'use')} ${what} ${quote(hosts)}`;
  return { reason: 'probe or lifecycle host', detail };
}

function privileged(pod: CheckedPod): Violation | undefined {
  const names = where(pod, (context) => context?.privileged === true);
  return names.length === 0
    ? undefined
    : { reason: 'privileged', detail: `${named(names)} must not set securityContext.privileged=true` };
}

function procMount(pod: CheckedPod): Violation | undefined {
  const bad = (context: SecurityContext | undefined): boolean =>
    context?.procMount !== undefined && context.procMount !== 'Default';
  const names = where(pod, bad);
  if (names.length === 0) return undefined;
  const kinds = sorted(
    containersOf(pod).flatMap(({ securityContext }) =>
      bad(securityContext as SecurityContext) ? [String(securityContext?.procMount)] : [],
    ),
  );
  return { reason: 'procMount', detail: `${named(names)} must not set securityContext.procMount to ${quote(kinds)}` };
}

const seccompOfPod = 'seccomp.security.alpha.kubernetes.io/pod';
const seccompOfContainer = 'container.seccomp.security.alpha.kubernetes.io/';

function seccompAnnotations(pod: CheckedPod): Violation | undefined {
  const keys = [seccompOfPod, ...containersOf(pod).map(({ name }) => seccompOfContainer + name)];
  const found = sorted(
    keys.flatMap((key) => {
      const value = pod.annotations[key];
      return value === undefined || /^(runtime\/default$|docker\/default$|localhost\/)/.test(value)
        ? []
        : [`${key}=${goQuote(value)}`];
    }),
  );
  if (found.length === 0) return undefined;
  return { reason: 'seccompProfile', detail: `forbidden ${plural(found.length, 'annotation')} ${found.join(', ')}` };
}

/** Who sets a profile that is not allowed. */
function seccompSet(pod: CheckedPod): Violation | undefined {
  const bad = (type: string | undefined): boolean => type !== undefined && !goodProfiles.has(type);
  const ofPod = pod.spec.securityContext?.seccompProfile?.type;
  const who = setters(
    bad(ofPod),
    where(pod, (context) => bad(context?.seccompProfile?.type)),
  );
  if (who === undefined) return undefined;
  const types = [ofPod, ...containersOf(pod).map(({ securityContext }) => securityContext?.seccompProfile?.type)];
  const values = sorted(types.filter((type): type is NonNullable<typeof ofPod> => bad(type)));
  return {
    reason: 'seccompProfile',
    detail: `${who} must not set securityContext.seccompProfile.type to ${quote(values)}`,
  };
}

const linuxTypes = ['', 'container_t', 'container_init_t', 'container_kvm_t'];

function seLinuxOptions(pod: CheckedPod, minor: number): Violation | undefined {
  const allowed = new Set(minor >= 31 ? [...linuxTypes, 'container_engine_t'] : linuxTypes);
  type Options = NonNullable<SecurityContext['seLinuxOptions']>;
  const bad = (options: Options | undefined): boolean =>
    options !== undefined && (!allowed.has(options.type ?? '') || Boolean(options.user) || Boolean(options.role));
  const ofPod = pod.spec.securityContext?.seLinuxOptions as Options | undefined;
  const who = setters(
    bad(ofPod),
    where(pod, (context) => bad(context?.seLinuxOptions)),
  );
  if (who === undefined) return undefined;
  const all = [
    ofPod,
    ...containersOf(pod).map(({ securityContext }) => securityContext?.seLinuxOptions as Options | undefined),
  ];
  const types = sorted(all.flatMap((one) => (one && !allowed.has(one.type ?? '') ? [one.type ?? ''] : [])));
  const what = [
    ...(types.length > 0 ? [`${plural(types.length, 'type')} ${quote(types)}`] : []),
    ...(all.some((one) => one?.user) ? ['user may not be set'] : []),
    ...(all.some((one) => one?.role) ? ['role may not be set'] : []),
  ];
  return {
    reason: 'seLinuxOptions',
    detail: `${who} set forbidden securityContext.seLinuxOptions: ${what.join('; ')}`,
  };
}

/** Safe sysctls by the version that first allowed them. */
const safeSysctls: Readonly<Record<string, number>> = {
  'kernel.shm_rmid_forced': 0,
  'net.ipv4.ip_local_port_range': 0,
  'net.ipv4.tcp_syncookies': 0,
  'net.ipv4.ping_group_range': 0,
  'net.ipv4.ip_unprivileged_port_start': 0,
  'net.ipv4.ip_local_reserved_ports': 27,
  'net.ipv4.tcp_keepalive_time': 29,
  'net.ipv4.tcp_fin_timeout': 29,
  'net.ipv4.tcp_keepalive_intvl': 29,
  'net.ipv4.tcp_keepalive_probes': 29,
  'net.ipv4.tcp_rmem': 32,
  'net.ipv4.tcp_wmem': 32,
  'net.ipv4.tcp_slow_start_after_idle': 37,
  'net.ipv4.tcp_notsent_lowat': 37,
};

function sysctls({ spec }: CheckedPod, minor: number): Violation | undefined {
  const names = (spec.securityContext?.sysctls ?? [])
    .map(({ name }) => name)
    .filter((name) => !Object.hasOwn(safeSysctls, name) || (safeSysctls[name] ?? 0) > minor);
  return names.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: names.join(', ') };
}

function windowsHostProcess(pod: CheckedPod): Violation | undefined {
  const who = setters(
    pod.spec.securityContext?.windowsOptions?.hostProcess === true,
    where(pod, (context) => context?.windowsOptions?.hostProcess === true),
  );
  if (who === undefined) return undefined;
  return { reason: 'hostProcess', detail: `${who} must not set securityContext.windowsOptions.hostProcess=true` };
}

/** In the order of their names, which is that of upstream's answers. */
export const baseline: readonly Check[] = [
  { id: 'appArmorProfile', since: 0, rule: appArmorProfile },
  { id: 'capabilities_baseline', since: 0, rule: capabilitiesBaseline },
  { id: 'hostNamespaces', since: 0, rule: hostNamespaces },
  { id: 'hostPathVolumes', since: 0, rule: hostPathVolumes },
  { id: 'hostPorts', since: 0, rule: hostPorts },
  { id: 'hostProbesAndHostLifecycle', since: 34, rule: hostProbes },
  { id: 'privileged', since: 0, rule: privileged },
  {
    id: 'procMount',
    since: 0,
    rule: (pod, minor) => (minor >= 35 && hasUserNamespace(pod) ? undefined : procMount(pod)),
  },
  { id: 'seLinuxOptions', since: 0, rule: seLinuxOptions },
  {
    id: 'seccompProfile_baseline',
    since: 0,
    rule: (pod, minor) => (minor >= 19 ? seccompSet(pod) : seccompAnnotations(pod)),
  },
  { id: 'sysctls', since: 0, rule: sysctls },
  { id: 'windowsHostProcess', since: 0, rule: windowsHostProcess },
];

// --- Restricted -----------------------------------------------------------------------------------------------------------------------

function allowPrivilegeEscalation(pod: CheckedPod): Violation | undefined {
  const names = where(pod, (context) => context?.allowPrivilegeEscalation !== false);
  if (names.length === 0) return undefined;
  const detail = `${named(names)} must set securityContext.allowPrivilegeEscalation=false`;
  return { reason: 'allowPrivilegeEscalation != false', detail };
}

function capabilitiesRestricted(pod: CheckedPod): Violation | undefined {
  const keeping = where(pod, (context) => !context?.capabilities?.drop?.includes('ALL'));
  const adding = additions(pod, new Set(['NET_BIND_SERVICE']));
  const details = [
    ...(keeping.length > 0 ? [`${named(keeping)} must set securityContext.capabilities.drop=["ALL"]`] : []),
    ...(adding === undefined ? [] : [adding]),
  ];
  return details.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: details.join('; ') };
}

const goodVolumes = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

function restrictedVolumes({ spec }: CheckedPod): Violation | undefined {
  const kindOf = (volume: object): string => Object.keys(volume).find((field) => field !== 'name') ?? 'unknown';
  const bad = (spec.volumes ?? []).filter((volume) => !goodVolumes.includes(kindOf(volume)));
  if (bad.length === 0) return undefined;
  const kinds = sorted(bad.map(kindOf));
  const names = bad.map(({ name }) => name);
  const what = plural(kinds.length, 'restricted volume type');
  const detail = `${plural(names.length, 'volume')} ${quote(names)} ${plural(names.length, 'uses', 'use')} ${what} ${quote(kinds)}`;
  return { reason: 'restricted volume types', detail };
}

function runAsNonRoot(pod: CheckedPod): Violation | undefined {
  const reason = 'runAsNonRoot != true';
  const ofPod = pod.spec.securityContext?.runAsNonRoot;
  const who = setters(
    ofPod === false,
    where(pod, (context) => context?.runAsNonRoot === false),
  );
  if (who !== undefined) return { reason, detail: `${who} must not set securityContext.runAsNonRoot=false` };
  if (ofPod === true) return undefined;
  const silent = where(pod, (context) => context?.runAsNonRoot === undefined);
  if (silent.length === 0) return undefined;
  return { reason, detail: `pod or ${named(silent)} must set securityContext.runAsNonRoot=true` };
}

function runAsUser(pod: CheckedPod): Violation | undefined {
  const who = setters(
    pod.spec.securityContext?.runAsUser === 0,
    where(pod, (context) => context?.runAsUser === 0),
  );
  return who === undefined ? undefined : { reason: 'runAsUser=0', detail: `${who} must not set runAsUser=0` };
}

function seccompRestricted(pod: CheckedPod): Violation | undefined {
  const set = seccompSet(pod);
  if (set !== undefined || pod.spec.securityContext?.seccompProfile !== undefined) return set;
  const silent = where(pod, (context) => context?.seccompProfile === undefined);
  if (silent.length === 0) return undefined;
  const detail = `pod or ${named(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`;
  return { reason: 'seccompProfile', detail };
}

/** From v1.25 on, what means nothing on Windows is not asked of its pods. */
const onLinux =
  (rule: (pod: CheckedPod) => Violation | undefined): Rule =>
  (pod, minor) =>
    minor >= 25 && isWindows(pod) ? undefined : rule(pod);

/** From v1.35 on, root in a user namespace of its own is nobody outside. */
const unlessMapped =
  (rule: (pod: CheckedPod) => Violation | undefined): Rule =>
  (pod, minor) =>
    minor >= 35 && hasUserNamespace(pod) ? undefined : rule(pod);

export const restricted: readonly Check[] = [
  { id: 'allowPrivilegeEscalation', since: 8, rule: onLinux(allowPrivilegeEscalation) },
  { id: 'capabilities_restricted', since: 22, instead: 'capabilities_baseline', rule: onLinux(capabilitiesRestricted) },
  { id: 'procMount_restricted', since: 35, instead: 'procMount', rule: procMount },
  { id: 'restrictedVolumes', since: 0, instead: 'hostPathVolumes', rule: restrictedVolumes },
  { id: 'runAsNonRoot', since: 0, rule: unlessMapped(runAsNonRoot) },
  { id: 'runAsUser', since: 23, rule: unlessMapped(runAsUser) },
  { id: 'seccompProfile_restricted', since: 19, instead: 'seccompProfile_baseline', rule: onLinux(seccompRestricted) },
];
