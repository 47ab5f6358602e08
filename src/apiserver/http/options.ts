/**
 * The options of a call, from its query and headers (https://kubernetes.io/docs/reference/kubernetes-api/common-parameters/common-parameters/), with upstream's words
 * for what is wrong with them.
 */
import { ApiError, badRequest } from '#meta/status.ts';
import type { DeleteOptions, ListOptions } from '#client/client.ts';
import { decode } from '#schema/decode.ts';
import { deleteOptions as deleteOptionsType } from '#schema/meta-types.ts';
import type { HttpHeaders } from '#world/world.ts';
import type { Route } from '../route.ts';

/** Of a list, a watch and deletecollection: whether they fit together is the registry's to say. Throws BadRequest. */
export function listOptions({ query }: Route): ListOptions & { sendInitialEvents?: boolean } {
  const limit = query.get('limit');
  if (limit !== null && !/^\d{1,9}$/.test(limit))
    throw badRequest(`strconv.ParseInt: parsing "${limit}": invalid syntax`);
  const match = query.get('resourceVersionMatch');
  const text = (name: string): string | undefined => query.get(name) || undefined;
  return compact({
    labelSelector: text('labelSelector'),
    fieldSelector: text('fieldSelector'),
    limit: limit ? Number(limit) : undefined,
    continue: text('continue'),
    resourceVersion: text('resourceVersion'),
    resourceVersionMatch: (match || undefined) as ListOptions['resourceVersionMatch'],
    sendInitialEvents: query.has('sendInitialEvents') ? flag(query, 'sendInitialEvents') : undefined,
  });
}

/** Of a watch alone. */
export function watchOptions({ query }: Route): {
  bookmarks?: boolean;
  timeoutSeconds?: number;
} {
  const seconds = query.get('timeoutSeconds');
  if (seconds && !/^\d{1,9}$/.test(seconds))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(seconds)}: invalid syntax`);
  return compact({
    bookmarks: flag(query, 'allowWatchBookmarks'),
    timeoutSeconds: seconds ? Number(seconds) : undefined,
  });
}

/** Of every write. Throws Invalid. */
export function writeOptions({ query }: Route): { dryRun?: boolean; fieldManager?: string; force?: boolean } {
  const dryRun = query.getAll('dryRun').filter(Boolean);
  if (dryRun.some((value) => value !== 'All')) {
    throw new ApiError(
      'Invalid',
      `CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ${JSON.stringify(dryRun[0])}: supported values: "All"`,
    );
  }
  const manager = query.get('fieldManager') ?? undefined;
  if (manager !== undefined && (manager.length > 128 || /[^\x20-\x7e]/.test(manager))) {
    throw new ApiError(
      'Invalid',
      `fieldManager: Invalid value: ${JSON.stringify(manager)}: must be at most 128 printable characters`,
    );
  }
  return compact({ dryRun: dryRun.length > 0, fieldManager: manager || undefined, force: flag(query, 'force') });
}

/** Query parameters, and over them the DeleteOptions in the body. */
export function deleteOptions({ query }: Route, body: unknown): DeleteOptions {
  const sent = decodedOptions(body);
  const inQuery = query.get('gracePeriodSeconds');
  if (inQuery && !/^-?\d{1,18}$/.test(inQuery))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(inQuery)}: invalid syntax`);
  const grace = sent.gracePeriodSeconds ?? (inQuery ? Number(inQuery) : undefined);
  let policy = sent.propagationPolicy || query.get('propagationPolicy') || undefined;
  const orphans =
    sent.orphanDependents ?? (query.has('orphanDependents') ? flag(query, 'orphanDependents') : undefined);
  if (policy !== undefined && orphans !== undefined)
    throw badOptions('orphanDependents: Invalid value: orphanDependents and deletionPropagation cannot be both set');
  if (policy === undefined && orphans !== undefined) policy = orphans ? 'Orphan' : 'Background';
  if (policy !== undefined && policy !== 'Background' && policy !== 'Foreground' && policy !== 'Orphan') {
    throw badOptions(
      `propagationPolicy: Unsupported value: ${JSON.stringify(policy)}: supported values: "Background", "Foreground", "Orphan"`,
    );
  }
  const other = sent.dryRun?.find((value) => value !== 'All');
  if (other !== undefined)
    throw badOptions(`dryRun: Unsupported value: ${JSON.stringify(other)}: supported values: "All"`);
  return compact({
    gracePeriodSeconds: grace,
    propagationPolicy: policy,
    preconditions: sent.preconditions,
    dryRun: sent.dryRun?.length ? true : undefined,
  });
}

const badOptions = (why: string): ApiError =>
  new ApiError('Invalid', `DeleteOptions.meta.k8s.io "" is invalid: ${why}`);

interface SentDeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: string;
  readonly preconditions?: NonNullable<DeleteOptions['preconditions']>;
  readonly dryRun?: readonly string[];
  readonly orphanDependents?: boolean;
}

function decodedOptions(body: unknown): SentDeleteOptions {
  if (body === undefined || body === null) return {};
  if (typeof body !== 'object' || Array.isArray(body)) throw badRequest('DeleteOptions must be an object');
  return decode<SentDeleteOptions>(deleteOptionsType, body, { strict: 'Ignore' }).object;
}

const flag = (query: URLSearchParams, name: string): boolean => {
  const value = query.get(name);
  return value === 'true' || value === '1' || value === 'True';
};

function compact<T extends object>(options: T): { [K in keyof T]: NonNullable<T[K]> } {
  for (const key of Object.keys(options))
    if ((options as Record<string, unknown>)[key] === undefined) delete (options as Record<string, unknown>)[key];
  return options as never;
}

/** What becomes of unknown and duplicate fields. Throws Invalid. */
export function fieldValidation({ query }: Route): 'Strict' | 'Warn' | 'Ignore' {
  const value = query.get('fieldValidation');
  if (!value) return 'Warn';
  if (value === 'Strict' || value === 'Warn' || value === 'Ignore') return value;
  throw new ApiError(
    'Invalid',
    `CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: ${JSON.stringify(value)}: supported values: "Ignore", "Strict", "Warn"`,
  );
}

/** A writer without a name is named after its program: `kubectl/v1.36` writes as `kubectl`. */
export const managerOf = (headers: HttpHeaders): string =>
  (one(headers['user-agent'])?.split('/')[0] || 'unknown').slice(0, 128);

/** RFC 7234 Warning headers, upstream's form. Long ones are cut. */
export function warningHeaders(warnings: readonly string[]): HttpHeaders {
  if (warnings.length === 0) return {};
  const safe = (text: string): string =>
    text
      .replaceAll(/[\r\n\t]/g, ' ')
      .replaceAll(/["\\]/g, String.raw`\$&`)
      .replaceAll(/[^\x20-\x7e]/g, '?')
      .slice(0, 4096);
  return { warning: [...new Set(warnings)].slice(0, 64).map((text) => `299 - "${safe(text)}"`) };
}

/** The first value of a header. */
export const one = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : value?.[0];
