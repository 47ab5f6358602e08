/**
 * PodSpec: what a pod should run, and where. Used by pods and by every template.
 */
import { s, struct, t, type Of } from '#schema/type.ts';
import { affinity } from './affinity.ts';
import { container, ephemeralContainer } from './container.ts';
import { localObjectReference } from './references.ts';
import { resourceRequirements } from './resources.ts';
import { podSecurityContext } from './security-context.ts';
import { toleration, topologySpreadConstraint } from './tolerations.ts';
import { volume } from './volume.ts';

export const hostAlias = struct(
  'core.v1.HostAlias',
  {
    ip: s.string(1).ruled().doc('The address of the line.'),
    hostnames: s.list(2, t.string).optional().doc('Names that resolve to the address.'),
  },
  { doc: "One line of the pod's hosts file." },
);
export interface HostAlias extends Of<typeof hostAlias> {}

export const podDNSConfigOption = struct(
  'core.v1.PodDNSConfigOption',
  {
    name: s.string(1).optional().doc('Name of the option, such as ndots.'),
    value: s.string(2).keepsZero().optional().doc('Value of the option, when it takes one.'),
  },
  { doc: 'One resolver option, as in resolv.conf.' },
);
export interface PodDNSConfigOption extends Of<typeof podDNSConfigOption> {}

export const podDNSConfig = struct(
  'core.v1.PodDNSConfig',
  {
    nameservers: s
      .list(1, t.string)
      .optional()
      .doc('Addresses of name servers, after those of the policy; duplicates are dropped.'),
    searches: s.list(2, t.string).optional().doc('Search domains, after those of the policy.'),
    options: s
      .list(3, podDNSConfigOption)
      .optional()
      .doc("Resolver options; one given here replaces the policy's of the same name."),
  },
  { doc: 'Resolver settings added to those of the DNS policy.' },
);
export interface PodDNSConfig extends Of<typeof podDNSConfig> {}

export const podReadinessGate = struct(
  'core.v1.PodReadinessGate',
  {
    conditionType: s.string(1).ruled().doc("Type of a condition in the pod's status."),
  },
  { doc: 'A condition that must be True before the pod counts as ready.' },
);
export interface PodReadinessGate extends Of<typeof podReadinessGate> {}

export const podOS = struct(
  'core.v1.PodOS',
  {
    name: s.oneOf(1, 'linux', 'windows').ruled().doc('Either linux or windows.'),
  },
  { doc: 'The operating system the pod is made for.' },
);
export interface PodOS extends Of<typeof podOS> {}

export const podSchedulingGate = struct(
  'core.v1.PodSchedulingGate',
  {
    name: s.string(1).ruled().doc('Name of the gate; unique in the pod.'),
  },
  { doc: 'A named reason why the scheduler leaves the pod alone for now.' },
);
export interface PodSchedulingGate extends Of<typeof podSchedulingGate> {}

export const podResourceClaim = struct(
  'core.v1.PodResourceClaim',
  {
    name: s.string(1).doc('How containers refer to the claim; a DNS label, unique in the pod.'),
    resourceClaimName: s.string(3).keepsZero().optional().doc('An existing ResourceClaim of the same namespace.'),
    resourceClaimTemplateName: s
      .string(4)
      .keepsZero()
      .optional()
      .doc('A ResourceClaimTemplate from which a claim is made for this pod.'),
  },
  { doc: "A resource claim that the pod's containers may use by name." },
);
export interface PodResourceClaim extends Of<typeof podResourceClaim> {}

export const podSchedulingGroup = struct(
  'core.v1.PodSchedulingGroup',
  { podGroupName: s.string(1).keepsZero().optional().doc('Name of the PodGroup.') },
  { doc: 'The group of pods that a pod is scheduled with.' },
);

export const evictionResponder = struct(
  'core.v1.EvictionResponder',
  {
    name: s.string(1).doc('A qualified name of the responder.'),
    priority: s.int32(2).doc('Higher ones are asked first, 0 to 100000.'),
  },
  { atomic: true, doc: 'One who is asked before a pod is evicted.' },
);

export const podSpec = struct(
  'core.v1.PodSpec',
  {
    volumes: s
      .list(1, volume, { list: 'map', keys: ['name'], patch: { strategy: 'merge,retainKeys', mergeKey: 'name' } })
      .optional()
      .doc('Volumes that containers may mount.'),
    initContainers: s
      .list(20, container, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } })
      .optional()
      .doc(
        'Run one after the other, each to its end, before the containers start. One with restartPolicy Always keeps running as a sidecar.',
      ),
    containers: s
      .list(2, container, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } })
      .doc('The containers of the pod; at least one. Cannot be added or removed later.'),
    ephemeralContainers: s
      .list(34, ephemeralContainer, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } })
      .optional()
      .doc('Containers added to a running pod for debugging, through the ephemeralcontainers subresource only.'),
    restartPolicy: s
      .oneOf(3, 'Always', 'OnFailure', 'Never')
      .inOrder()
      .default('Always')
      .doc('When the kubelet restarts an ended container: Always, OnFailure or Never.'),
    terminationGracePeriodSeconds: s
      .int64(4)
      .keepsZero()
      .default(30)
      .doc('Seconds between the polite stop signal and the kill; 0 kills at once.'),
    activeDeadlineSeconds: s
      .int64(5)
      .keepsZero()
      .optional()
      .doc('Seconds after the start until the pod is failed and its containers are killed.'),
    dnsPolicy: s
      .oneOf(6, 'ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None')
      .inOrder()
      .default('ClusterFirst')
      .doc(
        "Which name servers the pod uses: ClusterFirst, ClusterFirstWithHostNet, Default (the node's) or None (only dnsConfig).",
      ),
    nodeSelector: s.map(7, t.string, { atomic: true }).optional().doc('Labels a node must have to run the pod.'),
    serviceAccountName: s.string(8).optional().doc('The ServiceAccount the pod runs as.'),
    serviceAccount: s.string(9).optional().doc('Old name of serviceAccountName.'),
    automountServiceAccountToken: s
      .boolean(21)
      .keepsZero()
      .optional()
      .doc('Whether a token of the ServiceAccount is mounted into the containers.'),
    nodeName: s.string(10).optional().doc('The node the pod is bound to. Normally set by the scheduler.'),
    hostNetwork: s
      .boolean(11)
      .optional()
      .doc("Use the node's network namespace. Every containerPort then is a host port."),
    hostPID: s.boolean(12).optional().doc("Use the node's process namespace."),
    hostIPC: s.boolean(13).optional().doc("Use the node's IPC namespace."),
    shareProcessNamespace: s
      .boolean(27)
      .keepsZero()
      .optional()
      .doc("Let the containers of the pod see each other's processes. Not together with hostPID."),
    securityContext: s
      .field(14, podSecurityContext)
      .default({})
      .doc('Security settings of the pod, and defaults for its containers.'),
    imagePullSecrets: s
      .list(15, localObjectReference, {
        list: 'map',
        duplicates: 'allowed',
        keys: ['name'],
        patch: { strategy: 'merge', mergeKey: 'name' },
      })
      .optional()
      .doc('Secrets of the namespace with credentials for pulling the images.'),
    hostname: s.string(16).optional().doc("Host name inside the pod; the pod's name when empty."),
    subdomain: s
      .string(17)
      .optional()
      .doc('With it, the full host name is <hostname>.<subdomain>.<namespace>.svc.<cluster domain>.'),
    affinity: s.field(18, affinity).optional().doc('Rules about the nodes and the neighbours the pod wants.'),
    schedulerName: s.string(19).default('default-scheduler').doc('The scheduler that places the pod.'),
    tolerations: s.list(22, toleration).optional().doc('Taints the pod can live with.'),
    hostAliases: s
      .list(23, hostAlias, {
        list: 'map',
        duplicates: 'allowed',
        keys: ['ip'],
        patch: { strategy: 'merge', mergeKey: 'ip' },
      })
      .optional()
      .doc("Lines to add to the pod's hosts file."),
    priorityClassName: s.string(24).optional().doc('The PriorityClass that gives the pod its priority.'),
    priority: s
      .int32(25)
      .keepsZero()
      .optional()
      .doc('The priority as a number; set from the class. Higher ones go first.'),
    dnsConfig: s.field(26, podDNSConfig).optional().doc('Resolver settings merged with those of dnsPolicy.'),
    readinessGates: s
      .list(28, podReadinessGate)
      .optional()
      .doc('Conditions that must be True, beside ready containers, for the pod to be ready.'),
    runtimeClassName: s
      .string(29)
      .keepsZero()
      .optional()
      .doc('The RuntimeClass with which to run the pod; the default runtime when empty.'),
    enableServiceLinks: s
      .boolean(30)
      .keepsZero()
      .optional()
      .doc('Whether each Service of the namespace is described in environment variables; true unless told.'),
    preemptionPolicy: s
      .oneOf(31, 'PreemptLowerPriority', 'Never')
      .keepsZero()
      .optional()
      .ruled()
      .doc('Whether the pod may push out pods of lower priority.'),
    overhead: s
      .map(32, t.quantity)
      .optional()
      .doc('Resources the pod itself costs beyond its containers, from the RuntimeClass.'),
    topologySpreadConstraints: s
      .list(33, topologySpreadConstraint, {
        list: 'map',
        duplicates: 'allowed',
        keys: ['topologyKey', 'whenUnsatisfiable'],
        patch: { strategy: 'merge', mergeKey: 'topologyKey' },
      })
      .optional()
      .doc('How pods like this one are to be spread over the cluster.'),
    setHostnameAsFQDN: s
      .boolean(35)
      .keepsZero()
      .optional()
      .doc('Make the full domain name the host name in the kernel.'),
    os: s.field(36, podOS).optional().doc('The operating system of the containers. Some security fields depend on it.'),
    hostUsers: s.boolean(37).keepsZero().optional().doc('False gives the pod a user namespace of its own.'),
    schedulingGates: s
      .list(38, podSchedulingGate, {
        list: 'map',
        duplicates: 'allowed',
        keys: ['name'],
        patch: { strategy: 'merge', mergeKey: 'name' },
      })
      .optional()
      .doc('While any is present the scheduler does not try to place the pod. Can only be set at creation.'),
    resourceClaims: s
      .list(39, podResourceClaim, {
        list: 'map',
        keys: ['name'],
        patch: { strategy: 'merge,retainKeys', mergeKey: 'name' },
      })
      .optional()
      .doc('Claims to be allocated and reserved before the pod starts.'),
    resources: s
      .field(40, resourceRequirements)
      .optional()
      .doc('Resources of the pod as a whole: cpu, memory and huge pages.'),
    hostnameOverride: s
      .string(41)
      .keepsZero()
      .optional()
      .doc('The host name inside the pod, literally, not only its first part.'),
    schedulingGroup: s
      .field(43, podSchedulingGroup)
      .off('GenericWorkload')
      .doc('The group of pods that this one is scheduled with.'),
    evictionResponders: s
      .list(44, evictionResponder, { list: 'map', keys: ['name'], patch: { strategy: 'merge', mergeKey: 'name' } })
      .off('EvictionRequestAPI')
      .doc('Who is asked, by priority, before the pod is evicted.'),
  },
  { doc: 'What a pod should run, and where.' },
);
export interface PodSpec extends Of<typeof podSpec> {}
