/**
 * Reading one resource: get, list, pages. Everything comes from the watch cache, whose state is the last acknowledged write; an older revision
 * (resourceVersionMatch=Exact, the next page of a list) is read from the store's history. The rules for resourceVersion
 * are those of https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions.
 */
import { ApiError, badRequest, notFound } from '#meta/status.ts';
import { matches, parseFieldSelector, parseLabelSelector } from '#meta/selector.ts';
import type { World } from '#world/world.ts';
import type { ListOptions } from '#client/client.ts';
import { Compacted, FutureRevision, type Revision } from '#store/store.ts';
import { entryOf, type Entry } from '../watch/entry.ts';
import { nameOf, shown, type Resource } from './resource.ts';

/** Throws NotFound. */
export function getEntry(resource: Resource, namespace: string | undefined, name: string): Entry {
  const entry = resource.cache.get(resource.cache.key(namespace, name));
  if (!entry) throw notFound(nameOf(resource.kind), name);
  return entry;
}

export interface ListResult {
  readonly entries: readonly Entry[];
  readonly revision: Revision;
  readonly continue?: string;
  readonly remaining?: number;
}

/** Decides by labels and fields. `all` spares looking. */
export interface Selection {
  readonly all: boolean;
  readonly name: string | undefined;
  readonly includes: (entry: Entry) => boolean;
}

/** Parses both selectors; throws BadRequest for a field this kind does not know. */
export function selectionOf(resource: Resource, options: ListOptions): Selection {
  const labels = options.labelSelector ? parseLabelSelector(options.labelSelector) : undefined;
  const fields = options.fieldSelector ? parseFieldSelector(options.fieldSelector) : undefined;
  const parts =
    fields?.map((requirement) => ({ ...requirement, read: fieldReader(resource, requirement.field) })) ?? [];
  const name = parts.find((part) => part.field === 'metadata.name' && part.operator === '=')?.value;
  return {
    all: !labels && parts.length === 0,
    name,
    includes: (entry) =>
      (!labels || matches(labels, entry.labels)) &&
      parts.every((part) => (part.read(entry) === part.value) === (part.operator === '=')),
  };
}

function fieldReader(resource: Resource, field: string): (entry: Entry) => string {
  if (field === 'metadata.name') return (entry) => entry.name;
  if (field === 'metadata.namespace') return (entry) => entry.namespace ?? '';
  const read = resource.kind.selectable[field];
  if (!read) throw badRequest(`field label not supported: ${field}`);
  return (entry) => read(shown(resource, entry.object) as never);
}

/** One page, or everything. */
export async function list(
  resource: Resource,
  namespace: string | undefined,
  options: ListOptions,
): Promise<ListResult> {
  const selection = selectionOf(resource, options);
  const { cache } = resource;
  const prefix = namespace === undefined ? cache.prefix : `${cache.prefix}${namespace}/`;
  const token = options.continue ? parseToken(options.continue) : undefined;
  if (token && options.resourceVersion && options.resourceVersion !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  // A token is the client's to forge: it may not lead out of what was asked for.
  if (token && !token.from.startsWith(prefix))
    throw badRequest('continue key is not valid: it belongs to another list');
  const exact = token ? token.revision : exactRevision(options);
  const current = cache.revision;
  if (!token && options.resourceVersion && Number(options.resourceVersion) > current)
    throw tooLarge(options.resourceVersion, current);
  const revision = exact ?? current;
  const limit = options.limit ?? 0;
  if (exact !== undefined && exact !== current && !cache.quietSince(exact)) {
    const source = await older(resource, prefix, exact, token?.from);
    return page(source, selection, { revision, limit, world: resource.world });
  }
  if (selection.all && limit > 0) {
    const { entries, next, remaining } = cache.page(prefix, token?.from ?? prefix, limit);
    return next === undefined
      ? { entries, revision }
      : { entries, revision, continue: tokenOf(revision, next), remaining };
  }
  const source = cache.snapshot(prefix, token?.from);
  if (selection.all) return { entries: source, revision };
  return page(source, selection, { revision, limit, world: resource.world });
}

/** Entries looked at between two looks at the clock. */
const stride = 64;
const sliceMs = 5;

async function page(
  source: readonly Entry[],
  selection: Selection,
  { revision, limit, world: { clock } }: { revision: Revision; limit: number; world: World },
): Promise<ListResult> {
  const entries: Entry[] = [];
  let remaining = 0;
  let from: string | undefined;
  let seen = 0;
  let since = clock.monotonic();
  for (const entry of source) {
    // Selectors may have to decode what they look at.
    if (++seen % stride === 0 && clock.monotonic() - since > sliceMs) {
      await clock.yield();
      since = clock.monotonic();
    }
    if (from !== undefined) {
      // Counting what is left is cheap only without a selector; with one upstream leaves the count out.
      if (!selection.all) break;
      remaining++;
      continue;
    }
    if (selection.name !== undefined && entry.name !== selection.name) continue;
    if (!selection.all && !selection.includes(entry)) continue;
    if (limit > 0 && entries.length === limit) {
      from = entry.key;
      remaining = 1;
      continue;
    }
    entries.push(entry);
  }
  if (from === undefined) return { entries, revision };
  return { entries, revision, continue: tokenOf(revision, from), ...(selection.all ? { remaining } : {}) };
}

function exactRevision({ resourceVersion, resourceVersionMatch, limit }: ListOptions): Revision | undefined {
  if (resourceVersionMatch !== undefined && !resourceVersion) {
    throw badOptions(
      'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    );
  }
  if (resourceVersionMatch === 'Exact' && resourceVersion === '0') {
    throw badOptions(
      'resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    );
  }
  if (resourceVersion && !/^\d{1,16}$/.test(resourceVersion)) {
    throw badRequest(`Invalid value: "${resourceVersion}": resource version must be a number`);
  }
  if (resourceVersionMatch === 'Exact') return Number(resourceVersion);
  // Upstream's legacy rule: a limit with an unmatched version means exactly that version.
  if (resourceVersionMatch === undefined && limit && resourceVersion && resourceVersion !== '0')
    return Number(resourceVersion);
  return undefined;
}

const badOptions = (why: string): ApiError => new ApiError('Invalid', `ListOptions.meta.k8s.io "" is invalid: ${why}`);

async function older(
  resource: Resource,
  prefix: string,
  revision: Revision,
  from: string | undefined,
): Promise<readonly Entry[]> {
  try {
    const found = await resource.store.range(prefix, { revision, ...(from === undefined ? {} : { from }) });
    return found.entries.map((entry) => entryOf(resource.cache.kind, entry));
  } catch (error) {
    if (error instanceof Compacted) {
      throw new ApiError(
        'Expired',
        'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
        { cause: error },
      );
    }
    if (error instanceof FutureRevision) throw tooLarge(String(revision), resource.cache.revision);
    throw error;
  }
}

function tooLarge(asked: string, current: Revision): ApiError {
  return new ApiError('Timeout', `Too large resource version: ${asked}, current: ${current}`, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version', field: '' }],
      retryAfterSeconds: 1,
    },
  });
}

interface Token {
  readonly revision: Revision;
  readonly from: string;
}

const tokenOf = (revision: Revision, from: string): string =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: from })).toString('base64url');

function parseToken(text: string): Token {
  try {
    const token = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as {
      v?: unknown;
      rv?: unknown;
      start?: unknown;
    };
    if (token.v === 'meta.k8s.io/v1' && Number.isSafeInteger(token.rv) && typeof token.start === 'string') {
      return { revision: token.rv as number, from: token.start };
    }
  } catch (cause) {
    throw new ApiError('BadRequest', `continue key is not valid: ${String(cause)}`, { cause });
  }
  throw badRequest('continue key is not valid: incorrect encoding or version');
}
