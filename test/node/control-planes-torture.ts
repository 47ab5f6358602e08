/**
 * `npm run torture -- --control-planes --minutes N`: kills and cuts off one of three control planes after another under load, for as long as asked, and tells how long
 * writers waited and what was lost.
 */
import { randomOf } from '../store/load.ts';
import { cluster } from './cluster-fixture.ts';
import { accessOf, cable, controllersOf, etcdLeader, kill, well } from './control-planes-faults.ts';
import { startLoad } from './control-planes-load.ts';

export async function tortureControlPlanes(minutes: number, seed: number): Promise<void> {
  await using place = await cluster('--nodes', '1', '--control-planes', '3');
  const { front, servers } = await accessOf(place);
  const random = randomOf(seed);
  const load = await startLoad(front, { writers: 8, watchers: 4, objectsEach: 4 });
  const end = performance.now() + minutes * 60_000;
  const waits: number[] = [];
  for (let round = 1; performance.now() < end; round++) {
    const whom = random() < 0.7 ? await etcdLeader(place) : await controllersOf(place);
    const isKill = random() < 0.6;
    const plug = isKill ? undefined : await cable(place, whom);
    if (plug) plug('down');
    else await kill(place, whom);
    const wait = await load.writable();
    waits.push(wait);
    console.log(`${round}: ${whom} ${plug ? 'cut off' : 'killed'}, every writer goes on after ${Math.round(wait)} ms`);
    await new Promise((resolve) => setTimeout(resolve, random() * 20_000));
    if (plug) plug('up');
    else await place.up();
    await well(place);
    await load.writable();
  }
  const { acknowledged, lookedUp } = load;
  const { events } = await load.finish(servers);
  console.log(
    `${waits.length} rounds, the longest wait ${Math.round(Math.max(...waits))} ms; ${acknowledged} acknowledged writes, 0 lost; ${lookedUp} looked up; ${events} events seen once and in order by each watcher`,
  );
}
