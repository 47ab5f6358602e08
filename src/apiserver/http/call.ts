/**
 * From a request to a call of the API: verb, target, options and the decoded body.
 */
import { ApiError, badRequest } from '#meta/status.ts';
import type { AnyKind, ApiCall, Patch } from '#client/client.ts';
import { kindOf } from '#api/kinds.ts';
import type { Verb } from '#schema/kind.ts';
import type { StructType } from '#schema/type.ts';
import type { HttpExchange } from '#world/world.ts';
import { notServed } from '../api.ts';
import type { Route, ResourceRoute } from '../route.ts';
import { bodyOf, patchTypeOf, type Body } from './body.ts';
import { metaStructs } from './meta-structs.ts';
import { deleteOptions, fieldValidation, listOptions, writeOptions } from './options.ts';

/** A call with what the stages after decoding look at. */
export interface ReadCall {
  readonly call: ApiCall;
  readonly kind: AnyKind;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly options: ApiCall['options'];
  readonly duplicates: readonly string[];
}

/** Throws for a path that names a namespace where there is none, or none where there must be one. */
export function checkScope(call: ReadCall, verb: string): void {
  const { kind, namespace, name } = call;
  if (kind.scope === 'Cluster') {
    if (namespace !== undefined) throw notServed();
    return;
  }
  if (namespace !== undefined) return;
  if (name !== undefined) throw notServed();
  // Over all namespaces there is only reading.
  if (verb !== 'list' && verb !== 'watch')
    throw new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
}

/** What is read of a request. */
type Request = Pick<HttpExchange, 'headers' | 'body'>;

const verbs = new Set<string>(['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']);

/** Reads options and body. Throws what is wrong with them. */
export async function callOf(exchange: Request, way: Route, kind: AnyKind): Promise<ReadCall> {
  const resource = way.resource as ResourceRoute;
  if (!verbs.has(way.verb))
    throw new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
  const patchType = way.verb === 'patch' ? patchTypeOf(exchange) : undefined;
  let options: ApiCall['options'] =
    way.query.size === 0 && patchType !== 'apply' ? {} : { ...listOptions(way), ...writeOptions(way, patchType) };
  const writes =
    way.verb === 'create' || way.verb === 'update' || way.verb === 'patch' || way.verb.startsWith('delete');
  const body = writes ? await bodyOf(exchange, schemaOf) : undefined;
  if (patchType) options = { ...options, patchType };
  if (way.verb.startsWith('delete')) options = { ...options, ...deleteOptions(way, body?.value) };
  else if (writes && body === undefined) throw badRequest('the request needs a body');
  // A subresource like `pods/x/eviction` is POSTed; a POST to a name alone is not.
  if (way.verb === 'create' && resource.name !== undefined && resource.subresource === undefined) {
    throw new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
  }
  const { namespace, name, subresource } = resource;
  const selected = way.verb === 'watch' && name !== undefined ? { fieldSelector: `metadata.name=${name}` } : {};
  const call: ApiCall = {
    verb: way.verb as Verb,
    kind,
    namespace,
    name,
    subresource,
    body: body?.value,
    options: { ...options, ...selected },
  };
  return {
    call,
    kind,
    namespace,
    name,
    subresource,
    options: call.options,
    duplicates: body ? findingsOf(body, patchType, way) : [],
  };
}

/** What strict decoding says of fields that stood twice, in the words of each kind of body. Throws BadRequest for a configuration that is to be applied strictly. */
function findingsOf({ duplicates, yaml }: Body, patchType: Patch['type'] | undefined, way: Route): readonly string[] {
  if (duplicates.length === 0) return duplicates;
  if (!yaml) return duplicates.map((path) => `${patchType === 'json' ? 'json patch ' : ''}duplicate field "${path}"`);
  if (patchType !== 'apply') return duplicates;
  const findings = duplicates.map((finding) => `error converting YAML to JSON: ${finding}`);
  if (fieldValidation(way) === 'Strict') throw badRequest(`error strict decoding YAML: ${findings.join(', ')}`);
  return findings;
}

/** The struct of a protobuf body: any kind of this API, or the options of a delete. */
function schemaOf(apiVersion: string, kindName: string): StructType | undefined {
  const [group, version] = apiVersion.includes('/') ? (apiVersion.split('/') as [string, string]) : ['', apiVersion];
  return metaStructs.of(group, kindName) ?? kindOf(group, version, kindName)?.schema;
}
