/** */
import { s, struct, t, type Of } from '#schema/type.ts';
import { affinity } from './affinity.ts';
import { container, ephemeralContainer } from './container.ts';
import { localObjectReference } from './references.ts';
import { resourceRequirements } from './resources.ts';
import { podSecurityContext } from './security-context.ts';
import { toleration, topologySpreadConstraint } from './tolerations.ts';
import { volume } from './volume.ts';

export const hostAlias = struct('core.v1.HostAlias', {
  ip: s.string(1).doc(''),
  hostnames: s.list(2, t.string).optional().doc(''),
});
export interface HostAlias extends Of<typeof hostAlias> {}

export const podDNSConfigOption = struct('core.v1.PodDNSConfigOption', {
  name: s.string(1).optional().doc(''),
  value: s.string(2).optional().doc(''),
});
export interface PodDNSConfigOption extends Of<typeof podDNSConfigOption> {}

export const podDNSConfig = struct('core.v1.PodDNSConfig', {
  nameservers: s.list(1, t.string).optional().doc(''),
  searches: s.list(2, t.string).optional().doc(''),
  options: s.list(3, podDNSConfigOption).optional().doc(''),
});
export interface PodDNSConfig extends Of<typeof podDNSConfig> {}

export const podReadinessGate = struct('core.v1.PodReadinessGate', {
  conditionType: s.string(1).doc(''),
});
export interface PodReadinessGate extends Of<typeof podReadinessGate> {}

export const podOS = struct('core.v1.PodOS', {
  name: s.oneOf(1, 'linux', 'windows').doc(''),
});
export interface PodOS extends Of<typeof podOS> {}

export const podSchedulingGate = struct('core.v1.PodSchedulingGate', {
  name: s.string(1).doc(''),
});
export interface PodSchedulingGate extends Of<typeof podSchedulingGate> {}

export const podResourceClaim = struct('core.v1.PodResourceClaim', {
  name: s.string(1).doc(''),
  resourceClaimName: s.string(3).optional().doc(''),
  resourceClaimTemplateName: s.string(4).optional().doc(''),
});
export interface PodResourceClaim extends Of<typeof podResourceClaim> {}

export const podSchedulingGroup = struct('core.v1.PodSchedulingGroup', {
  podGroupName: s.string(1).optional().doc(''),
});
export interface PodSchedulingGroup extends Of<typeof podSchedulingGroup> {}

export const evictionResponder = struct('core.v1.EvictionResponder', {
  name: s.string(1).doc(''),
  priority: s.int32(2).doc(''),
});
export interface EvictionResponder extends Of<typeof evictionResponder> {}

export const podSpec = struct('core.v1.PodSpec', {
  volumes: s
    .list(1, volume, { list: 'map', keys: ['name'], patch: { strategy: 'merge,retainKeys', mergeKey: 'name' } })
    .optional()
    .doc(''),
  initContainers: s
    .list(20, container, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } })
    .optional()
    .doc(''),
  containers: s
    .list(2, container, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } })
    .doc(''),
  ephemeralContainers: s
    .list(34, ephemeralContainer, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } })
    .optional()
    .doc(''),
  restartPolicy: s.oneOf(3, 'Always', 'OnFailure', 'Never').default('Always').doc(''),
  terminationGracePeriodSeconds: s.int64(4).default(30).doc(''),
  activeDeadlineSeconds: s.int64(5).optional().doc(''),
  dnsPolicy: s.oneOf(6, 'ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None').default('ClusterFirst').doc(''),
  nodeSelector: s.map(7, t.string, { atomic: true }).optional().doc(''),
  serviceAccountName: s.string(8).optional().doc(''),
  serviceAccount: s.string(9).optional().doc(''),
  automountServiceAccountToken: s.boolean(21).optional().doc(''),
  nodeName: s.string(10).optional().doc(''),
  hostNetwork: s.boolean(11).optional().doc(''),
  hostPID: s.boolean(12).optional().doc(''),
  hostIPC: s.boolean(13).optional().doc(''),
  shareProcessNamespace: s.boolean(27).optional().doc(''),
  securityContext: s.field(14, podSecurityContext).default({}).doc(''),
  imagePullSecrets: s
    .list(15, localObjectReference, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } })
    .optional()
    .doc(''),
  hostname: s.string(16).optional().doc(''),
  subdomain: s.string(17).optional().doc(''),
  affinity: s.field(18, affinity).optional().doc(''),
  schedulerName: s.string(19).default('default-scheduler').doc(''),
  tolerations: s.list(22, toleration).optional().doc(''),
  hostAliases: s
    .list(23, hostAlias, { list: 'map', keys: ['ip'], patch: { strategy: 'merge', mergeKey: 'ip' } })
    .optional()
    .doc(''),
  priorityClassName: s.string(24).optional().doc(''),
  priority: s.int32(25).optional().doc(''),
  dnsConfig: s.field(26, podDNSConfig).optional().doc(''),
  readinessGates: s.list(28, podReadinessGate).optional().doc(''),
  runtimeClassName: s.string(29).optional().doc(''),
  enableServiceLinks: s.boolean(30).optional().doc(''),
  preemptionPolicy: s.oneOf(31, 'PreemptLowerPriority', 'Never').optional().doc(''),
  overhead: s.map(32, t.quantity).optional().doc(''),
  topologySpreadConstraints: s
    .list(33, topologySpreadConstraint, {
      list: 'map',
      keys: ['topologyKey', 'whenUnsatisfiable'],
      patch: { strategy: 'merge', mergeKey: 'topologyKey' },
    })
    .optional()
    .doc(''),
  setHostnameAsFQDN: s.boolean(35).optional().doc(''),
  os: s.field(36, podOS).optional().doc(''),
  hostUsers: s.boolean(37).optional().doc(''),
  schedulingGates: s
    .list(38, podSchedulingGate, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } })
    .optional()
    .doc(''),
  resourceClaims: s
    .list(39, podResourceClaim, {
      list: 'map',
      keys: ['name'],
      patch: { strategy: 'merge,retainKeys', mergeKey: 'name' },
    })
    .optional()
    .doc(''),
  resources: s.field(40, resourceRequirements).optional().doc(''),
  hostnameOverride: s.string(41).optional().doc(''),
});
export interface PodSpec extends Of<typeof podSpec> {}
