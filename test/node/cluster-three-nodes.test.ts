/** Three machines: pods reach each other from every node to every node, and when a machine dies its pods run elsewhere. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { asRoot, cluster, containerProcess, freeNodePort, until, type Place } from './cluster-fixture.ts';

interface Pod {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly nodeName: string };
  readonly status: {
    readonly podIP: string;
    readonly phase: string;
    readonly containerStatuses?: readonly { readonly containerID: string; readonly ready: boolean }[];
  };
}

const webOf = (nodePort: number): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: { matchLabels: { app: web } }
      tolerations:
        - { key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 0 }
      containers:
        - name: web
          image: k8ts.local/guestbook:v1
          args: [frontend]
          readinessProbe: { httpGet: { path: /healthz, port: 8080 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  type: NodePort
  selector: { app: web }
  ports: [{ port: 80, targetPort: 8080, nodePort: ${nodePort} }]
`;

describe('three nodes', asRoot, () => {
  let place: Place;
  let nodePort: number;

  const pods = async (): Promise<readonly Pod[]> => (await place.json<{ items: Pod[] }>('get pods -l app=web')).items;
  const condition = (node: string): Promise<string> =>
    place.get(['get', 'node', node, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}']);

  before(async () => {
    place = await cluster('--nodes', '3');
    nodePort = await freeNodePort();
    await place.get('apply -f -', webOf(nodePort));
    await place.get('rollout status deployment/web --timeout=60s');
  });
  after(() => place?.[Symbol.asyncDispose]());

  test('a pod of every node reaches the pods of all nodes, and their Service by its name', async () => {
    const all = await pods();
    assert.deepEqual(all.map(({ spec }) => spec.nodeName).toSorted(), ['node-1', 'node-2', 'node-3']);
    const script =
      'Promise.all(process.argv.slice(1).map(async (url) => { const r = await fetch(url); if (!r.ok) throw Error(url); return r.text(); })).then((all) => console.log(all.join("")))';
    const urls = [
      ...all.map(({ status }) => `http://${status.podIP}:8080/version`),
      'http://web/version',
      'http://web.default.svc.cluster.local/version',
    ];
    for (const { metadata } of all) {
      const printed = await until(
        `${metadata.name} reaches all`,
        async () => place.get(['exec', metadata.name, '--', 'node', '-e', script, ...urls]),
        20_000,
      );
      for (const other of all) assert.ok(printed.includes(other.metadata.name), printed);
      assert.equal(printed.trim().split('\n').length, urls.length);
    }
  });

  test('the node port answers on every node and on 127.0.0.1', async () => {
    const { nodes } = await place.configuration();
    for (const host of ['127.0.0.1', ...nodes.map(({ address }) => address)]) {
      await until(
        `an answer of ${host}`,
        async () => (await fetch(`http://${host}:${nodePort}/version`, { signal: AbortSignal.timeout(5_000) })).ok,
      );
    }
  });

  test('a dead machine becomes NotReady and its pods run elsewhere; `up` brings it back', async () => {
    const lost = (await pods()).find(({ spec }) => spec.nodeName === 'node-3');
    assert.ok(lost);
    process.kill(await place.pidOf(place.layout.node('node-3').state), 'SIGKILL');
    process.kill(containerProcess(lost.status.containerStatuses?.[0]?.containerID.split('//')[1] ?? ''), 'SIGKILL');
    await until('node-3 is unknown', async () => (await condition('node-3')) === 'Unknown', 90_000);
    await until('three pods are ready on the other nodes', async () => {
      const elsewhere = (await pods()).filter(
        ({ spec, status }) => spec.nodeName !== 'node-3' && status.containerStatuses?.every(({ ready }) => ready),
      );
      return elsewhere.length === 3;
    });
    assert.match(await place.get('get nodes'), /node-3 +NotReady/);
    const server = await place.pidOf(place.layout.serverState);
    await place.up();
    assert.equal(await condition('node-3'), 'True');
    assert.equal(await place.pidOf(place.layout.serverState), server, 'only what was missing was started');
    await until(
      'the lost pod is gone',
      async () => !(await pods()).some(({ metadata }) => metadata.name === lost.metadata.name),
    );
    await until(
      'no taint is left',
      async () => !(await place.get('get node node-3 -o jsonpath={.spec.taints}')).includes('unreachable'),
    );
  });
});
