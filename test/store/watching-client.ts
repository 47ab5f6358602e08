/**
 * A process full of watchers, most of which never read: for the test and the benchmark of what they cost the others. Those that read take
 * the time of each event from its annotation `at` (the machine's monotonic clock, in microseconds). Answers by lines of JSON.
 */
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';

export interface Watching {
  readonly url: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly path: string;
  readonly stalled: number;
  readonly reading: number;
  /** How many each reader waits for. */
  readonly events: number;
  /** So many of them come while the windows of those that do not read still fill: they are timed apart. */
  readonly filling: number;
}

export interface WatchingResult {
  readonly delivered: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly fillingP99Ms: number;
  /** Watches that the server ended, by whether they were read. */
  readonly closed: { readonly stalled: number; readonly reading: number };
}

/** The server allows 250. */
const streamsEach = 200;

const { url, ca, cert, key, path, stalled, reading, events, filling } = JSON.parse(
  process.argv[2] as string,
) as Watching;
const closed = { stalled: 0, reading: 0 };
const latenciesMs: number[] = [];
const fillingMs: number[] = [];
const opening: Promise<void>[] = [];
const streams: ClientHttp2Stream[] = [];
let missing = reading;
const all = Promise.withResolvers<void>();

function dial(): ClientHttp2Session {
  const session = connect(url, { ca, cert, key });
  session.setMaxListeners(0);
  return session;
}

function open(session: ClientHttp2Session, kind: 'stalled' | 'reading'): void {
  const stream = session.request({ ':path': path });
  streams.push(stream);
  opening.push(
    new Promise((resolve, reject) => {
      stream.once('response', ({ ':status': status }) => {
        if (status === 200) resolve();
        else reject(new Error(`a watch was answered with ${status}`));
      });
      stream.once('error', reject);
    }),
  );
  stream.on('close', () => closed[kind]++);
  // Without a reader the stream's window fills and stays full.
  if (kind === 'stalled') return;
  let seen = 0;
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() as string;
    const now = Number(process.hrtime.bigint() / 1_000n);
    for (const line of lines) {
      const at = Number(/"at":"(\d+)"/.exec(line)?.[1]);
      if (!(at > 0)) continue;
      (seen < filling ? fillingMs : latenciesMs).push((now - at) / 1_000);
      if (++seen === events && --missing === 0) all.resolve();
    }
  });
}

for (const kind of ['stalled', 'reading'] as const) {
  const count = kind === 'stalled' ? stalled : reading;
  for (let at = 0; at < count; at += streamsEach) {
    const session = dial();
    for (let i = at; i < Math.min(count, at + streamsEach); i++) open(session, kind);
    // One connection after the other: a thousand handshakes at once would only time each other out.
    await Promise.all(opening);
  }
}
process.stdout.write('{"open":true}\n');
await all.promise;
const at = (values: readonly number[], share: number): number => values[Math.floor((values.length - 1) * share)] ?? 0;
for (const values of [latenciesMs, fillingMs]) values.sort((a, b) => a - b);
const result: WatchingResult = {
  delivered: latenciesMs.length + fillingMs.length,
  p50Ms: at(latenciesMs, 0.5),
  p99Ms: at(latenciesMs, 0.99),
  fillingP99Ms: at(fillingMs, 0.99),
  closed: { ...closed },
};
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
