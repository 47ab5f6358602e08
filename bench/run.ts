/** `npm run bench`: every benchmark, one after the other, each in a process of its own. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

for (const name of [
  'schema',
  'store',
  'api',
  'lists',
  'watches',
  'stalled',
  'start',
  'history',
  'etcd-api',
  'cluster',
]) {
  console.log(`\n== ${name}`);
  const child = spawn(process.execPath, ['--expose-gc', fileURLToPath(new URL(`${name}.ts`, import.meta.url))], {
    stdio: 'inherit',
  });
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  if (code !== 0) process.exitCode = 1;
}
