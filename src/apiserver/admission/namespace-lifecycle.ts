/**
 * Nothing is created in a namespace that does not exist or is going, and the namespaces that the cluster needs cannot be deleted
 * (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#namespacelifecycle).
 */
import { ApiError, forbidden, notFound } from '#meta/status.ts';
import type { WatchCache } from '../watch/cache.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

const immortal = new Set(['default', 'kube-system', 'kube-public']);

export function namespaceLifecycle(namespaces: WatchCache): AdmissionPlugin {
  const check = ({ operation, kind, namespace, name, object }: AdmissionRequest): void => {
    if (operation === 'DELETE' && kind.group === '' && kind.kind === 'Namespace' && immortal.has(name ?? '')) {
      throw forbidden({ group: '', plural: 'namespaces' }, name ?? '', 'this namespace may not be deleted');
    }
    if (operation !== 'CREATE' || namespace === undefined) return;
    const entry = namespaces.get(namespaces.key(undefined, namespace));
    if (!entry) throw notFound({ group: '', plural: 'namespaces' }, namespace);
    if (entry.object.metadata.deletionTimestamp === undefined) return;
    const refused = forbidden(
      { group: kind.group, plural: kind.plural },
      object?.metadata.name ?? name ?? '',
      `unable to create new content in namespace ${namespace} because it is being terminated`,
    );
    throw new ApiError('Forbidden', refused.message, {
      details: {
        ...refused.details,
        causes: [
          {
            reason: 'NamespaceTerminating' as never,
            message: `namespace ${namespace} is being terminated`,
            field: 'metadata.namespace',
          },
        ],
      },
    });
  };
  return {
    name: 'NamespaceLifecycle',
    // Before anything else looks at the object: a missing namespace is the first thing a client is told.
    mutate(request) {
      check(request);
      return request.object;
    },
    validate: check,
  };
}
