/**
 * Operations gathered by path, as both versions of OpenAPI want them: what all operations of a path take is said once, at the path.
 */
import type { Operation } from './openapi-operations.ts';
import type { Parameter } from './openapi-parameters.ts';

export type Paths = Record<string, Record<string, unknown>>;

/** Words of one version of OpenAPI. */
export interface Rendering {
  parameter(parameter: Parameter): object;
  /** `parameters` are the operation's own. */
  operation(operation: Operation, parameters: readonly object[]): object;
}

const keyOf = (parameter: Parameter): string => `${parameter.name} ${parameter.in}`;
const byKey = (a: Parameter, b: Parameter): number => (keyOf(a) < keyOf(b) ? -1 : 1);

export function pathsOf(operations: Iterable<Operation>, rendering: Rendering): Paths {
  const paths: Paths = {};
  for (const [path, members] of Map.groupBy(operations, (operation) => operation.path)) {
    const counts = new Map<string, number>();
    for (const { parameters } of members)
      for (const parameter of parameters) counts.set(keyOf(parameter), (counts.get(keyOf(parameter)) ?? 0) + 1);
    const isCommon = (parameter: Parameter): boolean => counts.get(keyOf(parameter)) === members.length;
    const common = members[0]?.parameters.filter(isCommon).toSorted(byKey) ?? [];
    const item: Record<string, unknown> = (paths[path] = {});
    for (const operation of members) {
      const own = operation.parameters.filter((parameter) => !isCommon(parameter)).toSorted(byKey);
      item[operation.method] = rendering.operation(
        operation,
        own.map((parameter) => rendering.parameter(parameter)),
      );
    }
    if (common.length > 0) item['parameters'] = common.map((parameter) => rendering.parameter(parameter));
  }
  return paths;
}
