/** kubectl's verbs that are not for every kind, in an order in which any kubectl can take them: discovery, generators, scale, certificates, rights, events. */
import assert from 'node:assert/strict';
import { allKinds } from '#api/kinds.ts';
import { pem, ed25519Request } from '#api/certificates/test-certificates.ts';
import { apiVersionOf } from '#schema/kind.ts';
import { webManifest, type WireCluster } from './fixture.ts';

interface Step {
  readonly name: string;
  run(cluster: WireCluster): Promise<void>;
}

const groups = [...new Set(allKinds.map(apiVersionOf))].toSorted();

const workloads = `${webManifest}---
apiVersion: v1
kind: ReplicationController
metadata: {name: old}
spec:
  replicas: 1
  selector: {app: old}
  template: {metadata: {labels: {app: old}}, spec: {containers: [{name: c, image: "example.com/c:1"}]}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: set}
spec:
  selector: {matchLabels: {app: set}}
  template: {metadata: {labels: {app: set}}, spec: {containers: [{name: c, image: "example.com/c:1"}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: stateful}
spec:
  selector: {matchLabels: {app: stateful}}
  serviceName: stateful
  template: {metadata: {labels: {app: stateful}}, spec: {containers: [{name: c, image: "example.com/c:1"}]}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: daemons}
spec:
  selector: {matchLabels: {app: daemons}}
  template: {metadata: {labels: {app: daemons}}, spec: {containers: [{name: c, image: "example.com/c:1"}]}}
`;

/** What is typed, and what kubectl says then. */
const generators: readonly (readonly [string, string])[] = [
  ['create configmap made --from-literal=k=v', 'configmap/made created'],
  ['create secret generic made --from-literal=k=v', 'secret/made created'],
  ['create deployment made --image=example.com/made:1 --replicas=2', 'deployment.apps/made created'],
  ['create job made --image=example.com/made:1', 'job.batch/made created'],
  ['create cronjob made --image=example.com/made:1 --schedule=@daily', 'cronjob.batch/made created'],
  ['create job made-now --from=cronjob/made', 'job.batch/made-now created'],
  ['create ingress made --class=none --rule=made.example.com/*=made:80', 'ingress.networking.k8s.io/made created'],
  [
    'create poddisruptionbudget made --selector=app=made --min-available=50%',
    'poddisruptionbudget.policy/made created',
  ],
  ['create priorityclass made --value=10 --description=some', 'priorityclass.scheduling.k8s.io/made created'],
  ['create quota made --hard=count/gadgets.example.com=5', 'resourcequota/made created'],
  ['create serviceaccount made', 'serviceaccount/made created'],
  ['create role made --verb=get --resource=pods', 'role.rbac.authorization.k8s.io/made created'],
  [
    'create rolebinding made --role=made --serviceaccount=default:made',
    'rolebinding.rbac.authorization.k8s.io/made created',
  ],
  ['create clusterrole made --aggregation-rule=made=yes', 'clusterrole.rbac.authorization.k8s.io/made created'],
  [
    'create clusterrolebinding made --clusterrole=made --user=made',
    'clusterrolebinding.rbac.authorization.k8s.io/made created',
  ],
  ['create service nodeport made --tcp=80:8080', 'service/made created'],
  ['create namespace made', 'namespace/made created'],
  ['run made --image=example.com/made:1 --port=80 --env=A=1', 'pod/made created'],
];

export const everyVerbScript: readonly Step[] = [
  {
    name: 'api-versions and api-resources name all there is',
    async run(cluster) {
      assert.deepEqual((await cluster.ok('api-versions')).trim().split('\n'), groups);
      const wide = (await cluster.ok('api-resources -o wide --no-headers')).split('\n');
      const preferred = allKinds.filter(({ group, version }) => group !== 'autoscaling' || version === 'v2');
      const shown = preferred.map((kind) =>
        [
          kind.plural,
          ...(kind.shortNames.length > 0 ? [kind.shortNames.join(',')] : []),
          apiVersionOf(kind),
          String(kind.scope === 'Namespaced'),
          kind.kind,
          kind.verbs.toSorted().join(','),
          ...(kind.categories.length > 0 ? [kind.categories.join(',')] : []),
        ].join(' '),
      );
      const printed = wide.map((line) => line.trim().replaceAll(/ +/g, ' '));
      assert.deepEqual(printed.filter((line) => line !== '').toSorted(), shown.toSorted());
      assert.equal(await cluster.ok('api-resources --api-group=policy -o name'), 'poddisruptionbudgets.policy\n');
      assert.match(await cluster.ok('api-resources --categories=all -o name'), /^pods$/m);
    },
  },
  {
    name: 'create makes what it has a generator for',
    async run(cluster) {
      for (const [command, said] of generators) assert.equal(await cluster.ok(command), `${said}\n`, command);
    },
  },
  {
    name: 'get all shows the workloads',
    async run(cluster) {
      await cluster.ok('apply -f -', workloads);
      const all = (await cluster.ok('get all -o name')).trim().split('\n');
      const wanted = [
        ...['pod/made', 'replicationcontroller/old', 'service/made', 'daemonset.apps/daemons', 'deployment.apps/web'],
        ...['replicaset.apps/set', 'statefulset.apps/stateful', 'cronjob.batch/made', 'job.batch/made'],
      ];
      assert.deepEqual(
        wanted.filter((name) => !all.includes(name)),
        [],
      );
      assert.match(await cluster.ok('get all -A'), /service\/kubernetes/);
    },
  },
  {
    name: 'scale, autoscale and expose',
    async run(cluster) {
      for (const name of ['deploy/web', 'rs/set', 'rc/old', 'sts/stateful']) {
        assert.match(await cluster.ok(`scale ${name} --replicas=3`), / scaled\n$/);
        assert.equal(await cluster.ok(`get ${name} -o jsonpath={.spec.replicas}`), '3');
        const late = await cluster.kubectl(`scale ${name} --replicas=4 --current-replicas=1`);
        assert.match(late.stderr, /Expected replicas to be 1, was 3/);
        const scale = JSON.parse(await cluster.ok(`get ${name} --subresource=scale -o json`));
        assert.equal(`${scale.kind} ${scale.spec.replicas}`, 'Scale 3');
      }
      assert.match(await cluster.ok('autoscale deployment web --min=1 --max=4 --cpu-percent=70'), / autoscaled\n$/);
      assert.match(await cluster.ok('get hpa web'), /Deployment\/web +cpu: <unknown>\/70% +1 +4 +0 /);
      for (const [name, from] of [
        ['a', 'deploy/web'],
        ['b', 'rs/set'],
        ['c', 'rc/old'],
        ['d', 'pod/made'],
        ['e', 'svc/made'],
      ] as const)
        assert.equal(
          await cluster.ok(`expose ${from} --port=80 --name=exposed-${name}`),
          `service/exposed-${name} exposed\n`,
        );
    },
  },
  {
    name: 'rollout: pause, resume, restart',
    async run(cluster) {
      assert.equal(await cluster.ok('rollout pause deploy/web'), 'deployment.apps/web paused\n');
      assert.equal(await cluster.ok('get deploy web -o jsonpath={.spec.paused}'), 'true');
      assert.equal(await cluster.ok('rollout resume deploy/web'), 'deployment.apps/web resumed\n');
      for (const name of ['deployment.apps/web', 'daemonset.apps/daemons', 'statefulset.apps/stateful'])
        assert.equal(await cluster.ok(`rollout restart ${name}`), `${name} restarted\n`);
    },
  },
  {
    name: 'set: image, env, resources, selector, service account, subject',
    async run(cluster) {
      assert.match(await cluster.ok('set image ds/daemons c=example.com/c:2'), / image updated\n$/);
      assert.match(await cluster.ok('set env sts/stateful A=1 --from=configmap/made'), / env updated\n$/);
      assert.match(await cluster.ok('set resources rs/set --requests=cpu=10m'), / resource requirements updated\n$/);
      assert.match(await cluster.ok('set selector svc/made app=other'), / selector updated\n$/);
      assert.match(await cluster.ok('set serviceaccount deploy/web made'), / serviceaccount updated\n$/);
      assert.match(await cluster.ok('set subject rolebinding made --user=jane'), / subjects updated\n$/);
    },
  },
  {
    name: 'certificate approve and deny',
    async run(cluster) {
      const request = Buffer.from(pem('CERTIFICATE REQUEST', ed25519Request)).toString('base64');
      for (const name of ['yes', 'no'])
        await cluster.ok(
          'create -f -',
          `apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {name: "${name}"}\nspec: {signerName: example.com/x, usages: [client auth], request: ${request}}\n`,
        );
      assert.match(
        await cluster.ok('certificate approve yes'),
        /certificatesigningrequest.certificates.k8s.io\/yes approved/,
      );
      assert.match(await cluster.ok('certificate deny no'), /certificatesigningrequest.certificates.k8s.io\/no denied/);
      const table = await cluster.ok('get csr');
      assert.match(table, /^yes .* Approved$/m);
      assert.match(table, /^no .* Denied$/m);
      const late = await cluster.kubectl('certificate approve no');
      assert.equal(late.code, 1, late.stdout);
    },
  },
  {
    name: 'create token, for an audience and bound to a pod; the token works',
    async run(cluster) {
      const bound = await cluster.ok(
        'create token default --audience=vault --duration=15m --bound-object-kind=Pod --bound-object-name=made',
      );
      const claims = JSON.parse(Buffer.from(bound.split('.')[1] ?? '', 'base64url').toString('utf8'));
      assert.deepEqual([claims.aud, claims.exp - claims.iat], [['vault'], 900]);
      assert.equal(claims['kubernetes.io'].pod.name, 'made');
      const token = (await cluster.ok('create token made')).trim();
      const cacert = await cluster.file('ca.crt', cluster.authority.cert);
      const bare = [
        '--kubeconfig=/dev/null',
        `--server=${cluster.url}`,
        `--certificate-authority=${cacert}`,
        `--token=${token}`,
      ];
      assert.match(await cluster.ok(['auth', 'whoami', ...bare]), /system:serviceaccount:default:made/);
    },
  },
  {
    name: 'auth can-i, by name and as a list',
    async run(cluster) {
      const list = await cluster.ok('auth can-i --list --as=system:serviceaccount:default:made');
      assert.match(list, /selfsubjectaccessreviews.authorization.k8s.io +\[\] +\[\] +\[create\]/);
      assert.match(list, /\[\/healthz\] +\[\] +\[get\]/);
      assert.equal(await cluster.ok('auth can-i get pods/log'), 'yes\n');
      assert.equal((await cluster.kubectl('auth can-i get pods/log --as=jim')).stdout, 'no\n');
    },
  },
  {
    name: 'events of an object, by type and time',
    async run(cluster) {
      const uid = await cluster.ok('get pod made -o jsonpath={.metadata.uid}');
      const event = (name: string, type: string): string =>
        `apiVersion: v1\nkind: Event\nmetadata: {name: ${name}, namespace: default}\ninvolvedObject: {apiVersion: v1, kind: Pod, name: made, namespace: default, uid: ${uid}}\nreason: ${name}\nmessage: told\ntype: ${type}\nfirstTimestamp: "2026-01-02T03:04:05Z"\nlastTimestamp: "2026-01-02T03:04:05Z"\ncount: 2\n`;
      await cluster.ok('create -f -', `${event('good', 'Normal')}---\n${event('bad', 'Warning')}`);
      assert.match(await cluster.ok('events --for pod/made'), /Normal +good +Pod\/made +told/);
      assert.doesNotMatch(await cluster.ok('events --for pod/made --types=Warning'), /good/);
      assert.match(await cluster.ok('get events --field-selector involvedObject.name=made,type=Warning'), /bad/);
      assert.match(await cluster.ok('describe pod made'), /Events:\n(.*\n)+ +Warning +bad .*told/);
    },
  },
  {
    name: 'get --raw, sorted, by subresource; labels listed',
    async run(cluster) {
      for (const path of [
        '/',
        '/api',
        '/apis',
        '/version',
        '/openapi/v2',
        '/openapi/v3',
        '/apis/apps/v1',
        '/api/v1/pods?limit=1',
      ])
        assert.equal(typeof JSON.parse(await cluster.ok(`get --raw ${path}`)), 'object');
      for (const path of ['/healthz', '/livez', '/readyz/ping'])
        assert.equal(await cluster.ok(`get --raw ${path}`), 'ok');
      const sorted = await cluster.ok('get cm,secret --sort-by=.metadata.name -o name');
      assert.match(sorted, /configmap\/made\nsecret\/made\n/);
      assert.match(await cluster.ok('label pod made --list'), /^run=made$/m);
      assert.match(await cluster.ok('cluster-info dump --namespaces default'), /"kind": "PodList"/);
    },
  },
  {
    name: 'debug adds an ephemeral container, or copies the pod',
    async run(cluster) {
      await cluster.ok('debug made --image=example.com/tools:1 --container=tools --profile=general');
      assert.equal(await cluster.ok('get pod made -o jsonpath={.spec.ephemeralContainers[*].name}'), 'tools');
      await cluster.ok('debug made --image=example.com/tools:1 --copy-to=made-copy --set-image=*=example.com/other:1');
      assert.equal(
        await cluster.ok('get pod made-copy -o jsonpath={.spec.containers[0].image}'),
        'example.com/other:1',
      );
    },
  },
  {
    name: 'subresources are read, patched and edited',
    async run(cluster) {
      const status = '{"status":{"observedGeneration":5}}';
      await cluster.ok(['patch', 'deploy', 'web', '--subresource=status', '--type=merge', '-p', status]);
      assert.match(await cluster.ok('get deploy web --subresource=status -o yaml'), /observedGeneration: 5/);
      const editor = await cluster.file(
        'status-editor.sh',
        '#!/bin/sh\nsed -i "s/observedGeneration: 5/observedGeneration: 6/" "$1"\n',
      );
      const { code, stderr } = await cluster.kubectl('edit deploy web --subresource=status', {
        env: { KUBE_EDITOR: editor },
      });
      assert.equal(code, 0, stderr);
      const now = await cluster.ok('get deploy web -o yaml');
      await cluster.ok(
        'replace --subresource=status -f -',
        now.replace('observedGeneration: 6', 'observedGeneration: 7'),
      );
      assert.equal(await cluster.ok('get deploy web -o jsonpath={.status.observedGeneration}'), '7');
    },
  },
  {
    name: 'apply -k, and wait for a deletion',
    async run(cluster) {
      const kustomization = `configMapGenerator:\n- name: kustomized\n  literals: [a=1]\ngeneratorOptions: {disableNameSuffixHash: true}\n`;
      await cluster.file('kustomization.yaml', kustomization);
      assert.equal(await cluster.ok(`apply -k ${cluster.directory}`), 'configmap/kustomized created\n');
      const gone = cluster.ok('wait cm/kustomized --for=delete --timeout=20s');
      await cluster.ok('delete cm kustomized');
      await gone.catch((error: Error) => assert.match(error.message, /NotFound/));
    },
  },
];
