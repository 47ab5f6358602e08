/**
 * Command-line flags by pflag's rules, which kubectl's users have in their fingers: `--flag value`, `--flag=value`, `-oyaml`, `-o=yaml`, `--bool=false`, `--` ends
 * flags. Unknown flags and bad values throw UsageError, which the program turns into exit code 2.
 */

export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

export type Flag =
  | {
      readonly type: 'string';
      readonly short?: string;
      readonly value?: string;
      readonly doc: string;
      readonly choices?: readonly string[];
      readonly placeholder?: string;
    }
  | {
      readonly type: 'integer';
      readonly short?: string;
      readonly min: number;
      readonly max: number;
      readonly doc: string;
      readonly placeholder?: string;
    }
  | { readonly type: 'boolean'; readonly short?: string; readonly doc: string };

export type Flags = Readonly<Record<string, Flag>>;

type ValueOf<F extends Flag> = F extends { type: 'boolean' }
  ? boolean
  : F extends { type: 'integer' }
    ? number | undefined
    : string | undefined;
export type Values<F extends Flags> = { readonly [K in keyof F]: ValueOf<F[K]> };

/** Flags and the words between them. Every flag is known by its long name. */
export function parseFlags<const F extends Flags>(
  flags: F,
  words: readonly string[],
): { values: Values<F>; rest: readonly string[] } {
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(flags)) values[name] = flag.type === 'boolean' ? false : undefined;
  const rest: string[] = [];
  const queue = [...words];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === '--') {
      rest.push(...queue);
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      rest.push(word);
      continue;
    }
    const { name, flag, attached } = find(flags, word);
    if (flag.type === 'boolean') {
      values[name] = attached === undefined ? true : truth(name, attached);
      continue;
    }
    const text = attached ?? queue.shift();
    if (text === undefined) throw new UsageError(`flag needs an argument: --${name}`);
    values[name] = flag.type === 'integer' ? integer(name, flag, text) : choice(name, flag, text);
  }
  return { values: values as Values<F>, rest };
}

function find(flags: Flags, word: string): { name: string; flag: Flag; attached: string | undefined } {
  if (word.startsWith('--')) {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (!flag) throw new UsageError(`unknown flag: --${name}`);
    return { name, flag, attached: equals < 0 ? undefined : word.slice(equals + 1) };
  }
  const letter = word[1] as string;
  const entry = Object.entries(flags).find(([, flag]) => flag.short === letter);
  if (!entry) throw new UsageError(`unknown shorthand flag: '${letter}' in ${word}`);
  const rest = word.slice(2);
  return { name: entry[0], flag: entry[1], attached: rest === '' ? undefined : rest.replace(/^=/, '') };
}

function truth(name: string, text: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw new UsageError(`invalid argument "${text}" for "--${name}" flag: must be true or false`);
}

function integer(name: string, { min, max }: { min: number; max: number }, text: string): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || value < min || value > max) {
    throw new UsageError(
      `invalid argument "${text}" for "--${name}" flag: must be a whole number from ${min} to ${max}`,
    );
  }
  return value;
}

function choice(name: string, { choices }: { choices?: readonly string[] }, text: string): string {
  if (choices && !choices.includes(text))
    throw new UsageError(`invalid argument "${text}" for "--${name}" flag: must be one of ${choices.join(', ')}`);
  return text;
}

/** The flags' part of a help page. */
export function describeFlags(flags: Flags): string {
  const rows = Object.entries(flags).map(([name, flag]) => {
    const short = flag.short ? `-${flag.short}, ` : '    ';
    const value = flag.type === 'boolean' ? '' : ` ${flag.placeholder ?? (flag.type === 'integer' ? 'N' : 'TEXT')}`;
    return [`  ${short}--${name}${value}`, flag.doc] as const;
  });
  const width = Math.max(0, ...rows.map(([left]) => left.length)) + 3;
  return rows.map(([left, doc]) => `${left.padEnd(width)}${doc}\n`).join('');
}
