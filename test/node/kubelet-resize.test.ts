/** Containers get other amounts of cpu and memory while they run (KEP-1287): what the kernel holds them to is read back from inside. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Pod } from '#api/core/pod.ts';
import { asRoot, idle, image, kubeletFixture, leftovers, type KubeletFixture } from './kubelet-fixture.ts';

let node: KubeletFixture;
before(async () => {
  if (!asRoot.skip) node = await kubeletFixture();
});
after(async () => {
  if (!node) return;
  await node[Symbol.asyncDispose]();
  assert.deepEqual(await leftovers(node), []);
});

const amounts = (cpu: string, memory: string) => ({ requests: { cpu, memory }, limits: { cpu, memory } });
const container = (name: string, more: object = {}) => ({
  name,
  image,
  command: ['/bin/sh', '-c', `trap 'exit 0' TERM; ${idle}`],
  resources: amounts('50m', '64Mi'),
  ...more,
});
const resize = (pod: string, name: string, resources: object): Promise<Pod> =>
  node.admin.patch(
    Pod,
    pod,
    { type: 'strategic', body: { spec: { containers: [{ name, resources }] } } },
    { namespace: 'default', subresource: 'resize' },
  );
const statusOf = (pod: Pod, name: string) => pod.status.containerStatuses?.find((one) => one.name === name);

/** Bytes that the container may use, from either layout of control groups. */
const limitOf = async (pod: string, name: string): Promise<string> =>
  (
    await node.exec(
      pod,
      'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; true',
      name,
    )
  ).stdout.trim();

test('cpu and memory change in place; a container whose policy says so starts anew', asRoot, async () => {
  await node.pod('grow', {
    terminationGracePeriodSeconds: 1,
    containers: [
      container('live'),
      container('strict', { resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] }),
    ],
  });
  const first = await node.running('grow');
  const id = statusOf(first, 'live')?.containerID;
  assert.deepEqual(statusOf(first, 'live')?.resources, amounts('50m', '64Mi'));
  await resize('grow', 'live', amounts('80m', '96Mi'));
  const grown = await node.until('grow', (pod) => statusOf(pod, 'live')?.resources?.limits?.['memory'] === '96Mi');
  assert.deepEqual([statusOf(grown, 'live')?.containerID, statusOf(grown, 'live')?.restartCount], [id, 0]);
  assert.deepEqual(statusOf(grown, 'live')?.allocatedResources, { cpu: '80m', memory: '96Mi' });
  assert.equal(await limitOf('grow', 'live'), String(96 * 1024 * 1024));
  await resize('grow', 'strict', amounts('50m', '80Mi'));
  const anew = await node.until('grow', (pod) => statusOf(pod, 'strict')?.restartCount === 1);
  assert.equal(statusOf(anew, 'strict')?.resources?.limits?.['memory'], '80Mi');
  assert.equal(statusOf(anew, 'live')?.restartCount, 0);
  assert.ok(!anew.status.conditions?.some(({ type }) => type.startsWith('PodResize')));
});

test('what the node can never give is told, and changes nothing', asRoot, async () => {
  await node.pod('greedy', { terminationGracePeriodSeconds: 1, containers: [container('main')] });
  await node.running('greedy');
  await resize('greedy', 'main', amounts('9000', '64Mi'));
  const pending = (pod: Pod) => pod.status.conditions?.find(({ type }) => type === 'PodResizePending');
  const told = await node.until('greedy', (pod) => pending(pod) !== undefined);
  assert.equal(pending(told)?.reason, 'Infeasible');
  assert.match(
    pending(told)?.message ?? '',
    /^Node didn't have enough capacity: cpu, requested: 9000000, capacity: \d+$/,
  );
  assert.deepEqual(statusOf(told, 'main')?.resources, amounts('50m', '64Mi'));
  await resize('greedy', 'main', amounts('50m', '64Mi'));
  await node.until('greedy', (pod) => pending(pod) === undefined);
});
