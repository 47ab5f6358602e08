/**
 * Service: a stable name and address for a set of pods. Addresses and node ports are allocated by the API server, not here.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { condition } from '#schema/condition.ts';
import { serviceColumns } from './service-columns.ts';
import { createService, fillService, updateService } from './service-strategy.ts';
import {
  loadBalancerStatusCauses,
  loadBalancerStatusWarnings,
  serviceCauses,
  serviceUpdateCauses,
} from './service-validation.ts';
import { serviceWarnings } from './service-warnings.ts';

export const servicePort = struct(
  'core.v1.ServicePort',
  {
    name: s.string(1).optional().doc('A DNS label, unique in the Service; needed when there are several ports.'),
    protocol: s.oneOf(2, 'TCP', 'UDP', 'SCTP').default('TCP').doc('TCP, UDP or SCTP.'),
    appProtocol: s
      .string(6)
      .keepsZero()
      .optional()
      .doc('A hint what is spoken over the port, such as kubernetes.io/h2c.'),
    port: s.int32(3).doc('Port of the Service.'),
    targetPort: s.intOrString(4).filled().doc("Number or name of the pods' port; the same as port when absent."),
    nodePort: s.int32(5).optional().doc('The port on every node, for NodePort and LoadBalancer; allocated when 0.'),
  },
  { doc: 'One port of a Service.' },
);
export interface ServicePort extends Of<typeof servicePort> {}

export const clientIPConfig = struct(
  'core.v1.ClientIPConfig',
  {
    timeoutSeconds: s.int32(1).keepsZero().optional().doc('How long a client stays with its pod, 1 to 86400.'),
  },
  { doc: 'Session affinity by client address.' },
);
export interface ClientIPConfig extends Of<typeof clientIPConfig> {}

export const sessionAffinityConfig = struct(
  'core.v1.SessionAffinityConfig',
  {
    clientIP: s.field(1, clientIPConfig).optional().doc('Settings of affinity by client address.'),
  },
  { doc: 'Settings of session affinity.' },
);
export interface SessionAffinityConfig extends Of<typeof sessionAffinityConfig> {}

export const serviceSpec = struct(
  'core.v1.ServiceSpec',
  {
    ports: s
      .list(1, servicePort, {
        list: 'map',
        duplicates: 'allowed',
        keys: ['port', 'protocol'],
        patch: { strategy: 'merge', mergeKey: 'port' },
      })
      .optional()
      .doc('The ports of the Service.'),
    selector: s
      .map(2, t.string, { atomic: true })
      .optional()
      .doc('Labels of the pods that get the traffic. Without it, endpoints are managed by somebody else.'),
    clusterIP: s
      .string(3)
      .optional()
      .doc('The virtual address; allocated when empty. None makes the Service headless.'),
    clusterIPs: s
      .list(18, t.string)
      .optional()
      .doc('The virtual addresses, at most one of each family; the first is clusterIP.'),
    type: s
      .oneOf(4, 'ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName')
      .default('ClusterIP')
      .doc('ClusterIP, NodePort, LoadBalancer or ExternalName.'),
    externalIPs: s
      .list(5, t.string)
      .optional()
      .doc("Addresses of nodes on which traffic is accepted too; routing them is not the cluster's business."),
    sessionAffinity: s
      .oneOf(7, 'ClientIP', 'None')
      .default('None')
      .doc('None, or ClientIP to keep a client with one pod.'),
    loadBalancerIP: s
      .string(8)
      .optional()
      .doc("Address wanted from the load balancer. Old: use the provider's annotations."),
    loadBalancerSourceRanges: s
      .list(9, t.string)
      .optional()
      .doc('Client addresses that the load balancer lets through.'),
    externalName: s.string(10).optional().doc('The name that DNS answers with, for ExternalName.'),
    externalTrafficPolicy: s
      .oneOf(11, 'Cluster', 'Local')
      .optional()
      .doc("Cluster, or Local to keep traffic from outside on its node and see the client's address."),
    healthCheckNodePort: s
      .int32(12)
      .optional()
      .doc('Port on which nodes tell whether they have endpoints, for LoadBalancer with Local.'),
    publishNotReadyAddresses: s.boolean(13).optional().doc('Show pods in DNS and endpoints before they are ready.'),
    sessionAffinityConfig: s.field(14, sessionAffinityConfig).optional().doc('Settings of session affinity.'),
    ipFamilies: s
      .list(19, t.oneOf('IPv4', 'IPv6'))
      .optional()
      .doc('Families of the virtual addresses; follows the cluster when absent.'),
    ipFamilyPolicy: s
      .oneOf(17, 'SingleStack', 'PreferDualStack', 'RequireDualStack')
      .keepsZero()
      .optional()
      .doc('SingleStack, PreferDualStack or RequireDualStack.'),
    allocateLoadBalancerNodePorts: s.boolean(20).keepsZero().optional().doc('Whether a LoadBalancer gets node ports.'),
    loadBalancerClass: s
      .string(21)
      .keepsZero()
      .optional()
      .doc('Which load balancer implementation is to serve it; cannot be changed later.'),
    internalTrafficPolicy: s
      .oneOf(22, 'Cluster', 'Local')
      .keepsZero()
      .optional()
      .doc('Cluster, or Local to keep traffic from inside on its node.'),
    trafficDistribution: s
      .string(23)
      .keepsZero()
      .optional()
      .doc('A preference among endpoints: PreferSameZone, PreferSameNode or PreferClose.'),
  },
  { doc: 'How a set of pods is reached.' },
);
export interface ServiceSpec extends Of<typeof serviceSpec> {}

export const portStatus = struct(
  'core.v1.PortStatus',
  {
    port: s.int32(1).doc('Number of the port.'),
    protocol: s.oneOf(2, 'TCP', 'UDP', 'SCTP').doc('TCP, UDP or SCTP.'),
    error: s.string(3).keepsZero().optional().doc('Why the port does not work: one CamelCase word.'),
  },
  { doc: 'A port of a load balancer.' },
);
export interface PortStatus extends Of<typeof portStatus> {}

export const loadBalancerIngress = struct(
  'core.v1.LoadBalancerIngress',
  {
    ip: s.string(1).optional().doc('Address.'),
    hostname: s.string(2).optional().doc('Host name.'),
    ipMode: s
      .oneOf(3, 'VIP', 'Proxy')
      .keepsZero()
      .optional()
      .doc("VIP when traffic arrives with the load balancer's address, Proxy when with the node's or pod's."),
    ports: s.list(4, portStatus).optional().doc('State of each port.'),
  },
  { doc: 'One address of a load balancer.' },
);
export interface LoadBalancerIngress extends Of<typeof loadBalancerIngress> {}

export const loadBalancerStatus = struct(
  'core.v1.LoadBalancerStatus',
  {
    ingress: s.list(1, loadBalancerIngress).optional().doc('Where traffic enters.'),
  },
  { doc: 'State of a load balancer.' },
);
export interface LoadBalancerStatus extends Of<typeof loadBalancerStatus> {}

export const serviceStatus = struct(
  'core.v1.ServiceStatus',
  {
    loadBalancer: s.field(1, loadBalancerStatus).default({}).doc('State of the load balancer.'),
    conditions: s
      .list(2, condition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
      .optional()
      .doc('State in detail.'),
  },
  { doc: 'What was last seen of the Service.' },
);
export interface ServiceStatus extends Of<typeof serviceStatus> {}

export const Service = resource({
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  shortNames: ['svc'],
  categories: ['all'],
  scope: 'Namespaced',
  subresources: {
    status: true,
    other: { proxy: { kind: 'ServiceProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] } },
  },
  storagePrefix: 'services/specs',
  columns: serviceColumns,
  selectable: { 'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '', 'spec.type': ({ spec }) => spec.type },
  hooks: {
    generation: false,
    name: 'dns1123Label',
    validateCreate: (service) => [...serviceCauses(service)],
    validateUpdate: (service, old) => [...serviceUpdateCauses(service, old)],
    warnings: (service) => [...serviceWarnings(service)],
    statusWarnings: ({ status }) => [...loadBalancerStatusWarnings('status.loadBalancer', status.loadBalancer)],
    validateStatus: ({ spec, status }) => [
      ...loadBalancerStatusCauses('status.loadBalancer', status.loadBalancer, spec),
    ],
    fill: (service) => fillService(service),
    prepareCreate: (service) => createService(service),
    prepareUpdate: (service, old) => updateService(service, old),
  },
  name: 'core.v1.Service',
  doc: 'A name and address for a set of pods.',
  fields: {
    spec: s.field(2, serviceSpec).default({}).doc('How the pods are reached.'),
    status: s.field(3, serviceStatus).default({}).doc('What was last seen; written by the load balancer controller.'),
  },
});
export type Service = ObjectOf<typeof Service>;
