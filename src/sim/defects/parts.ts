/** What defects are made of: wrappers that change what one part of a cluster hands to the next. They know no defect in particular. */
import type { AnyObject } from '#meta/object-meta.ts';
import type { WatchEvent } from '#meta/watch-event.ts';
import type { AnyKind } from '#client/client.ts';
import type { World } from '#world/world.ts';
import type { Defect } from '../cluster.ts';

export interface KnownDefect {
  readonly name: string;
  readonly defect: Defect;
  /** The story that it is put into: an ordinary day when absent. */
  readonly story?:
    | 'gates'
    | 'compaction'
    | 'leaders'
    | 'crashes'
    | 'evictions'
    | 'clocks'
    | 'leaks'
    | 'identities'
    | 'servers'
    | 'servers and leaders';
}

export type Events = AsyncIterable<WatchEvent<AnyObject>>;
export type Body = AnyObject & {
  spec?: { replicas?: number; nodeName?: string; ports?: object[] };
  status?: Record<string, unknown>;
};

export const pods = '/registry/pods/default/';

export const json = (value: Buffer): Body => JSON.parse(value.toString('utf8')) as Body;

/** Every object that is put under `prefix`, as `change` makes it. */
export function rewrite(prefix: string, change: (object: Body) => Body): Defect {
  return {
    store: (store) => ({
      ...store,
      txn: (operations) =>
        store.txn(
          operations.map((each) =>
            each.op === 'put' && each.key.startsWith(prefix)
              ? { ...each, value: Buffer.from(JSON.stringify(change(json(each.value)))) }
              : each,
          ),
        ),
    }),
  };
}

/** Every watch of the controllers' views, as `change` shows it to them. */
export const viewsWith = (
  change: (events: Events, about: { readonly kind: AnyKind; readonly world: World }) => Events,
): Defect => ({
  component: (client, name, world) =>
    name === 'controller-manager'
      ? {
          ...client,
          watch: (kind, options) => change(client.watch(kind, options) as Events, { kind, world }) as never,
        }
      : client,
});
