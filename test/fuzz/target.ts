/**
 * What a fuzz target is: one way in for bytes that a stranger has made, and the errors with which it may refuse them. Every other error, a hang and
 * growth without bound are findings. Nothing here knows a particular parser.
 */
import { ApiError } from '#meta/status.ts';

export interface Target {
  readonly name: string;
  /** Throws what `refuses` names for bytes that it does not take; asserts what must hold for those that it takes. */
  readonly run: (bytes: Buffer) => void | Promise<void>;
  /** Classes of its own refusals, matched exactly: a TypeError is no `Error` that was meant. */
  readonly refuses: readonly (new (...args: never[]) => Error)[];
}

/** Runs one input. Answers how it ended; throws the finding, when it is one. */
export async function attempt(target: Target, bytes: Uint8Array): Promise<'taken' | 'refused'> {
  try {
    const running = target.run(Buffer.from(bytes));
    if (running instanceof Promise) await running;
    return 'taken';
  } catch (error) {
    if (target.refuses.some((refusal) => error instanceof Error && error.constructor === refusal)) {
      // An ApiError that blames the server is no refusal.
      if (!(error instanceof ApiError) || error.code < 500) return 'refused';
    }
    throw error;
  }
}

/** The two parts of an input: what stands before its first line that is `---`, and the rest. */
export function halves(bytes: Buffer): readonly [Buffer, Buffer] {
  const at = bytes.indexOf('\n---\n');
  return at < 0 ? [bytes, Buffer.alloc(0)] : [bytes.subarray(0, at), bytes.subarray(at + 5)];
}
