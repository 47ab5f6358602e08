/** Default roles of the controllers. */
import type { Rule } from '../rbac.ts';
import { apps, events, rbacGroup, read, rule } from './rule.ts';

/** One ServiceAccount a controller, in kube-system, each with its own role `system:controller:<name>`. */
export const controllerRules: Readonly<Record<string, readonly Rule[]>> = {
  'clusterrole-aggregation-controller': [
    rule(['escalate', 'get', 'list', 'patch', 'update', 'watch'], rbacGroup, 'clusterroles'),
  ],
  'daemon-set-controller': [
    rule(['get', 'list', 'watch'], apps, 'daemonsets'),
    rule(['update'], apps, 'daemonsets/status'),
    rule(['update'], apps, 'daemonsets/finalizers'),
    rule(['list', 'watch'], '', 'nodes'),
    rule(['create', 'delete', 'list', 'patch', 'watch'], '', 'pods'),
    rule(['create'], '', 'pods/binding'),
    rule(['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'], apps, 'controllerrevisions'),
    ...events,
  ],
  'deployment-controller': [
    rule(['get', 'list', 'update', 'watch'], apps, 'deployments'),
    rule(['update'], apps, 'deployments/status'),
    rule(['update'], apps, 'deployments/finalizers'),
    rule(['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'], apps, 'replicasets'),
    rule(['get', 'list', 'update', 'watch'], '', 'pods'),
    ...events,
  ],
  'endpoint-controller': [
    rule(read, '', 'pods', 'services'),
    rule(['create', 'delete', 'get', 'list', 'update'], '', 'endpoints'),
    rule(['create'], '', 'endpoints/restricted'),
    ...events,
  ],
  'endpointslice-controller': [
    rule(read, '', 'nodes', 'pods', 'services'),
    rule(['update'], '', 'services/finalizers'),
    rule(['create', 'delete', 'get', 'list', 'update', 'watch'], 'discovery.k8s.io', 'endpointslices'),
    rule(['create'], 'discovery.k8s.io', 'endpointslices/restricted'),
    ...events,
  ],
  'disruption-controller': [
    rule(['get', 'list', 'watch'], 'apps', 'deployments', 'replicasets', 'statefulsets'),
    rule(['get', 'list', 'watch'], '', 'replicationcontrollers'),
    rule(['get', 'list', 'watch'], 'policy', 'poddisruptionbudgets'),
    rule(['update'], 'policy', 'poddisruptionbudgets/status'),
    rule(['patch', 'update'], '', 'pods/status'),
    rule(['get'], '*', '*/scale'),
    ...events,
  ],
  'generic-garbage-collector': [rule(['delete', 'get', 'list', 'patch', 'update', 'watch'], '*', '*'), ...events],
  'job-controller': [
    rule(['get', 'list', 'patch', 'update', 'watch'], 'batch', 'jobs'),
    rule(['update'], 'batch', 'jobs/status'),
    rule(['update'], 'batch', 'jobs/finalizers'),
    rule(['create', 'delete', 'list', 'patch', 'watch'], '', 'pods'),
    ...events,
  ],
  'namespace-controller': [
    rule(['delete', 'get', 'list', 'watch'], '', 'namespaces'),
    rule(['update'], '', 'namespaces/finalize', 'namespaces/status'),
    rule(['delete', 'deletecollection', 'get', 'list'], '*', '*'),
  ],
  'node-controller': [
    rule(['delete', 'get', 'list', 'patch', 'update', 'watch'], '', 'nodes'),
    rule(['patch', 'update'], '', 'nodes/status'),
    rule(['patch', 'update'], '', 'pods/status'),
    rule(['delete', 'get', 'list', 'watch'], '', 'pods'),
    rule(['get', 'list', 'watch', 'delete'], 'coordination.k8s.io', 'leases'),
    ...events,
  ],
  'pod-garbage-collector': [
    rule(['delete', 'list', 'watch'], '', 'pods'),
    rule(['get', 'list', 'watch'], '', 'nodes'),
    rule(['patch'], '', 'pods/status'),
  ],
  'pv-protection-controller': [rule(['get', 'list', 'update', 'watch'], '', 'persistentvolumes'), ...events],
  'pvc-protection-controller': [
    rule(['get', 'list', 'update', 'watch'], '', 'persistentvolumeclaims'),
    rule(['get', 'list', 'watch'], '', 'pods'),
    ...events,
  ],
  'replicaset-controller': [
    rule(['get', 'list', 'update', 'watch'], apps, 'replicasets'),
    rule(['update'], apps, 'replicasets/status'),
    rule(['update'], apps, 'replicasets/finalizers'),
    rule(['create', 'delete', 'get', 'list', 'patch', 'watch'], '', 'pods'),
    ...events,
  ],
  'resourcequota-controller': [
    rule(['list', 'watch'], '*', '*'),
    rule(['update'], '', 'resourcequotas/status'),
    ...events,
  ],
  'root-ca-cert-publisher': [rule(['create', 'update'], '', 'configmaps'), ...events],
  'service-account-controller': [rule(['create'], '', 'serviceaccounts'), ...events],
  'service-cidrs-controller': [
    rule(['get', 'list', 'patch', 'update', 'watch'], 'networking.k8s.io', 'servicecidrs'),
    rule(['patch', 'update'], 'networking.k8s.io', 'servicecidrs/finalizers', 'servicecidrs/status'),
    rule(['get', 'list', 'watch'], 'networking.k8s.io', 'ipaddresses'),
    ...events,
  ],
  'ttl-after-finished-controller': [rule(['delete', 'get', 'list', 'watch'], 'batch', 'jobs'), ...events],
  'volumeattributesclass-protection-controller': [
    rule(['get', 'list', 'watch'], '', 'persistentvolumeclaims'),
    rule(['get', 'list', 'watch'], '', 'persistentvolumes'),
    rule(['get', 'list', 'update', 'watch'], 'storage.k8s.io', 'volumeattributesclasses'),
    ...events,
  ],
};
