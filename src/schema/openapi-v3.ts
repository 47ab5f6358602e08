/**
 * OpenAPI v3: one document for each group and version, and the index that names them with the hash of each, so that clients keep what did not change. kubectl
 * explain, apply and validation read these.
 */
import { createHash } from 'node:crypto';
import { apiVersionOf } from './kind.ts';
import { apiRelease, codeNames, schemasOf } from './openapi-components.ts';
import {
  basePath,
  lookupIn,
  operationsOf,
  type AnyKind,
  type Content,
  type Operation,
  type Parameter,
} from './openapi-operations.ts';

/** The document of one group and version. `bodies` are kinds of other groups that subresources carry: Scale, Eviction, TokenRequest. */
export function openApiV3(kinds: readonly AnyKind[], bodies: readonly AnyKind[] = []): object {
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
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: apiRelease },
    paths,
    components: {
      schemas: schemasOf('v3', kinds, lookup),
      securitySchemes: {
        BearerToken: { type: 'apiKey', description: 'A bearer token.', name: 'authorization', in: 'header' },
      },
    },
    security: [{ BearerToken: [] }],
  };
}

/** The index of all documents. The hash in a URL changes with the document: clients may keep it for ever. */
export function openApiV3Index(kinds: readonly AnyKind[], bodies: readonly AnyKind[] = []): object {
  const groups = new Map<string, AnyKind[]>();
  for (const kind of kinds) {
    const group = groups.get(apiVersionOf(kind));
    if (group === undefined) groups.set(apiVersionOf(kind), [kind]);
    else group.push(kind);
  }
  const paths: Record<string, { serverRelativeURL: string }> = {};
  for (const members of groups.values()) {
    const [first] = members;
    if (first === undefined) continue;
    const path = basePath(first).slice(1);
    const hash = createHash('sha512')
      .update(JSON.stringify(openApiV3(members, bodies)))
      .digest('hex')
      .toUpperCase();
    paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` };
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

function render(operation: Operation): Record<string, unknown> {
  const responses: Record<string, unknown> = {};
  for (const code of operation.codes)
    responses[code] = { description: codeNames[code], ...contentOf(operation.produces, operation.answer) };
  responses['401'] = { description: codeNames[401] };
  return {
    tags: [operation.tag],
    description: operation.description,
    operationId: operation.id,
    parameters: operation.parameters.map(parameter),
    ...(operation.body === undefined
      ? {}
      : {
          requestBody: {
            ...contentOf(operation.consumes, operation.body),
            ...(operation.bodyRequired ? { required: true } : {}),
          },
        }),
    responses,
    'x-kubernetes-action': operation.action,
    'x-kubernetes-group-version-kind': operation.kind,
  };
}
