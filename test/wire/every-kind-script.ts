/**
 * What a user does with kubectl, done to an object of every kind: steps that any kubectl takes in this order. One command handles all kinds at once, so
 * that the whole takes seconds; each step looks for every object in what was printed.
 */
import assert from 'node:assert/strict';
import { everyKind, manifestOf, type Sample } from './every-kind.ts';
import type { WireCluster } from './fixture.ts';

/** Where the steps are done, and to which objects. */
export interface Stage {
  readonly cluster: WireCluster;
  readonly samples: readonly Sample[];
  /** The samples in one file. */
  readonly manifest: string;
}

export const stageOf = (cluster: WireCluster, samples: readonly Sample[] = everyKind): Stage => ({
  cluster,
  samples,
  manifest: manifestOf(samples),
});

interface Step {
  readonly name: string;
  run(stage: Stage): Promise<void>;
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

const nameless = new Set(['Event', 'StorageVersionMigration']);
const patient = { timeoutMs: 120_000 };

/** kubectl with a manifest; ends with `code`. */
async function feed(stage: Stage, args: string | readonly string[], stdin: string, code = 0): Promise<string> {
  const result = await stage.cluster.kubectl(args, { stdin, ...patient });
  assert.equal(result.code, code, `kubectl ${String(args)}: ${result.stderr}${result.stdout.slice(0, 4000)}`);
  return result.stdout;
}

/** Every object is told of in a line that ends so. */
function eachSays({ samples }: Stage, stdout: string, ending: string | ((sample: Sample) => string)): void {
  const lines = new Set(stdout.split('\n'));
  const wanted = samples.map((sample) => `${sample.printed} ${typeof ending === 'string' ? ending : ending(sample)}`);
  const missing = wanted.filter((line) => !lines.has(line));
  assert.deepEqual(missing, [], stdout);
}

/** The objects as they are now, in the order of the manifests. */
async function objects(stage: Stage): Promise<readonly Listed[]> {
  const out = await feed(stage, 'get -f - -o json --show-managed-fields', stage.manifest);
  const { items } = JSON.parse(out) as { readonly items: readonly Listed[] };
  assert.deepEqual(
    items.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
    stage.samples.map(({ kind, name }) => `${kind.kind} ${name}`),
  );
  return items;
}

/** Every object's resourceVersion. */
const versions = (stage: Stage): Promise<string> =>
  feed(stage, ['get', '-f', '-', '-o', 'jsonpath={.items[*].metadata.resourceVersion}'], stage.manifest);

async function eachHas(stage: Stage, what: 'labels' | 'annotations', key: string, value: string): Promise<void> {
  for (const { kind, metadata } of await objects(stage)) assert.equal(metadata[what][key], value, kind);
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
    async run(stage) {
      eachSays(stage, await feed(stage, 'create -f -', stage.manifest), 'created');
    },
  },
  {
    name: 'get in every output',
    async run(stage) {
      for (const [output, shown] of outputs) {
        const text = await feed(stage, ['get', '-f', '-', '-o', output], stage.manifest);
        for (const sample of stage.samples) {
          const wanted = shown(sample);
          assert.ok(
            typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text),
            `${output}: ${sample.printed}`,
          );
        }
      }
      await objects(stage);
    },
  },
  {
    name: 'get as a table, narrow, wide and with labels',
    async run(stage) {
      const resources = stage.samples.map(({ resource }) => resource).join(',');
      for (const flags of ['', '-o wide', '--show-labels -A']) {
        const { code, stdout, stderr } = await stage.cluster.kubectl(
          `get ${resources} ${flags} --show-kind -l set=every`.split(/ +/),
          patient,
        );
        assert.equal(code, 0, stderr);
        const rows = stdout.split('\n');
        for (const { kind, printed } of stage.samples)
          assert.ok(
            // The table of events has no column for the name, and the one of migrations does not say that it is one, as upstream's.
            nameless.has(kind.kind) || rows.some((row) => row.split(/ +/).includes(printed)),
            `${printed} is in no row: ${stdout}`,
          );
      }
    },
  },
  {
    name: 'describe',
    async run(stage) {
      // kubectl before 1.34 describes these by beta versions, which v1.37 does not serve.
      const betas = ['IPAddress', 'ServiceCIDR', 'VolumeAttributesClass'];
      const minor = Number(JSON.parse(await stage.cluster.ok('version --client -o json')).clientVersion.minor);
      const known = stage.samples.filter(({ kind }) => minor >= 34 || !betas.includes(kind.kind));
      const text = await feed(stage, 'describe -f -', known.map(({ yaml }) => yaml).join('\n---\n'));
      for (const { name } of known) assert.match(text, new RegExp(`^Name: +${name}$`, 'm'));
      assert.deepEqual(text.match(/^.*(<unknown object>|(?<!<)error).*$/gim) ?? [], []);
    },
  },
  {
    name: 'explain --recursive',
    async run(stage) {
      const next = stage.samples.values();
      const explain = async (): Promise<void> => {
        for (const { kind } of next) {
          const version = kind.group ? `${kind.group}/${kind.version}` : kind.version;
          const text = await stage.cluster.ok(`explain ${kind.plural} --recursive --api-version=${version}`);
          assert.match(text, new RegExp(`KIND: +${kind.kind}\nVERSION: +${kind.version}\n`));
          assert.match(
            text,
            /\n {2}metadata\t<ObjectMeta>(?: -required-)?\n(.*\n)* {4}ownerReferences\t<\[\]OwnerReference>\n/,
          );
        }
      };
      await Promise.all([explain(), explain()]);
    },
  },
  {
    name: 'label and annotate',
    async run(stage) {
      eachSays(stage, await feed(stage, 'label -f - tier=one', stage.manifest), 'labeled');
      eachSays(stage, await feed(stage, 'label -f - --overwrite tier=two', stage.manifest), 'labeled');
      eachSays(stage, await feed(stage, 'annotate -f - by=hand', stage.manifest), 'annotated');
      await eachHas(stage, 'labels', 'tier', 'two');
      await eachHas(stage, 'annotations', 'by', 'hand');
    },
  },
  {
    name: 'patch in every type',
    async run(stage) {
      const patches = [
        [
          'json',
          '[{"op":"test","path":"/metadata/annotations/note","value":"first"},{"op":"add","path":"/metadata/annotations/json","value":"1"}]',
        ],
        ['merge', '{"metadata":{"annotations":{"json":null,"merge":"1"}}}'],
        ['strategic', '{"metadata":{"annotations":{"merge":null,"strategic":"1"}}}'],
      ] as const;
      for (const [type, patch] of patches) {
        eachSays(
          stage,
          await feed(stage, ['patch', '-f', '-', `--type=${type}`, '-p', patch], stage.manifest),
          'patched',
        );
        await eachHas(stage, 'annotations', type, '1');
        const before = await versions(stage);
        eachSays(
          stage,
          await feed(stage, ['patch', '-f', '-', `--type=${type}`, '-p', patch], stage.manifest),
          'patched',
        );
        if (type !== 'json') assert.equal(await versions(stage), before, 'a patch of nothing wrote something');
      }
    },
  },
  {
    name: 'edit',
    async run(stage) {
      const file = await stage.cluster.file('every.yaml', stage.manifest);
      const editor = await stage.cluster.file('every-editor.sh', '#!/bin/sh\nsed -i "s/by: hand/by: editor/" "$1"\n');
      const { code, stdout, stderr } = await stage.cluster.kubectl(`edit -f ${file}`, {
        env: { KUBE_EDITOR: editor },
        ...patient,
      });
      assert.equal(code, 0, stderr);
      eachSays(stage, stdout, 'edited');
      await eachHas(stage, 'annotations', 'by', 'editor');
    },
  },
  {
    name: 'replace',
    async run(stage) {
      const now = await feed(stage, 'get -f - -o yaml --show-managed-fields', stage.manifest);
      eachSays(stage, await feed(stage, 'replace -f -', now.replaceAll('by: editor', 'by: replace')), 'replaced');
      await eachHas(stage, 'annotations', 'by', 'replace');
    },
  },
  {
    name: 'apply on the client: takes over, is idempotent, changes, and diff foretells it',
    async run(stage) {
      eachSays(stage, await feed(stage, 'apply -f -', stage.manifest), 'configured');
      // A budget's selector is replaced as a whole: kubectl sends it each time.
      const idle = ({ kind }: Sample): string => (kind.kind === 'PodDisruptionBudget' ? 'configured' : 'unchanged');
      eachSays(stage, await feed(stage, 'apply -f -', stage.manifest), idle);
      assert.equal(await feed(stage, 'diff -f -', stage.manifest), '');
      const second = stage.manifest.replaceAll('note: first', 'note: second');
      const diff = await feed(stage, 'diff -f -', second, 1);
      assert.equal(diff.match(/^\+ +note: second$/gm)?.length, stage.samples.length, diff);
      eachSays(stage, await feed(stage, 'apply -f -', second), 'configured');
      await eachHas(stage, 'annotations', 'note', 'second');
    },
  },
  {
    name: 'apply on the server: conflicts, force, idempotence, diff',
    async run(stage) {
      const third = stage.manifest.replaceAll('note: second', 'note: third').replaceAll('note: first', 'note: third');
      const flags = '--server-side --field-manager=owner';
      const refused = await stage.cluster.kubectl(`apply ${flags} -f -`, { stdin: third, ...patient });
      assert.equal(refused.code, 1);
      assert.equal(
        refused.stderr.match(/Apply failed with \d+ conflicts?/g)?.length,
        stage.samples.length,
        refused.stderr,
      );
      eachSays(stage, await feed(stage, `apply ${flags} --force-conflicts -f -`, third), 'serverside-applied');
      const before = await versions(stage);
      eachSays(stage, await feed(stage, `apply ${flags} -f -`, third), 'serverside-applied');
      assert.equal(await versions(stage), before, 'a second apply wrote something');
      assert.equal(await feed(stage, `diff ${flags} -f -`, third), '');
      for (const { kind, metadata } of await objects(stage)) {
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
    async run(stage) {
      const file = await stage.cluster.file('every.yaml', stage.manifest);
      const { code, stdout, stderr } = await stage.cluster.kubectl(
        ['wait', '-f', file, '--for=jsonpath={.metadata.labels.set}=every', '--timeout=20s'],
        patient,
      );
      assert.equal(code, 0, stderr);
      eachSays(stage, stdout, 'condition met');
    },
  },
  {
    name: 'delete, tried first, then done',
    async run(stage) {
      await feed(stage, 'delete -f - --dry-run=server', stage.manifest);
      await objects(stage);
      const file = await stage.cluster.file('every.yaml', stage.manifest);
      const stdout = await stage.cluster.ok(`delete -f ${file} --wait=false`);
      for (const { name } of stage.samples) assert.ok(stdout.includes(`"${name}" `), `${name}: ${stdout}`);
      const left = async (): Promise<readonly string[]> =>
        (await stage.cluster.ok('get -f - --ignore-not-found -o name', stage.manifest)).split('\n').filter(Boolean);
      // No controller runs here that would let go of storage that nobody uses, and of the namespace: that is done for it.
      for (const name of await left()) {
        if (name === 'namespace/every') continue;
        assert.match(name, /^(persistentvolume|persistentvolumeclaim|volumeattributesclass)[./]/);
        await stage.cluster.ok(`patch ${name} --type=merge -p {"metadata":{"finalizers":null}}`);
      }
      const finalized = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'every' }, spec: {} });
      await stage.cluster.ok('replace --raw /api/v1/namespaces/every/finalize -f -', finalized);
      assert.deepEqual(await left(), []);
    },
  },
];
