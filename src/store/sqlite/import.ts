/** A new data file made of rows that come from elsewhere, such as another database's snapshot. It is durable when this resolves. */
import { dirname } from 'node:path';
import type { World } from '#world/world.ts';
import { pack, type Row } from './rows.ts';
import { Writer } from './writer.ts';

/** Replaces what is at `path`. Rows come in the order of their ids. Rejects with what the rows' source or the disk threw. */
export async function importRows(world: World, path: string, batches: AsyncIterable<readonly Row[]>): Promise<void> {
  await world.disk.makeDirectory(dirname(path), { mode: 0o700 });
  // Created by us, so that no umask can open it to others.
  await world.disk.write(path, '', { mode: 0o600 });
  const writer = new Writer({ path, tuning: {} });
  await writer.opened();
  try {
    for await (const rows of batches) {
      const { full } = await writer.ask({ ask: 'write', rows: pack(rows) });
      if (full) throw new Error(`${path}: the disk is full`);
    }
  } finally {
    await writer.end();
  }
}
