/** `k8ts image import|ls|rm`: the images that the cluster's nodes share. */
import { resolve } from 'node:path';
import { importImages } from '#images/import.ts';
import { openImageStore, type ImageStore } from '#images/image-store.ts';
import type { Command } from './command.ts';
import { command } from './command.ts';
import { dataDirectoryFlag, layoutFor } from './data-directory.ts';
import { UsageError } from './flags.ts';
import type { World } from '#world/world.ts';

async function withStore<T>(
  world: World,
  directory: string | undefined,
  work: (store: ImageStore) => Promise<T>,
): Promise<T> {
  await using store = await openImageStore(world, { directory: layoutFor(world, directory).images });
  return work(store);
}

const importImage = command({
  name: 'image import',
  usage: 'k8ts image import FILE [--name NAME]',
  summary: 'Import a docker-archive, an OCI layout (tar or directory) or a plain root file system archive.',
  flags: {
    'data-dir': dataDirectoryFlag,
    name: { type: 'string', placeholder: 'NAME', doc: 'name of the image; needed for a plain archive' },
  },
  words: [1, 1],
  run: ({ values, words: [file = ''] }, { world, program }) =>
    withStore(world, values['data-dir'], async (store) => {
      const images = await importImages(
        world,
        store,
        resolve(file),
        values.name === undefined ? {} : { name: values.name },
      );
      for (const { tags, id } of images) program.out(`${tags.join(', ') || id}\n`);
      return 0;
    }),
});

const listImages = command({
  name: 'image ls',
  usage: 'k8ts image ls',
  summary: 'List the images.',
  flags: { 'data-dir': dataDirectoryFlag },
  run: ({ values }, { world, program }) =>
    withStore(world, values['data-dir'], async (store) => {
      program.out(`${'NAME'.padEnd(50)} ${'ID'.padEnd(14)} SIZE\n`);
      for (const { tags, digests, id, sizeBytes } of await store.list()) {
        for (const name of tags.length > 0 ? tags : digests.length > 0 ? digests : ['<none>']) {
          program.out(`${name.padEnd(50)} ${id.slice(7, 19).padEnd(14)} ${(sizeBytes / 1024 / 1024).toFixed(1)} MiB\n`);
        }
      }
      return 0;
    }),
});

const removeImage = command({
  name: 'image rm',
  usage: 'k8ts image rm NAME…',
  summary: 'Remove images by name or id.',
  flags: { 'data-dir': dataDirectoryFlag },
  words: [1, 1000],
  run: ({ values, words }, { world, program }) =>
    withStore(world, values['data-dir'], async (store) => {
      for (const name of words) {
        await store.remove(name);
        program.out(`removed ${name}\n`);
      }
      return 0;
    }),
});

const actions: Readonly<Record<string, Command>> = {
  import: importImage,
  ls: listImages,
  list: listImages,
  rm: removeImage,
  remove: removeImage,
};

export const image: Command = {
  name: 'image',
  summary: 'Import, list and remove images: image import|ls|rm.',
  async run([action, ...words], context) {
    if (action === undefined || action === '--help' || action === '-h') {
      context.program.out(
        `${image.summary}\n\nUsage:\n  k8ts image import FILE [--name NAME]\n  k8ts image ls\n  k8ts image rm NAME…\n`,
      );
      return action === undefined ? 2 : 0;
    }
    const found = Object.hasOwn(actions, action) ? actions[action] : undefined;
    if (!found) throw new UsageError(`unknown command "image ${action}": one of import, ls, rm`);
    return found.run(words, context);
  },
};
