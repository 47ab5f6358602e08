/**
 * The schemas of an OpenAPI document: the kinds, their lists, what subresources carry, and the meta types that every document has.
 */
import {
  deleteOptions,
  patch,
  status,
  watchEvent,
  apiResourceList,
  apiGroup,
  apiGroupList,
  apiVersions,
  versionInfo,
} from './meta-types.ts';
import type { Verb } from './kind.ts';
import { listMeta } from './object-meta.ts';
import { listName, type AnyKind, type KindLookup, type Operation } from './openapi-operations.ts';
import { SchemaBuilder, type Dialect, type JsonSchema } from './openapi-schema.ts';
import { subresourcesOf } from './discovery.ts';
import { s } from './type.ts';

const listMetadata = s.field(1, listMeta).optional().doc('What is said of the list as a whole.').data;

/** Every schema that operations on these kinds refer to, by definition name. */
export function schemasOf(dialect: Dialect, kinds: readonly AnyKind[], lookup: KindLookup): Record<string, JsonSchema> {
  const builder = new SchemaBuilder(dialect);
  for (const kind of kinds) {
    const { group, version } = kind;
    const self = builder.struct(kind.schema, [{ group, version, kind: kind.kind }]);
    for (const subresource of subresourcesOf(kind)) {
      const known = lookup(subresource.kind);
      if (known !== undefined) builder.struct(known, [subresource.kind]);
    }
    if (!kind.verbs.includes('list')) continue;
    builder.add(listName(kind.schema), {
      description: `A list of ${kind.kind} objects.`,
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion: { description: 'The group and version of this list.', type: 'string' },
        items: { description: 'The objects.', type: 'array', items: self },
        kind: { description: 'The kind of this list.', type: 'string' },
        metadata: builder.field(listMetadata),
      },
      'x-kubernetes-group-version-kind': [{ group, version, kind: `${kind.kind}List` }],
    });
  }
  const carried = (kind: string): object[] => [
    { group: '', version: 'v1', kind },
    ...versionsOf(kinds).map((version) => ({ ...version, kind })),
  ];
  const can = (verb: Verb): boolean => kinds.some(({ verbs }) => verbs.includes(verb));
  if (can('delete')) {
    builder.struct(status, [{ group: '', version: 'v1', kind: 'Status' }]);
    builder.struct(deleteOptions, carried('DeleteOptions'));
  }
  if (can('watch')) builder.struct(watchEvent, carried('WatchEvent'));
  if (can('patch')) builder.struct(patch);
  builder.struct(apiResourceList, [{ group: '', version: 'v1', kind: 'APIResourceList' }]);
  if (dialect === 'v2') {
    builder.struct(apiGroup, [{ group: '', version: 'v1', kind: 'APIGroup' }]);
    builder.struct(apiGroupList, [{ group: '', version: 'v1', kind: 'APIGroupList' }]);
    builder.struct(apiVersions, [{ group: '', version: 'v1', kind: 'APIVersions' }]);
    builder.struct(versionInfo);
  }
  return builder.schemas;
}

/** Each group and version once, but the first of all. */
const versionsOf = (kinds: readonly AnyKind[]): readonly { group: string; version: string }[] => [
  ...new Map(
    kinds.filter(({ group }) => group !== '').map(({ group, version }) => [`${group}/${version}`, { group, version }]),
  ).values(),
];

/** What tells kubectl which operation on which kind this is. */
export const extensionsOf = ({ action, kind }: Operation): object =>
  action === undefined ? {} : { 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': kind };

/** What each HTTP code of an answer is called. */
export const codeNames: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  401: 'Unauthorized',
};

/** The release whose API this is. */
export const apiRelease = '1.37';
