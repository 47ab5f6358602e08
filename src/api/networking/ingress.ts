/**
 * Ingress: routes HTTP from outside the cluster to Services, by host and path.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { inline, s, struct, t, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { typedLocalObjectReference } from '../core/references.ts';
import { addressesOf, hostsOf } from './ingress-columns.ts';
import { ingressCauses, ingressStatusCauses, ingressStatusWarnings, ingressWarnings } from './ingress-validation.ts';

export const serviceBackendPort = struct(
  'networking.v1.ServiceBackendPort',
  {
    name: s.string(1).optional().doc('Name of the port; either name or number.'),
    number: s.int32(2).optional().doc('Number of the port, such as 80; either name or number.'),
  },
  { doc: 'A port of a Service, by name or by number.', atomic: true },
);

export const ingressServiceBackend = struct(
  'networking.v1.IngressServiceBackend',
  {
    name: s.string(1).ruled().doc('Name of a Service in the namespace of the Ingress.'),
    port: s.field(2, serviceBackendPort).default({}).doc('Which port of the Service gets the traffic.'),
  },
  { doc: 'A Service that gets traffic.' },
);

export const ingressBackend = struct(
  'networking.v1.IngressBackend',
  {
    service: s.field(4, ingressServiceBackend).optional().doc('A Service; excludes resource.'),
    resource: s
      .field(3, typedLocalObjectReference)
      .optional()
      .doc('Another object of the same namespace that the controller knows how to reach; excludes service.'),
  },
  { doc: 'Where traffic goes: exactly one of service and resource.' },
);
export interface IngressBackend extends Of<typeof ingressBackend> {}

export const httpIngressPath = struct(
  'networking.v1.HTTPIngressPath',
  {
    path: s
      .string(1)
      .optional()
      .doc('What the path of a request is compared with; begins with a slash. Empty with ImplementationSpecific: all.'),
    pathType: s
      .oneOf(3, 'Exact', 'Prefix', 'ImplementationSpecific')
      .keepsZero()
      .ruled()
      .doc('Exact; Prefix, compared part by part between slashes; or ImplementationSpecific, up to the controller.'),
    backend: s.field(2, ingressBackend).default({}).doc('Where matching requests go.'),
  },
  { doc: 'Sends requests of one path to one backend.' },
);
export interface HttpIngressPath extends Of<typeof httpIngressPath> {}

export const httpIngressRuleValue = struct(
  'networking.v1.HTTPIngressRuleValue',
  { paths: s.list(1, httpIngressPath).doc('Paths and their backends.') },
  { doc: 'Backends of a host, by path.' },
);

const ingressRuleValue = struct('networking.v1.IngressRuleValue', {
  http: s
    .field(1, httpIngressRuleValue)
    .optional()
    .doc('Backends by path; absent: all traffic goes to defaultBackend.'),
});

export const ingressRule = struct(
  'networking.v1.IngressRule',
  {
    host: s
      .string(1)
      .optional()
      .doc('Host name, or *.example.com for every name one label below; empty matches every host.'),
    ...inline(2, ingressRuleValue),
  },
  { doc: 'What happens to the requests of one host.' },
);
export interface IngressRule extends Of<typeof ingressRule> {}

export const ingressTls = struct(
  'networking.v1.IngressTLS',
  {
    hosts: s
      .list(1, t.string)
      .optional()
      .doc('Host names that the certificate is for; from the controller when empty.'),
    secretName: s
      .string(2)
      .optional()
      .doc('Secret with certificate and key for port 443; empty leaves the choice to the host name of the connection.'),
  },
  { doc: 'TLS for some hosts.' },
);
export interface IngressTls extends Of<typeof ingressTls> {}

export const ingressSpec = struct(
  'networking.v1.IngressSpec',
  {
    ingressClassName: s
      .string(4)
      .keepsZero()
      .optional()
      .doc('The IngressClass whose controller should serve it; the default class when absent.'),
    defaultBackend: s.field(1, ingressBackend).optional().doc('Gets the requests that no rule matches.'),
    tls: s.list(2, ingressTls).optional().doc('TLS by host; all on port 443, told apart by SNI.'),
    rules: s.list(3, ingressRule).optional().doc('Rules by host; without any, all goes to defaultBackend.'),
  },
  { doc: 'What traffic goes where.' },
);
export interface IngressSpec extends Of<typeof ingressSpec> {}

export const ingressPortStatus = struct(
  'networking.v1.IngressPortStatus',
  {
    port: s.int32(1).doc('Number of the port.'),
    protocol: s.oneOf(2, 'TCP', 'UDP', 'SCTP').doc('TCP, UDP or SCTP.'),
    error: s.string(3).keepsZero().optional().doc('Why the port does not work: one CamelCase word.'),
  },
  { doc: 'State of a port.' },
);

export const ingressLoadBalancerIngress = struct(
  'networking.v1.IngressLoadBalancerIngress',
  {
    ip: s.string(1).optional().doc('Address, when the load balancer has one.'),
    hostname: s.string(2).optional().doc('Host name, when the load balancer is known by name.'),
    ports: s.list(4, ingressPortStatus).optional().doc('State of each port.'),
  },
  { doc: 'One entrance of a load balancer.' },
);

export const ingressLoadBalancerStatus = struct(
  'networking.v1.IngressLoadBalancerStatus',
  { ingress: s.list(1, ingressLoadBalancerIngress).optional().doc('Where traffic enters.') },
  { doc: 'State of the load balancer.' },
);

export const ingressStatus = struct(
  'networking.v1.IngressStatus',
  { loadBalancer: s.field(1, ingressLoadBalancerStatus).default({}).doc('State of the load balancer.') },
  { doc: 'What the controller reports.' },
);
export interface IngressStatus extends Of<typeof ingressStatus> {}

export const Ingress = resource({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  plural: 'ingresses',
  shortNames: ['ing'],
  scope: 'Namespaced',
  subresources: { status: true },
  storagePrefix: 'ingress',
  columns: [
    nameColumn,
    {
      name: 'Class',
      type: 'string',
      description: 'The IngressClass that serves it.',
      cell: ({ spec }) => spec.ingressClassName ?? '<none>',
    },
    { name: 'Hosts', type: 'string', description: 'Hosts it is for.', cell: ({ spec }) => hostsOf(spec.rules) },
    {
      name: 'Address',
      type: 'string',
      description: 'Where traffic enters.',
      cell: ({ status }) => addressesOf(status.loadBalancer.ingress),
    },
    {
      name: 'Ports',
      type: 'string',
      description: 'Ports it listens on.',
      cell: ({ spec }) => ((spec.tls?.length ?? 0) > 0 ? '80, 443' : '80'),
    },
    ageColumn,
  ],
  hooks: {
    prepareCreate: (ingress) => ({ ...ingress, status: { loadBalancer: {} } }),
    validateCreate: (ingress) => [...ingressCauses(ingress)],
    validateStatus: ({ status }) => [...ingressStatusCauses(status)],
    warnings: (ingress, old) => (old === undefined ? [...ingressWarnings(ingress)] : []),
    statusWarnings: ({ status }) => [...ingressStatusWarnings(status)],
  },
  name: 'networking.v1.Ingress',
  doc: 'Routes HTTP and HTTPS from outside to Services, by host and path; an ingress controller carries it out.',
  fields: {
    spec: s.field(2, ingressSpec).default({}).doc('What traffic goes where.'),
    status: s.field(3, ingressStatus).default({}).doc('What the controller reports.'),
  },
});
export type Ingress = ObjectOf<typeof Ingress>;
