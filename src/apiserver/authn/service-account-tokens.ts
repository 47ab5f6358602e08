/**
 * ServiceAccount tokens: signed, bound to an audience, a time and (mostly) a pod; valid only as long as the objects they are bound to exist
 * (https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/). Claims are upstream's. No token is ever stored or logged.
 */
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { exportJWK, jwtVerify, SignJWT, errors, type JWK } from 'jose';
import { Lru } from '#base/lru.ts';
import { ApiError, badRequest, conflict, invalid, type Cause } from '#meta/status.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { formatTime, parseTime } from '#meta/time.ts';
import type { World } from '#world/world.ts';
import { nameOf } from '../registry/resource.ts';
import { serviceAccountUser, type User } from '../user.ts';
import type { WatchCache } from '../watch/cache.ts';

export interface TokenKey {
  /** PEM, PKCS #8, ECDSA P-256. */
  readonly privateKey: string;
  /** PEM, SPKI. */
  readonly publicKey: string;
  /** `https://kubernetes.default.svc.cluster.local`. */
  readonly issuer: string;
}

export interface TokenCaches {
  readonly serviceAccounts: WatchCache;
  readonly pods: WatchCache;
  readonly secrets: WatchCache;
  readonly nodes: WatchCache;
}

interface Bound {
  readonly name: string;
  readonly uid: string;
}

interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly nbf: number;
  readonly jti: string;
  readonly 'kubernetes.io': {
    readonly namespace: string;
    readonly serviceaccount: Bound;
    readonly pod?: Bound;
    readonly secret?: Bound;
    readonly node?: Bound;
    readonly warnafter?: number;
  };
}

const algorithm = 'ES256';
/** OpenSSL's name of P-256. */
const curve = 'prime256v1';
const secondsMin = 10 * 60;
const secondsMax = 2 ** 32;
/** Upstream extends a token of exactly this lifetime to a year, so that old clients that never re-read it go on working. */
const compatibleSeconds = 3607;
const extendedSeconds = 365 * 24 * 60 * 60;
/** Verified tokens by hash: a signature check costs 0.1 ms, a look-up 2 µs. 4,096 agents and pods. */
const verifiedMax = 4_096;

export interface ServiceAccountTokens {
  /** The user of a token of ours; undefined when it is not one of ours; throws Unauthorized when it is, but not (any more) valid. */
  authenticate(
    token: string,
    audiences?: readonly string[],
  ): Promise<{ user: User; audiences: readonly string[] } | undefined>;
  /** Carries out a TokenRequest for a ServiceAccount. */
  issue(
    serviceAccount: AnyObject,
    request: TokenRequestBody,
  ): Promise<TokenRequestBody & { status: { token: string; expirationTimestamp: string } }>;
  /** Public keys for OIDC relying parties. */
  jwks(): Promise<{ keys: readonly JWK[] }>;
  readonly issuer: string;
}

export interface TokenRequestBody {
  readonly spec?: {
    readonly audiences?: readonly string[];
    readonly expirationSeconds?: number;
    readonly boundObjectRef?: {
      readonly kind?: string;
      readonly apiVersion?: string;
      readonly name?: string;
      readonly uid?: string;
    };
  };
}

export async function serviceAccountTokens(
  world: World,
  key: TokenKey,
  caches: TokenCaches,
): Promise<ServiceAccountTokens> {
  // Read here and now, not on a thread of the host's: a simulated server starts in virtual time.
  const signer = createPrivateKey(key.privateKey);
  const verifier = createPublicKey(key.publicKey);
  for (const { asymmetricKeyDetails } of [signer, verifier])
    if (asymmetricKeyDetails?.namedCurve !== curve) throw new TypeError(`the key of tokens must be of ${curve}`);
  const publicJwk = await exportJWK(verifier);
  const keyId = createHash('sha256').update(key.publicKey).digest('base64url').slice(0, 43);
  const verified = new Lru<string, Claims>({ limit: verifiedMax });

  const claimsOf = async (token: string): Promise<Claims | undefined> => {
    if (!issuedBy(token, key.issuer)) return undefined;
    const hash = createHash('sha256').update(token).digest('base64');
    const known = verified.get(hash);
    if (known) return known;
    try {
      const { payload } = await jwtVerify(token, verifier, {
        issuer: key.issuer,
        algorithms: [algorithm],
        currentDate: new Date(world.clock.now()),
      });
      const claims = payload as unknown as Claims;
      verified.set(hash, claims);
      return claims;
    } catch (cause) {
      if (cause instanceof errors.JOSEError) throw unauthorized(cause);
      throw cause;
    }
  };

  return {
    issuer: key.issuer,
    jwks: async () => ({ keys: [{ ...publicJwk, use: 'sig', kid: keyId, alg: algorithm }] }),

    async authenticate(token, audiences) {
      const claims = await claimsOf(token);
      if (!claims) return undefined;
      const accepted = audiences?.length ? audiences : [key.issuer];
      const meant = accepted.filter((audience) => claims.aud.includes(audience));
      if (meant.length === 0) throw unauthorized('the token is for another audience');
      if (claims.exp * 1000 <= world.clock.now()) throw unauthorized('the token has expired');
      const { namespace, serviceaccount, pod, secret, node } = claims['kubernetes.io'];
      const now = world.clock.now();
      stillThere(caches.serviceAccounts, namespace, { bound: serviceaccount, now });
      if (pod) stillThere(caches.pods, namespace, { bound: pod, now });
      if (secret) stillThere(caches.secrets, namespace, { bound: secret, now });
      if (node && !pod) stillThere(caches.nodes, undefined, { bound: node, now });
      const extra: Record<string, string[]> = { 'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti}`] };
      if (node) {
        extra['authentication.kubernetes.io/node-name'] = [node.name];
        extra['authentication.kubernetes.io/node-uid'] = [node.uid];
      }
      if (pod) {
        extra['authentication.kubernetes.io/pod-name'] = [pod.name];
        extra['authentication.kubernetes.io/pod-uid'] = [pod.uid];
      }
      return {
        user: serviceAccountUser(namespace, serviceaccount.name, { uid: serviceaccount.uid, extra }),
        audiences: meant,
      };
    },

    async issue(account, request) {
      const { namespace = '', name, uid } = account.metadata;
      const spec = request.spec ?? {};
      const seconds = spec.expirationSeconds ?? 3600;
      const causes: Cause[] = [];
      const outside = (why: string): Cause => ({
        reason: 'FieldValueInvalid',
        field: 'spec.expirationSeconds',
        message: `Invalid value: ${seconds}: ${why}`,
      });
      if (seconds < secondsMin) causes.push(outside('may not specify a duration less than 10 minutes'));
      if (seconds > secondsMax) causes.push(outside('may not specify a duration larger than 2^32 seconds'));
      if (causes.length > 0) throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, name, causes);
      const audiences = spec.audiences?.length ? spec.audiences : [key.issuer];
      const bound = boundObject(caches, namespace, account, spec.boundObjectRef);
      const now = Math.floor(world.clock.now() / 1000);
      const extended = seconds === compatibleSeconds && audiences.includes(key.issuer);
      const expires = now + (extended ? extendedSeconds : seconds);
      const token = await new SignJWT({
        'kubernetes.io': {
          namespace,
          serviceaccount: { name, uid },
          ...bound,
          ...(extended ? { warnafter: now + seconds } : {}),
        },
      })
        .setProtectedHeader({ alg: algorithm, kid: keyId })
        .setIssuer(key.issuer)
        .setSubject(`system:serviceaccount:${namespace}:${name}`)
        .setAudience([...audiences])
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(expires)
        .setJti(world.random.uuid())
        .sign(signer);
      return {
        ...request,
        spec: { ...spec, audiences, expirationSeconds: seconds },
        status: { token, expirationTimestamp: formatTime((extended ? now + seconds : expires) * 1000) },
      };
    },
  };
}

const unauthorized = (cause: unknown): ApiError => new ApiError('Unauthorized', 'Unauthorized', { cause });

/** Looks at the payload without trusting it: a token of another issuer is for another authenticator. */
function issuedBy(token: string, issuer: string): boolean {
  const parts = token.split('.');
  if (parts.length !== 3) return false;
  try {
    return (
      (JSON.parse(Buffer.from(parts[1] as string, 'base64url').toString('utf8')) as { iss?: unknown } | null)?.iss ===
      issuer
    );
  } catch {
    // Not a JWT at all.
    return false;
  }
}

/** An object that should have ended this long ago ends its tokens, whatever still holds it back. */
const deletedLeewayMs = 60_000;

function stillThere(
  cache: WatchCache,
  namespace: string | undefined,
  { bound, now }: { bound: Bound; now: number },
): void {
  const { object } = cache.get(cache.key(namespace, bound.name)) ?? {};
  const ends = object?.metadata.deletionTimestamp;
  const over = ends !== undefined && (parseTime(ends) ?? now) + deletedLeewayMs < now;
  if (object?.metadata.uid !== bound.uid || over) throw unauthorized(`${cache.kind.kind} ${bound.name} is gone`);
}

function boundObject(
  caches: TokenCaches,
  namespace: string,
  account: AnyObject,
  reference: NonNullable<TokenRequestBody['spec']>['boundObjectRef'],
): { pod?: Bound; secret?: Bound; node?: Bound } {
  if (!reference) return {};
  const { kind, name = '', uid } = reference;
  const cache =
    kind === 'Pod' ? caches.pods : kind === 'Secret' ? caches.secrets : kind === 'Node' ? caches.nodes : undefined;
  if (!cache) throw badRequest(`cannot bind token to object of type ${reference.apiVersion ?? ''}, Kind=${kind ?? ''}`);
  const entry = cache.get(cache.key(kind === 'Node' ? undefined : namespace, name));
  if (!entry)
    throw new ApiError('NotFound', `${cache.kind.plural} "${name}" not found`, {
      details: { name, kind: cache.kind.plural },
    });
  const object = entry.object as AnyObject & { spec?: { serviceAccountName?: string; nodeName?: string } };
  if (uid && uid !== object.metadata.uid) {
    throw conflict(
      nameOf(cache.kind),
      name,
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  const bound = { name, uid: object.metadata.uid };
  if (kind === 'Node') return { node: bound };
  if (kind === 'Secret') return { secret: bound };
  if (object.spec?.serviceAccountName !== account.metadata.name) {
    throw badRequest(
      `cannot bind token for serviceaccount "${account.metadata.name}" to pod running with different serviceaccount name.`,
    );
  }
  const nodeName = object.spec.nodeName;
  const node = nodeName ? caches.nodes.get(caches.nodes.key(undefined, nodeName)) : undefined;
  return { pod: bound, ...(node ? { node: { name: node.name, uid: node.object.metadata.uid } } : {}) };
}
