/** What kubectl is told about bad input, and what a user may not do. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { webManifest, wireCluster, type WireCluster } from './fixture.ts';

let cluster: WireCluster;
before(async () => {
  cluster = await wireCluster();
});
after(() => cluster[Symbol.asyncDispose]());

async function refused(args: string | readonly string[], stdin?: string): Promise<string> {
  const { code, stdout, stderr } = await cluster.kubectl(args, stdin === undefined ? {} : { stdin });
  assert.equal(code, 1, `${String(args)} was not refused: ${stdout}${stderr}`);
  return stderr;
}

test('a wrong type is a bad request that names the field', async () => {
  const stderr = await refused('create -f - --validate=ignore', webManifest.replace('replicas: 2', 'replicas: many'));
  assert.match(
    stderr,
    /Error from server \(BadRequest\).*Deployment in version "v1" cannot be handled as a Deployment.*spec\.replicas/,
  );
});

test('unknown fields are refused, warned of or passed over, as --validate says', async () => {
  const manifest = webManifest.replace('  replicas: 2', '  replicas: 2\n  replicaz: 3');
  assert.match(
    await refused('create -f - --validate=strict', manifest),
    /strict decoding error: unknown field "spec.replicaz"/,
  );
  const warned = await cluster.kubectl('create -f - --validate=warn', { stdin: manifest });
  assert.equal(warned.code, 0);
  assert.match(warned.stderr, /^Warning: unknown field "spec.replicaz"/);
  await cluster.ok('delete deploy web');
  const ignored = await cluster.kubectl('create -f - --validate=ignore', { stdin: manifest });
  assert.equal(ignored.code, 0);
  assert.equal(ignored.stderr, '');
  await cluster.ok('delete deploy web');
});

test('warnings are printed even when the request then fails', async () => {
  const manifest = webManifest.replace('  replicas: 2', '  replicas: -2\n  replicaz: 3');
  const stderr = await refused('create -f - --validate=warn', manifest);
  assert.match(stderr, /Warning: unknown field "spec.replicaz"/);
  assert.match(stderr, /spec.replicas: Invalid value: -2/);
});

test('an invalid object is told every cause at once', async () => {
  const stderr = await refused(
    'create -f -',
    'apiVersion: v1\nkind: Pod\nmetadata: {name: Bad_Name}\nspec: {restartPolicy: Sometimes, containers: [{name: "", image: ""}]}\n',
  );
  for (const field of ['metadata.name', 'spec.restartPolicy', 'spec.containers[0].name', 'spec.containers[0].image'])
    assert.ok(stderr.includes(field), `${field}: ${stderr}`);
  const list = await refused('create -f -', 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {}\n');
  for (const field of ['spec.selector: Required value', 'spec.template'])
    assert.ok(list.includes(field), `${field}: ${list}`);
});

test('an object that is too large is refused', async () => {
  const stderr = await refused(
    'create -f -',
    `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: big}\ndata: {a: "${'x'.repeat(4 * 1024 * 1024)}"}\n`,
  );
  assert.match(stderr, /Request entity too large|RequestEntityTooLarge/);
});

test('a namespace that does not exist is not found, for pods too', async () => {
  assert.match(await refused('create cm x -n nope'), /namespaces "nope" not found/);
  assert.match(await refused('run x --image=x -n nope'), /namespaces "nope" not found/);
});

test('an unknown kind and an unknown resource', async () => {
  assert.match(
    await refused('create -f -', 'apiVersion: v1\nkind: Gadget\nmetadata: {name: x}\n'),
    /no matches for kind "Gadget"/,
  );
  assert.match(
    await refused(['get', '--raw', '/apis/gadgets.example.com/v1/gadgets']),
    /could not find the requested resource|404/,
  );
});

test('auth: can-i, whoami, reconcile and impersonation', async () => {
  assert.equal(await cluster.ok('auth can-i create deployments'), 'yes\n');
  const denied = await cluster.kubectl('auth can-i create deployments --as=jane');
  assert.equal(denied.stdout, 'no\n');
  assert.equal(denied.code, 1);
  await cluster.ok('create role reader --verb=get,list,watch --resource=pods,pods/log');
  await cluster.ok('create rolebinding reader --role=reader --user=jane --group=readers');
  assert.equal(await cluster.ok('auth can-i list pods --as=jane'), 'yes\n');
  assert.equal(await cluster.ok('auth can-i list pods --as=joe --as-group=others --as-group=readers'), 'yes\n');
  assert.match(await cluster.ok('auth can-i --list --as=jane'), /pods +\[\] +\[\] +\[get list watch\]/);
  assert.match(await cluster.ok('auth whoami'), /kubernetes-admin/);
  assert.match(await cluster.ok('auth whoami --as=jane --as-group=a --as-uid=7 --as-user-extra=k=v'), /jane/);
  assert.equal(
    await refused('get secrets --as=jane'),
    'Error from server (Forbidden): secrets is forbidden: User "jane" cannot list resource "secrets" in API group "" in the namespace "default"\n',
  );
  assert.match(await refused('get pods -A --as=jane'), /at the cluster scope/);
  const out = await cluster.ok(
    'auth reconcile -f -',
    'apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: made, namespace: default}\nrules: [{apiGroups: [""], resources: [pods], verbs: [get]}]\n',
  );
  assert.match(out, /reconciled/);
});

test('nobody grants more than they hold', async () => {
  await cluster.ok('create role maker --verb=create,get,update,patch --resource=roles,rolebindings');
  await cluster.ok('create rolebinding maker --role=maker --user=mallory');
  const stderr = await refused('create role more --verb=get --resource=secrets --as=mallory');
  assert.match(stderr, /user "mallory" .*is attempting to grant RBAC permissions not currently held/);
  assert.match(
    await refused('create rolebinding more --clusterrole=admin --user=mallory --as=mallory'),
    /attempting to grant/,
  );
});

test('a deletion with the wrong precondition is a conflict', async () => {
  await cluster.ok('create cm kept');
  const body = JSON.stringify({ kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: 'other' } });
  const stderr = await refused(['delete', '--raw', '/api/v1/namespaces/default/configmaps/kept', '-f', '-'], body);
  assert.match(stderr, /UID in the precondition/);
});
