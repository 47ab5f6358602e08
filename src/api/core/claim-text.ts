/** How access modes and storage classes of volumes and claims are written, in tables and in old annotations. */

/** Where the StorageClass stood before the field existed. */
export const betaStorageClass = 'volume.beta.kubernetes.io/storage-class';

const shortModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

/** `RWO,ROX`, each once and in this order. */
export const accessModesText = (modes: readonly string[] | undefined): string =>
  Object.entries(shortModes)
    .filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(',');
