/**
 * What may change in a claim: nearly nothing but its size, upwards, and its VolumeAttributesClass; and what its status may hold. Paths and
 * wording are upstream's (pkg/apis/core/validation, ValidatePersistentVolumeClaimUpdate). Whether its StorageClass lets it grow is admission.
 */
import { deepEqual } from '#base/deep-equal.ts';
import { forbiddenField, immutableDetail, invalidValue, notSupported, required } from '#meta/causes.ts';
import { labelKey } from '#meta/names.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import { compareQuantities, parseQuantity, type Quantity } from '#meta/quantity.ts';
import { difference } from '../difference.ts';
import type { Causes } from '../field-checks.ts';
import { betaStorageClass } from './claim-text.ts';
import { basicQuantity } from './claim-validation.ts';
import type { PersistentVolumeClaimStatus } from './persistentvolumeclaim.ts';
import type { PersistentVolumeClaimSpec } from './volume.ts';

interface ClaimLike {
  readonly metadata: ObjectMeta;
  readonly spec: PersistentVolumeClaimSpec;
  readonly status: PersistentVolumeClaimStatus;
}

const zero = parseQuantity('0') as Quantity;
const sizeOf = (list: Readonly<Record<string, string>> | undefined): Quantity =>
  parseQuantity(list?.['storage'] ?? '0') ?? zero;

/** A class that stood in the old annotation moves into the field. */
function movesFromAnnotation({ metadata, spec }: ClaimLike, old: ClaimLike): boolean {
  const [before, now] = [old.metadata.annotations?.[betaStorageClass], metadata.annotations?.[betaStorageClass]];
  return (
    before !== undefined &&
    old.spec.storageClassName === undefined &&
    spec.storageClassName === before &&
    (now === undefined || now === before)
  );
}

/** A class is given to a claim that had none: the default class came later than the claim. */
const isFirstClass = ({ spec }: ClaimLike, old: ClaimLike): boolean => {
  const before = old.metadata.annotations?.[betaStorageClass];
  return (
    spec.storageClassName !== undefined &&
    old.spec.storageClassName === undefined &&
    (before === undefined || before === spec.storageClassName)
  );
};

function without<T extends object, K extends keyof T>(object: T, key: K): Omit<T, K> {
  const { [key]: _, ...rest } = object;
  return rest;
}

export function* claimUpdateCauses(claim: ClaimLike, old: ClaimLike): Causes {
  const { spec } = claim;
  const moves = movesFromAnnotation(claim, old);
  const [annotation, oldAnnotation] = [
    claim.metadata.annotations?.[betaStorageClass],
    old.metadata.annotations?.[betaStorageClass],
  ];
  if (!moves && annotation !== oldAnnotation)
    yield invalidValue(`metadata.annotations[${betaStorageClass}]`, annotation ?? '', immutableDetail);
  // What may change is taken from the new claim; the rest must be the same.
  const size = spec.resources.requests?.['storage'];
  const isBound = claim.status.phase === 'Bound';
  const mayGrow = isBound && spec.resources.requests !== undefined;
  let allowed: Partial<PersistentVolumeClaimSpec> = old.spec;
  if (isBound) {
    allowed = without(old.spec, 'volumeAttributesClassName');
    if (spec.volumeAttributesClassName !== undefined)
      allowed = { ...allowed, volumeAttributesClassName: spec.volumeAttributesClassName };
  }
  if (!old.spec.volumeName && spec.volumeName) allowed = { ...allowed, volumeName: spec.volumeName };
  if ((moves || isFirstClass(claim, old)) && spec.storageClassName !== undefined)
    allowed = { ...allowed, storageClassName: spec.storageClassName };
  if (mayGrow && size !== undefined)
    allowed = {
      ...allowed,
      resources: { ...old.spec.resources, requests: { ...old.spec.resources.requests, storage: size } },
    };
  if (!deepEqual(spec, allowed))
    yield forbiddenField(
      'spec',
      `spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n${difference('core.PersistentVolumeClaimSpec', allowed, spec)}`,
    );
  const next = sizeOf(spec.resources.requests);
  if (
    compareQuantities(next, sizeOf(old.spec.resources.requests)) < 0 &&
    compareQuantities(next, sizeOf(old.status.capacity)) <= 0
  )
    yield forbiddenField('spec.resources.requests.storage', 'field can not be less than status.capacity');
  if (spec.volumeMode !== old.spec.volumeMode) yield invalidValue('volumeMode', spec.volumeMode, immutableDetail);
  const attributes = spec.volumeAttributesClassName;
  if (!attributes && attributes !== old.spec.volumeAttributesClassName && old.status.currentVolumeAttributesClassName)
    yield forbiddenField(
      'spec.volumeAttributesClassName',
      `update to ${attributes === undefined ? 'nil' : 'empty string'} is forbidden when status.currentVolumeAttributesClassName is not nil`,
    );
}

const resizeStates = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
].sort();

/** Resources of a claim: storage, or a name of somebody's own. */
function* claimResource(path: string, name: string): Causes {
  const messages = labelKey(name);
  for (const message of messages) yield invalidValue(path, name, message);
  if (messages.length > 0) return;
  const isNative = !name.includes('/') || name.includes('kubernetes.io/');
  if (isNative && name !== 'storage') yield notSupported(path, name, ['storage']);
}

export function* claimStatusCauses(spec: PersistentVolumeClaimSpec, status: PersistentVolumeClaimStatus): Causes {
  if (!spec.accessModes?.length) yield required('Spec.accessModes');
  for (const [name, text] of Object.entries(status.capacity ?? {}))
    yield* basicQuantity(`status.capacity[${name}]`, text);
  const statePath = 'status.allocatedResourceStatuses';
  for (const [name, state] of Object.entries(status.allocatedResourceStatuses ?? {})) {
    yield* claimResource(statePath, name);
    if (!resizeStates.includes(state)) yield notSupported(statePath, name, resizeStates);
  }
  for (const [name, text] of Object.entries(status.allocatedResources ?? {})) {
    const wrong = [...claimResource('status.allocatedResources', name)];
    yield* wrong;
    if (wrong.length === 0) yield* basicQuantity(`status.allocatedResources[${name}]`, text);
  }
}
