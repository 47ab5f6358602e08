/**
 * Declarations of what only answers carry: Status, lists, metadata alone, WatchEvent's options. They belong to every group, as upstream registers them.
 */
import { listMeta, objectMeta } from '#schema/object-meta.ts';
import { apiGroup, apiGroupList, apiResource, apiVersions, deleteOptions, status } from '#schema/meta-types.ts';
import { s, struct, t, type StructType } from '#schema/type.ts';

const partialObjectMetadata = struct(
  'meta.v1.PartialObjectMetadata',
  { metadata: s.field(1, objectMeta).optional() },
  { doc: 'The metadata of an object.' },
);

const partialObjectMetadataList = struct(
  'meta.v1.PartialObjectMetadataList',
  { metadata: s.field(1, listMeta).optional(), items: s.list(2, partialObjectMetadata) },
  { doc: 'The metadata of several objects.' },
);

const list = struct(
  'meta.v1.List',
  { metadata: s.field(1, listMeta).optional() },
  { doc: 'A list without its items.' },
);

const structs: Readonly<Record<string, StructType>> = {
  Status: status,
  DeleteOptions: deleteOptions,
};

/** As Go has it: the list of verbs is a message of its own. */
const wireResource = struct(
  'meta.v1.APIResource',
  { ...apiResource.inlined, verbs: s.field(4, struct('meta.v1.Verbs', { items: s.list(1, t.string) })) },
  { doc: apiResource.doc },
);

const discovery: Readonly<Record<string, StructType>> = {
  APIVersions: apiVersions,
  APIGroup: apiGroup,
  APIGroupList: apiGroupList,
  APIResourceList: struct('meta.v1.APIResourceList', {
    groupVersion: s.string(1),
    resources: s.list(2, wireResource),
  }),
};

export const metaStructs = {
  /** A document of discovery, its verbs as `{ items }`. */
  discovery: (kind: string): StructType | undefined => (Object.hasOwn(discovery, kind) ? discovery[kind] : undefined),
  /** Every typed list is this and its items, field 2. */
  list: list as StructType,
  /** A struct of meta/v1 by the name of its kind. */
  of(group: string, kind: string): StructType | undefined {
    if (group === 'meta.k8s.io') {
      if (kind === 'PartialObjectMetadata') return partialObjectMetadata;
      if (kind === 'PartialObjectMetadataList') return partialObjectMetadataList;
    }
    return Object.hasOwn(structs, kind) ? structs[kind] : undefined;
  },
};
