/** What `k8ts status` tells of several control planes: which member of etcd leads, and whose controllers and scheduler work. */
import { Lease } from '#api/coordination/lease.ts';
import { Namespace } from '#api/core/namespace.ts';
import type { Client } from '#client/client.ts';
import type { Configuration } from '#cluster/configuration.ts';
import { memberStatus } from '#cluster/control-planes.ts';
import type { Layout } from '#cluster/layout.ts';
import { isApiError } from '#meta/status.ts';
import type { World } from '#world/world.ts';
import { partsOf } from './up-control-planes.ts';

export { etcdOf } from '#cluster/control-planes.ts';
export { partsOf } from './up-control-planes.ts';

/** Whether any server answers. */
export async function answers(client: Client): Promise<boolean> {
  try {
    await client.get(Namespace, 'kube-system');
    return true;
  } catch (error) {
    if (!isApiError(error, 'ServiceUnavailable', 'Timeout', 'InternalError')) throw error;
    return false;
  }
}

/** Roles by the labels of the parts. */
export async function rolesOf(
  world: World,
  layout: Layout,
  { configuration, client }: { readonly configuration: Configuration; readonly client: Client | undefined },
): Promise<ReadonlyMap<string, { readonly role: string }>> {
  const holderOf = async (name: string): Promise<string | undefined> => {
    if (!client) return undefined;
    try {
      return (await client.get(Lease, name, { namespace: 'kube-system' })).spec.holderIdentity;
    } catch (error) {
      if (!isApiError(error)) throw error;
      return undefined; // Nobody has led yet, or the servers went meanwhile.
    }
  };
  const [controllers, scheduler] = await Promise.all(['kube-controller-manager', 'kube-scheduler'].map(holderOf));
  const roles = new Map<string, { readonly role: string }>();
  await Promise.all(
    partsOf(layout, configuration).map(async ({ kind, label, plane }) => {
      if (kind === 'etcd' && plane) {
        const status = await memberStatus(world, layout, configuration, plane);
        roles.set(label, { role: status === undefined ? 'does not answer' : status.leads ? 'leader' : 'follower' });
      }
      const leads = (holder: string | undefined): boolean => holder === `${plane?.name}_${configuration.id}`;
      const works = [...(leads(controllers) ? ['controllers'] : []), ...(leads(scheduler) ? ['scheduler'] : [])];
      if (kind === 'server' && works.length > 0) roles.set(label, { role: works.join(', ') });
    }),
  );
  return roles;
}
