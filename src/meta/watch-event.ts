/** What a watch delivers. An ERROR ends the stream; BOOKMARK carries only a resourceVersion. */
import type { Status } from './status.ts';

export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | {
      readonly type: 'BOOKMARK';
      readonly object: {
        readonly metadata: {
          readonly resourceVersion: string;
          readonly annotations?: Readonly<Record<string, string>>;
        };
      };
    }
  | { readonly type: 'ERROR'; readonly object: Status };
