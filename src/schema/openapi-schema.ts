/**
 * Declared types as JSON schemas, in the two dialects of OpenAPI that clients ask for (v2: definitions; v3: components). Both carry Kubernetes' extensions, from
 * which kubectl explains fields, makes patches, and merges. Collects every struct it meets, so that no reference leads nowhere.
 */
import { documentedAsRequired, documentedDefault } from './openapi-documented.ts';
import { definitionName, type AnyTypeData, type FieldData, type StructType } from './type.ts';

export type Dialect = 'v2' | 'v3';

export type JsonSchema = Record<string, unknown>;

const time = 'io.k8s.apimachinery.pkg.apis.meta.v1.Time';
const microTime = 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime';
const duration = 'io.k8s.apimachinery.pkg.apis.meta.v1.Duration';
const quantity = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const intOrString = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';

/** Types that are no structs, but have names of their own. */
function namedTypes(dialect: Dialect): Readonly<Record<string, JsonSchema>> {
  return {
    [time]: {
      description: 'An instant, as RFC 3339 writes it, in whole seconds.',
      format: 'date-time',
      type: 'string',
    },
    [microTime]: {
      description: 'An instant, as RFC 3339 writes it, with microseconds.',
      format: 'date-time',
      type: 'string',
    },
    [duration]: { description: 'A span, as in `1h30m`.', type: 'string' },
    [quantity]: {
      description: 'An exact decimal number with a suffix: 500m, 1Gi, 12e6.',
      ...(dialect === 'v2' ? { type: 'string' } : { oneOf: [{ type: 'string' }, { type: 'number' }] }),
    },
    [intOrString]: {
      description: 'A whole number or a text.',
      format: 'int-or-string',
      ...(dialect === 'v2' ? { type: 'string' } : { oneOf: [{ type: 'integer' }, { type: 'string' }] }),
    },
  };
}

/** Schemas of structs and of all that they refer to. */
export class SchemaBuilder {
  readonly #dialect: Dialect;
  readonly #schemas = new Map<string, JsonSchema>();
  readonly #named: Readonly<Record<string, JsonSchema>>;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
    this.#named = namedTypes(dialect);
  }

  /** Every schema so far, sorted by name. */
  get schemas(): Record<string, JsonSchema> {
    return Object.fromEntries([...this.#schemas].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Adds a schema that no struct declares. */
  add(name: string, schema: JsonSchema): JsonSchema {
    if (!this.#schemas.has(name)) this.#schemas.set(name, schema);
    return this.ref(name);
  }

  ref(name: string): JsonSchema {
    return { $ref: this.#dialect === 'v2' ? `#/definitions/${name}` : `#/components/schemas/${name}` };
  }

  /** Adds the struct and what it refers to; answers a reference. */
  struct(type: StructType, kinds: readonly object[] = []): JsonSchema {
    const name = definitionName(type.name);
    const known = this.#schemas.get(name);
    if (known === undefined) {
      const schema: JsonSchema = {};
      // Registered before its fields: a struct may contain itself.
      this.#schemas.set(name, schema);
      Object.assign(schema, this.#structSchema(type));
      if (kinds.length > 0) schema['x-kubernetes-group-version-kind'] = kinds;
    } else if (kinds.length > 0) {
      known['x-kubernetes-group-version-kind'] ??= kinds;
    }
    return this.ref(name);
  }

  #structSchema(type: StructType): JsonSchema {
    const properties: Record<string, JsonSchema> = {};
    for (const [name, field] of Object.entries(type.fields)) {
      const preset = this.#preset(field);
      properties[name] = this.#fieldSchema(
        field,
        this.#dialect === 'v2' ? preset : documentedDefault(type.name, name, preset),
      );
    }
    const mandatory =
      documentedAsRequired(type.name) ??
      Object.keys(type.fields).filter((name) => type.fields[name]?.presence === 'required');
    return {
      ...(type.doc === '' ? {} : { description: type.doc }),
      type: 'object',
      ...(Object.keys(properties).length > 0 ? { properties } : {}),
      ...(mandatory.length > 0 ? { required: mandatory } : {}),
      ...(type.atomic === true ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      ...(type.preserves === true ? { 'x-kubernetes-preserve-unknown-fields': true } : {}),
    };
  }

  /** The schema of a field, with what is said of the field beside its type. */
  field(field: FieldData): JsonSchema {
    return this.#fieldSchema(field, this.#preset(field));
  }

  #fieldSchema(field: FieldData, preset: unknown): JsonSchema {
    const inner = this.type(field.type);
    const extras: JsonSchema = {};
    if (field.doc !== '') extras['description'] = field.doc;
    if (preset !== undefined) extras['default'] = preset;
    if (field.patchStrategy !== undefined) extras['x-kubernetes-patch-strategy'] = field.patchStrategy;
    if (field.verbatim === 'nullable' && this.#dialect === 'v3') extras['nullable'] = true;
    if (inner['$ref'] === undefined) return { ...extras, ...inner };
    // In OpenAPI 3.0 nothing may stand beside a reference.
    if (this.#dialect === 'v3') return Object.keys(extras).length === 0 ? inner : { ...extras, allOf: [inner] };
    return { ...extras, ...inner };
  }

  /**
   * The default that clients are told. Of custom resources it is the declared one. Of built-in kinds upstream tells none in v2, and in v3 Go's zero value of what is always
   * there; what its server fills in beyond that it does not say.
   */
  #preset({ type, presence, verbatim, keepsZero, default: declared }: FieldData): unknown {
    if (verbatim !== undefined) return typeof declared === 'object' ? undefined : declared;
    if (this.#dialect === 'v2' || keepsZero === true) return undefined;
    if (type.is === 'struct' && /^meta\.v1\.(?:Object|List)Meta$/.test(type.name)) return {};
    const isZero = declared === '' || declared === 0 || declared === false || isEmptyObject(declared);
    if (presence !== 'required' && !isZero) return undefined;
    switch (type.is) {
      case 'string':
        return type.format === undefined ? '' : undefined;
      case 'integer':
        return 0;
      case 'boolean':
        return false;
      case 'struct':
        return {};
      default:
        return undefined;
    }
  }

  #reference(name: string): JsonSchema {
    const schema = this.#named[name];
    return schema === undefined ? this.ref(name) : this.add(name, schema);
  }

  /** The schema of a value of this type. */
  type(type: AnyTypeData): JsonSchema {
    switch (type.is) {
      case 'string':
        if (type.format === 'time') return this.#reference(time);
        if (type.format === 'microTime') return this.#reference(microTime);
        if (type.format === 'duration') return this.#reference(duration);
        return {
          type: 'string',
          ...(type.format === 'byte' ? { format: 'byte' } : {}),
          ...(type.values !== undefined && type.open !== true ? { enum: [...type.values].sort() } : {}),
        };
      case 'integer':
        return { type: 'integer', format: `int${type.bits}` };
      case 'number':
        return { type: 'number', format: 'double' };
      case 'boolean':
        return { type: 'boolean' };
      case 'intOrString':
        return this.#reference(intOrString);
      case 'quantity':
        return this.#reference(quantity);
      case 'any':
        return type.name === undefined
          ? { type: 'object' }
          : this.add(definitionName(type.name), { description: 'Any JSON: null, a scalar, a list or an object.' });
      case 'either':
        // Its shape is not said, because v2 has no word for it; what it refers to is there all the same.
        this.struct(type.struct);
        return this.add(definitionName(type.name), { description: type.doc });
      case 'map':
        return {
          type: 'object',
          additionalProperties: this.#inner(type.values),
          ...(type.atomic === true ? { 'x-kubernetes-map-type': 'atomic' } : {}),
        };
      case 'list':
        return {
          type: 'array',
          items: this.#inner(type.items),
          'x-kubernetes-list-type': type.list,
          ...(type.list === 'map' ? { 'x-kubernetes-list-map-keys': type.keys ?? [] } : {}),
          ...(type.patch === undefined ? {} : { 'x-kubernetes-patch-strategy': type.patch.strategy }),
          ...(type.patch?.mergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': type.patch.mergeKey }),
        };
      case 'struct':
        return this.struct(type);
      default:
        return type satisfies never;
    }
  }

  #inner(type: AnyTypeData): JsonSchema {
    return this.type(type);
  }
}

const isEmptyObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
