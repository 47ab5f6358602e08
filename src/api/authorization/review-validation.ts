/** Rules of access reviews: they ask about exactly one thing. Wording is upstream's. */
import { invalidValue } from '#meta/causes.ts';
import type { Causes } from '../field-checks.ts';
import type { NonResourceAttributes, ResourceAttributes } from './attributes.ts';

interface Asked {
  readonly resourceAttributes?: ResourceAttributes;
  readonly nonResourceAttributes?: NonResourceAttributes;
}

export function* askedCauses({ resourceAttributes: resource, nonResourceAttributes: path }: Asked): Causes {
  if (resource !== undefined && path !== undefined) {
    yield invalidValue(
      'spec.nonResourceAttributes',
      path,
      'cannot be specified in combination with resourceAttributes',
    );
  } else if (resource === undefined && path === undefined) {
    yield invalidValue(
      'spec.resourceAttributes',
      undefined,
      'exactly one of nonResourceAttributes or resourceAttributes must be specified',
    );
  }
}

export function* subjectCauses(spec: Asked & { readonly user?: string; readonly groups?: readonly string[] }): Causes {
  yield* askedCauses(spec);
  if (!spec.user && !spec.groups?.length)
    yield invalidValue('spec.user', spec.user ?? '', 'at least one of user or group must be specified');
}
