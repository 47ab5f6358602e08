/**
 * Objects of configuration that a cluster has from its first moment: the system's priority classes, flow control, and the range of
 * Service addresses. Plain drafts: `bootstrap.ts` writes them.
 */
import {
  mandatoryFlowSchemas,
  mandatoryPriorityLevels,
  suggestedFlowSchemas,
  suggestedPriorityLevels,
} from '#api/flowcontrol/defaults.ts';
import { FlowSchema } from '#api/flowcontrol/flowschema.ts';
import { PriorityLevelConfiguration } from '#api/flowcontrol/prioritylevelconfiguration.ts';
import { ServiceCIDR } from '#api/networking/servicecidr.ts';
import { PriorityClass, systemPriorityClasses } from '#api/scheduling/priorityclass.ts';
import type { AnyKind } from '#client/client.ts';

interface ClassDraft {
  readonly kind: AnyKind;
  readonly object: { readonly metadata: { readonly name: string; readonly annotations?: object } };
}

/** The server keeps these up to date, unless the administrator sets it to false. */
const annotations = { 'apf.kubernetes.io/autoupdate-spec': 'true' };

const priorityClasses: readonly ClassDraft[] = systemPriorityClasses.map(({ name, ...one }) => ({
  kind: PriorityClass,
  object: { metadata: { name }, ...one },
}));

const flowControl: readonly ClassDraft[] = [
  ...[...mandatoryPriorityLevels, ...suggestedPriorityLevels].map(({ name, spec }) => ({
    kind: PriorityLevelConfiguration,
    object: { metadata: { name, annotations }, spec },
  })),
  ...[...mandatoryFlowSchemas, ...suggestedFlowSchemas].map(({ name, spec }) => ({
    kind: FlowSchema,
    object: { metadata: { name, annotations }, spec },
  })),
];

/** `serviceRanges`: the ranges of the cluster's own ServiceCIDR, `kubernetes`. */
export const classDrafts = (serviceRanges: readonly string[]): readonly ClassDraft[] => [
  ...priorityClasses,
  ...flowControl,
  { kind: ServiceCIDR, object: { metadata: { name: 'kubernetes' }, spec: { cidrs: serviceRanges } } as never },
];
