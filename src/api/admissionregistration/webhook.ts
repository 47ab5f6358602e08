/**
 * What validating and mutating webhooks have in common: where they are reached, and most of their fields. Their rules stand in `webhook-validation.ts`.
 */
import { labelSelector } from '#schema/label-selector.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { matchCondition, matchConditionsOf, ruleWithOperations } from './rules.ts';

const serviceReference = struct(
  'admissionregistration.v1.ServiceReference',
  {
    namespace: s.string(1).default('').doc('Namespace of the Service.'),
    name: s.string(2).default('').doc('Name of the Service.'),
    path: s.string(3).keepsZero().optional().doc('Path of the URL.'),
    port: s.int32(4).keepsZero().default(443).doc('Port of the Service; 443 when absent.'),
  },
  { doc: 'A Service of the cluster that answers.' },
);

const webhookClientConfig = struct(
  'admissionregistration.v1.WebhookClientConfig',
  {
    url: s
      .string(3)
      .keepsZero()
      .optional()
      .doc(
        'An https URL without user, query and fragment. Either this or service. It must be reachable from every API server.',
      ),
    service: s.field(1, serviceReference).optional().doc('A Service of the cluster. Either this or url.'),
    caBundle: s
      .bytes(2)
      .optional()
      .doc("PEM of the authorities that signed the webhook's certificate; the machine's own when absent."),
  },
  { doc: 'How a webhook is reached, over TLS.' },
);

/** Fields with the same tags in both kinds of webhook. */
export const webhookFields = {
  name: s.string(1).doc('Fully qualified, such as imagepolicy.example.com; unique in the configuration.'),
  clientConfig: s.field(2, webhookClientConfig).default({}).doc('How the webhook is reached.'),
  rules: s
    .list(3, ruleWithOperations)
    .optional()
    .doc(
      'Operations on resources for which it is called; one must match. Webhook configurations themselves are never sent.',
    ),
  failurePolicy: s
    .oneOf(4, 'Fail', 'Ignore')
    .keepsZero()
    .default('Fail')
    .doc('What happens when the webhook cannot be asked: Fail refuses the request, Ignore passes it.'),
  matchPolicy: s
    .oneOf(9, 'Equivalent', 'Exact')
    .keepsZero()
    .default('Equivalent')
    .doc(
      'Equivalent: a request for another version of the same objects is converted and sent too. Exact: only what the rules name.',
    ),
  namespaceSelector: s
    .field(5, labelSelector)
    .default({})
    .doc(
      "Labels of the object's namespace; a Namespace is judged by its own labels, other cluster-scoped objects always match.",
    ),
  sideEffects: s
    .string(6)
    .keepsZero()
    .ruled()
    .doc('None, or NoneOnDryRun when the webhook has effects elsewhere that it leaves out for a dry run.'),
  timeoutSeconds: s.int32(7).keepsZero().default(10).doc('Seconds until the webhook counts as failed: 1 to 30.'),
  admissionReviewVersions: s
    .list(8, t.string)
    .requiredAs('must specify one of v1, v1beta1')
    .doc(
      'Versions of AdmissionReview that the webhook understands, the best first; the server sends the first that it knows.',
    ),
} as const;

export const objectSelectorField = (tag: number) =>
  s
    .field(tag, labelSelector)
    .default({})
    .doc(
      'Labels of the object, before or after the change. Users may label their objects: rely on it only where they opt in.',
    );

export const matchConditionsField = (tag: number) =>
  s
    .list(tag, matchCondition, matchConditionsOf)
    .optional()
    .doc('CEL expressions that must all be true for the webhook to be called; at most 64.');

interface SharedWebhook extends Of<typeof sharedWebhook> {}
const sharedWebhook = struct('admissionregistration.v1.Webhook', {
  ...webhookFields,
  objectSelector: objectSelectorField(0),
  matchConditions: matchConditionsField(0),
});
/** A webhook of either kind. */
export type AnyWebhook = SharedWebhook;
