import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Namespace } from '#api/core/namespace.ts';
import type { Node } from '#api/core/node.ts';
import type { Pod } from '#api/core/pod.ts';
import type { Cluster } from './framework.ts';
import { NodeTable } from './node-table.ts';
import { plan, type Decision } from './plan.ts';
import { defaultPlugins } from './plugins/all.ts';
import { demandOf } from './pod-demand.ts';

interface NodeDraft {
  readonly labels?: Record<string, string>;
  readonly taints?: readonly object[];
  readonly unschedulable?: boolean;
  readonly cpu?: string;
  readonly memory?: string;
  readonly pods?: string;
  readonly more?: Record<string, string>;
}

const node = (name: string, draft: NodeDraft = {}): Node =>
  ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: name, labels: { 'kubernetes.io/hostname': name, ...draft.labels } },
    spec: { ...(draft.taints ? { taints: draft.taints } : {}), unschedulable: draft.unschedulable ?? false },
    status: {
      allocatable: { cpu: draft.cpu ?? '4', memory: draft.memory ?? '8Gi', pods: draft.pods ?? '110', ...draft.more },
    },
  }) as unknown as Node;

let count = 0;
const pod = (spec: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}): Pod => {
  const name = `pod-${++count}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, uid: name, namespace: 'default', ...metadata },
    spec: { containers: [container()], ...spec },
  } as unknown as Pod;
};

const container = (requests?: Record<string, string>, more: object = {}): object => ({
  name: 'main',
  image: 'app',
  resources: requests ? { requests } : {},
  ...more,
});

/** Decides about `wanted` on these nodes, where pods run already: [pod, node name]. */
function decide(wanted: Pod, nodes: readonly Node[], running: readonly (readonly [Pod, string])[] = []): Decision {
  const table = new NodeTable();
  for (const each of nodes) table.setNode(each);
  for (const [each, name] of running) table.setPod(demandOf(each), name);
  const cluster: Cluster = {
    table,
    namespace: (name) => ({ metadata: { name, labels: { team: name } } }) as unknown as Namespace,
  };
  return plan(demandOf(wanted), cluster, { plugins: defaultPlugins, pick: () => 0 });
}

const messageOf = (decision: Decision): string =>
  decision.node === undefined ? decision.message : `placed on ${decision.node}`;
const why = (decision: Decision): string =>
  /available: (.*?)\. no new/.exec(messageOf(decision))?.[1] ?? messageOf(decision);

const app = (value: string) => ({ labels: { app: value } });
const term = (value: string, topologyKey = 'kubernetes.io/hostname', more: object = {}) => ({
  labelSelector: { matchLabels: { app: value } },
  topologyKey,
  ...more,
});
const required = (terms: readonly object[]) => ({ requiredDuringSchedulingIgnoredDuringExecution: terms });

const refusals: readonly (readonly [string, () => Decision, string])[] = [
  ['there is no node', () => decide(pod(), []), 'no nodes available to schedule pods'],
  ['cordoned', () => decide(pod(), [node('a', { unschedulable: true })]), '1 node(s) were unschedulable'],
  [
    'tainted',
    () => decide(pod(), [node('a', { taints: [{ key: 'k', value: 'v', effect: 'NoExecute' }] })]),
    '1 node(s) had untolerated taint(s)',
  ],
  [
    'other labels',
    () => decide(pod({ nodeSelector: { disk: 'ssd' } }), [node('a')]),
    "1 node(s) didn't match Pod's node affinity/selector",
  ],
  [
    'too little cpu',
    () => decide(pod({ containers: [container({ cpu: '5' })] }), [node('a'), node('b')]),
    '2 Insufficient cpu',
  ],
  [
    'cpu and memory',
    () => decide(pod({ containers: [container({ cpu: '5', memory: '9Gi' })] }), [node('a')]),
    '1 Insufficient cpu, 1 Insufficient memory',
  ],
  [
    'an unknown resource',
    () => decide(pod({ containers: [container({ 'example.com/gpu': '1' })] }), [node('a')]),
    '1 Insufficient example.com/gpu',
  ],
  ['no place for another pod', () => decide(pod(), [node('a', { pods: '1' })], [[pod(), 'a']]), '1 Too many pods'],
  [
    'a host port is taken',
    () => {
      const port = (hostIP?: string) =>
        pod({
          containers: [
            container(undefined, { ports: [{ containerPort: 80, hostPort: 80, ...(hostIP ? { hostIP } : {}) }] }),
          ],
        });
      return decide(port('127.0.0.1'), [node('a')], [[port(), 'a']]);
    },
    "1 node(s) didn't have free ports for the requested pod ports",
  ],
  [
    'nobody to be near to',
    () => decide(pod({ affinity: { podAffinity: required([term('db')]) } }), [node('a')]),
    "1 node(s) didn't match pod affinity rules",
  ],
  [
    'somebody to be away from',
    () =>
      decide(
        pod({ affinity: { podAntiAffinity: required([term('web')]) } }),
        [node('a')],
        [[pod({}, app('web')), 'a']],
      ),
    "1 node(s) didn't match pod anti-affinity rules",
  ],
  [
    'somebody who wants to be alone',
    () =>
      decide(
        pod({}, app('web')),
        [node('a')],
        [[pod({ affinity: { podAntiAffinity: required([term('web')]) } }), 'a']],
      ),
    "1 node(s) didn't satisfy existing pods anti-affinity rules",
  ],
  [
    'no label to spread by',
    () =>
      decide(
        pod({
          topologySpreadConstraints: [
            { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: {} },
          ],
        }),
        [node('a')],
      ),
    "1 node(s) didn't match pod topology spread constraints (missing required label)",
  ],
  [
    'another node is meant',
    () => {
      const affinity = {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a'] }] }],
          },
        },
      };
      return decide(pod({ affinity, containers: [container({ cpu: '5' })] }), [node('a'), node('b')]);
    },
    "1 Insufficient cpu, 1 node(s) didn't satisfy plugin(s) [NodeAffinity]",
  ],
];

for (const [what, decision, expected] of refusals) {
  test(`a pod is refused: ${what}`, () => assert.equal(why(decision()), expected));
}

test('the message says what preemption could do', () => {
  const decision = decide(
    pod({ containers: [container({ cpu: '3' })] }),
    [node('a', { unschedulable: true }), node('b')],
    [[pod({ containers: [container({ cpu: '2' })] }), 'b']],
  );
  assert.equal(
    messageOf(decision),
    '0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. no new claims to deallocate, preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
  );
  assert.deepEqual(decision.node === undefined && [...decision.refusedBy].toSorted(), [
    'NodeResourcesFit',
    'NodeUnschedulable',
  ]);
});

const choices: readonly (readonly [string, () => Decision, string])[] = [
  [
    'the emptier node',
    () => decide(pod(), [node('a'), node('b')], [[pod({ containers: [container({ cpu: '2' })] }), 'a']]),
    'b',
  ],
  [
    'the node that is not disliked',
    () => decide(pod(), [node('a', { taints: [{ key: 'k', effect: 'PreferNoSchedule' }] }), node('b')]),
    'b',
  ],
  [
    'the preferred node',
    () =>
      decide(
        pod({
          affinity: {
            nodeAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                { weight: 100, preference: { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] } },
              ],
            },
          },
        }),
        [node('a'), node('b', { labels: { disk: 'ssd' } })],
      ),
    'b',
  ],
  [
    'the tolerated node',
    () =>
      decide(pod({ tolerations: [{ key: 'k', operator: 'Exists' }] }), [
        node('a', { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] }),
      ]),
    'a',
  ],
  [
    'company',
    () =>
      decide(
        pod({ affinity: { podAffinity: required([term('db')]) } }),
        [node('a'), node('b')],
        [[pod({}, app('db')), 'b']],
      ),
    'b',
  ],
  [
    'company in the same zone',
    () =>
      decide(
        pod({ affinity: { podAffinity: required([term('db', 'zone')]) } }),
        [node('a'), node('b', { labels: { zone: '1' } }), node('c', { labels: { zone: '1' }, unschedulable: true })],
        [[pod({}, app('db')), 'c']],
      ),
    'b',
  ],
  [
    'any node, as the first of its group',
    () => decide(pod({ affinity: { podAffinity: required([term('web')]) } }, app('web')), [node('a')]),
    'a',
  ],
  [
    'company of another namespace',
    () =>
      decide(
        pod({
          affinity: {
            podAffinity: required([
              term('db', 'kubernetes.io/hostname', { namespaceSelector: { matchLabels: { team: 'data' } } }),
            ]),
          },
        }),
        [node('a'), node('b')],
        [
          [pod({}, { ...app('db'), namespace: 'data' }), 'b'],
          [pod({}, app('db')), 'a'],
        ],
      ),
    'b',
  ],
  [
    'the node without its like',
    () =>
      decide(
        pod({ affinity: { podAntiAffinity: required([term('web')]) } }, app('web')),
        [node('a'), node('b')],
        [[pod({}, app('web')), 'a']],
      ),
    'b',
  ],
  [
    'the emptier zone',
    () =>
      decide(
        pod(
          {
            topologySpreadConstraints: [
              {
                maxSkew: 1,
                topologyKey: 'zone',
                whenUnsatisfiable: 'DoNotSchedule',
                labelSelector: { matchLabels: { app: 'web' } },
              },
            ],
          },
          app('web'),
        ),
        [node('a', { labels: { zone: '1' } }), node('b', { labels: { zone: '2' } })],
        [[pod({}, app('web')), 'a']],
      ),
    'b',
  ],
  [
    'the node without siblings',
    () => {
      const owned = {
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'rs', controller: true }],
      };
      return decide(
        pod({}, owned),
        [node('a'), node('b')],
        [
          [pod({}, owned), 'a'],
          [pod(), 'b'],
        ],
      );
    },
    'b',
  ],
  [
    'the node that has the image',
    () => {
      const has = node('b');
      const images = [{ names: ['app:latest'], sizeBytes: 900 * 1024 * 1024 }];
      return decide(pod(), [node('a'), { ...has, status: { ...has.status, images } } as Node]);
    },
    'b',
  ],
  [
    'sidecars count with containers, init containers only at their peak',
    () => {
      const spec = {
        containers: [container({ cpu: '1' })],
        initContainers: [container({ cpu: '1' }, { restartPolicy: 'Always' }), container({ cpu: '2' })],
      };
      // 1 + 2 while starting, 1 + 1 later: three processors suffice.
      return decide(pod(spec), [node('a', { cpu: '2' }), node('b', { cpu: '3' })]);
    },
    'b',
  ],
];

for (const [what, decision, expected] of choices) {
  test(`a pod gets ${what}`, () => assert.equal(messageOf(decision()), `placed on ${expected}`));
}

test('a more important pod pushes out the least important ones that make room', () => {
  const weigh = (cpu: string, priority: number): Pod => pod({ containers: [container({ cpu })], priority });
  const [small, middle, other] = [weigh('2', 1), weigh('2', 5), weigh('4', 3)];
  const decision = decide(
    weigh('2', 10),
    [node('a'), node('b')],
    [
      [small, 'a'],
      [middle, 'a'],
      [other, 'b'],
    ],
  );
  assert.equal(decision.node, undefined);
  const preemption = decision.node === undefined ? decision.preemption : undefined;
  assert.equal(preemption?.node, 'a');
  assert.deepEqual(
    preemption?.victims.map(({ uid }) => uid),
    [small.metadata.uid],
  );
});

test('the table forgets what it is told to forget', () => {
  const table = new NodeTable();
  for (let i = 0; i < 100; i++) table.setNode(node(`n${i}`));
  const demand = demandOf(pod({ containers: [container({ cpu: '1' })] }));
  table.setPod(demand, 'n50');
  table.setPod(demand, 'n51');
  const row = table.rowOf('n51') as number;
  assert.equal(table.column('cpu').requested[row], 1000);
  assert.equal(table.column('cpu').requested[table.rowOf('n50') as number], 0);
  table.removeNode('n51');
  assert.equal(table.size, 99);
  assert.equal(table.rowOf('n51'), row, 'a pod still stands there');
  table.removePod(demand.uid);
  assert.equal(table.rowOf('n51'), undefined);
  table.setNode(node('new', { cpu: '1' }));
  assert.equal(table.rowOf('new'), row, 'its row is used again');
  assert.equal(table.column('cpu').requested[row], 0);
  assert.equal(table.column('cpu').allocatable[row], 1000);
});
