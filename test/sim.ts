/**
 * `npm run sim -- --seed N [--story NAME] [--faults LIST]`: tells one story (or all of them) with one seed and prints what it wrote in a word. `--seeds N` tells them with the
 * seeds 1 to N, `--defects` puts every known defect into the cluster and says which of them were found.
 */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    story: { type: 'string' },
    faults: { type: 'string' },
    defects: { type: 'boolean' },
  },
});

/** The files that tell this story; all when none is named. */
function filesOf(story: string | undefined): readonly string[] {
  if (values.defects) return ['src/sim/defects.test.ts'];
  const all = globSync('src/sim/stories/*.test.ts').toSorted();
  if (story === undefined) return all;
  const written = [story, story.replaceAll("'", String.raw`\'`)];
  return all.filter((file) => written.some((each) => readFileSync(file, 'utf8').includes(each)));
}

const files = filesOf(values.story);
if (files.length === 0) {
  console.error(`no story is called ${JSON.stringify(values.story)}`);
  process.exit(2);
}
const { status } = spawnSync(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-reporter=spec',
    ...(values.story === undefined ? [] : [`--test-name-pattern=^${RegExp.escape(values.story)}`]),
    ...files,
  ],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      ...(values.seed === undefined ? {} : { K8TS_SEED: values.seed }),
      ...(values.seeds === undefined ? {} : { K8TS_SEEDS: values.seeds }),
      ...(values.faults === undefined ? {} : { K8TS_FAULTS: values.faults }),
      ...(values.defects ? { K8TS_DEFECTS: 'all' } : {}),
    },
  },
);
process.exitCode = status ?? 1;
