/**
 * A pod's volumes on the node: made before its first container, kept current while it runs, removed after its end. Each kind of volume answers with
 * the host path that containers mount (https://kubernetes.io/docs/concepts/storage/volumes/).
 */
import { dirname, join, resolve } from 'node:path';
import { parseQuantity, quantityValue } from '#meta/quantity.ts';
import type { Container } from '#api/core/container.ts';
import type { Pod } from '#api/core/pod.ts';
import type { Volume } from '#api/core/volume.ts';
import type { FileStat, World } from '#world/world.ts';
import { ConfigError, fieldValue, resourceValue, type FieldContext } from '../environment.ts';
import { writeAtomically, type VolumeFile } from './atomic-files.ts';
import type { Sources } from './sources.ts';

/** A volume cannot be made (yet); the pod's event FailedMount tells. */
export class MountError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'MountError';
  }
}

export interface VolumeContext {
  readonly world: World;
  readonly sources: Sources;
  /** The pod's own directory on this node. */
  readonly directory: string;
  readonly pod: Pod;
  readonly fields: FieldContext;
  readonly allocatable: Readonly<Record<string, string>>;
}

/** Volume name → host path. */
export type HostPaths = ReadonlyMap<string, string>;

/** Makes or refreshes all volumes. Throws MountError with upstream's words for what is missing. */
export async function prepareVolumes(context: VolumeContext, present: HostPaths = new Map()): Promise<HostPaths> {
  const paths = new Map<string, string>(present);
  let failed: MountError | undefined;
  for (const volume of context.pod.spec.volumes ?? []) {
    // What stands already is only looked at again where its content follows the API.
    if (paths.has(volume.name) && !isLive(volume)) continue;
    try {
      paths.set(volume.name, await prepare(context, volume));
    } catch (cause) {
      // The others are none the worse for it.
      failed ??= new MountError(`MountVolume.SetUp failed for volume "${volume.name}" : ${(cause as Error).message}`, {
        cause,
      });
    }
  }
  if (failed) throw failed;
  return paths;
}

/** Volumes whose content can change while the pod runs. */
export const isLive = (volume: Volume): boolean =>
  volume.configMap !== undefined ||
  volume.secret !== undefined ||
  volume.projected !== undefined ||
  volume.downwardAPI !== undefined;

const placeOf = (context: VolumeContext, plugin: string, name: string): string =>
  join(context.directory, 'volumes', `kubernetes.io~${plugin}`, name);

async function prepare(context: VolumeContext, volume: Volume): Promise<string> {
  const { pod } = context;
  const owner = pod.spec.securityContext?.fsGroup === undefined ? {} : { gid: pod.spec.securityContext.fsGroup };
  if (volume.emptyDir) return emptyDir(context, volume.name, volume.emptyDir);
  if (volume.hostPath) return hostPath(context, volume.hostPath);
  if (volume.configMap) {
    const { name = '', items, optional, defaultMode = 0o644 } = volume.configMap;
    const files = await configMapFiles(context, { name, items, optional, mode: defaultMode });
    return written(context, 'configmap', volume.name, files, owner);
  }
  if (volume.secret) {
    const { secretName = '', items, optional, defaultMode = 0o644 } = volume.secret;
    const files = await secretFiles(context, { name: secretName, items, optional, mode: defaultMode });
    return written(context, 'secret', volume.name, files, owner);
  }
  if (volume.downwardAPI) {
    const files = downwardFiles(context, volume.downwardAPI.items ?? [], volume.downwardAPI.defaultMode ?? 0o644);
    return written(context, 'downward-api', volume.name, files, owner);
  }
  if (volume.projected)
    return written(context, 'projected', volume.name, await projectedFiles(context, volume.projected), owner);
  const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
  throw new ConfigError(`volumes of kind ${kind} are not supported on this node`);
}

async function giveToGroup({ disk }: World, path: string, group: number): Promise<void> {
  await disk.chown(path, 0, group);
  await disk.chmod(path, 0o2777);
}

async function written(
  context: VolumeContext,
  plugin: string,
  name: string,
  files: ReadonlyMap<string, VolumeFile>,
  owner: { gid?: number },
): Promise<string> {
  const path = placeOf(context, plugin, name);
  // Secrets and tokens live in memory, never on the disk.
  if (plugin === 'secret' || plugin === 'projected') await mountMemory(context.world, path, undefined);
  await writeAtomically(context.world, path, files, owner);
  return path;
}

async function emptyDir(
  context: VolumeContext,
  name: string,
  source: NonNullable<Volume['emptyDir']>,
): Promise<string> {
  const path = placeOf(context, 'empty-dir', name);
  const { disk } = context.world;
  if ((await disk.stat(path)) === undefined) {
    await disk.makeDirectory(path, { mode: 0o777 });
    await disk.chmod(path, 0o777);
  }
  if (source.medium === 'Memory') {
    const limit = source.sizeLimit === undefined ? undefined : parseQuantity(source.sizeLimit);
    await mountMemory(context.world, path, limit && quantityValue(limit) > 0 ? quantityValue(limit) : undefined, 0o777);
  }
  const group = context.pod.spec.securityContext?.fsGroup;
  if (group !== undefined) await giveToGroup(context.world, path, group);
  return path;
}

/** A tmpfs at `path`, once. */
async function mountMemory(world: World, path: string, sizeBytes: number | undefined, mode = 0o755): Promise<void> {
  await world.disk.makeDirectory(path, { mode });
  if (world.processes.self.uid !== 0 || world.processes.self.platform !== 'linux') return;
  const mounts = (await world.disk.readText('/proc/self/mounts')) ?? '';
  if (mounts.includes(` ${path.replaceAll(' ', String.raw`\040`)} tmpfs `)) return;
  const options = [`mode=${mode.toString(8)}`, ...(sizeBytes === undefined ? [] : [`size=${sizeBytes}`])].join(',');
  const { code, stderr } = await world.processes.run(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', path]);
  if (code !== 0) throw new Error(`tmpfs cannot be mounted: ${stderr.trim()}`);
}

async function hostPath(
  { world }: VolumeContext,
  { path, type = '' }: NonNullable<Volume['hostPath']>,
): Promise<string> {
  const found = await followed(world, path);
  const refuse = (what: string): never => {
    throw new Error(`hostPath type check failed: ${path} is not a ${what}`);
  };
  switch (type) {
    case '':
    case 'DirectoryOrCreate':
      if (!found) await world.disk.makeDirectory(path, { mode: 0o755 });
      else if (type !== '' && found.type !== 'directory') refuse('directory');
      break;
    case 'FileOrCreate':
      if (!found) await world.disk.write(path, '', { mode: 0o644 });
      else if (found.type !== 'file') refuse('file');
      break;
    case 'Directory':
      if (found?.type !== 'directory') refuse('directory');
      break;
    case 'File':
      if (found?.type !== 'file') refuse('file');
      break;
    case 'Socket':
    case 'CharDevice':
    case 'BlockDevice':
      if (found?.type !== 'other')
        refuse({ Socket: 'socket file', CharDevice: 'character device', BlockDevice: 'block device' }[type]);
      break;
    default:
      throw new ConfigError(`the hostPath type ${type} is not known`);
  }
  return path;
}

/** What is at the end of a path of links. */
async function followed({ disk }: World, path: string): Promise<FileStat | undefined> {
  let at = path;
  for (let links = 0; links < linksMax; links++) {
    const stat = await disk.stat(at);
    if (!stat) return undefined;
    if (stat.type !== 'symlink') return stat;
    at = resolve(dirname(at), (await disk.readLink(at)) ?? '');
  }
  throw new Error(`${path} has too many links`);
}

interface KeyedSource {
  readonly name: string;
  readonly items: readonly { readonly key: string; readonly path: string; readonly mode?: number }[] | undefined;
  readonly optional: boolean | undefined;
  readonly mode: number;
}

async function configMapFiles({ sources, pod }: VolumeContext, source: KeyedSource): Promise<Map<string, VolumeFile>> {
  const object = await sources.configMap(pod, source.name);
  if (!object && !source.optional) throw new Error(`configmap "${source.name}" not found`);
  const contents = new Map<string, Buffer>();
  for (const [key, value] of Object.entries(object?.data ?? {})) contents.set(key, Buffer.from(value));
  for (const [key, value] of Object.entries(object?.binaryData ?? {})) contents.set(key, Buffer.from(value, 'base64'));
  return chosen(contents, source);
}

async function secretFiles({ sources, pod }: VolumeContext, source: KeyedSource): Promise<Map<string, VolumeFile>> {
  const object = await sources.secret(pod, source.name);
  if (!object && !source.optional) throw new Error(`secret "${source.name}" not found`);
  const contents = new Map(
    Object.entries(object?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]),
  );
  return chosen(contents, source);
}

function chosen(
  contents: ReadonlyMap<string, Buffer>,
  { items, optional, mode }: KeyedSource,
): Map<string, VolumeFile> {
  const files = new Map<string, VolumeFile>();
  if (!items?.length) {
    for (const [key, content] of contents) files.set(key, { content, mode });
    return files;
  }
  for (const item of items) {
    const content = contents.get(item.key);
    if (content) files.set(item.path, { content, mode: item.mode ?? mode });
    else if (!optional) throw new Error(`references non-existent config key: ${item.key}`);
  }
  return files;
}

type DownwardItem = NonNullable<NonNullable<Volume['downwardAPI']>['items']>[number];

function downwardFiles(
  { pod, fields, allocatable }: VolumeContext,
  items: readonly DownwardItem[],
  mode: number,
): Map<string, VolumeFile> {
  const files = new Map<string, VolumeFile>();
  for (const item of items) {
    const text = item.fieldRef
      ? fieldValue(item.fieldRef.fieldPath, pod, fields)
      : item.resourceFieldRef
        ? resourceValue(item.resourceFieldRef, pod, undefined, allocatable)
        : '';
    files.set(item.path, { content: Buffer.from(text), mode: item.mode ?? mode });
  }
  return files;
}

async function projectedFiles(
  context: VolumeContext,
  { sources = [], defaultMode = 0o644 }: NonNullable<Volume['projected']>,
): Promise<Map<string, VolumeFile>> {
  const files = new Map<string, VolumeFile>();
  const add = (more: ReadonlyMap<string, VolumeFile>): void => more.forEach((file, path) => files.set(path, file));
  for (const source of sources) {
    if (source.configMap) {
      const { name = '', items, optional } = source.configMap;
      add(await configMapFiles(context, { name, items, optional, mode: defaultMode }));
    }
    if (source.secret) {
      const { name = '', items, optional } = source.secret;
      add(await secretFiles(context, { name, items, optional, mode: defaultMode }));
    }
    if (source.downwardAPI) add(downwardFiles(context, source.downwardAPI.items ?? [], defaultMode));
    if (source.serviceAccountToken) {
      const { audience, expirationSeconds = 3600, path } = source.serviceAccountToken;
      const token = await context.sources.token(context.pod, audience || undefined, expirationSeconds);
      // A process that is not root and has no fsGroup must still be able to read its token.
      const user = context.pod.spec.securityContext?.runAsUser;
      files.set(path, { content: Buffer.from(token), mode: user === undefined ? defaultMode : 0o644 });
    }
  }
  return files;
}

/** Unmounts and deletes everything the pod has on this node. */
export async function removeVolumes(world: World, directory: string): Promise<void> {
  await removeMounts(world, directory);
  await world.disk.remove(directory, { recursive: true });
}

/** Unmounts everything below a directory, the deepest first. */
export async function removeMounts(world: World, directory: string): Promise<void> {
  const mounts = ((await world.disk.readText('/proc/self/mounts')) ?? '')
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replaceAll(String.raw`\040`, ' '));
  for (const path of mounts
    .filter((each) => each.startsWith(`${directory}/`))
    .toSorted()
    .toReversed()) {
    const { code, stderr } = await world.processes.run(['umount', path]);
    if (code !== 0) {
      world.log.warn('a mount is busy and is detached lazily', { path, error: stderr.trim() });
      await world.processes.run(['umount', '-l', path]);
    }
  }
}

const linksMax = 40;

/**
 * The host path of one mount of a container; `subPath` is made when it is missing and must stay inside the volume. Links are followed here, one by one, because a
 * container may have planted them: the answer has none left in it.
 */
export async function mountedPath(
  world: World,
  mount: NonNullable<Container['volumeMounts']>[number],
  volumePath: string,
  subPath: string,
): Promise<string> {
  if (!subPath) return volumePath;
  const refuse = (why: string): never => {
    throw new ConfigError(`subPath "${subPath}" of volume "${mount.name}" ${why}`);
  };
  if (subPath.startsWith('/') || subPath.split('/').includes('..')) refuse('must be relative and not contain ".."');
  const left = subPath.split('/').filter((part) => part !== '' && part !== '.');
  const at: string[] = [];
  for (let links = 0; left.length > 0;) {
    const part = left.shift() as string;
    if (part === '..') {
      if (at.pop() === undefined) refuse('leaves the volume');
      continue;
    }
    const path = join(volumePath, ...at, part);
    const stat = await world.disk.stat(path);
    if (stat?.type === 'symlink') {
      const target = (await world.disk.readLink(path)) ?? '';
      if (target.startsWith('/') || ++links > linksMax) refuse('leaves the volume');
      left.unshift(...target.split('/').filter((each) => each !== '' && each !== '.'));
      continue;
    }
    if (!stat) await world.disk.makeDirectory(path, { mode: 0o755 });
    else if (stat.type !== 'directory' && left.length > 0) refuse(`goes through "${part}", which is not a directory`);
    at.push(part);
  }
  return join(volumePath, ...at);
}
