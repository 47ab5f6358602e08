/**
 * A story: a test that reads like one, told with many seeds. A failing one prints the command that replays it, the fewest faults with which it still fails, and the last
 * things that happened.
 */
import { test } from 'node:test';
import { nodeProcesses } from '#world/node/processes.ts';
import { startSimCluster, type SimCluster, type SimClusterOptions } from './cluster.ts';
import type { Faults } from './faults.ts';
import { differenceOf, pictureOf } from './picture.ts';
import { smallestPlan } from './plan.ts';

export interface StoryOptions extends Omit<SimClusterOptions, 'seed'> {
  /** How many seeds it is told with, unless the environment says otherwise. */
  readonly seeds?: number;
  /** The test file: `import.meta.filename`. */
  readonly file: string;
  /** Whether it must come to the same end with its faults as without; it must, unless chance is meant to decide more. */
  readonly converges?: boolean;
}

export interface Told {
  readonly cluster: SimCluster;
}

const linesShown = 40;
/** A smaller plan is looked for this often: each try tells the whole story. */
const triesMax = 40;

/** Seeds from K8TS_SEED (one, to replay) or K8TS_SEEDS (how many). */
function seedsOf(env: Readonly<Record<string, string | undefined>>, count: number): readonly string[] {
  if (env['K8TS_SEED'] !== undefined) return [env['K8TS_SEED']];
  return Array.from({ length: Number(env['K8TS_SEEDS'] ?? count) }, (_, index) => String(index + 1));
}

/** The faults that a replay names; undefined when chance decides. */
const namedFaults = (): readonly string[] | undefined => nodeProcesses().env['K8TS_FAULTS']?.split(',').filter(Boolean);

/** Declares a story. */
export function story(name: string, options: StoryOptions, tell: (told: Told) => Promise<void>): void {
  const { seeds = 5, file: _file, converges = options.faults !== undefined, ...rest } = options;
  void test(name, async (context) => {
    const plan = namedFaults();
    const { faults: _faults, ...calm } = rest;
    const end = converges ? await endOf({ ...calm, seed: '1', plan: [] }, tell) : undefined;
    for (const seed of seedsOf(nodeProcesses().env, seeds)) {
      const told = await tellOnce({ name, seed, end }, plan ? { ...rest, plan } : rest, tell);
      if (nodeProcesses().env['K8TS_SEED'] !== undefined) context.diagnostic(told);
    }
  });
}

/** What a story is told with. */
interface Telling {
  readonly name: string;
  readonly seed: string;
  /** What it must come to. */
  readonly end?: readonly string[] | undefined;
}

/** What a story comes to without faults. One that fails even so says nothing of faults, and is wrong itself. */
async function endOf(options: SimClusterOptions, tell: (told: Told) => Promise<void>): Promise<readonly string[]> {
  const { error, end } = await attempt(options, tell, 'any');
  if (error !== undefined) throw new Error('the story fails without any fault', { cause: error });
  return end;
}

/** Tells a story with one seed; answers its trace in a word. What goes wrong says how to see it again, and with how little. */
export async function tellOnce(
  { name, seed, end }: Telling,
  options: Omit<SimClusterOptions, 'seed'>,
  tell: (told: Told) => Promise<void>,
): Promise<string> {
  const told = await attempt({ ...options, seed }, tell, end);
  if (told.error === undefined)
    return `seed ${seed}: trace ${told.hash}, ${told.trace.length} writes, ${told.struck.length} faults`;
  const replay = `npm run sim -- --seed ${seed} --story ${quoted(name)}`;
  const smallest = await smallestPlan(
    told.struck,
    async (plan) => (await attempt({ ...options, seed, plan }, tell, end)).error !== undefined,
    triesMax,
  );
  const lines = [
    `seed ${seed}: ${told.error instanceof Error ? told.error.message : String(told.error)}`,
    `trace ${told.hash}`,
    `see it again: ${options.plan ? `${replay} --faults ${quoted(told.struck.join())}` : replay}`,
    ...(told.struck.length > 0
      ? [`of ${told.struck.length} faults these are enough: ${replay} --faults ${quoted(smallest.join())}`]
      : []),
    `\nwritten last:\n${told.trace.slice(-linesShown).join('\n')}`,
    `\nlogged last:\n${told.logged.join('\n')}`,
  ];
  throw new Error(lines.join('\n'), { cause: told.error });
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

interface Attempt {
  readonly error: unknown;
  readonly hash: string;
  readonly struck: readonly string[];
  readonly trace: readonly string[];
  readonly logged: readonly string[];
  /** What it came to, if that was asked. */
  readonly end: readonly string[];
}

async function attempt(
  options: SimClusterOptions,
  tell: (told: Told) => Promise<void>,
  expected?: readonly string[] | 'any',
): Promise<Attempt> {
  const cluster = await startSimCluster(options);
  let error: unknown;
  let end: readonly string[] = [];
  try {
    await tell({ cluster });
    cluster.invariants.check();
    if (expected) {
      await cluster.settle();
      end = pictureOf(cluster.history.standing());
      const difference = expected === 'any' ? [] : differenceOf(end, expected);
      if (difference.length > 0) throw new Error(`the story came to another end:\n${difference.join('\n')}`);
    }
  } catch (thrown) {
    error = thrown ?? new Error('the story threw nothing');
  }
  const logged = cluster.universe.logged.filter((line) => !/^\d+ \S+ debug /.test(line)).slice(-linesShown);
  const told = {
    error,
    hash: cluster.history.hash(),
    struck: [...cluster.struck],
    trace: [...cluster.trace()],
    logged,
    end,
  };
  await cluster[Symbol.asyncDispose]();
  return told;
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
export function storyOfDeaths(name: string, { options, components, tell }: Deaths): void {
  void test(name, async (context) => {
    const named = namedFaults();
    if (named) {
      context.diagnostic(
        await tellOnce({ name, seed: '1' }, { ...options, plan: named }, ({ cluster }) => tell(cluster)),
      );
      return;
    }
    const { counts, end } = await writesOf(options, tell);
    for (const [component, writes] of counts) {
      if (components ? !components.includes(component) : component.startsWith('node-')) continue;
      await context.test(`${component}, ${writes} writes`, async () => {
        for (let at = 1; at <= writes; at++) {
          // Every write is met every time; whether before or after takes turns, unless there is time for both.
          const both = nodeProcesses().env['K8TS_SEEDS'] !== undefined;
          const ways = both ? ['before', 'after'] : [at % 2 ? 'before' : 'after'];
          for (const when of ways) {
            const plan = [`${component}/die-${when}/${at}`];
            await tellOnce({ name, seed: '1', end }, { ...options, plan }, ({ cluster }) => tell(cluster));
          }
        }
      });
    }
  });
}

/** One fault at a time, at every place where it may strike. */
export interface Plans {
  readonly options: Omit<SimClusterOptions, 'seed' | 'plan'>;
  readonly components: readonly string[];
  readonly faults: readonly (keyof Faults | 'die-before' | 'die-after')[];
  /** How many places of a component are tried with each fault, spread evenly; all of them if K8TS_SEEDS is set. */
  readonly samples: number;
  readonly tell: (cluster: SimCluster) => Promise<void>;
}

/** Tells a story once for every place of every fault, or for some of them. */
export function storyOfPlans(name: string, { options, components, faults, samples, tell }: Plans): void {
  void test(name, async (context) => {
    const one = async (plan: readonly string[], end?: readonly string[]): Promise<string> =>
      tellOnce({ name, seed: '1', end }, { ...options, plan }, ({ cluster }) => tell(cluster));
    const named = namedFaults();
    if (named) return context.diagnostic(await one(named));
    const cluster = await startSimCluster({ ...options, seed: '1', plan: [] });
    await tell(cluster);
    const places = new Map(cluster.places());
    await cluster.settle();
    const end = pictureOf(cluster.history.standing());
    await cluster[Symbol.asyncDispose]();
    const all = nodeProcesses().env['K8TS_SEEDS'] !== undefined;
    for (const component of components) {
      for (const fault of faults) {
        const count = places.get(`${component}/${fault}`) ?? 0;
        const tried = all ? count : Math.min(samples, count);
        for (let index = 1; index <= tried; index++)
          await one([`${component}/${fault}/${Math.floor((index * count) / tried)}`], end);
      }
    }
  });
}

/** How often each component writes in a life without deaths. */
async function writesOf(
  options: Deaths['options'],
  tell: Deaths['tell'],
): Promise<{ readonly counts: ReadonlyMap<string, number>; readonly end: readonly string[] }> {
  const counts = new Map<string, number>();
  const dies: NonNullable<SimClusterOptions['dies']> = ({ name }) => void counts.set(name, (counts.get(name) ?? 0) + 1);
  const cluster = await startSimCluster({ ...options, seed: '1', dies });
  await tell(cluster);
  await cluster.settle();
  const end = pictureOf(cluster.history.standing());
  await cluster[Symbol.asyncDispose]();
  return { counts, end };
}
