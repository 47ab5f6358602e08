/** Key-value pairs that a pod hands to the signer of its certificate. Wording is upstream's (ValidateUserAnnotations). */
import { invalidValue, required, tooLong } from '#meta/causes.ts';
import { labelKey } from '#meta/names.ts';
import { annotationsBytesMax } from '#schema/validate-meta.ts';
import type { Causes } from '../field-checks.ts';

export function* userAnnotationCauses(path: string, annotations: Readonly<Record<string, string>> | undefined): Causes {
  let bytes = 0;
  for (const [name, value] of Object.entries(annotations ?? {})) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
    const key = name.toLowerCase();
    const faults = labelKey(key);
    if (key === '') yield required(path);
    else if (faults.length > 0) for (const fault of faults) yield invalidValue(path, key, fault);
    else if (!key.includes('/')) yield invalidValue(path, key, 'must be a domain-prefixed key (such as "acme.io/foo")');
  }
  if (bytes > annotationsBytesMax) yield tooLong(path, annotationsBytesMax);
}
