/**
 * What a program did to its files, as the kernel saw it: the system calls of a child process, written down by strace and read here. One
 * list in order, so that a test can ask what the disk may hold if the power goes after any of them.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export type DiskEvent =
  | { readonly is: 'write'; readonly file: string; readonly offset: number; readonly data: Buffer }
  | { readonly is: 'truncate'; readonly file: string; readonly size: number }
  | { readonly is: 'sync'; readonly file: string }
  | { readonly is: 'create' | 'unlink'; readonly file: string }
  | { readonly is: 'sync-directory' }
  /** The program told the world that this revision is durable. */
  | { readonly is: 'ack'; readonly revision: number };

/** The reason why this machine cannot record, or undefined. */
export function cannotRecord(): string | undefined {
  if (process.platform !== 'linux') return 'system calls are recorded on Linux only';
  const tried = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']);
  if (tried.error) return 'strace is not installed';
  return tried.status === 0 ? undefined : `strace does not work here: ${String(tried.stderr).trim()}`;
}

const calls = 'openat,write,pwrite64,fsync,fdatasync,ftruncate,unlink';

/** Runs a TypeScript program and gives what it did to the files of SQLite at `path` and to `acks` beside it. */
export function record(program: string, argument: unknown, path: string): DiskEvent[] {
  const directory = dirname(path);
  const trace = join(directory, 'trace');
  const files = [path, `${path}-wal`, `${path}-journal`, join(directory, 'acks'), directory];
  const { status, stderr } = spawnSync(
    'strace',
    [
      ...['-f', '-qq', '-y', '-xx', '-s', '70000', '-e', `trace=${calls}`, '-e', 'signal=none', '-o', trace],
      ...files.flatMap((file) => ['-P', file]),
      ...[process.execPath, '--disable-warning=ExperimentalWarning', program, JSON.stringify(argument)],
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`the recorded program failed with ${status}: ${stderr}`);
  return parse(readFileSync(trace, 'latin1'), directory);
}

/** Lines of strace: `123 pwrite64(20</a/state.db>, "\x00…", 24, 56) = 24`, or that in two parts when threads interleave. */
export function parse(text: string, directory: string): DiskEvent[] {
  const events: DiskEvent[] = [];
  const unfinished = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, pid = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (rest === '' || rest.startsWith('+++') || rest.startsWith('---')) continue;
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    if (resumed) {
      const begun = unfinished.get(pid);
      unfinished.delete(pid);
      if (begun !== undefined) add(events, begun + (resumed[1] as string), directory, 'end');
    } else if (rest.endsWith('<unfinished ...>')) {
      const begun = rest.slice(0, -'<unfinished ...>'.length).trimEnd();
      unfinished.set(pid, begun);
      add(events, begun, directory, 'start');
    } else {
      add(events, rest, directory, 'start');
      add(events, rest, directory, 'end');
    }
  }
  return events;
}

/** A write may be on the disk from its start on, a sync counts at its end, and what is told is told from the start on. */
function add(events: DiskEvent[], call: string, directory: string, at: 'start' | 'end'): void {
  const [, name, args = ''] = /^(\w+)\((.*)$/.exec(call) ?? [];
  const ok = !/ = -1 /.test(call);
  const of = /^\d+<([^>]*)>/.exec(args)?.[1];
  const file = of === undefined ? undefined : basename(unescape(of));
  switch (name) {
    case 'pwrite64':
    case 'write': {
      if (at !== 'start' || file === undefined) return;
      const [, hex = '', tail = ''] = /^\d+<[^>]*>, "((?:\\x[0-9a-f]{2})*)"(.*)$/.exec(args) ?? [];
      const data = Buffer.from(hex.replaceAll('\\x', ''), 'hex');
      if (file === 'acks') {
        events.push({ is: 'ack', revision: Number(data.toString()) });
        return;
      }
      const [, length, offset] = /^, (\d+), (\d+)/.exec(tail) ?? [];
      if (Number(length) !== data.length || offset === undefined)
        throw new Error(`not understood: ${call.slice(-200)}`);
      events.push({ is: 'write', file, offset: Number(offset), data });
      return;
    }
    case 'fsync':
    case 'fdatasync':
      if (at !== 'end' || !ok || of === undefined) return;
      events.push(unescape(of) === directory ? { is: 'sync-directory' } : { is: 'sync', file: file as string });
      return;
    case 'ftruncate':
      if (at === 'start')
        events.push({ is: 'truncate', file: file as string, size: Number(/, (\d+)/.exec(args)?.[1]) });
      return;
    case 'unlink':
      if (at === 'end' && ok)
        events.push({ is: 'unlink', file: basename(unescape(/"([^"]*)"/.exec(args)?.[1] ?? '')) });
      return;
    case 'openat': {
      const path = unescape(/"([^"]*)"/.exec(args)?.[1] ?? '');
      const name = basename(path);
      if (at !== 'end' || !ok || !args.includes('O_CREAT') || name === 'acks') return;
      events.push({ is: 'create', file: name });
      return;
    }
    default:
      throw new Error(`an unexpected line of strace: ${call.slice(0, 200)}`);
  }
}

const unescape = (text: string): string =>
  text.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
