import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { countIndexes } from './job-indexes.ts';
import { Job } from './job.ts';

const container = { name: 'main', image: 'busybox:1' };
const uid = '0f0f0f0f-0000-4000-8000-000000000001';
const pods = (fields: object = {}): object => ({
  template: { spec: { restartPolicy: 'Never', containers: [container], ...fields } },
});
const job = (fields: object = {}): never => ({ metadata: { name: 'sum' }, spec: { ...pods(), ...fields } }) as never;

test('a job gets its defaults, its selector and its labels', () => {
  const { spec, metadata } = written(Job, job());
  const { parallelism, completions, backoffLimit, completionMode, suspend, podReplacementPolicy, manualSelector } =
    spec;
  assert.deepEqual(
    [parallelism, completions, backoffLimit, completionMode, suspend, podReplacementPolicy, manualSelector],
    [1, 1, 6, 'NonIndexed', false, 'TerminatingOrFailed', false],
  );
  assert.deepEqual(spec.selector, { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } });
  assert.deepEqual(spec.template.metadata.labels, {
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': 'sum',
    'controller-uid': uid,
    'job-name': 'sum',
  });
  assert.deepEqual(metadata.labels, spec.template.metadata.labels);
  const own = written(Job, { ...(job() as object), metadata: { name: 'sum', labels: { a: 'b' } } } as never);
  assert.deepEqual(own.metadata.labels, { a: 'b' });
  assert.deepEqual(createCauses(Job, job()), []);
});

test('completions and parallelism follow each other', () => {
  const of = (fields: object): unknown[] => [
    written(Job, job(fields)).spec.completions,
    written(Job, job(fields)).spec.parallelism,
  ];
  assert.deepEqual(of({ completions: 3 }), [3, 1]);
  assert.deepEqual(of({ parallelism: 2 }), [undefined, 2]);
  assert.equal(
    written(Job, job({ completionMode: 'Indexed', completions: 2, backoffLimitPerIndex: 1 })).spec.backoffLimit,
    2_147_483_647,
  );
});

const failure = (...rules: object[]): object => ({ podFailurePolicy: { rules } });
const table: readonly [string, object, readonly string[]][] = [
  [
    'pods that restart always',
    pods({ restartPolicy: 'Always' }),
    ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
  ],
  [
    'no restart policy',
    pods({ restartPolicy: undefined }),
    ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
  ],
  [
    'less than no parallelism',
    { parallelism: -1 },
    ['spec.parallelism: Invalid value: -1: must be greater than or equal to 0'],
  ],
  [
    'a selector of its own',
    { selector: { matchLabels: { a: 'b' } } },
    [
      `spec.selector: Invalid value: {"matchLabels":{"a":"b","batch.kubernetes.io/controller-uid":"${uid}"}}: \`selector\` not auto-generated`,
      `spec.template.metadata.labels: Invalid value: {"batch.kubernetes.io/controller-uid":"${uid}","batch.kubernetes.io/job-name":"sum","controller-uid":"${uid}","job-name":"sum"}: \`selector\` does not match template \`labels\``,
    ],
  ],
  [
    'indexes without number',
    { completionMode: 'Indexed', parallelism: 2 },
    ['spec.completions: Required value: when completion mode is Indexed'],
  ],
  [
    'a limit for each index without indexes',
    { backoffLimitPerIndex: 1 },
    ['spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode'],
  ],
  [
    'a limit of failed indexes without indexes',
    { maxFailedIndexes: 1 },
    [
      'spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified',
      'spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode',
    ],
  ],
  [
    'many indexes at once',
    {
      completionMode: 'Indexed',
      completions: 100_001,
      parallelism: 10_001,
      backoffLimitPerIndex: 1,
      maxFailedIndexes: 10_001,
    },
    ['parallelism', 'maxFailedIndexes'].map(
      (key) =>
        `spec.${key}: Invalid value: 10001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index`,
    ),
  ],
  [
    'a success policy without indexes',
    { successPolicy: { rules: [{ succeededCount: 1 }] } },
    [
      'spec.successPolicy: Invalid value: {"Rules":[{"SucceededIndexes":null,"SucceededCount":1}]}: requires indexed completion mode',
    ],
  ],
  [
    'a success policy without rules',
    { completionMode: 'Indexed', completions: 2, successPolicy: { rules: [] } },
    [
      'spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified',
    ],
  ],
  [
    'a rule without action for no exit codes twice',
    failure({ onExitCodes: { operator: 'NotIn', values: [3, 3] } }, { action: 'Ignore', onExitCodes: { values: [] } }),
    [
      'spec.podFailurePolicy.rules[0].action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]',
      'spec.podFailurePolicy.rules[1].onExitCodes.operator: Required value: valid values: ["In" "NotIn"]',
      'spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Duplicate value: 3',
      'spec.podFailurePolicy.rules[1].onExitCodes.values: Invalid value: []: at least one value is required',
    ],
  ],
  [
    'a rule for a condition without a name',
    failure({ action: 'Ignore', onPodConditions: [{ type: '-x' }] }),
    [
      "spec.podFailurePolicy.rules[0].onPodConditions[0].type: Invalid value: \"-x\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ],
  ],
  [
    'a failure policy for pods that restart',
    {
      ...pods({ restartPolicy: 'OnFailure' }),
      ...failure({ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] }),
    },
    [
      'spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified',
    ],
  ],
  [
    'a rule about nothing',
    failure({ action: 'Ignore' }),
    ['spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required'],
  ],
  [
    'success as failure',
    failure({ action: 'FailJob', onExitCodes: { operator: 'In', values: [0, 1] } }),
    ['spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator'],
  ],
  [
    'exit codes in disorder',
    failure({ action: 'FailJob', onExitCodes: { operator: 'In', values: [2, 1] } }),
    ['spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [2,1]: must be ordered'],
  ],
  [
    'a rule for an unknown container',
    failure({ action: 'FailJob', onExitCodes: { operator: 'In', values: [1], containerName: 'x' } }),
    [
      'spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "x": must be one of the container or initContainer names in the pod template',
    ],
  ],
  [
    'a success policy that asks for too much',
    { completionMode: 'Indexed', completions: 2, successPolicy: { rules: [{ succeededCount: 3 }] } },
    [
      'spec.successPolicy.rules[0].succeededCount: Invalid value: 3: must be less than or equal to 2 (the number of specified completions)',
    ],
  ],
  [
    'a bare manager',
    { managedBy: 'me' },
    ['spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")'],
  ],
];
for (const [what, fields, causes] of table)
  test(`a job may not have ${what}`, () => assert.deepEqual(createCauses(Job, job(fields)), causes));

test('a job that started keeps its template and completions; a suspended one may move', () => {
  const old = written(Job, job());
  const sent = (of: typeof old, fields: object, template: object = {}): never =>
    ({
      metadata: { name: 'sum' },
      spec: {
        ...of.spec,
        ...fields,
        template: { ...of.spec.template, spec: { ...of.spec.template.spec, ...template } },
      },
    }) as never;
  assert.deepEqual(updateCauses(Job, sent(old, { parallelism: 5, suspend: true }), old), []);
  assert.deepEqual(updateCauses(Job, sent(old, { completions: 2 }), old), [
    'spec.completions: Invalid value: 2: field is immutable',
  ]);
  const [cause = ''] = updateCauses(Job, sent(old, {}, { nodeSelector: { a: 'b' } }), old);
  assert.match(cause, /^spec\.template: Invalid value: \{.*\}: field is immutable$/s);
  const suspended = written(Job, job({ suspend: true }));
  assert.deepEqual(updateCauses(Job, sent(suspended, {}, { nodeSelector: { a: 'b' } }), suspended), []);
  const nodeAffinity = { preferredDuringSchedulingIgnoredDuringExecution: [] };
  assert.deepEqual(updateCauses(Job, sent(suspended, {}, { affinity: { nodeAffinity } }), suspended), []);
  const [other = ''] = updateCauses(Job, sent(suspended, {}, { affinity: { podAffinity: {} } }), suspended);
  assert.match(other, /^spec\.template\.spec: Invalid value: \{.*\}: field is immutable$/s);
  const busy = { ...suspended, status: { active: 1 } };
  assert.equal(updateCauses(Job, sent(busy, {}, { nodeSelector: { a: 'b' } }), busy).length, 1);
});

test('an indexed job may grow together with its parallelism', () => {
  const old = written(Job, job({ completionMode: 'Indexed', completions: 2, parallelism: 2 }));
  const to = (completions: number, parallelism: number): string[] =>
    updateCauses(Job, { metadata: { name: 'sum' }, spec: { ...old.spec, completions, parallelism } }, old);
  assert.deepEqual(to(3, 3), []);
  assert.deepEqual(to(3, 2), [
    'spec.completions: Invalid value: 3: can only be modified in tandem with spec.parallelism',
  ]);
});

test('index intervals are counted', () => {
  assert.equal(countIndexes('0,2-4', 5), 4);
  assert.equal(countIndexes('', 5), 0);
  for (const text of ['5', '2,1', '3-1', 'a', '1-2-3', '1-9'])
    assert.equal(typeof countIndexes(text, 5), 'string', text);
});

test('the table of jobs', () => {
  const of = (status: object, metadata: object = {}): unknown[] => {
    const old = written(Job, job());
    const cells = row(Job, { ...old, metadata: { ...old.metadata, ...metadata }, status } as never);
    return [cells['Status'], cells['Completions'], cells['Duration']];
  };
  const startTime = '2026-11-21T05:00:00Z';
  assert.deepEqual(of({}), ['Running', '0/1', '']);
  assert.deepEqual(of({ startTime }), ['Running', '0/1', '5m']);
  assert.deepEqual(
    of({
      startTime,
      completionTime: '2026-11-21T05:00:07Z',
      succeeded: 1,
      conditions: [{ type: 'Complete', status: 'True' }],
    }),
    ['Complete', '1/1', '7s'],
  );
  assert.deepEqual(of({ conditions: [{ type: 'Failed', status: 'True' }] }), ['Failed', '0/1', '']);
  assert.deepEqual(of({ conditions: [{ type: 'Suspended', status: 'True' }] }), ['Suspended', '0/1', '']);
  assert.deepEqual(of({}, { deletionTimestamp: startTime }), ['Terminating', '0/1', '']);
});
