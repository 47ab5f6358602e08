/**
 * YAML as kubectl and sigs.k8s.io/yaml read it: YAML 1.1 booleans (yes, on, y …), octal and hexadecimal whole numbers, dates as strings, keys always
 * strings, merge keys. Text comes from clients: its size, its depth, its aliases and what they expand to are limited.
 */
import {
  binaryTag,
  defineScalarTag,
  dump,
  loadAll,
  mapTag,
  mergeTag,
  NOT_RESOLVED,
  Schema,
  seqTag,
  strTag,
  YAMLException,
} from 'js-yaml';
import { numberOf } from './json.ts';
import { badRequest } from './status.ts';

/** The API server's own limit of a body: larger text is no manifest. */
export const yamlBytesMax = 3 * 1024 * 1024;
const depthMax = 200;
const aliasesMax = 1000;
/** Levels with every alias written out: an alias to what holds it has no end. */
const expandedDepthMax = 1000;
/** Values of a document with every alias written out. A manifest of 3 MB has about 300,000. */
const valuesMax = 1_000_000;

const nulls = new Set(['', '~', 'null', 'Null', 'NULL']);
const truths = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON']);
const untruths = new Set(['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF']);

const nullTag = defineScalarTag<null>('tag:yaml.org,2002:null', {
  implicit: true,
  implicitFirstChars: ['', '~', 'n', 'N'],
  resolve: (source) => (nulls.has(source) ? null : NOT_RESOLVED),
  identify: (data) => data === null,
  represent: () => 'null',
});

const boolTag = defineScalarTag<boolean>('tag:yaml.org,2002:bool', {
  implicit: true,
  implicitFirstChars: [...'yYtToOnNfF'],
  resolve: (source) => (truths.has(source) ? true : untruths.has(source) ? false : NOT_RESOLVED),
  identify: (data) => typeof data === 'boolean',
});

const signsAndDigits = [...'+-0123456789'];

/** As Go's ParseInt with base 0: 12, 0x1f, 0o17, 017, 0b11, with underscores between digits. 64 bits are kept, longer ones become doubles. */
function wholeNumber(source: string): number | bigint | typeof NOT_RESOLVED {
  const match = /^([-+]?)(?:(0)|0[xX]([0-9a-fA-F_]+)|0[oO]([0-7_]+)|0[bB]([01_]+)|0([0-7_]+)|([1-9][0-9_]*))$/.exec(
    source,
  );
  if (match === null) return NOT_RESOLVED;
  const [, sign = '', zero, hex, octal, binary, oldOctal, decimal] = match;
  if (zero !== undefined) return 0;
  const digits = (hex ?? octal ?? binary ?? oldOctal ?? decimal ?? '').replaceAll('_', '');
  const base = hex !== undefined ? 16 : binary !== undefined ? 2 : decimal !== undefined ? 10 : 8;
  const number = Number.parseInt(digits, base);
  if (Number.isNaN(number)) return NOT_RESOLVED;
  if (Number.isSafeInteger(number)) return sign === '-' ? -number : number;
  // 64 bits are at most 64 digits; zeros in front of more change nothing that a manifest has.
  if (digits.length > 64) return finite(sign === '-' ? -number : number, source);
  const exact = base === 10 ? digits : String(BigInt(`${prefixes[base]}${digits}`));
  return finite(numberOf(`${sign === '-' ? '-' : ''}${exact}`), source);
}

const prefixes: Readonly<Record<number, string>> = { 2: '0b', 8: '0o', 16: '0x' };

/** JSON, which all YAML becomes, has no other numbers. */
function finite(number: number | bigint | undefined, source: string): number | bigint {
  if (number === undefined || (typeof number === 'number' && !Number.isFinite(number))) {
    const shown = /nan/i.test(source) ? 'NaN' : source.startsWith('-') ? '-Inf' : '+Inf';
    throw badRequest(`error converting YAML to JSON: json: unsupported value: ${shown}`);
  }
  return number;
}

const intTag = defineScalarTag<number | bigint>('tag:yaml.org,2002:int', {
  implicit: true,
  implicitFirstChars: signsAndDigits,
  resolve: wholeNumber,
  identify: (data) => typeof data === 'bigint' || Number.isSafeInteger(data),
  represent: (data) => String(data),
});

const floatTag = defineScalarTag<number | bigint>('tag:yaml.org,2002:float', {
  implicit: true,
  implicitFirstChars: [...signsAndDigits, '.'],
  resolve: (source) => {
    if (/^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/.test(source))
      return finite(numberOf(source), source);
    return /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/.test(source) ? finite(undefined, source) : NOT_RESOLVED;
  },
  identify: (data) => typeof data === 'number',
  represent: (data) => String(data),
});

const textOfBinary = defineScalarTag<string>(binaryTag.tagName, {
  resolve: (source) => Buffer.from(source, 'base64').toString('utf8'),
  identify: () => false,
});

const schema = new Schema([strTag, nullTag, boolTag, intTag, floatTag, textOfBinary, mergeTag, seqTag, mapTag]);

/**
 * The documents of a text, empty ones left out. A key that stands twice: the last one wins; with `strict` it is an error.
 * Throws BadRequest, with the line, for text that is no YAML or goes beyond a limit.
 */
export function parseYaml(text: string, options: { strict?: boolean; bytesMax?: number } = {}): unknown[] {
  const bytesMax = options.bytesMax ?? yamlBytesMax;
  if (text.length > bytesMax || Buffer.byteLength(text) > bytesMax)
    throw badRequest(`yaml: the document is larger than ${bytesMax} bytes`);
  let documents: unknown[];
  try {
    documents = loadAll(text.startsWith('\ufeff') ? text.slice(1) : text, {
      schema,
      maxDepth: depthMax,
      maxAliases: aliasesMax,
      json: options.strict !== true,
    });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const line = (error as { mark?: { line?: number } }).mark?.line;
    const reason = (error as { reason?: string }).reason ?? error.message;
    throw badRequest(line === undefined ? `yaml: ${reason}` : `yaml: line ${line + 1}: ${reason}`);
  }
  // Aliases share nodes here, but nothing downstream knows: what they stand for is counted once, before it can hurt.
  if (text.includes('*') && text.includes('&')) {
    let left = valuesMax;
    const spend = (value: unknown, depth: number): void => {
      if (--left < 0 || depth > expandedDepthMax) throw badRequest('yaml: document contains excessive aliasing');
      if (typeof value === 'object' && value !== null)
        for (const inner of Object.values(value)) spend(inner, depth + 1);
    };
    for (const document of documents) spend(document, 0);
  }
  return documents.filter((document) => document !== null && document !== undefined);
}

/** What a body holds: its documents, and the finding of a key that stands twice, in the words of upstream's reader. */
export function parseYamlBody(text: string): { readonly documents: unknown[]; readonly duplicates: readonly string[] } {
  try {
    return { documents: parseYaml(text, { strict: true }), duplicates: [] };
  } catch (error) {
    const line = /^yaml: line (\d+): duplicated mapping key/.exec((error as Error).message)?.[1];
    if (line === undefined) throw error;
    const source = text.split('\n', Number(line)).at(-1) ?? '';
    const key =
      /^[\s?{[,-]*("(?:[^"\\]|\\.)*"|'[^']*'|[^:]*?)\s*:/.exec(source)?.[1]?.replaceAll(/^["']|["']$/g, '') ?? '';
    return {
      documents: parseYaml(text),
      duplicates: [`yaml: unmarshal errors:\n  line ${line}: key ${JSON.stringify(key)} already set in map`],
    };
  }
}

/** As kubectl prints it: two spaces, lists not indented, keys in the order they have (or sorted, as upstream's server does it), no folded lines. */
export function formatYaml(value: unknown, options: { sorted?: boolean } = {}): string {
  return dump(value, {
    sortKeys: options.sorted === true,
    schema,
    seqNoIndent: true,
    lineWidth: -1,
    noRefs: true,
    quoteStyle: 'double',
    skipInvalid: true,
  });
}
