/**
 * The program of the background processes as a bundle: a few files of plain JavaScript instead of hundreds of TypeScript, made when `up` first meets a source and kept for it.
 * Node keeps the text and the bookkeeping of every module that it loads: the bundle saves each process 10 MB and half its start. A bundle is named by the content of all that
 * it was made from, so it is never stale; lines stay lines and names stay names, so that stack traces can be read in it. Never the only way: what cannot be bundled runs from
 * its source, and `up` says so.
 */
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Millis, World } from '#world/world.ts';

/** How to start a background process: Node runs `entry`. */
export interface BackgroundProgram {
  readonly entry: string;
  /** On top of the environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Why it is the source although a bundle was wanted. */
  readonly problem?: string;
  /** A process runs from it now, and loads more of it when it needs more: it must stay. */
  started(pid: number): Promise<void>;
}

/** A bundle's files by name. */
export type BundleFiles = ReadonlyMap<string, string>;

interface Places {
  /** The checkout. */
  readonly root: string;
  /** Where bundles are kept, one folder each. */
  readonly cache: string;
  readonly build: (root: string) => Promise<BundleFiles>;
}

const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const here: Places = {
  root: checkout,
  cache: join(checkout, 'node_modules', '.cache', 'k8ts', 'program'),
  build: buildBundle,
};

/** What is run, and the threads that it starts by file name. Each becomes a file of this name. */
const entries = {
  background: 'src/cli/background.ts',
  worker: 'src/store/sqlite/worker.ts',
  'file-worker': 'src/store/sqlite/file-worker.ts',
} as const;
/** A bundle that no living process was started from goes when another one is made, but not at once: its `up` may be about to start one. */
const unusedMs: Millis = 3_600_000;

/** The source itself: what debuggers and profilers want to see. */
export const sourceProgram = (root = checkout): BackgroundProgram => ({
  entry: join(root, entries.background),
  env: {},
  started: async () => undefined,
});

/** The bundle of the source as it is now, made if it is not there; the source if that fails. */
export async function backgroundProgram(world: World, places = here): Promise<BackgroundProgram> {
  const { root, cache, build } = places;
  try {
    const directory = join(cache, await contentKey(world, root));
    if (!(await world.disk.stat(directory))) {
      await writeBundle(world, directory, await build(root));
      await removeUnused(world, cache, directory);
    }
    return {
      entry: join(directory, 'background.cjs'),
      // What Node keeps compiled goes with the bundle: by itself it would stay for ever.
      env: { NODE_COMPILE_CACHE: join(directory, 'compiled') },
      started: (pid) => markStarted(world, join(directory, 'started'), pid),
    };
  } catch (error) {
    return { ...sourceProgram(root), problem: (error as Error).message };
  }
}

/** Changes with every byte that could change the bundle, and with the place: the bundle names files of the source. */
async function contentKey(world: World, root: string): Promise<string> {
  const names = ['package.json', 'package-lock.json', ...(await sourceFiles(world, root, 'src'))];
  const contents = await Promise.all(names.map((name) => world.disk.read(join(root, name))));
  const hash = createHash('sha256').update(root);
  for (const [index, name] of names.entries()) {
    const content = contents[index];
    if (!content) throw new Error(`${join(root, name)} cannot be read`);
    hash.update(`\0${name}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 32);
}

/** Every TypeScript file but the tests, in order. */
async function sourceFiles(world: World, root: string, folder: string): Promise<readonly string[]> {
  const found = await Promise.all(
    ((await world.disk.list(join(root, folder))) ?? []).map(async ({ name, type }) => {
      const path = join(folder, name);
      if (type === 'directory') return sourceFiles(world, root, path);
      return name.endsWith('.ts') && !name.endsWith('.test.ts') ? [path] : [];
    }),
  );
  return found.flat();
}

/** All of it or nothing: another `up` may be looking, and may have been quicker. */
async function writeBundle(world: World, directory: string, files: BundleFiles): Promise<void> {
  const temporary = `${directory}.${world.random.suffix(8)}.tmp`;
  await world.disk.makeDirectory(join(temporary, 'started'));
  try {
    await Promise.all([...files].map(([name, content]) => world.disk.write(join(temporary, name), content)));
    await world.disk.rename(temporary, directory);
  } catch (error) {
    await world.disk.remove(temporary, { recursive: true });
    if (!(await world.disk.stat(directory))) throw error;
  }
}

async function markStarted(world: World, folder: string, pid: number): Promise<void> {
  for (const pid of await startedFrom(world, folder))
    if (!world.processes.kill(pid, 0)) await world.disk.remove(join(folder, String(pid)));
  await world.disk.write(join(folder, String(pid)), '');
}

const startedFrom = async (world: World, folder: string): Promise<readonly number[]> =>
  ((await world.disk.list(folder)) ?? []).map(({ name }) => Number(name)).filter((pid) => pid > 0);

async function removeUnused(world: World, cache: string, kept: string): Promise<void> {
  for (const { name } of (await world.disk.list(cache)) ?? []) {
    const directory = join(cache, name);
    const stat = await world.disk.stat(directory);
    if (directory === kept || !stat || world.clock.now() - stat.modifiedAt < unusedMs) continue;
    const started = await startedFrom(world, join(directory, 'started'));
    if (started.some((process) => world.processes.kill(process, 0))) continue;
    await world.disk.remove(directory, { recursive: true });
  }
}

/** Bundles the background processes of the checkout at `root`. */
export async function buildBundle(root: string): Promise<BundleFiles> {
  // Only here: a bundler is a big thing to load.
  const { rolldown } = await import('rolldown');
  const built = await Promise.all(
    Object.entries(entries).map(async ([name, path]) => {
      const bundle = await rolldown({
        cwd: root,
        input: { [name]: join(root, path) },
        platform: 'node',
        // Native code, found beside its package.
        external: ['@lydell/node-pty'],
        plugins: [{ name: 'k8ts-places', transform: (code, id) => placed(code, id, root) }],
      });
      // CommonJS reads of `node:http` and the like only what it uses; a module import reads all of it, and that loads fetch, WebSocket and more.
      const { output } = await bundle.generate({
        format: 'cjs',
        entryFileNames: '[name].cjs',
        chunkFileNames: '[name]-[hash].cjs',
        comments: false,
      });
      await bundle.close();
      return output.map((file) => {
        if (file.type !== 'chunk')
          throw new Error(`${path}: the bundler made a file that is no program: ${file.fileName}`);
        return [file.fileName, latin(file.code)] as const;
      });
    }),
  );
  return new Map(built.flat());
}

/** Files are looked for beside the source, as ever; but a thread is started from its own bundle. */
function placed(code: string, id: string, root: string): string | undefined {
  if (!id.startsWith(join(root, 'src/')) || !code.includes('import.meta')) return undefined;
  return code
    .replaceAll(
      /new Worker\(new URL\('\.\/([a-z-]+)\.ts', import\.meta\.url\)/g,
      `new Worker(require('node:path').join(__dirname, '$1.cjs')`,
    )
    .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href));
}

/** One character beyond Latin-1 makes V8 keep two bytes for each character of the file. */
const latin = (code: string): string =>
  // oxlint-disable-next-line no-control-regex
  code.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
