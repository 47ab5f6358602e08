/**
 * Containers and ephemeral containers of a pod. Their rules stand in `container-validation.ts`.
 */
import { inline, s, struct, t, type Of } from '#schema/type.ts';
import { envFromSource, envVar } from './environment.ts';
import { lifecycle, probe } from './probe.ts';
import { resourceRequirements } from './resources.ts';
import { securityContext } from './security-context.ts';

export const containerPort = struct(
  'core.v1.ContainerPort',
  {
    name: s.string(1).optional().doc('Unique in the pod; Services may refer to it.'),
    hostPort: s.int32(2).optional().doc("The same port on the node's address."),
    containerPort: s.int32(3).doc("Port on the pod's address."),
    protocol: s.oneOf(4, 'TCP', 'UDP', 'SCTP').default('TCP').doc('TCP, UDP or SCTP.'),
    hostIP: s.string(5).optional().doc('Address of the node on which the host port listens.'),
  },
  { doc: 'A port that a container listens on. Leaving it out does not close the port.' },
);
export interface ContainerPort extends Of<typeof containerPort> {}

export const containerResizePolicy = struct(
  'core.v1.ContainerResizePolicy',
  {
    resourceName: s.string(1).ruled().doc('cpu or memory.'),
    restartPolicy: s.oneOf(2, 'NotRequired', 'RestartContainer').ruled().doc('NotRequired or RestartContainer.'),
  },
  { doc: 'What a change of one resource means to a running container.' },
);
export interface ContainerResizePolicy extends Of<typeof containerResizePolicy> {}

export const containerRestartRuleOnExitCodes = struct(
  'core.v1.ContainerRestartRuleOnExitCodes',
  {
    operator: s.oneOf(1, 'In', 'NotIn').ruled().doc('In or NotIn.'),
    values: s.list(2, t.int32, { list: 'set', duplicates: 'allowed' }).optional().doc('The exit codes; at most 255.'),
  },
  { doc: 'Compares the exit code of a container.' },
);
export interface ContainerRestartRuleOnExitCodes extends Of<typeof containerRestartRuleOnExitCodes> {}

export const containerRestartRule = struct(
  'core.v1.ContainerRestartRule',
  {
    action: s.oneOf(1, 'Restart', 'RestartAllContainers').ruled().doc('Restart, or RestartAllContainers of the pod.'),
    exitCodes: s.field(2, containerRestartRuleOnExitCodes).optional().doc('Exit codes the rule is for.'),
  },
  { doc: 'What to do when a container ends in a certain way.' },
);
export interface ContainerRestartRule extends Of<typeof containerRestartRule> {}

export const volumeMount = struct(
  'core.v1.VolumeMount',
  {
    name: s.string(1).ruled().doc("Name of the pod's volume."),
    readOnly: s.boolean(2).optional().doc('Mount it read-only.'),
    recursiveReadOnly: s
      .oneOf(7, 'Disabled', 'IfPossible', 'Enabled')
      .keepsZero()
      .optional()
      .ruled()
      .doc('Whether mounts below it become read-only too; needs readOnly.'),
    mountPath: s.string(3).doc('Path inside the container; without a colon.'),
    subPath: s.string(4).optional().doc('Mount only this path of the volume.'),
    mountPropagation: s
      .oneOf(5, 'None', 'HostToContainer', 'Bidirectional')
      .keepsZero()
      .optional()
      .ruled()
      .doc('Whether mounts pass between host and container: None, HostToContainer or Bidirectional.'),
    subPathExpr: s.string(6).optional().doc("As subPath, with $(VARIABLES) of the container's environment filled in."),
    bindMountOptions: s
      .list(8, t.oneOf('noexec', 'nodev', 'nosuid'), { list: 'set' })
      .off('VolumeBindMountOptions')
      .doc('Mount options of the bind mount.'),
  },
  { doc: 'Where a volume appears in a container.' },
);
export interface VolumeMount extends Of<typeof volumeMount> {}

export const volumeDevice = struct(
  'core.v1.VolumeDevice',
  {
    name: s.string(1).ruled().doc('Name of the persistentVolumeClaim volume.'),
    devicePath: s.string(2).doc('Path of the device inside the container.'),
  },
  { doc: 'Where a raw block device appears in a container.' },
);
export interface VolumeDevice extends Of<typeof volumeDevice> {}

export const container = struct(
  'core.v1.Container',
  {
    name: s.string(1).doc('A DNS label, unique in the pod.'),
    image: s.string(2).filled().doc('Name of the image.'),
    command: s
      .list(3, t.string)
      .optional()
      .doc("Replaces the image's entry point; not run in a shell. $(VARIABLES) of the environment are filled in."),
    args: s
      .list(4, t.string)
      .optional()
      .doc("Arguments of the entry point; replaces the image's. $(VARIABLES) are filled in."),
    workingDir: s.string(5).optional().doc("Directory to start in; the image's when empty."),
    ports: s
      .list(6, containerPort, {
        list: 'map',
        duplicates: 'allowed',
        keys: ['containerPort', 'protocol'],
        patch: { strategy: 'merge', mergeKey: 'containerPort' },
      })
      .optional()
      .doc('Ports the container listens on.'),
    envFrom: s
      .list(19, envFromSource)
      .optional()
      .doc('ConfigMaps and Secrets whose keys become environment variables. Later ones win; env wins over all.'),
    env: s
      .list(7, envVar, {
        list: 'map',
        duplicates: 'allowed',
        keys: ['name'],
        patch: { strategy: 'merge', mergeKey: 'name' },
      })
      .optional()
      .doc('Environment variables.'),
    resources: s.field(8, resourceRequirements).default({}).doc('Compute resources it asks for and may use.'),
    resizePolicy: s
      .list(23, containerResizePolicy)
      .optional()
      .doc('What a change of resources means to the running container.'),
    restartPolicy: s
      .oneOf(24, 'Always', 'Never', 'OnFailure')
      .keepsZero()
      .optional()
      .doc("Overrides the pod's restart policy. On an init container, Always makes it a sidecar."),
    restartPolicyRules: s
      .list(25, containerRestartRule)
      .optional()
      .doc('Rules looked at, in order, before restartPolicy when the container ends.'),
    volumeMounts: s
      .list(9, volumeMount, {
        list: 'map',
        duplicates: 'allowed',
        keys: ['mountPath'],
        patch: { strategy: 'merge', mergeKey: 'mountPath' },
      })
      .optional()
      .doc('Volumes that appear in the file system.'),
    volumeDevices: s
      .list(21, volumeDevice, {
        list: 'map',
        duplicates: 'allowed',
        keys: ['devicePath'],
        patch: { strategy: 'merge', mergeKey: 'devicePath' },
      })
      .optional()
      .doc('Block devices the container sees.'),
    livenessProbe: s.field(10, probe).optional().doc('When it fails, the container is restarted.'),
    readinessProbe: s.field(11, probe).optional().doc('While it fails, the pod gets no traffic of Services.'),
    startupProbe: s
      .field(22, probe)
      .optional()
      .doc('Until it passes, no other probe runs; when it fails, the container is restarted.'),
    lifecycle: s.field(12, lifecycle).optional().doc('What to do right after the start and before the stop.'),
    terminationMessagePath: s
      .string(13)
      .default('/dev/termination-log')
      .doc('The file whose content becomes the termination message.'),
    terminationMessagePolicy: s
      .oneOf(20, 'File', 'FallbackToLogsOnError')
      .inOrder()
      .default('File')
      .doc('File, or FallbackToLogsOnError to use the end of the log when the file is empty.'),
    imagePullPolicy: s
      .oneOf(14, 'Always', 'Never', 'IfNotPresent')
      .filled()
      .doc('When to pull: Always, IfNotPresent or Never. Always is the default for the tag latest.'),
    securityContext: s.field(15, securityContext).optional().doc("Security settings; these win over the pod's."),
    stdin: s.boolean(16).optional().doc('Keep standard input open, even when nobody is attached.'),
    stdinOnce: s.boolean(17).optional().doc('Close standard input after the first client detaches.'),
    tty: s.boolean(18).optional().doc('Give the container a terminal; needs stdin.'),
  },
  { doc: 'One program with its image, environment and limits.' },
);
export interface Container extends Of<typeof container> {}

export const ephemeralContainerCommon = struct('core.v1.EphemeralContainerCommon', {
  name: s.string(1).doc('A DNS label, unique among all containers of the pod.'),
  image: s.string(2).filled().doc('Name of the image.'),
  command: s
    .list(3, t.string)
    .optional()
    .doc("Replaces the image's entry point; not run in a shell. $(VARIABLES) of the environment are filled in."),
  args: s
    .list(4, t.string)
    .optional()
    .doc("Arguments of the entry point; replaces the image's. $(VARIABLES) are filled in."),
  workingDir: s.string(5).optional().doc("Directory to start in; the image's when empty."),
  ports: s
    .list(6, containerPort, {
      list: 'map',
      duplicates: 'allowed',
      keys: ['containerPort', 'protocol'],
      patch: { strategy: 'merge', mergeKey: 'containerPort' },
    })
    .optional()
    .doc('Not allowed here.'),
  envFrom: s.list(19, envFromSource).optional().doc('ConfigMaps and Secrets whose keys become environment variables.'),
  env: s
    .list(7, envVar, {
      list: 'map',
      duplicates: 'allowed',
      keys: ['name'],
      patch: { strategy: 'merge', mergeKey: 'name' },
    })
    .optional()
    .doc('Environment variables.'),
  resources: s
    .field(8, resourceRequirements)
    .default({})
    .doc('Not allowed here: an ephemeral container uses what the pod has left.'),
  resizePolicy: s.list(23, containerResizePolicy).optional().doc('Not allowed here.'),
  restartPolicy: s.oneOf(24, 'Always', 'Never', 'OnFailure').keepsZero().optional().ruled().doc('Not allowed here.'),
  restartPolicyRules: s.list(25, containerRestartRule).optional().doc('Not allowed here.'),
  volumeMounts: s
    .list(9, volumeMount, {
      list: 'map',
      duplicates: 'allowed',
      keys: ['mountPath'],
      patch: { strategy: 'merge', mergeKey: 'mountPath' },
    })
    .optional()
    .doc('Volumes that appear in the file system; no subPath.'),
  volumeDevices: s
    .list(21, volumeDevice, {
      list: 'map',
      duplicates: 'allowed',
      keys: ['devicePath'],
      patch: { strategy: 'merge', mergeKey: 'devicePath' },
    })
    .optional()
    .doc('Block devices the container sees.'),
  livenessProbe: s.field(10, probe).optional().doc('Not allowed here.'),
  readinessProbe: s.field(11, probe).optional().doc('Not allowed here.'),
  startupProbe: s.field(22, probe).optional().doc('Not allowed here.'),
  lifecycle: s.field(12, lifecycle).optional().doc('Not allowed here.'),
  terminationMessagePath: s
    .string(13)
    .default('/dev/termination-log')
    .doc('The file whose content becomes the termination message.'),
  terminationMessagePolicy: s
    .oneOf(20, 'File', 'FallbackToLogsOnError')
    .inOrder()
    .default('File')
    .doc('File, or FallbackToLogsOnError to use the end of the log when the file is empty.'),
  imagePullPolicy: s
    .oneOf(14, 'Always', 'Never', 'IfNotPresent')
    .filled()
    .doc('When to pull: Always, IfNotPresent or Never.'),
  securityContext: s.field(15, securityContext).optional().doc("Security settings; these win over the pod's."),
  stdin: s.boolean(16).optional().doc('Keep standard input open, even when nobody is attached.'),
  stdinOnce: s.boolean(17).optional().doc('Close standard input after the first client detaches.'),
  tty: s.boolean(18).optional().doc('Give the container a terminal; needs stdin.'),
});
export interface EphemeralContainerCommon extends Of<typeof ephemeralContainerCommon> {}

export const ephemeralContainer = struct(
  'core.v1.EphemeralContainer',
  {
    ...inline(1, ephemeralContainerCommon),
    targetContainerName: s.string(2).optional().doc('The container whose process namespace it joins.'),
  },
  { doc: 'A container added to a running pod for debugging; it is never restarted.' },
);
export interface EphemeralContainer extends Of<typeof ephemeralContainer> {}
