/**
 * Asks this API server and a reference the same things and prints every kind of difference between their answers, most widespread first.
 * `node test/parity/run.ts [plural ...] [--mode=create|update|status]`; the README says how to read it. Ends with 1 when a difference is left that
 * `known.ts` does not explain. It writes to the reference: never point it at a cluster that somebody uses.
 */
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { load } from 'js-yaml';
import { allKinds, type AnyKind } from '#api/kinds.ts';
import { parseYamlBody } from '#meta/yaml.ts';
import { everyKind } from '../wire/every-kind.ts';
import { wireCluster } from '../wire/fixture.ts';
import { casesOf } from './cases.ts';
import { difference, normal } from './compare.ts';
import { isKnown } from './known.ts';
import { reviews } from './reviews.ts';
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

/** The object once nobody writes it any more: the reference runs some controllers of its own. */
async function settled(side: Peer, path: string): Promise<Json> {
  for (let before = ''; ;) {
    const { body } = await side.ask('GET', path);
    const version = String(((body as Json)['metadata'] as Json | undefined)?.['resourceVersion']);
    if (version === before) return body as Json;
    before = version;
    await setTimeout(300);
  }
}

/** As a client would send it back. */
function asSent(live: Json): Json {
  const copy = structuredClone(live);
  const metadata = (copy['metadata'] ?? {}) as Json;
  for (const field of ['managedFields', 'uid', 'resourceVersion', 'creationTimestamp']) delete metadata[field];
  return copy;
}

/** Of one case; one cause often has many. */
const linesMax = 3;
/** Requests that are under way at each side. */
const workers = 16;

let requests = 0;
let known = 0;
const groups = new Map<string, { count: number; example: string; kinds: Set<string> }>();

/** Lines that differ only in values are one kind of difference. */
function count(kind: string, name: string, line: string): void {
  const key = line
    .replaceAll(/\\?"(?:[^"\\]|\\[^"])*\\?"/g, '"…"')
    .replaceAll(/\d+/g, 'N')
    .replaceAll(/Value: .*?: /g, 'Value: V: ')
    .slice(0, 260);
  const group = groups.get(key);
  if (group) {
    group.count++;
    group.kinds.add(kind);
  } else groups.set(key, { count: 1, example: `${name}\n     ${line}`, kinds: new Set([kind]) });
}

const kinds = allKinds.filter(
  (kind) => wanted.length === 0 || wanted.includes(kind.plural) || wanted.includes(`${kind.plural}.${kind.group}`),
);
for (const kind of kinds) {
  const stored = everyKind.filter((s) => s.kind === kind).map(({ yaml }) => parseYamlBody(yaml).documents[0] as Json);
  const asked = mode === 'create' ? reviews.filter((s) => s.kind === kind).map(({ object }) => object as Json) : [];
  for (const seed of [...stored, ...asked]) {
    const meta = (seed['metadata'] ?? {}) as Json;
    const path = pathOf(kind);
    const live: Json[] = [];
    if (mode !== 'create') {
      for (const side of sides) {
        await gone(side, `${path}/${meta['name'] as string}`);
        const made = await side.ask('POST', path, seed);
        if (made.status >= 300) {
          console.log(kind.kind, 'cannot be made at', side.name, JSON.stringify(made.body).slice(0, 300));
        }
        live.push(await settled(side, `${path}/${meta['name'] as string}`));
      }
    }
    const options = mode === 'status' ? { part: 'status' as const } : {};
    const cases = [...casesOf(kind, live[0] ? asSent(live[0]) : seed, options)];
    // Each side is asked to change its own object: what a server filled in is not the same at both.
    const others = live[1]
      ? new Map([...casesOf(kind, asSent(live[1]), options)].map(({ name, object }) => [name, object]))
      : undefined;
    const queue = cases.values();
    const worker = async (): Promise<void> => {
      for (const { name, object } of queue) {
        requests++;
        let answers: Answer[];
        if (mode === 'create') answers = await both('POST', `${path}?dryRun=All`, object);
        else {
          const sub = mode === 'status' ? '/status' : '';
          answers = await Promise.all(
            sides.map((side, i) => {
              const copy = structuredClone(i === 0 ? object : (others?.get(name) ?? object));
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
        for (const line of found.slice(0, linesMax)) {
          if (isKnown(kind.kind, line)) known++;
          else count(kind.kind, name, line);
        }
      }
    };
    await Promise.all(Array.from({ length: workers }, worker));
    if (mode !== 'create') for (const side of sides) await gone(side, `${path}/${meta['name'] as string}`);
  }
}
for (const group of [...groups.values()].toSorted((a, b) => b.kinds.size - a.kinds.size || b.count - a.count))
  console.log(`${group.count}x in ${[...group.kinds].join(' ')}: ${group.example}`);
console.log(`${requests} asked, ${groups.size} kinds of difference (${known} known differences)`);
process.exitCode = groups.size === 0 ? 0 : 1;
