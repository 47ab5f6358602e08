/**
 * Where a container's environment variables come from.
 */
import { inline, s, struct, type Of } from '#schema/type.ts';
import {
  configMapKeySelector,
  localObjectReference,
  objectFieldSelector,
  resourceFieldSelector,
  secretKeySelector,
} from './references.ts';

export const fileKeySelector = struct(
  'core.v1.FileKeySelector',
  {
    volumeName: s.string(1).doc('The emptyDir volume with the file.'),
    path: s.string(2).doc('Path of the file inside the volume.'),
    key: s.string(3).doc('Name of the variable in the file.'),
    optional: s.boolean(4).keepsZero().default(false).doc('When true, a missing file or key is no failure.'),
  },
  { atomic: true, doc: 'One variable of a file in a volume.' },
);
export interface FileKeySelector extends Of<typeof fileKeySelector> {}

export const envVarSource = struct(
  'core.v1.EnvVarSource',
  {
    fieldRef: s
      .field(1, objectFieldSelector)
      .optional()
      .doc('A field of the pod, such as metadata.name or status.podIP.'),
    resourceFieldRef: s.field(2, resourceFieldSelector).optional().doc('A request or limit of a container.'),
    configMapKeyRef: s.field(3, configMapKeySelector).optional().doc('A key of a ConfigMap.'),
    secretKeyRef: s.field(4, secretKeySelector).optional().doc('A key of a Secret.'),
    fileKeyRef: s.field(5, fileKeySelector).optional().doc('A variable in a file of a volume.'),
  },
  { doc: "Where a variable's value comes from; exactly one member." },
);
export interface EnvVarSource extends Of<typeof envVarSource> {}

export const envVar = struct(
  'core.v1.EnvVar',
  {
    name: s.string(1).doc('Name of the variable; any printable ASCII except the equals sign.'),
    value: s
      .string(2)
      .optional()
      .doc('Value. $(VARIABLES) defined before are filled in; $$ stands for one dollar sign.'),
    valueFrom: s.field(3, envVarSource).optional().doc('Where the value comes from, when value is empty.'),
  },
  { doc: 'One environment variable.' },
);
export interface EnvVar extends Of<typeof envVar> {}

export const configMapEnvSource = struct(
  'core.v1.ConfigMapEnvSource',
  {
    ...inline(1, localObjectReference),
    optional: s.boolean(2).keepsZero().optional().doc('When true, a missing ConfigMap is no failure.'),
  },
  { doc: 'All keys of a ConfigMap.' },
);
export interface ConfigMapEnvSource extends Of<typeof configMapEnvSource> {}

export const secretEnvSource = struct(
  'core.v1.SecretEnvSource',
  {
    ...inline(1, localObjectReference),
    optional: s.boolean(2).keepsZero().optional().doc('When true, a missing Secret is no failure.'),
  },
  { doc: 'All keys of a Secret.' },
);
export interface SecretEnvSource extends Of<typeof secretEnvSource> {}

export const envFromSource = struct(
  'core.v1.EnvFromSource',
  {
    prefix: s.string(1).optional().doc('Put before each name.'),
    configMapRef: s.field(2, configMapEnvSource).optional().doc('The ConfigMap.'),
    secretRef: s.field(3, secretEnvSource).optional().doc('The Secret.'),
  },
  { doc: 'A set of environment variables.' },
);
export interface EnvFromSource extends Of<typeof envFromSource> {}
