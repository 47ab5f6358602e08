import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { allKinds, type AnyKind } from '#api/kinds.ts';
import { parseYamlBody } from '#meta/yaml.ts';
import { everyKind } from '../wire/every-kind.ts';
import { wireCluster } from '../wire/fixture.ts';
import { casesOf } from './cases.ts';
import { difference, normal } from './compare.ts';
import { peer, type Answer, type Peer } from './servers.ts';

const reference = JSON.parse(process.env['K8TS_REFERENCE'] ?? 'null') as { url: string; token: string } | null;
if (!reference) throw new Error('K8TS_REFERENCE is not set: {"url": …, "token": …}');

type Json = Record<string, unknown>;
const words = process.argv.slice(2);
const mode = (words.find((w) => w.startsWith('--mode='))?.slice(7) ?? 'create') as 'create' | 'update' | 'status';
const wanted = words.filter((w) => !w.startsWith('--'));

await using cluster = await wireCluster();
interface Named {
  readonly user: Record<string, string>;
  readonly cluster: Record<string, string>;
}
const config = load(readFileSync(cluster.kubeconfig, 'utf8')) as { users: Named[]; clusters: Named[] };
const data = (text: string | undefined): string => Buffer.from(text ?? '', 'base64').toString();
using ours = peer('ours', cluster.url, {
  ca: data(config.clusters[0]?.cluster['certificate-authority-data']),
  cert: data(config.users[0]?.user['client-certificate-data']),
  key: data(config.users[0]?.user['client-key-data']),
});
using theirs = peer('theirs', reference.url, { rejectUnauthorized: false, token: reference.token });
const sides: readonly Peer[] = [ours, theirs];
const both = (method: string, path: string, body?: unknown): Promise<Answer[]> =>
  Promise.all(sides.map((side) => side.ask(method, path, body)));

const pathOf = (kind: AnyKind): string => {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  return kind.scope === 'Namespaced' ? `${root}/namespaces/default/${kind.plural}` : `${root}/${kind.plural}`;
};

await both('POST', '/api/v1/namespaces/default/serviceaccounts', {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: 'default' },
});

/** Deletes it, whatever holds it: no controllers run. */
async function gone(side: Peer, path: string): Promise<void> {
  await side.ask('DELETE', path, { gracePeriodSeconds: 0, propagationPolicy: 'Background' });
  const free = { metadata: { finalizers: null } };
  await side.ask('PATCH', path, free, 'application/merge-patch+json');
  if (path.startsWith('/api/v1/namespaces/') && path.split('/').length === 5) {
    const { body } = await side.ask('GET', path);
    await side.ask('PUT', `${path}/finalize`, { ...(body as Json), spec: { finalizers: [] } });
  }
}

let asked = 0;
const groups = new Map<string, { count: number; example: string; kinds: Set<string> }>();
const kinds = allKinds.filter(
  (kind) => wanted.length === 0 || wanted.includes(kind.plural) || wanted.includes(`${kind.plural}.${kind.group}`),
);
for (const kind of kinds) {
  const samples = everyKind.filter((s) => s.kind === kind);
  for (const sample of samples) {
    const seed = parseYamlBody(sample.yaml).documents[0] as Json;
    const meta = seed['metadata'] as Json;
    const path = pathOf(kind);
    let start = seed;
    const live: Json[] = [];
    if (mode !== 'create') {
      for (const side of sides) {
        await gone(side, `${path}/${meta['name'] as string}`);
        const made = await side.ask('POST', path, seed);
        if (made.status >= 300) {
          console.log(kind.kind, 'cannot be made at', side.name, JSON.stringify(made.body).slice(0, 300));
        }
        live.push(made.body as Json);
      }
      start = structuredClone(live[1] as Json);
      const m = start['metadata'] as Json;
      delete m['managedFields'];
      delete m['uid'];
      delete m['resourceVersion'];
      delete m['creationTimestamp'];
    }
    const cases = [...casesOf(kind, start, mode === 'status' ? { part: 'status' } : {})];
    const queue = cases.values();
    const worker = async (): Promise<void> => {
      for (const { name, object } of queue) {
        asked++;
        let answers: Answer[];
        if (mode === 'create') answers = await both('POST', `${path}?dryRun=All`, object);
        else {
          const sub = mode === 'status' ? '/status' : '';
          answers = await Promise.all(
            sides.map((side, i) => {
              const copy = structuredClone(object);
              const lm = ((live[i] as Json)['metadata'] ?? {}) as Json;
              const cm = copy['metadata'] as Json;
              if (cm !== null && typeof cm === 'object' && cm['resourceVersion'] === undefined)
                cm['resourceVersion'] = lm['resourceVersion'];
              return side.ask('PUT', `${path}/${meta['name'] as string}${sub}?dryRun=All`, copy);
            }),
          );
        }
        const [a, b] = answers.map(normal) as [ReturnType<typeof normal>, ReturnType<typeof normal>];
        const found = difference(a, b);
        for (const line of found.slice(0, 3)) {
          const place = name.replace(/ = .*/, '');
          const key = line
            .replaceAll(/\\?"(?:[^"\\]|\\[^"])*\\?"/g, '"…"')
            .replaceAll(/\d+/g, 'N')
            .replaceAll(/Value: .*?: /g, 'Value: V: ')
            .slice(0, 260);
          const group = groups.get(key);
          if (group) {
            group.count++;
            group.kinds.add(kind.kind);
          } else groups.set(key, { count: 1, example: `${name}\n     ${line}`, kinds: new Set([kind.kind]) });
          void place;
        }
      }
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    if (mode !== 'create') for (const side of sides) await gone(side, `${path}/${meta['name'] as string}`);
  }
}
for (const [, { count, example, kinds: of }] of [...groups].toSorted(
  ([, a], [, b]) => b.kinds.size - a.kinds.size || b.count - a.count,
))
  console.log(`${count}x in ${[...of].join(' ')}: ${example}`);
console.log(`${asked} asked, ${groups.size} kinds of difference`);
