/**
 * Who a container runs as: the pod's runAsUser and runAsGroup, else the image's USER, looked up in the image's own
 * /etc/passwd and /etc/group (never this machine's), with the groups that /etc/group adds (the "Merge" policy of
 * https://kubernetes.io/docs/tasks/configure-pod-container/security-context/).
 */
import type { World } from '#world/world.ts';
import { type ContainerSecurity, RuntimeError } from '../container-runtime.ts';
import { readInRoot } from './rootfs-path.ts';

export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

const accountsBytesMax = 4 * 1024 * 1024;
const idMax = 2 ** 31 - 1;

interface Account {
  readonly name: string;
  readonly id: number;
  /** Primary group of a user, members of a group. */
  readonly gid: number;
  readonly members: readonly string[];
}

/** Throws RuntimeError('CreateContainerError') where the image's USER does not exist. */
export async function resolveUser(
  world: World,
  rootfs: string,
  imageUser: string,
  security: ContainerSecurity,
): Promise<ProcessUser> {
  const passwd = parse(await readInRoot(world, rootfs, '/etc/passwd', accountsBytesMax));
  const groups = parse(await readInRoot(world, rootfs, '/etc/group', accountsBytesMax));
  const [userPart = '', groupPart = ''] =
    security.runAsUser === undefined ? imageUser.split(':', 2) : [String(security.runAsUser)];
  const user = findUser(passwd, userPart || '0');
  const gid = security.runAsGroup ?? (groupPart === '' ? user.gid : findGroup(groups, groupPart));
  const memberships = groups
    .filter((group) => user.name !== undefined && group.members.includes(user.name))
    .map((group) => group.id);
  const additionalGids = [...new Set([...security.supplementalGroups, ...memberships])].filter((id) => id !== gid);
  return { uid: user.uid, gid, additionalGids: [gid, ...additionalGids] };
}

function findUser(passwd: readonly Account[], wanted: string): { uid: number; gid: number; name: string | undefined } {
  const byName = passwd.find((account) => account.name === wanted);
  if (byName) return { uid: byName.id, gid: byName.gid, name: byName.name };
  if (!/^\d+$/.test(wanted) || Number(wanted) > idMax) {
    throw new RuntimeError(
      'CreateContainerError',
      `failed to generate container spec: unable to find user ${wanted}: no matching entries in passwd file`,
    );
  }
  const byId = passwd.find((account) => account.id === Number(wanted));
  return { uid: Number(wanted), gid: byId?.gid ?? 0, name: byId?.name };
}

function findGroup(groups: readonly Account[], wanted: string): number {
  const found = groups.find((group) => group.name === wanted);
  if (found) return found.id;
  if (/^\d+$/.test(wanted) && Number(wanted) <= idMax) return Number(wanted);
  throw new RuntimeError(
    'CreateContainerError',
    `failed to generate container spec: unable to find group ${wanted}: no matching entries in group file`,
  );
}

const isId = (text: string): boolean => /^\d{1,10}$/.test(text) && Number(text) <= idMax;

/** passwd: name:x:uid:gid:…  group: name:x:gid:members. Lines that fit neither are passed over, as libc does. */
function parse(text: string | undefined): readonly Account[] {
  const accounts: Account[] = [];
  for (const line of (text ?? '').split('\n')) {
    const fields = line.split(':');
    const [name = '', , id = '', rest = ''] = fields;
    if (name === '' || !isId(id) || (fields.length > 4 && /^\d+$/.test(rest) && !isId(rest))) continue;
    const gid = fields.length > 4 && isId(rest) ? Number(rest) : 0;
    accounts.push({
      name,
      id: Number(id),
      gid,
      members: fields.length === 4 ? rest.split(',').map((member) => member.trim()) : [],
    });
  }
  return accounts;
}
