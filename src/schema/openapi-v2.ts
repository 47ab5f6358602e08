/**
 * The OpenAPI v2 (swagger) document: one for all groups. kubectl reads patch strategies and field docs from it where v3 is not asked for.
 */
import { apiRelease, codeNames, schemasOf } from './openapi-components.ts';
import {
  lookupIn,
  operationsOf,
  type AnyKind,
  type Content,
  type Operation,
  type Parameter,
} from './openapi-operations.ts';

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
  const paths: Record<string, Record<string, unknown>> = {};
  for (const kind of kinds) {
    for (const operation of operationsOf(kind, lookup)) {
      const item = (paths[operation.path] ??= {});
      item[operation.method] = render(operation);
      if (operation.pathParameters.length > 0) item['parameters'] = operation.pathParameters.map(parameter);
    }
  }
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: apiRelease },
    paths,
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

function render(operation: Operation): Record<string, unknown> {
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
    parameters: [...body, ...operation.parameters.map(parameter)],
    responses,
    'x-kubernetes-action': operation.action,
    'x-kubernetes-group-version-kind': operation.kind,
  };
}
