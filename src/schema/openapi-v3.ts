/**
 * OpenAPI v3: one document for each group and version, and the index that names them with the hash of each, so that clients keep what did not change. kubectl
 * explain, apply and validation read these.
 */
import { createHash } from 'node:crypto';
import { apiVersionOf } from './kind.ts';
import { apiRelease, codeNames, extensionsOf, schemasOf } from './openapi-components.ts';
import { basePath, lookupIn, operationsOf, type AnyKind, type Content, type Operation } from './openapi-operations.ts';
import type { Parameter } from './openapi-parameters.ts';
import { pathsOf } from './openapi-paths.ts';
import { SchemaBuilder } from './openapi-schema.ts';
import { resourcesOperation, selfDescriptions, type SelfDescription } from './openapi-self.ts';

/** All documents by their names (`apis/apps/v1`). `bodies` are kinds of other groups that subresources carry: Scale, Eviction, TokenRequest. */
export function openApiV3Documents(
  kinds: readonly AnyKind[],
  bodies: readonly AnyKind[] = [],
): ReadonlyMap<string, () => object> {
  const versions = Map.groupBy(kinds, apiVersionOf);
  const named = new Map<string, () => object>();
  for (const members of versions.values()) {
    const [first] = members;
    if (first) named.set(basePath(first).slice(1), () => openApiV3(members, bodies));
  }
  for (const one of selfDescriptions(kinds)) named.set(one.path.replaceAll(/^\/|\/$/g, ''), () => selfDocument(one));
  return new Map([...named].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The document of one group and version. */
export function openApiV3(kinds: readonly AnyKind[], bodies: readonly AnyKind[] = []): object {
  const lookup = lookupIn([...kinds, ...bodies]);
  const [first] = kinds;
  const operations = [
    ...(first ? [resourcesOperation(first)] : []),
    ...kinds.flatMap((kind) => operationsOf(kind, lookup)),
  ];
  return documentOf(operations, schemasOf('v3', kinds, lookup));
}

function selfDocument(operation: SelfDescription): object {
  const builder = new SchemaBuilder('v3');
  if (operation.struct) builder.struct(operation.struct);
  return documentOf([operation], builder.schemas);
}

const documentOf = (operations: readonly Operation[], schemas: object): object => ({
  openapi: '3.0.0',
  info: { title: 'Kubernetes', version: apiRelease },
  paths: pathsOf(operations, { parameter, operation: render }),
  components: {
    ...(Object.keys(schemas).length > 0 ? { schemas } : {}),
    securitySchemes: {
      BearerToken: { type: 'apiKey', description: 'A bearer token.', name: 'authorization', in: 'header' },
    },
  },
});

/** The index of all documents. The hash in a URL changes with the document: clients may keep it for ever. */
export function openApiV3Index(documents: ReadonlyMap<string, () => object>): object {
  const paths: Record<string, { serverRelativeURL: string }> = {};
  for (const [name, make] of documents) {
    const hash = createHash('sha512').update(JSON.stringify(make())).digest('hex').toUpperCase();
    paths[name] = { serverRelativeURL: `/openapi/v3/${name}?hash=${hash}` };
  }
  return { paths };
}

function schemaOf(content: Exclude<Content, undefined>): Record<string, unknown> {
  return content === 'string' ? { type: 'string' } : { $ref: `#/components/schemas/${content.ref}` };
}

function parameter({ name, in: where, type, description, required }: Parameter): Record<string, unknown> {
  return {
    name,
    in: where,
    description,
    ...(required === true ? { required } : {}),
    schema: { type, uniqueItems: true },
  };
}

function contentOf(types: readonly string[], content: Content): Record<string, unknown> {
  if (content === undefined) return {};
  return { content: Object.fromEntries(types.map((type) => [type, { schema: schemaOf(content) }])) };
}

function render(operation: Operation, parameters: readonly object[]): Record<string, unknown> {
  const responses: Record<string, unknown> = {};
  for (const code of operation.codes)
    responses[code] = { description: codeNames[code], ...contentOf(operation.produces, operation.answer) };
  responses['401'] = { description: codeNames[401] };
  return {
    tags: [operation.tag],
    description: operation.description,
    operationId: operation.id,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(operation.body === undefined
      ? {}
      : {
          requestBody: {
            ...contentOf(operation.consumes, operation.body),
            ...(operation.bodyRequired ? { required: true } : {}),
          },
        }),
    responses,
    ...extensionsOf(operation),
  };
}
