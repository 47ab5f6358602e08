/**
 * Columns that many kinds share: Name, Age, and what a workload shows of its containers. Texts are those of upstream's printers, because
 * people and scripts read them.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import { formatSelector, selectorFrom, type LabelSelectorObject } from '#meta/selector.ts';
import { formatAge, parseTime } from '#meta/time.ts';
import type { Column } from '#schema/kind.ts';
import type { Millis } from '#world/world.ts';

/** How long ago an instant was, `<unknown>` when it is missing. */
export function since(instant: string | undefined, now: Millis): string {
  const ms = instant === undefined ? undefined : parseTime(instant);
  return ms === undefined ? '<unknown>' : formatAge(now - ms);
}

export const nameColumn: Column<AnyObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Unique in its namespace among objects of the kind.',
  cell: (object) => object.metadata.name,
};

export const ageColumn: Column<AnyObject> = {
  name: 'Age',
  type: 'string',
  description: 'Time since the server created the object.',
  cell: (object, { now }) => since(object.metadata.creationTimestamp, now),
  since: (object) => object.metadata.creationTimestamp,
};

interface HasTemplate extends AnyObject {
  readonly spec: {
    readonly template: {
      readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] };
    };
  };
}

export const containersColumn: Column<HasTemplate> = {
  name: 'Containers',
  type: 'string',
  priority: 1,
  description: 'Names of the containers in the template.',
  cell: (object) => object.spec.template.spec.containers.map((container) => container.name).join(','),
};

export const imagesColumn: Column<HasTemplate> = {
  name: 'Images',
  type: 'string',
  priority: 1,
  description: 'Images of the containers in the template.',
  cell: (object) => object.spec.template.spec.containers.map((container) => container.image).join(','),
};

interface HasSelector extends AnyObject {
  readonly spec: { readonly selector: LabelSelectorObject };
}

export const selectorColumn: Column<HasSelector> = {
  name: 'Selector',
  type: 'string',
  priority: 1,
  description: 'Labels of the pods that belong to it.',
  cell: (object) => formatSelector(selectorFrom(object.spec.selector)) || '<none>',
};

/** `a=1,b=2`, sorted; `<none>` when there are none. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? '<none>' : pairs.sort().join(',');
}
