/** All targets, by name. A parser of a stranger's bytes that is new gets its target here. */
import type { Target } from './target.ts';
import { archiveTargets } from './targets/archives.ts';
import { bodyTargets } from './targets/bodies.ts';
import { changeTargets } from './targets/changes.ts';
import { imageTargets } from './targets/images.ts';
import { registryTargets } from './targets/registry.ts';
import { storedTargets } from './targets/stored.ts';
import { wireTargets } from './targets/wire.ts';
import { wordTargets } from './targets/words.ts';

export { endTargets } from './targets/stored.ts';

export const targets: ReadonlyMap<string, Target> = new Map(
  [bodyTargets, changeTargets, wordTargets, imageTargets, archiveTargets, registryTargets, wireTargets, storedTargets]
    .flat()
    .map((target) => [target.name, target] as const),
);
