/**
 * EndpointSlices of every Service that selects pods: at most a hundred endpoints each, changed as little as possible
 * (https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/).
 */
import { deepEqual } from '#base/deep-equal.ts';
import { EndpointSlice } from '#api/discovery/endpointslice.ts';
import { Node } from '#api/core/node.ts';
import { Pod } from '#api/core/pod.ts';
import { Service } from '#api/core/service.ts';
import { create, remove, update, type Action } from '#runtime/action.ts';
import { controller, type Picture, type Reader } from '#runtime/controller.ts';
import { controllerReference } from '#runtime/runner.ts';
import { matches, selectorFrom } from '#meta/selector.ts';
import type { Change } from '#client/view.ts';
import { canonical } from '../template-hash.ts';
import { backendsOf, portsOf, type Backend, type BackendPort } from './backends.ts';

const endpointsMax = 100;
const managedBy = 'endpointslice.kubernetes.io/managed-by';
const manager = 'endpointslice-controller.k8s.io';
const serviceName = 'kubernetes.io/service-name';
const headless = 'service.kubernetes.io/headless';

export const endpointSlices = controller({
  name: 'endpointslice-controller',
  for: Service,
  claims: [{ kind: EndpointSlice }],
  watches: [{ kind: Pod, wakes: (change, read) => servicesOf(change as Change<Pod>, read) }],
  reads: [Node],
  *reconcile(service: Service, picture: Picture): Iterable<Action> {
    const slices = picture
      .claimed(EndpointSlice)
      .filter((slice) => slice.metadata.labels?.[managedBy] === manager && !slice.metadata.deletionTimestamp);
    const { selector, type } = service.spec;
    if (service.metadata.deletionTimestamp !== undefined) return;
    if (type === 'ExternalName' || !selector || Object.keys(selector).length === 0) {
      for (const slice of slices) yield remove(EndpointSlice, slice);
      return;
    }
    const pods = selected(service, picture);
    yield* reconcilePorts(service, slices, groupByPorts(service, pods, picture));
  },
});

/** Pods that the Service's selector finds. */
export function selected(service: Service, read: Reader): readonly Pod[] {
  const selector = selectorFrom({ matchLabels: service.spec.selector } as never);
  return read
    .of(Pod)
    .by('namespace', service.metadata.namespace ?? '')
    .filter((pod) => matches(selector, pod.metadata.labels ?? {}));
}

/** Services that a changed pod is or was behind. */
export function* servicesOf({ old, now }: Change<Pod>, read: Reader): Generator<string> {
  const namespace = (now ?? old)?.metadata.namespace ?? '';
  for (const service of read.of(Service).by('namespace', namespace)) {
    const { selector } = service.spec;
    if (!selector || Object.keys(selector).length === 0) continue;
    const found = Object.entries(selector);
    const hits = (pod: Pod | undefined): boolean =>
      pod !== undefined && found.every(([key, value]) => pod.metadata.labels?.[key] === value);
    if (hits(old) || hits(now)) yield `${namespace}/${service.metadata.name}`;
  }
}

interface Group {
  readonly ports: readonly BackendPort[];
  readonly endpoints: readonly EndpointSlice['endpoints'][number][];
}

/** Pods with the same numbers behind the Service's ports share slices. */
function groupByPorts(service: Service, pods: readonly Pod[], read: Reader): ReadonlyMap<string, Group> {
  const groups = new Map<string, { ports: readonly BackendPort[]; endpoints: EndpointSlice['endpoints'][number][] }>();
  for (const backend of backendsOf(service, pods)) {
    const ports = portsOf(service, backend.pod);
    const key = canonical(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    groups.set(key, group);
    group.endpoints.push(endpointOf(service, backend, read));
  }
  return groups;
}

function endpointOf(
  service: Service,
  { pod, address, ready, serving, terminating }: Backend,
  read: Reader,
): EndpointSlice['endpoints'][number] {
  const nodeName = pod.spec.nodeName;
  const zone = nodeName ? read.of(Node).get(nodeName)?.metadata.labels?.['topology.kubernetes.io/zone'] : undefined;
  const hostname = pod.spec.hostname && pod.spec.subdomain === service.metadata.name ? pod.spec.hostname : undefined;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: { kind: 'Pod', namespace: pod.metadata.namespace ?? '', name: pod.metadata.name, uid: pod.metadata.uid },
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
  } as EndpointSlice['endpoints'][number];
}

function* reconcilePorts(
  service: Service,
  slices: readonly EndpointSlice[],
  groups: ReadonlyMap<string, Group>,
): Iterable<Action> {
  const labels = labelsOf(service);
  const unused = new Set(slices);
  // A Service without any pod still has one empty slice, so that readers see it has been looked at.
  const wanted = groups.size > 0 ? groups : new Map([['', { ports: [], endpoints: [] }]]);
  for (const { ports, endpoints } of wanted.values()) {
    const present = slices.filter((slice) => unused.has(slice) && deepEqual(portKeys(slice.ports), portKeys(ports)));
    const reusable = present.length > 0 ? present : [...unused].slice(0, 1);
    const chunks: EndpointSlice['endpoints'][number][][] = [];
    for (let start = 0; start < endpoints.length || start === 0; start += endpointsMax)
      chunks.push(endpoints.slice(start, start + endpointsMax));
    for (const [index, chunk] of chunks.entries()) {
      const slice = reusable[index];
      const content = { addressType: 'IPv4' as const, endpoints: chunk, ports };
      if (!slice) {
        yield create(EndpointSlice, {
          metadata: {
            generateName: `${service.metadata.name}-`,
            namespace: service.metadata.namespace ?? '',
            labels,
            ownerReferences: [controllerReference(Service, service)],
          },
          ...content,
        } as never);
        continue;
      }
      unused.delete(slice);
      const same =
        deepEqual(slice.endpoints, chunk) &&
        deepEqual(portKeys(slice.ports), portKeys(ports)) &&
        deepEqual(slice.metadata.labels, labels);
      if (!same)
        yield update(EndpointSlice, { ...slice, metadata: { ...slice.metadata, labels }, ...content } as never);
    }
  }
  for (const slice of unused) yield remove(EndpointSlice, slice);
}

const portKeys = (ports: readonly unknown[] | undefined) =>
  (ports ?? []).map((port) => {
    const { name = '', port: number, protocol = 'TCP', appProtocol } = port as Partial<BackendPort>;
    return `${name}/${protocol}/${number}/${appProtocol ?? ''}`;
  });

function labelsOf(service: Service): Record<string, string> {
  const own = { ...service.metadata.labels };
  for (const key of [serviceName, managedBy, headless]) delete (own as Record<string, string>)[key];
  return {
    ...own,
    [serviceName]: service.metadata.name,
    [managedBy]: manager,
    ...(service.spec.clusterIP === 'None' ? { [headless]: '' } : {}),
  };
}
