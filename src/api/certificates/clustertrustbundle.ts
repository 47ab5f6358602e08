/**
 * ClusterTrustBundle: root certificates that pods can be given to trust.
 */
import { invalidValue, tooLong } from '#meta/causes.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { nameColumn } from '../columns.ts';
import type { Causes } from '../field-checks.ts';
import { parseCertificate } from './certificatesigningrequest-validation.ts';
import { pemBlocks } from './pem.ts';
import { signerNameCauses } from './signer-name.ts';
import { trustBundleNameFaults } from './trust-bundle-name.ts';

/** 1 MiB. */
const bundleBytesMax = 1024 * 1024;
const path = 'spec.trustBundle';

export const clusterTrustBundleSpec = struct(
  'certificates.v1.ClusterTrustBundleSpec',
  {
    signerName: s
      .string(1)
      .immutable()
      .optional()
      .doc("The signer whose roots these are; then the name begins with it, ':' for '/'. Cannot be changed."),
    trustBundle: s
      .string(2)
      .ruled()
      .doc('Certificates of authorities in PEM, each once, without headers; their order means nothing.'),
  },
  { doc: 'The roots.' },
);
export interface ClusterTrustBundleSpec extends Of<typeof clusterTrustBundleSpec> {}

function* bundleCauses(text: string): Causes {
  if (Buffer.byteLength(text) > bundleBytesMax) {
    yield tooLong(path, bundleBytesMax);
    return;
  }
  const omitted = '<value omitted>';
  const places = new Map<string, number[]>();
  let faults = 0;
  for (const [index, { type, hasHeaders, der }] of pemBlocks(text).entries()) {
    const fault =
      type !== 'CERTIFICATE'
        ? `has bad block type: ${type}`
        : hasHeaders
          ? 'has PEM block headers'
          : authorityFault(der);
    if (fault !== undefined) {
      faults++;
      yield invalidValue(path, omitted, `entry ${index} ${fault}`);
    } else {
      const key = der.toString('base64');
      places.set(key, [...(places.get(key) ?? []), index]);
    }
  }
  // Beside a broken block, talk of doubles or of none would only repeat it.
  if (faults > 0) return;
  if (places.size === 0) yield invalidValue(path, omitted, 'at least one trust anchor must be provided');
  for (const indices of places.values())
    if (indices.length > 1)
      yield invalidValue(path, omitted, `duplicate trust anchor (indices [${indices.join(' ')}])`);
}

function authorityFault(der: Buffer): string | undefined {
  const certificate = parseCertificate(der);
  if (certificate === undefined) return 'does not parse as X.509';
  return certificate.ca ? undefined : 'does not have the CA bit set';
}

export const ClusterTrustBundle = resource({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'ClusterTrustBundle',
  plural: 'clustertrustbundles',
  scope: 'Cluster',
  columns: [
    nameColumn,
    {
      name: 'SignerName',
      type: 'string',
      description: 'The signer whose roots these are.',
      cell: ({ spec }) => spec.signerName || '<none>',
    },
  ],
  selectable: { 'spec.signerName': ({ spec }) => spec.signerName ?? '' },
  hooks: {
    needsVersion: true,
    name: 'pathSegment',
    validateCreate: ({ metadata, spec }) => [
      ...(['generateName', 'name'] as const).flatMap((field) => {
        const name = metadata[field] ?? '';
        const faults = name === '' ? [] : trustBundleNameFaults(name, spec.signerName ?? '');
        return faults.map((fault) => invalidValue(`metadata.${field}`, name, fault));
      }),
      ...(spec.signerName ? signerNameCauses('spec.signerName', spec.signerName) : []),
      ...bundleCauses(spec.trustBundle ?? ''),
    ],
  },
  name: 'certificates.v1.ClusterTrustBundle',
  doc: 'Root certificates for every pod that wants them, through a projected volume.',
  fields: {
    spec: s
      .field(2, clusterTrustBundleSpec)
      .default({} as never)
      .doc('The roots.'),
  },
});
export type ClusterTrustBundle = ObjectOf<typeof ClusterTrustBundle>;
