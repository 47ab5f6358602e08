import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pod } from '#api/core/pod.ts';
import { startCluster } from './testing.ts';
import { simDisk } from './world/disk.ts';
import { seededRandom } from './world/random.ts';
import { virtualTime } from './world/time.ts';

const pod = `
apiVersion: v1
kind: Pod
metadata: { name: one }
spec: { containers: [{ name: main, image: 'app:1' }] }
`;

test('a cluster shows its objects as kubectl would', async () => {
  await using cluster = await startCluster({ seed: 4, nodes: 1 });
  await cluster.apply(pod);
  await cluster.settle();
  assert.equal(
    (await cluster.table('get pods -o wide')).replace(/\b\d\ds\b/, 'now'),
    [
      'NAME   READY   STATUS    RESTARTS   AGE   IP           NODE     NOMINATED NODE   READINESS GATES',
      'one    1/1     Running   0          now   10.244.1.2   node-1   <none>           <none>',
    ].join('\n'),
  );
  assert.equal(await cluster.table('get jobs'), 'No resources found');
});

test('a cluster runs in real time as well', async () => {
  await using cluster = await startCluster({ clock: 'real', nodes: 1 });
  await cluster.apply(pod);
  const running = async (): Promise<void> => {
    for (;;) {
      const { status } = await cluster.client.get(Pod, 'one', { namespace: 'default' });
      if (status?.phase === 'Running') return;
      await cluster.advance(20);
    }
  };
  await cluster.run(running());
});

test('several clusters live in one process and do not meet', async () => {
  await using first = await startCluster({ seed: 1, nodes: 1 });
  await using second = await startCluster({ seed: 2, nodes: 1 });
  await first.apply(pod);
  await first.settle();
  await second.settle();
  assert.equal((await second.run(second.client.list(Pod))).items.length, 0);
});

test('a pod of a system class pushes an ordinary one out', async () => {
  await using cluster = await startCluster({ seed: 1, nodes: [{ cpus: 2 }] });
  const asking = (name: string, more: string): string =>
    `{ apiVersion: v1, kind: Pod, metadata: { name: ${name} }, spec: { ${more} containers: [{ name: main, image: 'app:1', resources: { requests: { cpu: 1500m } } }] } }`;
  await cluster.apply(asking('ordinary', ''));
  await cluster.settle();
  await cluster.apply(asking('important', 'priorityClassName: system-cluster-critical,'));
  await cluster.settle();
  const { items } = await cluster.run(cluster.client.list(Pod));
  assert.deepEqual(
    items.map(({ metadata, status }) => [metadata.name, status?.phase]),
    [['important', 'Running']],
  );
});

test('time jumps from timer to timer, and those of one instant run in an order that the seed decides', async () => {
  const orders = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    const time = virtualTime(seededRandom(seed));
    const order: string[] = [];
    for (const name of ['a', 'b', 'c']) time.clock.after(1_000, () => order.push(name));
    time.clock.after(500, () => order.push('first'));
    await time.advance(3_600_000);
    assert.equal(time.elapsed, 3_600_000);
    assert.equal(order[0], 'first');
    orders.add(order.join());
  }
  assert.ok(orders.size > 1);
});

test('a wait that cannot end is an error, not a hang', async () => {
  const time = virtualTime(seededRandom(1));
  await assert.rejects(time.drive(new Promise(() => {})), /nothing more happens/);
});

test('the simulated disk forgets what was not synced when it loses power', async () => {
  const disk = simDisk(() => 0);
  await disk.makeDirectory('/a/b');
  await disk.write('/a/b/whole', 'kept');
  await disk.append('/a/b/whole', ' and lost');
  await disk.symlink('b', '/a/link');
  assert.equal(await disk.readText('/a/link/whole'), 'kept and lost');
  disk.losePower();
  assert.equal(await disk.readText('/a/b/whole'), 'kept');
  await assert.rejects(disk.write('/nowhere/file', ''), /ENOENT/);
  await disk.rename('/a/b', '/a/c');
  assert.deepEqual(await disk.list('/a'), [
    { name: 'c', type: 'directory' },
    { name: 'link', type: 'symlink' },
  ]);
  await disk.remove('/a', { recursive: true });
  assert.equal(await disk.stat('/a/c/whole'), undefined);
});
