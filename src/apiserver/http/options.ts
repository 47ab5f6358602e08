/**
 * The options of a call, from its query and headers (https://kubernetes.io/docs/reference/kubernetes-api/common-parameters/common-parameters/), with upstream's words
 * for what is wrong with them.
 */
import { forbiddenField, invalidValue, notSupported, quoted, required, tooLong } from '#meta/causes.ts';
import { badRequest, invalid, type Cause } from '#meta/status.ts';
import type { DeleteOptions, ListOptions, Patch } from '#client/client.ts';
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

const optionsOf: Readonly<Record<string, string>> = {
  create: 'CreateOptions',
  update: 'UpdateOptions',
  patch: 'PatchOptions',
  delete: 'DeleteOptions',
  deletecollection: 'DeleteOptions',
};

/** Throws Invalid with every cause, named after the options of the verb. */
function refuse({ verb }: Pick<Route, 'verb'>, causes: readonly Cause[]): void {
  if (causes.length > 0) throw invalid({ group: 'meta.k8s.io', kind: optionsOf[verb] ?? 'CreateOptions' }, '', causes);
}

const managerLengthMax = 128;

/** Of every write. Throws Invalid. */
export function writeOptions(
  way: Pick<Route, 'query' | 'verb'>,
  patchType?: Patch['type'],
): { dryRun?: boolean; fieldManager?: string; force?: boolean } {
  const { query, verb } = way;
  const causes: Cause[] = [];
  const manager = query.get('fieldManager') || undefined;
  if (verb === 'patch' && patchType !== 'apply' && query.has('force'))
    causes.push(forbiddenField('force', 'may not be specified for non-apply patch'));
  if (verb === 'patch' && patchType === 'apply' && manager === undefined)
    causes.push(required('fieldManager', 'is required for apply patch'));
  if (manager !== undefined) {
    if (Buffer.byteLength(manager) > managerLengthMax) causes.push(tooLong('fieldManager', managerLengthMax));
    let at = 0;
    for (const char of manager) {
      if (/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char)) {
        const point = `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
        causes.push(invalidValue('fieldManager', manager, `invalid character ${point} (at position ${at})`));
      }
      at += Buffer.byteLength(char);
    }
  }
  const dryRun = query.getAll('dryRun');
  // Of a delete, the options in the body count as well: they are checked together.
  if (!verb.startsWith('delete')) {
    causes.push(...dryRunCauses(dryRun), ...validationCauses(query));
    refuse(way, causes);
  }
  return compact({ dryRun: dryRun.length > 0, fieldManager: manager, force: flag(query, 'force') });
}

const dryRunCauses = (values: readonly string[]): Cause[] => {
  if (values.every((value) => value === 'All')) return [];
  // Upstream prints the list as Go does.
  const shown = `[]string{${values.map(quoted).join(', ')}}`;
  const message = `Unsupported value: ${shown}: supported values: "All"`;
  return [{ reason: 'FieldValueNotSupported', field: 'dryRun', message }];
};

/**
 * The DeleteOptions in the body, or those of the query when there is no body. A dry run that the query asks for is one in either case: better
 * nothing is deleted than too much. Throws Invalid.
 */
export function deleteOptions(way: Pick<Route, 'query' | 'verb'>, body: unknown): DeleteOptions {
  const sent = body === undefined || body === null ? inQuery(way.query) : inBody(body);
  const dryRun = [...(sent.dryRun ?? []), ...(body === undefined || body === null ? [] : way.query.getAll('dryRun'))];
  const { gracePeriodSeconds, orphanDependents, propagationPolicy, preconditions } = sent;
  const causes: Cause[] = [];
  if (orphanDependents !== undefined && propagationPolicy !== undefined) {
    const why = 'orphanDependents and deletionPropagation cannot be both set';
    causes.push(invalidValue('propagationPolicy', propagationPolicy, why));
  }
  if (propagationPolicy !== undefined && !isPolicy(propagationPolicy))
    causes.push(notSupported('propagationPolicy', propagationPolicy, [...policies, 'nil']));
  causes.push(...dryRunCauses(dryRun));
  if (sent[unreadable]) {
    const alone = ['propagationPolicy', 'orphanDependents', 'gracePeriodSeconds', 'preconditions'] as const;
    for (const option of alone)
      if (sent[option] !== undefined)
        causes.push(invalidValue(unreadable, true, `cannot be set together with .${option}`));
    if (way.verb === 'deletecollection')
      causes.push(
        invalidValue(unreadable, true, 'is not allowed with DELETECOLLECTION, try again after removing the option'),
      );
  }
  refuse(way, causes);
  return compact({
    gracePeriodSeconds,
    orphanDependents,
    propagationPolicy: propagationPolicy as DeleteOptions['propagationPolicy'],
    preconditions,
    dryRun: dryRun.length > 0 ? true : undefined,
    [unreadable]: sent[unreadable] === true ? true : undefined,
  });
}

const unreadable = 'ignoreStoreReadErrorWithClusterBreakingPotential';

const policies = ['Foreground', 'Background', 'Orphan'] as const;
const isPolicy = (text: string): boolean => policies.some((policy) => policy === text);

interface SentDeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: string;
  readonly preconditions?: NonNullable<DeleteOptions['preconditions']>;
  readonly dryRun?: readonly string[];
  readonly orphanDependents?: boolean;
  readonly ignoreStoreReadErrorWithClusterBreakingPotential?: boolean;
}

function inBody(body: unknown): SentDeleteOptions {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw badRequest('DeleteOptions must be an object');
  const { kind } = body as { kind?: unknown };
  if (kind !== undefined && kind !== 'DeleteOptions')
    throw badRequest('decoded object cannot be converted to DeleteOptions');
  return decode<SentDeleteOptions>(deleteOptionsType, body, { strict: 'Ignore' }).object;
}

function inQuery(query: URLSearchParams): SentDeleteOptions {
  const grace = query.get('gracePeriodSeconds');
  if (grace && !/^[-+]?\d{1,18}$/.test(grace))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(grace)}: invalid syntax`);
  // As Go reads a flag: only these two words deny it.
  const said = (name: string): boolean | undefined => {
    const value = query.get(name);
    return value === null ? undefined : value !== '0' && value.toLowerCase() !== 'false';
  };
  return compact({
    gracePeriodSeconds: grace ? Number(grace) : undefined,
    propagationPolicy: query.get('propagationPolicy') ?? undefined,
    orphanDependents: said('orphanDependents'),
    [unreadable]: said(unreadable),
    dryRun: query.getAll('dryRun'),
  });
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

const validations = ['Ignore', 'Strict', 'Warn'] as const;

/** What becomes of unknown and duplicate fields; whether the word is known was checked with the other options. */
export function fieldValidation({ query }: Pick<Route, 'query'>): 'Strict' | 'Warn' | 'Ignore' {
  const value = query.get('fieldValidation');
  return validations.find((known) => known === value) ?? 'Warn';
}

function validationCauses(query: URLSearchParams): Cause[] {
  const value = query.get('fieldValidation');
  if (!value || validations.some((known) => known === value)) return [];
  return [notSupported('fieldValidation', value, ['', ...validations])];
}

/** A writer without a name is named after its program: `kubectl/v1.36` writes as `kubectl`. */
export const managerOf = (headers: HttpHeaders): string =>
  (one(headers['user-agent'])?.split('/')[0] || 'unknown').slice(0, 128);

/** So much is said of one answer, and of one thing once it is too much. */
const warningCharactersMax = 4096;
const cutWarningCharactersMax = 256;

/** RFC 7234 Warning headers, upstream's form. Each is said once; when all are too long together, each is cut and the last are not said. */
export function warningHeaders(warnings: readonly string[]): HttpHeaders {
  if (warnings.length === 0) return {};
  const safe = (text: string): string =>
    text
      .replaceAll(/[\r\n\t]/g, ' ')
      .replaceAll(/["\\]/g, String.raw`\$&`)
      .replaceAll(/[^\x20-\x7e]/g, '?');
  const distinct = [...new Set(warnings)];
  const length = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + text.length, 0);
  const said: string[] = [];
  let left = warningCharactersMax;
  for (const text of length(distinct) <= warningCharactersMax
    ? distinct
    : distinct.map((long) => long.slice(0, cutWarningCharactersMax))) {
    if (left <= 0) break;
    left -= text.length;
    said.push(text);
  }
  return { warning: said.map((text) => `299 - "${safe(text)}"`) };
}

/** The first value of a header. */
export const one = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : value?.[0];
