/**
 * kubeconfig files: the cluster's own, and the merge into the user's (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/). The
 * user's file keeps everything in it that is not ours, and is replaced atomically under kubectl's own lock.
 */
import { dirname, join } from 'node:path';
import { formatYaml, parseYaml } from '#meta/yaml.ts';
import type { TlsIdentity, World } from '#world/world.ts';

export interface Access {
  /** Name of cluster, user and context. */
  readonly name: string;
  readonly server: string;
  readonly ca: string;
  readonly identity: TlsIdentity;
}

interface Named {
  readonly name: string;
  readonly [field: string]: unknown;
}

interface Kubeconfig {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly clusters?: readonly Named[] | null;
  readonly users?: readonly Named[] | null;
  readonly contexts?: readonly Named[] | null;
  readonly 'current-context'?: string;
  readonly [field: string]: unknown;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function entriesOf({ name, server, ca, identity }: Access): { cluster: Named; user: Named; context: Named } {
  return {
    cluster: { name, cluster: { 'certificate-authority-data': base64(ca), server } },
    user: { name, user: { 'client-certificate-data': base64(identity.cert), 'client-key-data': base64(identity.key) } },
    context: { name, context: { cluster: name, user: name } },
  };
}

/** A file with only this cluster in it, mode 0600. */
export async function writeKubeconfig(world: World, path: string, access: Access): Promise<void> {
  const { cluster, user, context } = entriesOf(access);
  const file = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [cluster],
    users: [user],
    contexts: [context],
    'current-context': access.name,
    preferences: {},
  };
  await world.disk.write(path, formatYaml(file), { mode: 0o600 });
}

/** The file that kubectl would write to: the first of $KUBECONFIG, else ~/.kube/config. Undefined without a home. */
export function userKubeconfig(world: World): string | undefined {
  const first = world.processes.env['KUBECONFIG']?.split(':').find(Boolean);
  if (first) return first;
  const home = world.processes.env['HOME'];
  return home ? join(home, '.kube', 'config') : undefined;
}

/** Adds or replaces the entries of `access`, and makes it current. Throws when the present file cannot be read as a kubeconfig. */
export async function mergeKubeconfig(world: World, path: string, access: Access): Promise<void> {
  await change(world, path, (present) => {
    const { cluster, user, context } = entriesOf(access);
    return {
      ...present,
      apiVersion: 'v1',
      kind: 'Config',
      clusters: put(present.clusters, cluster),
      users: put(present.users, user),
      contexts: put(present.contexts, context),
      'current-context': access.name,
    };
  });
}

/** Takes the entries of `name` out, if they point at `server`; leaves a file of others alone. */
export async function unmergeKubeconfig(
  world: World,
  path: string,
  { name, server }: { name: string; server: string },
): Promise<void> {
  if ((await world.disk.readText(path)) === undefined) return;
  await change(world, path, (present) => {
    const ours = present.clusters?.find((entry) => entry.name === name) as
      | { cluster?: { server?: string } }
      | undefined;
    if (ours?.cluster?.server !== server) return undefined;
    const without = (entries: readonly Named[] | null | undefined): readonly Named[] =>
      (entries ?? []).filter((entry) => entry.name !== name);
    return {
      ...present,
      clusters: without(present.clusters),
      users: without(present.users),
      contexts: without(present.contexts),
      'current-context': present['current-context'] === name ? '' : (present['current-context'] ?? ''),
    };
  });
}

const put = (entries: readonly Named[] | null | undefined, entry: Named): readonly Named[] => [
  ...(entries ?? []).filter((other) => other.name !== entry.name),
  entry,
];

const notKubeconfig = (path: string): Error => new Error(`${path} is not a kubeconfig: leave it alone with --no-merge`);

/** Named entries, or nothing: what may stand under clusters, users and contexts. */
const isList = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (Array.isArray(value) && value.every((entry) => typeof entry === 'object' && entry !== null));

const lockTries = 50;
const lockWaitMs = 100;

/** Reads, changes and replaces the file while holding `<path>.lock`, as kubectl does. Undefined from `edit` leaves it as it is. */
async function change(
  world: World,
  path: string,
  edit: (present: Kubeconfig) => Kubeconfig | undefined,
): Promise<void> {
  await world.disk.makeDirectory(dirname(path), { mode: 0o700 });
  const lock = `${path}.lock`;
  const token = `${path}.${world.random.suffix(8)}`;
  await world.disk.write(token, '');
  try {
    await acquire(world, token, lock);
    try {
      const text = await world.disk.readText(path);
      const present = (text === undefined ? {} : (parseYaml(text)[0] ?? {})) as Kubeconfig;
      if (typeof present !== 'object' || Array.isArray(present)) throw notKubeconfig(path);
      for (const list of [present.clusters, present.users, present.contexts])
        if (!isList(list)) throw notKubeconfig(path);
      const next = edit(present);
      if (next) await world.disk.write(path, formatYaml(next), { mode: 0o600 });
    } finally {
      await world.disk.remove(lock);
    }
  } finally {
    await world.disk.remove(token);
  }
}

/** A hard link is made or refused atomically. */
async function acquire(world: World, token: string, lock: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await world.disk.link(token, lock);
      return;
    } catch (cause) {
      if (tries >= lockTries)
        throw new Error(`${lock} is held by another program; remove it if none is running`, { cause });
      await world.clock.sleep(lockWaitMs);
    }
  }
}
