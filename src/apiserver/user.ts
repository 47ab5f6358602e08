/** Who asks: what authentication found out. Names and groups are upstream's. */
export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** The API server acting for itself, in process only: RBAC lets system:masters do everything. */
export const loopback: User = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] };

export const serviceAccountUser = (
  namespace: string,
  name: string,
  extra?: { uid?: string; extra?: User['extra'] },
): User => ({
  name: `system:serviceaccount:${namespace}:${name}`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  ...(extra?.uid === undefined ? {} : { uid: extra.uid }),
  ...(extra?.extra === undefined ? {} : { extra: extra.extra }),
});

export const userOf = (name: string, ...groups: string[]): User => ({
  name,
  groups: [...groups, 'system:authenticated'],
});
