/** LIST of 1,000 and 10,000 pods in every form that clients ask for, whole and in pages. */
import { Pod } from '#api/core/pod.ts';
import { count, podOf, startBench, wanted } from './api-server.ts';

await using bench = await startBench();
const { server, client, measure } = bench;
const path = '/api/v1/namespaces/lists/pods';
const forms = {
  JSON: 'application/json',
  protobuf: 'application/vnd.kubernetes.protobuf',
  Table: 'application/json;as=Table;v=v1;g=meta.k8s.io',
  metadata: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
};

for (const size of [1_000, 10_000]) {
  for (let present = server.api.cache(Pod).size; present < size; present += 100)
    await Promise.all(
      Array.from({ length: 100 }, (_, at) => client.create(Pod, podOf(`l-${present + at}`, 'lists') as never)),
    );
  for (const [name, accept] of Object.entries(forms)) {
    if (!wanted(name)) continue;
    await measure(`LIST of ${size} pods, ${name}`, {
      method: 'GET',
      path,
      accept,
      inFlight: 1,
      count: count(size === 1_000 ? 50 : 8),
    });
  }
}
if (wanted('pages'))
  await measure('LIST of a page of 500 pods', {
    method: 'GET',
    path: `${path}?limit=500`,
    inFlight: 4,
    count: count(200),
  });
