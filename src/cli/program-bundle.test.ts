/** The bundle of the background processes: what it is named by, when it is made, when it goes, and that the real one can be made. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import { nodeWorld } from '#world/node/world.ts';
import { backgroundProgram, buildBundle } from './program-bundle.ts';

const world = nodeWorld({ log: { level: 'warn' } });
const root = dirname(dirname(import.meta.dirname));

/** A checkout of three files, and a bundler that counts. */
async function checkout(): Promise<
  AsyncDisposable & {
    readonly root: string;
    readonly cache: string;
    readonly built: () => number;
    edit(name: string, text: string): Promise<void>;
    up(): ReturnType<typeof backgroundProgram>;
  }
> {
  const directory = await mkdtemp(join(tmpdir(), 'k8ts-bundle-'));
  const cache = join(directory, 'cache');
  let built = 0;
  const edit = async (name: string, text: string): Promise<void> => {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  };
  await edit('package.json', '{}');
  await edit('package-lock.json', '{}');
  await edit('src/base/one.ts', '1');
  return {
    root: directory,
    cache,
    built: () => built,
    edit,
    up: () =>
      backgroundProgram(world, {
        root: directory,
        cache,
        build: async () => {
          built++;
          return new Map([['background.cjs', `${built}`]]);
        },
      }),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

test('a bundle is made once for a source, and again for every change of it', async () => {
  await using place = await checkout();
  const first = await place.up();
  assert.equal(first.problem, undefined);
  assert.deepEqual(await place.up().then(({ entry }) => entry), first.entry);
  assert.equal(place.built(), 1);
  const entries = new Set([first.entry]);
  const edits = [
    ['src/base/one.ts', '2'],
    ['src/base/deeper/two.ts', ''],
    ['package-lock.json', '{ }'],
  ] as const;
  for (const [name, text] of edits) {
    await place.edit(name, text);
    entries.add((await place.up()).entry);
  }
  assert.equal(entries.size, 4);
  await place.edit('src/base/one.test.ts', 'a test is no part of it');
  await place.up();
  assert.equal(place.built(), 4);
  await place.edit('src/base/one.ts', '1');
  await rm(join(place.root, 'src/base/deeper'), { recursive: true });
  await place.edit('package-lock.json', '{}');
  assert.equal((await place.up()).entry, first.entry);
  assert.equal(place.built(), 4);
});

test('an old bundle goes when a new one is made, unless a process that was started from it lives', async () => {
  await using place = await checkout();
  const names: string[] = [];
  for (const text of ['a', 'b', 'c']) {
    await place.edit('src/base/one.ts', text);
    const { entry, started } = await place.up();
    if (text === 'b') await started(process.pid);
    names.push(entry.split('/').at(-2) as string);
    await utimes(dirname(entry), 0, 0);
  }
  assert.deepEqual((await readdir(place.cache)).toSorted(), names.slice(1).toSorted());
  await place.edit('src/base/one.ts', 'd');
  const { entry } = await place.up();
  const kept = [names[1], entry.split('/').at(-2)];
  assert.deepEqual((await readdir(place.cache)).toSorted(), kept.toSorted());
});

test('without a bundle the source runs, and what was wrong is told', async () => {
  await using place = await checkout();
  await writeFile(place.cache, 'a file where a folder should be');
  const { entry, problem } = await place.up();
  assert.equal(entry, join(place.root, 'src/cli/background.ts'));
  assert.match(problem ?? '', /ENOTDIR|EEXIST/);
});

test('the real bundle is plain one-byte JavaScript in which nothing looks for its source beside itself', async () => {
  const files = await buildBundle(root);
  for (const name of ['background.cjs', 'worker.cjs', 'file-worker.cjs']) assert.ok(files.has(name), name);
  const all = [...files.values()].join('\n');
  // Throws for anything that is no JavaScript.
  for (const [name, code] of files)
    new Script(`(function (exports, require, module, __filename, __dirname) {${code}\n})`, { filename: name });
  assert.doesNotMatch(all, /[^\0-\x7f]/);
  assert.doesNotMatch(all, /import\.meta/);
  for (const thread of ['worker', 'file-worker'])
    assert.ok(all.includes(`.Worker(require("node:path").join(__dirname, "${thread}.cjs")`), thread);
  for (const [file, source] of [
    ['./demo/guestbook.mjs', 'images/demo.ts'],
    ['./relay.mjs', 'kubelet/oci/sandbox.ts'],
  ])
    assert.ok(all.includes(`new URL("${file}", "${pathToFileURL(join(root, 'src', source ?? '')).href}")`), file);
});
