/**
 * Image references in Docker's grammar (https://github.com/distribution/reference): `[registry[:port]/]path[:tag][@digest]`.
 * `nginx` means `docker.io/library/nginx:latest`. Every other file here works with the parsed form, so that two spellings
 * of one image never become two images. It must never accept what a registry or a path on disk would read differently.
 */
import { createHash } from 'node:crypto';

export interface Reference {
  /** `docker.io`, `localhost:5000`, `k8ts.local`. */
  readonly registry: string;
  /** `library/nginx`. */
  readonly repository: string;
  readonly tag?: string;
  /** `sha256:<64 hex>`; wins over the tag when both stand. */
  readonly digest?: Digest;
}

/** `sha256:<64 lower-case hex digits>`. */
export type Digest = `sha256:${string}`;

/** A reference that cannot be read; the message is what kubectl shows after InvalidImageName. */
export class InvalidReference extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'InvalidReference';
  }
}

const referenceLengthMax = 512; // name 255 + tag 128 + digest 71, with room for the separators
const hostPattern =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/;
const componentPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** Parses and completes a reference: registry, `library/` and `:latest` are filled in. Throws InvalidReference. */
export function parseReference(text: string): Reference {
  if (text.length === 0 || text.length > referenceLengthMax) throw new InvalidReference('invalid reference format');
  if (/^[a-f0-9]{64}$/.test(text)) {
    throw new InvalidReference(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  let rest = text;
  let digest: Digest | undefined;
  const at = rest.indexOf('@');
  if (at >= 0) {
    digest = parseDigest(rest.slice(at + 1));
    rest = rest.slice(0, at);
  }
  const slash = rest.indexOf('/');
  const first = slash < 0 ? '' : rest.slice(0, slash);
  // Docker's rule: only a first part that looks like a host is one; `team/app` lives on docker.io.
  const hasHost = slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first);
  let registry = hasHost ? first : 'docker.io';
  rest = hasHost ? rest.slice(slash + 1) : rest;
  let tag: string | undefined;
  const colon = rest.lastIndexOf(':');
  if (colon >= 0 && !rest.slice(colon).includes('/')) {
    tag = rest.slice(colon + 1);
    rest = rest.slice(0, colon);
    if (!tagPattern.test(tag)) throw new InvalidReference('invalid reference format');
  }
  if (!hostPattern.test(registry)) throw new InvalidReference('invalid reference format');
  if (registry === 'index.docker.io') registry = 'docker.io';
  if (registry === 'docker.io' && !rest.includes('/')) rest = `library/${rest}`;
  for (const component of rest.split('/')) {
    if (componentPattern.test(component)) continue;
    if (component !== component.toLowerCase() && componentPattern.test(component.toLowerCase())) {
      throw new InvalidReference(`invalid reference format: repository name (${rest}) must be lowercase`);
    }
    throw new InvalidReference('invalid reference format');
  }
  if (registry.length + 1 + rest.length > 255) {
    throw new InvalidReference('repository name must not be more than 255 characters');
  }
  if (tag === undefined && digest === undefined) tag = 'latest';
  return {
    registry,
    repository: rest,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The complete spelling: `docker.io/library/nginx:latest`. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${repositoryName(reference)}${tag}${digest}`;
}

/** `docker.io/library/nginx`: what stands before tag and digest. */
export function repositoryName(reference: Reference): string {
  return `${reference.registry}/${reference.repository}`;
}

/** A digest we can verify; throws InvalidReference for any other algorithm or form. */
export function parseDigest(text: string): Digest {
  if (/^sha256:[a-f0-9]{64}$/.test(text)) return text as Digest;
  if (/^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-fA-F0-9]{32,}$/.test(text) && !text.startsWith('sha256:')) {
    throw new InvalidReference(`unsupported digest algorithm ${text.slice(0, text.indexOf(':'))}`);
  }
  throw new InvalidReference('invalid reference format');
}

/** An image id as the kubelet uses it: the digest of the image's config. */
export function isImageId(text: string): text is Digest {
  return /^sha256:[a-f0-9]{64}$/.test(text);
}

export function digestOf(bytes: string | Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The hexadecimal part, for file names. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}
