/**
 * Types that a schema declares: what the checker needs of them, and how large their values can become, which the cost of an expression is estimated from. An
 * object type is known by its name; its fields are looked up by it.
 */
import { listType, mapType, objectType, stringType, type CelType, type ObjectFields } from './types.ts';

export interface DeclaredType {
  readonly type: CelType;
  /** Of an object. */
  readonly fields?: ReadonlyMap<string, DeclaredType>;
  /** Of a map. */
  readonly key?: DeclaredType;
  /** Of a list or a map. */
  readonly element?: DeclaredType;
  /** How many elements or bytes it can have; -1 where nothing says so. */
  readonly elementsMax: number;
  /** The bytes of the smallest value in JSON. */
  readonly bytesMin: number;
}

/** Fewest bytes in JSON. */
const smallest: Partial<Record<CelType['kind'], number>> = {
  // `true`, `""`, `0`, `"0"`, `"2006-01-02"`.
  bool: 4,
  bytes: 2,
  string: 2,
  double: 1,
  int: 1,
  duration: 3,
  timestamp: 12,
};
/** `[]`, `{}`. */
const emptyBytes = 2;

/** A type without parts. */
export const scalar = (
  type: CelType,
  { elementsMax = 0, bytesMin = smallest[type.kind] ?? 1 }: Partial<DeclaredType> = {},
): DeclaredType => ({ type, elementsMax, bytesMin });

export const declaredList = (element: DeclaredType, elementsMax = -1): DeclaredType => ({
  type: listType(element.type),
  element,
  elementsMax,
  bytesMin: emptyBytes,
});

export const declaredMap = (
  element: DeclaredType,
  elementsMax = -1,
  key: DeclaredType = scalar(stringType),
): DeclaredType => ({ type: mapType(key.type, element.type), key, element, elementsMax, bytesMin: emptyBytes });

export const declaredObject = (
  name: string,
  fields: Readonly<Record<string, DeclaredType>>,
  bytesMin = emptyBytes,
): DeclaredType => ({
  type: objectType(name),
  fields: new Map(Object.entries(fields)),
  elementsMax: 0,
  bytesMin,
});

/** Words that CEL keeps for itself: no identifiers. */
export const reservedWords: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** Finds the objects among the types and what they hold, by name. */
export function objectsOf(roots: readonly DeclaredType[]): (name: string) => ObjectFields | undefined {
  let found: Map<string, DeclaredType> | undefined;
  return (name) => {
    found ??= collect(roots);
    const declared = found.get(name);
    return (
      declared && {
        type: declared.type,
        // A word that CEL keeps for itself is a field's name under underscores: `object.__namespace__`.
        field: (field) =>
          (declared.fields?.get(field) ?? (reservedWords.has(field) ? declared.fields?.get(`__${field}__`) : undefined))
            ?.type,
      }
    );
  };
}

function collect(roots: readonly DeclaredType[]): Map<string, DeclaredType> {
  const found = new Map<string, DeclaredType>();
  const visit = ({ type, fields, element }: DeclaredType, declared: DeclaredType): void => {
    if (fields !== undefined && !found.has(type.name)) {
      found.set(type.name, declared);
      for (const field of fields.values()) visit(field, field);
    }
    if (element !== undefined) visit(element, element);
  };
  for (const root of roots) visit(root, root);
  return found;
}
