/**
 * What form a client wants its answer in, by the Accept header: an encoding (JSON, YAML, protobuf, CBOR) and a shape (the object, a Table for kubectl, metadata only).
 * Clauses are tried from the most wanted on, and the first that this server can make wins. The same header is read once.
 */
import { ApiError } from '#meta/status.ts';

export type Encoding = 'json' | 'yaml' | 'protobuf' | 'cbor';

export interface Form {
  readonly encoding: Encoding;
  readonly as: 'object' | 'Table' | 'PartialObjectMetadata';
  /** Of meta.k8s.io, for Tables and metadata. */
  readonly version: 'v1' | 'v1beta1';
  /** Indented JSON. */
  readonly pretty: boolean;
}

/** In the order in which a wildcard prefers them. */
export const mediaTypes: Readonly<Record<Encoding, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
  cbor: 'application/cbor',
};

/** Content types of watches: YAML has none. */
export const streamTypes: Readonly<Record<Exclude<Encoding, 'yaml'>, string>> = {
  json: 'application/json',
  protobuf: 'application/vnd.kubernetes.protobuf;stream=watch',
  cbor: 'application/cbor-seq',
};

const encodings = Object.keys(mediaTypes) as readonly Encoding[];

/** What any request without wishes gets. */
export const plainJson: Form = { encoding: 'json', as: 'object', version: 'v1', pretty: false };

/** What is asked for: `resource` answers can be Tables and metadata, `document`s and errors cannot; a `watch` needs a stream. */
export type Purpose = 'resource' | 'watch' | 'document';

/** Headers that were read; clients repeat few of them. */
const known = new Map<string, Form | undefined>();
const knownMax = 256;
/** A longer header is read anew each time. */
const knownLengthMax = 512;

/** Throws NotAcceptable with the types that there are. */
export function formOf(accept: string | undefined, purpose: Purpose): Form {
  const form = acceptable(accept, purpose);
  if (form) return form;
  throw new ApiError(
    'NotAcceptable',
    `only the following media types are accepted: ${purpose === 'watch' ? acceptedStreams : accepted}`,
  );
}

const accepted = Object.values(mediaTypes).join(', ');
const acceptedStreams = `${mediaTypes.json};stream=watch, ${mediaTypes.protobuf};stream=watch, ${streamTypes.cbor}`;

/** The same; undefined when nothing fits. */
export function acceptable(accept: string | undefined, purpose: Purpose): Form | undefined {
  if (!accept || accept === 'application/json' || accept === '*/*') return plainJson;
  const key = `${purpose}\0${accept}`;
  if (known.has(key)) return known.get(key);
  const form = read(accept, purpose);
  if (accept.length <= knownLengthMax) {
    if (known.size >= knownMax) known.clear();
    known.set(key, form);
  }
  return form;
}

interface Clause {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** More wanted first, then the more specific; otherwise in the order of the header. */
function clausesOf(accept: string): Clause[] {
  const clauses = accept.split(',', 64).map((part): Clause => {
    const { type, parameters } = mediaType(part);
    const quality = Number(parameters.get('q') ?? 1);
    return { type, parameters, quality: Number.isFinite(quality) ? quality : 1 };
  });
  const stars = ({ type }: Clause): number => (type === '*/*' ? 2 : type.endsWith('/*') ? 1 : 0);
  return clauses.sort((a, b) => b.quality - a.quality || stars(a) - stars(b));
}

function read(accept: string, purpose: Purpose): Form | undefined {
  for (const { type, parameters } of clausesOf(accept)) {
    for (const encoding of encodings) {
      if (
        type !== mediaTypes[encoding] &&
        type !== '*/*' &&
        type !== 'application/*' &&
        !isSequence(type, encoding, purpose)
      )
        continue;
      const form = formWith(encoding, parameters, purpose);
      // Upstream settles on an encoding first and finds out then that it has no stream.
      if (form) return purpose === 'watch' && encoding === 'yaml' ? undefined : form;
    }
  }
  return undefined;
}

const isSequence = (type: string, encoding: Encoding, purpose: Purpose): boolean =>
  purpose === 'watch' && encoding === 'cbor' && type === streamTypes.cbor;

function formWith(encoding: Encoding, parameters: Clause['parameters'], purpose: Purpose): Form | undefined {
  const stream = parameters.get('stream');
  if (stream && (stream !== 'watch' || encoding === 'yaml')) return undefined;
  const pretty = parameters.get('pretty') === '1';
  const [as, group, version] = ['as', 'g', 'v'].map((name) => parameters.get(name));
  if (as === undefined && group === undefined && version === undefined)
    return { encoding, as: 'object', version: 'v1', pretty };
  if (purpose === 'document' || group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1'))
    return undefined;
  // A Table has no protobuf and no CBOR.
  if (as === 'Table') return encoding === 'json' || encoding === 'yaml' ? { encoding, as, version, pretty } : undefined;
  if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList')
    return { encoding, as: 'PartialObjectMetadata', version, pretty };
  return undefined;
}

/** True for people: a query that asks for it, a browser, curl. */
export function wantsPretty(query: URLSearchParams | undefined, userAgent: string): boolean {
  const asked = query?.get('pretty');
  if (asked) return /^(?:1|t|T|TRUE|true|True)$/.test(asked);
  return userAgent.startsWith('curl') || userAgent.startsWith('Wget') || userAgent.startsWith('Mozilla/5.0');
}

/** `application/json;as=Table;v=v1` in parts. */
export function mediaType(text: string): { type: string; parameters: ReadonlyMap<string, string> } {
  const [type = '', ...rest] = text.split(';');
  const parameters = new Map<string, string>();
  for (const parameter of rest) {
    const at = parameter.indexOf('=');
    if (at > 0)
      parameters.set(
        parameter.slice(0, at).trim().toLowerCase(),
        parameter
          .slice(at + 1)
          .trim()
          .replace(/^"|"$/g, ''),
      );
  }
  return { type: type.trim().toLowerCase(), parameters };
}
