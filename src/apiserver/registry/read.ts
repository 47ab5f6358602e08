/**
 * Reading one resource: get, list, pages. Everything comes from the watch cache, whose state is the last acknowledged write; an older revision
 * (resourceVersionMatch=Exact, the next page of a list) is read from the store's history. The rules for resourceVersion
 * are those of https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions.
 */
import { forbiddenField, notSupported } from '#meta/causes.ts';
import { ApiError, badRequest, invalid, notFound, type Cause } from '#meta/status.ts';
import {
  matches,
  parseFieldSelector,
  parseLabelSelector,
  type FieldRequirement,
  type LabelSelector,
} from '#meta/selector.ts';
import type { AnyTypeData } from '#schema/type.ts';
import type { World } from '#world/world.ts';
import type { ListOptions } from '#client/client.ts';
import { Compacted, FutureRevision, type RangeResult, type Revision } from '#store/store.ts';
import { corruption, entryOf, type Entry } from '../watch/entry.ts';
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
  const needles = needlesOf(resource, labels, fields ?? []);
  return {
    all: !labels && parts.length === 0,
    name,
    includes: (entry) =>
      needles.every((needle) => entry.mayMention(needle)) &&
      (!labels || matches(labels, entry.labels)) &&
      parts.every((part) => (part.read(entry) === part.value) === (part.operator === '=')),
  };
}

/**
 * Texts without which the JSON of an object cannot match: a kubelet that asks for the pods of its node would otherwise make the server decode all pods there are.
 * Only equalities of text that is stored as it is asked for.
 */
function needlesOf(
  { kind }: Resource,
  labels: LabelSelector | undefined,
  fields: readonly FieldRequirement[],
): readonly Buffer[] {
  const pairs: [string, string][] = [];
  for (const { key, operator, values } of labels?.requirements ?? []) {
    const [value] = values;
    if ((operator === '=' || operator === '==' || operator === 'in') && values.length === 1 && value !== undefined)
      pairs.push([key, value]);
  }
  for (const { field, operator, value } of fields) {
    if (operator === '=' && value !== '' && isText(kind.schema, field.split('.')))
      pairs.push([field.slice(field.lastIndexOf('.') + 1), value]);
  }
  return pairs
    .filter(([, value]) => /^[\w.:/-]*$/.test(value))
    .map(([key, value]) => Buffer.from(`${JSON.stringify(key)}:"${value}"`));
}

/** Whether this path of fields leads to a string that is stored as it is. */
function isText(type: AnyTypeData, [field, ...rest]: readonly string[]): boolean {
  if (field === undefined) return type.is === 'string' && type.format === undefined;
  const next = type.is === 'struct' && Object.hasOwn(type.fields, field) ? type.fields[field] : undefined;
  return next !== undefined && isText(next.type, rest);
}

function fieldReader(resource: Resource, field: string): (entry: Entry) => string {
  if (field === 'metadata.name') return (entry) => entry.name;
  if (field === 'metadata.namespace') return (entry) => entry.namespace ?? '';
  const read = resource.kind.selectable[field];
  if (!read) throw badRequest(`field label not supported: ${field}`);
  return (entry) => read(shown(resource, entry.object) as never);
}

/** One page, or everything. Throws BadRequest, Invalid, 410 Expired, 504 for a revision to come. */
export async function list(
  resource: Resource,
  namespace: string | undefined,
  options: ListOptions,
): Promise<ListResult> {
  checkListOptions(options);
  const selection = selectionOf(resource, options);
  const { cache, world } = resource;
  const prefix = namespace === undefined ? cache.prefix : `${cache.prefix}${namespace}/`;
  const token = options.continue ? parseToken(options.continue) : undefined;
  if (token && options.resourceVersion && options.resourceVersion !== '0')
    throw badRequest('specifying resource version is not allowed when using continue');
  const current = cache.revision;
  if (!token) checkReached(options.resourceVersion, current);
  const from = prefix + (token?.from ?? '');
  const exact = token ? (token.revision === latest ? undefined : token.revision) : exactRevision(options);
  const revision = exact ?? current;
  const limit = options.limit ?? 0;
  const paging = { prefix, revision, limit, world };
  if (exact !== undefined && exact !== current && !cache.quietSince(exact))
    return page(
      olderStates(resource, { prefix, revision, from, first: limit, paged: token !== undefined }),
      selection,
      paging,
    );
  if (selection.all && limit > 0) {
    const { entries, next, remaining } = cache.page(prefix, from, limit);
    requireReadable(resource, entries);
    return next === undefined
      ? { entries, revision }
      : { entries, revision, continue: tokenOf(revision, prefix, next), remaining };
  }
  const source = cache.snapshot(prefix, from);
  requireReadable(resource, source);
  if (selection.all) return { entries: source, revision };
  return page([{ entries: source, left: 0 }], selection, paging);
}

/** Upstream's: how many of them an answer names. */
const unreadableMax = 100;

/** A list with an object that cannot be decrypted is refused as a whole, whatever is selected: nobody can know what it would be. Throws StorageReadError. */
function requireReadable(resource: Resource, entries: readonly Entry[]): void {
  const found: Cause[] = [];
  for (const { key, unreadable } of entries) {
    if (!unreadable) continue;
    found.push({ reason: 'UnexpectedServerResponse', message: corruption(key, unreadable), field: key });
    if (found.length === unreadableMax) break;
  }
  const [first, ...more] = found;
  if (!first) return;
  const { group, plural } = resource.kind;
  throw new ApiError(
    'StorageReadError',
    `failed to read one or more ${plural}${group ? `.${group}` : ''} from the storage: ${first.message}${more.length > 0 ? ` (and ${more.length} more)` : ''}`,
    { details: { name: 'list', ...(group ? { group } : {}), kind: plural, causes: found } },
  );
}

/** Entries looked at between two looks at the clock. */
const stride = 64;
const sliceMs = 5;

/** Entries in key order, and how many there are behind them. */
interface Chunk {
  readonly entries: readonly Entry[];
  readonly left: number;
}

interface Paging {
  readonly prefix: string;
  readonly revision: Revision;
  readonly limit: number;
  readonly world: World;
}

async function page(
  chunks: Iterable<Chunk> | AsyncIterable<Chunk>,
  selection: Selection,
  { prefix, revision, limit, world: { clock } }: Paging,
): Promise<ListResult> {
  const found: Entry[] = [];
  let seen = 0;
  let since = clock.monotonic();
  for await (const { entries, left } of chunks) {
    for (const [index, entry] of entries.entries()) {
      if (limit > 0 && found.length === limit && (selection.all || selection.includes(entry))) {
        const next = { entries: found, revision, continue: tokenOf(revision, prefix, entry.key) };
        // Counting what is left is cheap only without a selector; with one upstream leaves the count out.
        return selection.all ? { ...next, remaining: left + entries.length - index } : next;
      }
      // Selectors may have to decode what they look at.
      if (++seen % stride === 0 && clock.monotonic() - since > sliceMs) {
        await clock.yield();
        since = clock.monotonic();
      }
      if (selection.all || selection.includes(entry)) found.push(entry);
    }
  }
  return { entries: found, revision };
}

/** Upstream's checks of the options of a list, all findings at once. Throws Invalid. */
function checkListOptions(options: ListOptions & { readonly sendInitialEvents?: boolean }): void {
  const { resourceVersion, resourceVersionMatch, sendInitialEvents } = options;
  const match = 'resourceVersionMatch';
  const causes: Cause[] = [];
  if (resourceVersionMatch) {
    if (!resourceVersion)
      causes.push(forbiddenField(match, `${match} is forbidden unless resourceVersion is provided`));
    if (options.continue) causes.push(forbiddenField(match, `${match} is forbidden when continue is provided`));
    if (resourceVersionMatch !== 'Exact' && resourceVersionMatch !== 'NotOlderThan')
      causes.push(notSupported(match, resourceVersionMatch, ['Exact', 'NotOlderThan', '']));
    if (resourceVersionMatch === 'Exact' && resourceVersion === '0')
      causes.push(forbiddenField(match, `${match} "exact" is forbidden for resourceVersion "0"`));
  }
  if (sendInitialEvents !== undefined)
    causes.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  if (causes.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', causes);
  checkRevision(resourceVersion);
}

/** Throws BadRequest for a text that is no revision. */
export function checkRevision(text: string | undefined): void {
  if (text && !/^\d{1,16}$/.test(text)) {
    const why = `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`;
    throw badRequest(`invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(text)}: ${why}`);
  }
}

/** Throws 504 for a revision that this server has not reached. */
export function checkReached(asked: string | undefined, current: Revision): void {
  if (asked && Number(asked) > current) throw tooLarge(asked, current);
}

function exactRevision({ resourceVersion, resourceVersionMatch, limit }: ListOptions): Revision | undefined {
  if (resourceVersionMatch === 'Exact') return Number(resourceVersion);
  // Upstream's legacy rule: a limit with an unmatched version means exactly that version.
  if (resourceVersionMatch === undefined && limit && resourceVersion && resourceVersion !== '0')
    return Number(resourceVersion);
  return undefined;
}

/** Entries read from the store's history at a time. */
const historyPage = 500;

interface Older {
  readonly prefix: string;
  readonly revision: Revision;
  readonly from: string;
  /** What the first read brings: a page. */
  readonly first: number;
  /** The client follows a token: one that is too old is answered with another. */
  readonly paged: boolean;
}

async function* olderStates(
  resource: Resource,
  { prefix, revision, from, first, paged }: Older,
): AsyncGenerator<Chunk> {
  let start: string | undefined = from;
  let limit = first > 0 ? first + 1 : historyPage;
  while (start !== undefined) {
    let found: RangeResult;
    try {
      found = await resource.store.range(prefix, { revision, from: start, limit });
    } catch (error) {
      if (error instanceof Compacted) throw tooOld(paged ? { prefix, start } : undefined, error);
      if (error instanceof FutureRevision) throw tooLarge(String(revision), resource.cache.revision);
      throw error;
    }
    const entries = found.entries.map((entry) => entryOf(resource.cache.kind, entry));
    requireReadable(resource, entries);
    yield { entries, left: found.count - found.entries.length };
    const last = found.entries.at(-1);
    start = last && found.entries.length === limit ? `${last.key}\0` : undefined;
    limit = historyPage;
  }
}

/** Of a page, with a token that goes on from there in the latest state: inconsistent, and sometimes that is better than nothing. */
function tooOld(page: { readonly prefix: string; readonly start: string } | undefined, cause: unknown): ApiError {
  if (!page) return new ApiError('Expired', 'The resourceVersion for the provided list is too old.', { cause });
  return new ApiError(
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this ' +
      'response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted ' +
      'between the time the first chunk was returned and now may show up in the list.',
    { cause, continue: tokenOf(latest, page.prefix, page.start) },
  );
}

function tooLarge(asked: string, current: Revision): ApiError {
  return new ApiError('Timeout', `Too large resource version: ${asked}, current: ${current}`, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version', field: '' }],
      retryAfterSeconds: 1,
    },
  });
}

/** Where a list goes on: at this key below the list's own prefix, so that a forged token cannot leave it. */
interface Token {
  readonly revision: Revision;
  readonly from: string;
}

/** As the revision of a token: go on in whatever state there is. */
const latest = -1;

const tokenOf = (revision: Revision, prefix: string, key: string): string =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: key.slice(prefix.length) })).toString(
    'base64url',
  );

function parseToken(text: string): Token {
  const refused = (why: string, cause?: unknown): ApiError =>
    new ApiError('BadRequest', `invalid continue token: continue key is not valid: ${why}`, { cause });
  let token: { v?: unknown; rv?: unknown; start?: unknown } | null;
  try {
    token = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as typeof token;
  } catch (cause) {
    throw refused(String(cause), cause);
  }
  const { v, rv, start } = token ?? {};
  if (v !== 'meta.k8s.io/v1') throw refused(`server does not recognize this encoded version ${String(v)}`);
  if (!Number.isSafeInteger(rv) || rv === 0 || (rv as number) < latest)
    throw refused('incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  if (typeof start !== 'string' || start === '') throw refused('encoded start key empty (version meta.k8s.io/v1)');
  return { revision: rv as number, from: start };
}
