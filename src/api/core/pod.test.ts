import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DraftObject } from '#schema/kind.ts';
import { createCauses, updateCauses, written } from '../written.ts';
import { defaultPullPolicy } from './pod-defaults.ts';
import { Pod } from './pod.ts';
import { pluginCauses } from './volume-plugin-validation.ts';

type Spec = Record<string, unknown>;
const container = { name: 'web', image: 'nginx:1' };
const pod = (spec: Spec): DraftObject<typeof Pod> =>
  ({ metadata: { name: 'web' }, spec: { containers: [container], ...spec } }) as never;
const one = (fields: Spec): DraftObject<typeof Pod> => pod({ containers: [{ ...container, ...fields }] });
const at = (path: string, message: string): string => `spec.containers[0].${path}: ${message}`;

test('a pod gets its defaults', () => {
  const { spec, status } = written(
    Pod,
    pod({ volumes: [{ name: 'scratch' }, { name: 'conf', configMap: { name: 'c' } }] }),
  );
  assert.deepEqual(spec.containers[0], {
    ...container,
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
  });
  assert.deepEqual(spec.volumes, [
    { name: 'scratch', emptyDir: {} },
    { name: 'conf', configMap: { name: 'c', defaultMode: 420 } },
  ]);
  const {
    restartPolicy,
    dnsPolicy,
    terminationGracePeriodSeconds,
    schedulerName,
    enableServiceLinks,
    securityContext,
  } = spec;
  assert.deepEqual(
    [restartPolicy, dnsPolicy, terminationGracePeriodSeconds, schedulerName, enableServiceLinks, securityContext],
    ['Always', 'ClusterFirst', 30, 'default-scheduler', true, {}],
  );
  assert.deepEqual(status, { phase: 'Pending', qosClass: 'BestEffort' });
});

test('limits are the default of requests, and host ports follow container ports on the host network', () => {
  const { spec, status } = written(
    Pod,
    pod({
      hostNetwork: true,
      containers: [
        { ...container, ports: [{ containerPort: 80 }], resources: { limits: { cpu: '1', memory: '1Gi' } } },
      ],
    }),
  );
  assert.deepEqual(spec.containers[0]?.resources, {
    limits: { cpu: '1', memory: '1Gi' },
    requests: { cpu: '1', memory: '1Gi' },
  });
  assert.deepEqual(spec.containers[0]?.ports, [{ containerPort: 80, protocol: 'TCP', hostPort: 80 }]);
  assert.equal(status.qosClass, 'Guaranteed');
});

test('a gated pod says so, and the old name of the service account is mirrored', () => {
  const { spec, status } = written(
    Pod,
    pod({ schedulingGates: [{ name: 'example.com/wait' }], serviceAccount: 'robot' }),
  );
  assert.equal(spec.serviceAccountName, 'robot');
  assert.equal(status.conditions?.[0]?.reason, 'SchedulingGated');
});

test('labels that affinity and spread refer to are copied from the pod', () => {
  const draft = {
    metadata: { name: 'web', labels: { hash: '1' } },
    spec: {
      containers: [container],
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'zone',
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: {},
          matchLabelKeys: ['hash'],
        },
      ],
    },
  } as const;
  const { spec } = written(Pod, draft as never);
  assert.deepEqual(spec.topologySpreadConstraints?.[0]?.labelSelector, {
    matchExpressions: [{ key: 'hash', operator: 'In', values: ['1'] }],
  });
  assert.deepEqual(createCauses(Pod, draft), []);
});

test('the pull policy follows the tag', () => {
  for (const [image, policy] of [
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['localhost:5000/nginx', 'Always'],
    ['localhost:5000/nginx:1', 'IfNotPresent'],
    [`nginx@sha256:${'0'.repeat(64)}`, 'IfNotPresent'],
    [`nginx:latest@sha256:${'0'.repeat(64)}`, 'Always'],
    // What is no reference has no tag either.
    ['nginx:latest@sha256:00', 'IfNotPresent'],
    ['Nginx', 'IfNotPresent'],
    ['not an image', 'IfNotPresent'],
    ['Example.com/nginx', 'Always'],
  ]) {
    assert.equal(defaultPullPolicy(image), policy, image);
  }
});

const valid: readonly [string, DraftObject<typeof Pod>][] = [
  ['the smallest', pod({})],
  [
    'variables and ports that appear twice',
    one({
      env: [
        { name: 'A', value: '1' },
        { name: 'A', value: '2' },
      ],
      ports: [{ containerPort: 80 }, { containerPort: 80 }],
    }),
  ],
  ['a variable name with any printable character', one({ env: [{ name: 'a b/c?', value: '' }] })],
  [
    'a sidecar with a probe',
    pod({
      initContainers: [{ name: 's', image: 'i', restartPolicy: 'Always', readinessProbe: { tcpSocket: { port: 1 } } }],
    }),
  ],
  [
    'restart rules',
    one({
      restartPolicy: 'Never',
      restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }],
    }),
  ],
  [
    'a projected volume',
    pod({
      volumes: [
        {
          name: 't',
          projected: {
            sources: [
              { serviceAccountToken: { path: 'token' } },
              { configMap: { name: 'c', items: [{ key: 'k', path: 'p' }] } },
            ],
          },
        },
      ],
      serviceAccountName: 'a',
    }),
  ],
  ['a search domain with an underscore and the root', pod({ dnsConfig: { searches: ['_tcp.example.com', '.'] } })],
];
for (const [what, draft] of valid) test(`a pod may have ${what}`, () => assert.deepEqual(createCauses(Pod, draft), []));

const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

const invalid: readonly [string, DraftObject<typeof Pod>, readonly string[]][] = [
  ['no containers', pod({ containers: [] }), ['spec.containers: Required value']],
  ['nothing at all', { metadata: { name: 'web' } } as never, ['spec.containers: Required value']],
  [
    'a container without name and image',
    pod({ containers: [{}] }),
    [at('name', 'Required value'), at('image', 'Required value')],
  ],
  ['a bad name', one({ name: 'Web' }), [at('name', `Invalid value: "Web": ${label}`)]],
  [
    'two containers of one name',
    pod({ containers: [container, container] }),
    ['spec.containers[1].name: Duplicate value: "web"'],
  ],
  [
    'an init container of the same name',
    pod({ initContainers: [container] }),
    ['spec.initContainers[0].name: Duplicate value: "web"'],
  ],
  [
    'an image with a blank',
    one({ image: ' nginx' }),
    [at('image', 'Invalid value: " nginx": must not have leading or trailing whitespace')],
  ],
  [
    'a bad port',
    one({ ports: [{ containerPort: 70000 }] }),
    [at('ports[0].containerPort', 'Invalid value: 70000: must be between 1 and 65535, inclusive')],
  ],
  [
    'port names that clash',
    one({
      ports: [
        { containerPort: 1, name: 'a' },
        { containerPort: 2, name: 'a' },
      ],
    }),
    [at('ports[1].name', 'Duplicate value: "a"')],
  ],
  [
    'host ports that clash',
    one({
      ports: [
        { containerPort: 1, hostPort: 9 },
        { containerPort: 2, hostPort: 9 },
      ],
    }),
    [at('ports[1].hostPort', 'Duplicate value: "TCP//9"')],
  ],
  [
    'a mount without volume',
    one({ volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
    [at('volumeMounts[0].name', 'Not found: "data"')],
  ],
  [
    'a probe without handler',
    one({ livenessProbe: {} }),
    [at('livenessProbe', 'Required value: must specify a handler type')],
  ],
  [
    'a probe with two handlers',
    one({ livenessProbe: { exec: { command: ['x'] }, tcpSocket: { port: 1 } } }),
    [at('livenessProbe.tcpSocket', 'Forbidden: may not specify more than 1 handler type')],
  ],
  [
    'a liveness probe that must pass twice',
    one({ livenessProbe: { tcpSocket: { port: 1 }, successThreshold: 2 } }),
    [at('livenessProbe.successThreshold', 'Invalid value: 2: must be 1')],
  ],
  [
    'requests above limits',
    one({ resources: { requests: { memory: '2Gi' }, limits: { memory: '1Gi' } } }),
    [at('resources.requests', 'Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi')],
  ],
  [
    'a negative request',
    one({ resources: { requests: { cpu: '-1' } } }),
    [at('resources.requests[cpu]', 'Invalid value: "-1": must be greater than or equal to 0')],
  ],
  [
    'an unknown resource',
    one({ resources: { limits: { disk: '1' } } }),
    [
      at('resources.limits[disk]', 'Invalid value: "disk": must be a standard resource type or fully qualified'),
      at('resources.limits[disk]', 'Invalid value: "disk": must be a standard resource for containers'),
      at('resources.requests[disk]', 'Invalid value: "disk": must be a standard resource type or fully qualified'),
      at('resources.requests[disk]', 'Invalid value: "disk": must be a standard resource for containers'),
    ],
  ],
  [
    'a variable from nowhere',
    one({ env: [{ name: 'A', valueFrom: {} }] }),
    [
      at(
        'env[0].valueFrom',
        'Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ),
    ],
  ],
  [
    'a variable from an unknown field',
    one({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.tolerations' } } }] }),
    [
      at(
        'env[0].valueFrom.fieldRef.fieldPath',
        'Invalid value: "spec.tolerations": error converting fieldPath: field label not supported: spec.tolerations',
      ),
    ],
  ],
  [
    'a bad restart policy',
    pod({ restartPolicy: 'Sometimes' }),
    ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'],
  ],
  [
    'two sources in one volume',
    pod({ volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] }),
    ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
  ],
  [
    'a path that climbs',
    pod({ volumes: [{ name: 'v', configMap: { name: 'c', items: [{ key: 'k', path: '../x' }] } }] }),
    ['spec.volumes[0].configMap.items[0].path: Invalid value: "../x": must not contain \'..\''],
  ],
  [
    'a bad mode',
    pod({ volumes: [{ name: 'v', secret: { secretName: 's', defaultMode: 1000 } }] }),
    [
      'spec.volumes[0].secret.defaultMode: Invalid value: 1000: must be a number between 0 and 0777 (octal), both inclusive',
    ],
  ],
  [
    'an init container with a probe',
    pod({ initContainers: [{ name: 'i', image: 'i', livenessProbe: { tcpSocket: { port: 1 } } }] }),
    [
      'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
  ],
  [
    'an ephemeral container',
    pod({ ephemeralContainers: [{ name: 'd', image: 'i' }] }),
    ['spec.ephemeralContainers: Forbidden: cannot be set on create'],
  ],
  [
    'no name servers',
    pod({ dnsPolicy: 'None' }),
    ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
  ],
  [
    'a toleration without key',
    pod({ tolerations: [{ effect: 'NoSchedule' }] }),
    [
      'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
  ],
  [
    'a bad user',
    pod({ securityContext: { runAsUser: -1 } }),
    ['spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive'],
  ],
  [
    'privilege it renounces',
    one({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
    [
      at(
        'securityContext',
        'Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
      ),
    ],
  ],
  [
    'a deadline of nothing',
    pod({ activeDeadlineSeconds: 0 }),
    ['spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive'],
  ],
  [
    'no terms in a node affinity',
    pod({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } } }),
    ['spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value'],
  ],
];
for (const [what, draft, causes] of invalid)
  test(`a pod may not have ${what}`, () => assert.deepEqual(createCauses(Pod, draft), causes));

test('an update of a pod may change images, and nothing else', () => {
  const old = written(Pod, one({ env: [{ name: 'A', value: '1' }] }));
  assert.deepEqual(updateCauses(Pod, one({ image: 'nginx:2', env: [{ name: 'A', value: '1' }] }), old), []);
  const [cause = ''] = updateCauses(Pod, one({ env: [{ name: 'A', value: '2' }] }), old);
  assert.match(
    cause,
    /^spec: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`,`spec\.initContainers/,
  );
  assert.match(cause, /-\s+value: "1",\n\+\s+value: "2",/);
  assert.deepEqual(updateCauses(Pod, pod({ containers: [container, { ...container, name: 'b' }] }), old), [
    'spec.containers: Forbidden: pod updates may not add or remove containers',
  ]);
});

test('tolerations may be added, deadlines shortened, gates removed', () => {
  const old = written(
    Pod,
    pod({
      tolerations: [{ key: 'a', operator: 'Exists' }],
      activeDeadlineSeconds: 9,
      schedulingGates: [{ name: 'g' }],
    }),
  );
  assert.deepEqual(
    updateCauses(
      Pod,
      pod({
        tolerations: [
          { key: 'a', operator: 'Exists' },
          { key: 'b', operator: 'Exists' },
        ],
        activeDeadlineSeconds: 5,
      }),
      old,
    ),
    [],
  );
  assert.deepEqual(updateCauses(Pod, pod({ activeDeadlineSeconds: 10, schedulingGates: [{ name: 'h' }] }), old), [
    'spec.activeDeadlineSeconds: Invalid value: 10: must be less than or equal to previous value',
    'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
    "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'h'",
  ]);
});

test('binding may set the node, ephemeral containers may only come, resizing leaves the quality of service', () => {
  const old = written(Pod, pod({}));
  const through = (subresource: string, spec: Spec): string[] =>
    (Pod.hooks.validateSubresource?.({ ...old, spec: { ...old.spec, ...spec } }, old, subresource) ?? []).map(
      ({ field, message }) => `${field}: ${message}`,
    );
  assert.deepEqual(through('binding', { nodeName: 'node-1' }), []);
  assert.deepEqual(through('ephemeralcontainers', { ephemeralContainers: [] }), []);
  assert.deepEqual(
    through('resize', { containers: [{ ...old.spec.containers[0], resources: { requests: { cpu: '1' } } }] }),
    ['spec: Invalid value: "BestEffort": Pod QOS Class may not change as a result of resizing'],
  );
});

test('an ended container of a pod that never restarts stays ended', () => {
  const status = (state: object) => ({
    containerStatuses: [{ name: 'web', state, lastState: {}, ready: false, restartCount: 0, image: '', imageID: '' }],
  });
  const old = { ...written(Pod, pod({ restartPolicy: 'Never' })) };
  const before = { ...old, status: { ...old.status, ...status({ terminated: { exitCode: 0 } }) } };
  const after = { ...old, status: { ...old.status, ...status({ running: {} }) } };
  assert.deepEqual(Pod.hooks.validateStatus?.(after as never, before as never), [
    {
      reason: 'FieldValueForbidden',
      field: 'status.containerStatuses[0].state',
      message: 'Forbidden: may not be transitioned to non-terminated state',
    },
  ]);
});

test('a pod is warned about what it hides', () => {
  const draft = one({
    env: [
      { name: 'A', value: '1' },
      { name: 'A', value: '2' },
    ],
  });
  assert.deepEqual(Pod.hooks.warnings?.(written(Pod, draft), undefined), [
    'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
  ]);
});

test('a pod of tens of thousands of ports or files, or an endless name of an image, is judged at once', () => {
  const many = Array.from({ length: 20_000 });
  const draft = pod({
    containers: [{ ...container, image: 'A'.repeat(1_000_000), ports: many.map(() => ({ containerPort: 80 })) }],
    volumes: [
      { name: 'v', configMap: { name: 'c', items: many.map((_, index) => ({ key: 'a', path: `f${index}` })) } },
    ],
  });
  const told = Pod.hooks.warnings?.(written(Pod, draft), undefined) ?? [];
  assert.equal(told.length, 64);
  assert.equal(told[0], 'spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]');
  const iqn = 'iqn.2026-01.'.repeat(80_000);
  assert.equal(
    [...pluginCauses({ at: 'spec' }, 'iscsi', { iscsi: { targetPortal: 'a', iqn, lun: 0 } } as never)].length,
    1,
  );
});

test('a pod for Windows has nothing of Linux, and an unmasked /proc needs a user namespace', () => {
  const no = 'Forbidden: cannot be set for a windows pod';
  assert.deepEqual(
    createCauses(
      Pod,
      pod({
        os: { name: 'windows' },
        hostPID: true,
        securityContext: { runAsUser: 1, fsGroup: 1 },
        containers: [{ ...container, securityContext: { privileged: true, windowsOptions: { runAsUserName: 'x' } } }],
      }),
    ),
    [
      at('securityContext.privileged', no),
      `spec.securityContext.fsGroup: ${no}`,
      `spec.securityContext.runAsUser: ${no}`,
      `spec.hostPID: ${no}`,
    ],
  );
  const unmasked = { ...container, securityContext: { procMount: 'Unmasked' } };
  assert.deepEqual(createCauses(Pod, pod({ containers: [unmasked] })), [
    at('securityContext.procMount', 'Invalid value: "Unmasked": `hostUsers` must be false to use `Unmasked`'),
  ]);
  assert.deepEqual(createCauses(Pod, pod({ hostUsers: false, containers: [unmasked] })), []);
});

test('times of a probe are not negative, and a header may be empty', () => {
  const httpGet = { port: 80, httpHeaders: [{ name: 'Accept', value: '' }] };
  assert.deepEqual(createCauses(Pod, one({ livenessProbe: { httpGet, timeoutSeconds: -1 } })), [
    at('livenessProbe.timeoutSeconds', 'Invalid value: -1: must be greater than or equal to 0'),
  ]);
  assert.deepEqual(createCauses(Pod, one({ livenessProbe: { httpGet, timeoutSeconds: 0 } })), []);
});

test('resizing changes cpu and memory, and takes nothing away', () => {
  const resources = { requests: { cpu: '1', memory: '1Gi', 'ephemeral-storage': '1Gi' }, limits: { cpu: '2' } };
  const old = written(
    Pod,
    pod({
      containers: [
        { ...container, resources },
        { ...container, name: 'b' },
      ],
    }),
  );
  const [web, b] = old.spec.containers;
  const resized = (containers: readonly unknown[], more: object = {}): string[] =>
    (
      Pod.hooks.validateSubresource?.(
        { ...old, spec: { ...old.spec, containers } } as never,
        { ...old, ...more } as never,
        'resize',
      ) ?? []
    ).map(({ field, message }) => `${field}: ${message}`);
  const other = (change: object) => ({ ...web, resources: { ...web?.resources, ...change } });
  assert.deepEqual(resized([other({ requests: { ...resources.requests, cpu: '2', memory: '512Mi' } }), b]), []);
  assert.deepEqual(resized([other({ limits: undefined }), b]), [
    'spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed',
  ]);
  assert.deepEqual(resized([other({ requests: { ...resources.requests, 'ephemeral-storage': '2Gi' } }), b]), [
    'spec: Forbidden: only cpu and memory resources are mutable',
  ]);
  assert.deepEqual(resized([b, web]), [
    'spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize',
    'spec.containers[1].name: Forbidden: containers may not be renamed or reordered on resize',
  ]);
  assert.deepEqual(resized([web]), ['spec: Forbidden: containers may not be added or removed on resize']);
  const silent = { status: { phase: 'Running', qosClass: 'Burstable', containerStatuses: [{ name: 'web' }] } };
  assert.deepEqual(resized([web, b], silent), ['spec: Forbidden: Pod running on node without support for resize']);
  assert.deepEqual(resized([web, b], { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } }), [
    ': Forbidden: static pods cannot be resized',
  ]);
});
