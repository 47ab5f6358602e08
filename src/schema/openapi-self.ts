/**
 * The operations by which the API describes itself: groups, versions, resources, the program's version and the keys of tokens. In OpenAPI v3 each path but those of versions
 * is a document of its own.
 */
import { apiGroup, apiGroupList, apiResourceList, apiVersions, versionInfo } from './meta-types.ts';
import { basePath, camel, encodings, groupWord, type AnyKind, type Operation } from './openapi-operations.ts';
import { definitionName, type StructType } from './type.ts';

export interface SelfDescription extends Operation {
  /** What is answered, where it is an object. */
  readonly struct?: StructType;
}

interface Given {
  readonly tag: string;
  readonly description: string;
  readonly struct?: StructType;
  readonly produces?: readonly string[];
}

const describing = (
  path: string,
  id: string,
  { tag, description, struct, produces = encodings }: Given,
): SelfDescription => ({
  path,
  method: 'get',
  id,
  tag,
  description,
  consumes: produces,
  produces,
  parameters: [],
  body: undefined,
  bodyRequired: false,
  codes: [200],
  answer: struct ? { ref: definitionName(struct.name) } : 'string',
  ...(struct ? { struct } : {}),
});

/** The resources of one group and version. */
export const resourcesOperation = (of: Pick<AnyKind, 'group' | 'version'>): SelfDescription =>
  describing(`${basePath(of)}/`, `get${camel(groupWord(of.group))}${camel(of.version)}APIResources`, {
    tag: `${groupWord(of.group)}_${of.version}`,
    description: 'The resources of this version.',
    struct: apiResourceList,
  });

/** All that is not of one version, for the groups of these kinds. */
export function selfDescriptions(kinds: readonly AnyKind[]): readonly SelfDescription[] {
  const groups = [...new Set(kinds.map(({ group }) => group))].filter((group) => group !== '');
  const json = ['application/json'];
  return [
    describing('/.well-known/openid-configuration/', 'getServiceAccountIssuerOpenIDConfiguration', {
      tag: 'WellKnown',
      description: 'Who issues the tokens of ServiceAccounts, for others who check them.',
      produces: json,
    }),
    describing('/api/', 'getCoreAPIVersions', { tag: 'core', description: 'The versions.', struct: apiVersions }),
    describing('/apis/', 'getAPIVersions', { tag: 'apis', description: 'The groups.', struct: apiGroupList }),
    ...groups.map((group) =>
      describing(`/apis/${group}/`, `get${camel(groupWord(group))}APIGroup`, {
        tag: groupWord(group),
        description: 'The versions of this group.',
        struct: apiGroup,
      }),
    ),
    describing('/openid/v1/jwks/', 'getServiceAccountIssuerOpenIDKeyset', {
      tag: 'openid',
      description: 'The public keys of the tokens of ServiceAccounts.',
      produces: ['application/jwk-set+json'],
    }),
    describing('/version/', 'getCodeVersion', {
      tag: 'version',
      description: 'The version of this server.',
      struct: versionInfo,
      produces: json,
    }),
  ];
}
