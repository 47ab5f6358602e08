/**
 * Objects that count their own changes (creations, updates, deletions alike), for tests that kill servers: so it is known of each answer and of each event whether it is the
 * next one.
 */
import type { ClientHttp2Session } from 'node:http2';

export const configMaps = '/api/v1/namespaces/default/configmaps';
/** Every so manyth change of an object is its deletion. */
export const deletionEvery = 23;

export interface Reply {
  readonly status: number;
  readonly text: string;
}

/** The reply, or undefined when the connection broke before it was whole, or `timeoutMs` passed, which ends the connection. */
export function replyTo(
  on: ClientHttp2Session,
  { method, path, body }: { readonly method: string; readonly path: string; readonly body?: object | undefined },
  timeoutMs?: number,
): Promise<Reply | undefined> {
  return new Promise((resolve) => {
    if (on.closed || on.destroyed) {
      resolve(undefined);
      return;
    }
    const stream = on.request(
      { ':method': method, ':path': path, 'content-type': 'application/json' },
      // Left to itself, Node ends a DELETE at once, without its body and so without its preconditions.
      { endStream: body === undefined },
    );
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => on.destroy(), timeoutMs);
    let status = 0;
    let text = '';
    let whole = false;
    stream.setEncoding('utf8');
    stream.on('response', (headers) => (status = Number(headers[':status'])));
    stream.on('data', (chunk: string) => (text += chunk));
    stream.on('end', () => (whole = status > 0 && stream.rstCode === 0 && text.trimEnd().endsWith('}')));
    stream.on('error', () => (whole = false));
    stream.on('close', () => {
      clearTimeout(timer);
      resolve(whole ? { status, text } : undefined);
    });
    if (body !== undefined) stream.end(JSON.stringify(body));
  });
}

export const revisionOf = (text: string): number | undefined => {
  const found = /"resourceVersion":"(\d+)"/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
};

const countOf = (text: string): number => Number(/"count":"(\d+)"/.exec(text)?.[1]);

/** The count that the answer to a GET shows; undefined when nothing is there. */
export const countIn = ({ status, text }: Reply): number | undefined => (status === 404 ? undefined : countOf(text));

/** Whether what was found is an object after so many changes. */
export const isAfter = (found: number | undefined, count: number): boolean =>
  count % deletionEvery === 0 ? found === undefined : found === count;

/** What a watcher has seen. Throws at the first event that is not the next. */
export class Watched {
  readonly #counts = new Map<string, number>();
  revision: number;
  events = 0;
  /** Of everything seen, in order. */
  digest = 0;

  constructor(revision: number) {
    this.revision = revision;
  }

  see(line: string): void {
    const type = /"type":"(\w+)"/.exec(line)?.[1];
    const revision = revisionOf(line) ?? 0;
    const name = /"name":"(w[\d-]+|end|kube-root-ca\.crt)"/.exec(line)?.[1];
    if (type === 'ERROR' || name === undefined || !(revision > this.revision))
      throw new Error(`after revision ${this.revision} a watcher got ${line.slice(0, 300)}`);
    this.revision = revision;
    if (name === 'kube-root-ca.crt') return;
    const before = this.countOf(name);
    // A deletion shows the last state: it is itself the next change.
    const now = type === 'DELETED' ? countOf(line) + 1 : countOf(line);
    const isExpected =
      (type === 'ADDED') === (before % deletionEvery === 0) && (type === 'DELETED') === (now % deletionEvery === 0);
    if (now !== before + 1 || !isExpected)
      throw new Error(
        `after change ${before} of ${name} a watcher got ${type} of change ${now} at revision ${revision}`,
      );
    this.#counts.set(name, now);
    this.events++;
    this.digest = (Math.imul(this.digest, 31) + revision) | 0;
  }

  countOf(name: string): number {
    return this.#counts.get(name) ?? 0;
  }
}
