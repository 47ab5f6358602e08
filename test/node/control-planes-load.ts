/**
 * Clients of a cluster with several control planes while these are killed and cut off: each writer changes objects of its own, one change after the other, and each
 * watcher goes on from the last event it had. A write whose answer did not come is looked up; it was carried out or it was not, and nothing that was acknowledged is ever
 * missing.
 */
import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  configMaps,
  countIn,
  deletionEvery,
  isAfter,
  replyTo,
  revisionOf,
  Watched,
  type Reply,
} from '../store/counted-objects.ts';

const askMsMax = 10_000;

export interface Access {
  readonly url: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A client that dials again whenever its connection breaks. */
export class Asker {
  readonly #access: Access;
  #session: ClientHttp2Session | undefined;

  constructor(access: Access) {
    this.#access = access;
  }

  async session(): Promise<ClientHttp2Session | undefined> {
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return this.#session;
    const { url, ...tls } = this.#access;
    const session = connect(url, tls);
    session.on('error', () => undefined);
    // A connection that breaks before it stands rejects both: it is as good as closed.
    const settled = ['connect', 'close'].map((event) => once(session, event).catch(() => undefined));
    await Promise.race([...settled, sleep(askMsMax)]);
    if (session.connecting || session.destroyed) {
      session.destroy();
      return undefined;
    }
    this.#session = session;
    return session;
  }

  /** The reply, or undefined when it did not come whole. */
  async ask(method: string, path: string, body?: object): Promise<Reply | undefined> {
    const on = await this.session();
    if (!on) return undefined;
    return replyTo(on, { method, path, body }, askMsMax);
  }

  /** Asks until there is an answer that is no failure of the server. */
  async must(method: string, path: string): Promise<Reply> {
    for (;;) {
      const reply = await this.ask(method, path);
      if (reply && reply.status < 500) return reply;
      await sleep(20);
    }
  }

  close(): void {
    this.#session?.destroy();
  }
}

/** One object, as its only writer knows it. */
interface Written {
  readonly name: string;
  count: number;
  /** Of the last change that is known; what it is compared with by the next. */
  revision: number;
  /** A creation of it was not answered: it may come through whenever the name is free. */
  mayComeLate: boolean;
  /** The last answers to its writer, for who has to find out what went wrong. */
  readonly answers: string[];
}

export interface Load {
  /** Acknowledged writes so far, and those that had to be looked up. */
  readonly acknowledged: number;
  readonly lookedUp: number;
  /** Resolves when every writer has had a write acknowledged that it began after the call; the longest that took, ms. */
  writable(): Promise<number>;
  /** Ends the writers, checks every object through `servers` and what every watcher saw. Throws what is wrong. */
  finish(servers: readonly Access[]): Promise<{ readonly events: number }>;
}

export async function startLoad(
  access: Access,
  {
    writers,
    watchers,
    objectsEach,
  }: { readonly writers: number; readonly watchers: number; readonly objectsEach: number },
): Promise<Load> {
  const counts = { acknowledged: 0, lookedUp: 0 };
  const problems: Error[] = [];
  /** When each writer began the last write that was acknowledged. */
  const begun = Array.from({ length: writers }, () => 0);
  const objects: Written[] = [];
  let stopping = false;

  const write = async (asker: Asker, writer: number): Promise<void> => {
    const named = (name: string): Written => {
      const object = { name, count: 0, revision: 0, mayComeLate: false, answers: [] };
      objects.push(object);
      return object;
    };
    const mine = Array.from({ length: objectsEach }, (_, index) => named(`w${writer}-${index}`));
    for (let turn = 0; !stopping; turn++) {
      let object = mine[turn % objectsEach] as Written;
      // Then its name is never free again, and another one takes its place.
      if (object.mayComeLate && (object.count + 1) % deletionEvery === 0)
        mine[turn % objectsEach] = object = named(`${object.name}-1`);
      const at = performance.now();
      const reply = await change(asker, object);
      note(object, `change ${object.count + 1} over ${object.revision}`, reply);
      if (reply && reply.status < 300) {
        object.count++;
        object.revision = revisionOf(reply.text) ?? object.revision;
        counts.acknowledged++;
        begun[writer] = at;
        continue;
      }
      // A conflict: an attempt whose answer was lost has come through after all.
      if (reply && reply.status < 500 && reply.status !== 409 && reply.status !== 404)
        throw new Error(`${object.name}: ${reply.status} ${reply.text}`);
      counts.lookedUp++;
      object.mayComeLate ||= (object.count + 1) % deletionEvery === 1;
      await lookUp(asker, object);
      await sleep(20);
    }
  };

  const start = new Asker(access);
  const from = revisionOf((await start.must('GET', `${configMaps}?limit=1`)).text) ?? 0;
  start.close();
  const watched = Array.from({ length: watchers }, () => new Watched(from));
  const failed = (error: unknown): void => void problems.push(error as Error);
  const writing = Array.from({ length: writers }, async (_, writer) => {
    const asker = new Asker(access);
    await write(asker, writer).catch(failed);
    asker.close();
  });
  const ends = new AbortController();
  const watching = watched.map((each) => follow(access, each, ends.signal).catch(failed));
  const check = (): void => {
    if (problems[0]) throw problems[0];
  };

  return {
    get acknowledged() {
      return counts.acknowledged;
    },
    get lookedUp() {
      return counts.lookedUp;
    },
    async writable() {
      const at = performance.now();
      while (!begun.every((when) => when > at)) {
        check();
        await sleep(10);
      }
      return performance.now() - at;
    },
    async finish(servers) {
      stopping = true;
      await Promise.all(writing);
      check();
      for (const server of servers) {
        const asker = new Asker(server);
        for (const object of objects) {
          const { count } = object;
          await lookUp(asker, object);
          // A write that was given up for lost may have come through by the last look.
          if (object.count !== count && object.count !== count + 1)
            throw new Error(`${object.name}: change ${count} was acknowledged, ${object.count} is there`);
        }
        asker.close();
      }
      const asker = new Asker(access);
      const last = await asker.ask('POST', configMaps, { metadata: { name: 'end' }, data: { count: '1' } });
      asker.close();
      const through = revisionOf(last?.text ?? '') ?? Infinity;
      while (!watched.every(({ revision }) => revision >= through)) {
        check();
        await sleep(10);
      }
      ends.abort();
      await Promise.all(watching);
      check();
      for (const each of watched) {
        for (const { name, count } of objects)
          if (each.countOf(name) !== count) throw new Error(`${name}: ${count} changes, ${each.countOf(name)} seen`);
      }
      return { events: watched[0]?.events ?? 0 };
    },
  };
}

/** Makes the object's next change; only over the state that its writer knows, so that a late attempt changes nothing (but see `mayComeLate`). */
function change(asker: Asker, { name, count, revision }: Written): Promise<Reply | undefined> {
  const n = count + 1;
  const resourceVersion = String(revision);
  if (n % deletionEvery === 0)
    return asker.ask('DELETE', `${configMaps}/${name}`, { preconditions: { resourceVersion } });
  const data = { count: String(n) };
  if (n % deletionEvery === 1) return asker.ask('POST', configMaps, { metadata: { name }, data });
  return asker.ask('PUT', `${configMaps}/${name}`, { metadata: { name, resourceVersion }, data });
}

const answersMax = 12;

function note({ answers }: Written, what: string, reply: Reply | undefined): void {
  if (answers.length >= answersMax) answers.shift();
  answers.push(
    `${Math.round(performance.now())} ms: ${what}: ${reply ? `${reply.status} ${reply.text.slice(0, 200)}` : 'no answer'}`,
  );
}

/** What was acknowledged must be there; what was asked for may be. */
async function lookUp(asker: Asker, object: Written): Promise<void> {
  const reply = await asker.must('GET', `${configMaps}/${object.name}`);
  note(object, 'looked up', reply);
  if (reply.status !== 200 && reply.status !== 404) throw new Error(`${object.name}: ${reply.status} ${reply.text}`);
  const found = countIn(reply);
  if (isAfter(found, object.count + 1)) object.count++;
  else if (!isAfter(found, object.count)) {
    // Lost, or only not seen here: what is there a moment later tells.
    await sleep(2_000);
    const later = await asker.must('GET', `${configMaps}/${object.name}`);
    throw new Error(
      `${object.name}: change ${object.count} was acknowledged, ${found ?? 'nothing'} is there; a moment later ${later.status} ${later.text}\n${object.answers.join('\n')}`,
    );
  }
  object.revision = revisionOf(reply.text) ?? object.revision;
}

/** Watches from the last event seen, again whenever the connection breaks. */
async function follow(access: Access, watched: Watched, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const asker = new Asker(access);
    const on = await asker.session();
    if (on) await watchOnce(on, watched, signal);
    asker.close();
    if (!signal.aborted) await sleep(20);
  }
}

function watchOnce(on: ClientHttp2Session, watched: Watched, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = on.request({ ':path': `${configMaps}?watch=true&resourceVersion=${watched.revision}` });
    const stop = (): void => on.destroy();
    signal.addEventListener('abort', stop, { once: true });
    let rest = '';
    let status = 0;
    stream.setEncoding('utf8');
    stream.on('response', (headers) => {
      status = Number(headers[':status']);
      if (status !== 200 && status < 500)
        reject(new Error(`a watch from revision ${watched.revision} was answered with ${status}`));
    });
    stream.on('data', (chunk: string) => {
      if (status !== 200) return;
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() as string;
      try {
        for (const line of lines) watched.see(line);
      } catch (error) {
        reject(error as Error);
        on.destroy();
      }
    });
    stream.on('error', () => undefined);
    stream.on('close', () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
  });
}
