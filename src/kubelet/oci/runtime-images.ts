/** The kubelet's view of the machine's images: the image store, with failures as the reasons that pods show. */
import type { ImageStore, StoredImage } from '#images/image-store.ts';
import { InvalidReference } from '#images/reference.ts';
import { type ImageInfo, RuntimeError, type RuntimeImages } from '../container-runtime.ts';

export function runtimeImages(images: ImageStore): RuntimeImages {
  return {
    async pull(reference, auth) {
      try {
        return (await images.pull(reference, { credentials: auth })).id;
      } catch (error) {
        if (error instanceof InvalidReference) throw invalidName(reference, error);
        throw new RuntimeError('ErrImagePull', (error as Error).message, { cause: error });
      }
    },
    async status(reference) {
      try {
        const found = await images.get(reference);
        return found && imageInfo(found);
      } catch (error) {
        if (error instanceof InvalidReference) throw invalidName(reference, error);
        throw error;
      }
    },
    async list() {
      return (await images.list()).map(imageInfo);
    },
    async remove(reference) {
      // Somebody else may have been faster; what counts is that it is gone.
      if (await images.get(reference)) await images.remove(reference);
    },
  };
}

function invalidName(reference: string, error: InvalidReference): RuntimeError {
  return new RuntimeError('InvalidImageName', `couldn't parse image name "${reference}": ${error.message}`, {
    cause: error,
  });
}

function imageInfo(image: StoredImage): ImageInfo {
  const { id, tags, digests, sizeBytes, config } = image;
  return { id, tags, digests, sizeBytes, user: config.user, entrypoint: config.entrypoint, command: config.command };
}
