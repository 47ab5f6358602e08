/**
 * The older Endpoints object of every Service that selects pods: the same backends in one object, cut at a thousand addresses
 * (https://kubernetes.io/docs/concepts/services-networking/service/#endpoints).
 */
import { deepEqual } from '#base/deep-equal.ts';
import { Endpoints } from '#api/core/endpoints.ts';
import { Pod } from '#api/core/pod.ts';
import { Service } from '#api/core/service.ts';
import { create, remove, update, type Action } from '#runtime/action.ts';
import { controller, type Picture } from '#runtime/controller.ts';
import type { Change } from '#client/view.ts';
import { canonical } from '../template-hash.ts';
import { backendsOf, portsOf, type BackendPort } from './backends.ts';
import { selected, servicesOf } from './endpoint-slices.ts';

const addressesMax = 1000;
const managedBy = 'endpoints.kubernetes.io/managed-by';
const manager = 'endpoint-controller';
const overCapacity = 'endpoints.kubernetes.io/over-capacity';

export const endpoints = controller({
  name: 'endpoint-controller',
  for: Service,
  watches: [
    { kind: Pod, wakes: (change, read) => servicesOf(change as Change<Pod>, read) },
    {
      kind: Endpoints,
      wakes: ({ old, now }) => [`${(now ?? old)?.metadata.namespace}/${(now ?? old)?.metadata.name}`],
    },
  ],
  *reconcile(service: Service, picture: Picture): Iterable<Action> {
    const { selector, type } = service.spec;
    if (type === 'ExternalName' || !selector || Object.keys(selector).length === 0) return;
    const { name, namespace = '' } = service.metadata;
    const present = picture.of(Endpoints).get(`${namespace}/${name}`);
    const { subsets, over } = subsetsOf(service, selected(service, picture));
    const labels = {
      ...service.metadata.labels,
      [managedBy]: manager,
      ...(service.spec.clusterIP === 'None' ? { 'service.kubernetes.io/headless': '' } : {}),
    };
    if (!present) {
      const annotations = over ? { annotations: { [overCapacity]: 'truncated' } } : {};
      yield create(
        Endpoints,
        { metadata: { name, namespace, labels, ...annotations }, ...(subsets.length > 0 ? { subsets } : {}) } as never,
        { unlessExists: true },
      );
      return;
    }
    if (deepEqual(present.subsets ?? [], subsets) && deepEqual(present.metadata.labels ?? {}, labels)) return;
    const { subsets: _old, ...rest } = present;
    yield update(Endpoints, {
      ...rest,
      metadata: { ...present.metadata, labels },
      ...(subsets.length > 0 ? { subsets } : {}),
    } as never);
  },
  *gone(key, picture) {
    const orphan = picture.of(Endpoints).get(key);
    if (orphan?.metadata.labels?.[managedBy] === manager) yield remove(Endpoints, orphan);
  },
});

interface Address {
  readonly ip: string;
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly targetRef: object;
}

function subsetsOf(service: Service, pods: readonly Pod[]): { subsets: readonly unknown[]; over: boolean } {
  const groups = new Map<
    string,
    { ports: readonly BackendPort[]; addresses: Address[]; notReadyAddresses: Address[] }
  >();
  let count = 0;
  let over = false;
  for (const { pod, address, ready, terminating } of backendsOf(service, pods)) {
    if (terminating && !service.spec.publishNotReadyAddresses) continue;
    if (++count > addressesMax) {
      over = true;
      break;
    }
    const ports = portsOf(service, pod);
    const key = canonical(ports);
    const group = groups.get(key) ?? { ports, addresses: [], notReadyAddresses: [] };
    groups.set(key, group);
    const hostname =
      pod.spec.hostname && pod.spec.subdomain === service.metadata.name ? { hostname: pod.spec.hostname } : {};
    (ready ? group.addresses : group.notReadyAddresses).push({
      ip: address,
      ...hostname,
      ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
      targetRef: {
        kind: 'Pod',
        namespace: pod.metadata.namespace ?? '',
        name: pod.metadata.name,
        uid: pod.metadata.uid,
      },
    });
  }
  const subsets = [...groups.values()].map(({ ports, addresses, notReadyAddresses }) => ({
    ...(addresses.length > 0 ? { addresses } : {}),
    ...(notReadyAddresses.length > 0 ? { notReadyAddresses } : {}),
    ...(ports.length > 0 ? { ports: ports.map(({ name, ...port }) => (name ? { name, ...port } : port)) } : {}),
  }));
  return { subsets, over };
}
