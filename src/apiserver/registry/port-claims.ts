/**
 * Who has which node port, as one key for each port in the store, written in the transaction of its Service: so a port is given once though several API servers give
 * them out, as the object of an IP address sees to for addresses. (Upstream keeps one bitmap for all of them; here two Services never wait for each other.)
 */
import type { Service } from '#api/core/service.ts';
import { Service as ServiceKind } from '#api/core/service.ts';
import type { Operation, Revision, Store, StoreEvent } from '#store/store.ts';
import type { Api } from '../api.ts';
import { heldPorts } from './node-ports.ts';

const prefix = '/registry/ranges/nodeports/';
/** Writes in one transaction: fewer than the 128 that etcd takes by default. */
const batchMax = 100;
/** Another server that starts repairs the same. */
const repairTries = 16;

interface Claim {
  /** `namespace/name` of the Service. */
  readonly service: string;
  readonly revision: Revision;
}

export interface PortClaims extends Disposable {
  /** Whether another Service has it. */
  isTaken(port: number, service: Service): boolean;
  /** The writes that take these ports for the Service. */
  claims(service: Service, ports: readonly number[]): readonly Operation[];
  /** The writes that give them back, as far as they are the Service's. */
  returns(service: Service, ports: readonly number[]): readonly Operation[];
  /** Services have their claims, and claims their Services: what an older version or a restored backup left otherwise is put right. */
  repair(api: Api): Promise<void>;
}

/** Loads the claims and follows them. */
export async function startPortClaims(store: Store): Promise<PortClaims> {
  const claimed = new Map<number, Claim>();
  const apply = ({ type, entry }: Pick<StoreEvent, 'type' | 'entry'>): void => {
    const port = Number(entry.key.slice(prefix.length));
    if (type === 'delete') claimed.delete(port);
    else {
      const { service } = JSON.parse(entry.value.toString('utf8')) as { readonly service: string };
      claimed.set(port, { service, revision: entry.modRevision });
    }
  };
  const { entries, revision } = await store.range(prefix);
  for (const entry of entries) apply({ type: 'put', entry });
  const subscription = await store.watch(prefix, revision, (events) => events.forEach(apply));

  const claim = (name: string, port: number): Operation => ({
    op: 'put',
    key: `${prefix}${port}`,
    value: Buffer.from(JSON.stringify({ service: name })),
    expect: 0,
  });
  const giveBack = (port: number, { revision: expect }: Claim): Operation => ({
    op: 'delete',
    key: `${prefix}${port}`,
    expect,
  });

  const wrong = (api: Api): readonly Operation[] => {
    const held = new Map<number, string>();
    for (const { object } of api.cache(ServiceKind).values()) {
      const service = object as unknown as Service;
      // Of two that hold one port the first keeps it.
      for (const port of heldPorts(service)) if (!held.has(port)) held.set(port, nameOf(service));
    }
    const operations: Operation[] = [];
    for (const [port, name] of held) if (!claimed.has(port)) operations.push(claim(name, port));
    for (const [port, present] of claimed)
      if (held.get(port) !== present.service) operations.push(giveBack(port, present));
    return operations;
  };

  return {
    isTaken: (port, service) => {
      const present = claimed.get(port);
      return present !== undefined && present.service !== nameOf(service);
    },
    claims: (service, ports) =>
      [...new Set(ports)].flatMap((port) => (claimed.has(port) ? [] : [claim(nameOf(service), port)])),
    returns: (service, ports) =>
      [...new Set(ports)].flatMap((port) => {
        const present = claimed.get(port);
        return present?.service === nameOf(service) ? [giveBack(port, present)] : [];
      }),
    async repair(api) {
      for (let tries = 0; tries < repairTries; tries++) {
        const operations = wrong(api);
        if (operations.length === 0) return;
        for (let at = 0; at < operations.length; at += batchMax) {
          const result = await store.txn(operations.slice(at, at + batchMax));
          if (!result.ok) break;
        }
      }
    },
    [Symbol.dispose]: () => subscription[Symbol.dispose](),
  };
}

const nameOf = ({ metadata }: Service): string => `${metadata.namespace}/${metadata.name}`;
