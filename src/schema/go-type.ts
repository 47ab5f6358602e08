/**
 * How a declared type is called in Go, for decoding errors: upstream's clients, docs and tests know them as `json: cannot unmarshal string into Go
 * struct field DeploymentSpec.spec.replicas of type int32`.
 */
import { goNames } from './go-names.ts';
import type { AnyTypeData, StructType } from './type.ts';

/** `apps.v1.DeploymentSpec` → `DeploymentSpec`. */
export const shortName = (structName: string): string => structName.slice(structName.lastIndexOf('.') + 1);

/** `apps.v1.DeploymentSpec` → `v1.DeploymentSpec`: the Go package is called after the version. */
const packaged = (structName: string): string => structName.split('.').slice(-2).join('.');

export function goType(type: AnyTypeData): string {
  switch (type.is) {
    case 'string':
      if (type.format === 'byte') return '[]uint8';
      if (type.format === 'time') return 'v1.Time';
      if (type.format === 'microTime') return 'v1.MicroTime';
      return type.format === 'duration' ? 'v1.Duration' : 'string';
    case 'integer':
      return type.bits === 32 ? 'int32' : 'int64';
    case 'number':
      return 'float64';
    case 'boolean':
      return 'bool';
    case 'intOrString':
      return 'intstr.IntOrString';
    case 'quantity':
      return 'resource.Quantity';
    case 'any':
      return 'runtime.RawExtension';
    case 'map':
      return `map[string]${goType(type.values)}`;
    case 'list':
      return `[]${goType(type.items)}`;
    case 'either':
    case 'struct':
      return packaged(type.name);
    default:
      return type satisfies never;
  }
}

/**
 * Where a decoder stands in `root`, as Go's decoder tells it: `spec.containers.livenessProbe.ProbeHandler.exec`, and the name of the value's type when it has
 * one of its own. Steps are field names, list positions, and map keys with a NUL before them.
 */
export function goPlace(
  root: StructType,
  steps: readonly (string | number)[],
): { readonly path: string; readonly type: string | undefined } {
  let at: AnyTypeData | undefined = root;
  let named: string | undefined;
  const path: string[] = [];
  for (const step of steps) {
    if (typeof step === 'number' || step.startsWith('\0')) {
      at = at?.is === 'list' ? at.items : at?.is === 'map' ? at.values : undefined;
      named = /^(?:\[\]|map\[[^\]]*\])(.+)$/.exec(named ?? '')?.[1];
      continue;
    }
    const struct: StructType | undefined = at?.is === 'either' ? at.struct : at?.is === 'struct' ? at : undefined;
    const [embedded = '', type] = (struct && goNames[struct.name]?.[step]?.split('/')) ?? [];
    path.push(`${embedded}${step}`);
    named = type;
    at = struct?.fields[step]?.type;
  }
  return { path: path.join('.'), type: named };
}

/** How Go's decoder calls a JSON value. */
export function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'number':
    case 'bigint':
      return 'number';
    case 'boolean':
      return 'bool';
    default:
      return 'object';
  }
}

/** A number as it stood in the JSON text, as far as JavaScript still knows. */
export const jsonNumber = (value: unknown): string =>
  typeof value === 'number' || typeof value === 'bigint' ? `number ${value}` : jsonKind(value);
