/**
 * A kubelet may write only its own Node, lease and storage facts, and the pods bound to it
 * (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction). Wording is upstream's.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { ApiError, notFound } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import type { TokenRequest } from '#api/authentication/tokenrequest.ts';
import type { PodCertificateRequest } from '#api/certificates/podcertificaterequest.ts';
import type { Node } from '#api/core/node.ts';
import type { Pod } from '#api/core/pod.ts';
import type { PodSpec } from '#api/core/pod-spec.ts';
import { nodeNameOf } from '../authz/node.ts';
import type { User } from '../user.ts';
import type { WatchCache } from '../watch/cache.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

const mirrorAnnotation = 'kubernetes.io/config.mirror';

interface Caches {
  readonly pods: WatchCache;
  readonly nodes: WatchCache;
}

type Restriction = (request: AdmissionRequest, node: string, caches: Caches) => void;

export function nodeRestriction(caches: Caches): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    validate(request) {
      if (!request.user.groups.includes('system:nodes')) return;
      const { group, plural } = request.kind;
      const restriction = restrictions[`${group}/${plural}`];
      const node = nodeNameOf(request.user);
      if (node !== undefined) restriction?.(request, node, caches);
      else if (isNodeUser(request.user)) refuse(request, `could not determine node from user "${request.user.name}"`);
    },
  };
}

/** In the group of nodes and called like one, but without a name. */
const isNodeUser = ({ name }: User): boolean => name === 'system:node:';

const restrictions: Readonly<Record<string, Restriction>> = {
  '/pods': restrictPod,
  '/nodes': restrictNode,
  '/persistentvolumeclaims': restrictClaim,
  '/serviceaccounts': restrictToken,
  'coordination.k8s.io/leases': restrictLease,
  'storage.k8s.io/csinodes': (request, node) =>
    mustBeNamed(request, node, 'can only access CSINode with the same name as the requesting node'),
  'resource.k8s.io/resourceslices': restrictSlice,
  'certificates.k8s.io/podcertificaterequests': restrictCertificate,
};

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

/** A create names its object, everything else names it in the path. */
function mustBeNamed(request: AdmissionRequest, node: string, why: string): void {
  const { operation, object, name } = request;
  const called = operation === 'CREATE' ? object?.metadata.name : name;
  if (called !== node) refuse(request, why);
}

const podOf = (pods: WatchCache, namespace: string | undefined, name: string): Pod | undefined =>
  pods.get(pods.key(namespace, name))?.object as unknown as Pod | undefined;

function restrictPod(request: AdmissionRequest, node: string, { pods, nodes }: Caches): void {
  const { operation, subresource } = request;
  switch (subresource) {
    case undefined:
      if (operation === 'CREATE') restrictMirrorPod(request, node, nodes);
      else if (operation === 'DELETE') {
        if ((request.old as unknown as Pod).spec.nodeName !== node)
          refuse(request, `node "${node}" can only delete pods with spec.nodeName set to itself`);
      } else
        refuse(request, `unexpected operation "${operation}", node "${node}" can only create and delete mirror pods`);
      return;
    case 'status':
      if (operation === 'UPDATE') restrictPodStatus(request, node);
      else refuse(request, `unexpected operation "${operation}"`);
      return;
    case 'eviction': {
      if (operation !== 'CREATE') refuse(request, `unexpected operation ${operation}`);
      const name = request.name || request.object?.metadata.name;
      if (!name) refuse(request, 'could not determine pod from request data');
      const pod = podOf(pods, request.namespace, name);
      if (!pod) throw notFound({ group: '', plural: 'pods' }, name);
      if (pod.spec.nodeName !== node)
        refuse(request, `node ${node} can only evict pods with spec.nodeName set to itself`);
      return;
    }
    default:
      refuse(request, `unexpected pod subresource "${subresource}", only 'status' and 'eviction' are allowed`);
  }
}

/** The image in the API of a pod that the kubelet runs from a file: it may not make the kubelet read anything. */
function restrictMirrorPod(request: AdmissionRequest, node: string, nodes: WatchCache): void {
  const { metadata, spec } = request.object as unknown as Pod;
  if (metadata.annotations?.[mirrorAnnotation] === undefined)
    refuse(request, `pod does not have "${mirrorAnnotation}" annotation, node "${node}" can only create mirror pods`);
  if (spec.nodeName !== node) refuse(request, `node "${node}" can only create pods with spec.nodeName set to itself`);
  const owners = metadata.ownerReferences ?? [];
  const [owner] = owners;
  if (owners.length > 1)
    refuse(request, `node "${node}" can only create pods with a single owner reference set to itself`);
  if (owner === undefined || owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node)
    refuse(request, `node "${node}" can only create pods with an owner reference set to itself`);
  if (!owner.controller)
    refuse(request, `node "${node}" can only create pods with a controller owner reference set to itself`);
  if (owner.blockOwnerDeletion) refuse(request, `node "${node}" must not set blockOwnerDeletion on an owner reference`);
  const own = nodes.get(nodes.key(undefined, node));
  if (!own) throw notFound({ group: '', plural: 'nodes' }, node);
  const { uid } = own.object.metadata;
  if (owner.uid !== uid) refuse(request, `node ${node} UID mismatch: expected ${owner.uid} got ${uid}`);
  const what = referenceOf(spec);
  if (what !== undefined) refuse(request, `node "${node}" can not create pods that reference ${what}`);
}

/** The first kind of API object that a pod's spec refers to. */
function referenceOf(spec: PodSpec): string | undefined {
  if (spec.serviceAccountName) return 'a service account';
  const containers = [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])];
  const variables = containers.flatMap(({ env }) => env ?? []).map(({ valueFrom }) => valueFrom);
  const sources = containers.flatMap(({ envFrom }) => envFrom ?? []);
  const volumes = spec.volumes ?? [];
  const projected = volumes.flatMap((volume) => volume.projected?.sources ?? []);
  if (
    spec.imagePullSecrets?.length ||
    variables.some((from) => from?.secretKeyRef) ||
    sources.some(({ secretRef }) => secretRef) ||
    projected.some(({ secret }) => secret) ||
    volumes.some(({ secret, csi }) => secret || csi?.nodePublishSecretRef)
  )
    return 'secrets';
  if (
    variables.some((from) => from?.configMapKeyRef) ||
    sources.some(({ configMapRef }) => configMapRef) ||
    projected.some(({ configMap }) => configMap) ||
    volumes.some(({ configMap }) => configMap)
  )
    return 'configmaps';
  if (projected.some(({ clusterTrustBundle }) => clusterTrustBundle)) return 'clustertrustbundles';
  if (volumes.some(({ persistentVolumeClaim }) => persistentVolumeClaim)) return 'persistentvolumeclaims';
  return spec.resourceClaims?.length ? 'resourceclaims' : undefined;
}

function restrictPodStatus(request: AdmissionRequest, node: string): void {
  const [now, old] = [request.object as unknown as Pod, request.old as unknown as Pod];
  if (old.spec.nodeName !== node)
    refuse(request, `node "${node}" can only update pod status for pods with spec.nodeName set to itself`);
  if (!deepEqual(now.metadata.labels ?? {}, old.metadata.labels ?? {}))
    refuse(request, `node "${node}" cannot update labels through pod status`);
  if (!deepEqual(now.status.resourceClaimStatuses ?? [], old.status.resourceClaimStatuses ?? []))
    refuse(request, `node "${node}" cannot update resource claim statues`);
  if (!deepEqual(now.status.extendedResourceClaimStatus, old.status.extendedResourceClaimStatus))
    refuse(request, `node "${node}" cannot update extended resource claim status`);
}

type Claim = AnyObject & { readonly status?: Readonly<Record<string, unknown>> };

/** A kubelet reports what it saw of a volume's growth, and nothing else of a claim. */
function restrictClaim(request: AdmissionRequest, node: string): void {
  if (request.subresource !== 'status') refuse(request, 'may only update PVC status');
  if (request.operation !== 'UPDATE') refuse(request, `unexpected operation "${request.operation}"`);
  const rest = ({ metadata, status, ...others }: Claim): unknown => {
    const { resourceVersion: _1, managedFields: _2, ...meta } = metadata;
    const {
      capacity: _3,
      conditions: _4,
      allocatedResourceStatuses: _5,
      allocatedResources: _6,
      ...kept
    } = status ?? {};
    return { ...others, metadata: meta, status: kept };
  };
  if (!deepEqual(rest(request.object as Claim), rest(request.old as Claim)))
    refuse(request, `node "${node}" is not allowed to update fields other than status.capacity and status.conditions`);
}

/** A kubelet asks for tokens only on behalf of its own pods. */
function restrictToken(request: AdmissionRequest, node: string, { pods }: Caches): void {
  if (request.operation !== 'CREATE' || request.subresource !== 'token') return;
  const { spec } = request.object as unknown as TokenRequest;
  const bound = spec.boundObjectRef;
  if (bound?.kind !== 'Pod' || bound.apiVersion !== 'v1' || !bound.name)
    refuse(request, `node requested token not bound to a pod`);
  if (!bound.uid) refuse(request, `node requested token with a pod binding without a uid`);
  const pod = podOf(pods, request.namespace, bound.name);
  if (!pod) throw notFound({ group: '', plural: 'pods' }, bound.name);
  if (pod.metadata.uid !== bound.uid) {
    refuse(
      request,
      `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
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
  if (operation === 'DELETE') return;
  const now = object as unknown as Node;
  const before = old as unknown as Node | undefined;
  const { configSource } = now.spec;
  if (before === undefined && configSource !== undefined)
    refuse(request, `node "${node}" is not allowed to create pods with a non-nil configSource`);
  if (before !== undefined && configSource !== undefined && !deepEqual(configSource, before.spec.configSource))
    refuse(request, `node "${node}" is not allowed to update configSource to a new non-nil configSource`);
  if (before && !deepEqual(now.spec.taints ?? [], before.spec.taints ?? []))
    refuse(request, `node "${node}" is not allowed to modify taints`);
  const foreign = foreignLabels(now.metadata.labels ?? {}, before?.metadata.labels ?? {});
  if (foreign.length === 0) return;
  refuse(
    request,
    before === undefined
      ? `node "${node}" is not allowed to set the following labels: ${foreign.join(', ')}`
      : `is not allowed to modify labels: ${foreign.join(', ')}`,
  );
}

type Labels = Readonly<Record<string, string>>;

const foreignLabels = (now: Labels, had: Labels): readonly string[] =>
  [...new Set([...Object.keys(now), ...Object.keys(had)])]
    .filter((key) => now[key] !== had[key] && isReserved(key) && !isKubeletLabel(key))
    .toSorted();

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
  if (request.namespace !== 'kube-node-lease')
    refuse(request, `can only access leases in the "kube-node-lease" system namespace`);
  mustBeNamed(request, node, 'can only access node lease with the same name as the requesting node');
}

type Slice = AnyObject & { readonly spec: { readonly nodeName?: string } };

/** Reads and updates are the authorizer's; what is made or deleted is known only here. */
function restrictSlice(request: AdmissionRequest, node: string): void {
  const { operation, object, old } = request;
  if (operation === 'CREATE' && (object as Slice).spec.nodeName !== node)
    refuse(request, 'can only create ResourceSlice with the same NodeName as the requesting node');
  if (operation === 'DELETE' && (old as Slice).spec.nodeName !== node)
    refuse(request, 'can only delete ResourceSlice with the same NodeName as the requesting node');
}

/** A kubelet asks for certificates of its own pods only, and says truly who they are. */
function restrictCertificate(request: AdmissionRequest, node: string, { pods, nodes }: Caches): void {
  if (request.operation !== 'CREATE') refuse(request, `unexpected operation ${request.operation}`);
  if (request.subresource !== undefined) refuse(request, `unexpected subresource ${request.subresource}`);
  const { spec } = request.object as unknown as PodCertificateRequest;
  if (spec.nodeName !== node) {
    refuse(
      request,
      `PodCertificateRequest.Spec.NodeName="${spec.nodeName}", which is not the requesting node "${node}"`,
    );
  }
  const uid = nodes.get(nodes.key(undefined, node))?.object.metadata.uid;
  if (spec.nodeUID !== uid)
    refuse(
      request,
      `PodCertificateRequest for node "${node}" names the node UID "${spec.nodeUID}", which is not its own`,
    );
  const pod = podOf(pods, request.namespace, spec.podName);
  if (!pod) throw notFound({ group: '', plural: 'pods' }, spec.podName);
  if (pod.metadata.uid !== spec.podUID)
    refuse(
      request,
      `PodCertificateRequest for pod "${spec.podName}" names the pod UID "${spec.podUID}", which is not the pod's`,
    );
  if (pod.spec.nodeName !== node) refuse(request, `pod "${spec.podName}" is not running on node "${node}"`);
  if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined)
    refuse(request, `pod "${spec.podName}" is a mirror pod`);
  if (pod.spec.serviceAccountName !== spec.serviceAccountName) {
    refuse(
      request,
      `PodCertificateRequest for pod "${spec.podName}" names the service account "${spec.serviceAccountName}", which is not the pod's`,
    );
  }
}
