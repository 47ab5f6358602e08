/** What this machine lacks for tests with real containers and real packets, as the reason of a skip. */
import { spawnSync } from 'node:child_process';

const works = (...command: readonly [string, ...string[]]): boolean =>
  spawnSync(command[0], command.slice(1), { stdio: 'ignore' }).status === 0;

function missing(): string | false {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux';
  if (!works('crun', '--version') && !works('runc', '--version')) return 'needs crun or runc';
  if (!works('nft', '--version')) return 'needs nft';
  if (!works('conntrack', '--version')) return 'needs conntrack';
  return works('ip', '-V') ? false : 'needs ip';
}

/** Why tests of nodes skip here; false when nothing is missing. */
export const lacking = missing();
/** The same for tests whose containers need more programs than the machine's own shell brings along. */
export const lackingApplets = lacking || (works('busybox', '--list') ? false : ('needs busybox' as const));
