/** Rules of CertificateSigningRequests. Paths and wording are upstream's (pkg/apis/certificates/validation). */
import { X509Certificate } from 'node:crypto';
import { deepEqual } from '#base/deep-equal.ts';
import { duplicate, forbiddenField, invalidValue, notSupported, quoted, required } from '#meta/causes.ts';
import { indexed, type Causes } from '../field-checks.ts';
import type {
  CertificateSigningRequestCondition,
  CertificateSigningRequestSpec,
  CertificateSigningRequestStatus,
} from './certificatesigningrequest.ts';
import { pemBlocks } from './pem.ts';
import { parseRequest, signatureFault } from './pkcs10.ts';
import { signerNameCauses } from './signer-name.ts';

const secondsMin = 600;
const legacySigner = 'kubernetes.io/legacy-unknown';
/** Final: once there, they stay, and only with status True. */
const finalTypes = ['Approved', 'Denied', 'Failed'];
const statuses = ['False', 'True', 'Unknown'];

const decodedText = (base64: string): string => Buffer.from(base64, 'base64').toString('latin1');

/** Why these bytes are no request signed with its own key. */
function requestFault(base64 = ''): string | undefined {
  const [block] = pemBlocks(decodedText(base64));
  if (block?.type !== 'CERTIFICATE REQUEST') return 'PEM block type must be CERTIFICATE REQUEST';
  const parsed = parseRequest(block.der);
  return typeof parsed === 'string' ? parsed : signatureFault(block.der, parsed);
}

export function* requestCauses(spec: CertificateSigningRequestSpec): Causes {
  const fault = requestFault(spec.request);
  if (fault !== undefined) yield invalidValue('spec.request', spec.request, fault);
  const seen = new Set<string>();
  for (const [usage, at] of indexed('spec.usages', spec.usages)) {
    if (seen.has(usage)) yield duplicate(at, usage);
    seen.add(usage);
  }
  if (spec.signerName === legacySigner)
    yield invalidValue('spec.signerName', spec.signerName, 'the legacy signerName is not allowed via this API version');
  else yield* signerNameCauses('spec.signerName', spec.signerName);
  const seconds = spec.expirationSeconds;
  if (seconds !== undefined && seconds < secondsMin)
    yield invalidValue(
      'spec.expirationSeconds',
      seconds,
      'may not specify a duration less than 600 seconds (10 minutes)',
    );
}

function certificateFault(base64: string): string | undefined {
  const blocks = pemBlocks(decodedText(base64));
  for (const { type, hasHeaders, der } of blocks) {
    if (type !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${quoted(type)}`;
    if (hasHeaders) return 'no PEM block headers are permitted';
    if (parseCertificate(der) === undefined) return 'x509: malformed certificate';
  }
  return blocks.length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined;
}

/** undefined when the bytes are no certificate. */
export function parseCertificate(der: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}

/** What is wrong with a status as such. */
export function* requestStatusCauses(
  { conditions, certificate = '' }: CertificateSigningRequestStatus,
  old: CertificateSigningRequestStatus,
): Causes {
  const seen = new Set<string>();
  for (const [{ type = '', status = '' as string }, at] of indexed('status.conditions', conditions)) {
    if (type === '') yield required(`${at}.type`);
    const allowed = finalTypes.includes(type) ? ['True'] : statuses;
    if (status === '') yield required(`${at}.status`);
    else if (!allowed.includes(status)) yield notSupported(`${at}.status`, status, allowed);
    const other = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : undefined;
    if (other !== undefined && seen.has(other))
      yield invalidValue(`${at}.type`, type, 'Approved and Denied conditions are mutually exclusive');
    if (seen.has(type)) yield duplicate(`${at}.type`, type);
    seen.add(type);
  }
  if (certificate === '' || certificate === old.certificate) return;
  const fault = certificateFault(certificate);
  if (fault !== undefined) yield invalidValue('status.certificate', '<certificate data>', fault);
}

/** What may not change: approval decides, status carries the certificate. */
export function* requestUpdateCauses(
  now: CertificateSigningRequestStatus,
  old: CertificateSigningRequestStatus,
  through: 'approval' | 'status',
): Causes {
  const path = 'status.conditions';
  const ofType = (
    { conditions = [] }: CertificateSigningRequestStatus,
    type: string,
  ): readonly CertificateSigningRequestCondition[] => conditions.filter((one) => one.type === type);
  for (const type of finalTypes) {
    const [after, before] = [ofType(now, type), ofType(old, type)];
    if (after.length < before.length) {
      yield forbiddenField(path, `updates may not remove a condition of type ${quoted(type)}`);
      continue;
    }
    if (through === 'approval' || type === 'Failed') continue;
    if (after.length > before.length)
      yield forbiddenField(path, `updates may not add a condition of type ${quoted(type)}`);
    else if (!deepEqual(after, before))
      yield forbiddenField(path, `updates may not modify a condition of type ${quoted(type)}`);
  }
  if ((now.certificate ?? '') === (old.certificate ?? '')) return;
  if (through !== 'status') yield forbiddenField('status.certificate', 'updates may not set certificate content');
  else if (old.certificate)
    yield forbiddenField('status.certificate', 'updates may not modify existing certificate content');
}
