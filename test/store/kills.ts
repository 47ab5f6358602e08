/**
 * Kills a server with SIGKILL amid the writes of many clients, again and again, and judges what they saw: every acknowledged write is there
 * after the restart, and every watcher, resuming from the last event it had, sees every change exactly once and in order.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type ClientHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { testPki } from '#world/node/test-pki.ts';
import type { TlsIdentity } from '#world/world.ts';
import {
  configMaps,
  countIn,
  deletionEvery,
  isAfter,
  replyTo,
  revisionOf,
  Watched,
  type Reply,
} from './counted-objects.ts';
import type { KillServerOptions } from './kill-server.ts';
import { randomOf } from './load.ts';

const writers = 8;
const watchers = 8;
/** Each writer keeps so many writes in flight, each on an object of its own. */
const objectsEach = 4;

export interface Killed {
  readonly kills: number;
  readonly acknowledged: number;
  /** Writes whose answer the kill cut off. */
  readonly unanswered: number;
  readonly events: number;
  /** Writes a second while a server was up. */
  readonly rate: number;
}

/** One object, as its only writer knows it. */
interface Written {
  readonly name: string;
  /** Changes that were acknowledged, and whether one more was asked for. */
  count: number;
  asked: boolean;
}

/** Runs until `enough` says so (it is told the number of kills). Throws what is wrong with what the clients saw. */
export async function killAgainAndAgain(enough: (kills: number) => boolean, seed = 1): Promise<Killed> {
  const directory = mkdtempSync(join(tmpdir(), 'k8ts-kills-'));
  const pki = await testPki();
  const admin = await pki.client({ commonName: 'admin', organizations: ['system:masters'] });
  const pkiFile = join(directory, 'pki.json');
  writeFileSync(pkiFile, JSON.stringify({ identity: await pki.server(), ca: pki.ca }), { mode: 0o600 });
  const options: KillServerOptions = { path: join(directory, 'state.db'), pki: pkiFile, checkpointPages: 500 };
  const random = randomOf(seed);
  const objects = Array.from({ length: writers * objectsEach }, (_, i): Written => {
    return { name: `w${i % writers}-${Math.floor(i / writers)}`, count: 0, asked: false };
  });
  let seen: Watched[] | undefined;
  let [kills, acknowledged, unanswered, upMs, revision] = [0, 0, 0, 0, 0];
  let standby = prepare(options);
  try {
    for (;;) {
      const server = standby;
      standby = prepare(options);
      const { port, opened } = await start(server);
      if (opened < revision) throw new Error(`the store came back at revision ${opened}, ${revision} was acknowledged`);
      const dial = (): Promise<ClientHttp2Session> => session(port, pki.ca, admin);
      const control = await dial();
      seen ??= await watchersFrom(control);
      await Promise.all(objects.map((object) => settle(control, object)));
      const last = enough(kills);
      const ends: Promise<void>[] = [];
      let stopping = false;
      const began = performance.now();
      const reading = seen.map(async (watched) => watch(await dial(), watched));
      for (let writer = 0; writer < writers; writer++) {
        const mine = await dial();
        for (const object of objects.filter(({ name }) => name.startsWith(`w${writer}-`)))
          ends.push(
            (async () => {
              while (!stopping && !last) {
                object.asked = true;
                const reply = await change(mine, object, object.count + 1);
                if (!reply) {
                  unanswered++;
                  return;
                }
                if (reply.status >= 300) throw new Error(`${object.name}: ${reply.status} ${reply.text}`);
                object.count++;
                object.asked = false;
                acknowledged++;
                revision = Math.max(revision, revisionOf(reply.text) ?? 0);
              }
            })(),
          );
      }
      if (last) {
        // Everything has been written: the watchers must get all of it.
        const end = { name: 'end', count: 0, asked: false };
        const reply = await change(control, end, 1);
        const through = revisionOf(reply?.text ?? '') ?? Infinity;
        await until(() => seen?.every((watched) => watched.revision >= through) ?? false, reading);
      } else {
        await Promise.race([setTimeout(50 + random() * 200), ...ends, ...reading]);
        upMs += performance.now() - began;
      }
      stopping = true;
      server.kill('SIGKILL');
      await once(server, 'exit');
      await Promise.all([...ends, ...reading]);
      control.destroy();
      if (last) break;
      kills++;
    }
    const [first] = seen;
    for (const watched of seen) {
      if (watched.digest !== first?.digest || watched.events !== first.events)
        throw new Error(`watchers differ: ${watched.events} and ${first?.events} events`);
      for (const { name, count } of objects)
        if (watched.countOf(name) !== count)
          throw new Error(`${name}: ${count} changes, ${watched.countOf(name)} seen`);
    }
    return { kills, acknowledged, unanswered, events: first?.events ?? 0, rate: acknowledged / (upMs / 1_000) };
  } finally {
    standby.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
}

function prepare(options: KillServerOptions): ChildProcess {
  const program = join(import.meta.dirname, 'kill-server.ts');
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Two hundred starts compile the same code.
    env: { ...process.env, NODE_COMPILE_CACHE: join(dirname(options.path), 'compiled') },
  });
}

async function start(server: ChildProcess): Promise<{ port: number; opened: number }> {
  server.stdin?.write('go\n');
  const lines = createInterface({ input: server.stdout as NonNullable<ChildProcess['stdout']> });
  const line = await Promise.race([
    once(lines, 'line').then(([text]) => String(text)),
    once(server, 'exit').then(() => {
      throw new Error('the server does not start');
    }),
  ]);
  const [port = 0, opened = 0] = line.split(' ').map(Number);
  return { port, opened };
}

async function session(port: number, ca: string, identity: TlsIdentity): Promise<ClientHttp2Session> {
  const made = connect(`https://127.0.0.1:${port}`, { ca, ...identity });
  // The kill ends it; what it held is judged request by request.
  made.on('error', () => {});
  await once(made, 'connect');
  return made;
}

/** Makes the n-th change of an object. */
function change(on: ClientHttp2Session, { name }: Written, n: number): Promise<Reply | undefined> {
  if (n % deletionEvery === 0) return replyTo(on, { method: 'DELETE', path: `${configMaps}/${name}` });
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { count: String(n) } };
  if (n % deletionEvery === 1) return replyTo(on, { method: 'POST', path: configMaps, body });
  return replyTo(on, { method: 'PUT', path: `${configMaps}/${name}`, body });
}

/** After a restart: what was acknowledged must be there; what was asked for may be. */
async function settle(on: ClientHttp2Session, object: Written): Promise<void> {
  const reply = await replyTo(on, { method: 'GET', path: `${configMaps}/${object.name}` });
  if (!reply || (reply.status !== 200 && reply.status !== 404)) throw new Error(`${object.name}: ${reply?.text}`);
  const found = countIn(reply);
  if (object.asked && isAfter(found, object.count + 1)) object.count++;
  else if (!isAfter(found, object.count))
    throw new Error(`${object.name}: change ${object.count} was acknowledged, ${found ?? 'nothing'} is there`);
  object.asked = false;
}

async function watchersFrom(on: ClientHttp2Session): Promise<Watched[]> {
  const reply = await replyTo(on, { method: 'GET', path: `${configMaps}?limit=1` });
  const revision = revisionOf(reply?.text ?? '') ?? 0;
  if (!(revision > 0)) throw new Error(`no list to start watches from: ${reply?.status} ${reply?.text}`);
  return Array.from({ length: watchers }, () => new Watched(revision));
}

/** Watches from the last event seen until the connection breaks; rejects when something wrong is seen. */
function watch(on: ClientHttp2Session, watched: Watched): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = on.request({ ':path': `${configMaps}?watch=true&resourceVersion=${watched.revision}` });
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('response', ({ ':status': status }) => {
      if (status !== 200) reject(new Error(`a watch from revision ${watched.revision} was answered with ${status}`));
    });
    stream.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() as string;
      try {
        for (const line of lines) watched.see(line);
      } catch (error) {
        reject(error as Error);
        on.destroy();
      }
    });
    stream.on('error', () => {});
    stream.on('close', () => {
      on.destroy();
      resolve();
    });
  });
}

async function until(done: () => boolean, failures: readonly Promise<void>[]): Promise<void> {
  while (!done()) await Promise.race([setTimeout(5), ...failures.map(async (failure) => failure)]);
}
