/** Rules of security contexts, of pods and of containers. Wording is upstream's. */
import { duplicate, forbiddenField, invalidValue, required, tooLong } from '#meta/causes.ts';
import { id, indexed, localDescendingPath, type Causes } from '../field-checks.ts';
import type { PodSpec } from './pod-spec.ts';
import type { AppArmorProfile, PodSecurityContext, SeccompProfile, SecurityContext } from './security-context.ts';
import { windowsOptionCauses } from './windows-validation.ts';

/** PATH_MAX - 1. */
const profileMax = 4095;

function* seccomp(path: string, profile: SeccompProfile | undefined): Causes {
  if (profile === undefined) return;
  if (profile.type === 'Localhost') {
    if (profile.localhostProfile === undefined)
      yield required(`${path}.localhostProfile`, 'must be set when seccomp type is Localhost');
    else yield* localDescendingPath(`${path}.localhostProfile`, profile.localhostProfile);
  } else if (profile.localhostProfile !== undefined) {
    // Upstream prints the profile as Go has it within.
    const shown = { Type: profile.type ?? '', LocalhostProfile: profile.localhostProfile };
    yield invalidValue(`${path}.localhostProfile`, shown, 'can only be set when seccomp type is Localhost');
  }
}

function* appArmor(path: string, profile: AppArmorProfile | undefined): Causes {
  if (profile === undefined) return;
  const at = `${path}.localhostProfile`;
  const name = profile.localhostProfile;
  if (profile.type !== 'Localhost') {
    if (name !== undefined) yield invalidValue(at, name, 'can only be set when AppArmor type is Localhost');
    return;
  }
  if (name === undefined || name === '') yield required(at, 'must be set when AppArmor type is Localhost');
  else if (name.trim() !== name) yield invalidValue(at, name, 'must not be padded with whitespace');
  if (name !== undefined && name.length > profileMax) yield tooLong(at, profileMax);
}

const sysctlPattern = '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$';
const sysctlSegment = /^[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?$/;
const sysctlMax = 253;

const isSysctl = (name: string): boolean =>
  name.length <= sysctlMax && name.split(/[./]/).every((segment) => sysctlSegment.test(segment));
const isIpcSysctl = (name: string): boolean => /^(?:kernel\.shm|kernel\.msg|kernel\.sem$|fs\.mqueue\.)/.test(name);

function* sysctls(path: string, context: PodSecurityContext, spec: PodSpec): Causes {
  const seen = new Set<string>();
  for (const [{ name }, at] of indexed(path, context.sysctls)) {
    if (!name) continue;
    const dotted = name.replaceAll('/', '.');
    if (!isSysctl(name))
      yield invalidValue(
        `${at}.name`,
        name,
        `must have at most ${sysctlMax} characters and match regex ${sysctlPattern}`,
      );
    else if (seen.has(name)) yield duplicate(`${at}.name`, name);
    if (spec.hostNetwork && dotted.startsWith('net.'))
      yield invalidValue(`${at}.name`, name, "may not be specified when 'hostNetwork' is true");
    else if (spec.hostIPC && isIpcSysctl(dotted))
      yield invalidValue(`${at}.name`, name, "may not be specified when 'hostIPC' is true");
    seen.add(name);
  }
}

/** The pod's security context, and the host namespaces that hang together with it. */
export function* podSecurityCauses(specPath: string, spec: PodSpec): Causes {
  const path = `${specPath}.securityContext`;
  const context = spec.securityContext;
  if (context !== undefined) {
    yield* id(`${path}.fsGroup`, context.fsGroup);
    yield* id(`${path}.runAsUser`, context.runAsUser);
    yield* id(`${path}.runAsGroup`, context.runAsGroup);
    for (const [group, at] of indexed(`${path}.supplementalGroups`, context.supplementalGroups)) yield* id(at, group);
    yield* sysctls(`${path}.sysctls`, context, spec);
    yield* seccomp(`${path}.seccompProfile`, context.seccompProfile);
    yield* windowsOptionCauses(`${path}.windowsOptions`, context.windowsOptions);
    yield* appArmor(`${path}.appArmorProfile`, context.appArmorProfile);
  }
  if (spec.shareProcessNamespace && spec.hostPID) {
    yield invalidValue(
      `${path}.shareProcessNamespace`,
      true,
      'ShareProcessNamespace and HostPID cannot both be enabled',
    );
  }
  if (spec.hostUsers === false) {
    const detail = 'when `hostUsers` is false';
    if (spec.hostNetwork) yield forbiddenField(`${specPath}.hostNetwork`, detail);
    if (spec.hostPID) yield forbiddenField(`${specPath}.hostPID`, detail);
    if (spec.hostIPC) yield forbiddenField(`${specPath}.hostIPC`, detail);
  }
  if (spec.os?.name === 'windows') yield* windowsPodCauses(specPath, spec);
  if (spec.os?.name === 'linux' && context?.windowsOptions !== undefined) {
    yield forbiddenField(`${path}.windowsOptions`, 'windows options cannot be set for a linux pod');
  }
}

const notForWindows = 'cannot be set for a windows pod';

/** What Linux has and Windows has not, for the pod; containers are asked one by one. */
function* windowsPodCauses(specPath: string, spec: PodSpec): Causes {
  const context = spec.securityContext;
  const path = `${specPath}.securityContext`;
  const ofContext = [
    'appArmorProfile',
    'seLinuxOptions',
    'seccompProfile',
    'fsGroup',
    'fsGroupChangePolicy',
    'sysctls',
    'runAsUser',
    'runAsGroup',
    'supplementalGroups',
    'supplementalGroupsPolicy',
  ] as const;
  for (const key of ofContext) if (context?.[key] !== undefined) yield forbiddenField(`${path}.${key}`, notForWindows);
  for (const key of ['hostPID', 'hostIPC', 'shareProcessNamespace'] as const)
    if (spec[key]) yield forbiddenField(`${specPath}.${key}`, notForWindows);
  if (spec.hostUsers !== undefined) yield forbiddenField(`${specPath}.hostUsers`, notForWindows);
}

const windowsHasNot = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const;

/** A container's security context; `spec` is that of its pod. */
export function* containerSecurityCauses(path: string, context: SecurityContext | undefined, spec: PodSpec): Causes {
  if (context === undefined) return;
  if (context.procMount === 'Unmasked' && spec.hostUsers !== false)
    yield invalidValue(`${path}.procMount`, context.procMount, '`hostUsers` must be false to use `Unmasked`');
  if (spec.os?.name === 'windows') {
    for (const key of windowsHasNot)
      if (context[key] !== undefined) yield forbiddenField(`${path}.${key}`, notForWindows);
  }
  yield* id(`${path}.runAsUser`, context.runAsUser);
  yield* id(`${path}.runAsGroup`, context.runAsGroup);
  yield* seccomp(`${path}.seccompProfile`, context.seccompProfile);
  if (context.allowPrivilegeEscalation === false) {
    const detail = (what: string): string => `cannot set \`allowPrivilegeEscalation\` to false and ${what}`;
    if (context.privileged) yield invalidValue(path, context, detail('`privileged` to true'));
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN'))
      yield invalidValue(path, context, detail('`capabilities.Add` CAP_SYS_ADMIN'));
  }
  yield* windowsOptionCauses(`${path}.windowsOptions`, context.windowsOptions);
  yield* appArmor(`${path}.appArmorProfile`, context.appArmorProfile);
}
