/**
 * PodCertificateRequest: a kubelet asks a signer for a certificate in the name of a pod.
 */
import { condition } from '#schema/condition.ts';
import { resource, type ObjectOf } from '#schema/kind.ts';
import { s, struct, t, type Of } from '#schema/type.ts';
import { formatLabels, nameColumn } from '../columns.ts';
import { podRequestCauses, podRequestStatusCauses } from './podcertificaterequest-validation.ts';

const daySeconds = 86_400;

export const podCertificateRequestSpec = struct(
  'certificates.v1.PodCertificateRequestSpec',
  {
    signerName: s.string(1).doc('Who should sign: a domain and a path.'),
    podName: s.string(2).ruled().doc('The pod, of the same namespace.'),
    podUID: s.string(3).ruled().doc('UID of the pod.'),
    serviceAccountName: s.string(4).ruled().doc("The pod's ServiceAccount."),
    serviceAccountUID: s.string(5).ruled().doc('UID of the ServiceAccount.'),
    nodeName: s.string(6).ruled().doc('The node the pod is on.'),
    nodeUID: s.string(7).ruled().doc('UID of the node.'),
    maxExpirationSeconds: s
      .int32(8)
      .keepsZero()
      .default(daySeconds)
      .doc("How long the certificate may be valid at most: an hour to 91 days; to a day with Kubernetes' own signers."),
    stubPKCS10Request: s
      .bytes(12)
      .ruled()
      .doc('A PKCS#10 request in DER that carries the key and proves its possession; signers ignore the rest of it.'),
    unverifiedUserAnnotations: s
      .map(11, t.string)
      .optional()
      .doc("What the pod's author wants the signer to know; nobody has checked it."),
  },
  { doc: 'What is asked for; cannot be changed.' },
);
export interface PodCertificateRequestSpec extends Of<typeof podCertificateRequestSpec> {}

export const podCertificateRequestStatus = struct(
  'certificates.v1.PodCertificateRequestStatus',
  {
    conditions: s
      .list(1, condition, { list: 'map', keys: ['type'], patch: { strategy: 'merge', mergeKey: 'type' } })
      .optional()
      .doc('One of Issued, Denied and Failed, with status True: the end of the request.'),
    certificateChain: s.string(2).optional().doc('The certificate and those that lead to its root, in PEM.'),
    notBefore: s.time(4).optional().doc('When the certificate begins to be valid.'),
    beginRefreshAt: s.time(5).optional().doc('When the kubelet should begin to ask for the next one.'),
    notAfter: s.time(6).optional().doc('When it ends to be valid.'),
  },
  { doc: 'What the signer answered; written once.' },
);
export interface PodCertificateRequestStatus extends Of<typeof podCertificateRequestStatus> {}

export const PodCertificateRequest = resource({
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'PodCertificateRequest',
  plural: 'podcertificaterequests',
  scope: 'Namespaced',
  subresources: { status: true },
  columns: [
    nameColumn,
    { name: 'PodName', type: 'string', description: 'The pod.', cell: ({ spec }) => spec.podName },
    {
      name: 'ServiceAccountName',
      type: 'string',
      description: "The pod's ServiceAccount.",
      cell: ({ spec }) => spec.serviceAccountName,
    },
    { name: 'NodeName', type: 'string', description: 'The node.', cell: ({ spec }) => spec.nodeName },
    { name: 'SignerName', type: 'string', description: 'Who should sign.', cell: ({ spec }) => spec.signerName },
    {
      name: 'State',
      type: 'string',
      description: 'What became of it.',
      cell: ({ status }) =>
        status.conditions?.find(
          ({ type, status: holds }) => holds === 'True' && ['Issued', 'Denied', 'Failed'].includes(type),
        )?.type ?? 'Pending',
    },
    {
      name: 'UnverifiedUserAnnotations',
      type: 'string',
      description: 'What the pod says of itself, which nobody has checked.',
      cell: ({ spec }) => formatLabels(spec.unverifiedUserAnnotations),
    },
  ],
  selectable: {
    'spec.signerName': ({ spec }) => spec.signerName ?? '',
    'spec.podName': ({ spec }) => spec.podName ?? '',
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
  },
  hooks: {
    needsVersion: true,
    generation: false,
    prepareCreate: (request) => ({ ...request, status: {} }),
    validateCreate: ({ spec }) => [...podRequestCauses(spec)],
    validateStatus: ({ spec, status }, { status: old }) => [...podRequestStatusCauses(spec, status, old)],
  },
  name: 'certificates.v1.PodCertificateRequest',
  doc: 'Asks a signer for a certificate in the name of a pod; kubelets write it.',
  fields: {
    spec: s
      .field(2, podCertificateRequestSpec)
      .frozen('internal')
      .default({} as never)
      .doc('What is asked for; cannot be changed.'),
    status: s.field(3, podCertificateRequestStatus).default({}).doc('What the signer answered.'),
  },
});
export type PodCertificateRequest = ObjectOf<typeof PodCertificateRequest>;
