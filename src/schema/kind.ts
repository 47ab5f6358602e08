/**
 * A Kind: one frozen declaration of a resource. Storage, serving, validation, discovery, OpenAPI, kubectl's tables and the
 * clients' types are derived from it; built-in kinds and user CRDs have this same form. It must hold no state.
 */
import type { AnyObject, DraftMeta, ObjectMeta } from '#meta/object-meta.ts';
import type { Cause } from '#meta/status.ts';
import type { Millis } from '#world/world.ts';
import { objectMeta } from './object-meta.ts';
import { type Field, s, type Of, type DraftOf, type Struct, type StructType, struct } from './type.ts';

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

export const allVerbs: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

export interface Kind<Stored = AnyObject, Draft = unknown> {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly scope: 'Namespaced' | 'Cluster';
  readonly verbs: readonly Verb[];
  /** The whole object, metadata included. */
  readonly schema: StructType;
  readonly subresources: Subresources;
  readonly columns: readonly Column<Stored>[];
  /** Fields a fieldSelector may name, beyond metadata.name and metadata.namespace. */
  readonly selectable: Readonly<Record<string, (object: Stored) => string>>;
  readonly hooks: Hooks<Stored, Draft>;
  /** Served under this key prefix instead of `/registry/<group or plural>/`: upstream's exceptions, e.g. `services/specs`. */
  readonly storagePrefix: string;
  /** Said with every answer of an old kind, whatever is asked. */
  readonly deprecated?: string;
  /** Another declaration whose stored objects this one shows (events.k8s.io/v1 shows core/v1 events; HPA v1 shows v2). */
  readonly storedAs?: KindConversion;
  readonly '~stored'?: Stored;
  readonly '~draft'?: Draft;
}

export interface KindConversion {
  readonly kind: () => Kind;
  /** From the stored kind to this one, and back. */
  readonly fromStored: (object: AnyObject) => AnyObject;
  readonly toStored: (object: AnyObject) => AnyObject;
}

export interface Subresources {
  readonly status?: boolean;
  readonly scale?: { readonly replicas: string; readonly statusReplicas: string; readonly selector: string };
  /** Others by name: their kind (as discovery shows it) and verbs. The API server's own folder per subresource serves them. */
  readonly other?: Readonly<
    Record<
      string,
      { readonly kind: string; readonly group?: string; readonly version?: string; readonly verbs: readonly string[] }
    >
  >;
}

export type Cell = string | number | boolean | null;

/** One column of `kubectl get`. */
export interface Column<Stored = AnyObject> {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  /** Above 0: only with `-o wide`. */
  readonly priority?: number;
  readonly description: string;
  readonly cell: (object: Stored, context: { readonly now: Millis }) => Cell;
  /** Of a cell that is the time since an instant: that instant. Such a cell is printed anew in each table, the others of its row are not. */
  since?(object: Stored): string | undefined;
}

/** What does not derive from the declaration. Each is optional; each is pure. */
export interface Hooks<Stored = AnyObject, Draft = unknown> {
  /** Defaults that look at other fields; runs after the declared defaults. Answers the object itself when nothing changes. */
  readonly fill?: (object: Draft) => Draft;
  /** What the create strategy resets or sets (status is dropped before this). */
  readonly prepareCreate?: (object: Stored) => Stored;
  /** What the update strategy keeps from the old object (status is kept, generation raised, by the registry). */
  readonly prepareUpdate?: (object: Stored, old: Stored) => Stored;
  /** After prepareUpdate, for what carries the moment of the write; `now` as objects carry it. */
  readonly stampUpdate?: (object: Stored, old: Stored, now: string) => Stored;
  /** What a write of the status subresource sets or keeps; `now` as objects carry it. */
  readonly prepareStatus?: (object: Stored, old: Stored, context: { readonly now: string }) => Stored;
  /** Of new objects only. */
  readonly validateNew?: (object: Stored) => readonly Cause[];
  readonly validateCreate?: (object: Stored) => readonly Cause[];
  /** Beyond validateCreate, which runs on updates too. */
  readonly validateUpdate?: (object: Stored, old: Stored) => readonly Cause[];
  readonly validateStatus?: (object: Stored, old: Stored) => readonly Cause[];
  /** Instead of validateUpdate for a write through another subresource: binding, ephemeralcontainers, resize. */
  readonly validateSubresource?: (object: Stored, old: Stored, subresource: string) => readonly Cause[];
  /** Warning headers of a create or update. */
  readonly warnings?: (object: Stored, old: Stored | undefined) => readonly string[];
  /** Those of a write of the status; `warnings` is not asked then. */
  readonly statusWarnings?: (object: Stored) => readonly string[];
  /** How metadata.name is checked; default: a DNS-1123 subdomain. */
  readonly name?: 'dns1123Subdomain' | 'dns1123Label' | 'dns1035Label' | 'longName' | 'pathSegment';
  /** Default propagation policy of delete (upstream: Background, Orphan for Job's old clients …). */
  readonly defaultPropagation?: 'Background' | 'Orphan';
  /** An update must say which version it is made from; otherwise one without a resourceVersion replaces whatever is there. */
  readonly needsVersion?: boolean;
  /** True when metadata.generation is raised by an update; default: spec (all but metadata and status) changed. */
  readonly generation?: boolean;
  /** Another annotation raises it too. */
  readonly annotationsCount?: true;
  /** generateName needs only to fit into a path, where the name itself is checked more strictly. */
  readonly looseGenerateName?: true;
  /** Finalizers may be plain words: apimachinery's rule. Upstream checks most kinds by a stricter one: standard, or qualified by a domain. */
  readonly plainFinalizers?: true;
}

type Body = Readonly<Record<string, Field<unknown, unknown, 'required' | 'optional' | 'defaulted'>>>;

type Top<F extends Body> = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
} & Of<Struct<F>>;
type TopDraft<F extends Body> = {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: DraftMeta;
} & DraftOf<Struct<F>>;

type Flat<T> = { readonly [K in keyof T]: T[K] };

export interface ResourceDeclaration<F extends Body> {
  group: string;
  version: string;
  kind: string;
  plural: string;
  singular?: string;
  shortNames?: readonly string[];
  categories?: readonly string[];
  scope: 'Namespaced' | 'Cluster';
  verbs?: readonly Verb[];
  /** Name of the struct for OpenAPI: `apps.v1.Deployment`. */
  name: string;
  doc: string;
  /** Top-level fields: usually spec and status. */
  fields: F;
  subresources?: Subresources;
  columns?: readonly Column<Flat<Top<F>>>[];
  selectable?: Readonly<Record<string, (object: Flat<Top<F>>) => string>>;
  hooks?: Hooks<Flat<Top<F>>, Flat<TopDraft<F>>>;
  storagePrefix?: string;
  deprecated?: string;
  storedAs?: KindConversion;
}

/** Declares a resource. */
export function resource<const F extends Body>(
  declaration: ResourceDeclaration<F>,
): Kind<Flat<Top<F>>, Flat<TopDraft<F>>> {
  const { fields, name, doc, ...rest } = declaration;
  const schema = struct(
    name,
    {
      apiVersion: s.string(0).optional().doc('The group and version of this object, `apps/v1`.'),
      kind: s.string(0).optional().doc('The kind of this object, in CamelCase.'),
      metadata: s.field(1, objectMeta).optional().doc('Name, namespace, labels and what else every object has.'),
      ...fields,
    },
    { doc },
  );
  return Object.freeze({
    singular: rest.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    verbs: allVerbs,
    subresources: {},
    columns: defaultColumns,
    selectable: {},
    hooks: {},
    storagePrefix: rest.plural,
    ...rest,
    schema,
  }) as unknown as Kind<Flat<Top<F>>, Flat<TopDraft<F>>>;
}

/** The object a Kind stands for, as stored and read. */
export type ObjectOf<K> = K extends { readonly '~stored'?: infer S } ? NonNullable<S> : never;
/** The object as a client may write it. */
export type DraftObject<K> = K extends { readonly '~draft'?: infer D } ? NonNullable<D> : never;

/** `v1`, `apps/v1`. */
export const apiVersionOf = (kind: { readonly group: string; readonly version: string }): string =>
  kind.group ? `${kind.group}/${kind.version}` : kind.version;

/** Name and Created At: what a kind without columns of its own shows. */
export const defaultColumns: readonly Column<never>[] = [
  {
    name: 'Name',
    type: 'string',
    format: 'name',
    description: 'Name of the object.',
    cell: (object: AnyObject) => object.metadata.name,
  },
  {
    name: 'Created At',
    type: 'date',
    description: 'When the object was created.',
    cell: (object: AnyObject) => object.metadata.creationTimestamp,
  },
];
