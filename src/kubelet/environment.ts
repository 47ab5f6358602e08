/**
 * The environment of a container: values, fields, resources, ConfigMaps and Secrets, and the addresses of the Services around it
 * (https://kubernetes.io/docs/tasks/inject-data-application/). Pure; what it needs is fetched before.
 */
import { canonicalQuantity, milliValue, parseQuantity, quantityValue } from '#meta/quantity.ts';
import type { ConfigMap } from '#api/core/configmap.ts';
import type { Container } from '#api/core/container.ts';
import type { Pod } from '#api/core/pod.ts';
import type { Secret } from '#api/core/secret.ts';
import type { Service } from '#api/core/service.ts';

export interface EnvironmentSources {
  readonly pod: Pod;
  readonly configMaps: ReadonlyMap<string, ConfigMap | undefined>;
  readonly secrets: ReadonlyMap<string, Secret | undefined>;
  /** Services of the pod's namespace, and `kubernetes`. */
  readonly services: readonly Service[];
  readonly podIps: readonly string[];
  readonly hostIp: string;
  readonly nodeName: string;
  readonly allocatable: Readonly<Record<string, string>>;
}

/** What a container cannot start without; its waiting state shows it as CreateContainerConfigError. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}

/** Names and values in order; the last one of a name wins. Throws ConfigError for a reference that does not resolve. */
export function environmentOf(
  container: Container,
  sources: EnvironmentSources,
): readonly { name: string; value: string }[] {
  const result = new Map<string, string>();
  const services = serviceVariables(sources);
  for (const [name, value] of services) result.set(name, value);
  for (const source of container.envFrom ?? []) {
    const { configMapRef, secretRef, prefix = '' } = source;
    if (configMapRef?.name) {
      const data = required(sources.configMaps, configMapRef.name, configMapRef.optional, 'configmap')?.data ?? {};
      for (const [key, value] of Object.entries(data)) result.set(prefix + key, value);
    }
    if (secretRef?.name) {
      const data = required(sources.secrets, secretRef.name, secretRef.optional, 'secret')?.data ?? {};
      for (const [key, value] of Object.entries(data))
        result.set(prefix + key, Buffer.from(value, 'base64').toString('utf8'));
    }
  }
  // `$(NAME)` sees the variables before it and those of Services, as upstream does.
  for (const variable of container.env ?? []) {
    const value = variable.valueFrom
      ? valueFrom(variable.valueFrom, container, sources)
      : expand(variable.value ?? '', result);
    if (value !== undefined) result.set(variable.name, value);
  }
  return [...result].map(([name, value]) => ({ name, value }));
}

function required<T>(
  found: ReadonlyMap<string, T | undefined>,
  name: string,
  optional: boolean | undefined,
  what: string,
): T | undefined {
  const object = found.get(name);
  if (object === undefined && !optional) throw new ConfigError(`${what} "${name}" not found`);
  return object;
}

type ValueFrom = NonNullable<NonNullable<Container['env']>[number]['valueFrom']>;

function valueFrom(source: ValueFrom, container: Container, sources: EnvironmentSources): string | undefined {
  const { pod } = sources;
  if (source.fieldRef) return fieldValue(source.fieldRef.fieldPath, pod, sources);
  if (source.resourceFieldRef) return resourceValue(source.resourceFieldRef, pod, container, sources.allocatable);
  if (source.configMapKeyRef) {
    const { name = '', key, optional } = source.configMapKeyRef;
    const object = required(sources.configMaps, name, optional, 'configmap');
    const value = object?.data?.[key];
    if (value === undefined && !optional)
      throw new ConfigError(`couldn't find key ${key} in ConfigMap ${pod.metadata.namespace}/${name}`);
    return value;
  }
  if (source.secretKeyRef) {
    const { name = '', key, optional } = source.secretKeyRef;
    const object = required(sources.secrets, name, optional, 'secret');
    const value = object?.data?.[key];
    if (value === undefined && !optional)
      throw new ConfigError(`couldn't find key ${key} in Secret ${pod.metadata.namespace}/${name}`);
    return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8');
  }
  return undefined;
}

export interface FieldContext {
  readonly podIps: readonly string[];
  readonly hostIp: string;
  readonly nodeName: string;
}

/** The downward API's fields: `metadata.name`, `metadata.labels['app']`, `status.podIP` … */
export function fieldValue(path: string, pod: Pod, { podIps, hostIp, nodeName }: FieldContext): string {
  const { metadata } = pod;
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (keyed) return (metadata[keyed[1] as 'labels' | 'annotations'] ?? {})[keyed[2] as string] ?? '';
  const all = (entries: Readonly<Record<string, string>> | undefined): string =>
    Object.entries(entries ?? {})
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
      .join('\n');
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid;
    case 'metadata.labels':
      return all(metadata.labels);
    case 'metadata.annotations':
      return all(metadata.annotations);
    case 'spec.nodeName':
      return nodeName;
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? '';
    case 'status.hostIP':
    case 'status.hostIPs':
      return hostIp;
    case 'status.podIP':
      return podIps[0] ?? '';
    case 'status.podIPs':
      return podIps.join(',');
    default:
      throw new ConfigError(`unsupported fieldPath: ${path}`);
  }
}

/** `limits.cpu` and its kin, rounded up to the divisor. A missing limit is what the node has. */
export function resourceValue(
  reference: { readonly resource: string; readonly divisor?: string; readonly containerName?: string },
  pod: Pod,
  own: Container | undefined,
  allocatable: Readonly<Record<string, string>>,
): string {
  const container = reference.containerName
    ? [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(({ name }) => name === reference.containerName)
    : own;
  const [section, ...rest] = reference.resource.split('.');
  const resource = rest.join('.');
  const amounts = section === 'limits' ? container?.resources?.limits : container?.resources?.requests;
  const text = amounts?.[resource] ?? (section === 'limits' ? (allocatable[resource] ?? '0') : '0');
  const quantity = parseQuantity(text);
  const divisor = parseQuantity(reference.divisor && reference.divisor !== '0' ? reference.divisor : '1');
  if (!quantity || !divisor) throw new ConfigError(`cannot use the quantity ${canonicalQuantity(text)}`);
  if (resource === 'cpu') return String(Math.ceil(milliValue(quantity) / milliValue(divisor)));
  return String(Math.ceil(quantityValue(quantity) / quantityValue(divisor)));
}

/** `$(NAME)` of known names; `$$` is a dollar; an unknown name stays as it is written. */
export function expand(text: string, known: ReadonlyMap<string, string>): string {
  let out = '';
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== '$' || at + 1 >= text.length) {
      out += text[at];
      continue;
    }
    if (text[at + 1] === '$') {
      out += '$';
      at++;
      continue;
    }
    const end = text[at + 1] === '(' ? text.indexOf(')', at + 2) : -1;
    if (end < 0) {
      out += '$';
      continue;
    }
    const name = text.slice(at + 2, end);
    out += known.get(name) ?? `$(${name})`;
    at = end;
  }
  return out;
}

/** The variables of Services: `WEB_SERVICE_HOST`, `WEB_PORT_80_TCP_ADDR` and so on; of `kubernetes` always. */
function serviceVariables({ pod, services }: EnvironmentSources): readonly (readonly [string, string])[] {
  const variables: (readonly [string, string])[] = [];
  const links = pod.spec.enableServiceLinks !== false;
  for (const service of services) {
    const { clusterIP, ports = [] } = service.spec;
    const isApi = service.metadata.namespace === 'default' && service.metadata.name === 'kubernetes';
    if (!clusterIP || clusterIP === 'None' || ports.length === 0) continue;
    if (!isApi && (!links || service.metadata.namespace !== pod.metadata.namespace)) continue;
    const name = service.metadata.name.toUpperCase().replaceAll('-', '_');
    const [first] = ports;
    variables.push([`${name}_SERVICE_HOST`, clusterIP], [`${name}_SERVICE_PORT`, String(first?.port)]);
    for (const port of ports)
      if (port.name)
        variables.push([`${name}_SERVICE_PORT_${port.name.toUpperCase().replaceAll('-', '_')}`, String(port.port)]);
    for (const [index, port] of ports.entries()) {
      const protocol = (port.protocol ?? 'TCP').toLowerCase();
      const url = `${protocol}://${clusterIP}:${port.port}`;
      const prefix = `${name}_PORT_${port.port}_${protocol.toUpperCase()}`;
      if (index === 0) variables.push([`${name}_PORT`, url]);
      variables.push(
        [prefix, url],
        [`${prefix}_PROTO`, protocol],
        [`${prefix}_PORT`, String(port.port)],
        [`${prefix}_ADDR`, clusterIP],
      );
    }
  }
  return variables;
}
