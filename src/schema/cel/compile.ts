/**
 * From a text to a checked expression, or what is wrong with it in upstream's words: parsed, types checked, constants checked, its result of a wanted type,
 * and a program of it can be made. Nothing is run.
 */
import { internalFault, invalidValue } from '#meta/causes.ts';
import type { Cause } from '#meta/status.ts';
import { check, type Checked } from './check.ts';
import type { Environment } from './environment.ts';
import { formatErrors } from './errors.ts';
import { literalErrors } from './literals.ts';
import { parse } from './parse.ts';
import { programFault } from './program.ts';
import type { CelType } from './types.ts';

/** `fault`: all errors with their places, several lines. */
export type Compiled = { readonly checked: Checked } | { readonly fault: string };

/** Parses and checks. */
export function compile(source: string, environment: Environment): Compiled {
  const result = parse(source, { macros: environment.macros });
  if ('errors' in result) return { fault: formatErrors(result.errors, source) };
  const checked = check(result.parsed, environment);
  if ('errors' in checked) return { fault: formatErrors(checked.errors, source) };
  const wrong = literalErrors(checked.checked);
  return wrong.length > 0 ? { fault: formatErrors(wrong, source) } : checked;
}

/** `internal`: upstream thinks that it cannot happen, and says so. */
export type Program = { readonly checked: Checked } | { readonly fault: string; readonly internal: boolean };

/** The same, and why there is no program of it or its result is not what is wanted. `unwanted` answers what is said of a result's type that is. */
export function compileProgram(
  source: string,
  environment: Environment,
  unwanted: (type: CelType) => string | undefined,
): Program {
  const compiled = compile(source, environment);
  if ('fault' in compiled) return { fault: `compilation failed: ${compiled.fault}`, internal: false };
  const { checked } = compiled;
  const wrong = unwanted(checked.type);
  if (wrong !== undefined) return { fault: wrong, internal: false };
  if ([...checked.types.values()].some(({ kind }) => kind === 'none'))
    return { fault: 'unexpected compilation error: missing type conversion to proto: ', internal: true };
  const fault = programFault(checked, environment);
  return fault === undefined ? compiled : { fault: `program instantiation failed: ${fault}`, internal: true };
}

/** The cause of what is wrong with an expression at a path. */
export const programCause = (
  path: string,
  expression: string,
  { fault, internal }: { readonly fault: string; readonly internal: boolean },
): Cause => (internal ? internalFault(path, fault) : invalidValue(path, expression, fault));
