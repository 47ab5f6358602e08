/**
 * The environments of Kubernetes' expressions: CEL with the extensions and libraries that every place has, to which a place adds its variables and types.
 * New expressions are held to what the version before knows, so that servers of two versions can share a store; expressions that are stored already may use
 * all there is.
 */
import { readType, type Library } from './declare.ts';
import { environment, type Environment } from './environment.ts';
import { comprehensions, lists, optionals, sets, strings } from './library/extensions.ts';
import { kubernetesLibraries, newestLibrary } from './library/kubernetes.ts';
import { standard } from './library/standard.ts';
import { valueType, wellKnownMessage } from './protobuf-types.ts';
import { anyType, intType, type CelType, type ObjectFields } from './types.ts';

/** An expression that is being written, or one that is stored and did not change. */
export type ExpressionAge = 'new' | 'stored';

const libraries: readonly Library[] = [
  standard,
  optionals,
  strings,
  lists,
  sets,
  comprehensions,
  ...kubernetesLibraries,
];

const values = new Map(
  ['!net.IP', '!net.CIDR', 'optional(V)'].map((text) => readType(text)).map((type) => [type.name, type] as const),
);

const type = (name: string): CelType | undefined => values.get(name) ?? valueType(name);

/** Where types are declared, the scalar ones are too, under the names of their declarations. */
const declaredScalars = new Map(
  ['bool', 'bytes', 'double', 'duration', 'int', 'string', 'timestamp', 'uint', 'list(any)', 'map(any, any)'].map(
    (text) => [text.replace(/\(.*/, ''), readType(text)] as const,
  ),
);

function declaredScalar(name: string): ObjectFields | undefined {
  const found = declaredScalars.get(name);
  return found && { type: found, field: () => (found.kind === 'map' ? anyType : undefined) };
}

const bases = new Map<ExpressionAge, Environment>();

/** What an expression may use beside its place's own. */
export function kubernetesEnvironment(age: ExpressionAge): Environment {
  let known = bases.get(age);
  if (known === undefined) {
    known = environment({
      libraries: age === 'new' ? libraries : [...libraries, newestLibrary],
      types: type,
      variables: { 'google.protobuf.NullValue.NULL_VALUE': intType },
      objects: [declaredScalar, wellKnownMessage],
    });
    bases.set(age, known);
  }
  return known;
}
