/**
 * Files of one volume that hide each other: two keys at one path, or a path below another file. The pod is taken, and its author told
 * (pkg/api/pod/warnings.go).
 */
import { quoted } from '#meta/causes.ts';
import type { Volume } from './volume.ts';

interface File {
  readonly path: string;
  /** Shown after the path; empty where the volume has one source only. */
  readonly source: string;
}

const shown = ({ path, source }: File): string => (source === '' ? quoted(path) : `${quoted(path)} (${source})`);

/** So many files of a volume are compared with the later ones: a volume may list tens of thousands, and every pair would stop the server. */
const comparedMax = 128;

function* overlaps(files: readonly File[]): Iterable<string> {
  const before: { readonly file: File; readonly within: string }[] = [];
  for (const { path: text, source } of files) {
    let end = text.length;
    while (text[end - 1] === '/') end--;
    if (end === 0) continue;
    const file = { path: text.slice(0, end), source };
    const within = `${file.path}/`;
    for (const other of before)
      if (other.within.startsWith(within) || within.startsWith(other.within))
        yield `${shown(file)} with ${shown(other.file)}`;
    if (before.length < comparedMax) before.push({ file, within });
  }
}

const filesOf = (items: readonly { readonly path: string }[] | undefined, source: string): readonly File[] =>
  (items ?? []).map(({ path }) => ({ path: path ?? '', source }));

type Projection = NonNullable<NonNullable<Volume['projected']>['sources']>[number];

function projected({
  configMap,
  secret,
  downwardAPI,
  serviceAccountToken,
  clusterTrustBundle,
  podCertificate,
}: Projection): readonly File[] {
  if (configMap?.items) return filesOf(configMap.items, `ConfigMap ${quoted(configMap.name ?? '')}`);
  if (secret?.items) return filesOf(secret.items, `Secret ${quoted(secret.name ?? '')}`);
  if (downwardAPI?.items) return filesOf(downwardAPI.items, 'DownwardAPI');
  if (serviceAccountToken) return filesOf([serviceAccountToken], 'ServiceAccountToken');
  if (clusterTrustBundle) {
    const { name, signerName } = clusterTrustBundle;
    return filesOf([clusterTrustBundle], `ClusterTrustBundle ${quoted(name ?? signerName ?? '')}`);
  }
  const { certificateChainPath, keyPath, credentialBundlePath } = podCertificate ?? {};
  return [
    ...(certificateChainPath ? filesOf([{ path: certificateChainPath }], 'PodCertificate chain') : []),
    ...(keyPath ? filesOf([{ path: keyPath }], 'PodCertificate key') : []),
    ...(credentialBundlePath ? filesOf([{ path: credentialBundlePath }], 'PodCertificate credential bundle') : []),
  ];
}

export function* overlapWarnings(volumes: readonly Volume[] | undefined): Iterable<string> {
  for (const { name, configMap, secret, downwardAPI, projected: projection } of volumes ?? []) {
    const told = (what: string, found: string): string =>
      `volume ${quoted(name ?? '')} (${what}): overlapping paths: ${found}`;
    for (const found of overlaps(filesOf(configMap?.items, '')))
      yield told(`ConfigMap ${quoted(configMap?.name ?? '')}`, found);
    for (const found of overlaps(filesOf(secret?.items, '')))
      yield told(`Secret ${quoted(secret?.secretName ?? '')}`, found);
    for (const found of overlaps(filesOf(downwardAPI?.items, ''))) yield told('DownwardAPI', found);
    const sources = projection?.sources ?? [];
    for (const source of sources)
      if (Object.keys(source).length === 0) yield `volume ${quoted(name ?? '')} (Projected) has no sources provided`;
    for (const found of overlaps(sources.flatMap(projected))) yield told('Projected', found);
  }
}
