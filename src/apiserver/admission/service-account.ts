/**
 * Gives every pod a ServiceAccount, its image pull secrets, and a mounted token that the kubelet keeps fresh
 * (https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#serviceaccount-admission-controller).
 */
import { forbidden } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import type { Pod } from '#api/core/pod.ts';
import type { ServiceAccount } from '#api/core/serviceaccount.ts';
import type { Random } from '#world/world.ts';
import type { WatchCache } from '../watch/cache.ts';
import type { AdmissionPlugin } from './admission.ts';

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The lifetime that old clients survive: the API server extends it to a year and the kubelet rotates it within the hour. */
const tokenSeconds = 3607;
const fileMode = 0o644;

export function serviceAccountAdmission(serviceAccounts: WatchCache, random: Random): AdmissionPlugin {
  const isPodCreation = (request: Parameters<NonNullable<AdmissionPlugin['mutate']>>[0]): boolean =>
    request.operation === 'CREATE' &&
    request.kind.group === '' &&
    request.kind.kind === 'Pod' &&
    request.subresource === undefined;
  return {
    name: 'ServiceAccount',
    mutate(request) {
      if (!isPodCreation(request)) return request.object;
      const pod = request.object as unknown as Pod;
      if (pod.metadata.annotations?.['kubernetes.io/config.mirror']) return request.object;
      const name = pod.spec.serviceAccountName || 'default';
      const namespace = pod.metadata.namespace ?? request.namespace ?? '';
      const entry = serviceAccounts.get(serviceAccounts.key(namespace, name));
      if (!entry) {
        throw forbidden(
          { group: '', plural: 'pods' },
          pod.metadata.name ?? '',
          `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`,
        );
      }
      const account = entry.object as unknown as ServiceAccount;
      let { spec } = pod;
      spec = { ...spec, serviceAccountName: name, serviceAccount: name } as Pod['spec'];
      if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length)
        spec = { ...spec, imagePullSecrets: account.imagePullSecrets };
      if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true)
        spec = withToken(spec, random);
      return { ...pod, spec } as unknown as AnyObject;
    },
  };
}

function withToken(spec: Pod['spec'], random: Random): Pod['spec'] {
  const existing = spec.volumes?.find((volume) => volume.name?.startsWith('kube-api-access-'));
  const volumeName = existing?.name ?? `kube-api-access-${random.suffix(5)}`;
  let used = false;
  const mounted = <C extends { readonly volumeMounts?: readonly { readonly mountPath: string }[] }>(
    containers: readonly C[] | undefined,
  ): readonly C[] | undefined =>
    containers?.map((container) => {
      if (container.volumeMounts?.some((mount) => mount.mountPath === mountPath)) return container;
      used = true;
      return {
        ...container,
        volumeMounts: [...(container.volumeMounts ?? []), { name: volumeName, readOnly: true, mountPath }],
      };
    });
  const containers = mounted(spec.containers);
  const initContainers = mounted(spec.initContainers);
  if (!used) return spec;
  const volume = {
    name: volumeName,
    projected: {
      defaultMode: fileMode,
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: tokenSeconds } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    },
  };
  return {
    ...spec,
    containers: containers ?? spec.containers,
    ...(initContainers ? { initContainers } : {}),
    volumes: existing ? spec.volumes : [...(spec.volumes ?? []), volume],
  } as Pod['spec'];
}
