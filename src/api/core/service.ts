/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { condition } from '#schema/condition.ts';

export const servicePort = struct('core.v1.ServicePort', {
  name: s.string(1).optional().doc(''),
  protocol: s.oneOf(2, 'TCP', 'UDP', 'SCTP').default('TCP').doc(''),
  appProtocol: s.string(6).optional().doc(''),
  port: s.int32(3).doc(''),
  targetPort: s.intOrString(4).filled().doc(''),
  nodePort: s.int32(5).optional().doc(''),
});
export interface ServicePort extends Of<typeof servicePort> {}

export const clientIPConfig = struct('core.v1.ClientIPConfig', {
  timeoutSeconds: s.int32(1).optional().doc(''),
});
export interface ClientIPConfig extends Of<typeof clientIPConfig> {}

export const sessionAffinityConfig = struct('core.v1.SessionAffinityConfig', {
  clientIP: s.field(1, clientIPConfig).optional().doc(''),
});
export interface SessionAffinityConfig extends Of<typeof sessionAffinityConfig> {}

export const serviceSpec = struct('core.v1.ServiceSpec', {
  ports: s
    .list(1, servicePort, { list: 'map', keys: ['port', 'protocol'], patch: { strategy: 'merge', mergeKey: 'port' } })
    .optional()
    .doc(''),
  selector: s.map(2, t.string, { atomic: true }).optional().doc(''),
  clusterIP: s.string(3).optional().doc(''),
  clusterIPs: s.list(18, t.string).optional().doc(''),
  type: s.oneOf(4, 'ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName').default('ClusterIP').doc(''),
  externalIPs: s.list(5, t.string).optional().doc(''),
  sessionAffinity: s.oneOf(7, 'ClientIP', 'None').default('None').doc(''),
  loadBalancerIP: s.string(8).optional().doc(''),
  loadBalancerSourceRanges: s.list(9, t.string).optional().doc(''),
  externalName: s.string(10).optional().doc(''),
  externalTrafficPolicy: s.oneOf(11, 'Cluster', 'Local').optional().doc(''),
  healthCheckNodePort: s.int32(12).optional().doc(''),
  publishNotReadyAddresses: s.boolean(13).optional().doc(''),
  sessionAffinityConfig: s.field(14, sessionAffinityConfig).optional().doc(''),
  ipFamilies: s.list(19, t.oneOf('IPv4', 'IPv6')).optional().doc(''),
  ipFamilyPolicy: s.oneOf(17, 'SingleStack', 'PreferDualStack', 'RequireDualStack').optional().doc(''),
  allocateLoadBalancerNodePorts: s.boolean(20).optional().doc(''),
  loadBalancerClass: s.string(21).optional().doc(''),
  internalTrafficPolicy: s.oneOf(22, 'Cluster', 'Local').optional().doc(''),
  trafficDistribution: s.string(23).optional().doc(''),
});
export interface ServiceSpec extends Of<typeof serviceSpec> {}

export const portStatus = struct('core.v1.PortStatus', {
  port: s.int32(1).doc(''),
  protocol: s.oneOf(2, 'TCP', 'UDP', 'SCTP').doc(''),
  error: s.string(3).optional().doc(''),
});
export interface PortStatus extends Of<typeof portStatus> {}

export const loadBalancerIngress = struct('core.v1.LoadBalancerIngress', {
  ip: s.string(1).optional().doc(''),
  hostname: s.string(2).optional().doc(''),
  ipMode: s.oneOf(3, 'VIP', 'Proxy').optional().doc(''),
  ports: s.list(4, portStatus).optional().doc(''),
});
export interface LoadBalancerIngress extends Of<typeof loadBalancerIngress> {}

export const loadBalancerStatus = struct('core.v1.LoadBalancerStatus', {
  ingress: s.list(1, loadBalancerIngress).optional().doc(''),
});
export interface LoadBalancerStatus extends Of<typeof loadBalancerStatus> {}

export const serviceStatus = struct('core.v1.ServiceStatus', {
  loadBalancer: s.field(1, loadBalancerStatus).default({}).doc(''),
  conditions: s
    .list(2, condition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
    .optional()
    .doc(''),
});
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
  name: 'core.v1.Service',
  doc: '',
  fields: {
    spec: s.field(2, serviceSpec).default({}).doc(''),
    status: s.field(3, serviceStatus).default({}).doc(''),
  },
});
export type Service = ObjectOf<typeof Service>;
