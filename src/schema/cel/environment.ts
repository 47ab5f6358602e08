/**
 * What an expression may name: variables, functions, types and their fields. Declarations are text (`declare.ts`) that is read when a name is first asked
 * for, so that an environment costs nothing until an expression is checked in it.
 */
import { functionOf, type Library } from './declare.ts';
import type { Macro } from './macros.ts';
import { kubernetesMacros } from './parse.ts';
import type { CelType, FunctionDeclaration, ObjectFields } from './types.ts';

export interface Environment {
  /** The name that shorter names are looked up in, `''` for none. */
  readonly container: string;
  readonly variable: (name: string) => CelType | undefined;
  readonly function: (name: string) => FunctionDeclaration | undefined;
  /** A type that is a value: `int`, `net.IP`. */
  readonly type: (name: string) => CelType | undefined;
  /** A type that has fields, or can be written `Name{…}`. */
  readonly object: (name: string) => ObjectFields | undefined;
  readonly macros: readonly Macro[];
}

export interface EnvironmentOptions {
  readonly container?: string;
  readonly variables?: Readonly<Record<string, CelType>>;
  readonly libraries?: readonly Library[];
  readonly types?: (name: string) => CelType | undefined;
  readonly objects?: readonly ((name: string) => ObjectFields | undefined)[];
  readonly macros?: readonly Macro[];
}

const nothing = (): undefined => undefined;

/** An environment; later libraries add overloads to the functions of earlier ones. */
export function environment({
  container = '',
  variables = {},
  libraries = [],
  types = nothing,
  objects = [],
  macros = kubernetesMacros,
}: EnvironmentOptions): Environment {
  const read = new Map<string, FunctionDeclaration | undefined>();
  const declared = new Map(Object.entries(variables));
  return {
    container,
    macros,
    variable: (name) => declared.get(name),
    type: types,
    object: (name) => {
      for (const find of objects) {
        const found = find(name);
        if (found !== undefined) return found;
      }
      return undefined;
    },
    function: (name) => {
      if (!read.has(name)) read.set(name, functionOf(name, libraries));
      return read.get(name);
    },
  };
}

/** The same with more: variables and object types win over those of `base`. */
export function extended(
  base: Environment,
  {
    variables = {},
    objects = [],
    libraries = [],
    macros = base.macros,
  }: Omit<EnvironmentOptions, 'container' | 'types'>,
): Environment {
  const own = environment({ variables, objects, libraries });
  return {
    ...base,
    macros,
    variable: (name) => own.variable(name) ?? base.variable(name),
    object: (name) => own.object(name) ?? base.object(name),
    function: (name) => {
      const [added, known] = [own.function(name), base.function(name)];
      if (added === undefined || known === undefined) return added ?? known;
      return { name, overloads: [...known.overloads, ...added.overloads] };
    },
  };
}
