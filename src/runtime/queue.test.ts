/** The work queue against a plain model of it: what waits, what is worked on, what came again meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nodeWorld } from '#world/node/world.ts';
import { WorkQueue } from './queue.ts';

const key = fc.constantFrom('a', 'b', 'c');
const command = fc.oneof(
  fc.record({ do: fc.constant('add' as const), key }),
  fc.record({ do: fc.constant('take' as const) }),
  fc.record({ do: fc.constant('done' as const), key }),
);

test('a key waits once, in order, is never worked on twice at a time, and is never lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
      const queue = new WorkQueue(nodeWorld().clock);
      let waiting: string[] = [];
      const running = new Set<string>();
      const again = new Set<string>();
      for (const one of commands) {
        if (one.do === 'take') {
          // Without a waiting key it would wait for one.
          if (waiting.length === 0) continue;
          const taken = await queue.take();
          assert.equal(taken, waiting[0]);
          waiting = waiting.slice(1);
          running.add(String(taken));
        } else if (one.do === 'add') {
          queue.add(one.key);
          if (running.has(one.key)) again.add(one.key);
          else if (!waiting.includes(one.key)) waiting.push(one.key);
        } else if (running.delete(one.key)) {
          queue.done(one.key);
          if (again.delete(one.key)) waiting.push(one.key);
        }
        assert.equal(queue.size, waiting.length);
        assert.equal(queue.idle, waiting.length === 0 && running.size === 0);
      }
      queue.close();
      assert.equal(await queue.take(), undefined);
    }),
    { numRuns: 300 },
  );
});
