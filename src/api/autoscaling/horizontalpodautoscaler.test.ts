import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AnyObject } from '#meta/object-meta.ts';
import { decode } from '#schema/decode.ts';
import { createCauses, row, updateCauses, written } from '../written.ts';
import { HorizontalPodAutoscaler as V1 } from './horizontalpodautoscaler-v1.ts';
import { HorizontalPodAutoscaler as V2 } from './horizontalpodautoscaler.ts';
import { behaviorAnnotation, currentMetricsAnnotation, fromV2, metricsAnnotation, toV2 } from './hpa-conversion.ts';

const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const hpa = (fields: object = {}): never =>
  ({ metadata: { name: 'web' }, spec: { scaleTargetRef, maxReplicas: 5, ...fields } }) as never;
const cpu = (averageUtilization: number) => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});
const everything = {
  metrics: [
    {
      type: 'Object',
      object: {
        describedObject: { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', name: 'main' },
        metric: { name: 'requests', selector: { matchLabels: { path: 'x' } } },
        target: { type: 'Value', value: '2k' },
      },
    },
    { type: 'Pods', pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '10' } } },
    { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '100Mi' } } },
    {
      type: 'ContainerResource',
      containerResource: {
        name: 'cpu',
        container: 'app',
        target: { type: 'Utilization', averageUtilization: 60 },
      },
    },
    {
      type: 'External',
      external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '30' } },
    },
    cpu(70),
  ],
  behavior: { scaleUp: { tolerance: '50m' }, scaleDown: { stabilizationWindowSeconds: 60, selectPolicy: 'Disabled' } },
};

test('an autoscaler gets its defaults', () => {
  const { spec, status } = written(V2, hpa());
  assert.deepEqual([spec.minReplicas, spec.metrics, spec.behavior], [1, [cpu(80)], undefined]);
  assert.deepEqual(status, { desiredReplicas: 0 });
  assert.deepEqual(written(V2, hpa({ behavior: {} })).spec.behavior, {
    scaleUp: {
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Max',
      policies: [
        { type: 'Pods', value: 4, periodSeconds: 15 },
        { type: 'Percent', value: 100, periodSeconds: 15 },
      ],
    },
    scaleDown: { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] },
  });
  assert.deepEqual(written(V1, hpa()).spec, {
    scaleTargetRef,
    maxReplicas: 5,
    minReplicas: 1,
    targetCPUUtilizationPercentage: 80,
  });
});

const metric = (one: object): object => ({ metrics: [one] });
const at = 'spec.metrics[0]';
const supported = 'supported values: "ContainerResource", "External", "Object", "Pods", "Resource"';
const table: readonly [string, object, readonly string[]][] = [
  ['every kind of metric', everything, []],
  [
    'no greatest size',
    { maxReplicas: 0 },
    [
      'spec.maxReplicas: Required value',
      'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
    ],
  ],
  [
    'sizes upside down',
    { minReplicas: 6 },
    ['spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`'],
  ],
  ['a negative size', { minReplicas: -1 }, ['spec.minReplicas: Invalid value: -1: must be greater than or equal to 0']],
  [
    'no size and only CPU',
    { minReplicas: 0 },
    [
      'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
    ],
  ],
  [
    'nothing to scale',
    { scaleTargetRef: {} },
    [
      'spec.scaleTargetRef.kind: Required value',
      'spec.scaleTargetRef.name: Required value',
      'spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group',
    ],
  ],
  [
    'a name that leaves its path',
    { scaleTargetRef: { kind: '..', name: 'a/b' } },
    [
      'spec.scaleTargetRef.kind: Invalid value: "..": may not be \'..\'',
      'spec.scaleTargetRef.name: Invalid value: "a/b": may not contain \'/\'',
      'spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group',
    ],
  ],
  ['an unknown metric', metric({ type: 'Magic' }), [`${at}.type: Unsupported value: "Magic": ${supported}`]],
  [
    'a metric without its source',
    metric({ type: 'Pods' }),
    [`${at}.pods: Required value: must populate information for the given metric source`],
  ],
  [
    'two sources in one metric',
    metric({ ...cpu(50), pods: { metric: { name: 'a' }, target: { type: 'AverageValue', averageValue: '1' } } }),
    [`${at}.pods: Forbidden: must populate the given metric source only`],
  ],
  [
    'a target of no kind',
    metric({ type: 'Resource', resource: { name: 'cpu', target: { averageUtilization: 0 } } }),
    [
      `${at}.resource.target.type: Required value: must specify a metric target type`,
      `${at}.resource.target.type: Invalid value: "": must be either Utilization, Value, or AverageValue`,
      `${at}.resource.target.averageUtilization: Invalid value: 0: must be greater than 0`,
    ],
  ],
  [
    'two targets at once',
    metric({
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 1, averageValue: '1' } },
    }),
    [`${at}.resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization`],
  ],
  [
    'a container metric without a container',
    metric({
      type: 'ContainerResource',
      containerResource: { name: 'disk', target: { type: 'Utilization', averageUtilization: 1 } },
    }),
    [
      `${at}.containerResource.name: Invalid value: "disk": must be a standard resource type or fully qualified`,
      `${at}.containerResource.name: Invalid value: "disk": must be a standard resource for containers`,
      `${at}.containerResource.container: Required value: must specify a container`,
    ],
  ],
  [
    'an external metric without target',
    metric({ type: 'External', external: { metric: { name: 'q' }, target: { type: 'Value' } } }),
    [
      `${at}.external.target.averageValue: Required value: must set either a target value for metric or a per-pod target`,
    ],
  ],
  [
    'behavior beyond its limits',
    {
      behavior: {
        scaleUp: {
          stabilizationWindowSeconds: 3601,
          selectPolicy: 'Any',
          policies: [{ type: 'Nodes', value: 0, periodSeconds: 1801 }],
          tolerance: '-1',
        },
      },
    },
    [
      'spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600',
      'spec.behavior.scaleUp.selectPolicy: Unsupported value: "Any": supported values: "Disabled", "Max", "Min"',
      'spec.behavior.scaleUp.policies[0].type: Unsupported value: "Nodes": supported values: "Percent", "Pods"',
      'spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero',
      'spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800',
      'spec.behavior.scaleUp.tolerance: Invalid value: "-1": must be greater than or equal to 0',
    ],
  ],
];
for (const [what, fields, causes] of table)
  test(`an autoscaler with ${what}`, () => assert.deepEqual(createCauses(V2, hpa(fields)), causes));

test('v1 is judged by the rules of v2', () => {
  assert.deepEqual(createCauses(V1, hpa({ targetCPUUtilizationPercentage: 0, minReplicas: 6 })), [
    'spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`',
    `${at}.resource.target.averageUtilization: Invalid value: 0: must be greater than 0`,
  ]);
});

/** A stored object with a status that says all there is to say. */
function full(): AnyObject {
  return {
    ...written(V2, hpa(everything)),
    status: {
      observedGeneration: 3,
      lastScaleTime: '2026-11-21T05:00:00Z',
      currentReplicas: 2,
      desiredReplicas: 3,
      currentMetrics: [
        { type: 'Pods', pods: { metric: { name: 'rps' }, current: { averageValue: '7' } } },
        { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 40, averageValue: '200m' } } },
        {
          type: 'External',
          external: { metric: { name: 'queue' }, current: { value: '0', averageValue: '12' } },
        },
      ],
      conditions: [{ type: 'AbleToScale', status: 'True', reason: 'ReadyForNewScale', observedGeneration: 3 }],
    },
  } as unknown as AnyObject;
}

test('v1 shows the CPU and carries the rest; nothing is lost on the way back', () => {
  const stored = full();
  const seen = fromV2(stored) as AnyObject & Record<'spec' | 'status', object>;
  assert.deepEqual(seen.spec, { scaleTargetRef, maxReplicas: 5, minReplicas: 1, targetCPUUtilizationPercentage: 70 });
  assert.deepEqual(seen.status, {
    observedGeneration: 3,
    lastScaleTime: '2026-11-21T05:00:00Z',
    currentReplicas: 2,
    desiredReplicas: 3,
    currentCPUUtilizationPercentage: 40,
  });
  const notes = seen.metadata.annotations ?? {};
  assert.match(
    notes[metricsAnnotation] ?? '',
    /^\[\{"type":"Object","object":\{"target":\{.*"metricName":"requests","targetValue":"2k","selector":\{"matchLabels":\{"path":"x"\}\}\}\},\{"type":"Pods","pods":\{"metricName":"rps","targetAverageValue":"10"\}\}/,
  );
  assert.match(notes[behaviorAnnotation] ?? '', /^\{"ScaleUp":\{"StabilizationWindowSeconds":0,"SelectPolicy":"Max",/);
  const back = toV2(seen) as AnyObject & { status: { currentMetrics: unknown[] } };
  const expected = structuredClone(stored) as typeof back & { status: { currentMetrics: object[] } };
  // An average without a whole comes back without: v1 writes 0 for a whole that is not there.
  expected.status.currentMetrics[2] = {
    type: 'External',
    external: { metric: { name: 'queue' }, current: { averageValue: '12' } },
  };
  assert.deepEqual(back, expected);
  assert.equal(fromV2(seen), seen);
  assert.equal(toV2(stored), stored);
});

test('annotations that cannot be read are passed over, and are gone from what is stored', () => {
  const broken = written(V1, {
    ...(hpa() as object),
    metadata: {
      name: 'web',
      annotations: {
        [metricsAnnotation]: '[{"type":"Pods","pods":{"metricName":1}}]',
        [behaviorAnnotation]: '{"ScaleUp":[]}',
        [currentMetricsAnnotation]: '[{',
        mine: 'x',
      },
    },
  } as never) as unknown as AnyObject;
  const stored = toV2(broken) as AnyObject & { spec: object };
  assert.deepEqual(stored.metadata.annotations, { mine: 'x' });
  assert.deepEqual(stored.spec, { scaleTargetRef, maxReplicas: 5, minReplicas: 1, metrics: [cpu(80)] });
  fc.assert(
    fc.property(fc.json(), fc.string(), (json, text) => {
      for (const note of [json, text, `[${json}]`, `{"ScaleUp":${json}}`])
        toV2({
          ...broken,
          metadata: {
            ...broken.metadata,
            annotations: { [metricsAnnotation]: note, [behaviorAnnotation]: note, [currentMetricsAnnotation]: note },
          },
        });
    }),
  );
});

test('a client of v1 that drops the annotations of the status does not drop the status', () => {
  const old = fromV2(full()) as never;
  const sent = { metadata: { name: 'web', annotations: {} }, spec: { scaleTargetRef, maxReplicas: 9 } };
  assert.deepEqual(updateCauses(V1, sent, old), []);
  const prepared = V1.hooks.prepareUpdate?.({ ...(old as object), ...sent } as never, old) as unknown as AnyObject;
  assert.deepEqual(
    (toV2(prepared) as unknown as { status: { conditions: unknown } }).status.conditions,
    (full() as unknown as { status: { conditions: unknown } }).status.conditions,
  );
});

test('both versions have one table', () => {
  const stored = full();
  const cells = {
    Name: 'web',
    Reference: 'Deployment/web',
    Targets: '<unknown>/2k, <unknown>/10 + 4 more...',
    MinPods: '1',
    MaxPods: 5,
    Replicas: 2,
    Age: '5m',
  };
  assert.deepEqual(row(V2, stored as never), cells);
  assert.deepEqual(row(V1, fromV2(stored) as never), cells);
  const simple = { ...(written(V2, hpa({ metrics: [cpu(70)] })) as object) };
  const status = {
    desiredReplicas: 1,
    currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 3 } } }],
  };
  assert.equal(row(V2, { ...simple, status } as never)['Targets'], 'cpu: 3%/70%');
});

test('an empty list of policies is no default, and what is scaled may be a ReplicationController', () => {
  const decoded = (spec: object) =>
    decode<{ spec: object }>(V2, { metadata: { name: 'web' }, spec }, { strict: 'Strict' }).object;
  const sent = decoded({ scaleTargetRef, maxReplicas: 5, behavior: { scaleUp: { policies: [] } } });
  assert.deepEqual(createCauses(V2, sent as never), [
    'spec.behavior.scaleUp.policies: Required value: must specify at least one Policy',
  ]);
  const of = (ref: object): string[] =>
    createCauses(V2, decoded({ scaleTargetRef: { ...scaleTargetRef, ...ref }, maxReplicas: 5 }) as never);
  assert.deepEqual(of({ apiVersion: 'v1', kind: 'ReplicationController' }), []);
  assert.deepEqual(of({ apiVersion: 'a/b/c' }), [
    'spec.scaleTargetRef.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
  ]);
});
