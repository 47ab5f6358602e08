/**
 * Turns the entries of a layer's tar into the entries of an overlayfs layer directory: whiteouts become 0:0 devices, opaque
 * markers an attribute, and every path is resolved inside the layer as a chroot would, so that nothing the archive says can
 * reach outside of it. A plain transformation of headers: it must never write anything itself.
 */
import { TarError, type TarHeader } from './tar-reader.ts';

/** What a lower layer knows about a path (latin1, without a leading slash). */
export interface LowerLookup {
  /** Owner and mode of a directory in the layers below, if it is one there. */
  directory(path: string): Promise<{ mode: number; uid: number; gid: number; modifiedAt: number } | undefined>;
  /** A regular file in the layers below: where it is on disk, and its header. */
  file(path: string): Promise<{ diskPath: string; header: TarHeader } | undefined>;
}

export interface Converted {
  readonly header: TarHeader;
  /** 'own': the entry's body follows; a path: this file's bytes; 'none': no content. */
  readonly content: 'own' | 'none' | { readonly diskPath: string };
}

type Known =
  | { readonly kind: 'directory'; readonly header: TarHeader }
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'whiteout' | 'other' };

const symlinksFollowedMax = 40; // Linux' own limit
const pathBytesMax = 4096;

/** One converter a layer. `dependsOnLower` turns true when the result took something from the layers below. */
export class LayerEntries {
  readonly #lower: LowerLookup;
  readonly #known = new Map<string, Known>([]);
  dependsOnLower = false;

  constructor(lower: LowerLookup) {
    this.#lower = lower;
  }

  /** The overlay entries for one tar entry, in order. Throws TarError for what must not be unpacked. */
  async convert(header: TarHeader): Promise<readonly Converted[]> {
    const parts = splitPath(header.name, header.name);
    if (parts.length === 0) {
      if (header.type !== 'directory') throw new TarError(`layer entry ${show(header.name)} would replace the root`);
      return [own({ ...header, name: './', attributes: keepAttributes(header) }, 'none')];
    }
    const base = parts[parts.length - 1] as string;
    // `.wh..wh.*` names other than the opaque marker are bookkeeping of aufs and mean nothing to anybody else.
    if (parts.some((part) => part.startsWith('.wh..wh.') && part !== '.wh..wh..opq')) return [];
    if (base.startsWith('.wh.')) return this.#whiteout(parts.slice(0, -1), base, header);
    const before: Converted[] = [];
    const parent = await this.#resolveParent(parts.slice(0, -1), header.name, before);
    const path = [...parent, base].join('/');
    const earlier = this.#known.get(path);
    const clean: TarHeader = { ...header, name: path, attributes: keepAttributes(header) };
    switch (header.type) {
      case 'directory': {
        const opaque = earlier?.kind === 'whiteout' || (earlier?.kind === 'directory' && isOpaque(earlier.header));
        const directory = {
          ...clean,
          name: `${path}/`,
          attributes: opaque ? { ...clean.attributes, ...opaqueAttribute } : clean.attributes,
        };
        this.#known.set(path, { kind: 'directory', header: directory });
        return [...before, own(directory, 'none')];
      }
      case 'link':
        this.#forget(path, earlier);
        return [...before, await this.#hardLink(clean, path)];
      case 'symlink':
        this.#forget(path, earlier);
        if (header.linkName === '')
          throw new TarError(`layer entry ${show(header.name)} is a symbolic link to nothing`);
        this.#known.set(path, { kind: 'symlink', target: header.linkName });
        return [...before, own(clean, 'none')];
      case 'file':
      case 'character':
      case 'block':
      case 'fifo':
        this.#forget(path, earlier);
        this.#known.set(path, { kind: 'other' });
        return [...before, own(clean, header.type === 'file' ? 'own' : 'none')];
      default:
        return header.type satisfies never;
    }
  }

  async #whiteout(parentParts: readonly string[], base: string, header: TarHeader): Promise<readonly Converted[]> {
    const before: Converted[] = [];
    const parent = await this.#resolveParent(parentParts, header.name, before);
    if (base === '.wh..wh..opq') {
      const path = parent.join('/');
      const known = this.#known.get(path);
      const directory: TarHeader =
        known?.kind === 'directory'
          ? known.header
          : { ...implicitDirectory(path === '' ? '.' : path, header.modifiedAt) };
      const opaque = { ...directory, attributes: { ...directory.attributes, ...opaqueAttribute } };
      if (path !== '') this.#known.set(path, { kind: 'directory', header: opaque });
      return [...before, own(opaque, 'none')];
    }
    const name = base.slice('.wh.'.length);
    if (name === '' || name === '.' || name === '..')
      throw new TarError(`layer entry ${show(header.name)} is a whiteout of nothing`);
    const path = [...parent, name].join('/');
    const known = this.#known.get(path);
    if (known?.kind === 'directory') {
      const opaque = { ...known.header, attributes: { ...known.header.attributes, ...opaqueAttribute } };
      this.#known.set(path, { kind: 'directory', header: opaque });
      return [...before, own(opaque, 'none')];
    }
    // A whiteout hides what is below; what this very layer brings stays.
    if (known) return before;
    this.#known.set(path, { kind: 'whiteout' });
    return [
      ...before,
      own(
        {
          ...header,
          name: path,
          type: 'character',
          mode: 0,
          uid: 0,
          gid: 0,
          sizeBytes: 0,
          linkName: '',
          deviceMajor: 0,
          deviceMinor: 0,
          attributes: {},
        },
        'none',
      ),
    ];
  }

  async #hardLink(header: TarHeader, path: string): Promise<Converted> {
    const target = await this.#locate(header.linkName, header.name);
    const known = this.#known.get(target);
    if (target === path) throw new TarError(`layer entry ${show(header.name)} is a hard link to itself`);
    if (known?.kind === 'other' || known?.kind === 'symlink') {
      this.#known.set(path, known);
      return own({ ...header, linkName: target, sizeBytes: 0, attributes: {} }, 'none');
    }
    const below = known ? undefined : await this.#lower.file(target);
    if (!below)
      throw new TarError(
        `layer entry ${show(header.name)} is a hard link to ${show(header.linkName)}, which does not exist`,
      );
    this.dependsOnLower = true;
    this.#known.set(path, { kind: 'other' });
    return { header: { ...below.header, name: path }, content: { diskPath: below.diskPath } };
  }

  /** The resolved path of a hard link's target, without creating anything on the way. */
  async #locate(name: string, of: string): Promise<string> {
    const parts = splitPath(name, of);
    const base = parts.pop();
    if (base === undefined) throw new TarError(`layer entry ${show(of)} is a hard link to the root`);
    return [...(await this.#resolveParent(parts, of, undefined)), base].join('/');
  }

  /**
   * Follows the symbolic links of this layer inside it. Directories that nobody declared are added to `before`, with the
   * owner and mode that the layers below give them (as /tmp's 1777 must survive a layer that only adds /tmp/x).
   */
  async #resolveParent(
    parts: readonly string[],
    of: string,
    before: Converted[] | undefined,
  ): Promise<readonly string[]> {
    const todo = [...parts];
    const done: string[] = [];
    let followed = 0;
    while (todo.length > 0) {
      const part = todo.shift() as string;
      if (part === '..') {
        done.pop();
        continue;
      }
      done.push(part);
      const path = done.join('/');
      const known = this.#known.get(path);
      if (known?.kind === 'directory') continue;
      if (known?.kind === 'symlink') {
        if (++followed > symlinksFollowedMax) throw new TarError(`layer entry ${show(of)}: too many symbolic links`);
        done.pop();
        if (known.target.startsWith('/')) done.length = 0;
        // `..` stays in the list and cannot rise above the root, as in a chroot.
        todo.unshift(...known.target.split('/').filter((piece) => piece !== '' && piece !== '.'));
        continue;
      }
      if (known?.kind === 'other') throw new TarError(`layer entry ${show(of)}: ${show(path)} is not a directory`);
      if (!before) continue;
      const below = await this.#lower.directory(path);
      if (below) this.dependsOnLower = true;
      const directory: TarHeader = {
        ...implicitDirectory(path, 0),
        ...below,
        ...(known ? { attributes: opaqueAttribute } : {}),
      };
      this.#known.set(path, { kind: 'directory', header: directory });
      before.push(own(directory, 'none'));
    }
    return done;
  }

  /** Something else takes this place: what was below it in the tree is gone with it. */
  #forget(path: string, earlier: Known | undefined): void {
    if (earlier?.kind !== 'directory') return;
    const prefix = `${path}/`;
    for (const name of this.#known.keys()) if (name.startsWith(prefix)) this.#known.delete(name);
  }
}

const opaqueAttribute: Readonly<Record<string, string>> = { 'trusted.overlay.opaque': 'y' };

function isOpaque(header: TarHeader): boolean {
  return header.attributes['trusted.overlay.opaque'] === 'y';
}

/** File capabilities and the user's own attributes; overlayfs' and the security modules' are not the archive's to set. */
function keepAttributes(header: TarHeader): Readonly<Record<string, string>> {
  const kept = Object.entries(header.attributes).filter(
    ([key]) => key === 'security.capability' || key.startsWith('user.'),
  );
  return Object.fromEntries(header.type === 'file' || header.type === 'directory' ? kept : []);
}

function implicitDirectory(path: string, modifiedAt: number): TarHeader {
  return {
    name: `${path}/`,
    type: 'directory',
    mode: 0o755,
    uid: 0,
    gid: 0,
    sizeBytes: 0,
    modifiedAt,
    linkName: '',
    deviceMajor: 0,
    deviceMinor: 0,
    attributes: {},
  };
}

function own(header: TarHeader, content: Converted['content']): Converted {
  return { header, content };
}

function splitPath(name: string, of: string): string[] {
  if (name.length > pathBytesMax) throw new TarError(`layer entry ${show(of)}: the path is too long`);
  if (name.includes('\0')) throw new TarError(`layer entry ${show(of)}: the path has a zero byte`);
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.pop() === undefined) throw new TarError(`layer entry ${show(of)} leaves the root`);
    if (part === '..') continue;
    if (part.length > 255) throw new TarError(`layer entry ${show(of)}: a name is longer than 255 bytes`);
    parts.push(part);
  }
  return parts;
}

function show(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}
