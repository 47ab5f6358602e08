/**
 * References to objects, keys and fields, as other kinds embed them.
 */
import { inline, s, struct, type Of } from '#schema/type.ts';

export const localObjectReference = struct(
  'core.v1.LocalObjectReference',
  {
    name: s.string(1).emptyDefault().doc('Name of the object.'),
  },
  { atomic: true, doc: 'An object of the same namespace.' },
);
export interface LocalObjectReference extends Of<typeof localObjectReference> {}

export const objectReference = struct(
  'core.v1.ObjectReference',
  {
    kind: s.string(1).optional().doc('Kind of the object.'),
    namespace: s.string(2).optional().doc('Namespace of the object.'),
    name: s.string(3).optional().doc('Name of the object.'),
    uid: s.string(4).optional().doc('UID of the object.'),
    apiVersion: s.string(5).optional().doc('API version of the object.'),
    resourceVersion: s.string(6).optional().doc('The version of the object that is meant.'),
    fieldPath: s.string(7).optional().doc('A part of the object, such as spec.containers{web}.'),
  },
  { atomic: true, doc: 'Points to an object, or to a part of it.' },
);
export interface ObjectReference extends Of<typeof objectReference> {}

export const typedLocalObjectReference = struct(
  'core.v1.TypedLocalObjectReference',
  {
    apiGroup: s.string(1).keepsZero().optional().doc('Group of the kind; the core group when absent.'),
    kind: s.string(2).ruled().doc('Kind of the object.'),
    name: s.string(3).ruled().doc('Name of the object.'),
  },
  { atomic: true, doc: 'An object of any kind in the same namespace.' },
);
export interface TypedLocalObjectReference extends Of<typeof typedLocalObjectReference> {}

export const objectFieldSelector = struct(
  'core.v1.ObjectFieldSelector',
  {
    apiVersion: s.string(1).default('v1').doc('The version in which the path is written.'),
    fieldPath: s.string(2).ruled().doc('Path of the field.'),
  },
  { atomic: true, doc: 'One field of an object.' },
);
export interface ObjectFieldSelector extends Of<typeof objectFieldSelector> {}

export const resourceFieldSelector = struct(
  'core.v1.ResourceFieldSelector',
  {
    containerName: s.string(1).optional().doc('The container; needed in volumes, optional in env.'),
    resource: s.string(2).ruled().doc('Such as limits.cpu or requests.memory.'),
    divisor: s.quantity(3).default('0').doc('The unit of the output; 1 when 0.'),
  },
  { atomic: true, doc: 'One resource of a container.' },
);
export interface ResourceFieldSelector extends Of<typeof resourceFieldSelector> {}

export const secretKeySelector = struct(
  'core.v1.SecretKeySelector',
  {
    ...inline(1, localObjectReference),
    key: s.string(2).doc('The key.'),
    optional: s.boolean(3).keepsZero().optional().doc('When true, a missing Secret or key is no failure.'),
  },
  { atomic: true, doc: 'One key of a Secret.' },
);
export interface SecretKeySelector extends Of<typeof secretKeySelector> {}

export const configMapKeySelector = struct(
  'core.v1.ConfigMapKeySelector',
  {
    ...inline(1, localObjectReference),
    key: s.string(2).doc('The key.'),
    optional: s.boolean(3).keepsZero().optional().doc('When true, a missing ConfigMap or key is no failure.'),
  },
  { atomic: true, doc: 'One key of a ConfigMap.' },
);
export interface ConfigMapKeySelector extends Of<typeof configMapKeySelector> {}
