/**
 * Everything that describes the API: groups, resources, OpenAPI, version. Derived from the kinds once and kept as bytes.
 */
import { createHash } from 'node:crypto';
import type { AnyKind } from '#client/client.ts';
import { aggregatedDiscovery, apiGroupList, apiGroup, apiResourceList } from '#schema/discovery.ts';
import { openApiV2 } from '#schema/openapi-v2.ts';
import { openApiV2Protobuf } from '#schema/openapi-v2-protobuf.ts';
import { openApiV3Documents, openApiV3Index } from '#schema/openapi-v3.ts';
import { apiVersionOf } from '#schema/kind.ts';

export interface Document {
  readonly bytes: Buffer;
  readonly type: string;
  readonly etag: string;
}

/** Answers a description of the API, or undefined when the path is none. */
export type Documents = (path: string, accept: string, query: URLSearchParams) => Document | undefined;

const json = 'application/json';
const swaggerProtobuf = /application\/com\.github\.proto-openapi\.spec\.v2[@.]v1\.0\+protobuf/;
const aggregated = /application\/json;[^,]*as=APIGroupDiscoveryList/;

/** `bodies` are the kinds of subresources' bodies: Scale, Eviction, TokenRequest. */
export function documentsOf(
  { kinds, bodies }: { kinds: readonly AnyKind[]; bodies: readonly AnyKind[] },
  version: Readonly<Record<string, string>>,
  serverAddress: string,
): Documents {
  const made = new Map<string, Document>();
  const once = (key: string, make: () => object | Uint8Array, type = json): Document => {
    let document = made.get(key);
    if (!document) {
      const content = make();
      const bytes = content instanceof Uint8Array ? Buffer.from(content) : Buffer.from(JSON.stringify(content));
      document = { bytes, type, etag: `"${createHash('sha512').update(bytes).digest('hex').toUpperCase()}"` };
      made.set(key, document);
    }
    return document;
  };
  const of = (apiVersion: string): AnyKind[] => kinds.filter((kind) => apiVersionOf(kind) === apiVersion);
  const v3 = openApiV3Documents(kinds, bodies);
  const groups = new Set(kinds.filter((kind) => kind.group).map((kind) => kind.group));

  return (path, accept, _query) => {
    const parts = path.split('/').filter(Boolean);
    if (path === '/version' || path === '/version/') return once('version', () => version);
    if (parts[0] === 'api' && parts.length === 1) {
      if (aggregated.test(accept))
        return once('api+', () => aggregatedDiscovery(kinds.filter((kind) => !kind.group)), aggregatedType(accept));
      return once('api', () => ({
        kind: 'APIVersions',
        versions: ['v1'],
        serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
      }));
    }
    if (parts[0] === 'apis' && parts.length === 1) {
      if (aggregated.test(accept))
        return once('apis+', () => aggregatedDiscovery(kinds.filter((kind) => kind.group)), aggregatedType(accept));
      return once('apis', () => apiGroupList(kinds));
    }
    if (parts[0] === 'apis' && parts.length === 2 && groups.has(parts[1] as string)) {
      return once(path, () => apiGroup(kinds.filter((kind) => kind.group === parts[1])));
    }
    if ((parts[0] === 'api' && parts.length === 2) || (parts[0] === 'apis' && parts.length === 3)) {
      const found = of(parts.slice(1).join('/'));
      return found.length > 0 ? once(path, () => apiResourceList(found)) : undefined;
    }
    if (path === '/openapi/v2') {
      if (swaggerProtobuf.test(accept)) {
        return once(
          'v2pb',
          () => openApiV2Protobuf(openApiV2(kinds, bodies)),
          'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
        );
      }
      return once('v2', () => openApiV2(kinds, bodies));
    }
    if (path === '/openapi/v3') return once('v3', () => openApiV3Index(v3));
    if (parts[0] === 'openapi' && parts[1] === 'v3') {
      const make = v3.get(parts.slice(2).join('/'));
      return make && once(path, make);
    }
    return undefined;
  };
}

const aggregatedType = (accept: string): string =>
  accept.includes('v=v2beta1') && !accept.includes('v=v2;') && !/v=v2(,|$)/.test(accept)
    ? 'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList'
    : 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
