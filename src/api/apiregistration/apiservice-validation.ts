/** Rules of APIServices. Wording is upstream's. */
import { invalidValue, notSupported, required } from '#meta/causes.ts';
import { dns1035Label, dns1123Subdomain, pathSegment, portNumber } from '#meta/names.ts';
import { indexed, named, type Causes } from '../field-checks.ts';
import type { ApiServiceSpec } from './apiservice.ts';

const groupPriorityMax = 20_000;
const versionPriorityMax = 1000;

interface ApiServiceLike {
  readonly metadata: { readonly name: string; readonly generateName?: string };
  readonly spec: ApiServiceSpec;
}

export function* apiServiceCauses({ metadata, spec }: ApiServiceLike): Causes {
  const { group = '', version = '', groupPriorityMinimum, versionPriority, service } = spec;
  const wanted = `${version}.${group}`;
  for (const field of ['generateName', 'name'] as const) {
    const name = metadata[field] ?? '';
    if (name === '' || name === wanted || pathSegment(name).length > 0) continue;
    yield invalidValue(`metadata.${field}`, name, `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`);
  }
  if (group === '' && version !== 'v1')
    yield required('spec.group', 'only v1 may have an empty group and it better be legacy kube');
  if (group !== '') yield* named(dns1123Subdomain, 'spec.group', group);
  yield* named(dns1035Label, 'spec.version', version);
  if (groupPriorityMinimum <= 0 || groupPriorityMinimum > groupPriorityMax)
    yield invalidValue('spec.groupPriorityMinimum', groupPriorityMinimum, 'must be positive and less than 20000');
  if (versionPriority <= 0 || versionPriority > versionPriorityMax)
    yield invalidValue('spec.versionPriority', versionPriority, 'must be positive and less than 1000');
  const { caBundle = '', insecureSkipTLSVerify = false } = spec;
  if (service === undefined) {
    if (caBundle !== '')
      yield invalidValue(
        'spec.caBundle',
        `${Buffer.byteLength(caBundle, 'base64')} bytes`,
        'local APIServices may not have a caBundle',
      );
    if (insecureSkipTLSVerify)
      yield invalidValue('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify');
    return;
  }
  if (!service.namespace) yield required('spec.service.namespace');
  if (!service.name) yield required('spec.service.name');
  for (const message of portNumber(service.port))
    yield invalidValue('spec.service.port', service.port, `port is not valid: ${message}`);
  if (insecureSkipTLSVerify && caBundle !== '')
    yield invalidValue('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present');
}

const statuses = ['True', 'False', 'Unknown'];

export function* apiServiceStatusCauses(status: {
  readonly conditions?: readonly { readonly status: string }[];
}): Causes {
  for (const [condition, at] of indexed('status.conditions', status.conditions))
    if (!statuses.includes(condition.status)) yield notSupported(`${at}.status`, condition.status ?? '', statuses);
}
