/**
 * Rules of a StatefulSet: policies by their names, a template that may mount its claims, and the few fields that may change. Paths and wording
 * are upstream's (pkg/apis/apps/validation, ValidateStatefulSet).
 */
import { deepEqual } from '#base/deep-equal.ts';
import { immutableDetail, invalidValue, required } from '#meta/causes.ts';
import { dns1123Label } from '#meta/names.ts';
import { internalValue } from '#schema/go-internal.ts';
import { validateStruct } from '#schema/validate.ts';
import { claimSpecCauses } from '../core/claim-validation.ts';
import { persistentVolumeClaimSpec } from '../core/volume.ts';
import { indexed, named, nonNegative, type Causes } from '../field-checks.ts';
import {
  rollingUpdateStatefulSetStrategy,
  statefulSetSpec,
  statefulSetUpdateStrategy,
  type StatefulSetSpec,
  type StatefulSetStatus,
  type StatefulSetUpdateStrategy,
} from './statefulset.ts';
import {
  atMostAll,
  countCauses,
  countOrPercent,
  isNone,
  neverLess,
  selectorAndTemplateCauses,
  sortedSelector,
} from './workload-validation.ts';

function* strategyCauses(strategy: StatefulSetUpdateStrategy): Causes {
  const path = 'spec.updateStrategy';
  const { type, rollingUpdate } = strategy;
  switch (type) {
    case '':
      yield required(path);
      return;
    case 'OnDelete':
      if (rollingUpdate !== undefined)
        yield invalidValue(
          `${path}.rollingUpdate`,
          internalValue(rollingUpdateStatefulSetStrategy, rollingUpdate),
          "only allowed for updateStrategy 'RollingUpdate'",
        );
      return;
    case 'RollingUpdate': {
      if (rollingUpdate === undefined) return;
      const { partition, maxUnavailable } = rollingUpdate;
      yield* nonNegative(`${path}.rollingUpdate.partition`, partition);
      if (maxUnavailable === undefined) return;
      const at = `${path}.rollingUpdate.maxUnavailable`;
      yield* countOrPercent(at, maxUnavailable);
      if (isNone(maxUnavailable)) yield invalidValue(at, maxUnavailable, 'cannot be 0');
      yield* atMostAll(at, maxUnavailable);
      return;
    }
    default:
      yield invalidValue(
        path,
        internalValue(statefulSetUpdateStrategy, strategy),
        "must be 'RollingUpdate' or 'OnDelete'",
      );
  }
}

/** The template as pods will have it: a volume for each claim, in place of one of the same name. */
function withClaims({ template, volumeClaimTemplates = [] }: StatefulSetSpec): StatefulSetSpec['template'] {
  if (volumeClaimTemplates.length === 0) return template;
  const names = new Set(volumeClaimTemplates.map(({ metadata }) => metadata?.name ?? ''));
  const own = (template.spec.volumes ?? []).filter(({ name }) => !names.has(name));
  const claims = [...names].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  return { ...template, spec: { ...template.spec, volumes: [...claims, ...own] } };
}

/** A service's name and claims cannot be changed: they are judged of a new StatefulSet only. */
export function* newStatefulSetCauses({ serviceName, volumeClaimTemplates }: StatefulSetSpec): Causes {
  yield* named(dns1123Label, 'spec.serviceName', serviceName === '' ? undefined : serviceName);
  for (const [claim, at] of indexed('spec.volumeClaimTemplates', volumeClaimTemplates))
    if (claim.spec !== undefined) {
      yield* validateStruct(persistentVolumeClaimSpec, claim.spec, `${at}.spec`);
      yield* claimSpecCauses(`${at}.spec`, claim.spec);
    }
}

export function* statefulSetCauses(spec: StatefulSetSpec): Causes {
  const { podManagementPolicy: policy } = spec;
  if (policy !== 'OrderedReady' && policy !== 'Parallel')
    yield invalidValue('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'");
  yield* strategyCauses(spec.updateStrategy);
  yield* nonNegative('spec.ordinals.start', spec.ordinals?.start);
  if (spec.volumeClaimTemplates?.some(({ metadata }) => !metadata?.name)) {
    yield required('spec.template.spec.volumes[0].name');
    yield required('spec.template.spec.volumes[0].persistentVolumeClaim.claimName');
  }
  yield* selectorAndTemplateCauses(
    { ...spec, template: withClaims(spec) },
    { empty: 'statefulset', kind: 'StatefulSet', unusable: '' },
  );
}

/** What a StatefulSet is for good, and how it is told. */
export function* statefulSetUpdateCauses(spec: StatefulSetSpec, old: StatefulSetSpec): Causes {
  const claimsType = statefulSetSpec.fields['volumeClaimTemplates']?.type;
  const told = {
    selector: () => sortedSelector(spec.selector),
    volumeClaimTemplates: () => claimsType && internalValue(claimsType, spec.volumeClaimTemplates),
    serviceName: () => spec.serviceName,
    podManagementPolicy: () => spec.podManagementPolicy,
  };
  for (const key of ['selector', 'volumeClaimTemplates', 'serviceName', 'podManagementPolicy'] as const)
    if (!deepEqual(spec[key], old[key])) yield invalidValue(`spec.${key}`, told[key](), immutableDetail);
}

export function* statefulSetStatusCauses(status: StatefulSetStatus, old: StatefulSetStatus): Causes {
  yield* countCauses(status, {
    counts: ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'],
    others: ['collisionCount'],
    // Upstream names the other counter in full here, and only here.
    ready: 'status.readyReplicas',
  });
  yield* neverLess('status.collisionCount', status.collisionCount, old.collisionCount);
}
