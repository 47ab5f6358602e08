import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DraftObject } from '#schema/kind.ts';
import { createCauses } from '../written.ts';
import { Pod } from './pod.ts';
import { at, container, one, pod } from './test-pods.ts';

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
  [
    'unknown words',
    pod({
      dnsPolicy: 'Any',
      preemptionPolicy: 'Any',
      os: { name: 'any' },
      tolerations: [{ operator: 'Exists', effect: 'Any' }],
    }),
    [
      'spec.dnsPolicy: Unsupported value: "Any": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
      'spec.tolerations[0].effect: Unsupported value: "Any": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
      'spec.preemptionPolicy: Unsupported value: "Any": supported values: "PreemptLowerPriority", "Never"',
      'spec.os: Unsupported value: "any": supported values: "linux", "windows"',
    ],
  ],
  [
    'empty words',
    pod({ preemptionPolicy: '', os: {} }),
    ['spec.preemptionPolicy: Required value', 'spec.os.name: Required value'],
  ],
  [
    'names that are too long',
    pod({
      hostnameOverride: 'a'.repeat(65),
      volumes: [{ name: 'v', csi: { driver: 'a'.repeat(64) } }],
    }),
    [
      'spec.volumes[0].csi.driver: Too long: may not be more than 63 bytes',
      'spec.hostnameOverride: Too long: may not be more than 64 bytes',
    ],
  ],
  [
    'a kind of path and a scheme that are none',
    pod({
      containers: [{ ...container, livenessProbe: { httpGet: { port: 1, scheme: 'FTP' } } }],
      volumes: [{ name: 'v', hostPath: { path: '/a', type: 'Odd' } }],
    }),
    [
      'spec.volumes[0].hostPath.type: Unsupported value: "Odd": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
      at('livenessProbe.httpGet.scheme', 'Unsupported value: "FTP": supported values: "HTTP", "HTTPS"'),
    ],
  ],
  [
    'a restart for the resources of a container that runs once',
    pod({
      initContainers: [
        { name: 'i', image: 'i', resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] },
      ],
    }),
    [
      `spec.initContainers[0].resizePolicy[0].restartPolicy: Invalid value: "RestartContainer": must not be set to 'RestartContainer' for non-sidecar initContainers`,
    ],
  ],
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
    [
      'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
    ],
  ],
];

for (const [what, draft, causes] of invalid)
  test(`a pod may not have ${what}`, () => assert.deepEqual(createCauses(Pod, draft), causes));

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
