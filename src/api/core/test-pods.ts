/** Drafts of pods, for tests: good but for what a test puts into them. */
import type { DraftObject } from '#schema/kind.ts';
import type { Pod } from './pod.ts';

export type Spec = Record<string, unknown>;

export const container = { name: 'web', image: 'nginx:1' };

/** A pod of one container, with these fields of the spec beside it or instead of it. */
export const pod = (spec: Spec): DraftObject<typeof Pod> =>
  ({ metadata: { name: 'web' }, spec: { containers: [container], ...spec } }) as never;

/** A pod whose container has these fields. */
export const one = (fields: Spec): DraftObject<typeof Pod> => pod({ containers: [{ ...container, ...fields }] });

/** A cause at a field of that container. */
export const at = (path: string, message: string): string => `spec.containers[0].${path}: ${message}`;
