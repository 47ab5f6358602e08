/** Rules of environment variables and of the fields and resources that variables and files show. Wording is upstream's. */
import { invalidValue, notFoundField, notSupported, required } from '#meta/causes.ts';
import { configMapKey, dns1123Label, dns1123Subdomain, labelKey, relaxedEnvVarName } from '#meta/names.ts';
import { parseQuantity } from '#meta/quantity.ts';
import { indexed, named, noBacksteps, requiredNamed, type Causes } from '../field-checks.ts';
import type { EnvFromSource, EnvVar, FileKeySelector } from './environment.ts';
import type { ConfigMapKeySelector, ObjectFieldSelector, ResourceFieldSelector } from './references.ts';
import type { Volumes } from './volume-validation.ts';

const environmentFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

/** Fields of a pod that can be named at all; what is allowed where is a narrower list. */
const convertible = new Set([
  ...environmentFields,
  'metadata.annotations',
  'metadata.labels',
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
]);

const resources = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];

/** `metadata.labels['app']` → its two parts. */
const subscripted = /^(.+)\['(.+)'\]$/s;

export function* objectField(path: string, reference: ObjectFieldSelector, allowed: readonly string[]): Causes {
  const { fieldPath, apiVersion } = reference;
  if (!fieldPath) {
    yield required(`${path}.fieldPath`);
    return;
  }
  const unsupported = (why: string) =>
    invalidValue(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${why}`);
  if (apiVersion !== 'v1') {
    yield unsupported(`unsupported pod version: ${apiVersion}`);
    return;
  }
  const parts = subscripted.exec(fieldPath);
  if (parts !== null) {
    const [, map = '', key = ''] = parts;
    if (map === 'metadata.annotations') yield* named(labelKey, path, key.toLowerCase());
    else if (map === 'metadata.labels') yield* named(labelKey, path, key);
    else yield unsupported(`field label does not support subscript: ${fieldPath}`);
    return;
  }
  const field = fieldPath === 'spec.host' ? 'spec.nodeName' : fieldPath;
  if (!convertible.has(field)) yield unsupported(`field label not supported: ${fieldPath}`);
  else if (!allowed.includes(field)) yield notSupported(`${path}.fieldPath`, field, allowed);
}

const byteUnits = new Set(['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei']);
const byteUnitsText = [...byteUnits].join(', ');

/** `inVolume`: the container must be named. */
export function* containerResource(path: string, reference: ResourceFieldSelector, inVolume: boolean): Causes {
  const { resource, divisor, containerName } = reference;
  const huge = /^(?:requests|limits)\.hugepages-/.test(resource ?? '');
  if (inVolume && !containerName) yield required(`${path}.containerName`);
  else if (!resource) yield required(`${path}.resource`);
  else if (!resources.includes(resource) && !huge) yield notSupported(`${path}.resource`, resource, resources);
  const unit = parseQuantity(divisor);
  if (!resource || unit === undefined || unit.nano === 0n || (!resources.includes(resource) && !huge)) return;
  if (resource.endsWith('.cpu')) {
    if (unit.text !== '1m' && unit.text !== '1')
      yield invalidValue(
        `${path}.divisor`,
        resource,
        "only divisor's values 1m and 1 are supported with the cpu resource",
      );
    return;
  }
  const what = huge ? 'hugepages' : resource.endsWith('.memory') ? 'memory' : 'local ephemeral storage';
  if (!byteUnits.has(unit.text)) {
    yield invalidValue(
      `${path}.divisor`,
      resource,
      `only divisor's values ${byteUnitsText} are supported with the ${what} resource`,
    );
  }
}

function* keySelector(path: string, selector: ConfigMapKeySelector): Causes {
  yield* named(dns1123Subdomain, `${path}.name`, selector.name ?? '');
  if (selector.key) yield* named(configMapKey, `${path}.key`, selector.key);
}

function* fileKey(path: string, { key, volumeName, path: file }: FileKeySelector, volumes: Volumes): Causes {
  if (key) yield* named(relaxedEnvVarName, `${path}.key`, key);
  if (volumeName) yield* named(dns1123Label, `${path}.volumeName`, volumeName);
  if (file) yield* noBacksteps(`${path}.path`, file);
  if (!volumes.has(volumeName)) yield notFoundField(`${path}.volumeName`, volumeName ?? '');
}

function* valueFrom(path: string, variable: EnvVar, volumes: Volumes): Causes {
  const from = variable.valueFrom;
  if (from === undefined) return;
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = from;
  if (fieldRef !== undefined) yield* objectField(`${path}.fieldRef`, fieldRef, environmentFields);
  if (resourceFieldRef !== undefined) yield* containerResource(`${path}.resourceFieldRef`, resourceFieldRef, false);
  if (configMapKeyRef !== undefined) yield* keySelector(`${path}.configMapKeyRef`, configMapKeyRef);
  if (secretKeyRef !== undefined) yield* keySelector(`${path}.secretKeyRef`, secretKeyRef);
  if (fileKeyRef !== undefined) yield* fileKey(`${path}.fileKeyRef`, fileKeyRef, volumes);
  const set = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter(
    (one) => one !== undefined,
  ).length;
  if (set === 0) {
    yield invalidValue(
      path,
      '',
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
    );
  } else if (variable.value) yield invalidValue(path, '', 'may not be specified when `value` is not empty');
  else if (set > 1) yield invalidValue(path, '', 'may not have more than one field specified at a time');
}

export function* environmentCauses(path: string, variables: readonly EnvVar[] | undefined, volumes: Volumes): Causes {
  for (const [variable, at] of indexed(path, variables)) {
    if (variable.name) yield* named(relaxedEnvVarName, `${at}.name`, variable.name);
    yield* valueFrom(`${at}.valueFrom`, variable, volumes);
  }
}

export function* environmentFromCauses(path: string, sources: readonly EnvFromSource[] | undefined): Causes {
  for (const [source, at] of indexed(path, sources)) {
    if (source.prefix) yield* named(relaxedEnvVarName, `${at}.prefix`, source.prefix);
    if (source.configMapRef !== undefined)
      yield* requiredNamed(dns1123Subdomain, `${at}.configMapRef.name`, source.configMapRef.name);
    if (source.secretRef !== undefined)
      yield* requiredNamed(dns1123Subdomain, `${at}.secretRef.name`, source.secretRef.name);
    // Upstream reports these two at the list, not at the item.
    if (source.configMapRef === undefined && source.secretRef === undefined) {
      yield invalidValue(path, '', 'must specify one of: `configMapRef` or `secretRef`');
    } else if (source.configMapRef !== undefined && source.secretRef !== undefined) {
      yield invalidValue(path, '', 'may not have more than one field specified at a time');
    }
  }
}
