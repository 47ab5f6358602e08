/** Requests over TLS and HTTP/2: a read, and every durable way to write. */
import { count, create, podOf, startBench, wanted } from './api-server.ts';

await using bench = await startBench();
const { prepare, measure } = bench;
const pods = '/api/v1/namespaces/bench/pods';
await prepare({ ...create, path: pods, body: JSON.stringify(podOf('one', 'bench')) });

if (wanted('get'))
  await measure('GET a pod, 64 in flight', {
    method: 'GET',
    path: `${pods}/one`,
    inFlight: 64,
    count: count(30_000),
  });
if (wanted('create')) {
  const json = 'application/json';
  for (const inFlight of [1, 16, 100])
    await measure(`create a pod, ${inFlight} in flight`, {
      method: 'POST',
      path: '/api/v1/namespaces/creates/pods',
      contentType: json,
      body: JSON.stringify(podOf('p-%', 'creates')),
      inFlight,
      count: count(inFlight === 1 ? 1_500 : 4_000),
    });
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm-%' }, data: { text: 'x'.repeat(2_800) } };
  await measure('create a ConfigMap of 3 kB', {
    method: 'POST',
    path: '/api/v1/namespaces/creates/configmaps',
    contentType: json,
    body: JSON.stringify(map),
    inFlight: 100,
    count: count(4_000),
  });
}
if (wanted('change')) {
  // Each of those in flight has an object of its own: none waits for another's conflict.
  const inFlight = 32;
  await prepare({ ...create, path: pods, body: JSON.stringify(podOf('s-#', 'bench')), inFlight, count: inFlight });
  const path = `${pods}/s-#`;
  const labels = { app: 'web', at: 'n%' };
  const task = { path, inFlight, count: count(4_000) };
  const whole = podOf('s-#', 'bench') as { metadata: object; spec: object };
  const updated = {
    ...whole,
    metadata: { ...whole.metadata, labels },
    spec: { ...whole.spec, serviceAccountName: 'default' },
  };
  const map = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'u-#' },
    data: { text: 'x'.repeat(2_800), at: '%' },
  };
  await measure('apply a ConfigMap', {
    ...task,
    method: 'PATCH',
    path: '/api/v1/namespaces/bench/configmaps/u-#?fieldManager=bench',
    contentType: 'application/apply-patch+yaml',
    body: JSON.stringify(map),
  });
  await measure('update a ConfigMap', {
    ...task,
    method: 'PUT',
    path: '/api/v1/namespaces/bench/configmaps/u-#',
    contentType: 'application/json',
    body: JSON.stringify(map),
  });
  const patch = { metadata: { labels } };
  for (const type of ['merge', 'strategic-merge'])
    await measure(`${type} patch of a pod`, {
      ...task,
      method: 'PATCH',
      contentType: `application/${type}-patch+json`,
      body: JSON.stringify(patch),
    });
  await measure('JSON patch of a pod', {
    ...task,
    method: 'PATCH',
    contentType: 'application/json-patch+json',
    body: JSON.stringify([{ op: 'add', path: '/metadata/labels/at', value: 'n%' }]),
  });
  await measure('apply a pod', {
    ...task,
    method: 'PATCH',
    path: `${path}?fieldManager=bench-apply&force=true`,
    contentType: 'application/apply-patch+yaml',
    body: JSON.stringify({ ...updated, spec: whole.spec }),
  });
}
