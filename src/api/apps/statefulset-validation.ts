/**
 * Rules of a StatefulSet: policies by their names, a template that may mount its claims, and the few fields that may change. Paths and wording
 * are upstream's (pkg/apis/apps/validation, ValidateStatefulSet).
 */
import { deepEqual } from '#base/deep-equal.ts';
import { forbiddenField, invalidValue, required } from '#meta/causes.ts';
import { dns1123Label, dns1123Subdomain } from '#meta/names.ts';
import { claimSpecCauses } from '../core/claim-validation.ts';
import { indexed, named, nonNegative, type Causes } from '../field-checks.ts';
import type { StatefulSetSpec, StatefulSetStatus, StatefulSetUpdateStrategy } from './statefulset.ts';
import {
  atMostAll,
  countCauses,
  countOrPercent,
  isNone,
  neverLess,
  selectorAndTemplateCauses,
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
        yield invalidValue(`${path}.rollingUpdate`, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'");
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
      yield invalidValue(path, strategy, "must be 'RollingUpdate' or 'OnDelete'");
  }
}

/** The template as pods will have it: a volume for each claim, in place of one of the same name. */
function withClaims({ template, volumeClaimTemplates = [] }: StatefulSetSpec): StatefulSetSpec['template'] {
  if (volumeClaimTemplates.length === 0) return template;
  const names = new Set(volumeClaimTemplates.map(({ metadata }) => metadata?.name ?? ''));
  const own = (template.spec.volumes ?? []).filter(({ name }) => !names.has(name));
  const claims = [...names]
    .filter((name) => dns1123Label(name).length === 0)
    .map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  return { ...template, spec: { ...template.spec, volumes: [...own, ...claims] } };
}

export function* statefulSetCauses(spec: StatefulSetSpec): Causes {
  const { podManagementPolicy: policy, serviceName } = spec;
  if (policy !== 'OrderedReady' && policy !== 'Parallel')
    yield invalidValue('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'");
  yield* strategyCauses(spec.updateStrategy);
  yield* nonNegative('spec.ordinals.start', spec.ordinals?.start);
  yield* named(dns1123Label, 'spec.serviceName', serviceName === '' ? undefined : serviceName);
  for (const [claim, at] of indexed('spec.volumeClaimTemplates', spec.volumeClaimTemplates)) {
    const name = claim.metadata?.name;
    if (!name) yield required(`${at}.metadata.name`);
    else yield* named(dns1123Subdomain, `${at}.metadata.name`, name);
    yield* claimSpecCauses(`${at}.spec`, claim.spec);
  }
  yield* selectorAndTemplateCauses(
    { ...spec, template: withClaims(spec) },
    { empty: 'statefulset', kind: 'StatefulSet', unusable: '' },
  );
}

const mayChange = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;

export function* statefulSetUpdateCauses(spec: StatefulSetSpec, old: StatefulSetSpec): Causes {
  const fixed = (one: StatefulSetSpec): object =>
    Object.fromEntries(Object.entries(one).filter(([key]) => !(mayChange as readonly string[]).includes(key)));
  if (!deepEqual(fixed(spec), fixed(old)))
    yield forbiddenField(
      'spec',
      "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    );
}

export function* statefulSetStatusCauses(status: StatefulSetStatus, old: StatefulSetStatus): Causes {
  yield* nonNegative('status.replicas', status.replicas);
  yield* nonNegative('status.observedGeneration', status.observedGeneration);
  yield* nonNegative('status.collisionCount', status.collisionCount);
  const { availableReplicas: available, readyReplicas: ready = 0 } = status;
  // Upstream names the other counter in full here, and only here.
  yield* countCauses(
    { ...status, availableReplicas: Math.min(available, ready) },
    { replicas: status.replicas, counts: ['readyReplicas', 'currentReplicas', 'updatedReplicas'] },
  );
  yield* nonNegative('status.availableReplicas', available);
  if (available > status.replicas)
    yield invalidValue('status.availableReplicas', available, 'cannot be greater than status.replicas');
  if (available > ready)
    yield invalidValue('status.availableReplicas', available, 'cannot be greater than status.readyReplicas');
  yield* neverLess('status.collisionCount', status.collisionCount, old.collisionCount);
}
