/** KV/Compact: history before a revision is forgotten. Answered when it counts as forgotten, or with `physical` when it is gone. */
import { CompactionRequestSchema, CompactionResponseSchema } from '../etcd/gen/etcd_pb.ts';
import type { Millis } from '#world/world.ts';
import { refusal } from './errors.ts';
import { headerOf, unary, type Backend, type Service } from './service.ts';

const pollMs: Millis = 1;

export function compactService(backend: Backend): Service {
  const { store, world } = backend;
  return {
    '/etcdserverpb.KV/Compact': unary(
      CompactionRequestSchema,
      CompactionResponseSchema,
      async ({ revision, physical }) => {
        const asked = Number(revision);
        if (asked <= store.compactRevision() && (asked !== 0 || store.compactRevision() > 0))
          throw refusal('compacted');
        if (asked > store.revision()) throw refusal('futureRevision');
        const done = store.compact(asked);
        let isDone = false;
        const end = done.then(
          () => void (isDone = true),
          (error: unknown) => {
            isDone = true;
            world.log.debug('a compaction failed', { error: String(error) });
          },
        );
        while (!physical && !isDone && store.compactRevision() < asked)
          await Promise.race([end, world.clock.sleep(pollMs)]);
        if (physical || isDone) await done;
        return { header: headerOf(backend) };
      },
    ),
  };
}
