/**
 * Joins two connections to one: bytes go both ways with back-pressure, the end of one side's bytes is passed on while the
 * other direction goes on, and a broken side breaks the other. It must never lose bytes that a side had accepted.
 */
import type { Duplex } from 'node:stream';

/** Resolves when both are closed. */
export function splice(a: Duplex, b: Duplex): Promise<void> {
  const closed = Promise.all([flow(a, b), flow(b, a)]);
  return closed.then(() => undefined);
}

function flow(from: Duplex, to: Duplex): Promise<void> {
  from.pipe(to);
  return new Promise((resolve) => {
    const over = (): void => {
      // After an orderly end both directions are done and this changes nothing; after a reset the other side must learn of it.
      if (!from.readableEnded || !from.writableFinished) to.destroy();
      resolve();
    };
    if (from.destroyed) over();
    else {
      from.on('error', () => to.destroy());
      from.once('close', over);
    }
  });
}
