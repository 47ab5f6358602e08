/**
 * Rules of webhook configurations, for both kinds. Wording and paths are upstream's. Upstream excuses old objects from rules that came after them; there are
 * none here.
 */
import { invalidValue, notSupported, required, tooMany } from '#meta/causes.ts';
import { dns1035Label, dns1123Subdomain } from '#meta/names.ts';
import { checkLabelSelector } from '#meta/selector.ts';
import type { Cause } from '#meta/status.ts';
import { indexed, named, type Causes } from '../field-checks.ts';
import { clientConfigCauses } from '../webhook-checks.ts';
import { matchExpressionCauses } from './expressions.ts';
import { matchConditionsMax } from './rules-validation.ts';
import type { AnyWebhook } from './webhook.ts';

const sideEffects = ['None', 'NoneOnDryRun'];
const reviewVersions = ['v1', 'v1beta1'];

export const webhookCauses = (webhook: AnyWebhook, path: string): readonly Cause[] => [...parts(path, webhook)];

/** Of mutating webhooks upstream declares that the Service is named, and says no more of it. */
export const mutatingWebhookCauses = (webhook: AnyWebhook, path: string): readonly Cause[] =>
  webhookCauses(webhook, path).map((cause) =>
    /\.service\.name(?:space)?$/.test(cause.field) && cause.reason === 'FieldValueRequired'
      ? required(cause.field)
      : cause,
  );

function* parts(at: string, webhook: AnyWebhook): Causes {
  if (webhook.name) yield* fullyQualified(`${at}.name`, webhook.name);
  if ((webhook.sideEffects as string | undefined) === undefined)
    yield required(`${at}.sideEffects`, `must specify one of ${sideEffects.join(', ')}`);
  else if (!sideEffects.includes(webhook.sideEffects))
    yield notSupported(`${at}.sideEffects`, webhook.sideEffects, sideEffects);
  if (webhook.timeoutSeconds > 30 || webhook.timeoutSeconds < 1)
    yield invalidValue(
      `${at}.timeoutSeconds`,
      webhook.timeoutSeconds,
      'the timeout value must be between 1 and 30 seconds',
    );
  yield* checkLabelSelector(webhook.namespaceSelector, `${at}.namespaceSelector`);
  yield* checkLabelSelector(webhook.objectSelector, `${at}.objectSelector`);
  yield* clientConfigCauses(`${at}.clientConfig`, webhook.clientConfig ?? {});
  const conditions = webhook.matchConditions?.length ?? 0;
  if (conditions > matchConditionsMax) yield tooMany(`${at}.matchConditions`, conditions, matchConditionsMax);
  yield* matchExpressionCauses(`${at}.matchConditions`, webhook.matchConditions, false);
  yield* versionCauses(`${at}.admissionReviewVersions`, webhook.admissionReviewVersions ?? []);
}

function* fullyQualified(path: string, name: string): Causes {
  const wrong = dns1123Subdomain(name);
  if (wrong.length > 0) yield invalidValue(path, name, wrong.join(','));
  else if (name.split('.').length < 3)
    yield invalidValue(path, name, 'should be a domain with at least three segments separated by dots');
}

function* versionCauses(path: string, versions: readonly string[]): Causes {
  if (versions.length === 0) return;
  const seen = new Set<string>();
  for (const [version, at] of indexed(path, versions)) {
    if (seen.has(version)) yield invalidValue(at, version, 'duplicate version');
    else yield* named(dns1035Label, at, version);
    seen.add(version);
  }
  if (!reviewVersions.some((version) => seen.has(version)))
    yield invalidValue(path, versions, `must include at least one of ${reviewVersions.join(', ')}`);
}
