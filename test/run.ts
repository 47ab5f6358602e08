/**
 * `npm test`: every test a machine can run, in five groups. Unit tests and stories run side by side; wire tests and node tests start real clients and real containers,
 * one file after the other. What a machine cannot run (no root, a missing program) skips with its reason.
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

const groups: readonly { readonly name: string; readonly pattern: string; readonly concurrency: number }[] = [
  { name: 'unit tests and stories', pattern: 'src/**/*.test.ts', concurrency: 2 },
  { name: 'fuzz targets (corpus, and a little chance)', pattern: 'test/fuzz/**/*.test.ts', concurrency: 1 },
  { name: 'store tests (power cuts, failing disks, kills)', pattern: 'test/store/**/*.test.ts', concurrency: 1 },
  { name: 'wire tests (kubectl, Helm, client libraries)', pattern: 'test/wire/**/*.test.ts', concurrency: 1 },
  { name: 'node tests (real containers; root only)', pattern: 'test/node/**/*.test.ts', concurrency: 1 },
];

const wanted = process.argv.slice(2);
let failed = false;
for (const { name, pattern, concurrency } of groups) {
  if (wanted.length > 0 && !wanted.some((word) => pattern.includes(word))) continue;
  const files = globSync(pattern).toSorted();
  if (files.length === 0) continue;
  console.log(`\n== ${name}: ${files.length} files`);
  const { status } = spawnSync(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--test',
      `--test-concurrency=${concurrency}`,
      '--test-timeout=300000',
      `--test-reporter=${process.env['CI'] ? 'spec' : 'dot'}`,
      '--test-reporter-destination=stdout',
      ...files,
    ],
    { stdio: 'inherit' },
  );
  failed ||= status !== 0;
}
process.exitCode = failed ? 1 : 0;
