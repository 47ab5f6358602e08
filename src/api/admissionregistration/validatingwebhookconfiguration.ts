/**
 * ValidatingWebhookConfiguration: webhooks that may refuse requests. Stored here; calling them is admission's.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { matchConditionsField, objectSelectorField, webhookFields } from './webhook.ts';
import { webhookCauses } from './webhook-validation.ts';

export const validatingWebhook = struct(
  'admissionregistration.v1.ValidatingWebhook',
  { ...webhookFields, objectSelector: objectSelectorField(10), matchConditions: matchConditionsField(11) },
  { doc: 'A webhook that may refuse requests.', rules: [webhookCauses] },
);
export interface ValidatingWebhook extends Of<typeof validatingWebhook> {}

export const ValidatingWebhookConfiguration = resource({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingWebhookConfiguration',
  plural: 'validatingwebhookconfigurations',
  categories: ['api-extensions'],
  scope: 'Cluster',
  columns: [
    nameColumn,
    {
      name: 'Webhooks',
      type: 'integer',
      description: 'How many webhooks it holds.',
      cell: ({ webhooks }) => webhooks?.length ?? 0,
    },
    ageColumn,
  ],
  hooks: { needsVersion: true, plainFinalizers: true, generation: true },
  name: 'admissionregistration.v1.ValidatingWebhookConfiguration',
  doc: 'Webhooks that are asked whether a request may pass. They cannot change it.',
  fields: {
    webhooks: s
      .list(2, validatingWebhook, {
        list: 'map',
        keys: ['name'],
        patch: { strategy: 'merge', mergeKey: 'name' },
      })
      .optional()
      .doc('The webhooks; they are called at the same time.'),
  },
});
export type ValidatingWebhookConfiguration = ObjectOf<typeof ValidatingWebhookConfiguration>;
