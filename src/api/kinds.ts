/**
 * Every built-in kind, in one visible list: what the API server serves, in the order in which discovery shows it. Nothing registers
 * itself elsewhere; a kind that is not in this list does not exist. User CRDs join at run time through the same Kind type.
 */
import type { Kind } from '#schema/kind.ts';
import { MutatingAdmissionPolicy } from './admissionregistration/mutatingadmissionpolicy.ts';
import { MutatingAdmissionPolicyBinding } from './admissionregistration/mutatingadmissionpolicybinding.ts';
import { MutatingWebhookConfiguration } from './admissionregistration/mutatingwebhookconfiguration.ts';
import { ValidatingAdmissionPolicy } from './admissionregistration/validatingadmissionpolicy.ts';
import { ValidatingAdmissionPolicyBinding } from './admissionregistration/validatingadmissionpolicybinding.ts';
import { ValidatingWebhookConfiguration } from './admissionregistration/validatingwebhookconfiguration.ts';
import { CustomResourceDefinition } from './apiextensions/customresourcedefinition.ts';
import { APIService } from './apiregistration/apiservice.ts';
import { DeviceClass } from './resource/deviceclass.ts';
import { DeviceTaintRule } from './resource/devicetaintrule.ts';
import { ResourceClaim } from './resource/resourceclaim.ts';
import { ResourceClaimTemplate } from './resource/resourceclaimtemplate.ts';
import { ResourceSlice } from './resource/resourceslice.ts';
import { StorageVersionMigration } from './storagemigration/storageversionmigration.ts';
import { ControllerRevision } from './apps/controllerrevision.ts';
import { DaemonSet } from './apps/daemonset.ts';
import { Deployment } from './apps/deployment.ts';
import { ReplicaSet } from './apps/replicaset.ts';
import { StatefulSet } from './apps/statefulset.ts';
import { SelfSubjectReview } from './authentication/selfsubjectreview.ts';
import { TokenRequest } from './authentication/tokenrequest.ts';
import { TokenReview } from './authentication/tokenreview.ts';
import { LocalSubjectAccessReview } from './authorization/localsubjectaccessreview.ts';
import { SelfSubjectAccessReview } from './authorization/selfsubjectaccessreview.ts';
import { SelfSubjectRulesReview } from './authorization/selfsubjectrulesreview.ts';
import { SubjectAccessReview } from './authorization/subjectaccessreview.ts';
import { HorizontalPodAutoscaler as HorizontalPodAutoscalerV1 } from './autoscaling/horizontalpodautoscaler-v1.ts';
import { HorizontalPodAutoscaler } from './autoscaling/horizontalpodautoscaler.ts';
import { Scale } from './autoscaling/scale.ts';
import { CronJob } from './batch/cronjob.ts';
import { Job } from './batch/job.ts';
import { CertificateSigningRequest } from './certificates/certificatesigningrequest.ts';
import { ClusterTrustBundle } from './certificates/clustertrustbundle.ts';
import { PodCertificateRequest } from './certificates/podcertificaterequest.ts';
import { Lease } from './coordination/lease.ts';
import { Binding } from './core/binding.ts';
import { ComponentStatus } from './core/componentstatus.ts';
import { ConfigMap } from './core/configmap.ts';
import { Endpoints } from './core/endpoints.ts';
import { Event as CoreEvent } from './core/event.ts';
import { LimitRange } from './core/limitrange.ts';
import { Namespace } from './core/namespace.ts';
import { Node } from './core/node.ts';
import { PersistentVolume } from './core/persistentvolume.ts';
import { PersistentVolumeClaim } from './core/persistentvolumeclaim.ts';
import { Pod } from './core/pod.ts';
import { PodTemplate } from './core/podtemplate.ts';
import { ReplicationController } from './core/replicationcontroller.ts';
import { ResourceQuota } from './core/resourcequota.ts';
import { Secret } from './core/secret.ts';
import { Service } from './core/service.ts';
import { ServiceAccount } from './core/serviceaccount.ts';
import { EndpointSlice } from './discovery/endpointslice.ts';
import { Event } from './events/event.ts';
import { FlowSchema } from './flowcontrol/flowschema.ts';
import { PriorityLevelConfiguration } from './flowcontrol/prioritylevelconfiguration.ts';
import { Ingress } from './networking/ingress.ts';
import { IngressClass } from './networking/ingressclass.ts';
import { IPAddress } from './networking/ipaddress.ts';
import { NetworkPolicy } from './networking/networkpolicy.ts';
import { ServiceCIDR } from './networking/servicecidr.ts';
import { RuntimeClass } from './node/runtimeclass.ts';
import { Eviction } from './policy/eviction.ts';
import { PodDisruptionBudget } from './policy/poddisruptionbudget.ts';
import { ClusterRole } from './rbac/clusterrole.ts';
import { ClusterRoleBinding } from './rbac/clusterrolebinding.ts';
import { Role } from './rbac/role.ts';
import { RoleBinding } from './rbac/rolebinding.ts';
import { PriorityClass } from './scheduling/priorityclass.ts';
import { CSIDriver } from './storage/csidriver.ts';
import { CSINode } from './storage/csinode.ts';
import { CSIStorageCapacity } from './storage/csistoragecapacity.ts';
import { StorageClass } from './storage/storageclass.ts';
import { VolumeAttachment } from './storage/volumeattachment.ts';
import { VolumeAttributesClass } from './storage/volumeattributesclass.ts';

/** A kind of any shape: lists of kinds cannot keep each one's object type. */
// oxlint-disable-next-line typescript/no-explicit-any -- any Kind, whatever its object type
export type AnyKind = Kind<any, any>;

/** The resources that are served, group by group. */
export const allKinds: readonly AnyKind[] = [
  Binding,
  ComponentStatus,
  ConfigMap,
  Endpoints,
  CoreEvent,
  LimitRange,
  Namespace,
  Node,
  PersistentVolumeClaim,
  PersistentVolume,
  Pod,
  PodTemplate,
  ReplicationController,
  ResourceQuota,
  Secret,
  ServiceAccount,
  Service,
  Event,
  TokenReview,
  SelfSubjectReview,
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  ControllerRevision,
  DaemonSet,
  Deployment,
  ReplicaSet,
  StatefulSet,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerV1,
  CronJob,
  Job,
  ClusterRoleBinding,
  ClusterRole,
  RoleBinding,
  Role,
  Lease,
  EndpointSlice,
  CertificateSigningRequest,
  ClusterTrustBundle,
  PodCertificateRequest,
  IngressClass,
  Ingress,
  IPAddress,
  NetworkPolicy,
  ServiceCIDR,
  PodDisruptionBudget,
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
  FlowSchema,
  PriorityLevelConfiguration,
  RuntimeClass,
  PriorityClass,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
  CustomResourceDefinition,
  APIService,
  DeviceClass,
  DeviceTaintRule,
  ResourceClaim,
  ResourceClaimTemplate,
  ResourceSlice,
  StorageVersionMigration,
];

/** Kinds that exist only as the body of a subresource: no path of their own. */
export const subresourceKinds: readonly AnyKind[] = [Scale, Eviction, TokenRequest];

const byKind = new Map<string, AnyKind>();
for (const kind of [...allKinds, ...subresourceKinds]) byKind.set(`${kind.group}/${kind.version}/${kind.kind}`, kind);
const byPlural = new Map<string, AnyKind>();
for (const kind of allKinds) byPlural.set(`${kind.group}/${kind.version}/${kind.plural}`, kind);

/** The built-in kind of this name, subresource bodies included. The group of core is ''. */
export function kindOf(group: string, version: string, kindName: string): AnyKind | undefined {
  return byKind.get(`${group}/${version}/${kindName}`);
}

/** The served kind of this plural name: `kindByPlural('apps', 'v1', 'deployments')`. */
export function kindByPlural(group: string, version: string, plural: string): AnyKind | undefined {
  return byPlural.get(`${group}/${version}/${plural}`);
}
