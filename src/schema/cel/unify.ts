/**
 * Unification: whether a value of one type may stand where another is wanted, and what type parameters must be for that. A substitution is never changed in
 * place by a failed attempt. The rules are those of cel-go's checker, its leniency with null included, since what it accepts clusters rely on.
 */
import {
  dynType,
  formatType,
  isDyn,
  listType,
  mapType,
  opaqueType,
  parameterOf,
  sameType,
  typeType,
  type CelType,
  type TypeKind,
} from './types.ts';

/** What type parameters stand for, by how messages print them. */
export type Substitution = ReadonlyMap<string, CelType>;
type Draft = Map<string, CelType>;

/** The substitution with which each of `values` may stand where `wanted` are; undefined when none does. */
export function assign(
  known: Substitution,
  values: readonly CelType[],
  wanted: readonly CelType[],
): Substitution | undefined {
  const draft = new Map(known);
  return allAssignable(draft, values, wanted) ? draft : undefined;
}

function allAssignable(draft: Draft, values: readonly CelType[], wanted: readonly CelType[]): boolean {
  return values.length === wanted.length && values.every((value, n) => assignable(draft, value, wanted[n] ?? dynType));
}

const isDynOrError = (type: CelType): boolean => isDyn(type) || type.kind === 'error';

function assignable(draft: Draft, value: CelType, wanted: CelType): boolean {
  if (wanted.kind === 'parameter') {
    const found = bind(draft, wanted, value);
    if (found.fits || found.bound) return found.fits;
  }
  if (value.kind === 'parameter') return bind(draft, value, wanted).fits;
  if (isDynOrError(value) || isDynOrError(wanted)) return true;
  if (value.kind === 'null') return takesNull(wanted);
  if (wanted.kind === 'null') return takesNull(value);
  if (value.kind === 'type') return wanted.kind === 'type';
  if (value.kind !== wanted.kind || value.name !== wanted.name) return false;
  return allAssignable(draft, value.parameters, wanted.parameters);
}

const nullKinds: readonly TypeKind[] = ['opaque', 'object', 'any', 'duration', 'timestamp', 'null'];
const takesNull = ({ kind, nullable }: CelType): boolean => nullable || nullKinds.includes(kind);

/** Lets a type parameter stand for `type`, or widens what it stands for. `bound`: it stood for something that does not fit. */
function bind(draft: Draft, parameter: CelType, type: CelType): { readonly fits: boolean; readonly bound: boolean } {
  if (type.kind === parameter.kind && sameType(type, parameter)) return { fits: true, bound: true };
  const key = formatType(parameter);
  const known = draft.get(key);
  if (known === undefined) {
    const fits = !occurs(draft, parameter, type);
    if (fits) draft.set(key, type);
    return { fits, bound: false };
  }
  if (type.kind === known.kind && sameType(type, known)) return { fits: true, bound: true };
  if (!assignable(draft, type, known)) return { fits: false, bound: true };
  const wider = moreGeneral(type, known);
  if (!occurs(draft, parameter, wider)) draft.set(key, wider);
  return { fits: true, bound: true };
}

/** Whether a type parameter is a part of the type, so that it cannot stand for it. */
function occurs(draft: Substitution, parameter: CelType, within: CelType): boolean {
  if (sameType(parameter, within)) return true;
  if (within.kind !== 'parameter') return within.parameters.some((part) => occurs(draft, parameter, part));
  const stands = draft.get(formatType(within));
  return stands !== undefined && occurs(draft, parameter, stands);
}

/** The wider of two types that unify. */
export const moreGeneral = (one: CelType, other: CelType): CelType => (isAsGeneral(one, other) ? one : other);

function isAsGeneral(one: CelType, other: CelType): boolean {
  if (isDyn(one) || one.kind === 'parameter') return true;
  if (isDyn(other) || other.kind === 'parameter' || one.kind !== other.kind) return false;
  if (one.kind === 'type') return true;
  if (one.name !== other.name || one.parameters.length !== other.parameters.length) return false;
  return one.parameters.every((parameter, n) => isAsGeneral(parameter, parameterOf(other, n)));
}

/** The type with what its parameters stand for; those that stand for nothing stay, or become `dyn`. */
export function substitute(known: Substitution, type: CelType, freeAsDyn = false): CelType {
  const stands = known.get(formatType(type));
  if (stands !== undefined) return substitute(known, stands, freeAsDyn);
  if (type.kind === 'parameter') return freeAsDyn ? dynType : type;
  if (type.parameters.length === 0) return type;
  const parts = type.parameters.map((part) => substitute(known, part, freeAsDyn));
  if (parts.every((part, n) => part === type.parameters[n])) return type;
  switch (type.kind) {
    case 'list':
      return listType(parts[0] ?? dynType);
    case 'map':
      return mapType(parts[0] ?? dynType, parts[1] ?? dynType);
    case 'type':
      return typeType(parts[0]);
    default:
      return opaqueType(type.name, parts);
  }
}
