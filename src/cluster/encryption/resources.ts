/** Which resource a key of the store belongs to, and where a resource's keys are: upstream's paths. */
import { allKinds } from '#api/kinds.ts';
import { isStored } from '#apiserver/api.ts';
import type { EncryptionConfiguration } from '#store/encryption/configuration.ts';
import type { ResourceOf } from '#store/encryption/encrypted-store.ts';
import type { GroupResource } from '#store/encryption/rules.ts';

export const everything = '/registry/';

const byPath: ReadonlyMap<string, GroupResource> = new Map(
  allKinds
    .filter((kind) => isStored(kind) && !kind.storedAs)
    .map(({ storagePrefix, group, plural }) => [storagePrefix, { group, resource: plural }]),
);

/** Custom resources stand under their group, which has a dot. */
export const resourceOf: ResourceOf = (key) => {
  const [, root, first = '', second = ''] = key.split('/', 4);
  if (root !== 'registry') return undefined;
  const built = byPath.get(first) ?? byPath.get(`${first}/${second}`);
  if (built) return built;
  return first.includes('.') && second !== '' ? { group: first, resource: second } : undefined;
};

/** Where to look for values that these rules encrypt. */
export function prefixesOf({ resources }: EncryptionConfiguration): readonly string[] {
  const names = new Set(resources.flatMap((rule) => rule.resources));
  const known = new Map(
    [...byPath].map(([path, { group, resource }]) => [
      group ? `${resource}.${group}` : resource,
      `${everything}${path}/`,
    ]),
  );
  const found = [...names].map((name) => known.get(name.replace(/\.$/, '')));
  // A wildcard, or a resource that is not built in: nothing short of a look at everything finds it.
  return found.every((prefix) => prefix !== undefined) ? found : [everything];
}
