/**
 * NetworkPolicy: which traffic pods may receive and send. Pods that no policy selects may do everything.
 */
import { formatSelector, selectorFrom } from '#meta/selector.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { labelSelector } from '#schema/label-selector.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { networkPolicyCauses, networkPolicyWarnings } from './networkpolicy-validation.ts';

export const ipBlock = struct(
  'networking.v1.IPBlock',
  {
    cidr: s.string(1).doc('The range, such as 192.168.1.0/24 or 2001:db8::/64.'),
    except: s.list(2, t.string).optional().doc('Ranges inside cidr that are left out.'),
  },
  { doc: 'A range of addresses.' },
);
export interface IpBlock extends Of<typeof ipBlock> {}

export const networkPolicyPeer = struct(
  'networking.v1.NetworkPolicyPeer',
  {
    podSelector: s
      .field(1, labelSelector)
      .optional()
      .doc('Pods; of the namespaces in namespaceSelector, or of the own namespace without it. Empty selects all.'),
    namespaceSelector: s.field(2, labelSelector).optional().doc('Namespaces by their labels. Empty selects all.'),
    ipBlock: s.field(3, ipBlock).optional().doc('Addresses; excludes the two selectors.'),
  },
  { doc: 'Who may send, or be sent to.' },
);
export interface NetworkPolicyPeer extends Of<typeof networkPolicyPeer> {}

export const networkPolicyPort = struct(
  'networking.v1.NetworkPolicyPort',
  {
    protocol: s.oneOf(1, 'TCP', 'UDP', 'SCTP').inOrder().keepsZero().default('TCP').doc('TCP, UDP or SCTP.'),
    port: s.intOrString(2).optional().doc('Number or name of the port; all when absent.'),
    endPort: s.int32(3).keepsZero().optional().doc('Last port of a range that begins at port, which must be a number.'),
  },
  { doc: 'A port, or a range of ports.' },
);
export interface NetworkPolicyPort extends Of<typeof networkPolicyPort> {}

export const networkPolicyIngressRule = struct(
  'networking.v1.NetworkPolicyIngressRule',
  {
    ports: s.list(1, networkPolicyPort).optional().doc('Ports that may be reached; all when empty.'),
    from: s.list(2, networkPolicyPeer).optional().doc('Who may send; everybody when empty.'),
  },
  { doc: 'Traffic that may come in: on any of the ports, from any of the senders.' },
);

export const networkPolicyEgressRule = struct(
  'networking.v1.NetworkPolicyEgressRule',
  {
    ports: s.list(1, networkPolicyPort).optional().doc('Ports that may be sent to; all when empty.'),
    to: s.list(2, networkPolicyPeer).optional().doc('Who may be sent to; everybody when empty.'),
  },
  { doc: 'Traffic that may go out: to any of the ports, to any of the receivers.' },
);

export const networkPolicySpec = struct(
  'networking.v1.NetworkPolicySpec',
  {
    podSelector: s
      .field(1, labelSelector)
      .default({})
      .doc('Pods of the namespace that the policy is for; an empty selector means all of them.'),
    ingress: s
      .list(2, networkPolicyIngressRule)
      .optional()
      .doc('Traffic that may come in. What any policy allows is allowed; an empty list allows nothing.'),
    egress: s.list(3, networkPolicyEgressRule).optional().doc('Traffic that may go out, likewise.'),
    policyTypes: s
      .list(4, t.inOrder('Ingress', 'Egress'))
      .filled()
      .doc('Which directions are restricted. When absent: Ingress, and Egress when there are egress rules.'),
  },
  { doc: 'Which traffic is allowed.' },
);
export interface NetworkPolicySpec extends Of<typeof networkPolicySpec> {}

export const NetworkPolicy = resource({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  shortNames: ['netpol'],
  scope: 'Namespaced',
  columns: [
    nameColumn,
    {
      name: 'Pod-Selector',
      type: 'string',
      description: 'Pods that the policy is for.',
      cell: ({ spec }) => formatSelector(selectorFrom(spec.podSelector)) || '<none>',
    },
    ageColumn,
  ],
  hooks: {
    generation: true,
    fill: (policy) => {
      const spec = policy.spec ?? {};
      if ((spec.policyTypes?.length ?? 0) > 0) return policy;
      const types = (spec.egress?.length ?? 0) > 0 ? (['Ingress', 'Egress'] as const) : (['Ingress'] as const);
      return { ...policy, spec: { ...spec, policyTypes: types } };
    },
    validateCreate: ({ spec }) => [...networkPolicyCauses(spec)],
    warnings: ({ spec }) => [...networkPolicyWarnings(spec)],
  },
  name: 'networking.v1.NetworkPolicy',
  doc: 'Restricts which traffic pods may receive and send.',
  fields: { spec: s.field(2, networkPolicySpec).default({}).doc('Which traffic is allowed.') },
});
export type NetworkPolicy = ObjectOf<typeof NetworkPolicy>;
