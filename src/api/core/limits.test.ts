/** LimitRanges, ResourceQuotas, ReplicationControllers, PodTemplates and ComponentStatuses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labelKey } from '#meta/names.ts';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { ComponentStatus } from './componentstatus.ts';
import { LimitRange } from './limitrange.ts';
import { PodTemplate } from './podtemplate.ts';
import { ReplicationController } from './replicationcontroller.ts';
import { ResourceQuota } from './resourcequota.ts';

const limits = (...items: object[]): never => ({ metadata: { name: 'limits' }, spec: { limits: items } }) as never;

test('a limit range fills limits from maxima and requests from limits', () => {
  const [item] = written(
    LimitRange,
    limits({ type: 'Container', max: { cpu: '2' }, min: { memory: '1Mi' }, default: { 'ephemeral-storage': '1Gi' } }),
  ).spec.limits;
  assert.deepEqual(item?.default, { cpu: '2', 'ephemeral-storage': '1Gi' });
  assert.deepEqual(item?.defaultRequest, { memory: '1Mi', cpu: '2', 'ephemeral-storage': '1Gi' });
  const pod = { type: 'Pod', max: { cpu: '2' } };
  assert.deepEqual(written(LimitRange, limits(pod)).spec.limits, [pod]);
});

test('a limit range without a name gets one', () => {
  const { metadata } = written(LimitRange, { metadata: {}, spec: { limits: [] } } as never);
  assert.equal(metadata.name, metadata.uid);
});

const at = 'spec.limits[0]';
const ranges: readonly [string, readonly object[], readonly string[]][] = [
  [
    'limits of all types',
    [
      { type: 'Pod', max: { cpu: '1' } },
      { type: 'example.com/x', max: { storage: '1' } },
    ],
    [],
  ],
  [
    'one type twice and one unknown',
    [{ type: 'Pod' }, { type: 'Pod' }, { type: 'Disk' }],
    [
      'spec.limits[1].type: Duplicate value: "Pod"',
      'spec.limits[2].type: Invalid value: "Disk": must be a standard limit type or fully qualified',
    ],
  ],
  ['no type', [{}], labelKey('').map((message) => `${at}.type: Invalid value: "": ${message}`)],
  [
    'defaults of a pod',
    [{ type: 'Pod', default: { cpu: '1' }, defaultRequest: { cpu: '1' } }],
    [
      `${at}.default: Forbidden: may not be specified when \`type\` is 'Pod'`,
      `${at}.defaultRequest: Forbidden: may not be specified when \`type\` is 'Pod'`,
    ],
  ],
  [
    'a claim without storage',
    [{ type: 'PersistentVolumeClaim', max: { cpu: '1' } }],
    [`${at}.limits: Required value: either minimum or maximum storage value is required, but neither was provided`],
  ],
  [
    'amounts out of order',
    [
      {
        type: 'Container',
        min: { cpu: '3' },
        max: { cpu: '2' },
        default: { cpu: '1' },
        defaultRequest: { cpu: '4' },
        maxLimitRequestRatio: { cpu: '500m' },
      },
    ],
    [
      `${at}.min[cpu]: Invalid value: "3": min value 3 is greater than max value 2`,
      `${at}.defaultRequest[cpu]: Invalid value: "4": default request value 4 is greater than max value 2`,
      `${at}.defaultRequest[cpu]: Invalid value: "4": default request value 4 is greater than default limit value 1`,
      `${at}.default[cpu]: Invalid value: "3": min value 3 is greater than default value 1`,
      `${at}.maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1`,
    ],
  ],
  [
    'a ratio beyond what is possible',
    [{ type: 'Pod', min: { cpu: '1' }, max: { cpu: '2' }, maxLimitRequestRatio: { cpu: '3' } }],
    [`${at}.maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000`],
  ],
  [
    'more of what cannot be shared',
    [{ type: 'Container', default: { 'example.com/gpu': '2' }, defaultRequest: { 'example.com/gpu': '1' } }],
    [
      `${at}.defaultRequest[example.com/gpu]: Invalid value: "1": default value 2 must equal to defaultRequest value 1 in example.com/gpu`,
    ],
  ],
  [
    'a resource that no container has',
    [{ type: 'Container', max: { pods: '1' }, default: { pods: '1' }, defaultRequest: { pods: '1' } }],
    ['max', 'default', 'defaultRequest'].map(
      (key) => `${at}.${key}[pods]: Invalid value: "pods": must be a standard resource for containers`,
    ),
  ],
];
for (const [what, items, causes] of ranges)
  test(`a limit range with ${what}`, () => assert.deepEqual(createCauses(LimitRange, limits(...items)), causes));

const quota = (spec: object): never => ({ metadata: { name: 'quota' }, spec }) as never;
const exists =
  "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
const match = 'spec.scopeSelector.matchExpressions';
const quotas: readonly [string, object, readonly string[]][] = [
  [
    'resources of all sorts',
    { hard: { cpu: '1', 'requests.hugepages-2Mi': '2Mi', 'count/jobs.batch': '3', 'requests.example.com/gpu': '1' } },
    [],
  ],
  [
    'names that nobody counts',
    { hard: { storage: '1', apples: '1', pods: '1.5', secrets: '-1' } },
    [
      'spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota',
      'spec.hard[apples]: Invalid value: "apples": must be a standard resource type or fully qualified',
      'spec.hard[apples]: Invalid value: "apples": must be a standard resource for quota',
      'spec.hard[pods]: Invalid value: "1500m": must be an integer',
      'spec.hard[secrets]: Invalid value: "-1": must be greater than or equal to 0',
    ],
  ],
  [
    'scopes that exclude each other',
    { hard: { pods: '1' }, scopes: ['BestEffort', 'NotBestEffort', 'Weekend'] },
    [
      'spec.scopes: Invalid value: ["BestEffort","NotBestEffort","Weekend"]: unsupported scope',
      'spec.scopes: Invalid value: ["BestEffort","NotBestEffort","Weekend"]: conflicting scopes',
    ],
  ],
  [
    'a scope that cannot count it',
    { hard: { cpu: '1' }, scopes: ['BestEffort'] },
    ['spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource'],
  ],
  [
    'requirements that make no sense',
    {
      scopeSelector: {
        matchExpressions: [
          { scopeName: 'Terminating', operator: 'In', values: ['a'] },
          { scopeName: 'PriorityClass', operator: 'In' },
          { scopeName: 'PriorityClass', operator: 'Exists', values: ['a'] },
          { scopeName: 'PriorityClass', operator: 'Near' },
        ],
      },
    },
    [
      `${match}.operator: Invalid value: "In": ${exists}`,
      `${match}.values: Required value: must be at least one value when \`operator\` is 'In' or 'NotIn' for scope selector`,
      `${match}.values: Invalid value: ["a"]: must be no value when \`operator\` is 'Exist' or 'DoesNotExist' for scope selector`,
      `${match}.operator: Invalid value: "Near": not a valid selector operator`,
    ],
  ],
];
for (const [what, spec, causes] of quotas)
  test(`a quota with ${what}`, () => assert.deepEqual(createCauses(ResourceQuota, quota(spec)), causes));

test('a quota keeps its scopes, and its table tells requests from limits', () => {
  const old = written(ResourceQuota, quota({ hard: { pods: '1' }, scopes: ['Terminating'] }));
  assert.deepEqual(updateCauses(ResourceQuota, quota({ hard: { pods: '2' }, scopes: ['Terminating'] }), old), []);
  assert.deepEqual(updateCauses(ResourceQuota, quota({ hard: { pods: '2' } }), old), [
    'spec.scopes: Invalid value: []: field is immutable',
  ]);
  const hard = { pods: '5', cpu: '2', 'limits.cpu': '4' };
  assert.deepEqual(row(ResourceQuota, { ...old, status: { hard, used: { pods: '1', 'limits.cpu': '1500m' } } }), {
    Name: 'quota',
    Request: 'cpu: 0/2, pods: 1/5',
    Limit: 'limits.cpu: 1500m/4',
    Age: '5m',
  });
});

const labels = { app: 'web' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx:1' }] } };
const controller = (fields: object = {}): never =>
  ({ metadata: { name: 'rc' }, spec: { template, ...fields } }) as never;

test('a replication controller takes labels and selector from its template', () => {
  const object = written(ReplicationController, controller());
  assert.deepEqual([object.metadata.labels, object.spec.selector, object.spec.replicas], [labels, labels, 1]);
  assert.deepEqual(row(ReplicationController, object), {
    Name: 'rc',
    Desired: 1,
    Current: 0,
    Ready: 0,
    Age: '5m',
    Containers: 'web',
    Images: 'nginx:1',
    Selector: 'app=web',
  });
});

const controllers: readonly [string, object, readonly string[]][] = [
  ['no template', { template: undefined }, ['spec.selector: Required value', 'spec.template: Required value']],
  [
    'a selector for others',
    { selector: { app: 'other' } },
    ['spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`'],
  ],
  [
    'pods that end',
    { template: { ...template, spec: { ...template.spec, restartPolicy: 'OnFailure', activeDeadlineSeconds: 9 } } },
    [
      'spec.template.spec.restartPolicy: Unsupported value: "OnFailure": supported values: "Always"',
      'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicationController is not Supported',
    ],
  ],
  [
    'negative numbers',
    { replicas: -1, minReadySeconds: -1 },
    [
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
      'spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0',
    ],
  ],
];
for (const [what, fields, causes] of controllers)
  test(`a replication controller with ${what}`, () =>
    assert.deepEqual(createCauses(ReplicationController, controller(fields)), causes));

test('a pod template is checked like a pod and shown with its labels', () => {
  const object = written(PodTemplate, { metadata: { name: 'pt' }, template } as never);
  assert.deepEqual(row(PodTemplate, object), {
    Name: 'pt',
    Containers: 'web',
    Images: 'nginx:1',
    'Pod Labels': 'app=web',
  });
  assert.deepEqual(createCauses(PodTemplate, { metadata: { name: 'pt' } }), [
    'template.spec.containers: Required value',
  ]);
});

test('the table of component statuses', () => {
  const status = (conditions: object[]) =>
    row(ComponentStatus, { metadata: { name: 'scheduler' }, conditions } as never);
  assert.deepEqual(status([{ type: 'Healthy', status: 'False', message: 'm', error: 'e' }]), {
    Name: 'scheduler',
    Status: 'Unhealthy',
    Message: 'm',
    Error: 'e',
  });
  assert.equal(status([])['Status'], 'Unknown');
});
