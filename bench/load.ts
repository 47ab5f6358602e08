/**
 * The load generator, a process of its own so that its cost is not the server's: HTTP/2 over TLS with a client certificate. It is told what to do by one JSON line on
 * its input and answers by one JSON line on its output.
 */
import { readFileSync } from 'node:fs';
import { connect, type ClientHttp2Session } from 'node:http2';
import { createInterface } from 'node:readline';

export interface LoadTask {
  readonly url: string;
  /** Files: CA, client certificate, its key. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly connections: number;
  readonly inFlight: number;
  /** WATCH is a GET that stays open. */
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'WATCH';
  /** `#` in it, and in the body, becomes the number of the place in flight. */
  readonly path: string;
  readonly accept?: string;
  readonly contentType?: string;
  readonly count: number;
  /** `%` in it becomes a number that is never used twice. */
  readonly body?: string;
}

export interface LoadResult {
  readonly seconds: number;
  readonly done: number;
  readonly failed: number;
  readonly bytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** By server. */
const connected = new Map<string, ClientHttp2Session[]>();
let serial = 0;
/** Processes started one after another must not meet. */
const prefix = `${process.pid.toString(36)}`;

/** Events seen by all open watches, and who waits for how many more. */
let seen = 0;
let seenBytes = 0;
/** What the task before waited for. */
let counted = 0;
let waiting:
  | { readonly at: number; readonly resolve: (result: LoadResult) => void; readonly began: number }
  | undefined;

for await (const line of createInterface({ input: process.stdin })) {
  const task = JSON.parse(line) as LoadTask;
  const sessions = connected.get(task.url) ?? [];
  connected.set(task.url, sessions);
  // A server may have closed what was idle while another was asked.
  for (const [index, session] of sessions.entries()) if (session.closed) sessions[index] = await dial(task);
  while (sessions.length < task.connections) sessions.push(await dial(task));
  const result = await (task.method === 'WATCH' ? watch(task, sessions) : requests(task, sessions));
  if (result) process.stdout.write(`${JSON.stringify(result)}\n`);
}
// Watches that are still open end with it.
process.exit(0);

function dial({ url, ca, cert, key }: LoadTask): Promise<ClientHttp2Session> {
  const session = connect(url, {
    ca: readFileSync(ca),
    cert: readFileSync(cert),
    key: readFileSync(key),
    settings: { initialWindowSize: 4 << 20 },
  });
  session.setMaxListeners(0);
  return new Promise((resolve, reject) => {
    session.once('error', reject);
    session.once('connect', () => {
      session.setLocalWindowSize(16 << 20);
      resolve(session);
    });
  });
}

function requests(task: LoadTask, sessions: readonly ClientHttp2Session[]): Promise<LoadResult> {
  const times: number[] = [];
  let started = 0;
  let failed = 0;
  let bytes = 0;
  const fail = (why: string): void => {
    if (failed++ === 0) process.stderr.write(`${task.method} ${task.path}: ${why}\n`);
  };
  const began = performance.now();
  return new Promise((resolve) => {
    const one = (slot: number): void => {
      if (started >= task.count) {
        if (times.length === task.count) {
          times.sort((a, b) => a - b);
          resolve({
            seconds: (performance.now() - began) / 1000,
            done: times.length,
            failed,
            bytes,
            p50Ms: times[Math.floor(times.length / 2)] as number,
            p99Ms: times[Math.floor(times.length * 0.99)] as number,
          });
        }
        return;
      }
      started++;
      const at = performance.now();
      const session = sessions[slot % task.connections] as ClientHttp2Session;
      const { body } = task;
      const stream = session.request(
        {
          ':method': task.method,
          ':path': task.path.replace('#', String(slot)),
          accept: task.accept ?? 'application/json',
          'user-agent': 'bench/1',
          ...(task.contentType ? { 'content-type': task.contentType } : {}),
        },
        { endStream: body === undefined },
      );
      if (body !== undefined) stream.end(body.replaceAll('#', String(slot)).replaceAll('%', `${prefix}-${serial++}`));
      stream.once('response', (headers) => {
        if ((headers[':status'] as number) >= 300) fail(`answered ${headers[':status']}`);
      });
      stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
      stream.once('error', (error) => fail(error.message));
      stream.once('close', () => {
        times.push(performance.now() - at);
        one(slot);
      });
    };
    for (let slot = 0; slot < Math.min(task.inFlight, task.count); slot++) one(slot);
  });
}

function saw(events: number): void {
  seen += events;
  if (waiting === undefined || seen < waiting.at) return;
  const { resolve, began } = waiting;
  waiting = undefined;
  const result = { done: seen, failed: 0, bytes: seenBytes, p50Ms: 0, p99Ms: 0 };
  resolve({ ...result, seconds: (performance.now() - began) / 1000 });
}

/**
 * Opens `inFlight` watches and says so. With a count it ends when all watches, also those of earlier tasks, have seen so many events since the task before; with a count
 * of 0 they just stay open.
 */
function watch(task: LoadTask, sessions: readonly ClientHttp2Session[]): Promise<LoadResult | undefined> {
  let open = 0;
  return new Promise((resolve) => {
    if (task.count > 0) {
      waiting = { at: task.count, resolve, began: performance.now() };
      seen -= counted;
      counted = task.count;
      saw(0);
    }
    for (let i = 0; i < task.inFlight; i++) {
      const stream = (sessions[i % task.connections] as ClientHttp2Session).request({
        ':path': task.path.replace('#', String(i)),
        accept: 'application/json',
      });
      stream.once('response', () => {
        if (++open < task.inFlight) return;
        process.stdout.write('{"open":true}\n');
        if (task.count === 0) resolve(undefined);
      });
      stream.on('data', (chunk: Buffer) => {
        seenBytes += chunk.length;
        let events = 0;
        for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) events++;
        saw(events);
      });
      // Whoever counts its events would wait for ever.
      stream.on('error', (error) => process.stderr.write(`a watch failed: ${error.message}\n`));
      stream.once('close', () => {
        process.stderr.write(`a watch of ${task.url} ended\n`);
        process.exit(1);
      });
    }
  });
}
