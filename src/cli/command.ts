/** A command of the program: its words, its flags, its help, and what it does. */
import type { Program } from '#world/node/program.ts';
import type { World } from '#world/world.ts';
import { describeFlags, parseFlags, UsageError, type Flags, type Values } from './flags.ts';

export interface CommandContext {
  readonly world: World;
  readonly program: Program;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Shown by `k8ts help` only when false. */
  readonly hidden?: boolean;
  run(words: readonly string[], context: CommandContext): Promise<number>;
}

/** Declares a command with flags; `--help` and wrong flags are dealt with here. */
export function command<const F extends Flags>(declaration: {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly details?: string;
  readonly flags: F;
  readonly hidden?: boolean;
  /** Words after the flags: at least and at most how many. */
  readonly words?: readonly [min: number, max: number];
  readonly run: (input: { values: Values<F>; words: readonly string[] }, context: CommandContext) => Promise<number>;
}): Command {
  const help = { help: { type: 'boolean', short: 'h', doc: 'show this help' } } as const;
  const { name, summary, usage, details, flags, words: [min, max] = [0, 0] } = declaration;
  return {
    name,
    summary,
    ...(declaration.hidden ? { hidden: true } : {}),
    async run(words, context) {
      const { values, rest } = parseFlags({ ...flags, ...help }, words);
      if ((values as { help: boolean }).help) {
        context.program.out(
          `${summary}\n\nUsage:\n  ${usage}\n${details ? `\n${details}\n` : ''}\nFlags:\n${describeFlags({ ...flags, ...help })}`,
        );
        return 0;
      }
      if (rest.length < min)
        throw new UsageError(`${name} needs ${min === 1 ? 'an argument' : `${min} arguments`}\nusage: ${usage}`);
      if (rest.length > max) throw new UsageError(`unexpected argument "${rest[max]}"\nusage: ${usage}`);
      return declaration.run({ values: values as unknown as Values<F>, words: rest }, context);
    },
  };
}
