/**
 * Failures that a client sees: one class, one union of reasons, mapped to metav1.Status at the single edge (`toStatus`). Reasons and
 * codes are those of https://github.com/kubernetes/apimachinery/blob/master/pkg/apis/meta/v1/types.go (StatusReason).
 */

/** HTTP code of each reason. */
export const statusCodes = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
  ServerTimeout: 500,
  StorageReadError: 500,
  Unknown: 500,
} as const;

export type StatusReason = keyof typeof statusCodes;

/** One finding of a validation, or one conflicting field of an apply. */
export interface Cause {
  readonly reason: CauseReason;
  readonly message: string;
  readonly field: string;
}

export type CauseReason =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'
  | 'FieldManagerConflict'
  | 'InternalError'
  | 'UnexpectedServerResponse'
  | 'ResourceVersionTooLarge'
  | 'PodDisruptionBudget'
  | 'DisruptionBudget'
  | 'ExitCode';

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly Cause[];
  readonly retryAfterSeconds?: number;
}

/** metav1.Status. */
export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: StatusReason | '';
  readonly details?: StatusDetails;
  readonly code?: number;
}

/** Thrown for every failure that a client is told about. `code` overrides the reason's own. */
export class ApiError extends Error {
  readonly reason: StatusReason;
  readonly code: number;
  readonly details: StatusDetails | undefined;
  /** A token with which a list that expired can be gone on with. */
  readonly continue: string | undefined;

  constructor(
    reason: StatusReason,
    message: string,
    options: { details?: StatusDetails; code?: number; cause?: unknown; continue?: string } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ApiError';
    this.reason = reason;
    this.code = options.code ?? statusCodes[reason];
    this.details = options.details;
    this.continue = options.continue;
  }
}

/** True for an ApiError of one of these reasons. */
export function isApiError(error: unknown, ...reasons: StatusReason[]): error is ApiError {
  return error instanceof ApiError && (reasons.length === 0 || reasons.includes(error.reason));
}

/** The resource that an error speaks of: its plural and group. */
export interface ResourceName {
  readonly group: string;
  readonly plural: string;
}

const qualified = (of: ResourceName): string => (of.group ? `${of.plural}.${of.group}` : of.plural);
const about = (of: ResourceName, name: string): StatusDetails => ({
  ...(name ? { name } : {}),
  ...(of.group ? { group: of.group } : {}),
  kind: of.plural,
});

export const notFound = (of: ResourceName, name: string): ApiError =>
  new ApiError('NotFound', `${qualified(of)} "${name}" not found`, { details: about(of, name) });

export const alreadyExists = (of: ResourceName, name: string): ApiError =>
  new ApiError('AlreadyExists', `${qualified(of)} "${name}" already exists`, { details: about(of, name) });

export const conflict = (of: ResourceName, name: string, why: string): ApiError =>
  new ApiError('Conflict', `Operation cannot be fulfilled on ${qualified(of)} "${name}": ${why}`, {
    details: about(of, name),
  });

/** The optimistic lock failed. */
export const modified = (of: ResourceName, name: string): ApiError =>
  conflict(of, name, 'the object has been modified; please apply your changes to the latest version and try again');

export const badRequest = (message: string): ApiError => new ApiError('BadRequest', message);

export const forbidden = (of: ResourceName, name: string, why: string): ApiError =>
  new ApiError('Forbidden', `${qualified(of)}${name ? ` "${name}"` : ''} is forbidden: ${why}`, {
    details: about(of, name),
  });

export const methodNotSupported = (of: ResourceName, verb: string): ApiError =>
  new ApiError('MethodNotAllowed', `${verb} is not supported on resources of kind "${qualified(of)}"`, {
    details: about(of, ''),
  });

/** 422 with every cause. `kind` is the Kind's name: `Deployment.apps "web" is invalid: …`. */
export function invalid(of: { group: string; kind: string }, name: string, causes: readonly Cause[]): ApiError {
  const kind = of.group ? `${of.kind}.${of.group}` : of.kind;
  const texts = [...new Set(causes.map((cause) => `${cause.field}: ${cause.message}`))];
  const text = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return new ApiError('Invalid', `${kind} "${name}" is invalid: ${text}`, {
    details: { ...(name ? { name } : {}), ...(of.group ? { group: of.group } : {}), kind: of.kind, causes },
  });
}

/** The one edge where a failure becomes what the client reads. An unknown error tells nothing of its inside. */
export function toStatus(error: unknown): Status & { readonly code: number } {
  const known =
    error instanceof ApiError
      ? error
      : new ApiError('InternalError', 'Internal error occurred: the server failed to answer', { cause: error });
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: known.continue === undefined ? {} : { continue: known.continue },
    status: 'Failure',
    message: known.message,
    ...(known.reason === 'Unknown' ? {} : { reason: known.reason }),
    ...(known.details === undefined ? {} : { details: known.details }),
    code: known.code,
  };
}

/** An ApiError as it was sent. */
export function fromStatus(status: Partial<Status>, code: number): ApiError {
  const reason = status.reason && status.reason in statusCodes ? status.reason : reasonOf(code);
  const next = status.metadata?.['continue'];
  return new ApiError(reason, status.message ?? `the server answered ${code}`, {
    ...(status.details ? { details: status.details } : {}),
    ...(typeof next === 'string' ? { continue: next } : {}),
    code: status.code ?? code,
  });
}

function reasonOf(code: number): StatusReason {
  for (const [reason, known] of Object.entries(statusCodes)) if (known === code) return reason as StatusReason;
  return code >= 500 ? 'InternalError' : 'Unknown';
}
