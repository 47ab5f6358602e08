/** Rules of PriorityLevelConfigurations. Paths and wording are upstream's (pkg/apis/flowcontrol/validation). */
import { deepEqual } from '#base/deep-equal.ts';
import { forbiddenField, invalidValue, required } from '#meta/causes.ts';
import { between, type Causes } from '../field-checks.ts';
import { mandatoryPriorityLevels } from './defaults.ts';
import type {
  ExemptPriorityLevel,
  LimitedPriorityLevel,
  LimitResponse,
  PriorityLevelSpec,
  QueuingConfiguration,
} from './prioritylevelconfiguration.ts';

const queuesMax = 10_000_000;
/** Bits of the hash that deals a flow its hand of queues. */
const hashBits = 60;

/** Bits needed to deal `hand` of `deck` queues. */
const entropyBits = (deck: number, hand: number): number => Math.ceil(Math.log2(deck) * hand);

function* queuingCauses(at: string, { queues, handSize, queueLengthLimit }: QueuingConfiguration): Causes {
  const positive = 'must be positive';
  if (queueLengthLimit <= 0) yield invalidValue(`${at}.queueLengthLimit`, queueLengthLimit, positive);
  if (queues <= 0) yield invalidValue(`${at}.queues`, queues, positive);
  else if (queues > queuesMax) yield invalidValue(`${at}.queues`, queues, `must not be greater than ${queuesMax}`);
  const path = `${at}.handSize`;
  if (handSize <= 0) yield invalidValue(path, handSize, positive);
  else if (handSize > queues) yield invalidValue(path, handSize, `should not be greater than queues (${queues})`);
  else if (entropyBits(queues, handSize) > hashBits)
    yield invalidValue(
      path,
      handSize,
      `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${hashBits}`,
    );
}

function* responseCauses(at: string, { type, queuing }: LimitResponse): Causes {
  if (type === 'Reject' && queuing !== undefined) yield forbiddenField(`${at}.queuing`, '');
  if (type !== 'Queue') return;
  if (queuing === undefined) yield required(`${at}.queuing`);
  else yield* queuingCauses(`${at}.queuing`, queuing);
}

function* shareCauses(at: string, level: LimitedPriorityLevel | ExemptPriorityLevel): Causes {
  if (level.nominalConcurrencyShares < 0)
    yield invalidValue(
      `${at}.nominalConcurrencyShares`,
      level.nominalConcurrencyShares,
      'must be a non-negative integer',
    );
  yield* between(`${at}.lendablePercent`, level.lendablePercent, [0, 100]);
}

export function* priorityLevelCauses(name: string, spec: PriorityLevelSpec): Causes {
  const { type, limited, exempt } = spec;
  if ((name === 'exempt') !== (type === 'Exempt'))
    yield invalidValue('spec.type', type ?? '', "must be 'Exempt' if and only if `name` is 'exempt'");
  if (type === 'Exempt') {
    if (limited !== undefined) yield forbiddenField('spec.limited', '');
    if (exempt !== undefined) yield* shareCauses('spec.exempt', exempt);
  } else if (type === 'Limited') {
    if (exempt !== undefined) yield forbiddenField('spec.exempt', '');
    if (limited === undefined) yield required('spec.limited');
    else {
      yield* responseCauses('spec.limited.limitResponse', limited.limitResponse);
      yield* shareCauses('spec.limited', limited);
      const limit = limited.borrowingLimitPercent;
      if (limit !== undefined && limit < 0)
        yield invalidValue('spec.limited.borrowingLimitPercent', limit, 'if specified, must be a non-negative integer');
    }
  } else if (limited !== undefined) yield forbiddenField('spec.limited', '');
  const fixed = mandatoryPriorityLevels.find((level) => level.name === name);
  if (fixed === undefined) return;
  // The shares of the exempt level are the administrator's.
  const { exempt: _own, ...kept } = spec;
  const { exempt: _fixed, ...wanted } = fixed.spec as PriorityLevelSpec;
  if (name === 'exempt') {
    if (!deepEqual(kept, wanted))
      yield invalidValue('spec', spec, `spec of '${name}' except the 'spec.exempt' field must equal the fixed value`);
  } else if (!deepEqual(spec, fixed.spec))
    yield invalidValue('spec', spec, `spec of '${name}' must equal the fixed value`);
}
