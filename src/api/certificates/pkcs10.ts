/**
 * PKCS#10 certificate requests (RFC 2986): is it one, is it signed with its own key, and what is that key? Error texts are those of Go's
 * crypto/x509, which upstream hands on.
 */
import { constants, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { derTag, oidText, readElements, type DerElement } from './der.ts';

export interface CertificateRequest {
  readonly key: KeyObject;
  /** Values of the subject by OID: `2.5.4.3` is the common name, `2.5.4.10` an organization. */
  readonly subject: readonly (readonly [oid: string, value: string])[];
}

interface Scheme {
  readonly hash: string | null;
  readonly key: 'rsa' | 'ec' | 'ed25519';
  readonly pss?: true;
}

const rsa = '1.2.840.113549.1.1';
const ecdsa = '1.2.840.10045.4';
const pssOid = `${rsa}.10`;
const schemes: Readonly<Record<string, Scheme>> = {
  [`${rsa}.5`]: { hash: 'sha1', key: 'rsa' },
  [`${rsa}.11`]: { hash: 'sha256', key: 'rsa' },
  [`${rsa}.12`]: { hash: 'sha384', key: 'rsa' },
  [`${rsa}.13`]: { hash: 'sha512', key: 'rsa' },
  [`${ecdsa}.1`]: { hash: 'sha1', key: 'ec' },
  [`${ecdsa}.3.2`]: { hash: 'sha256', key: 'ec' },
  [`${ecdsa}.3.3`]: { hash: 'sha384', key: 'ec' },
  [`${ecdsa}.3.4`]: { hash: 'sha512', key: 'ec' },
  '1.3.101.112': { hash: null, key: 'ed25519' },
};
const pssHashes: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};
const failures = {
  rsa: 'crypto/rsa: verification error',
  ec: 'x509: ECDSA verification failure',
  ed25519: 'x509: Ed25519 verification failure',
} as const;

const malformed = 'asn1: structure error: malformed certificate request';

function sequence(element: DerElement | undefined): readonly DerElement[] | undefined {
  return element?.tag === derTag.sequence ? readElements(element.content) : undefined;
}

function schemeOf(algorithm: readonly DerElement[]): Scheme | undefined {
  const [oid, parameters] = algorithm;
  if (oid?.tag !== derTag.oid) return undefined;
  if (oidText(oid.content) !== pssOid) return schemes[oidText(oid.content)];
  // RSASSA-PSS names its hash in its first parameter: [0] { SEQUENCE { OID } }.
  const [first] = sequence(parameters) ?? [];
  const [hash] = sequence(first && readElements(first.content)?.[0]) ?? [];
  const name = hash?.tag === derTag.oid ? pssHashes[oidText(hash.content)] : undefined;
  return name === undefined ? undefined : { hash: name, key: 'rsa', pss: true };
}

function subjectOf(name: DerElement | undefined): CertificateRequest['subject'] | undefined {
  const found: [string, string][] = [];
  for (const set of sequence(name) ?? []) {
    const attributes = set.tag === derTag.set ? readElements(set.content) : undefined;
    if (attributes === undefined) return undefined;
    for (const attribute of attributes) {
      const [oid, value] = sequence(attribute) ?? [];
      if (oid?.tag !== derTag.oid || value === undefined) return undefined;
      found.push([oidText(oid.content), value.content.toString('utf8')]);
    }
  }
  return found;
}

function keyOf(info: DerElement): KeyObject | undefined {
  try {
    return createPublicKey({ key: info.bytes, format: 'der', type: 'spki' });
  } catch (error) {
    // OpenSSL says in many ways that these bytes are no key.
    if (error instanceof Error) return undefined;
    throw error;
  }
}

/** The request, or why it is none. The signature is not looked at: `signatureFault`. */
export function parseRequest(der: Buffer): CertificateRequest | string {
  const parts = outerOf(der);
  const [version, name, keyInfo] = sequence(parts?.[0]) ?? [];
  if (version?.tag !== derTag.integer || keyInfo?.tag !== derTag.sequence) return malformed;
  const subject = subjectOf(name);
  if (subject === undefined) return malformed;
  const key = keyOf(keyInfo);
  return key === undefined ? 'x509: failed to parse public key' : { key, subject };
}

function outerOf(der: Buffer): readonly DerElement[] | undefined {
  const outer = readElements(der, 1);
  const parts = sequence(outer?.[0]);
  return parts?.length === 3 ? parts : undefined;
}

/** Why the request is not signed with its own key; undefined when it is. */
export function signatureFault(der: Buffer, { key }: CertificateRequest): string | undefined {
  const [info, algorithm, signature] = outerOf(der) ?? [];
  const scheme = schemeOf(sequence(algorithm) ?? []);
  // A bit string begins with the number of its unused bits.
  if (info === undefined || signature?.tag !== derTag.bitString || signature.content[0] !== 0) return malformed;
  if (scheme === undefined) return 'x509: cannot verify signature: algorithm unimplemented';
  if (key.asymmetricKeyType !== scheme.key)
    return `x509: signature algorithm specifies an ${scheme.key.toUpperCase()} public key, but have public key of type ${key.asymmetricKeyType ?? ''}`;
  const options = scheme.pss
    ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO }
    : { key };
  return isSigned(scheme.hash, info.bytes, options, signature.content.subarray(1)) ? undefined : failures[scheme.key];
}

function isSigned(hash: string | null, bytes: Buffer, options: { key: KeyObject }, signature: Buffer): boolean {
  try {
    return verify(hash, bytes, options, signature);
  } catch (error) {
    // A signature of a wrong form or length: OpenSSL may throw instead of saying no.
    if (error instanceof Error) return false;
    throw error;
  }
}
