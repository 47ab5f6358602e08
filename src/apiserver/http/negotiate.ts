/**
 * What form a client wants its answer in, by the Accept header: plain JSON, a Table for kubectl, or metadata only. The first form in the header that we
 * can make wins; clients that would rather have protobuf name JSON behind it.
 */
import { ApiError } from '#meta/status.ts';

export type Form = { readonly as: 'object' } | { readonly as: 'Table' } | { readonly as: 'PartialObjectMetadata' };

const object: Form = { as: 'object' };

/** Throws NotAcceptable. `params` of a media type are matched by upstream's rules: as, g, v. */
export function formOf(accept: string | undefined): Form {
  if (!accept || accept === 'application/json' || accept === '*/*') return object;
  for (const part of accept.split(',')) {
    const { type, parameters } = mediaType(part);
    if (!isJson(type)) continue;
    const as = parameters.get('as');
    if (as === undefined) return object;
    const ours =
      parameters.get('g') === 'meta.k8s.io' && (parameters.get('v') === 'v1' || parameters.get('v') === 'v1beta1');
    if (ours && as === 'Table') return { as: 'Table' };
    if (ours && (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList'))
      return { as: 'PartialObjectMetadata' };
  }
  throw new ApiError(
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/json;as=Table;g=meta.k8s.io;v=v1, application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  );
}

const isJson = (type: string): boolean => type === 'application/json' || type === '*/*' || type === 'application/*';

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
