/** */
import { inline, s, struct, t, type Of } from '#schema/type.ts';
import { envFromSource, envVar } from './environment.ts';
import { lifecycle, probe } from './probe.ts';
import { resourceRequirements } from './resources.ts';
import { securityContext } from './security-context.ts';

export const containerPort = struct('core.v1.ContainerPort', {
  name: s.string(1).optional().doc(''),
  hostPort: s.int32(2).optional().doc(''),
  containerPort: s.int32(3).doc(''),
  protocol: s.oneOf(4, 'TCP', 'UDP', 'SCTP').default('TCP').doc(''),
  hostIP: s.string(5).optional().doc(''),
});
export interface ContainerPort extends Of<typeof containerPort> {}

export const containerResizePolicy = struct('core.v1.ContainerResizePolicy', {
  resourceName: s.string(1).doc(''),
  restartPolicy: s.oneOf(2, 'NotRequired', 'RestartContainer').doc(''),
});
export interface ContainerResizePolicy extends Of<typeof containerResizePolicy> {}

export const containerRestartRuleOnExitCodes = struct('core.v1.ContainerRestartRuleOnExitCodes', {
  operator: s.oneOf(1, 'In', 'NotIn').optional().doc(''),
  values: s.list(2, t.int32, { list: 'set' }).optional().doc(''),
});
export interface ContainerRestartRuleOnExitCodes extends Of<typeof containerRestartRuleOnExitCodes> {}

export const containerRestartRule = struct('core.v1.ContainerRestartRule', {
  action: s.oneOf(1, 'Restart', 'RestartAllContainers').optional().doc(''),
  exitCodes: s.field(2, containerRestartRuleOnExitCodes).optional().doc(''),
});
export interface ContainerRestartRule extends Of<typeof containerRestartRule> {}

export const volumeMount = struct('core.v1.VolumeMount', {
  name: s.string(1).doc(''),
  readOnly: s.boolean(2).optional().doc(''),
  recursiveReadOnly: s.oneOf(7, 'Disabled', 'IfPossible', 'Enabled').optional().doc(''),
  mountPath: s.string(3).doc(''),
  subPath: s.string(4).optional().doc(''),
  mountPropagation: s.oneOf(5, 'None', 'HostToContainer', 'Bidirectional').optional().doc(''),
  subPathExpr: s.string(6).optional().doc(''),
});
export interface VolumeMount extends Of<typeof volumeMount> {}

export const volumeDevice = struct('core.v1.VolumeDevice', {
  name: s.string(1).doc(''),
  devicePath: s.string(2).doc(''),
});
export interface VolumeDevice extends Of<typeof volumeDevice> {}

export const container = struct('core.v1.Container', {
  name: s.string(1).doc(''),
  image: s.string(2).filled().doc(''),
  command: s.list(3, t.string).optional().doc(''),
  args: s.list(4, t.string).optional().doc(''),
  workingDir: s.string(5).optional().doc(''),
  ports: s
    .list(6, containerPort, {
      list: 'map',
      keys: ['containerPort', 'protocol'],
      patch: { strategy: 'merge', mergeKey: 'containerPort' },
    })
    .optional()
    .doc(''),
  envFrom: s.list(19, envFromSource).optional().doc(''),
  env: s
    .list(7, envVar, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } })
    .optional()
    .doc(''),
  resources: s.field(8, resourceRequirements).default({}).doc(''),
  resizePolicy: s.list(23, containerResizePolicy).optional().doc(''),
  restartPolicy: s.oneOf(24, 'Always', 'Never', 'OnFailure').optional().doc(''),
  restartPolicyRules: s.list(25, containerRestartRule).optional().doc(''),
  volumeMounts: s
    .list(9, volumeMount, { list: 'map', keys: ['mountPath'], patch: { strategy: 'merge', mergeKey: 'mountPath' } })
    .optional()
    .doc(''),
  volumeDevices: s
    .list(21, volumeDevice, { list: 'map', keys: ['devicePath'], patch: { strategy: 'merge', mergeKey: 'devicePath' } })
    .optional()
    .doc(''),
  livenessProbe: s.field(10, probe).optional().doc(''),
  readinessProbe: s.field(11, probe).optional().doc(''),
  startupProbe: s.field(22, probe).optional().doc(''),
  lifecycle: s.field(12, lifecycle).optional().doc(''),
  terminationMessagePath: s.string(13).default('/dev/termination-log').doc(''),
  terminationMessagePolicy: s.oneOf(20, 'File', 'FallbackToLogsOnError').default('File').doc(''),
  imagePullPolicy: s.oneOf(14, 'Always', 'Never', 'IfNotPresent').filled().doc(''),
  securityContext: s.field(15, securityContext).optional().doc(''),
  stdin: s.boolean(16).optional().doc(''),
  stdinOnce: s.boolean(17).optional().doc(''),
  tty: s.boolean(18).optional().doc(''),
});
export interface Container extends Of<typeof container> {}

export const ephemeralContainerCommon = struct('core.v1.EphemeralContainerCommon', {
  name: s.string(1).doc(''),
  image: s.string(2).filled().doc(''),
  command: s.list(3, t.string).optional().doc(''),
  args: s.list(4, t.string).optional().doc(''),
  workingDir: s.string(5).optional().doc(''),
  ports: s
    .list(6, containerPort, {
      list: 'map',
      keys: ['containerPort', 'protocol'],
      patch: { strategy: 'merge', mergeKey: 'containerPort' },
    })
    .optional()
    .doc(''),
  envFrom: s.list(19, envFromSource).optional().doc(''),
  env: s
    .list(7, envVar, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } })
    .optional()
    .doc(''),
  resources: s.field(8, resourceRequirements).default({}).doc(''),
  resizePolicy: s.list(23, containerResizePolicy).optional().doc(''),
  restartPolicy: s.oneOf(24, 'Always', 'Never', 'OnFailure').optional().doc(''),
  restartPolicyRules: s.list(25, containerRestartRule).optional().doc(''),
  volumeMounts: s
    .list(9, volumeMount, { list: 'map', keys: ['mountPath'], patch: { strategy: 'merge', mergeKey: 'mountPath' } })
    .optional()
    .doc(''),
  volumeDevices: s
    .list(21, volumeDevice, { list: 'map', keys: ['devicePath'], patch: { strategy: 'merge', mergeKey: 'devicePath' } })
    .optional()
    .doc(''),
  livenessProbe: s.field(10, probe).optional().doc(''),
  readinessProbe: s.field(11, probe).optional().doc(''),
  startupProbe: s.field(22, probe).optional().doc(''),
  lifecycle: s.field(12, lifecycle).optional().doc(''),
  terminationMessagePath: s.string(13).default('/dev/termination-log').doc(''),
  terminationMessagePolicy: s.oneOf(20, 'File', 'FallbackToLogsOnError').default('File').doc(''),
  imagePullPolicy: s.oneOf(14, 'Always', 'Never', 'IfNotPresent').filled().doc(''),
  securityContext: s.field(15, securityContext).optional().doc(''),
  stdin: s.boolean(16).optional().doc(''),
  stdinOnce: s.boolean(17).optional().doc(''),
  tty: s.boolean(18).optional().doc(''),
});
export interface EphemeralContainerCommon extends Of<typeof ephemeralContainerCommon> {}

export const ephemeralContainer = struct('core.v1.EphemeralContainer', {
  ...inline(1, ephemeralContainerCommon),
  targetContainerName: s.string(2).optional().doc(''),
});
export interface EphemeralContainer extends Of<typeof ephemeralContainer> {}
