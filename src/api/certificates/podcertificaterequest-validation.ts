/**
 * Rules of PodCertificateRequests: the key and its proof, and a status that is written once and fits the certificate it carries. Wording is
 * upstream's (pkg/apis/certificates/validation). That notBefore is near the server's time needs a clock: admission checks it.
 */
import type { KeyObject, X509Certificate } from 'node:crypto';
import { deepEqual } from '#base/deep-equal.ts';
import { invalidValue, notSupported, required, tooLong } from '#meta/causes.ts';
import { dns1123Subdomain } from '#meta/names.ts';
import type { Cause } from '#meta/status.ts';
import { parseTime } from '#meta/time.ts';
import { conditionCauses } from '../condition-validation.ts';
import { indexed, named, type Causes } from '../field-checks.ts';
import { parseCertificate } from './certificatesigningrequest-validation.ts';
import { pemBlocks } from './pem.ts';
import { parseRequest, signatureFault } from './pkcs10.ts';
import type { PodCertificateRequestSpec, PodCertificateRequestStatus } from './podcertificaterequest.ts';
import { isKubernetesSigner, signerNameCauses } from './signer-name.ts';
import { userAnnotationCauses } from './user-annotations.ts';

const uidMax = 128;
const requestBytesMax = 10 * 1024;
const chainBytesMax = 100 * 1024;
const minute = 60_000;
const hourSeconds = 3600;
const [kubernetesSecondsMax, secondsMax] = [24 * hourSeconds, 91 * 24 * hourSeconds];
const ends = ['Issued', 'Denied', 'Failed'];
const curves = ['prime256v1', 'secp384r1', 'secp521r1'];
const stubPath = 'spec.stubPKCS10Request';
const chainPath = 'status.certificateChain';

/** A cause that does not repeat the value: it is long, or says nothing. */
const omitted = (field: string, detail: string): Cause => ({
  reason: 'FieldValueInvalid',
  field,
  message: `Invalid value: ${detail}`,
});

function keyFault(key: KeyObject): string | undefined {
  const { modulusLength, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return undefined;
    case 'ec':
      return curves.includes(namedCurve) ? undefined : 'elliptic public keys must use curve P256 or P384';
    case 'rsa':
      return modulusLength === 3072 || modulusLength === 4096
        ? undefined
        : 'RSA keys must have modulus size 3072 or 4096';
    default:
      return 'unknown public key type; supported types are Ed25519, ECDSA, and RSA';
  }
}

export function* podRequestCauses(spec: PodCertificateRequestSpec): Causes {
  if (spec.signerName) yield* signerNameCauses('spec.signerName', spec.signerName);
  yield* userAnnotationCauses('spec.unverifiedUserAnnotations', spec.unverifiedUserAnnotations);
  for (const key of ['podName', 'serviceAccountName', 'nodeName'] as const)
    yield* named(dns1123Subdomain, `spec.${key}`, spec[key] ?? '');
  for (const key of ['podUID', 'serviceAccountUID', 'nodeUID'] as const) {
    const uid = spec[key] ?? '';
    if (uid === '') yield invalidValue(`spec.${key}`, uid, 'must not be empty');
    if (Buffer.byteLength(uid) > uidMax) yield tooLong(`spec.${key}`, uidMax);
  }
  const max = isKubernetesSigner(spec.signerName ?? '') ? kubernetesSecondsMax : secondsMax;
  const seconds = spec.maxExpirationSeconds;
  if (seconds < hourSeconds || seconds > max)
    yield invalidValue('spec.maxExpirationSeconds', seconds, `must be in the range [${hourSeconds}, ${max}]`);
  if (!spec.stubPKCS10Request) {
    yield omitted('spec', 'exactly one of (stubPKCS10Request) or (pkixPublicKey, proofOfPossession) must be set');
    return;
  }
  const der = Buffer.from(spec.stubPKCS10Request, 'base64');
  if (der.length > requestBytesMax) {
    yield tooLong(stubPath, requestBytesMax);
    return;
  }
  const parsed = parseRequest(der);
  if (typeof parsed === 'string') {
    yield omitted(stubPath, 'must be a valid PKCS#10 CSR');
    return;
  }
  const fault = keyFault(parsed.key) ?? (signatureFault(der, parsed) && 'could not verify the signature of the CSR');
  if (fault) yield omitted(stubPath, fault);
}

const holds = (status: PodCertificateRequestStatus, type: string): boolean =>
  status.conditions?.some((one) => one.type === type && one.status === 'True') ?? false;

function* endCauses({ conditions }: PodCertificateRequestStatus): Causes {
  let known = 0;
  for (const [{ type = '', status = '' }, , index] of indexed('status.conditions', conditions)) {
    // Upstream's path, with a dot before the index.
    const at = `status.conditions.[${index}]`;
    if (!ends.includes(type)) {
      yield notSupported(`${at}.type`, type, ends);
      continue;
    }
    if (++known > 1)
      yield invalidValue(
        `${at}.type`,
        type,
        'There may be at most one condition with type "Issued", "Denied", or "Failed"',
      );
    if (status !== 'True') yield notSupported(`${at}.status`, status, ['True']);
  }
  yield* conditionCauses('status.conditions', conditions);
}

/** The first thing that is wrong with what was issued: what follows would only follow from it. */
function* issuedCauses(spec: PodCertificateRequestSpec, status: PodCertificateRequestStatus): Causes {
  const chain = status.certificateChain ?? '';
  if (Buffer.byteLength(chain) > chainBytesMax) {
    yield tooLong(chainPath, chainBytesMax);
    return;
  }
  const [leafBlock, ...others] = pemBlocks(chain);
  const fault = (detail: string): Cause => invalidValue(chainPath, chain, detail);
  if (leafBlock === undefined) yield fault('issued certificate chain must contain at least one certificate');
  else if (leafBlock.type !== 'CERTIFICATE')
    yield fault('issued certificate chain must consist entirely of CERTIFICATE PEM blocks');
  if (leafBlock?.type !== 'CERTIFICATE') return;
  const leaf = parseCertificate(leafBlock.der);
  if (leaf === undefined) {
    yield fault('leaf certificate does not parse as valid X.509');
    return;
  }
  const wanted = parseRequest(Buffer.from(spec.stubPKCS10Request, 'base64'));
  if (typeof wanted === 'string' || !wanted.key.equals(leaf.publicKey)) {
    yield fault('leaf certificate was not issued to the requested public key');
    return;
  }
  yield* timeCauses(spec, status, leaf);
  for (const { type, der } of others) {
    // Upstream's spelling.
    if (type !== 'CERTIFICATE') yield fault('issued certificate chain must consist entirely of CERTFICATE PEM blocks');
    else if (parseCertificate(der) === undefined) yield fault('intermediate certificate does not parse as valid X.509');
  }
}

function* timeCauses(
  spec: PodCertificateRequestSpec,
  status: PodCertificateRequestStatus,
  leaf: X509Certificate,
): Causes {
  const consistent = 'must be present and consistent with the issued certificate';
  if (!status.notBefore) yield required('status.notBefore', consistent);
  if (!status.notAfter) yield required('status.notAfter', consistent);
  if (!status.beginRefreshAt)
    yield required('status.beginRefreshAt', 'must be present and in the range [notbefore+10min, notafter-10min]');
  const [from, to, refresh] = [status.notBefore, status.notAfter, status.beginRefreshAt].map((text) =>
    parseTime(text ?? ''),
  );
  if (from === undefined || to === undefined || refresh === undefined) return;
  const [certFrom, certTo] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
  const lifetime = (certTo - certFrom) / 1000;
  if (from !== certFrom)
    yield invalidValue(
      'status.notBefore',
      status.notBefore,
      'must be set to the NotBefore time encoded in the leaf certificate',
    );
  else if (to !== certTo)
    yield invalidValue(
      'status.notAfter',
      status.notAfter,
      'must be set to the NotAfter time encoded in the leaf certificate',
    );
  else if (lifetime < hourSeconds)
    yield invalidValue(chainPath, lifetime * 1e9, 'leaf certificate lifetime must be >= 1 hour');
  else if (lifetime > spec.maxExpirationSeconds)
    yield invalidValue(
      chainPath,
      lifetime * 1e9,
      `leaf certificate lifetime must be <= spec.maxExpirationSeconds (${spec.maxExpirationSeconds})`,
    );
  else if (refresh < from + 10 * minute)
    yield invalidValue(
      'status.beginRefreshAt',
      status.beginRefreshAt,
      'must be at least 10 minutes after status.notBefore',
    );
  else if (refresh > to - 10 * minute)
    yield invalidValue(
      'status.beginRefreshAt',
      status.beginRefreshAt,
      'must be at least 10 minutes before status.notAfter',
    );
}

export function* podRequestStatusCauses(
  spec: PodCertificateRequestSpec,
  status: PodCertificateRequestStatus,
  old: PodCertificateRequestStatus,
): Causes {
  const wrong = [...endCauses(status)];
  yield* wrong;
  if (wrong.length > 0) return;
  const { conditions: _conditions, ...rest } = status;
  if (ends.some((type) => holds(old, type))) {
    if (!deepEqual(status, old))
      yield omitted('status', 'immutable after PodCertificateRequest is issued, denied, or failed');
  } else if (holds(status, 'Denied') || holds(status, 'Failed')) {
    if (Object.keys(rest).length > 0)
      yield omitted(
        'status',
        'non-condition status fields must be empty when denying or failing the PodCertificateRequest',
      );
  } else if (holds(status, 'Issued')) yield* issuedCauses(spec, status);
  else if (!deepEqual(status, old))
    yield omitted('status', 'status is immutable unless transitioning to "Issued", "Denied", or "Failed"');
}
