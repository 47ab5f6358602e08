/**
 * A kubelet may write only its own Node and the pods bound to it
 * (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction).
 */
import { deepEqual } from '#base/deep-equal.ts';
import { ApiError } from '#meta/status.ts';
import type { Node } from '#api/core/node.ts';
import type { Pod } from '#api/core/pod.ts';
import type { TokenRequest } from '#api/authentication/tokenrequest.ts';
import { nodeNameOf } from '../authz/node.ts';
import type { WatchCache } from '../watch/cache.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

export function nodeRestriction(pods: WatchCache): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    validate(request) {
      const node = nodeNameOf(request.user);
      if (node === undefined) return;
      const { group, plural } = request.kind;
      if (group === '' && plural === 'pods') restrictPod(request, node, pods);
      else if (group === '' && plural === 'nodes') restrictNode(request, node);
      else if (group === '' && plural === 'serviceaccounts') restrictToken(request, node, pods);
      else if (group === 'coordination.k8s.io' && plural === 'leases') restrictLease(request, node);
    },
  };
}

function refuse(request: AdmissionRequest, why: string): never {
  const { kind, name, object } = request;
  const called = name ?? object?.metadata.name ?? '';
  throw new ApiError(
    'Forbidden',
    `${kind.plural}${kind.group ? `.${kind.group}` : ''} "${called}" is forbidden: ${why}`,
    {
      details: { name: called, kind: kind.plural, ...(kind.group ? { group: kind.group } : {}) },
    },
  );
}

function restrictPod(request: AdmissionRequest, node: string, pods: WatchCache): void {
  const { operation, subresource } = request;
  const pod = (request.old ?? request.object) as unknown as Pod;
  if (operation === 'CREATE' && subresource === undefined) {
    const created = request.object as unknown as Pod;
    if (!created.metadata.annotations?.['kubernetes.io/config.mirror']) {
      refuse(
        request,
        `pod does not have "kubernetes.io/config.mirror" annotation, node "${node}" can only create mirror pods`,
      );
    }
    if (created.spec.nodeName !== node)
      refuse(request, `node "${node}" can only create pods with spec.nodeName set to itself`);
    return;
  }
  if (operation === 'CREATE' && subresource === 'eviction') {
    const entry = pods.get(pods.key(request.namespace, request.name ?? ''));
    if (entry && (entry.object as unknown as Pod).spec.nodeName !== node) {
      refuse(request, `node "${node}" can only evict pods with spec.nodeName set to itself`);
    }
    return;
  }
  if (operation === 'DELETE' || (operation === 'UPDATE' && subresource === 'status')) {
    if (pod.spec.nodeName === node) return;
    refuse(
      request,
      operation === 'DELETE'
        ? `node "${node}" can only delete pods with spec.nodeName set to itself`
        : `node "${node}" can only update pod status for pods with spec.nodeName set to itself`,
    );
  }
  refuse(request, `unexpected operation "${operation}" of node "${node}"`);
}

/** A kubelet asks for tokens only on behalf of its own pods. */
function restrictToken(request: AdmissionRequest, node: string, pods: WatchCache): void {
  if (request.operation !== 'CREATE' || request.subresource !== 'token') return;
  const { spec } = request.object as unknown as TokenRequest;
  const bound = spec.boundObjectRef;
  if (bound?.kind !== 'Pod' || !bound.name) refuse(request, `node requested token not bound to a pod`);
  if (!bound.uid) refuse(request, `node requested token with a pod binding without a uid`);
  const entry = pods.get(pods.key(request.namespace, bound.name));
  const pod = entry?.object as unknown as Pod | undefined;
  if (!pod || pod.metadata.uid !== bound.uid)
    refuse(request, `the UID in the bound object reference (${bound.uid}) does not match the UID in record`);
  if (pod.spec.nodeName !== node) refuse(request, `node requested token bound to a pod scheduled on a different node`);
}

/** Labels a kubelet may set on its own Node, beside its own `kubelet.kubernetes.io/` and `node.kubernetes.io/`. */
const kubeletLabels = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
]);

function restrictNode(request: AdmissionRequest, node: string): void {
  const { operation, object, old } = request;
  const name = object?.metadata.name ?? request.name;
  if (name !== node) refuse(request, `node "${node}" is not allowed to modify node "${name}"`);
  if (operation === 'DELETE') refuse(request, `node "${node}" is not allowed to delete itself`);
  const now = object as unknown as Node;
  const before = old as unknown as Node | undefined;
  if (before && !deepEqual(now.spec?.taints ?? [], before.spec?.taints ?? []))
    refuse(request, `node "${node}" is not allowed to modify taints`);
  const labels = now.metadata.labels ?? {};
  const had: Readonly<Record<string, string>> = before?.metadata.labels ?? {};
  const changed = [...new Set([...Object.keys(labels), ...Object.keys(had)])].filter((key) => labels[key] !== had[key]);
  const foreign = changed.filter((key) => isReserved(key) && !isKubeletLabel(key)).toSorted();
  if (foreign.length > 0) refuse(request, `node "${node}" is not allowed to modify labels: ${foreign.join(', ')}`);
}

const isReserved = (key: string): boolean => {
  const domain = key.includes('/') ? (key.split('/')[0] as string) : '';
  return (
    domain === 'kubernetes.io' || domain.endsWith('.kubernetes.io') || domain === 'k8s.io' || domain.endsWith('.k8s.io')
  );
};

const isKubeletLabel = (key: string): boolean => {
  const domain = key.split('/')[0] as string;
  const own = ['kubelet.kubernetes.io', 'node.kubernetes.io'];
  return kubeletLabels.has(key) || own.some((prefix) => domain === prefix || domain.endsWith(`.${prefix}`));
};

function restrictLease(request: AdmissionRequest, node: string): void {
  const name = request.object?.metadata.name ?? request.name;
  if (request.namespace !== 'kube-node-lease')
    refuse(request, `can only access leases in the "kube-node-lease" system namespace`);
  if (name !== node) refuse(request, `can only access node lease with the same name as the requesting node`);
}
