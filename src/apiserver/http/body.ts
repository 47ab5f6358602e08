/**
 * What a client sent, decoded by its Content-Type and bounded. Everything in here is hostile until the Kind's own decoder has seen it.
 */
import { isUtf8 } from 'node:buffer';
import { ApiError, badRequest } from '#meta/status.ts';
import { parseJson } from '#meta/json.ts';
import { parseYamlBody } from '#meta/yaml.ts';
import { CborError, decodeCbor } from '#schema/cbor.ts';
import { decodeMessage, openEnvelope, ProtobufError } from '#schema/protobuf.ts';
import type { StructType } from '#schema/type.ts';
import type { Patch } from '#client/client.ts';
import { NetworkError, type HttpExchange } from '#world/world.ts';
import { mediaType, mediaTypes } from './negotiate.ts';
import { one } from './options.ts';

/** Upstream's limit of a request body. */
export const bodyBytesMax = 3 * 1024 * 1024;

export interface Body {
  readonly value: unknown;
  /** Paths of fields that stood twice in JSON; whole sentences when it was YAML. */
  readonly duplicates: readonly string[];
  readonly yaml?: true;
}

type Request = Pick<HttpExchange, 'headers' | 'body'>;

const patchTypes: Readonly<Record<string, Patch['type']>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
  'application/apply-patch+cbor': 'apply',
};

/** The patch type that the Content-Type names; throws UnsupportedMediaType. */
export function patchTypeOf(exchange: Request): Patch['type'] {
  const { type } = mediaType(one(exchange.headers['content-type']) ?? '');
  const patch = patchTypes[type];
  if (!patch) {
    throw new ApiError(
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${Object.keys(patchTypes).join(', ')}`,
    );
  }
  return patch;
}

const protobufType = mediaTypes.protobuf;

/**
 * The body as a value; undefined when there is none. `schemaOf` finds the struct of a protobuf body. Throws RequestEntityTooLarge,
 * UnsupportedMediaType, BadRequest.
 */
export async function bodyOf(
  exchange: Request,
  schemaOf: (apiVersion: string, kind: string) => StructType | undefined,
): Promise<Body | undefined> {
  let bytes: Buffer;
  try {
    bytes = await exchange.body(bodyBytesMax);
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${bodyBytesMax}`, { cause });
    }
    if (cause instanceof NetworkError && cause.code === 'ETIMEDOUT')
      throw new ApiError('Timeout', 'Timeout: request did not complete within the allotted timeout', { cause });
    throw cause;
  }
  if (bytes.length === 0) return undefined;
  const { type } = mediaType(one(exchange.headers['content-type']) ?? 'application/json');
  if (type === 'application/yaml' || type === 'application/apply-patch+yaml') return fromYaml(bytes);
  if (type === mediaTypes.cbor || type === 'application/apply-patch+cbor') return fromCbor(bytes);
  if (type === 'application/json' || type === '' || type in patchTypes) return parsed(bytes);
  if (type === protobufType) return fromProtobuf(bytes, schemaOf);
  throw new ApiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${Object.values(mediaTypes).join(', ')}`,
  );
}

function fromProtobuf(bytes: Buffer, schemaOf: (apiVersion: string, kind: string) => StructType | undefined): Body {
  try {
    const { apiVersion, kind, raw } = openEnvelope(bytes);
    const schema = schemaOf(apiVersion, kind);
    if (!schema) throw badRequest(`no kind "${kind}" is registered for version "${apiVersion}"`);
    return { value: { ...decodeMessage(schema, raw), apiVersion, kind }, duplicates: [] };
  } catch (cause) {
    if (cause instanceof ProtobufError)
      throw new ApiError('BadRequest', `the protobuf body cannot be read: ${cause.message}`, { cause });
    throw cause;
  }
}

function parsed(bytes: Buffer): Body {
  try {
    const { value, duplicates } = parseJson(bytes, { duplicates: true });
    return { value, duplicates };
  } catch (cause) {
    if (cause instanceof ApiError) throw cause;
    throw new ApiError(
      'BadRequest',
      `the object provided is unrecognized (must be of type runtime.Object): couldn't parse JSON: ${(cause as Error).message}`,
      { cause },
    );
  }
}

function fromYaml(bytes: Buffer): Body {
  // kubectl sends JSON under the YAML type: the fast way first.
  if (bytes[0] === 0x7b) return parsed(bytes);
  try {
    if (!isUtf8(bytes)) throw badRequest('error converting YAML to JSON: yaml: invalid leading UTF-8 octet');
    const { documents, duplicates } = parseYamlBody(bytes.toString('utf8'));
    if (documents.length > 1) throw badRequest('error decoding YAML: only one document is accepted');
    return { value: documents[0], duplicates, yaml: true };
  } catch (cause) {
    if (cause instanceof ApiError) throw cause;
    throw new ApiError('BadRequest', `error decoding YAML: ${(cause as Error).message}`, { cause });
  }
}

function fromCbor(bytes: Buffer): Body {
  try {
    // Maps in which a key stands twice are refused by the codec itself, as upstream does.
    return { value: decodeCbor(bytes), duplicates: [] };
  } catch (cause) {
    if (cause instanceof CborError) throw new ApiError('BadRequest', cause.message, { cause });
    throw cause;
  }
}
