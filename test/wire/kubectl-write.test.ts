/** What people write with kubectl: apply, create, edit, patch, delete and the small verbs. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { webManifest, wireCluster, type WireCluster } from './fixture.ts';

let cluster: WireCluster;
before(async () => {
  cluster = await wireCluster({ store: 'sqlite' });
});
after(() => cluster[Symbol.asyncDispose]());

const settings = (data: string, name = 'settings'): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {set: x}}\ndata: {${data}}\n`;

test('client-side apply creates, leaves alone, changes and removes fields', async () => {
  assert.equal(await cluster.ok('apply -f -', settings('a: "1", b: "2"')), 'configmap/settings created\n');
  assert.equal(await cluster.ok('apply -f -', settings('a: "1", b: "2"')), 'configmap/settings unchanged\n');
  assert.equal(await cluster.ok('apply -f -', settings('a: "3"')), 'configmap/settings configured\n');
  assert.equal(await cluster.ok('get cm settings -o jsonpath={.data}'), '{"a":"3"}');
});

test('apply --prune removes what left the set', async () => {
  await cluster.ok('apply -f -', `${settings('a: "1"', 'one')}---\n${settings('a: "1"', 'two')}`);
  const out = await cluster.ok(
    'apply --prune -l set=x --prune-allowlist=core/v1/ConfigMap -f -',
    settings('a: "1"', 'one'),
  );
  assert.match(out, /configmap\/two pruned/);
  assert.equal((await cluster.kubectl('get cm two')).code, 1);
});

test('diff tells what apply would change, by exit code 1', async () => {
  await cluster.ok('apply -f -', webManifest);
  const same = await cluster.kubectl('diff -f -', { stdin: webManifest });
  assert.equal(same.code, 0, same.stdout + same.stderr);
  const other = await cluster.kubectl('diff -f -', { stdin: webManifest.replace('replicas: 2', 'replicas: 3') });
  assert.equal(other.code, 1);
  assert.match(other.stdout, /-  replicas: 2\n\+  replicas: 3/);
  assert.equal(await cluster.ok('get deploy web -o jsonpath={.spec.replicas}'), '2');
});

test('server-side apply owns fields, refuses conflicts and takes over by force', async () => {
  const manifest = (value: string): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: owned}\ndata: {a: "${value}"}\n`;
  assert.equal(await cluster.ok('apply --server-side -f -', manifest('1')), 'configmap/owned serverside-applied\n');
  const conflict = await cluster.kubectl('apply --server-side --field-manager=other -f -', { stdin: manifest('2') });
  assert.equal(conflict.code, 1);
  assert.match(conflict.stderr, /conflict with "kubectl": \.data\.a/);
  await cluster.ok('apply --server-side --field-manager=other --force-conflicts -f -', manifest('2'));
  const managers = JSON.parse(await cluster.ok('get cm owned -o json --show-managed-fields')).metadata.managedFields;
  assert.deepEqual(
    managers
      .filter((entry: { fieldsV1: object }) => JSON.stringify(entry.fieldsV1).includes('f:a'))
      .map((entry: { manager: string }) => entry.manager),
    ['other'],
  );
  assert.equal(managers[0].operation, 'Apply');
});

test('client-side applied objects move to server-side apply', async () => {
  await cluster.ok('apply -f -', settings('a: "1", b: "2"', 'moved'));
  await cluster.ok('apply --server-side -f -', settings('a: "1"', 'moved'));
  assert.equal(await cluster.ok('get cm moved -o jsonpath={.data}'), '{"a":"1"}');
});

test('create makes every kind that it has a generator for', async () => {
  const commands = [
    'create configmap made --from-literal=k=v',
    'create secret generic made --from-literal=k=v',
    'create secret docker-registry made-pull --docker-server=example.com --docker-username=u --docker-password=p',
    'create deployment made --image=example.com/made:1 --replicas=2 --port=80',
    'create job made --image=example.com/made:1',
    'create role made --verb=get,list --resource=pods,deployments.apps',
    'create clusterrole made --verb=get --resource=nodes --resource-name=a',
    'create clusterrole made-urls --verb=get --non-resource-url=/logs/*',
    'create rolebinding made --role=made --user=jane --serviceaccount=default:made',
    'create clusterrolebinding made --clusterrole=made --group=ops',
    'create serviceaccount made',
    'create service clusterip made --tcp=80:8080',
    'create service nodeport made-nodes --tcp=80:8080',
    'create service externalname made-name --external-name=example.com',
    'create service loadbalancer made-lb --tcp=80',
    'create namespace made',
  ];
  for (const command of commands) assert.match(await cluster.ok(command), /created\n$/, command);
  const token = (await cluster.ok('create token made --duration=20m')).trim();
  assert.equal(token.split('.').length, 3);
  const again = await cluster.kubectl('create configmap made');
  assert.equal(again.stderr, 'error: failed to create configmap: configmaps "made" already exists\n');
});

test('run, expose, label, annotate, set image, scale', async () => {
  assert.equal(
    await cluster.ok('run single --image=example.com/single:1 --port=80 --labels=run=single'),
    'pod/single created\n',
  );
  assert.equal(await cluster.ok('expose pod single --port=80 --name=single'), 'service/single exposed\n');
  assert.equal(await cluster.ok('get svc single -o jsonpath={.spec.selector.run}'), 'single');
  assert.equal(await cluster.ok('label pod single tier=front'), 'pod/single labeled\n');
  assert.equal(await cluster.ok('label pod single tier-'), 'pod/single unlabeled\n');
  assert.equal(await cluster.ok('annotate pod single note=x'), 'pod/single annotated\n');
  await cluster.ok('apply -f -', webManifest);
  assert.equal(await cluster.ok('set image deploy/web web=example.com/web:2'), 'deployment.apps/web image updated\n');
  assert.equal(await cluster.ok('get deploy web -o jsonpath={..image}'), 'example.com/web:2');
  assert.equal(await cluster.ok('scale deploy web --replicas=5'), 'deployment.apps/web scaled\n');
  assert.equal((await cluster.kubectl('scale deploy web --replicas=6 --current-replicas=1')).code, 1);
  assert.equal(await cluster.ok('get deploy web -o jsonpath={.spec.replicas}'), '5');
  assert.equal(await cluster.ok('set env deploy/web A=1'), 'deployment.apps/web env updated\n');
  assert.equal(
    await cluster.ok('set resources deploy/web --limits=cpu=100m'),
    'deployment.apps/web resource requirements updated\n',
  );
  assert.match(
    await cluster.ok('autoscale deploy web --min=1 --max=2 --dry-run=client -o yaml'),
    /HorizontalPodAutoscaler/,
  );
});

test('edit writes what the editor saved', async () => {
  await cluster.ok('apply -f -', settings('a: "1"', 'edited'));
  const editor = await cluster.file('editor.sh', `#!/bin/sh\nsed -i 's/a: "1"/a: "7"/' "$1"\n`);
  const { code, stdout, stderr } = await cluster.kubectl('edit cm edited', { env: { KUBE_EDITOR: editor } });
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'configmap/edited edited\n');
  assert.equal(await cluster.ok('get cm edited -o jsonpath={.data.a}'), '7');
});

test('patch takes all types, on objects and subresources', async () => {
  await cluster.ok('apply -f -', webManifest);
  const patch = (type: string, body: string, ...more: string[]): Promise<string> =>
    cluster.ok(['patch', 'deploy', 'web', `--type=${type}`, '-p', body, ...more]);
  await patch('json', '[{"op":"replace","path":"/spec/replicas","value":3}]');
  await patch('merge', '{"metadata":{"labels":{"m":"1"}}}');
  await patch(
    'strategic',
    '{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"X","value":"1"}]}]}}}}',
  );
  const web = JSON.parse(await cluster.ok('get deploy web -o json'));
  assert.equal(web.spec.replicas, 3);
  assert.equal(web.metadata.labels.m, '1');
  assert.equal(web.spec.template.spec.containers[0].image, 'example.com/web:1');
  assert.equal(web.spec.template.spec.containers[0].env[0].name, 'X');
  await patch('merge', '{"status":{"observedGeneration":9}}', '--subresource=status');
  assert.equal(await cluster.ok('get deploy web -o jsonpath={.status.observedGeneration}'), '9');
  await patch('merge', '{"spec":{"replicas":4}}', '--subresource=scale');
  assert.equal(await cluster.ok('get deploy web -o jsonpath={.spec.replicas}'), '4');
  const bad = await cluster.kubectl([
    'patch',
    'deploy',
    'web',
    '--type=json',
    '-p',
    '[{"op":"remove","path":"/spec/nothing"}]',
  ]);
  assert.equal(bad.code, 1);
  assert.match(
    bad.stderr,
    /the server rejected our request due to an error in our request|is invalid|remove operation does not apply/,
  );
});

test('delete: at once, background, foreground, orphan, all, by file, and twice', async () => {
  await cluster.ok('apply -f -', webManifest);
  assert.equal(
    await cluster.ok('delete deploy web --cascade=orphan --wait=false'),
    'deployment.apps "web" deleted from default namespace\n',
  );
  assert.deepEqual(JSON.parse(await cluster.ok('get deploy web -o jsonpath={.metadata.finalizers}')), ['orphan']);
  await cluster.ok(['patch', 'deploy', 'web', '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
  assert.equal((await cluster.kubectl('get deploy web')).code, 1);
  await cluster.ok('apply -f -', webManifest);
  await cluster.ok('delete deploy web --cascade=foreground --wait=false');
  assert.deepEqual(JSON.parse(await cluster.ok('get deploy web -o jsonpath={.metadata.finalizers}')), [
    'foregroundDeletion',
  ]);
  await cluster.ok(['patch', 'deploy', 'web', '--type=json', '-p', '[{"op":"remove","path":"/metadata/finalizers"}]']);
  await cluster.ok('apply -f -', webManifest);
  await cluster.ok('delete -f -', webManifest);
  assert.equal(
    (await cluster.kubectl('delete deploy web')).stderr,
    'Error from server (NotFound): deployments.apps "web" not found\n',
  );
  assert.equal(await cluster.ok('delete deploy web --ignore-not-found'), '');
  await cluster.ok('create cm gone-1');
  await cluster.ok('delete cm gone-1 --dry-run=server');
  await cluster.ok('delete cm --all');
  assert.equal(await cluster.ok('get cm -o name'), '');
  await cluster.ok('run killed --image=example.com/x');
  assert.match(await cluster.ok('delete pod killed --grace-period=0 --force'), /force deleted/);
});

test('dry runs on the server write nothing but allocate and default', async () => {
  const out = await cluster.ok('create service nodeport dry --tcp=80 --dry-run=server -o yaml');
  assert.match(out, /nodePort: 3\d{4}/);
  assert.match(out, /clusterIP: 10\.96\./);
  assert.equal((await cluster.kubectl('get svc dry')).code, 1);
});

test('wait ends when the condition holds', async () => {
  await cluster.ok('run waited --image=example.com/x');
  const waiting = cluster.kubectl('wait pod/waited --for=condition=Ready --timeout=20s');
  await cluster.ok([
    'patch',
    'pod',
    'waited',
    '--subresource=status',
    '--type=merge',
    '-p',
    '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}',
  ]);
  assert.equal((await waiting).stdout, 'pod/waited condition met\n');
  const forDelete = cluster.kubectl('wait pod/waited --for=delete --timeout=20s');
  await cluster.ok('delete pod waited');
  assert.equal((await forDelete).code, 0);
  const late = await cluster.kubectl('wait deploy/none --for=condition=Available --timeout=1s');
  assert.equal(late.code, 1);
});

test('cordon, taint and drain a node', async () => {
  await cluster.ok('create -f -', 'apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n');
  assert.equal(await cluster.ok('cordon n1'), 'node/n1 cordoned\n');
  assert.match(await cluster.ok('get node n1'), /SchedulingDisabled/);
  assert.equal(await cluster.ok('uncordon n1'), 'node/n1 uncordoned\n');
  assert.equal(await cluster.ok('taint nodes n1 dedicated=db:NoSchedule'), 'node/n1 tainted\n');
  assert.equal(await cluster.ok('taint nodes n1 dedicated-'), 'node/n1 untainted\n');
  await cluster.ok([
    'run',
    'drained',
    '--image=example.com/x',
    '--overrides={"spec":{"nodeName":"n1","terminationGracePeriodSeconds":0}}',
  ]);
  const { code, stdout, stderr } = await cluster.kubectl('drain n1 --force --timeout=10s');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /pod\/drained evicted\nnode\/n1 drained/);
});

test('replace --force and replace with a stale version', async () => {
  await cluster.ok('create cm replaced --from-literal=a=1');
  const stale = await cluster.ok('get cm replaced -o yaml');
  await cluster.ok('label cm replaced x=y');
  const { code, stderr } = await cluster.kubectl('replace -f -', { stdin: stale });
  assert.equal(code, 1);
  assert.match(stderr, /Error from server \(Conflict\): .*the object has been modified/);
  await cluster.ok('replace --force -f -', stale.replaceAll(/^ {2}(resourceVersion|uid|creationTimestamp):.*\n/gm, ''));
});
