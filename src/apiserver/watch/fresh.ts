/**
 * How fresh an answer must be. Other API servers may write to the same store: what was acknowledged by any of them before a request came is seen by it, as if there were
 * one server. https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
 */
import { ApiError } from '#meta/status.ts';
import { StoreUnavailable, type Store } from '#store/store.ts';

/** Resolves once the caches hold everything that was acknowledged anywhere before the call. Throws ServiceUnavailable. */
export async function latest(store: Store): Promise<void> {
  await answered(store.sync());
}

/** What the store answers. Throws ServiceUnavailable while it cannot be reached. */
export async function answered<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    throw new ApiError('ServiceUnavailable', error.message, { cause: error });
  }
}

/** The same for a read: none that names a version which has come here already has to wait. */
export async function reached(store: Store, resourceVersion: string | undefined): Promise<void> {
  if (!resourceVersion || Number(resourceVersion) > store.revision()) await latest(store);
}
