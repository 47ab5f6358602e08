/**
 * `npm run torture -- --minutes N`: kills the server under load for as long as asked, and tells what it found. With `--control-planes` it does so with three of them on
 * real machines.
 */
import { parseArgs } from 'node:util';
import { killAgainAndAgain } from './kills.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    'control-planes': { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new RangeError(`--minutes ${values.minutes}: a number above 0 is needed`);
if (values['control-planes']) {
  const { tortureControlPlanes } = await import('../node/control-planes-torture.ts');
  await tortureControlPlanes(minutes, Number(values.seed));
} else await tortureServer();

async function tortureServer(): Promise<void> {
  const end = performance.now() + minutes * 60_000;
  let told = performance.now();
  const result = await killAgainAndAgain((kills) => {
    if (performance.now() - told > 10_000) {
      told = performance.now();
      console.log(`${kills} kills`);
    }
    return performance.now() > end;
  }, Number(values.seed));
  console.log(
    `${result.kills} kills, ${result.acknowledged} acknowledged writes (${Math.round(result.rate)} a second), 0 lost; ${result.unanswered} cut off; ${result.events} events seen exactly once by each watcher`,
  );
}
