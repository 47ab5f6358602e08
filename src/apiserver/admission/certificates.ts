/**
 * Certificates: who asks is written into a request, decisions get their times, and only those may approve, sign or attest who have that verb on
 * the signer (CertificateApproval, CertificateSigning, CertificateSubjectRestriction, ClusterTrustBundleAttest of
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/).
 */
import { deepEqual } from '#base/deep-equal.ts';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '#api/certificates/certificatesigningrequest.ts';
import type { ClusterTrustBundle } from '#api/certificates/clustertrustbundle.ts';
import { pemBlocks } from '#api/certificates/pem.ts';
import { parseRequest } from '#api/certificates/pkcs10.ts';
import type { PodCertificateRequest } from '#api/certificates/podcertificaterequest.ts';
import { invalidValue, quoted } from '#meta/causes.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { forbidden, invalid } from '#meta/status.ts';
import { formatTime, parseTime } from '#meta/time.ts';
import type { World } from '#world/world.ts';
import type { Authorizer } from '../authz/authorize.ts';
import type { User } from '../user.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

const group = 'certificates.k8s.io';
const clientSigner = 'kubernetes.io/kube-apiserver-client';
const organization = '2.5.4.10';
const nearMs = 5 * 60_000;

export function certificateAdmission(clock: World['clock'], authorizer: Authorizer): AdmissionPlugin {
  /** On the signer itself, or on all of its domain: `example.com/*`. */
  const may = (user: User, verb: 'approve' | 'attest' | 'sign', signer: string): boolean =>
    [signer, `${signer.slice(0, Math.max(0, signer.indexOf('/')))}/*`].some((name) =>
      authorizer.allows({
        user,
        verb,
        path: '',
        resource: { group, version: '*', plural: 'signers', namespace: undefined, name, subresource: undefined },
      }),
    );

  const checkRequest = (request: AdmissionRequest, refuse: (why: string) => Error): void => {
    const { operation, subresource, user } = request;
    const now = request.object as unknown as CertificateSigningRequest;
    const old = request.old as unknown as CertificateSigningRequest | undefined;
    const { signerName } = now.spec;
    if (operation === 'CREATE') {
      if (signerName === clientSigner && asksForMasters(now))
        throw refuse(`use of ${clientSigner} signer with system:masters group is not allowed`);
    } else if (subresource === 'approval') {
      if (!may(user, 'approve', signerName))
        throw refuse(`user not permitted to approve requests with signerName ${quoted(signerName)}`);
    } else if (subresource === 'status' && !deepEqual(now.status, old?.status)) {
      if (!may(user, 'sign', signerName))
        throw refuse(`user not permitted to sign requests with signerName ${quoted(signerName)}`);
    }
  };

  const checkPodRequest = (request: AdmissionRequest): void => {
    const { status } = request.object as unknown as PodCertificateRequest;
    const before = (request.old as unknown as PodCertificateRequest | undefined)?.status;
    if (request.subresource !== 'status' || deepEqual(status, before)) return;
    const { user, object, kind } = request;
    const { signerName } = (object as unknown as PodCertificateRequest).spec;
    const name = object?.metadata.name ?? '';
    if (!may(user, 'sign', signerName))
      throw forbidden(kind, name, `user not permitted to sign requests with signerName ${quoted(signerName)}`);
    const from = status.notBefore === undefined ? undefined : parseTime(status.notBefore);
    if (from === undefined || Math.abs(from - clock.now()) < nearMs) return;
    const detail = "must be set to within 5 minutes of kube-apiserver's current time";
    throw invalid(kind, name, [invalidValue('status.notBefore', status.notBefore, detail)]);
  };

  return {
    name: 'Certificates',
    mutate(request) {
      const { kind, operation, subresource, object, old, user } = request;
      if (kind.group !== group || kind.kind !== 'CertificateSigningRequest') return object;
      if (operation === 'CREATE') return stamped(object, user);
      return subresource === undefined || old === undefined ? object : timed(object, old, formatTime(clock.now()));
    },
    validate(request) {
      const { kind, operation, object, user } = request;
      if (kind.group !== group || operation === 'DELETE' || object === undefined) return;
      const refuse = (why: string): Error => forbidden(kind, object.metadata.name ?? '', why);
      if (kind.kind === 'CertificateSigningRequest') checkRequest(request, refuse);
      else if (kind.kind === 'PodCertificateRequest') checkPodRequest(request);
      else if (kind.kind === 'ClusterTrustBundle') {
        const { signerName } = (object as unknown as ClusterTrustBundle).spec;
        if (signerName && !may(user, 'attest', signerName))
          throw refuse(`user not permitted to attest for signerName ${quoted(signerName)}`);
      }
    },
  };
}

/** Whatever the client says of itself, the request carries who really asks. */
function stamped(object: AnyObject, { name, uid, groups, extra }: User): AnyObject {
  const request = object as unknown as CertificateSigningRequest;
  const { username: _1, uid: _2, groups: _3, extra: _4, ...spec } = request.spec;
  const asker = {
    username: name,
    ...(uid ? { uid } : {}),
    ...(groups.length > 0 ? { groups } : {}),
    ...(extra && Object.keys(extra).length > 0 ? { extra } : {}),
  };
  return { ...request, spec: { ...spec, ...asker } } as unknown as AnyObject;
}

function timed(object: AnyObject, before: AnyObject, now: string): AnyObject {
  const request = object as unknown as CertificateSigningRequest;
  const old = (before as unknown as CertificateSigningRequest).status?.conditions ?? [];
  const conditions = request.status?.conditions;
  if (conditions === undefined) return object;
  const withTimes = (one: CertificateSigningRequestCondition): CertificateSigningRequestCondition => {
    const same = old.find(({ type, status }) => type === one.type && status === one.status);
    return {
      ...one,
      lastUpdateTime: one.lastUpdateTime ?? now,
      lastTransitionTime: one.lastTransitionTime ?? same?.lastTransitionTime ?? now,
    };
  };
  return { ...request, status: { ...request.status, conditions: conditions.map(withTimes) } } as unknown as AnyObject;
}

function asksForMasters({ spec }: CertificateSigningRequest): boolean {
  const [block] = pemBlocks(Buffer.from(spec.request, 'base64').toString('latin1'));
  const parsed = block && parseRequest(block.der);
  return (
    typeof parsed === 'object' &&
    parsed.subject.some(([oid, value]) => oid === organization && value === 'system:masters')
  );
}
