/** */
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s } from '#schema/type.ts';
import { podSpec } from './pod-spec.ts';
import { podStatus } from './pod-status.ts';

export const Pod = resource({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  categories: ['all'],
  scope: 'Namespaced',
  /* subresources attach (create, get), binding (create, Binding), ephemeralcontainers (gpu), eviction (create, Eviction), exec (create, get), log (get), portforward (create, get), proxy (all HTTP verbs), resize (gpu), status (gpu) */ subresources:
    {},
  name: 'core.v1.Pod',
  doc: '',
  fields: {
    spec: s.field(2, podSpec).optional().doc(''),
    status: s.field(3, podStatus).optional().doc(''),
  },
});
export type Pod = ObjectOf<typeof Pod>;
