/** A server that starts on 100,000 stored objects: the time until it answers, and what each cached object holds. */
import { ConfigMap } from '#api/core/configmap.ts';
import { Namespace } from '#api/core/namespace.ts';
import { Pod } from '#api/core/pod.ts';
import { ServiceAccount } from '#api/core/serviceaccount.ts';
import { loopback } from '#apiserver/user.ts';
import { count, podOf, serverAt, temporary } from './api-server.ts';

const full = count(100_000);
const large = count(5_000);

await using stack = new AsyncDisposableStack();
const directory = await temporary(stack);
{
  await using written = await serverAt(directory);
  const client = written.server.client(loopback, 'bench');
  await client.create(Namespace, { metadata: { name: 'full' } });
  await client.create(ServiceAccount, { metadata: { name: 'default', namespace: 'full' } });
  const waves = async (size: number, make: (at: number) => Promise<unknown>): Promise<void> => {
    for (let at = 0; at < size; at += 500)
      await Promise.all(Array.from({ length: Math.min(500, size - at) }, (_, i) => make(at + i)));
  };
  await waves(full, (at) => client.create(Pod, { ...podOf(`p-${at}`, 'full') } as never));
  const data = { text: 'x'.repeat(10_000) };
  await waves(large, (at) => client.create(ConfigMap, { metadata: { name: `m-${at}`, namespace: 'full' }, data }));
}
const collect = (globalThis as { gc?: () => void }).gc;
collect?.();
const before = process.memoryUsage();
const began = performance.now();
const { server } = stack.use(await serverAt(directory));
const seconds = (performance.now() - began) / 1000;
console.log(`${`start on ${full + large} objects`.padEnd(36)} ${seconds.toFixed(2).padStart(7)} s`);
collect?.();
const after = process.memoryUsage();
const held = after.heapUsed + after.external - before.heapUsed - before.external;
const bytes = [...server.api.cache(Pod).values(), ...server.api.cache(ConfigMap).values()].reduce(
  (sum, entry) => sum + entry.size,
  0,
);
console.log(
  `${'memory of a cached object'.padEnd(36)} ${(held / (full + large) / 1000).toFixed(2).padStart(7)} kB for ${(bytes / (full + large) / 1000).toFixed(2)} kB of JSON: ${((held / bytes) * 10).toFixed(1)} kB for each 10 kB`,
);
