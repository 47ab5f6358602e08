/**
 * Rules of what a claim asks for: in claims themselves, in ephemeral volumes and in templates of StatefulSets. Paths and wording are upstream's
 * (pkg/apis/core/validation, ValidatePersistentVolumeClaimSpec; pkg/api/persistentvolumeclaim for warnings).
 */
import { forbiddenField, invalidValue, notSupported, required } from '#meta/causes.ts';
import { dns1123Label, dns1123Subdomain } from '#meta/names.ts';
import { parseQuantity } from '#meta/quantity.ts';
import { checkLabelSelector } from '#meta/selector.ts';
import { named, present, type Causes } from '../field-checks.ts';
import type { PersistentVolumeClaimSpec, TypedObjectReference } from './volume.ts';

const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];

/** Known modes, and ReadWriteOncePod alone. */
export function* accessModeCauses(path: string, modes: readonly string[] | undefined): Causes {
  for (const mode of modes ?? []) if (!accessModes.includes(mode)) yield notSupported(path, mode, accessModes);
  const known = (modes ?? []).filter((mode) => accessModes.includes(mode));
  if (known.includes('ReadWriteOncePod') && known.some((mode) => mode !== 'ReadWriteOncePod'))
    yield forbiddenField(path, 'may not use ReadWriteOncePod with other access modes');
}

/** Not negative; the amount is told in whole units, rounded away from zero. */
export function* basicQuantity(path: string, text: string): Causes {
  const nano = parseQuantity(text)?.nano ?? 0n;
  if (nano < 0n)
    yield invalidValue(path, -((-nano + 999_999_999n) / 1_000_000_000n), 'must be a valid resource quantity');
}

export function* positiveQuantity(path: string, text: string): Causes {
  const quantity = parseQuantity(text);
  if (quantity !== undefined && quantity.nano <= 0n)
    yield invalidValue(path, quantity.text, 'must be greater than zero');
}

function* dataSource(path: string, source: TypedObjectReference): Causes {
  for (const key of ['name', 'kind'] as const) yield* present(`${path}.${key}`, source[key]);
  const group = source.apiGroup ?? '';
  if (group === '' && source.kind !== 'PersistentVolumeClaim')
    yield invalidValue(
      path,
      source.kind ?? '',
      "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
    );
  if (group !== '') yield* named(dns1123Subdomain, `${path}.apiGroup`, group);
  if (source.namespace) yield* named(dns1123Label, `${path}.namespace`, source.namespace);
}

const sameSource = (a: TypedObjectReference, b: TypedObjectReference): boolean =>
  a.apiGroup === b.apiGroup && a.kind === b.kind && a.name === b.name;

/** All causes in what a claim asks for. */
export function* claimSpecCauses(path: string, spec: PersistentVolumeClaimSpec | undefined): Causes {
  if (!spec?.accessModes?.length) yield required(`${path}.accessModes`, 'at least 1 access mode is required');
  yield* checkLabelSelector(spec?.selector, `${path}.selector`);
  yield* accessModeCauses(`${path}.accessModes`, spec?.accessModes);
  const storage = spec?.resources?.requests?.['storage'];
  if (storage === undefined) yield required(`${path}.resources[storage]`);
  else yield* positiveQuantity(`${path}.resources[storage]`, storage);
  if (spec === undefined) return;
  yield* named(dns1123Subdomain, `${path}.storageClassName`, spec.storageClassName || undefined);
  const { dataSource: source, dataSourceRef: ref } = spec;
  if (source !== undefined) yield* dataSource(`${path}.dataSource`, source);
  if (ref !== undefined) yield* dataSource(`${path}.dataSourceRef`, ref);
  if (source !== undefined && ref !== undefined) {
    if (ref.namespace)
      yield invalidValue(path, `${path}.dataSource`, 'may not be specified when dataSourceRef.namespace is specified');
    else if (!sameSource(source, ref)) yield invalidValue(path, `${path}.dataSource`, 'must match dataSourceRef');
  }
  yield* named(dns1123Subdomain, `${path}.volumeAttributesClassName`, spec.volumeAttributesClassName || undefined);
}

/** Sizes that are no whole number of bytes. */
export function* claimSpecWarnings(path: string, { resources }: PersistentVolumeClaimSpec): Iterable<string> {
  for (const kind of ['requests', 'limits'] as const) {
    const quantity = parseQuantity(resources[kind]?.['storage'] ?? '0');
    if (quantity !== undefined && quantity.nano % 1_000_000_000n !== 0n)
      yield `${path}.resources.${kind}[storage]: fractional byte value "${quantity.text}" is invalid, must be an integer`;
  }
}
