/**
 * The objects that pods' environments and volumes are made of, each watched as long as a pod uses it, and the tokens of their ServiceAccounts, renewed before
 * they expire. A kubelet may read single objects by name only, so each has a view of its own. Nothing of it is ever logged.
 */
import { isApiError } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { ConfigMap } from '#api/core/configmap.ts';
import type { Pod } from '#api/core/pod.ts';
import { Secret } from '#api/core/secret.ts';
import { ServiceAccount } from '#api/core/serviceaccount.ts';
import type { AnyKind, Client } from '#client/client.ts';
import { startView, type View } from '#client/view.ts';
import type { ObjectOf } from '#schema/kind.ts';
import type { Millis, World } from '#world/world.ts';

/** A token is renewed after this part of its life, or a day. */
const renewAfter = 0.8;
const renewAfterMsMax: Millis = 24 * 60 * 60 * 1000;

interface Token {
  readonly token: string;
  readonly renewAt: Millis;
}

export interface Sources extends AsyncDisposable {
  /** Undefined when there is none; the pod then hears of it when it comes. */
  configMap(pod: Pod, name: string): Promise<ConfigMap | undefined>;
  secret(pod: Pod, name: string): Promise<Secret | undefined>;
  token(pod: Pod, audience: string | undefined, expirationSeconds: number): Promise<string>;
  /** Forgets what belonged to a pod. */
  forget(pod: Pod): void;
}

interface Watched {
  readonly view: View<unknown>;
  readonly users: Set<string>;
}

/** `changed` is called with the uid of every pod that uses an object, whenever that object changes. */
export function apiSources(world: World, client: Client, changed: (podUid: string) => void): Sources {
  const watched = new Map<string, Watched>();
  const ending = new Set<Promise<void>>();
  const tokens = new Map<string, Token>();

  const read = async <K extends AnyKind>(kind: K, pod: Pod, name: string): Promise<ObjectOf<K> | undefined> => {
    const { namespace = '', uid } = pod.metadata;
    const key = `${kind.plural}/${namespace}/${name}`;
    const known = watched.get(key);
    if (known) {
      known.users.add(uid);
      const object = known.view.hasSynced ? known.view.get(`${namespace}/${name}`) : undefined;
      if (object !== undefined) return object as ObjectOf<K>;
    }
    // The first time, or the view has not heard of it yet: the API is asked itself.
    const object = await client.get(kind, name, { namespace }).catch((error: unknown) => {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    });
    if (!watched.has(key)) {
      const users = new Set([uid]);
      const view = startView(world, client, kind, { namespace, fieldSelector: `metadata.name=${name}` });
      const seen = object?.metadata.resourceVersion;
      view.onChange(({ now }) => {
        if (now === undefined || (now as AnyObject).metadata.resourceVersion !== seen)
          for (const user of users) changed(user);
      });
      watched.set(key, { view: view as View<unknown>, users });
    }
    return object;
  };

  return {
    configMap: (pod, name) => read(ConfigMap, pod, name),
    secret: (pod, name) => read(Secret, pod, name),
    async token(pod, audience, expirationSeconds) {
      const { uid, namespace = '', name } = pod.metadata;
      const key = `${uid}/${audience ?? ''}/${expirationSeconds}`;
      const known = tokens.get(key);
      const now = world.clock.monotonic();
      if (known && now < known.renewAt) return known.token;
      try {
        const answer = await client.post<{
          spec: { expirationSeconds?: number };
          status: { token: string };
        }>(
          ServiceAccount,
          pod.spec.serviceAccountName || 'default',
          'token',
          {
            apiVersion: 'authentication.k8s.io/v1',
            kind: 'TokenRequest',
            spec: {
              ...(audience === undefined ? {} : { audiences: [audience] }),
              expirationSeconds,
              boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
            },
          },
          { namespace },
        );
        // How long it lives is what the server granted: the moment of its end is by the server's clock, which need not be ours.
        const life = (answer.spec.expirationSeconds ?? expirationSeconds) * 1_000;
        tokens.set(key, { token: answer.status.token, renewAt: now + Math.min(life * renewAfter, renewAfterMsMax) });
        return answer.status.token;
      } catch (error) {
        // The old token is better than none while the API is away.
        if (known && (!isApiError(error) || isApiError(error, 'ServiceUnavailable', 'Timeout'))) return known.token;
        throw error;
      }
    },
    forget({ metadata: { uid } }) {
      for (const key of tokens.keys()) if (key.startsWith(`${uid}/`)) tokens.delete(key);
      for (const [key, { view, users }] of watched) {
        if (!users.delete(uid) || users.size > 0) continue;
        watched.delete(key);
        const end: Promise<void> = Promise.resolve(view[Symbol.asyncDispose]()).finally(() => void ending.delete(end));
        ending.add(end);
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...ending, ...[...watched.values()].map(({ view }) => view[Symbol.asyncDispose]())]);
    },
  };
}
