/**
 * Whole image archives, through the import up to what is given to GNU tar, on a simulated machine whose `tar` looks at each entry before it unpacks it: none may leave the
 * layer's directory, nor go through a link that an earlier one has made.
 */
import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { PassThrough, Writable, type Readable } from 'node:stream';
import { openImageStore } from '#images/image-store.ts';
import { importImages } from '#images/import.ts';
import { InvalidImage } from '#images/manifest.ts';
import { InvalidReference } from '#images/reference.ts';
import { readTar, TarError, type TarHeader } from '#images/tar-reader.ts';
import type { SimWorld } from '#sim/world/world.ts';
import type { ChildProcess, Disk, World } from '#world/world.ts';
import type { Target } from '../target.ts';
import { machineWith } from './images.ts';

const archive = '/archive.tar';
const directory = '/store';
const outside = '/outside';
/** A small archive may unpack to a large one, which its limits stop in earnest. */
const unpackedMax = 4 * 1024 * 1024;
const enough = 'more than a fuzzer looks at';

/** What stands in a directory that a layer is unpacked into, by its path. */
type Tree = Map<string, TarHeader['type']>;

function check(tree: Tree, { name, type, linkName }: TarHeader): void {
  const inside = (path: string, why: string): void => {
    const parts = path.replace(/\/+$/, '').split('/');
    assert.ok(!path.startsWith('/') && !parts.includes('..'), `${why} ${JSON.stringify(path)} leaves the layer`);
    for (let at = 1; at < parts.length; at++) {
      const parent = parts.slice(0, at).join('/');
      assert.ok((tree.get(parent) ?? 'directory') === 'directory', `${why} goes through ${JSON.stringify(parent)}`);
    }
  };
  inside(name, 'an entry');
  if (type === 'link') {
    inside(linkName, 'a link');
    assert.ok(tree.has(posix.normalize(linkName)), `a link to ${JSON.stringify(linkName)}, which is not there`);
  }
}

/** GNU tar, which takes what it is given. */
async function untar(disk: Disk, root: string, input: Readable): Promise<void> {
  const tree: Tree = new Map();
  let left = unpackedMax;
  for await (const { header, body } of readTar(input as AsyncIterable<Uint8Array>)) {
    check(tree, header);
    const path = posix.normalize(header.name).replace(/\/+$/, '');
    // With --recursive-unlink, whatever is no directory replaces what was there.
    if (header.type !== 'directory' || tree.get(path) !== 'directory')
      for (const each of tree.keys()) if (each === path || each.startsWith(`${path}/`)) tree.delete(each);
    tree.set(path, header.type);
    const chunks: Buffer[] = [];
    for await (const chunk of body) {
      left -= chunk.length;
      if (left < 0) throw new TarError(enough);
      chunks.push(Buffer.from(chunk));
    }
    if (path === '.' || path === '') continue;
    const place = `${root}/${path}`;
    const present = await disk.stat(place);
    if (present && !(header.type === 'directory' && present.type === 'directory'))
      await disk.remove(place, { recursive: true });
    await disk.makeDirectory(header.type === 'directory' ? place : posix.dirname(place));
    if (header.type === 'symlink') await disk.symlink(header.linkName, place);
    else if (header.type !== 'directory') await disk.write(place, Buffer.concat(chunks));
  }
}

/** The machine with the programs that an image store needs. `wrong`: what its tar found. */
function withPrograms(machine: SimWorld, wrong: (error: unknown) => void): World {
  const disk: Disk = {
    ...machine.disk,
    writeStream(path) {
      const chunks: Buffer[] = [];
      let left = unpackedMax;
      return new Writable({
        write(chunk: Buffer, _encoding, done) {
          left -= chunk.length;
          chunks.push(chunk);
          done(left < 0 ? new TarError(enough) : null);
        },
        final: (done) => void machine.disk.write(path, Buffer.concat(chunks)).then(() => done(), done),
      });
    },
  };
  const child = (run: (input: Readable, output: PassThrough) => Promise<void>): ChildProcess => {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const { promise, resolve } = Promise.withResolvers<number>();
    stdin.on('error', () => undefined);
    run(stdin, stdout).then(
      () => resolve(0),
      (error: unknown) => {
        // A stream that is broken off is the end of a tar that is stopped.
        if (!stdin.destroyed || error instanceof assert.AssertionError) wrong(error);
        stderr.end(String(error));
        stdin.resume();
        resolve(2);
      },
    );
    return { pid: 2, stdin, stdout, stderr, exited: promise, kill: () => resolve(137) };
  };
  return {
    ...machine,
    disk,
    processes: {
      ...machine.processes,
      run: async () => ({ code: 0, stdout: '', stderr: '' }),
      spawn(command) {
        if (command[0] === 'flock')
          return child(async (input, output) => {
            output.write('held\n');
            for await (const _nothing of input);
          });
        const root = command.find((each) => each.startsWith('--directory='))?.slice('--directory='.length) ?? '';
        return child((input) => untar(machine.disk, root, input));
      },
    },
  };
}

export const archiveTargets: readonly Target[] = [
  {
    name: 'image-archive',
    refuses: [InvalidImage, InvalidReference, TarError],
    async run(bytes) {
      const machine = await machineWith({ [archive]: bytes, [`${outside}/file`]: Buffer.from('untouched') });
      const found: unknown[] = [];
      const world = withPrograms(machine, (error) => found.push(error));
      const tops = async (): Promise<readonly string[]> =>
        ((await machine.disk.list('/')) ?? []).map(({ name }) => name);
      const before = await tops();
      await using store = await openImageStore(world, { directory });
      try {
        for (const image of await importImages(world, store, archive, { name: 'fuzz:1' })) {
          const { layers } = await store.hold(image.id, 'holder');
          for (const layer of layers) assert.equal((await machine.disk.stat(layer))?.type, 'directory');
        }
      } catch (error) {
        const [wrong] = found;
        if (wrong instanceof TarError && wrong.message === enough) return;
        throw wrong ?? error;
      }
      assert.deepEqual(found, []);
      assert.deepEqual(await tops(), [...before, 'store'].toSorted());
      assert.equal(await machine.disk.readText(`${outside}/file`), 'untouched');
      assert.deepEqual(await machine.disk.list(`${directory}/incoming`), []);
    },
  },
];
