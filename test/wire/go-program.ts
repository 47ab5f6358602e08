/**
 * A program of ours in Go, built where Go is on the PATH and its modules can be had, and kept beside the other clients until its source
 * changes.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toolsDirectory } from '#cluster/client-tools.ts';

/** Cold, two cores compile client-go in about 80 s. Both together stay under the limit of a test file. */
const [downloadMsMax, buildMsMax] = [100_000, 180_000];

/** The path of the program in the folder `name` beside this file, or why there is none. */
export function goProgram(name: string): { readonly program: string } | { readonly lacking: string } {
  const source = fileURLToPath(new URL(name, import.meta.url));
  const version = spawnSync('go', ['version'], { encoding: 'utf8' });
  if (version.status !== 0) return { lacking: 'needs Go on the PATH' };
  const hash = createHash('sha256').update(version.stdout);
  for (const file of globSync('*', { cwd: source }).toSorted()) hash.update(readFileSync(join(source, file)));
  const program = join(dirname(toolsDirectory), `k8ts-${name}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(program)) return { program };
  for (const older of globSync(join(dirname(toolsDirectory), `k8ts-${name}-*`))) rmSync(older);
  const modules = spawnSync('go', ['mod', 'download'], { cwd: source, encoding: 'utf8', timeout: downloadMsMax });
  if (modules.status !== 0) return { lacking: `needs Go 1.26 and modules: ${modules.stderr.split('\n')[0]}` };
  const build = spawnSync('go', ['build', '-mod=readonly', '-ldflags=-s -w', '-o', program, '.'], {
    cwd: source,
    encoding: 'utf8',
    timeout: buildMsMax,
  });
  if (build.status === null) return { lacking: `needs a machine that compiles ${name} in ${buildMsMax / 1000} s` };
  assert.equal(build.status, 0, build.stderr);
  return { program };
}
