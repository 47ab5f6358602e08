/** The words in which the default roles are written down. */
import type { Rule } from '../rbac.ts';

export interface DefaultRole {
  readonly name: string;
  readonly rules: readonly Rule[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Label of the roles whose rules this one gathers. */
  readonly aggregates?: string;
}

export const read = ['get', 'list', 'watch'];
export const write = ['create', 'delete', 'deletecollection', 'patch', 'update'];
export const readWrite = [...read, ...write];
export const rule = (verbs: readonly string[], group: string, ...resources: string[]): Rule =>
  ({ verbs, apiGroups: [group], resources }) as Rule;
export const named = (verbs: readonly string[], group: string, resource: string, ...resourceNames: string[]): Rule =>
  ({ verbs, apiGroups: [group], resources: [resource], resourceNames }) as Rule;
export const urls = (...nonResourceURLs: string[]): Rule => ({ verbs: ['get'], nonResourceURLs }) as Rule;
export const events = [
  rule(['create', 'patch', 'update'], '', 'events'),
  rule(['create', 'patch', 'update'], 'events.k8s.io', 'events'),
];
export const apps = 'apps';
export const rbacGroup = 'rbac.authorization.k8s.io';

/** Labels of a role whose rules that role gathers. */
export const aggregateTo = (role: string): Record<string, string> => ({
  [`rbac.authorization.k8s.io/aggregate-to-${role}`]: 'true',
});
