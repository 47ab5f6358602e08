/**
 * A story: a test that reads like one, told with many seeds. A failing one prints its seed and the command that replays it, with the last things that happened.
 */
import { test } from 'node:test';
import { nodeProcesses } from '#world/node/processes.ts';
import { startSimCluster, type SimCluster, type SimClusterOptions } from './cluster.ts';

export interface StoryOptions extends Omit<SimClusterOptions, 'seed'> {
  /** How many seeds it is told with, unless the environment says otherwise. */
  readonly seeds?: number;
  /** The test file, for the replay command: `import.meta.filename`. */
  readonly file: string;
}

export interface Told {
  readonly cluster: SimCluster;
}

const linesShown = 40;

/** Seeds from K8TS_SEED (one, to replay) or K8TS_SEEDS (how many). */
function seedsOf(env: Readonly<Record<string, string | undefined>>, count: number): readonly string[] {
  if (env['K8TS_SEED'] !== undefined) return [env['K8TS_SEED']];
  return Array.from({ length: Number(env['K8TS_SEEDS'] ?? count) }, (_, index) => String(index + 1));
}

/** Declares a story. */
export function story(name: string, options: StoryOptions, tell: (told: Told) => Promise<void>): void {
  const { seeds = 5, file, ...rest } = options;
  void test(name, async () => {
    for (const seed of seedsOf(nodeProcesses().env, seeds)) await tellOnce({ name, file, seed }, rest, tell);
  });
}

/** What a story is told with, and how it is seen again. */
interface Telling {
  readonly name: string;
  readonly file: string;
  readonly seed: string;
}

/** Tells a story with one seed; what goes wrong says how to see it again. */
export async function tellOnce(
  { name, file, seed }: Telling,
  options: Omit<SimClusterOptions, 'seed'>,
  tell: (told: Told) => Promise<void>,
): Promise<void> {
  const cluster = await startSimCluster({ ...options, seed });
  try {
    await tell({ cluster });
    cluster.invariants.check();
  } catch (error) {
    const logged = cluster.universe.logged.filter((line) => !/^\d+ \S+ debug /.test(line)).slice(-linesShown);
    const replay = `K8TS_SEED=${seed} node --test --test-name-pattern='${name.replaceAll("'", '.')}' ${file.slice(file.indexOf('src/'))}`;
    throw new Error(
      `seed ${seed}: ${(error as Error).message}\nsee it again: ${replay}\n\nwritten last:\n${cluster.trace().slice(-linesShown).join('\n')}\n\nlogged last:\n${logged.join('\n')}`,
      { cause: error },
    );
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
}

/** A life that every component may leave at any moment. */
export interface Deaths {
  readonly file: string;
  readonly options: Omit<SimClusterOptions, 'seed' | 'dies'>;
  /** Components that die; all controllers and the scheduler when absent. */
  readonly components?: readonly string[];
  readonly tell: (cluster: SimCluster) => Promise<void>;
}

/** Tells a story once for every write of every component: it dies there, before the write is carried out and after, and starts anew. */
export function storyOfDeaths(name: string, { file, options, components, tell }: Deaths): void {
  void test(name, async (context) => {
    for (const [component, writes] of await writesOf(options, tell)) {
      if (components ? !components.includes(component) : component.startsWith('node-')) continue;
      await context.test(`${component}, ${writes} writes`, async () => {
        for (let at = 1; at <= writes; at++) {
          // Every write is met every time; whether before or after takes turns, unless there is time for both.
          const both = nodeProcesses().env['K8TS_SEEDS'] !== undefined;
          for (const when of both
            ? (['before', 'after'] as const)
            : at % 2
              ? (['before'] as const)
              : (['after'] as const)) {
            let seen = 0;
            const dies: NonNullable<SimClusterOptions['dies']> = (life) =>
              life.name === component && ++seen === at ? when : undefined;
            const told = `${name}: ${component} dies ${when} write ${at}`;
            await tellOnce({ name: told, file, seed: '1' }, { ...options, dies }, ({ cluster }) => tell(cluster));
          }
        }
      });
    }
  });
}

/** How often each component writes in a life without deaths. */
async function writesOf(options: Deaths['options'], tell: Deaths['tell']): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const dies: NonNullable<SimClusterOptions['dies']> = ({ name }) => void counts.set(name, (counts.get(name) ?? 0) + 1);
  const cluster = await startSimCluster({ ...options, seed: '1', dies });
  await tell(cluster);
  await cluster[Symbol.asyncDispose]();
  return counts;
}
