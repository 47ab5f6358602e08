/**
 * What the main thread and the worker say to each other. Answers come in the order of the questions, so they need no number.
 */
import type { Revision } from '../store.ts';
import type { Tuning } from './data-file.ts';
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
  | { readonly ask: 'purge' }
  | { readonly ask: 'scrub-step'; readonly after: number }
  /** Is there room again? */
  | { readonly ask: 'probe' }
  | { readonly ask: 'copy'; readonly path: string }
  | { readonly ask: 'size' }
  /** Give back memory that is not needed. */
  | { readonly ask: 'collect' }
  | { readonly ask: 'close' };

/** Which fields are there depends on the question. `failed` is the last word of the store. */
export interface Answer {
  readonly rows?: PackedRows;
  readonly more?: number;
  readonly through?: Revision;
  readonly done?: boolean;
  readonly bytes?: number;
  /** Where a scrub goes on; absent at its end. */
  readonly next?: number;
  /** How many rows were looked at. */
  readonly count?: number;
  /** There was no room: nothing of what was asked has happened. */
  readonly full?: true;
  readonly failed?: string;
}

/** Tells the end of a copy, whenever it comes. */
export interface Copied {
  readonly copied: string;
  readonly problem?: string;
}

/** What the worker is started with. */
export interface Start {
  readonly path: string;
  readonly tuning: Tuning;
}

/** The worker's first message. */
export type Opened = { readonly revision: Revision; readonly compacted: Revision } | { readonly failed: string };
