/**
 * Unification: whether a value of one type may stand where another is wanted, and what type parameters must be for that. The rules are those of cel-go's
 * checker, its leniency with null included, since what it accepts clusters rely on. Types can grow twice as large with a few characters of text, so that the
 * work is counted.
 */
import {
  dynType,
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

/** Thrown when an expression takes more work than its length explains. */
export class TooComplex extends Error {}

/** What the type parameters of an expression stand for. */
export class Unifier {
  readonly #stands = new Map<string, CelType>();
  /** What changed since an attempt began, to undo it: a name and what it stood for. */
  #trail: (readonly [string, CelType | undefined])[] = [];
  #steps: number;

  /** `stepsMax`: how many types may be looked at. */
  constructor(stepsMax: number) {
    this.#steps = stepsMax;
  }

  /** Whether each of `values` may stand where `wanted` are. Parameters stand for more than before only when all do. */
  assign(values: readonly CelType[], wanted: readonly CelType[]): boolean {
    this.#trail = [];
    if (this.#allAssignable(values, wanted)) return true;
    for (const [name, before] of this.#trail.toReversed()) {
      if (before === undefined) this.#stands.delete(name);
      else this.#stands.set(name, before);
    }
    return false;
  }

  /** The type with what its parameters stand for; those that stand for nothing stay, or become `dyn`. */
  substitute(type: CelType, freeAsDyn = false): CelType {
    this.#step();
    if (type.kind === 'parameter') {
      const stands = this.#stands.get(type.name);
      if (stands !== undefined) return this.substitute(stands, freeAsDyn);
      return freeAsDyn ? dynType : type;
    }
    return withParts(type, (part) => this.substitute(part, freeAsDyn));
  }

  #step(): void {
    if (--this.#steps < 0) throw new TooComplex();
  }

  #allAssignable(values: readonly CelType[], wanted: readonly CelType[]): boolean {
    return values.length === wanted.length && values.every((value, n) => this.#assignable(value, wanted[n] ?? dynType));
  }

  #assignable(value: CelType, wanted: CelType): boolean {
    this.#step();
    if (wanted.kind === 'parameter') {
      const found = this.#bind(wanted, value);
      if (found.fits || found.bound) return found.fits;
    }
    if (value.kind === 'parameter') return this.#bind(value, wanted).fits;
    if (isDynOrError(value) || isDynOrError(wanted)) return true;
    if (value.kind === 'null') return takesNull(wanted);
    if (wanted.kind === 'null') return takesNull(value);
    if (value.kind === 'type') return wanted.kind === 'type';
    if (value.kind !== wanted.kind || value.name !== wanted.name) return false;
    return this.#allAssignable(value.parameters, wanted.parameters);
  }

  /** Lets a type parameter stand for `type`, or widens what it stands for. `bound`: it stood for something already. */
  #bind(parameter: CelType, type: CelType): { readonly fits: boolean; readonly bound: boolean } {
    if (sameType(type, parameter)) return { fits: true, bound: true };
    const known = this.#stands.get(parameter.name);
    if (known === undefined) {
      const fits = !this.#occurs(parameter, type);
      if (fits) this.#set(parameter.name, type);
      return { fits, bound: false };
    }
    if (type === known || (type.kind === 'parameter' && sameType(type, known))) return { fits: true, bound: true };
    if (!this.#assignable(type, known)) return { fits: false, bound: true };
    const wider = moreGeneral(type, known);
    if (wider !== known && !this.#occurs(parameter, wider)) this.#set(parameter.name, wider);
    return { fits: true, bound: true };
  }

  #set(name: string, type: CelType): void {
    this.#trail.push([name, this.#stands.get(name)]);
    this.#stands.set(name, type);
  }

  /** Whether a type parameter is a part of the type, so that it cannot stand for it. */
  #occurs(parameter: CelType, within: CelType): boolean {
    this.#step();
    if (within.kind !== 'parameter') return within.parameters.some((part) => this.#occurs(parameter, part));
    if (within.name === parameter.name) return true;
    const stands = this.#stands.get(within.name);
    return stands !== undefined && this.#occurs(parameter, stands);
  }
}

const isDynOrError = (type: CelType): boolean => isDyn(type) || type.kind === 'error';

const nullKinds: readonly TypeKind[] = ['opaque', 'object', 'any', 'duration', 'timestamp', 'null'];
const takesNull = ({ kind, nullable }: CelType): boolean => nullable || nullKinds.includes(kind);

/** The wider of two types that unify. */
export const moreGeneral = (one: CelType, other: CelType): CelType => (isAsGeneral(one, other) ? one : other);

function isAsGeneral(one: CelType, other: CelType): boolean {
  if (isDyn(one) || one.kind === 'parameter') return true;
  if (isDyn(other) || other.kind === 'parameter' || one.kind !== other.kind) return false;
  if (one.kind === 'type') return true;
  if (one.name !== other.name || one.parameters.length !== other.parameters.length) return false;
  return one.parameters.every((parameter, n) => isAsGeneral(parameter, parameterOf(other, n)));
}

/** The type with other parameters in place of its own. */
export function instantiate(type: CelType, parameters: ReadonlyMap<string, CelType>): CelType {
  if (type.kind === 'parameter') return parameters.get(type.name) ?? type;
  return withParts(type, (part) => instantiate(part, parameters));
}

/** The same type where no part changes. */
function withParts(type: CelType, change: (part: CelType) => CelType): CelType {
  if (type.parameters.length === 0) return type;
  const parts = type.parameters.map(change);
  if (parts.every((part, n) => part === type.parameters[n])) return type;
  const [first = dynType, second = dynType] = parts;
  switch (type.kind) {
    case 'list':
      return listType(first);
    case 'map':
      return mapType(first, second);
    case 'type':
      return typeType(first);
    default:
      return opaqueType(type.name, parts);
  }
}
