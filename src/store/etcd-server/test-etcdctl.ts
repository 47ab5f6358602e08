/** The real etcdctl, for tests. */
import { execFile, execFileSync } from 'node:child_process';

export const etcdctlMissing: string | undefined = (() => {
  try {
    execFileSync('etcdctl', ['version'], { stdio: 'ignore', env: { ...process.env, ETCDCTL_API: '3' } });
    return undefined;
  } catch (error) {
    return `etcdctl is not installed (${(error as Error).message}): apt-get install etcd-client`;
  }
})();

export interface Outcome {
  readonly code: number;
  readonly out: string;
  /** The last line of what it complains about: those before are its own log. */
  readonly error: string;
}

/** Runs it to its end; `input` is what it reads. */
export function etcdctl(endpoint: string, args: readonly string[], input = ''): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      'etcdctl',
      ['--endpoints', endpoint, ...args],
      { env: { ...process.env, ETCDCTL_API: '3' }, timeout: 30_000, maxBuffer: 64 * 1024 * 1024 },
      (failure, out, error) =>
        resolve({
          code: failure ? Number(failure.code ?? 128) : 0,
          out: out.trim(),
          error: error.trim().split('\n').at(-1) ?? '',
        }),
    );
    child.stdin?.end(input);
  });
}
