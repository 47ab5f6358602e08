/** Where a cluster lives when nobody says: one place for root, another in a user's home. */
import { join, resolve } from 'node:path';
import type { World } from '#world/world.ts';
import { layoutOf, type Layout } from '#cluster/layout.ts';
import { UsageError } from './flags.ts';

export const dataDirectoryFlag = {
  type: 'string',
  placeholder: 'DIR',
  doc: 'where the cluster keeps its state (default: $K8TS_DATA_DIR, /var/lib/k8ts as root, else ~/.local/share/k8ts)',
} as const;

export function layoutFor(world: World, asked: string | undefined): Layout {
  const { env, self } = world.processes;
  const chosen = asked ?? (env['K8TS_DATA_DIR'] || undefined);
  if (chosen !== undefined) {
    const path = resolve(chosen);
    if (/[,:\\\s"]/.test(path))
      throw new UsageError(
        `the data directory ${path} must be free of commas, colons, quotes, backslashes and blanks: container file systems cannot take them`,
      );
    return layoutOf(path);
  }
  if (self.uid === 0) return layoutOf('/var/lib/k8ts');
  const home = env['XDG_DATA_HOME'] || (env['HOME'] ? join(env['HOME'], '.local', 'share') : undefined);
  if (!home) throw new UsageError('there is no home directory: say where the cluster shall live with --data-dir');
  return layoutOf(join(home, 'k8ts'));
}
