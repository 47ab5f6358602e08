/** The bounded queue against a plain list. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BoundedQueue } from './bounded-queue.ts';

test('a queue gives what it took, in order and up to its limit, and then its end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 200 }),
      fc.array(fc.constantFrom('push', 'push', 'read', 'close', 'fail'), { maxLength: 400 }),
      async (limit, commands) => {
        const queue = new BoundedQueue<number>({ limit });
        const model: number[] = [];
        const failure = new Error('broken');
        let end: 'closed' | 'failed' | undefined;
        for (const [at, command] of commands.entries()) {
          // The two ends come late, so that there is something to end.
          if (command === 'push') {
            const taken = end === undefined && model.length < limit;
            assert.equal(queue.push(at), taken);
            if (taken) model.push(at);
          } else if (command === 'read') {
            if (model.length > 0) assert.deepEqual(await queue.next(), { value: model.shift(), done: false });
          } else if (at > commands.length / 2 && end === undefined) {
            if (command === 'close') queue.close();
            else queue.fail(failure);
            end = command === 'close' ? 'closed' : 'failed';
          }
          assert.equal(queue.size, model.length);
          assert.equal(queue.closed, end !== undefined);
        }
        queue.close();
        for (const value of model) assert.deepEqual(await queue.next(), { value, done: false });
        if (end === 'failed') await assert.rejects(queue.next(), failure);
        assert.deepEqual(await queue.next(), { value: undefined, done: true });
      },
    ),
    { numRuns: 300 },
  );
});
