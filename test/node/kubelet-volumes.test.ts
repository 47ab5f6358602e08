import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ConfigMap } from '#api/core/configmap.ts';
import { Secret } from '#api/core/secret.ts';
import { Service } from '#api/core/service.ts';
import type { Pod } from '#api/core/pod.ts';
import {
  asRoot,
  withApplets,
  eventually,
  idle,
  image,
  kubeletFixture,
  leftovers,
  nodeName,
  shell,
  world,
  type KubeletFixture,
} from './kubelet-fixture.ts';

let node: KubeletFixture;
before(async () => {
  if (!asRoot.skip) node = await kubeletFixture();
});
after(async () => {
  if (!node) return;
  await node[Symbol.asyncDispose]();
  assert.deepEqual(await leftovers(node), []);
});

const namespace = 'default';
const configMap = (name: string, data: Record<string, string>) =>
  node.admin.create(ConfigMap, { metadata: { name, namespace }, data } as never, { namespace });
const secret = (name: string, data: Record<string, string>, type = 'Opaque') =>
  node.admin.create(
    Secret,
    {
      metadata: { name, namespace },
      type,
      data: Object.fromEntries(
        Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
      ),
    } as never,
    { namespace },
  );
const waiting = (pod: Pod, name = 'main') =>
  pod.status.containerStatuses?.find((each) => each.name === name)?.state.waiting;
async function done(name: string): Promise<void> {
  await node.remove(name, 0);
  await node.gone(name);
}

test('the environment is made of values, fields, resources, ConfigMaps, Secrets and Services', asRoot, async () => {
  await configMap('settings', { color: 'blue', size: 'big' });
  await secret('keys', { token: 's3cret' });
  await node.admin.create(
    Service,
    { metadata: { name: 'my-db', namespace }, spec: { ports: [{ name: 'sql', port: 5432 }] } } as never,
    { namespace },
  );
  await world.clock.sleep(100);
  await node.pod(
    'env',
    {
      restartPolicy: 'Never',
      containers: [
        shell('main', 'env; echo "args:$0 $1"', {
          command: ['sh', '-c', 'env; echo "arg:$0"', 'is $(PLAIN) $$(PLAIN) $(NOPE)'],
          resources: { limits: { cpu: '1500m', memory: '128Mi' } },
          envFrom: [
            { configMapRef: { name: 'settings' }, prefix: 'CM_' },
            { secretRef: { name: 'nope', optional: true } },
          ],
          env: [
            { name: 'PLAIN', value: 'one' },
            { name: 'NESTED', value: '<$(PLAIN)>' },
            { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
            { name: 'LABEL', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
            { name: 'CPUS', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
            { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
            { name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'color' } } },
            { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'keys', key: 'token' } } },
            { name: 'ABSENT', valueFrom: { secretKeyRef: { name: 'keys', key: 'no', optional: true } } },
          ],
        }),
      ],
    },
    { labels: { app: 'x' } },
  );
  const pod = await node.over('env');
  const log = await node.log('env');
  const lines = new Set(log.split('\n'));
  const expected = [
    'PLAIN=one',
    'NESTED=<one>',
    'POD=env',
    `IP=${pod.status.podIP}`,
    `NODE=${nodeName}`,
    'LABEL=x',
    'CPUS=2',
    'MEMORY=128',
    'COLOR=blue',
    'TOKEN=s3cret',
    'CM_color=blue',
    'CM_size=big',
    'HOSTNAME=env',
    'KUBERNETES_SERVICE_HOST=10.96.0.1',
    'KUBERNETES_SERVICE_PORT=443',
    'MY_DB_SERVICE_PORT=5432',
    'MY_DB_SERVICE_PORT_SQL=5432',
    'arg:is one $(PLAIN) $(NOPE)',
  ];
  for (const line of expected) assert.ok(lines.has(line), `${line} is missing in\n${log}`);
  assert.ok(!log.includes('ABSENT'));
  await done('env');
});

test('a container waits for its ConfigMap and then runs', asRoot, async () => {
  await node.script('early', idle, {
    env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'later', key: 'a' } } }],
  });
  const pod = await node.until('early', (each) => waiting(each)?.reason === 'CreateContainerConfigError');
  assert.equal(waiting(pod)?.message, 'configmap "later" not found');
  assert.equal(pod.status.phase, 'Pending');
  await eventually(async () =>
    (await node.events('early')).some(({ message }) => message === 'Error: configmap "later" not found'),
  );
  await configMap('later', { a: '1' });
  await node.until('early', (each) => each.status.phase === 'Running', 15_000);
  await done('early');
});

test('emptyDir volumes are on the disk or in memory, with a limit', asRoot, async () => {
  await node.script(
    'empty',
    idle,
    {
      volumeMounts: [
        { name: 'disk', mountPath: '/disk' },
        { name: 'memory', mountPath: '/memory' },
      ],
    },
    {
      securityContext: { fsGroup: 4321 },
      volumes: [
        { name: 'disk', emptyDir: {} },
        { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '8Mi' } },
      ],
    },
  );
  await node.running('empty');
  const { stdout } = await node.exec(
    'empty',
    'stat -c "%a %g" /disk /memory; df -k /memory | tail -1; id -G; echo x > /disk/f; stat -c %g /disk/f; grep " /memory " /proc/mounts',
  );
  assert.match(stdout, /^2777 4321\n2777 4321\n/);
  assert.match(stdout, /\b8192\b/);
  assert.match(stdout, /\b4321\b.*\n4321\n/);
  assert.match(stdout, / \/memory tmpfs /);
  await done('empty');
});

test(
  'ConfigMaps, Secrets and the downward API are files with names and modes, and follow their objects',
  withApplets,
  async () => {
    await configMap('files', { 'a.txt': 'one', 'b.txt': 'two' });
    await secret('hidden', { password: 'pw' });
    await node.pod(
      'files',
      {
        containers: [
          shell('main', idle, {
            volumeMounts: [
              { name: 'config', mountPath: '/config' },
              { name: 'some', mountPath: '/some' },
              { name: 'secret', mountPath: '/secret', readOnly: true },
              { name: 'down', mountPath: '/down' },
              { name: 'config', mountPath: '/single/a.txt', subPath: 'a.txt' },
            ],
          }),
        ],
        volumes: [
          { name: 'config', configMap: { name: 'files' } },
          { name: 'some', configMap: { name: 'files', items: [{ key: 'b.txt', path: 'deep/er/c', mode: 0o600 }] } },
          { name: 'secret', secret: { secretName: 'hidden', defaultMode: 0o400 } },
          { name: 'down', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
        ],
      },
      { labels: { tier: 'web' } },
    );
    await node.running('files');
    const first = await node.exec(
      'files',
      'cat /config/a.txt /config/b.txt /some/deep/er/c /secret/password /down/labels /single/a.txt; echo; ls /some; stat -Lc %a /config/a.txt /some/deep/er/c /secret/password; readlink /config/a.txt; touch /secret/x 2>&1',
    );
    assert.equal(
      first.stdout.split('\n').slice(0, 6).join('\n'),
      'onetwotwopwtier="web"one\ndeep\n644\n600\n400\n..data/a.txt',
    );
    assert.match(first.stdout, /Read-only file system/);
    await node.admin.patch(
      ConfigMap,
      'files',
      { type: 'merge', body: { data: { 'a.txt': 'new', 'b.txt': null } } },
      { namespace },
    );
    await node.admin.patch(
      (await import('#api/core/pod.ts')).Pod,
      'files',
      { type: 'merge', body: { metadata: { labels: { tier: 'db' } } } },
      { namespace },
    );
    await eventually(
      async () =>
        (await node.exec('files', 'cat /config/a.txt; ls /config; cat /down/labels')).stdout === 'newa.txt\ntier="db"',
      90_000,
    );
    await done('files');
  },
);

test('a pod finds a token of its ServiceAccount that the API believes', asRoot, async () => {
  await node.script('token', idle);
  await node.running('token');
  const { stdout, code } = await node.exec(
    'token',
    'cd /var/run/secrets/kubernetes.io/serviceaccount; cat namespace; echo; cat token; echo; head -1 ca.crt',
  );
  assert.equal(code, 0);
  const [space, token = '', ca] = stdout.split('\n');
  assert.deepEqual([space, ca], ['default', '-----BEGIN CERTIFICATE-----']);
  const config = (await world.disk.readText(node.kubeconfig)) ?? '';
  const server = /server: (.*)/.exec(config)?.[1] ?? '';
  const answer = await world.network.request({
    method: 'POST',
    url: `${server.replaceAll('"', '')}/apis/authentication.k8s.io/v1/selfsubjectreviews`,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }),
    tls: { insecure: true },
  });
  const review = JSON.parse((await answer.bytes()).toString('utf8')) as {
    status: { userInfo: { username: string; extra: Record<string, string[]> } };
  };
  assert.equal(review.status.userInfo.username, 'system:serviceaccount:default:default');
  assert.deepEqual(review.status.userInfo.extra['authentication.kubernetes.io/pod-name'], ['token']);
  await done('token');
});

test('hostPath volumes are checked by their type', asRoot, async () => {
  await node.script(
    'host',
    'cat /made/x',
    { volumeMounts: [{ name: 'made', mountPath: '/made' }] },
    {
      restartPolicy: 'Never',
      volumes: [{ name: 'made', hostPath: { path: `${node.path}/made`, type: 'DirectoryOrCreate' } }],
    },
  );
  await node.over('host');
  assert.equal((await world.disk.stat(`${node.path}/made`))?.type, 'directory');
  await done('host');
  await node.script(
    'nofile',
    idle,
    {},
    { volumes: [{ name: 'f', hostPath: { path: `${node.path}/none`, type: 'File' } }] },
  );
  await eventually(async () =>
    (await node.events('nofile')).some(
      ({ reason, message }) =>
        reason === 'FailedMount' &&
        message ===
          `MountVolume.SetUp failed for volume "f" : hostPath type check failed: ${node.path}/none is not a file`,
    ),
  );
  await done('nofile');
});

test('a subPath shows a part of a volume and never what is outside of it', asRoot, async () => {
  await world.disk.makeDirectory(`${node.path}/vol`);
  await world.disk.write(`${node.path}/outside`, 'secret of the node');
  await world.disk.symlink('../outside', `${node.path}/vol/up`);
  await world.disk.symlink(`${node.path}/outside`, `${node.path}/vol/absolute`);
  const volumes = [{ name: 'v', hostPath: { path: `${node.path}/vol` } }];
  await node.script(
    'sub',
    'echo hi > /in/f',
    { env: [{ name: 'X', value: 'dir' }], volumeMounts: [{ name: 'v', mountPath: '/in', subPathExpr: '$(X)/made' }] },
    { restartPolicy: 'Never', volumes },
  );
  await node.over('sub');
  assert.equal(await world.disk.readText(`${node.path}/vol/dir/made/f`), 'hi\n');
  await done('sub');
  for (const subPath of ['up', 'absolute']) {
    await node.script(
      `out-${subPath}`,
      idle,
      { volumeMounts: [{ name: 'v', mountPath: '/in', subPath }] },
      { volumes },
    );
    const pod = await node.until(`out-${subPath}`, (each) => waiting(each)?.reason === 'CreateContainerConfigError');
    assert.match(waiting(pod)?.message ?? '', /leaves the volume/);
    await done(`out-${subPath}`);
  }
});

test('security settings reach the container', withApplets, async () => {
  const run = async (
    name: string,
    securityContext: Record<string, unknown>,
    script: string,
    spec: Record<string, unknown> = {},
  ): Promise<string> => {
    await node.script(name, script, { securityContext }, { restartPolicy: 'Never', ...spec });
    await node.over(name);
    const log = await node.log(name);
    await done(name);
    return log;
  };
  assert.equal(await run('user', { runAsUser: 1234, runAsGroup: 55 }, 'id -u; id -g'), '1234\n55\n');
  assert.match(
    await run('frozen', { runAsUser: 0, readOnlyRootFilesystem: true }, 'touch /x 2>&1'),
    /Read-only file system/,
  );
  assert.match(
    await run('powerless', { runAsUser: 0, capabilities: { drop: ['ALL'] } }, 'grep CapEff /proc/self/status'),
    /0000000000000000/,
  );
  assert.match(
    await run('limited', { runAsUser: 1, allowPrivilegeEscalation: false }, 'grep NoNewPrivs /proc/self/status'),
    /1$/m,
  );
  assert.equal(
    await run('hostnet', { runAsUser: 0 }, 'echo $HOSTNAME; readlink /proc/self/ns/net', { hostNetwork: true }),
    `${nodeName}\n${await world.disk.readLink('/proc/self/ns/net')}\n`,
  );
  await node.script('nonroot', idle, { securityContext: { runAsNonRoot: true, runAsUser: 0 } });
  const pod = await node.until('nonroot', (each) => waiting(each)?.reason === 'CreateContainerConfigError');
  assert.match(
    waiting(pod)?.message ?? '',
    /^container's runAsUser breaks non-root policy \(pod: "nonroot_default\(.*\)", container: main\)$/,
  );
  await done('nonroot');
});

test('images that cannot be had are named, with growing pauses', asRoot, async () => {
  const pod = (name: string, ref: string, imagePullPolicy?: string) =>
    node.pod(name, { containers: [{ name: 'main', image: ref, ...(imagePullPolicy ? { imagePullPolicy } : {}) }] });
  await pod('never', 'example.invalid/none:v1', 'Never');
  const never = await node.until('never', (each) => waiting(each)?.reason === 'ErrImageNeverPull');
  assert.equal(
    waiting(never)?.message,
    'Container image "example.invalid/none:v1" is not present with pull policy of Never',
  );
  await pod('refused', '127.0.0.1:1/none:v1');
  await node.until('refused', (each) => waiting(each)?.reason === 'ErrImagePull');
  const back = await node.until('refused', (each) => waiting(each)?.reason === 'ImagePullBackOff');
  assert.match(waiting(back)?.message ?? '', /^Back-off pulling image "127.0.0.1:1\/none:v1": /);
  await pod('garbled', 'UPPER/..');
  await node.until('garbled', (each) => waiting(each)?.reason === 'InvalidImageName');
  for (const name of ['never', 'refused', 'garbled']) await done(name);
});

test("an image is pulled with the pod's pull secret", asRoot, async () => {
  const { fakeRegistry } = await import('./kubelet-registry.ts');
  await using registry = await fakeRegistry({ user: 'ann', password: 'pw' });
  const host = `127.0.0.1:${registry.port}`;
  const auth = Buffer.from('ann:pw').toString('base64');
  await secret(
    'pull',
    { '.dockerconfigjson': JSON.stringify({ auths: { [host]: { auth } } }) },
    'kubernetes.io/dockerconfigjson',
  );
  const containers = [{ name: 'main', image: `${host}/team/app:v1`, command: ['/nothing'] }];
  await node.pod('anonymous', { containers });
  await node.until('anonymous', (each) => waiting(each)?.reason === 'ErrImagePull');
  await node.pod('known', { imagePullSecrets: [{ name: 'pull' }], containers });
  const pod = await node.until('known', (each) => each.status.containerStatuses?.[0]?.lastState.terminated, 20_000);
  assert.match(pod.status.containerStatuses?.[0]?.imageID ?? '', /^sha256:/);
  assert.ok(
    (await node.events('known')).some(({ message }) =>
      message.startsWith(`Successfully pulled image "${host}/team/app:v1" in `),
    ),
  );
  await done('anonymous');
  await done('known');
});

test('probes hold a pod back, take it out of service and restart it', asRoot, async () => {
  const server =
    "const s = require('http').createServer((q, r) => { r.statusCode = require('fs').existsSync('/tmp' + q.url) ? 200 : 503; r.end() }); s.listen(8080); process.on('SIGTERM', () => process.exit(0))";
  const probed = {
    name: 'main',
    image,
    command: ['node', '-e', `require('fs').mkdirSync('/tmp', {recursive: true}); ${server}`],
    securityContext: { runAsUser: 0 },
    ports: [{ name: 'web', containerPort: 8080 }],
  };
  await node.pod('probed', {
    containers: [
      {
        ...probed,
        startupProbe: { tcpSocket: { port: 'web' }, periodSeconds: 1, failureThreshold: 30 },
        readinessProbe: { httpGet: { path: '/ready', port: 'web' }, periodSeconds: 1, failureThreshold: 1 },
        livenessProbe: {
          exec: { command: ['sh', '-c', '! test -e /tmp/dead'] },
          periodSeconds: 1,
          failureThreshold: 2,
        },
      },
    ],
  });
  const pod = await node.until('probed', (each) => each.status.containerStatuses?.[0]?.started);
  assert.equal(pod.status.containerStatuses?.[0]?.ready, false);
  await eventually(async () =>
    (await node.events('probed')).some(
      ({ reason, message }) =>
        reason === 'Unhealthy' && message === 'Readiness probe failed: HTTP probe failed with statuscode: 503',
    ),
  );
  await node.exec('probed', 'touch /tmp/ready');
  await node.until('probed', (each) => each.status.conditions?.find(({ type }) => type === 'Ready')?.status === 'True');
  await node.exec('probed', 'rm /tmp/ready');
  await node.until(
    'probed',
    (each) => each.status.conditions?.find(({ type }) => type === 'Ready')?.status === 'False',
  );
  await node.exec('probed', 'touch /tmp/dead');
  await node.until('probed', (each) => each.status.containerStatuses?.[0]?.restartCount === 1);
  const events = await node.events('probed');
  assert.ok(
    events.some(
      ({ reason, message }) =>
        reason === 'Killing' && message === 'Container main failed liveness probe, will be restarted',
    ),
  );
  assert.ok(events.some(({ message }) => message.startsWith('Liveness probe failed: ')));
  await done('probed');
});
