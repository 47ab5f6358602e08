/** */
import { s, struct, t, type Of } from '#schema/type.ts';

export const capabilities = struct('core.v1.Capabilities', {
  add: s.list(1, t.string).optional().doc(''),
  drop: s.list(2, t.string).optional().doc(''),
});
export interface Capabilities extends Of<typeof capabilities> {}

export const seLinuxOptions = struct('core.v1.SELinuxOptions', {
  user: s.string(1).optional().doc(''),
  role: s.string(2).optional().doc(''),
  type: s.string(3).optional().doc(''),
  level: s.string(4).optional().doc(''),
});
export interface SELinuxOptions extends Of<typeof seLinuxOptions> {}

export const windowsSecurityContextOptions = struct('core.v1.WindowsSecurityContextOptions', {
  gmsaCredentialSpecName: s.string(1).optional().doc(''),
  gmsaCredentialSpec: s.string(2).optional().doc(''),
  runAsUserName: s.string(3).optional().doc(''),
  hostProcess: s.boolean(4).optional().doc(''),
});
export interface WindowsSecurityContextOptions extends Of<typeof windowsSecurityContextOptions> {}

export const seccompProfile = struct('core.v1.SeccompProfile', {
  type: s.oneOf(1, 'Unconfined', 'RuntimeDefault', 'Localhost').doc(''),
  localhostProfile: s.string(2).optional().doc(''),
});
export interface SeccompProfile extends Of<typeof seccompProfile> {}

export const appArmorProfile = struct('core.v1.AppArmorProfile', {
  type: s.oneOf(1, 'Unconfined', 'RuntimeDefault', 'Localhost').doc(''),
  localhostProfile: s.string(2).optional().doc(''),
});
export interface AppArmorProfile extends Of<typeof appArmorProfile> {}

export const securityContext = struct('core.v1.SecurityContext', {
  capabilities: s.field(1, capabilities).optional().doc(''),
  privileged: s.boolean(2).optional().doc(''),
  seLinuxOptions: s.field(3, seLinuxOptions).optional().doc(''),
  windowsOptions: s.field(10, windowsSecurityContextOptions).optional().doc(''),
  runAsUser: s.int64(4).optional().doc(''),
  runAsGroup: s.int64(8).optional().doc(''),
  runAsNonRoot: s.boolean(5).optional().doc(''),
  readOnlyRootFilesystem: s.boolean(6).optional().doc(''),
  allowPrivilegeEscalation: s.boolean(7).optional().doc(''),
  procMount: s.oneOf(9, 'Default', 'Unmasked').optional().doc(''),
  seccompProfile: s.field(11, seccompProfile).optional().doc(''),
  appArmorProfile: s.field(12, appArmorProfile).optional().doc(''),
});
export interface SecurityContext extends Of<typeof securityContext> {}

export const sysctl = struct('core.v1.Sysctl', {
  name: s.string(1).doc(''),
  value: s.string(2).doc(''),
});
export interface Sysctl extends Of<typeof sysctl> {}

export const podSecurityContext = struct('core.v1.PodSecurityContext', {
  seLinuxOptions: s.field(1, seLinuxOptions).optional().doc(''),
  windowsOptions: s.field(8, windowsSecurityContextOptions).optional().doc(''),
  runAsUser: s.int64(2).optional().doc(''),
  runAsGroup: s.int64(6).optional().doc(''),
  runAsNonRoot: s.boolean(3).optional().doc(''),
  supplementalGroups: s.list(4, t.int64).optional().doc(''),
  supplementalGroupsPolicy: s.oneOf(12, 'Merge', 'Strict').optional().doc(''),
  fsGroup: s.int64(5).optional().doc(''),
  sysctls: s.list(7, sysctl).optional().doc(''),
  fsGroupChangePolicy: s.oneOf(9, 'OnRootMismatch', 'Always').optional().doc(''),
  seccompProfile: s.field(10, seccompProfile).optional().doc(''),
  appArmorProfile: s.field(11, appArmorProfile).optional().doc(''),
  seLinuxChangePolicy: s.oneOf(13, 'Recursive', 'MountOption').optional().doc(''),
});
export interface PodSecurityContext extends Of<typeof podSecurityContext> {}
