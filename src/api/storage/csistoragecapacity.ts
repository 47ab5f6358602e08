/**
 * CSIStorageCapacity: how much space a driver has for one class in one place.
 */
import { dns1123Subdomain } from '#meta/names.ts';
import { checkLabelSelector } from '#meta/selector.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { labelSelector, type LabelSelector } from '#schema/label-selector.ts';
import { s } from '#schema/type.ts';
import { oldLabels } from '../core/pod-warnings.ts';
import { indexed, named, nonNegativeQuantity } from '../field-checks.ts';

function* topologyWarnings(selector: LabelSelector | undefined): Iterable<string> {
  for (const key of Object.keys(selector?.matchLabels ?? {})) {
    const old = oldLabels[key];
    if (old !== undefined) yield `nodeTopology.matchLabels[${key}]: ${old}`;
  }
  for (const [{ key }, at] of indexed('nodeTopology.matchExpressions', selector?.matchExpressions)) {
    const old = oldLabels[key];
    if (old !== undefined) yield `${at}.key: ${key} is ${old}`;
  }
}

export const CSIStorageCapacity = resource({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIStorageCapacity',
  plural: 'csistoragecapacities',
  scope: 'Namespaced',
  hooks: {
    needsVersion: true,
    validateCreate: ({ nodeTopology, storageClassName, capacity }) => [
      ...checkLabelSelector(nodeTopology, 'nodeTopology'),
      ...named(dns1123Subdomain, 'storageClassName', storageClassName),
      ...(capacity === undefined ? [] : nonNegativeQuantity('capacity', capacity)),
    ],
    warnings: ({ nodeTopology }) => [...topologyWarnings(nodeTopology)],
  },
  name: 'storage.v1.CSIStorageCapacity',
  doc: 'How much space a driver has left for one class in one place; written by the driver.',
  fields: {
    nodeTopology: s
      .field(2, labelSelector)
      .immutable()
      .optional()
      .doc('Nodes that can reach the space; an empty selector means all, a missing one none. Cannot be changed.'),
    storageClassName: s.string(3).ruled().immutable().doc('The class that the space is for; cannot be changed.'),
    capacity: s.quantity(4).optional().doc('The space that is left, as the driver reports it; unknown when absent.'),
    maximumVolumeSize: s.quantity(5).optional().doc('The largest volume that can be made.'),
  },
});
export type CSIStorageCapacity = ObjectOf<typeof CSIStorageCapacity>;
