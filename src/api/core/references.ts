/** */
import { inline, s, struct, type Of } from '#schema/type.ts';

export const localObjectReference = struct('core.v1.LocalObjectReference', {
  name: s.string(1).default('').doc(''),
});
export interface LocalObjectReference extends Of<typeof localObjectReference> {}

export const objectReference = struct('core.v1.ObjectReference', {
  kind: s.string(1).optional().doc(''),
  namespace: s.string(2).optional().doc(''),
  name: s.string(3).optional().doc(''),
  uid: s.string(4).optional().doc(''),
  apiVersion: s.string(5).optional().doc(''),
  resourceVersion: s.string(6).optional().doc(''),
  fieldPath: s.string(7).optional().doc(''),
});
export interface ObjectReference extends Of<typeof objectReference> {}

export const typedLocalObjectReference = struct('core.v1.TypedLocalObjectReference', {
  apiGroup: s.string(1).optional().doc(''),
  kind: s.string(2).doc(''),
  name: s.string(3).doc(''),
});
export interface TypedLocalObjectReference extends Of<typeof typedLocalObjectReference> {}

export const secretReference = struct('core.v1.SecretReference', {
  name: s.string(1).optional().doc(''),
  namespace: s.string(2).optional().doc(''),
});
export interface SecretReference extends Of<typeof secretReference> {}

export const objectFieldSelector = struct('core.v1.ObjectFieldSelector', {
  apiVersion: s.string(1).default('v1').doc(''),
  fieldPath: s.string(2).doc(''),
});
export interface ObjectFieldSelector extends Of<typeof objectFieldSelector> {}

export const resourceFieldSelector = struct('core.v1.ResourceFieldSelector', {
  containerName: s.string(1).optional().doc(''),
  resource: s.string(2).doc(''),
  divisor: s.quantity(3).default('0').doc(''),
});
export interface ResourceFieldSelector extends Of<typeof resourceFieldSelector> {}

export const secretKeySelector = struct('core.v1.SecretKeySelector', {
  ...inline(1, localObjectReference),
  key: s.string(2).doc(''),
  optional: s.boolean(3).optional().doc(''),
});
export interface SecretKeySelector extends Of<typeof secretKeySelector> {}

export const configMapKeySelector = struct('core.v1.ConfigMapKeySelector', {
  ...inline(1, localObjectReference),
  key: s.string(2).doc(''),
  optional: s.boolean(3).optional().doc(''),
});
export interface ConfigMapKeySelector extends Of<typeof configMapKeySelector> {}
