/** */
import { inline, s, struct, type Of } from '#schema/type.ts';
import {
  configMapKeySelector,
  localObjectReference,
  objectFieldSelector,
  resourceFieldSelector,
  secretKeySelector,
} from './references.ts';

export const fileKeySelector = struct('core.v1.FileKeySelector', {
  volumeName: s.string(1).doc(''),
  path: s.string(2).doc(''),
  key: s.string(3).doc(''),
  optional: s.boolean(4).default(false).doc(''),
});
export interface FileKeySelector extends Of<typeof fileKeySelector> {}

export const envVarSource = struct('core.v1.EnvVarSource', {
  fieldRef: s.field(1, objectFieldSelector).optional().doc(''),
  resourceFieldRef: s.field(2, resourceFieldSelector).optional().doc(''),
  configMapKeyRef: s.field(3, configMapKeySelector).optional().doc(''),
  secretKeyRef: s.field(4, secretKeySelector).optional().doc(''),
  fileKeyRef: s.field(5, fileKeySelector).optional().doc(''),
});
export interface EnvVarSource extends Of<typeof envVarSource> {}

export const envVar = struct('core.v1.EnvVar', {
  name: s.string(1).doc(''),
  value: s.string(2).optional().doc(''),
  valueFrom: s.field(3, envVarSource).optional().doc(''),
});
export interface EnvVar extends Of<typeof envVar> {}

export const configMapEnvSource = struct('core.v1.ConfigMapEnvSource', {
  ...inline(1, localObjectReference),
  optional: s.boolean(2).optional().doc(''),
});
export interface ConfigMapEnvSource extends Of<typeof configMapEnvSource> {}

export const secretEnvSource = struct('core.v1.SecretEnvSource', {
  ...inline(1, localObjectReference),
  optional: s.boolean(2).optional().doc(''),
});
export interface SecretEnvSource extends Of<typeof secretEnvSource> {}

export const envFromSource = struct('core.v1.EnvFromSource', {
  prefix: s.string(1).optional().doc(''),
  configMapRef: s.field(2, configMapEnvSource).optional().doc(''),
  secretRef: s.field(3, secretEnvSource).optional().doc(''),
});
export interface EnvFromSource extends Of<typeof envFromSource> {}
