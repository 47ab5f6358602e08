/**
 * What the main thread and the worker say to each other. Answers come in the order of the questions, so they need no number.
 */
import type { Revision } from '../store.ts';
import type { RangeQuestion } from './database.ts';
import type { PackedRows } from './rows.ts';

export type Question =
  | { readonly ask: 'load' }
  | { readonly ask: 'write'; readonly rows: PackedRows }
  | { readonly ask: 'get'; readonly key: string; readonly revision: Revision }
  | ({ readonly ask: 'range'; readonly prefix: string } & RangeQuestion)
  | {
      readonly ask: 'history';
      readonly prefix: string;
      readonly after: Revision;
      readonly through: Revision;
      readonly limit: number;
    }
  | { readonly ask: 'compact'; readonly revision: Revision }
  | { readonly ask: 'compact-step' }
  | { readonly ask: 'vacuum-step' }
  | { readonly ask: 'size' }
  | { readonly ask: 'close' };

/** Which fields are there depends on the question. `failed` is the last word of the store. */
export interface Answer {
  readonly rows?: PackedRows;
  readonly more?: number;
  readonly through?: Revision;
  readonly done?: boolean;
  readonly bytes?: number;
  readonly failed?: string;
}

/** The worker's first message. */
export type Opened = { readonly revision: Revision; readonly compacted: Revision } | { readonly failed: string };
