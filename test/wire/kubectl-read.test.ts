/** What people read with kubectl: get in all its forms, explain, discovery. Every kind is read in `kubectl-every-kind.test.ts`. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { webManifest, wireCluster, type WireCluster } from './fixture.ts';

let cluster: WireCluster;
before(async () => {
  cluster = await wireCluster();
  await cluster.ok('apply -f -', webManifest);
  await cluster.ok('create configmap settings --from-literal=a=1 --from-literal=b=2');
});
after(() => cluster[Symbol.asyncDispose]());

test('get prints the table that the server makes', async () => {
  assert.match(
    await cluster.ok('get deployments'),
    /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/2 +0 +0 +\d+s\n$/,
  );
  assert.match(
    await cluster.ok('get deploy web -o wide'),
    /CONTAINERS +IMAGES +SELECTOR\nweb .* web +example.com\/web:1 +app=web\n$/,
  );
  assert.match(await cluster.ok('get cm settings'), /NAME +DATA +AGE\nsettings +2 /);
  assert.match(await cluster.ok('get svc -A'), /default +kubernetes +ClusterIP +10.96.0.1 +<none> +443\/TCP/);
});

test('get prints YAML, JSON, names, JSONPath, custom columns and templates', async () => {
  assert.match(await cluster.ok('get deploy web -o yaml'), /^apiVersion: apps\/v1\nkind: Deployment\n/);
  assert.equal(JSON.parse(await cluster.ok('get deploy web -o json')).kind, 'Deployment');
  const list = JSON.parse(await cluster.ok('get deploy -o json'));
  assert.equal(list.kind, 'List');
  assert.equal(list.items[0].kind, 'Deployment');
  assert.equal(await cluster.ok('get deploy -o name'), 'deployment.apps/web\n');
  assert.equal(await cluster.ok('get deploy web -o jsonpath={.spec.replicas}'), '2');
  assert.equal(
    await cluster.ok('get deploy -o custom-columns=N:.metadata.name,R:.spec.replicas'),
    'N     R\nweb   2\n',
  );
  assert.equal(await cluster.ok('get deploy web -o go-template={{.spec.replicas}}'), '2');
});

test('get selects by label and field', async () => {
  assert.equal(await cluster.ok('get deploy -l app=web -o name'), 'deployment.apps/web\n');
  assert.equal(await cluster.ok('get deploy -l app!=web -o name'), '');
  assert.equal(await cluster.ok(['get', 'deploy', '-l', 'app in (web,other)', '-o', 'name']), 'deployment.apps/web\n');
  assert.equal(await cluster.ok('get cm --field-selector metadata.name=settings -o name'), 'configmap/settings\n');
  const bad = await cluster.kubectl('get cm --field-selector data.a=1');
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /field label not supported/);
  const wrong = await cluster.kubectl(['get', 'cm', '-l', 'a==b==c']);
  assert.equal(wrong.code, 1);
});

test('get pages through a list in chunks', async () => {
  const names = Array.from({ length: 23 }, (_, i) => `page-${String(i).padStart(2, '0')}`);
  const documents = names.map(
    (name) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {page: "1"}}\n`,
  );
  await cluster.ok('create -f -', documents.join('---\n'));
  const all = await cluster.ok('get cm -o name --chunk-size=5');
  assert.deepEqual(
    all.split('\n').filter((line) => line.includes('page-')),
    names.map((name) => `configmap/${name}`),
  );
  await cluster.ok('delete cm -l page=1');
  assert.equal(await cluster.ok('get cm -l page -o name'), '');
});

test('get --watch shows what happens', async () => {
  const collection = cluster.kubectl('get cm --watch-only --output-watch-events --request-timeout=4s');
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await cluster.ok('create cm watched');
  await cluster.ok('label cm watched a=b');
  await cluster.ok('delete cm watched');
  const { stdout } = await collection;
  assert.deepEqual(
    stdout
      .split('\n')
      .filter((line) => line.includes('watched'))
      .map((line) => line.split(/ +/)[0]),
    ['ADDED', 'MODIFIED', 'DELETED'],
  );
});

test('explain tells of a field, in both forms of the schema', async () => {
  assert.match(await cluster.ok('explain deployment.spec.replicas'), /FIELD: replicas <integer>/);
  assert.match(await cluster.ok('explain pod.spec.containers.resources.limits'), /FIELD: limits/);
  assert.match(await cluster.ok('explain deploy --output=plaintext-openapiv2'), /Deployment/);
});

test('discovery: api-resources, api-versions, cluster-info, version', async () => {
  const resources = await cluster.ok('api-resources --no-headers -o name');
  for (const name of ['pods', 'deployments.apps', 'leases.coordination.k8s.io', 'jobs.batch'])
    assert.ok(resources.split('\n').includes(name), name);
  assert.match(await cluster.ok('api-resources --cached=false'), /deployments +deploy +apps\/v1 +true +Deployment/);
  assert.match(await cluster.ok('api-versions'), /^apps\/v1$/m);
  assert.match(await cluster.ok('cluster-info'), /control plane.* is running at/);
  assert.match(await cluster.ok('version -o json'), /"gitVersion": "v1.37/);
  assert.match(await cluster.ok('get --raw /readyz?verbose'), /readyz check passed/);
});

test('what does not exist is said in kubectl’s words', async () => {
  const missing = await cluster.kubectl('get pod nope');
  assert.equal(missing.stderr, 'Error from server (NotFound): pods "nope" not found\n');
  const unknown = await cluster.kubectl('get widgets');
  assert.match(unknown.stderr, /the server doesn't have a resource type "widgets"/);
  const top = await cluster.kubectl('top pods');
  assert.equal(top.code, 1);
  assert.match(top.stderr, /Metrics API not available/);
  assert.equal((await cluster.kubectl('events')).code, 0);
});
