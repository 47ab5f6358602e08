/**
 * The OpenAPI v2 (swagger) document: one for all groups. kubectl reads patch strategies and field docs from it where v3 is not asked for.
 */
import { apiVersionOf } from './kind.ts';
import { apiRelease, codeNames, extensionsOf, schemasOf } from './openapi-components.ts';
import { lookupIn, operationsOf, type AnyKind, type Content, type Operation } from './openapi-operations.ts';
import type { Parameter } from './openapi-parameters.ts';
import { pathsOf } from './openapi-paths.ts';
import { resourcesOperation, selfDescriptions } from './openapi-self.ts';

export interface Swagger {
  readonly swagger: '2.0';
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Record<string, Record<string, unknown>>;
  readonly definitions: Record<string, unknown>;
  readonly securityDefinitions: Record<string, unknown>;
  readonly security: readonly unknown[];
}

/** The document for these kinds. `bodies` are kinds that only occur as bodies of subresources: Scale, Eviction, TokenRequest. */
export function openApiV2(kinds: readonly AnyKind[], bodies: readonly AnyKind[] = []): Swagger {
  const lookup = lookupIn([...kinds, ...bodies]);
  const versions = new Map(kinds.map((kind) => [apiVersionOf(kind), kind]));
  const operations = [
    ...selfDescriptions(kinds),
    ...[...versions.values()].map(resourcesOperation),
    ...kinds.flatMap((kind) => operationsOf(kind, lookup)),
  ];
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: apiRelease },
    paths: pathsOf(operations, { parameter, operation: render }),
    definitions: schemasOf('v2', kinds, lookup),
    securityDefinitions: {
      BearerToken: { description: 'A bearer token.', type: 'apiKey', name: 'authorization', in: 'header' },
    },
    security: [{ BearerToken: [] }],
  };
}

function schemaOf(content: Content): Record<string, unknown> {
  if (content === undefined) return {};
  return { schema: content === 'string' ? { type: 'string' } : { $ref: `#/definitions/${content.ref}` } };
}

function parameter({ name, in: where, type, description, required }: Parameter): Record<string, unknown> {
  return { uniqueItems: true, type, description, name, in: where, ...(required === true ? { required } : {}) };
}

function render(operation: Operation, own: readonly object[]): Record<string, unknown> {
  const body =
    operation.body === undefined
      ? []
      : [
          {
            name: 'body',
            in: 'body',
            ...(operation.bodyRequired ? { required: true } : {}),
            ...schemaOf(operation.body),
          },
        ];
  const parameters = [...body, ...own];
  const responses: Record<string, unknown> = {};
  for (const code of operation.codes) responses[code] = { description: codeNames[code], ...schemaOf(operation.answer) };
  responses['401'] = { description: codeNames[401] };
  return {
    description: operation.description,
    consumes: operation.consumes,
    produces: operation.produces,
    schemes: ['https'],
    tags: [operation.tag],
    operationId: operation.id,
    ...(parameters.length > 0 ? { parameters } : {}),
    responses,
    ...extensionsOf(operation),
  };
}
