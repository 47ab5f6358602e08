/** SIGKILL of the server under load, again and again. `npm run torture -- --minutes N` does the same for longer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killAgainAndAgain } from './kills.ts';

const kills = Number(process.env['STORE_KILLS'] ?? 200);

test('however often the server is killed, nothing acknowledged is lost and watches are exact', async (t) => {
  const result = await killAgainAndAgain((done) => done >= kills);
  t.diagnostic(
    `${result.kills} kills, ${result.acknowledged} acknowledged writes (${Math.round(result.rate)} a second), ${result.unanswered} cut off, ${result.events} events to each watcher`,
  );
  assert.equal(result.kills, kills);
  // Kills without writes in flight would prove nothing.
  assert.ok(result.unanswered > kills, `${result.unanswered} unanswered`);
});
