/** Rules of ConfigMaps and Secrets: keys, total size, frozen data, and the keys that a Secret's type asks for. Wording is upstream's. */
import { deepEqual } from '#base/deep-equal.ts';
import { forbiddenField, immutableDetail, invalidValue, required, tooLong } from '#meta/causes.ts';
import { configMapKey } from '#meta/names.ts';
import type { ObjectMeta } from '#meta/object-meta.ts';
import { named, type Causes } from '../field-checks.ts';

type Data = Readonly<Record<string, string>> | undefined;

interface ConfigMapLike {
  readonly immutable?: boolean;
  readonly data?: Data;
  readonly binaryData?: Data;
}
interface SecretLike {
  readonly metadata: ObjectMeta;
  readonly immutable?: boolean;
  readonly data?: Data;
  readonly type: string;
}

/** 1 MiB of values: what fits into one request to etcd with room for the rest. */
const dataBytesMax = 1024 * 1024;

function* keys(path: string, data: Data): Causes {
  for (const key of Object.keys(data ?? {})) yield* named(configMapKey, `${path}[${key}]`, key);
}

/** Bytes that base64 text stands for. */
const decodedLength = (text: string): number => Buffer.byteLength(text, 'base64');
const total = (data: Data, length: (text: string) => number): number =>
  Object.values(data ?? {}).reduce((sum, text) => sum + length(text), 0);

export function* configMapCauses({ data, binaryData }: ConfigMapLike): Causes {
  yield* keys('data', data);
  for (const key of Object.keys(data ?? {})) {
    if (binaryData?.[key] !== undefined)
      yield invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData');
  }
  yield* keys('binaryData', binaryData);
  if (total(data, Buffer.byteLength) + total(binaryData, decodedLength) > dataBytesMax) yield tooLong('', dataBytesMax);
}

function* frozen(now: ConfigMapLike, old: ConfigMapLike, fields: readonly ('data' | 'binaryData')[]): Causes {
  if (old.immutable !== true) return;
  const detail = 'field is immutable when `immutable` is set';
  if (now.immutable !== true) yield forbiddenField('immutable', detail);
  for (const field of fields) if (!deepEqual(now[field] ?? {}, old[field] ?? {})) yield forbiddenField(field, detail);
}

export function configMapUpdateCauses(now: ConfigMapLike, old: ConfigMapLike): Causes {
  return frozen(now, old, ['data', 'binaryData']);
}

const accountName = 'kubernetes.io/service-account.name';

function* json(path: string, text: string | undefined): Causes {
  if (text === undefined) {
    yield required(path);
    return;
  }
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64').toString('utf8'));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      yield invalidValue(
        path,
        '<secret contents redacted>',
        'json: cannot unmarshal value into Go value of type map[string]interface {}',
      );
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The parser's own words may quote the secret.
    yield invalidValue(
      path,
      '<secret contents redacted>',
      text === '' ? 'unexpected end of JSON input' : 'invalid character in JSON',
    );
  }
}

export function* secretCauses({ metadata, data, type }: SecretLike): Causes {
  yield* keys('data', data);
  if (total(data, decodedLength) > dataBytesMax) yield tooLong('data', dataBytesMax);
  const has = (key: string): boolean => data?.[key] !== undefined;
  switch (type) {
    case 'kubernetes.io/service-account-token':
      if (!metadata.annotations?.[accountName]) yield required(`metadata.annotations[${accountName}]`);
      break;
    case 'kubernetes.io/dockercfg':
      yield* json('data[.dockercfg]', data?.['.dockercfg']);
      break;
    case 'kubernetes.io/dockerconfigjson':
      yield* json('data[.dockerconfigjson]', data?.['.dockerconfigjson']);
      break;
    case 'kubernetes.io/basic-auth':
      if (!has('username') && !has('password')) {
        yield required('data[username]');
        yield required('data[password]');
      }
      break;
    case 'kubernetes.io/ssh-auth':
      if (!data?.['ssh-privatekey']) yield required('data[ssh-privatekey]');
      break;
    case 'kubernetes.io/tls':
      for (const key of ['tls.crt', 'tls.key']) if (!has(key)) yield required(`data[${key}]`);
      break;
    default:
    // Any other type is its user's business.
  }
}

export function* secretUpdateCauses(now: SecretLike, old: SecretLike): Causes {
  if (now.type !== old.type) yield invalidValue('type', now.type, immutableDetail);
  yield* frozen(now, old, ['data']);
}
