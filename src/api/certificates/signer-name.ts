/** Names of signers: a domain with at least two labels, a slash, and a path. Wording is upstream's (ValidateSignerName). */
import { invalidValue, quoted, required, tooLong } from '#meta/causes.ts';
import { dns1123Label, dns1123LabelMax, dns1123Subdomain, dns1123SubdomainMax, type NameCheck } from '#meta/names.ts';
import type { Causes } from '../field-checks.ts';

const pathMax = dns1123SubdomainMax + dns1123LabelMax + 1;
const signerMax = dns1123SubdomainMax + pathMax + 1;

function* labels(path: string, segment: string, check: NameCheck): Causes {
  for (const label of segment.split('.')) {
    const messages = check(label);
    for (const message of messages) yield invalidValue(path, segment, `validating label ${quoted(label)}: ${message}`);
    // One bad label says enough: the messages of the next would look the same.
    if (messages.length > 0) return;
  }
}

export function* signerNameCauses(path: string, name: string | undefined): Causes {
  if (!name) {
    yield required(path);
    return;
  }
  const [domain = '', rest, more] = name.split('/');
  if (rest === undefined || more !== undefined) {
    yield invalidValue(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'");
    return;
  }
  if (Buffer.byteLength(domain) > dns1123SubdomainMax) yield tooLong(path, dns1123SubdomainMax);
  yield* labels(path, domain, dns1123Label);
  if (!domain.includes('.'))
    yield invalidValue(path, domain, 'should be a domain with at least two segments separated by dots');
  yield* labels(path, rest, dns1123Subdomain);
  if (Buffer.byteLength(name) > signerMax) yield tooLong(path, signerMax);
}

/** Kubernetes' own signers. */
export const isKubernetesSigner = (name: string): boolean => {
  const domain = name.slice(0, Math.max(0, name.indexOf('/')));
  return domain === 'kubernetes.io' || domain.endsWith('.kubernetes.io');
};
