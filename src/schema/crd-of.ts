/**
 * A declared kind as a CustomResourceDefinition with a structural schema, so that it can be served from its definition alone. Read back by `kind-of-crd.ts` it prunes, fills
 * in and owns fields as the kind does. What a structural schema cannot say is lost: rules and hooks, columns, selectable fields, Go's omission of zero values, the one
 * spelling of times and quantities, and types that contain themselves, which become anything below their first level.
 */
import type { Crd, JsonSchemaProps } from './json-schema-props.ts';
import type { Kind } from './kind.ts';
import type { AnyTypeData, FieldData, StructType } from './type.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- any Kind, whatever its object type
type AnyKind = Kind<any, any>;

/** The definition, with the kind's version as its only one. */
export function crdOf(kind: AnyKind): Crd & { readonly apiVersion: string; readonly kind: string } {
  const { status, scale } = kind.subresources;
  const subresources = {
    ...(status === true ? { status: {} } : {}),
    ...(scale === undefined
      ? {}
      : {
          scale: {
            specReplicasPath: scale.replicas,
            statusReplicasPath: scale.statusReplicas,
            ...(scale.selector === '' ? {} : { labelSelectorPath: scale.selector }),
          },
        }),
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${kind.group}` },
    spec: {
      group: kind.group,
      names: {
        plural: kind.plural,
        singular: kind.singular,
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
        ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
      },
      scope: kind.scope,
      versions: [
        {
          name: kind.version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: rootOf(kind.schema) },
          ...(Object.keys(subresources).length > 0 ? { subresources } : {}),
        },
      ],
    },
  };
}

function rootOf(schema: StructType): JsonSchemaProps {
  const { apiVersion: _1, kind: _2, metadata: _3, ...fields } = schema.fields;
  const { properties, ...rest } = structSchema({ ...schema, fields }, new Set([schema]));
  return {
    ...rest,
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      ...properties,
    },
  };
}

const anything: JsonSchemaProps = { 'x-kubernetes-preserve-unknown-fields': true };
const intOrString: JsonSchemaProps = {
  'x-kubernetes-int-or-string': true,
  anyOf: [{ type: 'integer' }, { type: 'string' }],
};
const quantityPattern =
  '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$';

/** `outer`: structs in which this one stands; one of them again is where a schema must end. */
function schemaOf(type: AnyTypeData, outer: ReadonlySet<StructType>): JsonSchemaProps {
  switch (type.is) {
    case 'string': {
      const formats = { byte: 'byte', time: 'date-time', microTime: 'date-time', duration: undefined } as const;
      const format = type.format === undefined ? undefined : formats[type.format];
      return {
        type: 'string',
        ...(format === undefined ? {} : { format }),
        ...(type.values === undefined || type.open === true ? {} : { enum: [...type.values] }),
      };
    }
    case 'integer':
      return { type: 'integer', format: `int${type.bits}` };
    case 'number':
      return { type: 'number', format: 'double' };
    case 'boolean':
      return { type: 'boolean' };
    case 'intOrString':
      return intOrString;
    case 'quantity':
      return { ...intOrString, pattern: quantityPattern };
    case 'any':
    case 'either':
      return anything;
    case 'map':
      return {
        type: 'object',
        additionalProperties: schemaOf(type.values, outer),
        ...(type.atomic === true ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      };
    case 'list':
      return {
        type: 'array',
        items: schemaOf(type.items, outer),
        'x-kubernetes-list-type': type.list,
        ...(type.list === 'map' && type.keys !== undefined ? { 'x-kubernetes-list-map-keys': type.keys } : {}),
      };
    case 'struct':
      if (outer.has(type)) return { type: 'object', ...anything };
      return structSchema(type, new Set([...outer, type]));
    default:
      return type satisfies never;
  }
}

function structSchema(type: StructType, outer: ReadonlySet<StructType>): JsonSchemaProps {
  const fields = Object.entries(type.fields).filter(([, { gate }]) => gate === undefined);
  const required = fields.filter(([, { presence }]) => presence === 'required').map(([name]) => name);
  return {
    type: 'object',
    ...(type.doc === '' ? {} : { description: type.doc }),
    ...(fields.length === 0
      ? {}
      : { properties: Object.fromEntries(fields.map(([name, field]) => [name, fieldSchema(field, outer)])) }),
    ...(required.length > 0 ? { required } : {}),
    ...(type.atomic === true ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    ...(type.preserves === true ? anything : {}),
  };
}

function fieldSchema(field: FieldData, outer: ReadonlySet<StructType>): JsonSchemaProps {
  return {
    ...schemaOf(field.type, outer),
    ...(field.doc === '' ? {} : { description: field.doc }),
    ...(field.default === undefined ? {} : { default: field.default }),
    ...(field.min === undefined ? {} : { minimum: field.min }),
    ...(field.max === undefined ? {} : { maximum: field.max }),
    ...(field.verbatim === 'nullable' ? { nullable: true } : {}),
  };
}
