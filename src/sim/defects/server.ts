/** Defects of the server's answers and writes. */
import type { AnyObject } from '#meta/object-meta.ts';
import type { AnyKind, WriteOptions } from '#client/client.ts';
import type { Body, KnownDefect } from './parts.ts';

export const serverDefects: readonly KnownDefect[] = [
  {
    name: 'a read after a write comes from a stale cache',
    defect: {
      server: (client) => {
        const seen = new Map<string, unknown>();
        return {
          ...client,
          async get(kind, name, options) {
            const key = `${kind.plural}/${options?.namespace}/${name}`;
            if (!seen.has(key)) seen.set(key, await client.get(kind, name, options));
            return seen.get(key) as never;
          },
        };
      },
    },
  },
  {
    name: 'a list comes from a stale cache',
    defect: {
      server: (client) => {
        const seen = new Map<string, unknown>();
        return {
          ...client,
          async list(kind, options) {
            const key = `${kind.plural}/${JSON.stringify(options)}`;
            if (!seen.has(key)) seen.set(key, await client.list(kind, options));
            return seen.get(key) as never;
          },
        };
      },
    },
  },
  {
    name: 'a write of the status changes the spec',
    defect: {
      server: (client) => {
        const spoil = async (kind: AnyKind, name: string, options: WriteOptions): Promise<never> => {
          const { subresource: _status, ...where } = options;
          const live = (await client.get(kind, name, where)) as Body;
          return client.update(kind, { ...live, spec: { ...live.spec, minReadySeconds: 7 } }, where) as Promise<never>;
        };
        return {
          ...client,
          update: (kind, object, options) =>
            kind.plural === 'deployments' && options?.subresource === 'status'
              ? spoil(kind, (object as unknown as AnyObject).metadata.name, options)
              : client.update(kind, object, options),
          patch: (kind, name, patch, options) =>
            kind.plural === 'deployments' && options?.subresource === 'status'
              ? spoil(kind, name, options)
              : client.patch(kind, name, patch, options),
        };
      },
    },
  },
];
