/**
 * Security settings of pods and containers.
 */
import { s, struct, t, type Of } from '#schema/type.ts';

export const capabilities = struct(
  'core.v1.Capabilities',
  {
    add: s.list(1, t.string).optional().doc("Capabilities to add to the runtime's defaults."),
    drop: s.list(2, t.string).optional().doc('Capabilities to take away; ALL drops every one.'),
  },
  { doc: 'POSIX capabilities.' },
);
export interface Capabilities extends Of<typeof capabilities> {}

export const seLinuxOptions = struct(
  'core.v1.SELinuxOptions',
  {
    user: s.string(1).optional().doc('User part.'),
    role: s.string(2).optional().doc('Role part.'),
    type: s.string(3).optional().doc('Type part.'),
    level: s.string(4).optional().doc('Level part.'),
  },
  { doc: 'An SELinux label.' },
);
export interface SELinuxOptions extends Of<typeof seLinuxOptions> {}

export const windowsSecurityContextOptions = struct(
  'core.v1.WindowsSecurityContextOptions',
  {
    gmsaCredentialSpecName: s.string(1).keepsZero().optional().doc('Name of the GMSA credential spec.'),
    gmsaCredentialSpec: s.string(2).keepsZero().optional().doc('The GMSA credential spec itself.'),
    runAsUserName: s.string(3).keepsZero().optional().doc('User to run as.'),
    hostProcess: s.boolean(4).keepsZero().optional().doc('Run as a HostProcess container.'),
  },
  { doc: 'Settings for Windows containers.' },
);
export interface WindowsSecurityContextOptions extends Of<typeof windowsSecurityContextOptions> {}

export const seccompProfile = struct(
  'core.v1.SeccompProfile',
  {
    type: s
      .oneOf(1, 'Unconfined', 'RuntimeDefault', 'Localhost')
      .requiredAs('type is required when seccompProfile is set')
      .doc('Unconfined, RuntimeDefault or Localhost.'),
    localhostProfile: s.string(2).keepsZero().optional().doc('A profile file on the node; only with Localhost.'),
  },
  { doc: 'Which system calls are allowed.' },
);
export interface SeccompProfile extends Of<typeof seccompProfile> {}

export const appArmorProfile = struct(
  'core.v1.AppArmorProfile',
  {
    type: s
      .oneOf(1, 'Unconfined', 'RuntimeDefault', 'Localhost')
      .requiredAs('type is required when appArmorProfile is set')
      .doc('Unconfined, RuntimeDefault or Localhost.'),
    localhostProfile: s.string(2).keepsZero().optional().doc('A profile loaded on the node; only with Localhost.'),
  },
  { doc: 'An AppArmor profile.' },
);
export interface AppArmorProfile extends Of<typeof appArmorProfile> {}

export const securityContext = struct(
  'core.v1.SecurityContext',
  {
    capabilities: s.field(1, capabilities).optional().doc('Capabilities to add and drop.'),
    privileged: s.boolean(2).keepsZero().optional().doc('Run as if it were root on the host.'),
    seLinuxOptions: s.field(3, seLinuxOptions).optional().doc('SELinux label of the container.'),
    windowsOptions: s.field(10, windowsSecurityContextOptions).optional().doc('Settings for Windows.'),
    runAsUser: s.int64(4).keepsZero().optional().doc("User ID of the first process; the image's when absent."),
    runAsGroup: s.int64(8).keepsZero().optional().doc('Group ID of the first process.'),
    runAsNonRoot: s.boolean(5).keepsZero().optional().doc('Refuse to start as user 0.'),
    readOnlyRootFilesystem: s.boolean(6).keepsZero().optional().doc('Mount the root file system read-only.'),
    allowPrivilegeEscalation: s
      .boolean(7)
      .keepsZero()
      .optional()
      .doc('Whether a process may gain more privileges than its parent; always true when privileged.'),
    procMount: s
      .oneOf(9, 'Default', 'Unmasked')
      .keepsZero()
      .optional()
      .doc('Default masks parts of /proc; Unmasked does not.'),
    seccompProfile: s.field(11, seccompProfile).optional().doc('Which system calls are allowed.'),
    appArmorProfile: s.field(12, appArmorProfile).optional().doc('The AppArmor profile.'),
  },
  { doc: 'Security settings of one container.' },
);
export interface SecurityContext extends Of<typeof securityContext> {}

export const sysctl = struct(
  'core.v1.Sysctl',
  {
    name: s.string(1).doc('Name of the parameter.'),
    value: s.string(2).default('').doc('Value of the parameter.'),
  },
  { doc: 'One kernel parameter.' },
);
export interface Sysctl extends Of<typeof sysctl> {}

export const podSecurityContext = struct(
  'core.v1.PodSecurityContext',
  {
    seLinuxOptions: s.field(1, seLinuxOptions).optional().doc('SELinux label of all containers.'),
    windowsOptions: s.field(8, windowsSecurityContextOptions).optional().doc('Settings for Windows.'),
    runAsUser: s.int64(2).keepsZero().optional().doc('User ID of the first process of each container.'),
    runAsGroup: s.int64(6).keepsZero().optional().doc('Group ID of the first process of each container.'),
    runAsNonRoot: s.boolean(3).keepsZero().optional().doc('Refuse to start as user 0.'),
    supplementalGroups: s.list(4, t.int64).optional().doc('Further groups of the first process of each container.'),
    supplementalGroupsPolicy: s
      .oneOf(12, 'Merge', 'Strict')
      .keepsZero()
      .optional()
      .doc("Merge adds the groups of the image's user; Strict does not."),
    fsGroup: s.int64(5).keepsZero().optional().doc('Group that owns the volumes that can be owned.'),
    sysctls: s.list(7, sysctl).optional().doc('Namespaced kernel parameters of the pod.'),
    fsGroupChangePolicy: s
      .oneOf(9, 'OnRootMismatch', 'Always')
      .keepsZero()
      .optional()
      .doc('Whether ownership is set every time (Always) or only when the root differs (OnRootMismatch).'),
    seccompProfile: s.field(10, seccompProfile).optional().doc('Which system calls are allowed.'),
    appArmorProfile: s.field(11, appArmorProfile).optional().doc('The AppArmor profile.'),
    seLinuxChangePolicy: s
      .oneOf(13, 'Recursive', 'MountOption')
      .keepsZero()
      .optional()
      .doc('How the label gets onto volumes: MountOption or Recursive.'),
  },
  { doc: 'Security settings of the pod, and defaults for its containers.' },
);
export interface PodSecurityContext extends Of<typeof podSecurityContext> {}
