/** A schema and all the schemas in it, for questions about any of them. */
import type { JsonSchemaProps } from '#schema/json-schema-props.ts';

const isSchema = (value: unknown): value is JsonSchemaProps =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The schema, then those in it, outermost first. */
export function* allSchemas(schema: JsonSchemaProps): Iterable<JsonSchemaProps> {
  yield schema;
  for (const map of [schema.properties, schema.patternProperties, schema.definitions])
    for (const one of Object.values(map ?? {})) yield* allSchemas(one);
  for (const list of [schema.allOf, schema.anyOf, schema.oneOf]) for (const one of list ?? []) yield* allSchemas(one);
  const single = [schema.not, schema.additionalProperties, schema.additionalItems, schema.items];
  for (const one of [...single, ...Object.values(schema.dependencies ?? {})]) if (isSchema(one)) yield* allSchemas(one);
  if (Array.isArray(schema.items)) for (const one of schema.items as readonly JsonSchemaProps[]) yield* allSchemas(one);
}

export function someSchema(schema: JsonSchemaProps, is: (one: JsonSchemaProps) => boolean): boolean {
  for (const one of allSchemas(schema)) if (is(one)) return true;
  return false;
}
