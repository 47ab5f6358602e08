/** The command line itself: what it says, what it refuses, and what it leaves in the user's home. Most of it needs no root. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { tarOf } from '#images/testing.ts';
import { parseYaml } from '#meta/yaml.ts';
import { asRoot, cluster, place, settled, type Place } from './cluster-fixture.ts';

const linux = {
  skip: process.platform === 'linux' ? false : 'starts processes that are found through /proc',
  timeout: 180_000,
};

describe('words and flags', linux, () => {
  let empty: Place;
  before(async () => (empty = await place()));
  after(() => empty?.[Symbol.asyncDispose]());

  test('every command explains itself', async () => {
    const all = await empty.ok('--help');
    for (const name of ['up', 'down', 'status', 'encryption', 'kubectl', 'image', 'version']) {
      assert.match(all, new RegExp(`^  ${name} `, 'm'));
    }
    for (const name of ['up', 'down', 'status', 'image', 'version', 'image import', 'image ls', 'image rm']) {
      const help = await empty.ok(`${name} --help`);
      assert.match(help, /Usage:\n {2}k8ts /, name);
    }
    assert.match(await empty.ok('kubectl --help'), /kubectl controls the Kubernetes cluster manager/);
    assert.equal((await empty.cli([])).code, 2);
  });

  test('what is wrong is said, and ends with exit code 2', async () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ['frob', /unknown command "frob"/],
      ['--frob', /unknown flag: --frob/],
      ['up --frob', /unknown flag: --frob/],
      ['up -z', /unknown shorthand flag: 'z' in -z/],
      ['up extra', /unexpected argument "extra"/],
      ['up --nodes 0', /invalid argument "0" for "--nodes" flag: must be a whole number from 1 to 50/],
      ['up --nodes=three', /invalid argument "three"/],
      ['up --nodes', /flag needs an argument: --nodes/],
      ['up --port 70000', /invalid argument "70000" for "--port" flag/],
      ['up --simulated=perhaps', /must be true or false/],
      ['up --data-dir /tmp/a,b', /must be free of commas/],
      ['down --frob', /unknown flag: --frob/],
      ['status -o yaml', /must be one of json, text/],
      ['version -o yaml', /must be one of json, text/],
      ['image frob', /unknown command "image frob"/],
      ['image import', /image import needs an argument/],
      ['server --frob', /unknown flag: --frob/],
      ['agent', /there is no node/],
    ];
    await Promise.all(
      cases.map(async ([words, message]) => {
        const { code, stdout, stderr } = await empty.cli(words);
        assert.match(stderr, message, words);
        assert.match(stderr, /^Error: /, words);
        assert.equal(code, 2, words);
        assert.equal(stdout, '', words);
      }),
    );
    assert.equal(existsSync(empty.layout.root), false, 'nothing was made');
  });

  test('without a cluster, `status` and `kubectl` say how to start one, and `down` has nothing to do', async () => {
    const status = await empty.cli('status');
    assert.equal(status.code, 1);
    assert.match(status.stderr, /There is no cluster in .*k8ts up/);
    const kubectl = await empty.cli('kubectl get nodes');
    assert.equal(kubectl.code, 1);
    assert.match(kubectl.stderr, /k8ts up/);
    assert.match(await empty.ok('down --delete'), /There is no cluster/);
  });

  test('`version` tells three versions', async () => {
    const versions = JSON.parse(await empty.ok('version -o json')) as Record<string, string>;
    assert.equal(versions['kubernetes'], 'v1.37.0');
    assert.deepEqual(Object.keys(versions), ['k8ts', 'kubernetes', 'node']);
  });

  test('a port that another program has is refused before anything is made', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = other.address() as { port: number };
      const { code, stderr } = await empty.cli(`up --simulated --no-merge --port ${port}`);
      assert.equal(code, 2);
      assert.match(stderr, new RegExp(`port ${port} on 127.0.0.1 cannot be used .*--port`));
      assert.equal(existsSync(empty.layout.root), false);
    } finally {
      other.close();
    }
  });

  test('a damaged cluster.json is named', async () => {
    await using broken = await place();
    await mkdir(broken.layout.root, { recursive: true });
    await writeFile(broken.layout.configuration, '{"id": "zz');
    for (const words of ['up --no-merge', 'status', 'down']) {
      const { code, stderr } = await broken.cli(words);
      assert.notEqual(code, 0, words);
      assert.ok(stderr.includes(broken.layout.configuration), `${words}: ${stderr}`);
    }
    await rm(broken.layout.root, { recursive: true });
  });
});

describe('a simulated cluster', linux, () => {
  let simulated: Place;
  before(async () => (simulated = await cluster('--simulated', '--nodes', '2')));
  after(() => simulated?.[Symbol.asyncDispose]());

  test('runs a Deployment on nodes that are Ready', async () => {
    const nodes = await simulated.get('get nodes -o name');
    assert.deepEqual(nodes.trim().split('\n'), ['node/node-1', 'node/node-2']);
    await simulated.get('create deployment web --image=example.com/web:1 --replicas=3');
    await simulated.get('rollout status deployment/web --timeout=60s');
  });

  test('`up` again changes nothing, and refuses what would change the cluster', async () => {
    const pid = await simulated.pidOf(simulated.layout.serverState);
    assert.match(await simulated.up(), /is running already: .*Nothing was changed/);
    assert.equal(await simulated.pidOf(simulated.layout.serverState), pid);
    const nodes = await simulated.cli('up --nodes 5');
    assert.equal(nodes.code, 2);
    assert.match(nodes.stderr, /this cluster has 2 nodes/);
    const port = await simulated.cli('up --port 1');
    assert.equal(port.code, 2);
    assert.match(port.stderr, /this cluster has port/);
  });

  test('`status -o json` tells components, nodes, versions, memory and data', async () => {
    const status = JSON.parse(await simulated.ok('status -o json')) as {
      nodeKind: string;
      dataBytes: number;
      components: { name: string; state: string; residentBytes: number }[];
      nodes: { name: string; ready: boolean }[];
    };
    assert.equal(status.nodeKind, 'simulated');
    assert.deepEqual(
      status.components.map(({ name, state }) => [name, state]),
      [['server', 'running']],
    );
    assert.ok(status.components[0] && status.components[0].residentBytes > 0 && status.dataBytes > 0);
    assert.deepEqual(
      status.nodes.map(({ name, ready }) => [name, ready]),
      [
        ['node-1', true],
        ['node-2', true],
      ],
    );
    assert.match(await simulated.ok('status'), /node-2 +Ready/);
  });

  test('`down` keeps everything for the next `up`', async () => {
    await simulated.get('create configmap kept --from-literal=a=b');
    assert.match(await simulated.ok('down'), /`k8ts up` resumes it/);
    const { id } = await simulated.configuration();
    assert.deepEqual(await settled(id, simulated.layout.root), []);
    assert.equal((await simulated.cli('status')).code, 1);
    await simulated.up();
    assert.equal(await simulated.get('get configmap kept -o jsonpath={.data.a}'), 'b');
  });
});

describe('a damaged store', linux, () => {
  test('stops `up` with the name of the file, and no server stays', async () => {
    await using damaged = await cluster('--simulated');
    await damaged.ok('down');
    await writeFile(damaged.layout.database, Buffer.alloc(64 * 1024, 'not a database '));
    const { code, stderr } = await damaged.cli('up --no-merge');
    assert.equal(code, 1);
    assert.ok(stderr.includes(damaged.layout.database), stderr);
    const { id } = await damaged.configuration();
    assert.deepEqual(await settled(id, damaged.layout.root), []);
  });
});

describe("the user's kubeconfig", linux, () => {
  test('gets a current context at `up` and loses it at `down --delete`; what else is in it stays', async () => {
    await using merged = await place();
    const path = join(merged.home, '.kube', 'config');
    await merged.ok(`up --simulated --port ${merged.port}`);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(merged.layout.kubeconfig)).mode & 0o777, 0o600);
    const config = async (): Promise<Record<string, unknown>> =>
      parseYaml(await readFile(path, 'utf8'))[0] as Record<string, unknown>;
    const first = await config();
    assert.equal(first['current-context'], 'k8ts');
    const other = { name: 'other', cluster: { server: 'https://example.com' } };
    await writeFile(path, JSON.stringify({ ...first, clusters: [...(first['clusters'] as unknown[]), other] }));
    await merged.ok('down --delete');
    const last = await config();
    assert.deepEqual(
      [last['clusters'], last['users'], last['contexts'], last['current-context']],
      [[other], [], [], ''],
    );
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal(existsSync(merged.layout.root), false);
  });
});

describe('clusters with real nodes', asRoot, () => {
  test('two live side by side, and the end of one leaves the other alone', async () => {
    await using one = await cluster();
    const first = await one.configuration();
    {
      await using two = await cluster();
      const second = await two.configuration();
      assert.notEqual(first.id, second.id);
      assert.notEqual(first.nodeSubnet, second.nodeSubnet);
      for (const { get } of [one, two]) await get('run web --image=k8ts.local/guestbook:v1 -- backend');
      for (const { get } of [one, two]) await get('wait --for=condition=Ready pod/web --timeout=60s');
    }
    assert.equal(await one.get('get pod web -o jsonpath={.status.containerStatuses[0].restartCount}'), '0');
  });

  test('a root file system archive becomes an image of the cluster, until it is removed', async () => {
    await using own = await cluster();
    const archive = join(own.directory, 'root.tar');
    await writeFile(archive, tarOf({ name: 'etc/' }, { name: 'etc/motd', content: 'hello' }));
    const refused = await own.cli(['image', 'import', archive]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /--name/);
    assert.match(await own.ok(['image', 'import', archive, '--name', 'example.com/small:1']), /example\.com\/small:1/);
    const listed = await own.ok('image ls');
    assert.match(listed, /^example\.com\/small:1 /m);
    assert.match(listed, /^k8ts\.local\/guestbook:v2 /m);
    assert.match(await own.ok('image rm example.com/small:1'), /removed example\.com\/small:1/);
    assert.doesNotMatch(await own.ok('image ls'), /small/);
    const again = await own.cli('image rm example.com/small:1');
    assert.equal(again.code, 1);
    assert.match(again.stderr, /example\.com\/small:1/);
    const lost = await own.cli(['image', 'import', join(own.directory, 'no.tar'), '--name', 'example.com/no:1']);
    assert.equal(lost.code, 1);
    assert.match(lost.stderr, /no\.tar/);
  });
});
