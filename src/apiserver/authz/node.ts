/**
 * The node authorizer (https://kubernetes.io/docs/reference/access-authn-authz/node/): a kubelet may read the Secrets, ConfigMaps and ServiceAccounts that pods bound to
 * its node refer to, read their claims, and ask for tokens of those ServiceAccounts. What every kubelet may do regardless of its pods is
 * the role system:node's, as a fixed list here.
 */
import type { Pod } from '#api/core/pod.ts';
import type { PodSpec } from '#api/core/pod-spec.ts';
import type { Attributes } from '../attributes.ts';
import type { User } from '../user.ts';
import type { CacheEvent, WatchCache } from '../watch/cache.ts';

/** `system:node:<name>` in group system:nodes. */
export function nodeNameOf(user: User): string | undefined {
  const prefix = 'system:node:';
  return user.groups.includes('system:nodes') && user.name.startsWith(prefix)
    ? user.name.slice(prefix.length)
    : undefined;
}

export class NodeAuthorizer {
  /** node → key of a pod → what it refers to, as `secrets/ns/name`. */
  readonly #references = new Map<string, Map<string, ReadonlySet<string>>>();
  /** Key of a bound pod → its node. */
  readonly #nodes = new Map<string, string>();
  /** node → keys of pods from before the start that seem to be bound to it: decoded when that node asks first. */
  readonly #unread = new Map<string, string[]>();
  readonly #pods: WatchCache;

  constructor(pods: WatchCache) {
    this.#pods = pods;
    for (const entry of pods.values()) {
      for (const node of entry.stringsUnder('nodeName')) {
        const keys = this.#unread.get(node);
        if (keys) keys.push(entry.key);
        else this.#unread.set(node, [entry.key]);
      }
    }
    pods.observe((event) => this.#observe(event));
  }

  allows({ user, verb, resource }: Attributes): boolean {
    const node = nodeNameOf(user);
    if (node === undefined || !resource) return false;
    const { group, plural, namespace, name, subresource } = resource;
    const id = subresource ? `${plural}/${subresource}` : plural;
    if (group === '') {
      switch (id) {
        case 'secrets':
        case 'configmaps':
          return (
            (verb === 'get' || verb === 'list' || verb === 'watch') &&
            name !== undefined &&
            this.#refers(node, `${plural}/${namespace}/${name}`)
          );
        case 'serviceaccounts':
          return verb === 'get' && name !== undefined && this.#refers(node, `serviceaccounts/${namespace}/${name}`);
        case 'persistentvolumeclaims':
        case 'persistentvolumeclaims/status':
          return (
            (verb === 'get' || (id !== plural && (verb === 'update' || verb === 'patch'))) &&
            name !== undefined &&
            this.#refers(node, `${plural}/${namespace}/${name}`)
          );
        case 'serviceaccounts/token':
          return verb === 'create' && name !== undefined && this.#refers(node, `serviceaccounts/${namespace}/${name}`);
      }
    }
    if (group === 'coordination.k8s.io' && plural === 'leases') {
      return (
        namespace === 'kube-node-lease' &&
        ['get', 'create', 'update', 'patch', 'delete'].includes(verb) &&
        (name ?? node) === node
      );
    }
    if (group === 'storage.k8s.io' && plural === 'csinodes') {
      return ['get', 'create', 'update', 'patch', 'delete'].includes(verb) && (name ?? node) === node;
    }
    return nodeRules[`${group}/${id}`]?.includes(verb) ?? false;
  }

  #refers(node: string, reference: string): boolean {
    for (const key of this.#unread.get(node) ?? []) {
      const entry = this.#pods.get(key);
      if (entry && !this.#nodes.has(key)) this.#set(key, entry.object as unknown as Pod);
    }
    this.#unread.delete(node);
    for (const references of this.#references.get(node)?.values() ?? []) if (references.has(reference)) return true;
    return false;
  }

  #observe(event: CacheEvent): void {
    const { key } = event.entry;
    if (event.deleted) {
      const node = this.#nodes.get(key);
      if (node === undefined) return;
      this.#nodes.delete(key);
      const pods = this.#references.get(node);
      pods?.delete(key);
      if (pods?.size === 0) this.#references.delete(node);
      return;
    }
    // What a pod refers to cannot change once it is bound, but for ephemeral containers' environment.
    this.#set(key, event.entry.object as unknown as Pod);
  }

  #set(key: string, pod: Pod): void {
    const node = pod.spec.nodeName;
    if (!node) return;
    this.#nodes.set(key, node);
    let pods = this.#references.get(node);
    if (!pods) this.#references.set(node, (pods = new Map()));
    pods.set(key, referencesOf(pod.metadata.namespace ?? '', pod.spec));
  }
}

/** What a kubelet may always do: upstream's role system:node, without what the graph decides. */
const nodeRules: Readonly<Record<string, readonly string[]>> = {
  '/services': ['get', 'list', 'watch'],
  '/nodes': ['create', 'get', 'list', 'watch', 'update', 'patch'],
  '/nodes/status': ['update', 'patch'],
  '/events': ['create', 'update', 'patch'],
  'events.k8s.io/events': ['create', 'update', 'patch'],
  '/pods': ['get', 'list', 'watch', 'create', 'delete'],
  '/pods/status': ['update', 'patch'],
  '/pods/eviction': ['create'],
  'authentication.k8s.io/tokenreviews': ['create'],
  'authorization.k8s.io/subjectaccessreviews': ['create'],
  'authorization.k8s.io/localsubjectaccessreviews': ['create'],
  'certificates.k8s.io/certificatesigningrequests': ['create', 'get', 'list', 'watch'],
  'certificates.k8s.io/clustertrustbundles': ['get', 'list', 'watch'],
  'certificates.k8s.io/podcertificaterequests': ['create', 'get', 'list', 'watch'],
  'node.k8s.io/runtimeclasses': ['get', 'list', 'watch'],
  'resource.k8s.io/resourceslices': ['create', 'get', 'list', 'watch', 'update', 'patch', 'delete', 'deletecollection'],
  'storage.k8s.io/csidrivers': ['get', 'list', 'watch'],
  'storage.k8s.io/volumeattachments': ['get'],
};

/** Everything a pod of this namespace may make its kubelet read. */
function referencesOf(namespace: string, spec: PodSpec): ReadonlySet<string> {
  const found = new Set<string>();
  const secret = (name: string | undefined): void => void (name && found.add(`secrets/${namespace}/${name}`));
  const configMap = (name: string | undefined): void => void (name && found.add(`configmaps/${namespace}/${name}`));
  found.add(`serviceaccounts/${namespace}/${spec.serviceAccountName ?? 'default'}`);
  for (const reference of spec.imagePullSecrets ?? []) secret(reference.name);
  for (const container of [
    ...(spec.containers ?? []),
    ...(spec.initContainers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ]) {
    for (const { secretRef, configMapRef } of container.envFrom ?? []) {
      secret(secretRef?.name);
      configMap(configMapRef?.name);
    }
    for (const { valueFrom } of container.env ?? []) {
      secret(valueFrom?.secretKeyRef?.name);
      configMap(valueFrom?.configMapKeyRef?.name);
    }
  }
  for (const volume of spec.volumes ?? []) {
    if (volume.persistentVolumeClaim)
      found.add(`persistentvolumeclaims/${namespace}/${volume.persistentVolumeClaim.claimName}`);
    secret(volume.csi?.nodePublishSecretRef?.name);
    secret(volume.secret?.secretName);
    configMap(volume.configMap?.name);
    for (const source of volume.projected?.sources ?? []) {
      secret(source.secret?.name);
      configMap(source.configMap?.name);
    }
  }
  return found;
}
