/**
 * One leader acts: whatever a leader's client has written was written while its Lease stood as the leader took it. Seen at the server, so that neither the network nor the
 * leader's own belief hides it.
 */
import type { Lease } from '#api/coordination/lease.ts';
import type { Client } from '#client/client.ts';
import type { Term } from '#apiserver/registry/fence.ts';
import type { History } from '../trace.ts';

interface Held {
  readonly revision: number;
  readonly holder: string | undefined;
  readonly transitions: number | undefined;
}

/** Watches what clients of leaders write; `watched` is such a client. */
export function leaderTerms(
  history: History,
  breach: (text: string) => void,
): { watched(client: Client, term: Term): Client } {
  const leases = new Map<string, Held[]>();
  let newest = 0;
  history.listen(({ key, revision, after }) => {
    newest = Math.max(newest, revision);
    if (!key.startsWith('/registry/leases/kube-system/')) return;
    const { holderIdentity, leaseTransitions } = (after as unknown as Lease | undefined)?.spec ?? {};
    const states = leases.get(key) ?? [];
    leases.set(key, [...states.slice(-32), { revision, holder: holderIdentity, transitions: leaseTransitions }]);
  });

  return {
    watched(client, term) {
      const { namespace, name } = term.lease;
      const check = async <T>(what: string, send: () => Promise<T>): Promise<T> => {
        const since = newest;
        const value = await send();
        const version = (value as { metadata?: { resourceVersion?: string } } | undefined)?.metadata?.resourceVersion;
        // What changes nothing is not written.
        if (version !== undefined && Number(version) <= since) return value;
        const states = leases.get(`/registry/leases/${namespace}/${name}`) ?? [];
        const isHeld = ({ holder, transitions }: Held): boolean =>
          holder === term.holder && transitions === term.transitions;
        // Of an answer that says when it was written, that moment counts; of another, any moment of the call.
        const from = Math.max(
          0,
          states.findLastIndex(({ revision }) => revision <= since),
        );
        const then = states.findLast(({ revision }) => revision <= Number(version));
        const held = version === undefined ? states.slice(from).some(isHeld) : then !== undefined && isHeld(then);
        if (!held) {
          const now = states.at(-1);
          breach(
            `${term.holder} (term ${term.transitions} of ${name}) wrote in the term of ${now?.holder} (${now?.transitions}): ${what}`,
          );
        }
        return value;
      };
      return {
        ...client,
        create: (kind, object, options) => check(`create ${kind.plural}`, () => client.create(kind, object, options)),
        update: (kind, object, options) => check(`update ${kind.plural}`, () => client.update(kind, object, options)),
        patch: (kind, each, patch, options) =>
          check(`patch ${kind.plural} ${each}`, () => client.patch(kind, each, patch, options)),
        delete: (kind, each, options) =>
          check(`delete ${kind.plural} ${each}`, () => client.delete(kind, each, options)),
        post: <T>(...asked: Parameters<Client['post']>) =>
          check(`post ${asked[0].plural} ${asked[1]}/${asked[2]}`, () => client.post<T>(...asked)),
      };
    },
  };
}
