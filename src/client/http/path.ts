/** URL paths and query strings of API calls, as https://kubernetes.io/docs/reference/using-api/api-concepts/ defines them. */
import type { ApiCall } from '../client.ts';

/** `/apis/apps/v1/namespaces/default/deployments/web/status?…`. */
export function urlPath(call: ApiCall): string {
  const { kind } = call;
  const root = kind.group ? `/apis/${kind.group}/${kind.version}` : `/api/${kind.version}`;
  const namespace = call.namespace === undefined ? '' : `/namespaces/${encodeURIComponent(call.namespace)}`;
  const name = call.name === undefined ? '' : `/${encodeURIComponent(call.name)}`;
  const subresource = call.subresource === undefined ? '' : `/${call.subresource}`;
  const query = queryOf(call).toString();
  return `${root}${namespace}/${kind.plural}${name}${subresource}${query ? `?${query}` : ''}`;
}

function queryOf({ verb, options }: ApiCall): URLSearchParams {
  const query = new URLSearchParams();
  const set = (name: string, value: string | number | boolean | undefined): void => {
    if (value !== undefined && value !== false && value !== '') query.set(name, String(value));
  };
  if (verb === 'watch') query.set('watch', 'true');
  set('labelSelector', options.labelSelector);
  set('fieldSelector', options.fieldSelector);
  set('limit', options.limit);
  set('continue', options.continue);
  set('resourceVersion', options.resourceVersion);
  set('resourceVersionMatch', options.resourceVersionMatch);
  set('fieldManager', options.fieldManager);
  set('force', options.force);
  if (options.dryRun) query.set('dryRun', 'All');
  if ('bookmarks' in options) set('allowWatchBookmarks', options.bookmarks as boolean);
  if ('sendInitialEvents' in options && options.sendInitialEvents) {
    query.set('sendInitialEvents', 'true');
    query.set('resourceVersionMatch', 'NotOlderThan');
  }
  if ('timeoutSeconds' in options) set('timeoutSeconds', options.timeoutSeconds as number);
  return query;
}
