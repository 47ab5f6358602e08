/** `k8ts up --etcd-listen-client-urls`: where a cluster serves its store to etcd's clients, besides its socket. */
import { isDeepStrictEqual } from 'node:util';
import { writeConfiguration, type Configuration } from '#cluster/configuration.ts';
import { parseListenUrls } from '#cluster/etcd-api/listen.ts';
import type { Layout } from '#cluster/layout.ts';
import type { World } from '#world/world.ts';
import { UsageError } from '../flags.ts';

export const etcdListenFlag = {
  type: 'string',
  placeholder: 'URLS',
  doc: 'serve the store to etcd clients with certificates of pki/etcd here too: https://host:port, separated by commas; empty: nowhere',
} as const;

export function etcdListenOf(flag: string | undefined): readonly string[] | undefined {
  if (flag === undefined) return undefined;
  if (flag === '') return [];
  try {
    return parseListenUrls(flag).map(({ url, secure }) => {
      if (!secure) throw new Error(`${url}: only https is served here; the socket is there anyway`);
      return url;
    });
  } catch (error) {
    throw new UsageError(`--etcd-listen-client-urls ${(error as Error).message}`);
  }
}

/** The configuration with the new addresses, written down; a running server would not notice. */
export async function withEtcdListen(
  world: World,
  layout: Layout,
  asked: {
    readonly present: Configuration;
    readonly etcdListen: readonly string[] | undefined;
    readonly running: boolean;
  },
): Promise<Configuration> {
  const { present, etcdListen, running } = asked;
  if (etcdListen === undefined || isDeepStrictEqual(etcdListen, present.etcdListen ?? [])) return present;
  if (running)
    throw new UsageError(
      'this cluster runs and serves etcd clients elsewhere: stop it with "k8ts down" to change --etcd-listen-client-urls',
    );
  const changed = { ...present, etcdListen };
  await writeConfiguration(world, layout, changed);
  return changed;
}
