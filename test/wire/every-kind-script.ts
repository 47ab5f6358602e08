/**
 * What a user does with kubectl, done to an object of every kind: steps that any kubectl takes in this order. One command handles all kinds at once, so
 * that the whole takes seconds; each step looks for every object in what was printed.
 */
import assert from 'node:assert/strict';
import { everyKind, everyManifest, type Sample } from './every-kind.ts';
import type { WireCluster } from './fixture.ts';

export interface Step {
  readonly name: string;
  run(cluster: WireCluster): Promise<void>;
}

interface Listed {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels: Record<string, string>;
    readonly annotations: Record<string, string>;
    readonly managedFields?: readonly { readonly manager: string; readonly operation: string }[];
  };
}

const patient = { timeoutMs: 120_000 };

/** kubectl with a manifest; ends with `code`. */
async function feed(cluster: WireCluster, args: string | readonly string[], stdin: string, code = 0): Promise<string> {
  const result = await cluster.kubectl(args, { stdin, ...patient });
  assert.equal(result.code, code, `kubectl ${String(args)}: ${result.stderr}${result.stdout.slice(0, 4000)}`);
  return result.stdout;
}

/** Every object is told of in a line that ends so. */
function eachSays(stdout: string, ending: string | ((sample: Sample) => string)): void {
  const lines = new Set(stdout.split('\n'));
  const wanted = everyKind.map((sample) => `${sample.printed} ${typeof ending === 'string' ? ending : ending(sample)}`);
  const missing = wanted.filter((line) => !lines.has(line));
  assert.deepEqual(missing, [], stdout);
}

/** The objects as they are now, in the order of the manifests. */
async function objects(cluster: WireCluster): Promise<readonly Listed[]> {
  const out = await feed(cluster, 'get -f - -o json --show-managed-fields', everyManifest);
  const { items } = JSON.parse(out) as { readonly items: readonly Listed[] };
  assert.deepEqual(
    items.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
    everyKind.map(({ kind, name }) => `${kind.kind} ${name}`),
  );
  return items;
}

/** Every object's resourceVersion. */
const versions = (cluster: WireCluster): Promise<string> =>
  feed(cluster, ['get', '-f', '-', '-o', 'jsonpath={.items[*].metadata.resourceVersion}'], everyManifest);

async function eachHas(
  cluster: WireCluster,
  what: 'labels' | 'annotations',
  key: string,
  value: string,
): Promise<void> {
  for (const { kind, metadata } of await objects(cluster)) assert.equal(metadata[what][key], value, kind);
}

const outputs: readonly (readonly [string, (sample: Sample) => string | RegExp])[] = [
  ['name', ({ printed }) => printed],
  ['yaml', ({ name }) => new RegExp(`^ {4}name: "?${name}"?$`, 'm')],
  ['jsonpath={range .items[*]}{.kind} {.metadata.name}{"\\n"}{end}', ({ kind, name }) => `${kind.kind} ${name}\n`],
  ['custom-columns=K:.kind,N:.metadata.name', ({ kind, name }) => new RegExp(`^${kind.kind} +${name}$`, 'm')],
  ['go-template={{range .items}}{{.kind}}={{.metadata.name}},{{end}}', ({ kind, name }) => `${kind.kind}=${name},`],
];

export const everyKindScript: readonly Step[] = [
  {
    name: 'create',
    async run(cluster) {
      eachSays(await feed(cluster, 'create -f -', everyManifest), 'created');
    },
  },
  {
    name: 'get in every output',
    async run(cluster) {
      for (const [output, shown] of outputs) {
        const text = await feed(cluster, ['get', '-f', '-', '-o', output], everyManifest);
        for (const sample of everyKind) {
          const wanted = shown(sample);
          assert.ok(
            typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text),
            `${output}: ${sample.printed}`,
          );
        }
      }
      await objects(cluster);
    },
  },
  {
    name: 'get as a table, narrow, wide and with labels',
    async run(cluster) {
      const resources = everyKind.map(({ resource }) => resource).join(',');
      for (const flags of ['', '-o wide', '--show-labels -A']) {
        const { code, stdout, stderr } = await cluster.kubectl(
          `get ${resources} ${flags} --show-kind -l set=every`.split(/ +/),
          patient,
        );
        assert.equal(code, 0, stderr);
        const rows = stdout.split('\n');
        for (const { kind, printed } of everyKind)
          assert.ok(
            // The table of events has no column for the name.
            kind.kind === 'Event' || rows.some((row) => row.split(/ +/).includes(printed)),
            `${printed} is in no row: ${stdout}`,
          );
      }
    },
  },
  {
    name: 'describe',
    async run(cluster) {
      // kubectl before 1.34 describes these by beta versions, which v1.37 does not serve.
      const betas = ['IPAddress', 'ServiceCIDR', 'VolumeAttributesClass'];
      const minor = Number(JSON.parse(await cluster.ok('version --client -o json')).clientVersion.minor);
      const known = everyKind.filter(({ kind }) => minor >= 34 || !betas.includes(kind.kind));
      const text = await feed(cluster, 'describe -f -', known.map(({ yaml }) => yaml).join('\n---\n'));
      for (const { name } of known) assert.match(text, new RegExp(`^Name: +${name}$`, 'm'));
      assert.doesNotMatch(text, /<unknown object>|error/i);
    },
  },
  {
    name: 'explain --recursive',
    async run(cluster) {
      const next = everyKind.values();
      const explain = async (): Promise<void> => {
        for (const { kind } of next) {
          const version = kind.group ? `${kind.group}/${kind.version}` : kind.version;
          const text = await cluster.ok(`explain ${kind.plural} --recursive --api-version=${version}`);
          assert.match(text, new RegExp(`KIND: +${kind.kind}\nVERSION: +${kind.version}\n`));
          assert.match(text, /\n {2}metadata\t<ObjectMeta>\n(.*\n)* {4}ownerReferences\t<\[\]OwnerReference>\n/);
        }
      };
      await Promise.all([explain(), explain()]);
    },
  },
  {
    name: 'label and annotate',
    async run(cluster) {
      eachSays(await feed(cluster, 'label -f - tier=one', everyManifest), 'labeled');
      eachSays(await feed(cluster, 'label -f - --overwrite tier=two', everyManifest), 'labeled');
      eachSays(await feed(cluster, 'annotate -f - by=hand', everyManifest), 'annotated');
      await eachHas(cluster, 'labels', 'tier', 'two');
      await eachHas(cluster, 'annotations', 'by', 'hand');
    },
  },
  {
    name: 'patch in every type',
    async run(cluster) {
      const patches = [
        [
          'json',
          '[{"op":"test","path":"/metadata/annotations/note","value":"first"},{"op":"add","path":"/metadata/annotations/json","value":"1"}]',
        ],
        ['merge', '{"metadata":{"annotations":{"json":null,"merge":"1"}}}'],
        ['strategic', '{"metadata":{"annotations":{"merge":null,"strategic":"1"}}}'],
      ] as const;
      for (const [type, patch] of patches) {
        eachSays(await feed(cluster, ['patch', '-f', '-', `--type=${type}`, '-p', patch], everyManifest), 'patched');
        await eachHas(cluster, 'annotations', type, '1');
        const before = await versions(cluster);
        eachSays(await feed(cluster, ['patch', '-f', '-', `--type=${type}`, '-p', patch], everyManifest), 'patched');
        if (type !== 'json') assert.equal(await versions(cluster), before, 'a patch of nothing wrote something');
      }
    },
  },
  {
    name: 'edit',
    async run(cluster) {
      const file = await cluster.file('every.yaml', everyManifest);
      const editor = await cluster.file('every-editor.sh', '#!/bin/sh\nsed -i "s/by: hand/by: editor/" "$1"\n');
      const { code, stdout, stderr } = await cluster.kubectl(`edit -f ${file}`, {
        env: { KUBE_EDITOR: editor },
        ...patient,
      });
      assert.equal(code, 0, stderr);
      eachSays(stdout, 'edited');
      await eachHas(cluster, 'annotations', 'by', 'editor');
    },
  },
  {
    name: 'replace',
    async run(cluster) {
      const now = await feed(cluster, 'get -f - -o yaml --show-managed-fields', everyManifest);
      eachSays(await feed(cluster, 'replace -f -', now.replaceAll('by: editor', 'by: replace')), 'replaced');
      await eachHas(cluster, 'annotations', 'by', 'replace');
    },
  },
  {
    name: 'apply on the client: takes over, is idempotent, changes, and diff foretells it',
    async run(cluster) {
      eachSays(await feed(cluster, 'apply -f -', everyManifest), 'configured');
      // A budget's selector is replaced as a whole: kubectl sends it each time.
      const idle = ({ kind }: Sample): string => (kind.kind === 'PodDisruptionBudget' ? 'configured' : 'unchanged');
      eachSays(await feed(cluster, 'apply -f -', everyManifest), idle);
      assert.equal(await feed(cluster, 'diff -f -', everyManifest), '');
      const second = everyManifest.replaceAll('note: first', 'note: second');
      const diff = await feed(cluster, 'diff -f -', second, 1);
      assert.equal(diff.match(/^\+ +note: second$/gm)?.length, everyKind.length, diff);
      eachSays(await feed(cluster, 'apply -f -', second), 'configured');
      await eachHas(cluster, 'annotations', 'note', 'second');
    },
  },
  {
    name: 'apply on the server: conflicts, force, idempotence, diff',
    async run(cluster) {
      const third = everyManifest.replaceAll('note: second', 'note: third').replaceAll('note: first', 'note: third');
      const flags = '--server-side --field-manager=owner';
      const refused = await cluster.kubectl(`apply ${flags} -f -`, { stdin: third, ...patient });
      assert.equal(refused.code, 1);
      assert.equal(refused.stderr.match(/Apply failed with \d+ conflicts?/g)?.length, everyKind.length, refused.stderr);
      eachSays(await feed(cluster, `apply ${flags} --force-conflicts -f -`, third), 'serverside-applied');
      const before = await versions(cluster);
      eachSays(await feed(cluster, `apply ${flags} -f -`, third), 'serverside-applied');
      assert.equal(await versions(cluster), before, 'a second apply wrote something');
      assert.equal(await feed(cluster, `diff ${flags} -f -`, third), '');
      for (const { kind, metadata } of await objects(cluster)) {
        assert.equal(metadata.annotations['note'], 'third', kind);
        assert.ok(
          metadata.managedFields?.some(({ manager, operation }) => manager === 'owner' && operation === 'Apply'),
          kind,
        );
      }
    },
  },
  {
    name: 'wait',
    async run(cluster) {
      const file = await cluster.file('every.yaml', everyManifest);
      const { code, stdout, stderr } = await cluster.kubectl(
        ['wait', '-f', file, '--for=jsonpath={.metadata.labels.set}=every', '--timeout=20s'],
        patient,
      );
      assert.equal(code, 0, stderr);
      eachSays(stdout, 'condition met');
    },
  },
  {
    name: 'delete, tried first, then done',
    async run(cluster) {
      await feed(cluster, 'delete -f - --dry-run=server', everyManifest);
      await objects(cluster);
      const file = await cluster.file('every.yaml', everyManifest);
      const stdout = await cluster.ok(`delete -f ${file} --wait=false`);
      for (const { name } of everyKind) assert.ok(stdout.includes(`"${name}" `), `${name}: ${stdout}`);
      const finalized = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'every' }, spec: {} });
      await cluster.ok('replace --raw /api/v1/namespaces/every/finalize -f -', finalized);
      const left = await cluster.ok('get -f - --ignore-not-found -o name', everyManifest);
      assert.equal(left, '');
    },
  },
];
