/** LIST of 1,000 and 10,000 pods in every form that clients ask for, whole and in pages. */
import { count, create, podOf, startBench, wanted } from './api-server.ts';

await using bench = await startBench();
const { prepare, measure, sides } = bench;
const path = '/api/v1/namespaces/lists/pods';
const forms = {
  JSON: 'application/json',
  protobuf: 'application/vnd.kubernetes.protobuf',
  Table: 'application/json;as=Table;v=v1;g=meta.k8s.io',
  metadata: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
};

let present = 0;
const before = sides.map((side) => side.residentBytes());
for (const size of [1_000, 10_000]) {
  await prepare({ ...create, path, body: JSON.stringify(podOf('l-%', 'lists')), inFlight: 50, count: size - present });
  present = size;
  const grown = sides.map((side, index) => (side.residentBytes() - (before[index] ?? 0)) / size / 1000);
  console.log(
    `${`memory grown by ${size} pods`.padEnd(36)} ${grown.map((kB) => `${kB.toFixed(1)} kB each`).join(', the reference ')}`,
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
