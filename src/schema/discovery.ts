/**
 * Discovery: which groups, versions and resources exist, in the plain form (APIGroupList, APIResourceList) and aggregated (APIGroupDiscoveryList, v2). All of
 * it is derived from the kinds; nothing is served that is not declared. https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
 */
import { createHash } from 'node:crypto';
import { apiVersionOf, type Kind } from './kind.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- any Kind, whatever its object type
type AnyKind = Kind<any, any>;

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

interface Subresource {
  readonly name: string;
  readonly kind: GroupVersionKind;
  readonly verbs: readonly string[];
}

/** `status`, `scale` and whatever else the kind declares, sorted by name. */
export function subresourcesOf(kind: AnyKind): readonly Subresource[] {
  const { group, version } = kind;
  const found: Subresource[] = [];
  const verbs = ['get', 'patch', 'update'];
  if (kind.subresources.status) found.push({ name: 'status', kind: { group, version, kind: kind.kind }, verbs });
  if (kind.subresources.scale) {
    found.push({ name: 'scale', kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, verbs });
  }
  for (const [name, other] of Object.entries(kind.subresources.other ?? {})) {
    found.push({
      name,
      kind: { group: other.group ?? group, version: other.version ?? version, kind: other.kind },
      verbs: [...other.verbs].sort(),
    });
  }
  return found.sort((a, b) => compareTexts(a.name, b.name));
}

const answeredWithDeleted: ReadonlySet<string> = new Set([
  '/persistentvolumeclaims',
  '/persistentvolumes',
  '/pods',
  '/podtemplates',
  '/resourcequotas',
  '/serviceaccounts',
  '/services',
  'resource.k8s.io/deviceclasses',
  'resource.k8s.io/resourceclaims',
  'resource.k8s.io/resourceclaimtemplates',
  'resource.k8s.io/resourceslices',
  'storage.k8s.io/csidrivers',
  'storage.k8s.io/csinodes',
  'storage.k8s.io/storageclasses',
  'storage.k8s.io/volumeattachments',
  'storage.k8s.io/volumeattributesclasses',
]);

/** Whether a deletion is answered with the object as it was last, as upstream's strategies have it, or with a Status. */
export const returnsDeleted = ({ group, plural }: Pick<AnyKind, 'group' | 'plural'>): boolean =>
  answeredWithDeleted.has(`${group}/${plural}`);

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** As upstream: the first eight bytes of a SHA-256, so that clients see when objects must be migrated. */
function storageVersionHash({ group, version, kind }: GroupVersionKind): string {
  return createHash('sha256').update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString('base64');
}

/** What can be stored has all of these; reviews and bindings are only created. */
const isStored = (kind: AnyKind): boolean => kind.verbs.includes('watch');

/** The resources of one group and version, for `/api/v1` and `/apis/apps/v1`. */
export function apiResourceList(kinds: readonly AnyKind[]): object {
  const [first] = kinds;
  const groupVersion = first === undefined ? '' : apiVersionOf(first);
  const resources: object[] = [];
  for (const kind of [...kinds].sort((a, b) => compareTexts(a.plural, b.plural))) {
    const namespaced = kind.scope === 'Namespaced';
    resources.push({
      name: kind.plural,
      singularName: kind.singular,
      namespaced,
      kind: kind.kind,
      verbs: [...kind.verbs].sort(),
      ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
      ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
      ...(isStored(kind) ? { storageVersionHash: storageVersionHash(kind.storedAs?.kind() ?? kind) } : {}),
    });
    for (const { name, kind: response, verbs } of subresourcesOf(kind)) {
      const same = response.group === kind.group && response.version === kind.version;
      resources.push({
        name: `${kind.plural}/${name}`,
        singularName: '',
        namespaced,
        ...(same ? {} : { group: response.group, version: response.version }),
        kind: response.kind,
        verbs,
      });
    }
  }
  return { kind: 'APIResourceList', ...(groupVersion === 'v1' ? {} : { apiVersion: 'v1' }), groupVersion, resources };
}

/** Newest stable version first: v2, v1, v2beta1, v1alpha1. */
function byVersion(a: string, b: string): number {
  const read = (version: string): readonly number[] => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
    if (match === null) return [0, 0, 0];
    const stage = match[2] === undefined ? 3 : match[2] === 'beta' ? 2 : 1;
    return [stage, Number(match[1]), Number(match[3] ?? 0)];
  };
  const [left, right] = [read(a), read(b)];
  for (const [index, value] of left.entries()) if (value !== right[index]) return (right[index] ?? 0) - value;
  return compareTexts(a, b);
}

const versionsOf = (kinds: readonly AnyKind[]): string[] =>
  [...new Set(kinds.map((kind) => kind.version))].sort(byVersion);

/** One group, from its kinds of all versions, for `/apis/apps`. */
export function apiGroup(kinds: readonly AnyKind[]): object {
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(kinds) };
}

function groupOf(kinds: readonly AnyKind[]): object {
  const name = kinds[0]?.group ?? '';
  const versions = versionsOf(kinds).map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions, preferredVersion: versions[0] };
}

function byGroup(kinds: readonly AnyKind[]): Map<string, AnyKind[]> {
  const groups = new Map<string, AnyKind[]>();
  for (const kind of kinds) {
    const group = groups.get(kind.group);
    if (group === undefined) groups.set(kind.group, [kind]);
    else group.push(kind);
  }
  return groups;
}

/** All named groups, for `/apis`. The core group is not one of them. */
export function apiGroupList(kinds: readonly AnyKind[]): object {
  const groups = [...byGroup(kinds)].filter(([group]) => group !== '');
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(([, members]) => groupOf(members)) };
}

/** All groups, versions and resources of these kinds in one document. */
export function aggregatedDiscovery(kinds: readonly AnyKind[]): object {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: [...byGroup(kinds)].map(([group, members]) => ({
      metadata: group === '' ? {} : { name: group },
      versions: versionsOf(members).map((version) => ({
        version,
        resources: members
          .filter((kind) => kind.version === version)
          .sort((a, b) => compareTexts(a.plural, b.plural))
          .map(resourceDiscovery),
        freshness: 'Current',
      })),
    })),
  };
}

function resourceDiscovery(kind: AnyKind): object {
  const subresources = subresourcesOf(kind);
  return {
    resource: kind.plural,
    responseKind: { group: kind.group, version: kind.version, kind: kind.kind },
    scope: kind.scope === 'Namespaced' ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: [...kind.verbs].sort(),
    ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
    ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
    ...(subresources.length > 0
      ? {
          subresources: subresources.map(({ name, kind: responseKind, verbs }) => ({
            subresource: name,
            responseKind,
            verbs,
          })),
        }
      : {}),
  };
}
