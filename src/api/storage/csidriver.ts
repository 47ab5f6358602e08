/**
 * CSIDriver: what the cluster must know of a storage driver. Its name is the driver's.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { duplicate, immutableDetail, invalidValue, notSupported } from '#meta/causes.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { indexed, type Causes } from '../field-checks.ts';

const tokenSecondsMin = 600;
const tokenSecondsMax = 2 ** 32;
const updateSecondsMin = 10;

export const tokenRequest = struct(
  'storage.v1.TokenRequest',
  {
    audience: s.string(1).default('').doc('Who the token is for; empty means the API server.'),
    expirationSeconds: s.int64(2).keepsZero().optional().doc('How long the token is valid: 10 minutes or more.'),
  },
  { doc: "A token of the pod's ServiceAccount that the driver gets." },
);

export const csiDriverSpec = struct(
  'storage.v1.CSIDriverSpec',
  {
    attachRequired: s
      .boolean(1)
      .keepsZero()
      .default(true)
      .doc('Whether volumes must be attached to a node before they are mounted. Cannot be changed.'),
    podInfoOnMount: s
      .boolean(2)
      .keepsZero()
      .default(false)
      .doc('Whether the driver wants to know name, namespace, UID and ServiceAccount of the pod when it mounts.'),
    volumeLifecycleModes: s
      .list(3, t.string, { list: 'set', duplicates: 'allowed' })
      .filled()
      .doc('Persistent, for volumes with a claim; Ephemeral, for volumes that live with a pod. Cannot be changed.'),
    storageCapacity: s
      .boolean(4)
      .keepsZero()
      .default(false)
      .doc('Whether pods wait until CSIStorageCapacity objects show enough free space.'),
    fsGroupPolicy: s
      .oneOf(5, 'ReadWriteOnceWithFSType', 'File', 'None')
      .keepsZero()
      .default('ReadWriteOnceWithFSType')
      .doc('When ownership of files is changed before a mount.'),
    tokenRequests: s
      .list(6, tokenRequest)
      .optional()
      .doc("Tokens of the pod's ServiceAccount that the driver gets when it publishes a volume; one per audience."),
    requiresRepublish: s
      .boolean(7)
      .keepsZero()
      .default(false)
      .doc('Whether the driver is called again and again to bring a mounted volume up to date.'),
    seLinuxMount: s
      .boolean(8)
      .keepsZero()
      .default(false)
      .doc('Whether volumes may be mounted with an SELinux context, each with its own.'),
    nodeAllocatableUpdatePeriodSeconds: s
      .int64(9)
      .keepsZero()
      .optional()
      .doc('How often the number of volumes a node can take is asked for: 10 seconds or more; never when absent.'),
    serviceAccountTokenInSecrets: s
      .boolean(10)
      .keepsZero()
      .optional()
      .doc('Whether tokens are handed over among the secrets of a call, where they are not logged.'),
    preventPodSchedulingIfMissing: s
      .boolean(11)
      .keepsZero()
      .default(false)
      .doc('Whether pods with such volumes stay away from nodes where the driver does not run.'),
  },
  { doc: 'What the driver can do and wants.' },
);
export interface CsiDriverSpec extends Of<typeof csiDriverSpec> {}

const lifecycleModes = ['Persistent', 'Ephemeral'];

function* driverCauses(spec: CsiDriverSpec): Causes {
  const audiences = new Set<string>();
  for (const [{ audience, expirationSeconds }, at] of indexed('spec.tokenRequests', spec.tokenRequests)) {
    if (audiences.has(audience)) {
      yield duplicate(`${at}.audience`, audience);
      continue;
    }
    audiences.add(audience);
    if (expirationSeconds === undefined) continue;
    const path = `${at}.expirationSeconds`;
    if (expirationSeconds < tokenSecondsMin)
      yield invalidValue(path, expirationSeconds, 'may not specify a duration less than 10 minutes');
    if (expirationSeconds > tokenSecondsMax)
      yield invalidValue(path, expirationSeconds, 'may not specify a duration larger than 2^32 seconds');
  }
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && period < updateSecondsMin)
    yield invalidValue(
      'spec.nodeAllocatableUpdatePeriodSeconds',
      period,
      'must be greater than or equal to 10 seconds',
    );
  const inSecrets = spec.serviceAccountTokenInSecrets;
  if (inSecrets !== undefined && !spec.tokenRequests?.length)
    yield invalidValue(
      'spec.serviceAccountTokenInSecrets',
      inSecrets,
      'serviceAccountTokenInSecrets is set but no tokenRequests are specified',
    );
  // Upstream tells of each at the list.
  for (const mode of spec.volumeLifecycleModes)
    if (!lifecycleModes.includes(mode)) yield notSupported('spec.volumeLifecycleModes', mode, lifecycleModes);
}

const secretsWarning =
  'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes';

/** Of tokens that were just asked for: they may end up in a log. */
function* driverWarnings(spec: CsiDriverSpec, old: CsiDriverSpec | undefined): Iterable<string> {
  const { tokenRequests = [], serviceAccountTokenInSecrets } = spec;
  if (tokenRequests.length > 0 && serviceAccountTokenInSecrets === undefined)
    if (!deepEqual(tokenRequests, old?.tokenRequests)) yield secretsWarning;
}

function* changedCauses(spec: CsiDriverSpec, old: CsiDriverSpec): Causes {
  // The path has been misspelt for so long that clients know it so.
  if (spec.attachRequired !== old.attachRequired)
    yield invalidValue('spec.attachedRequired', spec.attachRequired, immutableDetail);
  if (!deepEqual(spec.volumeLifecycleModes, old.volumeLifecycleModes))
    yield invalidValue('spec.volumeLifecycleModes', spec.volumeLifecycleModes, immutableDetail);
}

export const CSIDriver = resource({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIDriver',
  plural: 'csidrivers',
  scope: 'Cluster',
  columns: [
    nameColumn,
    {
      name: 'AttachRequired',
      type: 'boolean',
      description: 'Whether volumes are attached first.',
      cell: ({ spec }) => spec.attachRequired,
    },
    {
      name: 'PodInfoOnMount',
      type: 'boolean',
      description: 'Whether the driver is told about the pod.',
      cell: ({ spec }) => spec.podInfoOnMount,
    },
    {
      name: 'StorageCapacity',
      type: 'boolean',
      description: 'Whether free space is looked at.',
      cell: ({ spec }) => spec.storageCapacity,
    },
    {
      name: 'TokenRequests',
      type: 'string',
      description: 'Audiences of the tokens the driver gets.',
      cell: ({ spec }) => spec.tokenRequests?.map(({ audience }) => audience).join(',') ?? '<unset>',
    },
    {
      name: 'RequiresRepublish',
      type: 'boolean',
      description: 'Whether it is called again and again.',
      cell: ({ spec }) => spec.requiresRepublish,
    },
    {
      name: 'Modes',
      type: 'string',
      description: 'Kinds of volumes it can make.',
      cell: ({ spec }) => spec.volumeLifecycleModes.join(',') || '<none>',
    },
    ageColumn,
  ],
  hooks: {
    needsVersion: true,
    fill: (driver) =>
      (driver.spec?.volumeLifecycleModes?.length ?? 0) > 0
        ? driver
        : { ...driver, spec: { ...driver.spec, volumeLifecycleModes: ['Persistent' as const] } },
    // There is a generation only once something was changed.
    prepareUpdate: (driver, old) =>
      deepEqual(driver.spec, old.spec)
        ? driver
        : { ...driver, metadata: { ...driver.metadata, generation: (old.metadata.generation ?? 0) + 1 } },
    validateCreate: ({ spec }) => [...driverCauses(spec)],
    validateUpdate: ({ spec }, { spec: old }) => [...changedCauses(spec, old)],
    warnings: ({ spec }, old) => [...driverWarnings(spec, old?.spec)],
  },
  name: 'storage.v1.CSIDriver',
  doc: 'A storage driver of the Container Storage Interface; the name is the one the driver gives itself.',
  fields: { spec: s.field(2, csiDriverSpec).default({}).doc('What the driver can do and wants.') },
});
export type CSIDriver = ObjectOf<typeof CSIDriver>;
