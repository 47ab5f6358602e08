/**
 * Validation of ObjectMeta, the same for every kind but for the rule of its names: names, labels, annotations and their size, owners, finalizers,
 * managers; and what an update may not change. Wording and order are those of apimachinery's api/validation.
 */
import {
  forbiddenField,
  immutableDetail,
  invalidValue,
  notSupported,
  quoted,
  required,
  tooLong,
} from '#meta/causes.ts';
import { dns1123Label, labelKey, namePrefix, objectNames } from '#meta/names.ts';
import type { DraftMeta, ManagedFieldsEntry, OwnerReference } from '#meta/object-meta.ts';
import { sameValue } from '#meta/same.ts';
import { checkLabels } from '#meta/selector.ts';
import type { Cause } from '#meta/status.ts';
import type { Kind } from './kind.ts';

/** 256 kB for all keys and values of an object together, as upstream. */
export const annotationsBytesMax = 256 * 1024;
export const fieldManagerMax = 128;

// oxlint-disable-next-line typescript/no-explicit-any -- any Kind, whatever its object type
type AnyKind = Kind<any, any>;

/** Every cause in the metadata of an object about to be written; its name has been generated already. A `loose` generateName only fits into a path. */
export function validateMeta(kind: AnyKind, meta: DraftMeta, generateName?: 'loose'): Cause[] {
  const path = 'metadata';
  const causes: Cause[] = [];
  const check = objectNames[kind.hooks.name ?? 'dns1123Subdomain'];
  if (meta.generateName) {
    const prefixCheck = kind.hooks.looseGenerateName || generateName ? objectNames.pathSegment : check;
    for (const message of namePrefix(prefixCheck, meta.generateName))
      causes.push(invalidValue(`${path}.generateName`, meta.generateName, message));
  }
  if (!meta.name) causes.push(required(`${path}.name`, 'name or generateName is required'));
  else for (const message of check(meta.name)) causes.push(invalidValue(`${path}.name`, meta.name, message));
  if (kind.scope === 'Namespaced') {
    if (!meta.namespace) causes.push(required(`${path}.namespace`));
    else
      for (const message of dns1123Label(meta.namespace))
        causes.push(invalidValue(`${path}.namespace`, meta.namespace, message));
  } else if (meta.namespace) causes.push(forbiddenField(`${path}.namespace`, 'not allowed on this type'));
  if (meta.generation !== undefined && meta.generation < 0) {
    causes.push(invalidValue(`${path}.generation`, meta.generation, 'must be greater than or equal to 0'));
  }
  checkCommon(meta, path, causes);
  if (!kind.hooks.plainFinalizers) {
    for (const [index, finalizer] of (meta.finalizers ?? []).entries())
      if (!finalizer.includes('/') && !standardFinalizers.has(finalizer))
        causes.push(invalidValue(`${path}.finalizers[${index}]`, finalizer, unqualifiedFinalizer));
  }
  return causes;
}

const standardFinalizers: ReadonlySet<string> = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);
const unqualifiedFinalizer = 'name is neither a standard finalizer name nor is it fully qualified';

function checkCommon(meta: DraftMeta, path: string, causes: Cause[]): void {
  if (meta.labels) causes.push(...checkLabels(meta.labels, `${path}.labels`));
  if (meta.annotations) checkAnnotations(meta.annotations, `${path}.annotations`, causes);
  if (meta.ownerReferences) checkOwners(meta.ownerReferences, `${path}.ownerReferences`, causes);
  if (meta.finalizers) checkFinalizers(meta.finalizers, `${path}.finalizers`, causes);
  if (meta.managedFields) checkManagers(meta.managedFields, `${path}.managedFields`, causes);
}

/** Labels and annotations of a template's metadata; `only` them, where upstream lets a template have nothing else. */
export function validateTemplateMeta(meta: DraftMeta | undefined, path: string, only?: 'only'): Cause[] {
  const causes: Cause[] = [];
  if (meta?.annotations) checkAnnotations(meta.annotations, `${path}.annotations`, causes);
  if (meta?.labels) causes.push(...checkLabels(meta.labels, `${path}.labels`));
  if (only)
    for (const field of Object.keys(meta ?? {}))
      if (field !== 'labels' && field !== 'annotations')
        causes.push(forbiddenField(`${path}.${field === 'uid' ? 'uID' : field}`, 'cannot be set'));
  return causes;
}

function checkAnnotations(annotations: Readonly<Record<string, string>>, path: string, causes: Cause[]): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    for (const message of labelKey(key.toLowerCase())) causes.push(invalidValue(path, key, message));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > annotationsBytesMax) causes.push(tooLong(path, annotationsBytesMax));
}

function checkOwners(owners: readonly OwnerReference[], path: string, causes: Cause[]): void {
  let controller = '';
  for (const [index, owner] of owners.entries()) {
    const at = `${path}[${index}]`;
    const parts = (owner.apiVersion ?? '').split('/');
    if (!owner.apiVersion) causes.push(required(`${at}.apiVersion`, 'must not be empty'));
    else if (parts.length > 2 || parts.at(-1) === '') {
      causes.push(invalidValue(`${at}.apiVersion`, owner.apiVersion, 'must be <group>/<version> or <version>'));
    }
    for (const field of ['kind', 'name', 'uid'] as const)
      if (!owner[field]) causes.push(required(`${at}.${field}`, 'must not be empty'));
    if (owner.apiVersion === 'v1' && owner.kind === 'Event') {
      causes.push(invalidValue(at, owner, '/v1, Kind=Event is disallowed from being an owner'));
    }
    if (owner.controller !== true) continue;
    const name = `${owner.kind}/${owner.name}`;
    if (controller === '') controller = name;
    else {
      const detail = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`;
      causes.push(invalidValue(path, owners, detail));
    }
  }
}

function checkFinalizers(finalizers: readonly string[], path: string, causes: Cause[]): void {
  for (const finalizer of finalizers)
    for (const message of labelKey(finalizer)) causes.push(invalidValue(path, finalizer, message));
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    causes.push(invalidValue(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
  }
}

function checkManagers(entries: readonly ManagedFieldsEntry[], path: string, causes: Cause[]): void {
  for (const [index, entry] of entries.entries()) {
    const at = `${path}[${index}]`;
    if (!entry.operation) causes.push(required(`${at}.operation`, 'must not be empty'));
    else if (entry.operation !== 'Apply' && entry.operation !== 'Update') {
      causes.push(notSupported(`${at}.operation`, entry.operation, ['Apply', 'Update']));
    }
    if (entry.fieldsType && entry.fieldsType !== 'FieldsV1') {
      causes.push(invalidValue(`${at}.fieldsType`, entry.fieldsType, 'must be `FieldsV1`'));
    }
    causes.push(...validateFieldManager(entry.manager ?? '', `${at}.manager`));
    if ((entry.subresource?.length ?? 0) > 256) causes.push(tooLong(`${at}.subresource`, 256));
  }
}

/** The name of a manager, from a query or an entry: at most 128 bytes, printable. */
export function validateFieldManager(manager: string, path = 'fieldManager'): Cause[] {
  const causes: Cause[] = [];
  if (Buffer.byteLength(manager) > fieldManagerMax) causes.push(tooLong(path, fieldManagerMax));
  let at = 0;
  for (const char of manager) {
    if (!/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(char)) {
      const code = (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
      causes.push(invalidValue(path, manager, `invalid character U+${code} (at position ${at})`));
    }
    at += Buffer.byteLength(char);
  }
  return causes;
}

/** Set by the server alone: a client that leaves them out means no change. */
const serverSet = ['uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const;

/** What an update may not change in metadata. */
export function validateMetaUpdate(meta: DraftMeta, old: DraftMeta, path = 'metadata'): Cause[] {
  const causes: Cause[] = [];
  if (old.deletionTimestamp !== undefined) {
    const added = (meta.finalizers ?? []).filter((finalizer) => !(old.finalizers ?? []).includes(finalizer));
    if (added.length > 0) {
      const shown = [...new Set(added)].sort().map(quoted).join(', ');
      causes.push(
        forbiddenField(
          `${path}.finalizers`,
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${shown}}`,
        ),
      );
    }
  }
  if (meta.generation !== undefined && meta.generation < (old.generation ?? 0)) {
    causes.push(invalidValue(`${path}.generation`, meta.generation, 'must not be decremented'));
  }
  for (const field of ['name', 'namespace'] as const) {
    if ((meta[field] ?? '') !== (old[field] ?? ''))
      causes.push(invalidValue(`${path}.${field}`, meta[field] ?? '', immutableDetail));
  }
  for (const field of serverSet) {
    if (meta[field] !== undefined && !sameValue(meta[field], old[field])) {
      causes.push(invalidValue(`${path}.${field}`, meta[field], immutableDetail));
    }
  }
  return causes;
}
