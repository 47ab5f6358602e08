/** Helm 4 with a chart of our own: install, upgrade, rollback, uninstall. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { wireCluster } from './fixture.ts';

const chart = fileURLToPath(new URL('chart', import.meta.url));

test('a chart is installed, upgraded, rolled back and uninstalled', async () => {
  await using cluster = await wireCluster();
  const helm = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.helm(args);
    assert.equal(code, 0, `helm ${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
  const image = (): Promise<string> => cluster.ok('get deploy shop -o jsonpath={..image}');
  assert.match(await helm('install', 'shop', chart), /STATUS: deployed/);
  assert.equal(await image(), 'example.com/web:1');
  assert.equal(await cluster.ok('get cm shop -o jsonpath={.data.message}'), 'hello');
  assert.match(await helm('upgrade', 'shop', chart, '--set', 'image=example.com/web:2,replicas=3'), /REVISION: 2/);
  assert.equal(await image(), 'example.com/web:2');
  assert.equal(await cluster.ok('get deploy shop -o jsonpath={.spec.replicas}'), '3');
  const managers = JSON.parse(await cluster.ok('get deploy shop -o json --show-managed-fields')).metadata.managedFields;
  assert.ok(
    managers.some(
      (entry: { manager: string; operation: string }) => entry.manager === 'helm' && entry.operation === 'Apply',
    ),
  );
  await helm('rollback', 'shop', '1');
  assert.equal(await image(), 'example.com/web:1');
  assert.equal(JSON.parse(await helm('list', '-o', 'json'))[0].revision, '3');
  assert.equal(JSON.parse(await helm('history', 'shop', '-o', 'json')).length, 3);
  const twice = await cluster.helm(['install', 'shop', chart]);
  assert.notEqual(twice.code, 0);
  assert.match(twice.stderr, /cannot (re-use|reuse) a name that is still in use/);
  await helm('uninstall', 'shop');
  assert.equal(await cluster.ok('get deploy,svc,cm,secret -o name -l app.kubernetes.io/managed-by=Helm'), '');
  assert.equal((await cluster.kubectl('get deploy shop')).code, 1);
});
