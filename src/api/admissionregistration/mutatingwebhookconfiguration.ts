/**
 * MutatingWebhookConfiguration: webhooks that may change what is written. Stored here; calling them is admission's.
 */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { matchConditionsField, objectSelectorField, webhookFields } from './webhook.ts';
import { mutatingWebhookCauses } from './webhook-validation.ts';

export const mutatingWebhook = struct(
  'admissionregistration.v1.MutatingWebhook',
  {
    ...webhookFields,
    objectSelector: objectSelectorField(11),
    reinvocationPolicy: s
      .oneOf(10, 'IfNeeded', 'Never')
      .keepsZero()
      .default('Never')
      .doc('IfNeeded: it is called once more when others changed the object after it. Never: once for each request.'),
    matchConditions: matchConditionsField(12),
  },
  { doc: 'A webhook that may change or refuse requests.', rules: [mutatingWebhookCauses] },
);
export interface MutatingWebhook extends Of<typeof mutatingWebhook> {}

export const MutatingWebhookConfiguration = resource({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
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
  name: 'admissionregistration.v1.MutatingWebhookConfiguration',
  doc: 'Webhooks that may change objects before they are checked and stored.',
  fields: {
    webhooks: s
      .list(2, mutatingWebhook, {
        list: 'map',
        keys: ['name'],
        patch: { strategy: 'merge', mergeKey: 'name' },
      })
      .optional()
      .doc('The webhooks, called one after the other.'),
  },
});
export type MutatingWebhookConfiguration = ObjectOf<typeof MutatingWebhookConfiguration>;
