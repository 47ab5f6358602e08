/**
 * The objects that a pod's environment and volumes are made of, read from the API and kept for a moment, and the tokens of its ServiceAccount, renewed before
 * they expire. Nothing of it is ever logged.
 */
import { isApiError } from '#meta/status.ts';
import { parseTime } from '#meta/time.ts';
import { ConfigMap } from '#api/core/configmap.ts';
import type { Pod } from '#api/core/pod.ts';
import { Secret } from '#api/core/secret.ts';
import { ServiceAccount } from '#api/core/serviceaccount.ts';
import type { AnyKind, Client } from '#client/client.ts';
import type { ObjectOf } from '#schema/kind.ts';
import type { Millis, World } from '#world/world.ts';

/** How long an object that was read is believed: pods of one Deployment start together. */
const believedMs: Millis = 1_000;
/** A token is renewed after this part of its life, or a day. */
const renewAfter = 0.8;
const renewAfterMsMax: Millis = 24 * 60 * 60 * 1000;

interface Token {
  readonly token: string;
  readonly renewAt: Millis;
}

export interface Sources {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  token(pod: Pod, audience: string | undefined, expirationSeconds: number): Promise<string>;
  /** Forgets what belonged to a pod. */
  forget(pod: Pod): void;
}

export function apiSources(world: World, client: Client): Sources {
  const objects = new Map<string, { readonly at: Millis; readonly value: Promise<unknown> }>();
  const tokens = new Map<string, Token>();

  const read = async <K extends AnyKind>(kind: K, namespace: string, name: string): Promise<ObjectOf<K> | undefined> => {
    const key = `${kind.plural}/${namespace}/${name}`;
    const now = world.clock.monotonic();
    const known = objects.get(key);
    if (known && now - known.at < believedMs) return known.value as Promise<ObjectOf<K> | undefined>;
    const value = client.get(kind, name, { namespace }).catch((error: unknown) => {
      objects.delete(key);
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    });
    objects.set(key, { at: now, value });
    for (const [old, { at }] of objects) {
      if (now - at < believedMs) break;
      objects.delete(old);
    }
    return value as Promise<ObjectOf<K> | undefined>;
  };

  return {
    configMap: (namespace, name) => read(ConfigMap, namespace, name),
    secret: (namespace, name) => read(Secret, namespace, name),
    async token(pod, audience, expirationSeconds) {
      const { uid, namespace = '', name } = pod.metadata;
      const key = `${uid}/${audience ?? ''}/${expirationSeconds}`;
      const known = tokens.get(key);
      const now = world.clock.now();
      if (known && now < known.renewAt) return known.token;
      try {
        const answer = await client.post<{ status: { token: string; expirationTimestamp: string } }>(
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
        const life = (parseTime(answer.status.expirationTimestamp) ?? now) - now;
        tokens.set(key, { token: answer.status.token, renewAt: now + Math.min(life * renewAfter, renewAfterMsMax) });
        return answer.status.token;
      } catch (error) {
        // The old token is better than none while the API is away.
        if (known && isApiError(error, 'ServiceUnavailable', 'Timeout')) return known.token;
        throw error;
      }
    },
    forget(pod) {
      for (const key of tokens.keys()) if (key.startsWith(`${pod.metadata.uid}/`)) tokens.delete(key);
    },
  };
}
