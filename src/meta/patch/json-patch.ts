/**
 * JSON Patch (RFC 6902), with the extras and the error texts of the library that upstream uses: negative list indexes, `-` to append. A patch never
 * changes its document: what it leaves alone is shared with the result.
 */
import { ApiError, badRequest } from '../status.ts';
import { deepEqual } from '#base/deep-equal.ts';

/** Upstream's limit of operations in one patch. */
export const jsonPatchOperationsMax = 10_000;
/** Bytes that copy operations may add together: a small patch must not make a large object. */
export const jsonPatchCopyBytesMax = 3 * 1024 * 1024;

export interface JsonPatchOperation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/** Throws BadRequest for what is no patch, 413 for too many operations, and 422 when it does not apply. */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  const operations = readPatch(patch);
  let result = document;
  let copied = 0;
  for (const operation of operations) {
    if (operation.op === 'copy') {
      copied += JSON.stringify(at(result, operation.from ?? '', copyWords) ?? null).length;
      if (copied > jsonPatchCopyBytesMax) {
        throw refused(
          `Unable to complete the copy, the accumulated size increase of copy is ${copied}, exceeding the limit ${jsonPatchCopyBytesMax}`,
        );
      }
    }
    result = applyOne(result, operation);
  }
  return result;
}

function readPatch(patch: unknown): readonly JsonPatchOperation[] {
  if (!Array.isArray(patch)) {
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${patch !== null && typeof patch === 'object' ? 'object' : typeof patch} into Go value of type jsonpatch.Patch`,
    );
  }
  if (patch.length > jsonPatchOperationsMax) {
    throw new ApiError(
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${jsonPatchOperationsMax}, got ${patch.length}`,
    );
  }
  return patch.map((operation: unknown) => {
    if (typeof operation !== 'object' || operation === null || Array.isArray(operation)) {
      throw badRequest('error decoding patch: an operation must be an object');
    }
    const { op, path, from, value } = operation as Record<string, unknown>;
    if (typeof op !== 'string') throw refused('Unexpected kind: unknown');
    if (typeof path !== 'string') throw refused(`${op} operation failed to decode path: missing value`);
    if (from !== undefined && typeof from !== 'string')
      throw refused(`${op} operation failed to decode from: missing value`);
    return {
      op,
      path,
      ...(from === undefined ? {} : { from }),
      ...(Object.hasOwn(operation, 'value') ? { value } : {}),
    };
  });
}

/** A patch that does not fit its object: upstream answers 422 with the library's sentence. */
function refused(message: string): ApiError {
  return new ApiError('Invalid', `the server rejected our request due to an error in our request: ${message}`, {
    details: { causes: [{ reason: 'FieldValueInvalid', field: 'patch', message }] },
  });
}

function applyOne(document: unknown, { op, path, from, value }: JsonPatchOperation): unknown {
  switch (op) {
    case 'add':
      return change(document, path, addWords, { add: true, value: value ?? null });
    case 'remove':
      return change(document, path, removeWords, { remove: true });
    case 'replace':
      if (path === '') return value;
      return change(document, path, replaceWords, { value: value ?? null });
    case 'move': {
      if (from === undefined) throw refused('move operation failed to decode from: missing value');
      const moved = at(document, from, moveWords);
      if (path === from) return document;
      if (path.startsWith(`${from}/`))
        throw refused(`error in move for path: '${path}': a value cannot be moved into itself`);
      return change(change(document, from, moveWords, { remove: true }), path, moveWords, { add: true, value: moved });
    }
    case 'copy': {
      if (from === undefined) throw refused('copy operation failed to decode from: missing value');
      return change(document, path, copyWords, { add: true, value: at(document, from, copyWords) });
    }
    case 'test': {
      if (!deepEqual(testedAt(document, path), value ?? null))
        throw refused(`testing value ${path} failed: test failed`);
      return document;
    }
    default:
      throw refused(`Unexpected kind: ${op}`);
  }
}

interface Words {
  readonly missingPath: (path: string) => string;
  readonly missingKey: (path: string, key: string) => string;
  readonly wrong: (path: string, why: string) => string;
}

const missing = ': missing value';
const addWords: Words = {
  missingPath: (path) => `add operation does not apply: doc is missing path: "${path}"${missing}`,
  missingKey: (path) => `add operation does not apply: doc is missing path: "${path}"${missing}`,
  wrong: (path, why) => `error in add for path: '${path}': ${why}`,
};
const removeWords: Words = {
  missingPath: (path) => `remove operation does not apply: doc is missing path: "${path}"${missing}`,
  missingKey: (path, key) => `error in remove for path: '${path}': Unable to remove nonexistent key: ${key}${missing}`,
  wrong: (path, why) => `error in remove for path: '${path}': ${why}`,
};
const replaceWords: Words = {
  missingPath: (path) => `replace operation does not apply: doc is missing path: ${path}${missing}`,
  missingKey: (path) => `replace operation does not apply: doc is missing key: ${path}${missing}`,
  wrong: (path) => `replace operation does not apply: doc is missing key: ${path}${missing}`,
};
const moveWords: Words = {
  missingPath: (path) => `move operation does not apply: doc is missing from path: ${path}${missing}`,
  missingKey: (path, key) => `error in move for path: '${path}': Unable to remove nonexistent key: ${key}${missing}`,
  wrong: (path, why) => `error in move for path: '${path}': ${why}`,
};
const copyWords: Words = {
  missingPath: (path) => `copy operation does not apply: doc is missing from path: ${path}${missing}`,
  missingKey: (path, key) => `error in copy for from: '${path}': unable to get nonexistent key: ${key}${missing}`,
  wrong: (path, why) => `error in copy for from: '${path}': ${why}`,
};
const testWords: Words = {
  missingPath: (path) => `test operation does not apply: is missing path: ${path}${missing}`,
  missingKey: (path, key) => `error in test for path: '${path}': unable to get nonexistent key: ${key}${missing}`,
  wrong: (path, why) => `error in test for path: '${path}': ${why}`,
};

function segments(path: string): string[] {
  if (path === '') return [];
  if (!path.startsWith('/')) throw refused(`jsonpatch path must start with '/': ${path}`);
  return path
    .slice(1)
    .split('/')
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function at(document: unknown, path: string, words: Words): unknown {
  let value = document;
  for (const [index, key] of segments(path).entries()) {
    const last = index === segments(path).length - 1;
    if (Array.isArray(value)) {
      const position = listIndex(value.length, key);
      if (typeof position === 'string') throw refused(last ? words.wrong(path, position) : words.missingPath(path));
      value = value[position];
    } else if (typeof value === 'object' && value !== null && Object.hasOwn(value, key))
      value = (value as Record<string, unknown>)[key];
    else
      throw refused(
        last && typeof value === 'object' && value !== null ? words.missingKey(path, key) : words.missingPath(path),
      );
  }
  return value;
}

/** A test for null also holds where nothing is. */
function testedAt(document: unknown, path: string): unknown {
  return at(document, path, testWords) ?? null;
}

/** Where in a list of this length the key points, or why nowhere. */
function listIndex(length: number, key: string): number | string {
  if (!/^[-+]?[0-9]+$/.test(key)) return `strconv.Atoi: parsing "${key}": invalid syntax`;
  const index = Number(key);
  const position = index < 0 ? index + length : index;
  return position >= 0 && position < length
    ? position
    : `Unable to access invalid index: ${index}: invalid index referenced`;
}

interface Change {
  readonly add?: boolean;
  readonly remove?: boolean;
  readonly value?: unknown;
}

function change(document: unknown, path: string, words: Words, what: Change): unknown {
  const keys = segments(path);
  if (keys.length === 0) {
    if (what.remove === true) throw refused(words.missingKey(path, ''));
    return what.value;
  }
  return changeAt(document, keys, { path, words, what });
}

interface Task {
  readonly path: string;
  readonly words: Words;
  readonly what: Change;
}

function changeAt(value: unknown, keys: readonly string[], task: Task): unknown {
  const [key = '', ...rest] = keys;
  const { path, words, what } = task;
  const last = rest.length === 0;
  if (Array.isArray(value)) {
    const list = value as readonly unknown[];
    if (last && what.add === true && key === '-') return [...list, what.value];
    // Adding may also point just behind the end.
    const position = listIndex(list.length + (last && what.add === true ? 1 : 0), key);
    if (typeof position === 'string') throw refused(last ? words.wrong(path, position) : words.missingPath(path));
    if (!last) return list.with(position, changeAt(list[position], rest, task));
    if (what.remove === true) return list.toSpliced(position, 1);
    return what.add === true ? list.toSpliced(position, 0, what.value) : list.with(position, what.value);
  }
  if (typeof value !== 'object' || value === null) throw refused(words.missingPath(path));
  const record = value as Record<string, unknown>;
  if (!last) {
    if (!Object.hasOwn(record, key)) throw refused(words.missingPath(path));
    return withField(record, key, changeAt(record[key], rest, task));
  }
  if (what.add !== true && !Object.hasOwn(record, key)) throw refused(words.missingKey(path, key));
  if (what.remove !== true) return withField(record, key, what.value);
  const { [key]: _removed, ...kept } = record;
  return kept;
}

/** A computed key in a literal defines an own property, whatever it is called. */
const withField = (record: Record<string, unknown>, key: string, value: unknown): Record<string, unknown> => ({
  ...record,
  [key]: value,
});
