import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnyKind } from '../kinds.ts';
import { createCauses, row, written } from '../written.ts';
import {
  mandatoryFlowSchemas,
  mandatoryPriorityLevels,
  suggestedFlowSchemas,
  suggestedPriorityLevels,
} from './defaults.ts';
import { FlowSchema } from './flowschema.ts';
import { PriorityLevelConfiguration } from './prioritylevelconfiguration.ts';

const level = { priorityLevelConfiguration: { name: 'a' } };
const subjects = [{ kind: 'User', user: { name: '*' } }];
const limited = (limitResponse: object, fields: object = {}): object => ({
  type: 'Limited',
  limited: { limitResponse, ...fields },
});
const queuing = 'spec.limited.limitResponse.queuing';

const cases: readonly [string, AnyKind, object, readonly string[]][] = [
  [
    'a schema of nothing',
    FlowSchema,
    {},
    ['spec.priorityLevelConfiguration.name: Required value: must reference a priority level'],
  ],
  [
    'a schema that claims to be first',
    FlowSchema,
    { ...level, matchingPrecedence: 1 },
    [`spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1`],
  ],
  [
    'a rule of nobody for nothing',
    FlowSchema,
    { ...level, rules: [{}] },
    [
      'spec.rules[0].subjects: Required value: subjects must contain at least one value',
      'spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty',
    ],
  ],
  [
    'a subject of the wrong kind',
    FlowSchema,
    {
      ...level,
      rules: [
        {
          subjects: [{ kind: 'Group', user: { name: 'a' } }],
          nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['/a*'] }],
        },
      ],
    },
    [
      "spec.rules[0].subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User'",
      "spec.rules[0].subjects[0].group: Required value: group is required when subject kind is 'Group'",
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "/a*": wildcard can only do suffix matching',
    ],
  ],
  [
    'a rule of an account without names, twice for the same',
    FlowSchema,
    {
      ...level,
      distinguisherMethod: { type: 'ByAge' },
      rules: [
        {
          subjects: [{ kind: 'ServiceAccount', serviceAccount: {} }, { kind: 'Nobody' }],
          nonResourceRules: [{ verbs: ['get', 'get'], nonResourceURLs: ['/a', '/a'] }],
        },
      ],
    },
    [
      'spec.rules[0].subjects[1].kind: Unsupported value: "Nobody": supported values: "Group", "ServiceAccount", "User"',
      'spec.distinguisherMethod.type: Unsupported value: {"Type":"ByAge"}: supported values: "ByNamespace", "ByUser"',
      'spec.rules[0].subjects[0].serviceAccount.name: Required value',
      'spec.rules[0].subjects[0].serviceAccount.namespace: Required value: must specify namespace for service account',
    ],
  ],
  [
    'a rule for resources without a scope',
    FlowSchema,
    {
      ...level,
      rules: [{ subjects, resourceRules: [{ verbs: ['fly'], apiGroups: ['*', 'a'], resources: ['pods'] }] }],
    },
    [
      'spec.rules[0].resourceRules[0].verbs: Unsupported value: ["fly"]: supported values: "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"',
      `spec.rules[0].resourceRules[0].apiGroups: Invalid value: ["*","a"]: if '*' is present, must not specify other api groups`,
      'spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace',
    ],
  ],
  ['a level that queues', PriorityLevelConfiguration, limited({ type: 'Queue', queuing: {} }), []],
  [
    'a level that queues nowhere',
    PriorityLevelConfiguration,
    limited({ type: 'Queue' }, { lendablePercent: 101 }),
    [
      `${queuing}: Required value`,
      'spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive',
    ],
  ],
  [
    'a hand greater than the deck, and one that needs too many bits',
    PriorityLevelConfiguration,
    limited({ type: 'Queue', queuing: { queues: 4, handSize: 8, queueLengthLimit: 0 } }),
    [
      `${queuing}.queueLengthLimit: Invalid value: 0: must be positive`,
      `${queuing}.handSize: Invalid value: 8: should not be greater than queues (4)`,
    ],
  ],
  [
    'a hand that needs too many bits',
    PriorityLevelConfiguration,
    limited({ type: 'Queue', queuing: { queues: 512, handSize: 8 } }),
    [
      `${queuing}.handSize: Invalid value: 8: required entropy bits of deckSize 512 and handSize 8 should not be greater than 60`,
    ],
  ],
  [
    'an exempt level of another name',
    PriorityLevelConfiguration,
    { type: 'Exempt' },
    ["spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'"],
  ],
];
for (const [what, kind, spec, causes] of cases)
  test(`${what}: ${causes.length === 0 ? 'good' : 'refused'}`, () =>
    assert.deepEqual(createCauses(kind, { metadata: { name: 'mine' }, spec }), causes));

test('what every cluster begins with is valid, and complete already', () => {
  const check = (kind: AnyKind, all: readonly { readonly name: string; readonly spec: object }[]): void => {
    for (const { name, spec } of all) {
      assert.deepEqual(createCauses(kind, { metadata: { name }, spec }), []);
      assert.deepEqual((written(kind, { metadata: { name }, spec } as never) as { spec: object }).spec, spec);
    }
  };
  check(FlowSchema, [...mandatoryFlowSchemas, ...suggestedFlowSchemas]);
  check(PriorityLevelConfiguration, [...mandatoryPriorityLevels, ...suggestedPriorityLevels]);
});

test('the exempt level may be given a share, nothing else of the fixed objects may change', () => {
  const exempt = { type: 'Exempt', exempt: { nominalConcurrencyShares: 5, lendablePercent: 50 } };
  assert.deepEqual(createCauses(PriorityLevelConfiguration, { metadata: { name: 'exempt' }, spec: exempt }), []);
  const [cause] = createCauses(PriorityLevelConfiguration, {
    metadata: { name: 'catch-all' },
    spec: limited({ type: 'Reject' }),
  });
  assert.match(cause ?? '', /: spec of 'catch-all' must equal the fixed value$/);
});

test('the table of schemas', () => {
  const schema = written(FlowSchema, { metadata: { name: 'mine' }, spec: level } as never);
  const { Age: _, ...cells } = row(FlowSchema, schema);
  assert.deepEqual(cells, {
    Name: 'mine',
    PriorityLevel: 'a',
    MatchingPrecedence: 1000,
    DistinguisherMethod: '<none>',
    MissingPL: '?',
  });
});
