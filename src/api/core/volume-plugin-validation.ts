/**
 * Rules of the volumes that storage systems provide, the same in a pod and in a PersistentVolume but where `persistent` says so. Most of these systems have left
 * Kubernetes long ago; their fields are checked to this day. Paths and wording are upstream's (pkg/apis/core/validation).
 */
import { invalidValue, notSupported, required } from '#meta/causes.ts';
import { dns1123Label } from '#meta/names.ts';
import { between, localDescendingPath, named, noBacksteps, type Causes } from '../field-checks.ts';
import { validateStruct } from '#schema/validate.ts';
import { persistentVolumeSource, type PersistentVolumeSource } from './persistent-volume-source.ts';
import { hostPathTypes, type VolumeSource } from './volume.ts';

/** Where a source stands, and in what. */
export interface Place {
  readonly at: string;
  /** The name of the PersistentVolume; absent in a pod. */
  readonly persistent?: string;
}

type Source = VolumeSource | PersistentVolumeSource;
type Plugin = (place: Place, source: Source) => Causes;

const lunRange = [0, 255] as const;

const iscsiForms: Readonly<Record<string, RegExp>> = {
  iqn: /iqn\.\d{4}-\d{2}\.[A-Za-z0-9.-]+:[^,;*&$|\s]+$/,
  eui: /^eui.[A-Za-z0-9]{16}$/,
  naa: /^naa.[A-Za-z0-9]{32}$/,
};

/** By the standard a name has 223 bytes. The forms take the square of the length for what is none, so nothing much longer is shown to them. */
const iscsiNameMax = 4096;

function* iscsiName(path: string, name: string, persistent: boolean): Causes {
  const form = iscsiForms[name.slice(0, 3)];
  if (form === undefined)
    yield invalidValue(path, name, `must be valid format${persistent ? '' : ' starting with iqn, eui, or naa'}`);
  else if (name.length > iscsiNameMax || !form.test(name)) yield invalidValue(path, name, 'must be valid format');
}

function* partition(path: string, value: number | undefined): Causes {
  if (value !== undefined && (value < 0 || value > lunRange[1]))
    yield invalidValue(path, value, `must be between 1 and ${lunRange[1]}, inclusive`);
}

interface Reference {
  readonly name?: string;
  readonly namespace?: string;
}

function* secretName(path: string, secret: Reference | undefined): Causes {
  if (secret !== undefined && !secret.name) yield required(`${path}.secretRef.name`);
}

function* secretNamespace(path: string, secret: Reference | undefined): Causes {
  if (secret !== undefined && !secret.namespace) yield required(`${path}.secretRef.namespace`);
}

const diskNames = {
  managed: '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}',
  blob: 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd',
} as const;

const tenantMax = 64;
const registryDetail = 'must be a host:port pair or multiple pairs separated by commas';
/** `host:port`, as Go's SplitHostPort takes it apart. */
const hostPort = /^(?:\[[^[\]]*\]|[^:[\]]*):[^:[\]]*$/;

/** An initiator's name makes the volume's name and the portal one word of this length. */
const iscsiPortalMax = 64;

const plugins: Readonly<Record<string, Plugin>> = {
  *gitRepo({ at }, source) {
    const { directory } = (source as VolumeSource).gitRepo ?? {};
    if (directory) yield* localDescendingPath(`${at}.gitRepo.directory`, directory);
  },
  // Upstream calls it so.
  *gcePersistentDisk({ at }, { gcePersistentDisk: disk }) {
    if (!disk?.pdName) yield required(`${at}.persistentDisk.pdName`);
    yield* partition(`${at}.persistentDisk.partition`, disk?.partition);
  },
  *awsElasticBlockStore({ at }, source) {
    yield* partition(`${at}.awsElasticBlockStore.partition`, source.awsElasticBlockStore?.partition);
  },
  *nfs({ at }, { nfs }) {
    const path = nfs?.path ?? '';
    if (!path.startsWith('/')) yield invalidValue(`${at}.nfs.path`, path, 'must be an absolute path');
  },
  *iscsi({ at: above, persistent }, { iscsi }) {
    if (iscsi === undefined) return;
    const at = `${above}.iscsi`;
    const { targetPortal, iqn, lun, chapAuthDiscovery, chapAuthSession, secretRef, initiatorName } = iscsi;
    if (
      persistent !== undefined &&
      initiatorName !== undefined &&
      `${persistent}:${targetPortal}`.length > iscsiPortalMax
    )
      yield invalidValue(
        `${at}.targetportal`,
        targetPortal,
        'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.',
      );
    if (iqn) yield* iscsiName(`${at}.iqn`, iqn, persistent !== undefined);
    yield* between(`${at}.lun`, lun, lunRange);
    if ((chapAuthDiscovery || chapAuthSession) && secretRef === undefined) yield required(`${at}.secretRef`);
    if (persistent !== undefined) yield* secretName(at, secretRef);
    if (initiatorName !== undefined) yield* iscsiName(`${at}.initiatorname`, initiatorName, persistent !== undefined);
  },
  *glusterfs({ at }, { glusterfs }) {
    if (glusterfs === undefined || !('endpointsNamespace' in glusterfs)) return;
    const namespace = glusterfs.endpointsNamespace;
    const path = `${at}.glusterfs.endpointsNamespace`;
    if (namespace === '')
      yield invalidValue(path, namespace, 'if the endpointnamespace is set, it must be a valid namespace name');
    else yield* named(dns1123Label, path, namespace);
  },
  *flocker({ at }, { flocker }) {
    const { datasetName = '', datasetUUID = '' } = flocker ?? {};
    if (!datasetName && !datasetUUID) yield required(`${at}.flocker`, 'one of datasetName and datasetUUID is required');
    if (datasetName && datasetUUID)
      yield invalidValue(
        `${at}.flocker`,
        'resource',
        'datasetName and datasetUUID can not be specified simultaneously',
      );
    if (datasetName.includes('/')) yield invalidValue(`${at}.flocker.datasetName`, datasetName, "must not contain '/'");
  },
  *cinder({ at, persistent }, { cinder }) {
    yield* secretName(`${at}.cinder`, cinder?.secretRef);
    if (persistent !== undefined) yield* secretNamespace(`${at}.cinder`, cinder?.secretRef);
  },
  *quobyte({ at }, { quobyte }) {
    const { registry = '', tenant = '' } = quobyte ?? {};
    if (registry === '') yield required(`${at}.quobyte.registry`, registryDetail);
    else if (Buffer.byteLength(tenant) > tenantMax)
      yield required(`${at}.quobyte.tenant`, 'must be a UUID and may not exceed a length of 64 characters');
    else
      for (const pair of registry.split(','))
        if (!hostPort.test(pair)) yield invalidValue(`${at}.quobyte.registry`, registry, registryDetail);
  },
  *fc({ at: above }, { fc }) {
    const at = `${above}.fc`;
    const { targetWWNs = [], wwids = [], lun } = fc ?? {};
    if (targetWWNs.length === 0 && wwids.length === 0)
      yield required(`${at}.targetWWNs`, 'must specify either targetWWNs or wwids, but not both');
    if (targetWWNs.length > 0 && wwids.length > 0)
      yield invalidValue(`${at}.targetWWNs`, targetWWNs, 'targetWWNs and wwids can not be specified simultaneously');
    if (targetWWNs.length === 0) return;
    if (lun === undefined) yield required(`${at}.lun`, 'lun is required if targetWWNs is specified');
    else yield* between(`${at}.lun`, lun, lunRange);
  },
  *flexVolume({ at }, { flexVolume }) {
    for (const key of Object.keys(flexVolume?.options ?? {})) {
      const domain = `.${(key.includes('/') ? key.slice(0, key.indexOf('/')) : key).toLowerCase()}`;
      if (domain.endsWith('.kubernetes.io') || domain.endsWith('.k8s.io'))
        yield invalidValue(`${at}.flexVolume.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved');
    }
  },
  *azureFile({ at, persistent }, { azureFile }) {
    if (persistent === undefined || azureFile === undefined || !('secretNamespace' in azureFile)) return;
    if (azureFile.secretNamespace === '')
      yield required(`${at}.azureFile.secretNamespace`, 'secret namespace is required');
  },
  *azureDisk({ at }, { azureDisk }) {
    const { kind, diskURI } = azureDisk ?? {};
    const path = `${at}.azureDisk.diskURI`;
    if (kind === undefined || diskURI === undefined) return;
    if (kind === 'Managed' && !diskURI.startsWith('/subscriptions/'))
      yield notSupported(path, diskURI, [diskNames.managed]);
    if (kind !== 'Managed' && !diskURI.startsWith('https://')) yield notSupported(path, diskURI, [diskNames.blob]);
  },
  *scaleIO({ at }, { scaleIO }) {
    if (!scaleIO?.volumeName) yield required(`${at}.scaleIO.volumeName`);
  },
  *storageos({ at: above, persistent }, { storageos }) {
    const at = `${above}.storageos`;
    const { volumeName, volumeNamespace, secretRef } = storageos ?? {};
    if (!volumeName) yield required(`${at}.volumeName`);
    else yield* named(dns1123Label, `${at}.volumeName`, volumeName);
    yield* named(dns1123Label, `${at}.volumeNamespace`, volumeNamespace || undefined);
    yield* secretName(at, secretRef);
    if (persistent !== undefined) yield* secretNamespace(at, secretRef);
  },
  *hostPath({ at }, { hostPath }) {
    const { path, type = '' } = hostPath ?? {};
    if (!path) return;
    yield* noBacksteps(`${at}.hostPath.path`, path);
    if (!hostPathTypes.includes(type)) yield notSupported(`${at}.hostPath.type`, type, hostPathTypes.toSorted());
  },
};

/** The causes in one source; none for those that need no more than their declaration says, which is asked here for a PersistentVolume. */
export function* pluginCauses(place: Place, key: string, source: Source): Causes {
  const type = persistentVolumeSource.fields[key]?.type;
  if (place.persistent !== undefined && type?.is === 'struct')
    yield* validateStruct(type, source[key as keyof Source], `${place.at}.${key}`);
  if (Object.hasOwn(plugins, key)) yield* plugins[key]?.(place, source) ?? [];
}
