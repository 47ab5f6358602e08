/**
 * The cluster's store in an etcd of somebody else's: where it is and who we are to it, from the configuration. What speaks to etcd
 * is loaded here and only here: a cluster with its own data file must not carry it in memory.
 */
import type { Store } from '#store/store.ts';
import type { World } from '#world/world.ts';

export interface EtcdConfiguration {
  /** `https://host:port`, `http://host:port` or `unix:///path`. */
  readonly servers: readonly string[];
  /** PEM files, absolute paths: read anew at every start. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** What upstream's API server puts before a value in protobuf, which is not what this one reads. */
export const protobufMagic = Buffer.from('k8s\0');

/** Throws StoreUnavailable when no member answers, TypeError for an address that cannot be, Error for a file that is missing. */
export async function openEtcd(
  world: World,
  { servers, caFile, certFile, keyFile }: EtcdConfiguration,
): Promise<Store> {
  const text = async (path: string): Promise<string> => {
    const content = await world.disk.readText(path);
    if (content === undefined) throw new Error(`${path} is missing`);
    return content;
  };
  const { openEtcdStore } = await import('#store/etcd/etcd-store.ts');
  const store = await openEtcdStore(world, {
    servers,
    ...(caFile === undefined ? {} : { ca: await text(caFile) }),
    ...(certFile === undefined || keyFile === undefined
      ? {}
      : { identity: { cert: await text(certFile), key: await text(keyFile) } }),
  });
  const [first] = (await store.range('/registry/', { limit: 1 })).entries;
  if (first?.value.subarray(0, protobufMagic.length).equals(protobufMagic)) {
    await store[Symbol.asyncDispose]();
    throw new Error(`etcd holds objects in protobuf (${first.key}): another Kubernetes' data, which is left alone`);
  }
  return store;
}

/** Bytes that etcd uses, or undefined when it does not answer. */
export async function etcdBytes(world: World, configuration: EtcdConfiguration): Promise<number | undefined> {
  try {
    await using store = await openEtcd(world, configuration);
    return await store.sizeBytes();
  } catch (error) {
    world.log.warn('etcd does not answer', { error: (error as Error).message });
    return undefined;
  }
}
