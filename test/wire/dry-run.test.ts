/** Dry run of every write of every kind and of every subresource: the answer is that of the real thing, and nothing is written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allKinds, type AnyKind } from '#api/kinds.ts';
import { parseYamlBody } from '#meta/yaml.ts';
import { testWire } from '#apiserver/test-api.ts';
import { everyKind, type Sample } from './every-kind.ts';

type Json = Record<string, unknown>;

const rootOf = (kind: AnyKind): string =>
  kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
const collectionOf = ({ kind, namespace }: Pick<Sample, 'kind' | 'namespace'>): string =>
  `${rootOf(kind)}${kind.scope === 'Namespaced' ? `/namespaces/${namespace ?? 'default'}` : ''}/${kind.plural}`;

/** What is written to a subresource that takes a body of its own. */
const bodies: Readonly<Record<string, (name: string) => Json>> = {
  binding: (name) => ({
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name },
    target: { kind: 'Node', name: 'every' },
  }),
  eviction: (name) => ({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } }),
  token: () => ({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['a'] } }),
};

/** Streams and passages to elsewhere: they write nothing in the store. */
const streams = new Set(['log', 'exec', 'attach', 'portforward', 'proxy']);

test('no dry run of any verb of any resource or subresource writes anything', async () => {
  await using wire = await testWire();
  const json = { 'content-type': 'application/json' };
  const state = async (): Promise<number> => wire.api.store.revision();
  const made: (Sample & { readonly path: string })[] = [];
  const asked: string[] = [];
  let before = await state();
  const dry = async (method: string, path: string, body?: unknown, type = 'application/json'): Promise<number> => {
    const answer = await wire.ask(method, `${path}${path.includes('?') ? '&' : '?'}dryRun=All`, {
      ...(body === undefined ? {} : { body }),
      headers: { 'content-type': type },
    });
    asked.push(`${method} ${path}`);
    assert.equal(await state(), before, `${method} ${path} wrote something`);
    return answer.status;
  };
  for (const sample of everyKind) {
    const object = parseYamlBody(sample.yaml).documents[0] as Json;
    const collection = collectionOf(sample);
    const path = `${collection}/${encodeURIComponent(sample.name)}`;
    if (sample.kind.verbs.includes('create')) {
      assert.ok([200, 201].includes(await dry('POST', collection, object)), `create of ${sample.kind.kind}`);
      assert.equal((await wire.ask('GET', path)).status, 404, sample.kind.kind);
    }
    const created = await wire.ask('POST', collection, { body: object, headers: json });
    assert.ok(created.status < 300, `${sample.kind.kind}: ${JSON.stringify(created.json)}`);
    before = await state();
    made.push({ ...sample, path });
  }
  for (const { kind, name, path } of made) {
    const live = (await wire.ask('GET', path)).json as unknown as Json;
    const changed = structuredClone(live) as { metadata: { labels?: Json } };
    changed.metadata.labels = { ...changed.metadata.labels, dry: 'run' };
    assert.equal(await dry('PUT', path, changed), 200, path);
    const patch = { metadata: { labels: { dry: 'run' } } };
    assert.equal(await dry('PATCH', path, patch, 'application/merge-patch+json'), 200, path);
    for (const [subresource, verbs] of subresourcesOf(kind)) {
      if (streams.has(subresource)) continue;
      const at = `${path}/${subresource}`;
      if (verbs.includes('create')) {
        const status = await dry('POST', at, bodies[subresource]?.(name) ?? {});
        assert.ok([200, 201].includes(status), `${status}: POST ${at}`);
      }
      const got = verbs.includes('get') ? ((await wire.ask('GET', at)).json as unknown) : live;
      if (verbs.includes('update')) assert.ok([200, 201, 422].includes(await dry('PUT', at, got)), `PUT ${at}`);
      if (verbs.includes('patch'))
        assert.ok([200, 422].includes(await dry('PATCH', at, patch, 'application/merge-patch+json')), `PATCH ${at}`);
    }
    assert.ok([200, 202].includes(await dry('DELETE', path)), `DELETE ${path}`);
  }
  for (const sample of made)
    if (sample.kind.verbs.includes('deletecollection')) {
      const path = collectionOf(sample);
      assert.equal(await dry('DELETE', `${path}?labelSelector=set%3Devery`), 200, path);
    }
  for (const { path, kind } of made) assert.equal((await wire.ask('GET', path)).status, 200, kind.kind);
  const covered = new Set(
    made.flatMap(({ kind }) => [...subresourcesOf(kind).keys()].map((sub) => `${kind.plural}/${sub}`)),
  );
  for (const kind of allKinds)
    for (const subresource of subresourcesOf(kind).keys())
      assert.ok(covered.has(`${kind.plural}/${subresource}`), `${kind.plural}/${subresource} was not tried`);
});

function subresourcesOf(kind: AnyKind): ReadonlyMap<string, readonly string[]> {
  const { status, scale, other = {} } = kind.subresources;
  return new Map<string, readonly string[]>([
    ...(status ? [['status', ['get', 'update', 'patch']] as const] : []),
    ...(scale ? [['scale', ['get', 'update', 'patch']] as const] : []),
    ...Object.entries(other).map(([name, { verbs }]) => [name, verbs] as const),
  ]);
}
