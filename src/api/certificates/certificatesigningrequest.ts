/**
 * CertificateSigningRequest: asks a signer for a certificate. It is approved or denied first, through the subresource `approval`; who asks is
 * written in by the server (the admission plugin of certificates), and nothing of the spec changes afterwards.
 */
import { formatAge } from '#meta/time.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { ageColumn, nameColumn } from '../columns.ts';
import { requestCauses, requestStatusCauses, requestUpdateCauses } from './certificatesigningrequest-validation.ts';

/** What a certificate may be used for. */
const keyUsages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
] as const;

export const certificateSigningRequestSpec = struct(
  'certificates.v1.CertificateSigningRequestSpec',
  {
    request: s.bytes(1).ruled().doc('The request: PKCS#10 in a PEM block CERTIFICATE REQUEST, in base64.'),
    signerName: s
      .string(7)
      .doc('Who should sign: a domain and a path, such as kubernetes.io/kube-apiserver-client or example.com/signer.'),
    expirationSeconds: s
      .int32(8)
      .keepsZero()
      .optional()
      .doc('How long the certificate should be valid: 600 seconds or more. The signer may decide otherwise.'),
    usages: s.list(5, t.oneOf(...keyUsages)).doc('What the certificate is for, such as client auth or server auth.'),
    username: s.string(2).optional().doc('Who asks; written in by the server.'),
    uid: s.string(3).optional().doc('UID of who asks; written in by the server.'),
    groups: s.list(4, t.string).optional().doc('Groups of who asks; written in by the server.'),
    extra: s.map(6, t.list(t.string)).optional().doc('Further facts about who asks; written in by the server.'),
  },
  { doc: 'What is asked for, and by whom.' },
);
export interface CertificateSigningRequestSpec extends Of<typeof certificateSigningRequestSpec> {}

export const certificateSigningRequestCondition = struct(
  'certificates.v1.CertificateSigningRequestCondition',
  {
    type: s.string(1).doc('Approved, Denied or Failed, or what others agree on. These three are never taken back.'),
    status: s.oneOf(6, 'True', 'False', 'Unknown').doc('Whether it holds; Approved, Denied and Failed are only True.'),
    reason: s.string(2).optional().doc('Why: one CamelCase word for programs.'),
    message: s.string(3).optional().doc('Why, for people.'),
    lastUpdateTime: s.time(4).optional().doc('When the condition was last written; filled in by the server.'),
    lastTransitionTime: s.time(5).optional().doc('When the status last changed; filled in by the server.'),
  },
  { doc: 'A decision about the request.' },
);
export interface CertificateSigningRequestCondition extends Of<typeof certificateSigningRequestCondition> {}

export const certificateSigningRequestStatus = struct(
  'certificates.v1.CertificateSigningRequestStatus',
  {
    conditions: s
      .list(1, certificateSigningRequestCondition, { list: 'map', keys: ['type'] })
      .optional()
      .doc('Decisions about the request.'),
    certificate: s
      .bytes(2)
      .optional()
      .doc(
        'The certificate, and others that lead to its root: PEM blocks CERTIFICATE, in base64. Never changed again.',
      ),
  },
  { doc: 'What became of the request.' },
);
export interface CertificateSigningRequestStatus extends Of<typeof certificateSigningRequestStatus> {}

function stateOf({ conditions, certificate }: CertificateSigningRequestStatus): string {
  const has = (type: string): boolean => conditions?.some((one) => one.type === type) ?? false;
  const decided = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  return [decided, ...(has('Failed') ? ['Failed'] : []), ...(certificate ? ['Issued'] : [])].join(',');
}

export const CertificateSigningRequest = resource({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  shortNames: ['csr'],
  scope: 'Cluster',
  subresources: {
    status: true,
    other: { approval: { kind: 'CertificateSigningRequest', verbs: ['get', 'patch', 'update'] } },
  },
  columns: [
    nameColumn,
    ageColumn,
    { name: 'SignerName', type: 'string', description: 'Who should sign.', cell: ({ spec }) => spec.signerName },
    { name: 'Requestor', type: 'string', description: 'Who asks.', cell: ({ spec }) => spec.username ?? '' },
    {
      name: 'RequestedDuration',
      type: 'string',
      description: 'How long it should be valid.',
      cell: ({ spec }) =>
        spec.expirationSeconds === undefined ? '<none>' : formatAge(Number(spec.expirationSeconds) * 1000),
    },
    { name: 'Condition', type: 'string', description: 'What became of it.', cell: ({ status }) => stateOf(status) },
  ],
  selectable: { 'spec.signerName': ({ spec }) => spec.signerName ?? '' },
  hooks: {
    generation: false,
    name: 'pathSegment',
    prepareCreate: (request) => ({ ...request, status: {} }),
    prepareUpdate: (request, old) => ({ ...request, spec: old.spec }),
    validateCreate: ({ spec }) => [...requestCauses(spec)],
    validateSubresource: (request, old) => [
      ...requestStatusCauses(request.status, old.status),
      ...requestUpdateCauses(request.status, old.status, 'approval'),
    ],
    validateStatus: (request, old) => [
      ...requestStatusCauses(request.status, old.status),
      ...requestUpdateCauses(request.status, old.status, 'status'),
    ],
  },
  name: 'certificates.v1.CertificateSigningRequest',
  doc: 'Asks a signer for a certificate; it is issued once somebody has approved the request.',
  fields: {
    spec: s
      .field(2, certificateSigningRequestSpec)
      .default({} as never)
      .doc('What is asked for, and by whom; cannot be changed.'),
    status: s.field(3, certificateSigningRequestStatus).default({}).doc('What became of the request.'),
  },
});
export type CertificateSigningRequest = ObjectOf<typeof CertificateSigningRequest>;
