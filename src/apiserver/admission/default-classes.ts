/**
 * DefaultIngressClass and DefaultStorageClass: an Ingress or a claim without a class gets the one that is marked as the default; of
 * several the newest (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/).
 */
import { defaultIngressClass } from '#api/networking/ingressclass.ts';
import { isDefaultClass } from '#api/storage/storageclass.ts';
import type { AnyObject, ObjectMeta } from '#meta/object-meta.ts';
import type { WatchCache } from '../watch/cache.ts';
import type { AdmissionPlugin } from './admission.ts';

const ingressAnnotation = 'kubernetes.io/ingress.class';
const claimAnnotation = 'volume.beta.kubernetes.io/storage-class';

/** The newest of the default classes; of one moment, the first by name. */
function newest(classes: WatchCache, isDefault: (metadata: ObjectMeta) => boolean): string | undefined {
  let found: ObjectMeta | undefined;
  for (const { object } of classes.values()) {
    const { metadata } = object;
    if (!isDefault(metadata)) continue;
    const [mine, best] = [metadata.creationTimestamp, found?.creationTimestamp ?? ''];
    if (found === undefined || mine > best || (mine === best && metadata.name < found.name)) found = metadata;
  }
  return found?.name;
}

/** An object's spec with the default class, when it has none in either way. */
function withClass(object: AnyObject, field: string, annotation: string, pick: () => string | undefined): AnyObject {
  const { spec, metadata } = object as AnyObject & { spec?: Readonly<Record<string, unknown>> };
  if (spec?.[field] !== undefined || metadata.annotations?.[annotation] !== undefined) return object;
  const name = pick();
  return name === undefined ? object : ({ ...object, spec: { ...spec, [field]: name } } as unknown as AnyObject);
}

export function defaultIngressClassAdmission(classes: WatchCache): AdmissionPlugin {
  const pick = (): string | undefined =>
    newest(classes, ({ annotations }) => annotations?.[defaultIngressClass] === 'true');
  return {
    name: 'DefaultIngressClass',
    mutate({ kind, subresource, operation, object }) {
      const applies = kind.group === 'networking.k8s.io' && kind.kind === 'Ingress' && subresource === undefined;
      return applies && operation === 'CREATE'
        ? withClass(object, 'ingressClassName', ingressAnnotation, pick)
        : object;
    },
  };
}

export function defaultStorageClassAdmission(classes: WatchCache): AdmissionPlugin {
  const pick = (): string | undefined => newest(classes, isDefaultClass);
  return {
    name: 'DefaultStorageClass',
    mutate({ kind, subresource, operation, object }) {
      const applies = kind.group === '' && kind.kind === 'PersistentVolumeClaim' && subresource === undefined;
      return applies && operation === 'CREATE' ? withClass(object, 'storageClassName', claimAnnotation, pick) : object;
    },
  };
}
