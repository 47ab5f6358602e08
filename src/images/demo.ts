/**
 * The demo images `k8ts.local/guestbook:v1` and `:v2`, made on this machine without any registry: its own Node, the shared
 * libraries Node needs, a shell with a few tools, and demo/guestbook.mjs. Files are hard links where the filesystem allows
 * it, so the 120 MB of Node are neither copied nor compressed (and the page cache holds them once). The layers exist only as
 * directories: their "diff ids" are digests of what they were made from, since no tar of them was ever written.
 */
import type { World } from '#world/world.ts';
import type { ImageStore, StoredImage } from './image-store.ts';
import { platformOf } from './manifest.ts';
import { type Digest, digestOf } from './reference.ts';

export const demoImages: readonly string[] = ['k8ts.local/guestbook:v1', 'k8ts.local/guestbook:v2'];

export interface DemoOptions {
  /** The application's source; default: the file beside this one. */
  readonly appPath?: string;
  /** Never use busybox, even where it is installed. */
  readonly withoutBusybox?: boolean;
}

/** What a pod's shell is expected to have; missing ones are left out. `tar` is what `kubectl cp` runs. */
const tools = [
  'sh',
  'ls',
  'cat',
  'ps',
  'env',
  'sleep',
  'hostname',
  'id',
  'tar',
  'echo',
  'grep',
  'head',
  'tail',
  'wc',
  'date',
  'mkdir',
  'rm',
  'cp',
  'mv',
  'ln',
  'touch',
  'test',
  'true',
  'false',
  'printf',
  'kill',
  'uname',
  'stat',
  'df',
  'du',
  'dd',
  'nproc',
  'whoami',
  'tr',
  'cut',
  'sort',
  'seq',
  'find',
  'sed',
  'chmod',
  'chown',
];

/** Makes the demo images unless they are there and still fit this machine's Node. */
export async function ensureDemoImages(
  world: World,
  store: ImageStore,
  options: DemoOptions = {},
): Promise<readonly StoredImage[]> {
  const node = await world.disk.readLink('/proc/self/exe');
  if (node === undefined) throw new Error('demo image: /proc/self/exe cannot be read; this needs Linux');
  const appPath = options.appPath ?? decodeURIComponent(new URL('./demo/guestbook.mjs', import.meta.url).pathname);
  const app = await world.disk.read(appPath);
  if (!app) throw new Error(`demo image: ${appPath} is missing`);
  const stat = await world.disk.stat(node);
  if (!stat) throw new Error(`demo image: ${node} is gone; was Node replaced while it runs?`);
  const recipe = digestOf(
    JSON.stringify([3, node, stat.sizeBytes, stat.modifiedAt, digestOf(app), options.withoutBusybox ?? false]),
  );
  const known = await Promise.all(demoImages.map((name) => store.get(name)));
  if (known.every((image) => image?.config.labels['k8ts.local/recipe'] === recipe))
    return known.filter((image) => image !== undefined);

  const base = await planBase(world, node, options);
  const layers = [
    { diffId: base.diffId, build: (directory: string) => buildBase(world, directory, base) },
    {
      diffId: digestOf(app),
      build: async (directory: string) => {
        await world.disk.makeDirectory(`${directory}/app`, { mode: 0o755 });
        await world.disk.write(`${directory}/app/guestbook.mjs`, app, { mode: 0o644 });
        return app.length;
      },
    },
  ];
  const images: StoredImage[] = [];
  for (const name of demoImages) {
    const version = name.slice(name.lastIndexOf(':') + 1);
    const config = {
      ...platformOf(world.processes.self.arch),
      config: {
        User: '1000:1000',
        Env: ['PATH=/usr/local/bin:/usr/bin:/bin', `GUESTBOOK_VERSION=${version}`, 'NODE_ENV=production'],
        Entrypoint: ['node', '/app/guestbook.mjs'],
        Cmd: ['frontend'],
        WorkingDir: '/app',
        ExposedPorts: { '8080/tcp': {} },
        Labels: {
          'org.opencontainers.image.title': 'k8ts guestbook',
          'org.opencontainers.image.version': version,
          'k8ts.local/recipe': recipe,
        },
      },
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
    };
    images.push(await store.addLocal({ configBytes: Buffer.from(JSON.stringify(config)), names: [name], layers }));
  }
  return images;
}

interface BasePlan {
  readonly diffId: Digest;
  /** Where in the image → which file of this machine. */
  readonly files: ReadonlyMap<string, { path: string; sizeBytes: number }>;
  /** Where in the image → what the symbolic link says. */
  readonly links: ReadonlyMap<string, string>;
}

async function planBase(world: World, node: string, options: DemoOptions): Promise<BasePlan> {
  const wanted = new Map<string, string>([['/usr/local/bin/node', node]]);
  const links = new Map<string, string>();
  const busybox = options.withoutBusybox ? undefined : await world.processes.which('busybox');
  const applets =
    busybox === undefined
      ? []
      : (await world.processes.run([busybox, '--list'])).stdout.split('\n').filter((name) => /^[\w[-]+$/.test(name));
  if (busybox !== undefined && applets.includes('sh')) {
    wanted.set('/bin/busybox', busybox);
    for (const applet of applets) if (applet !== 'busybox') links.set(`/bin/${applet}`, 'busybox');
  } else {
    for (const tool of tools) {
      const found = await world.processes.which(tool);
      if (found !== undefined) wanted.set(`/bin/${tool}`, found);
    }
  }
  links.set('/usr/bin', '../bin');
  for (const library of await libraries(world, [...wanted.values()])) wanted.set(library, library);
  // Name look-ups of older C libraries load these at run time; newer ones have them built in.
  for (const library of [...wanted.keys()].filter((path) => path.endsWith('/libc.so.6'))) {
    for (const name of ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2']) {
      const path = library.replace('libc.so.6', name);
      if (await world.disk.stat(path)) wanted.set(path, path);
    }
  }
  const targets = [...wanted.keys()];
  const real = await world.processes.run(['readlink', '-f', ...wanted.values()]);
  const realPaths = real.stdout.trimEnd().split('\n');
  if (real.code !== 0 || realPaths.length !== targets.length)
    throw new Error(`demo image: cannot find its files: ${real.stderr.trim()}`);
  const files = new Map<string, { path: string; sizeBytes: number }>();
  const identity: unknown[] = [];
  for (const [index, target] of targets.entries()) {
    const path = realPaths[index] as string;
    const stat = await world.disk.stat(path);
    if (stat?.type !== 'file') throw new Error(`demo image: ${path} is not a file`);
    files.set(target, { path, sizeBytes: stat.sizeBytes });
    identity.push([target, path, stat.sizeBytes, stat.modifiedAt]);
  }
  return { files, links, diffId: digestOf(JSON.stringify(['k8ts demo base 3', identity, [...links]])) };
}

/** The shared libraries of these programs, by the paths the dynamic linker will look for. */
async function libraries(world: World, programs: readonly string[]): Promise<ReadonlySet<string>> {
  // Exit code 1 only means that some of them are static.
  const { stdout } = await world.processes.run(['ldd', ...programs]);
  const found = new Set<string>();
  for (const line of stdout.split('\n')) {
    const match = /(?:=>\s+|^\s+)(\/\S+)\s+\(0x/.exec(line);
    if (match?.[1]) found.add(match[1]);
    if (/=> not found/.test(line)) throw new Error(`demo image: ${line.trim()}`);
  }
  return found;
}

async function buildBase(world: World, directory: string, plan: BasePlan): Promise<number> {
  const { disk } = world;
  const folders = new Set(['bin', 'usr/local/bin', 'etc', 'proc', 'sys', 'dev', 'root', 'tmp', 'var', 'data']);
  for (const target of plan.files.keys()) folders.add(target.slice(1, target.lastIndexOf('/')));
  await Promise.all([...folders].map((folder) => disk.makeDirectory(`${directory}/${folder}`, { mode: 0o755 })));
  await disk.chmod(`${directory}/tmp`, 0o1777);
  await disk.chown(`${directory}/data`, 1000, 1000);
  const copies: [string, string][] = [];
  await Promise.all(
    [...plan.files].map(async ([target, { path }]) => {
      try {
        await disk.link(path, `${directory}${target}`);
      } catch (error) {
        // Another filesystem, or one without hard links.
        if (!['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
        copies.push([path, `${directory}${target}`]);
      }
    }),
  );
  for (const [from, to] of copies) {
    const result = await world.processes.run(['cp', '--reflink=auto', '--preserve=mode,timestamps', from, to]);
    if (result.code !== 0) throw new Error(`demo image: ${result.stderr.trim()}`);
  }
  await Promise.all([...plan.links].map(([path, target]) => disk.symlink(target, `${directory}${path}`)));
  const texts: Readonly<Record<string, string>> = {
    'etc/passwd':
      'root:x:0:0:root:/root:/bin/sh\nguestbook:x:1000:1000:guestbook:/app:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
    'etc/group': 'root:x:0:\nguestbook:x:1000:\nnogroup:x:65534:\n',
    'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
    'etc/os-release': 'ID=k8ts-demo\nPRETTY_NAME="k8ts demo image"\n',
  };
  for (const [path, text] of Object.entries(texts)) {
    await disk.append(`${directory}/${path}`, text);
    await disk.chmod(`${directory}/${path}`, 0o644);
  }
  return [...plan.files.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
