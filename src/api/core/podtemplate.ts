/**
 * PodTemplate: a pod's description kept for later. Nothing runs from it by itself.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { formatLabels, nameColumn } from '../columns.ts';
import { fillTemplateOf } from './pod-defaults.ts';
import { podTemplateSpec } from './pod-template.ts';
import { templateCauses } from './pod-validation.ts';
import { podWarnings } from './pod-warnings.ts';

export const PodTemplate = resource({
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  plural: 'podtemplates',
  scope: 'Namespaced',
  columns: [
    nameColumn,
    {
      name: 'Containers',
      type: 'string',
      description: 'Names of the containers in the template.',
      cell: ({ template }) => template.spec.containers.map(({ name }) => name).join(','),
    },
    {
      name: 'Images',
      type: 'string',
      description: 'Images of the containers in the template.',
      cell: ({ template }) => template.spec.containers.map(({ image }) => image).join(','),
    },
    {
      name: 'Pod Labels',
      type: 'string',
      description: 'Labels of a pod made from the template.',
      cell: ({ template }) => formatLabels(template.metadata.labels),
    },
  ],
  hooks: {
    validateCreate: ({ template }) => [...templateCauses('template', template)],
    warnings: ({ template }) => [...podWarnings('template', template)],
    fill: (draft) => fillTemplateOf(draft),
    generation: true,
  },
  name: 'core.v1.PodTemplate',
  doc: 'The description of a pod, kept for later.',
  fields: {
    template: s
      .field(2, podTemplateSpec)
      .default({} as never)
      .doc('The pod.'),
  },
});
export type PodTemplate = ObjectOf<typeof PodTemplate>;
