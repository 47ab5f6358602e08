/**
 * Defects on purpose: small wrong things put between the parts of a cluster, each of which a checker or the story must notice. A checker that lets one of them through
 * proves nothing. They are wrappers for tests; the product knows nothing of them. `defects/` has them by what is defective.
 */
import { componentDefects } from './defects/components.ts';
import { defectsWithStories } from './defects/own-stories.ts';
import type { KnownDefect } from './defects/parts.ts';
import { serverDefects } from './defects/server.ts';
import { severalServersDefects } from './defects/several-servers.ts';
import { storeDefects } from './defects/store.ts';
import { watchDefects } from './defects/watches.ts';

export type { KnownDefect } from './defects/parts.ts';

/** In an order that stays: the turn of the day counts by it. */
export const knownDefects: readonly KnownDefect[] = [
  ...storeDefects,
  ...watchDefects,
  ...serverDefects,
  ...componentDefects,
  ...defectsWithStories,
  ...severalServersDefects,
];
