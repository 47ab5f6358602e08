/** How large the values of declared types can be, for the cost of expressions that name them. */
import type { SizedNode } from './cost.ts';
import type { DeclaredType } from './declared-type.ts';
import { type Estimate, UNBOUNDED } from './estimate.ts';

/**
 * Answers the size of what a path from one of the variables leads to. Values of `namedValues` are also found by `map.name`; of other maps only `map['name']`
 * has a size.
 */
export function sizesOf(
  variables: Readonly<Record<string, DeclaredType>>,
  namedValues?: DeclaredType,
): (node: SizedNode) => Estimate | undefined {
  const partOf = ({ element, key, fields }: DeclaredType, part: string): DeclaredType | undefined => {
    switch (part) {
      case '@items':
      case '@values':
        return element;
      case '@keys':
        return key;
      default:
        return fields?.get(part) ?? (element === namedValues ? namedValues : undefined);
    }
  };
  return ({ path: [variable = '', ...path] = [] }) => {
    let declared = Object.hasOwn(variables, variable) ? variables[variable] : undefined;
    for (const part of path) declared = declared && partOf(declared, part);
    if (declared === undefined) return undefined;
    return { min: 0, max: declared.elementsMax < 0 ? UNBOUNDED : declared.elementsMax };
  };
}
