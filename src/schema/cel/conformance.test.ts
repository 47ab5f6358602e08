/**
 * The conformance cases of the CEL specification, as far as expressions are looked at when they are written: each must parse, and check to the type that
 * cel-go finds where the environment of Kubernetes has what it names.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tests } from '@bufbuild/cel-spec/testdata/conformance.js';
import { check } from './check.ts';
import { readType } from './declare.ts';
import { extended, type Environment } from './environment.ts';
import { formatErrors } from './errors.ts';
import { kubernetesEnvironment } from './kubernetes.ts';
import { bindMacros } from './macros.ts';
import { kubernetesMacros, parse } from './parse.ts';
import { formatType, listType, mapType, nullType, type CelType } from './types.ts';

interface CaseType {
  readonly primitive?: string;
  readonly null?: null;
  readonly messageType?: string;
  readonly listType?: { readonly elemType: CaseType };
  readonly mapType?: { readonly keyType: CaseType; readonly valueType: CaseType };
}
interface Case {
  readonly original: {
    readonly name?: string;
    readonly expr: string;
    readonly disableCheck?: boolean;
    readonly container?: string;
    readonly typeEnv?: readonly { readonly name: string; readonly ident?: { readonly type: CaseType } }[];
  };
  readonly type?: string;
}
interface Suite {
  readonly name: string;
  readonly suites?: readonly Suite[];
  readonly tests?: readonly Case[];
}

const casesOf = ({ suites = [], tests: cases = [] }: Suite): readonly Case[] => [...cases, ...suites.flatMap(casesOf)];

/** The cases by the file that they come from. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The package types them as any JSON.
const files = ((tests as unknown as Suite).suites ?? []).map((file) => ({ file: file.name, cases: casesOf(file) }));

const macros = [...kubernetesMacros, ...bindMacros];
const base = kubernetesEnvironment('stored');
const primitives: Readonly<Record<string, string>> = {
  BOOL: 'bool',
  INT64: 'int',
  UINT64: 'uint',
  DOUBLE: 'double',
  STRING: 'string',
  BYTES: 'bytes',
};

function typeOf(type: CaseType): CelType {
  if (type.primitive !== undefined) return readType(primitives[type.primitive] ?? '');
  if (type.listType !== undefined) return listType(typeOf(type.listType.elemType));
  if (type.mapType !== undefined) return mapType(typeOf(type.mapType.keyType), typeOf(type.mapType.valueType));
  if (type.messageType === undefined) return nullType;
  return base.object(type.messageType)?.type ?? readType(type.messageType);
}

function environmentOf({ original: { typeEnv = [], container = '' } }: Case): Environment {
  const variables = typeEnv.flatMap(({ name, ident }) => (ident === undefined ? [] : [[name, typeOf(ident.type)]]));
  return { ...extended(base, { variables: Object.fromEntries(variables) }), container };
}

/** What a case asks for that Kubernetes does not have: how many cases, what is found instead, and why. */
const missing: readonly (readonly [cases: number, found: RegExp, why: string])[] = [
  [8, /argument (?:must be a simple name|is not an identifier)/, "cel.block, a macro for optimizers' output"],
  [29, /undeclared reference to 'cel' .*\n \| cel\.(?:block|@block)/, "cel.block, a macro for optimizers' output"],
  [18, /undeclared reference to 'cel' .*\n \| .*proto\./, 'proto.getExt and proto.hasExt, since it has no messages'],
  [199, /undeclared reference to 'math' /, 'the math extension'],
  [4, /undeclared reference to 'base64' /, 'the encoders extension'],
  [5, /undeclared reference to '(?:fn|tuple)' /, 'functions that the case declares itself'],
  [22, /undeclared reference to 'GlobalEnum' /, 'enums of protobuf'],
  [469, /undeclared reference to '[\w.]*Test(?:AllTypes|Required)' /, 'messages of protobuf'],
  [37, /unexpected failed resolution of '[\w.]*TestAllTypes'/, 'messages of protobuf'],
];

/** What is wrong with the case. */
function faultOf(tested: Case): string | undefined {
  const { expr, disableCheck = false } = tested.original;
  const result = parse(expr, { macros });
  if ('errors' in result) return formatErrors(result.errors, expr);
  if (disableCheck) return undefined;
  const checked = check(result.parsed, environmentOf(tested));
  if ('errors' in checked) return formatErrors(checked.errors, expr);
  const type = formatType(checked.checked.type);
  return type === (tested.type ?? type) ? undefined : `the type is ${type}, not ${tested.type}`;
}

test('the conformance cases of CEL parse and check, but for what Kubernetes has not', () => {
  const counts = missing.map(() => 0);
  const faults: string[] = [];
  let total = 0;
  for (const { file, cases } of files) {
    for (const tested of cases) {
      total++;
      const fault = faultOf(tested);
      if (fault === undefined) continue;
      const reason = missing.findIndex(([, found]) => found.test(fault));
      if (reason < 0) faults.push(`${file} ${tested.original.name ?? ''}: ${fault}`);
      else counts[reason] = (counts[reason] ?? 0) + 1;
    }
  }
  assert.deepEqual(faults, []);
  assert.deepEqual(
    counts,
    missing.map(([cases]) => cases),
  );
  assert.equal(total, 2344);
});
