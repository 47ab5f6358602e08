/**
 * What the metrics call a request: upstream's verbs and scopes (k8s.io/apiserver/pkg/endpoints/metrics). A path that leads to no served resource has no name of its own.
 */
import type { AnyKind } from '#client/client.ts';
import type { Subject } from '../metrics/requests.ts';
import type { Route } from '../route.ts';

const verbs: Readonly<Record<string, string>> = { create: 'POST', update: 'PUT' };
const connects = new Set(['exec', 'attach', 'portforward', 'proxy']);

/** Of a request for a resource. */
export function subjectOf({ verb, resource, query }: Route, kind: AnyKind, contentType = ''): Subject {
  const { name, namespace, subresource = '' } = resource ?? {};
  const applies = verb === 'patch' && contentType.startsWith('application/apply-patch');
  const served = subresource === '' || known(kind, subresource);
  const connect = served && connects.has(subresource);
  return {
    verb: connect ? 'CONNECT' : applies ? 'APPLY' : (verbs[verb] ?? verb.toUpperCase()),
    group: kind.group,
    version: kind.version,
    resource: kind.plural,
    subresource: served ? subresource : '',
    scope: name !== undefined || verb === 'create' ? 'resource' : namespace !== undefined ? 'namespace' : 'cluster',
    dryRun: query.has('dryRun'),
  };
}

function known({ subresources }: AnyKind, name: string): boolean {
  if (name === 'status') return subresources.status === true;
  if (name === 'scale') return subresources.scale !== undefined;
  return subresources.other?.[name] !== undefined;
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Of a request for anything else: health, discovery, a path that does not exist. */
export function plainSubject(method: string): Subject {
  return {
    verb: methods.has(method) ? method : 'other',
    group: '',
    version: '',
    resource: '',
    subresource: '',
    scope: '',
    dryRun: false,
  };
}
