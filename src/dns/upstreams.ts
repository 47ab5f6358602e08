/**
 * Names that are not the cluster's: passed on as they came to the servers that the host itself asks, one after the other until one answers. Answers are kept for
 * as long as they say, half a minute at most. An answer counts only when number, question and sender are the ones asked for.
 */
import { Lru } from '#base/lru.ts';
import { parseIp } from '#base/cidr.ts';
import { deferred } from '#base/deferred.ts';
import type { World } from '#world/world.ts';
import { headerBytes, types, walkRecords, type Question } from './message.ts';

export interface Upstreams {
  /** The reply with the client's number, or undefined when nobody answered. */
  ask(question: Question, message: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined>;
}

const port = 53;
const timeoutMs = 2_000;
/** Also the end of a loop: a question that comes back to us waits here, and the rest is refused. */
const runningMax = 1_024;
const cacheEntriesMax = 10_000;
const cacheSecondsMax = 30;
const resolvConfPaths = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];

/**
 * The servers that this host asks. Those on a loopback address serve the host alone and cannot be reached from a node; systemd's
 * list of real servers stands in for its own stub.
 */
export async function hostUpstreams(world: World): Promise<readonly string[]> {
  for (const path of resolvConfPaths) {
    const text = (await world.disk.readText(path)) ?? '';
    const found = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1] as string);
    const usable = found.filter((server) => {
      const ip = parseIp(server);
      return ip !== undefined && !(ip.family === 4 ? ip.value >> 24n === 127n : ip.value === 1n);
    });
    if (usable.length > 0) return usable;
  }
  return [];
}

export function upstreams(world: World, servers: readonly string[]): Upstreams {
  const cache = new Lru<string, { reply: Buffer; at: number; seconds: number }>({ limit: cacheEntriesMax });
  let running = 0;

  const askAll = async (question: Question, message: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> => {
    const query = Buffer.from(message);
    for (const server of servers) {
      // A number of our own: who guesses the client's must not be able to answer for the server.
      query.writeUInt16BE(Math.floor(world.random.fraction() * 65_536), 0);
      try {
        const ask = transport === 'udp' ? askUdp : askTcp;
        const reply = await ask(world, server, { query, question: question.bytes });
        if ((reply.readUInt8(3) & 15) !== 2) return reply;
      } catch (error) {
        world.log.debug('a DNS server did not answer', { server, error: String(error) });
      }
    }
    return undefined;
  };

  return {
    async ask(question, message, transport) {
      const key = `${transport} ${question.ednsBytes ?? 0} ${question.name} ${question.type} ${question.class} ${message.readUInt16BE(2)}`;
      const known = cache.get(key);
      const now = world.clock.monotonic();
      if (known) {
        const aged = age(known.reply, question, Math.floor((now - known.at) / 1000));
        if (now - known.at < known.seconds * 1000 && aged) return aged;
        cache.delete(key);
      }
      if (running >= runningMax) return undefined;
      running++;
      try {
        const reply = await askAll(question, message, transport);
        if (!reply) return undefined;
        const seconds = secondsOf(reply, question);
        if (seconds > 0) cache.set(key, { reply, at: world.clock.monotonic(), seconds });
        return age(reply, question, 0);
      } finally {
        running--;
      }
    },
  };
}

interface Query {
  readonly query: Buffer;
  readonly question: Buffer;
}

function isReply(reply: Buffer, { query, question }: Query): boolean {
  return (
    reply.length >= headerBytes + question.length &&
    reply.readUInt16BE(0) === query.readUInt16BE(0) &&
    (reply.readUInt8(2) & 0x80) !== 0 &&
    sameQuestion(reply.subarray(headerBytes, headerBytes + question.length), question)
  );
}

/** Servers may spell letters otherwise. */
const sameQuestion = (a: Buffer, b: Buffer): boolean =>
  a.toString('latin1').toLowerCase() === b.toString('latin1').toLowerCase();

async function askUdp(world: World, server: string, query: Query): Promise<Buffer> {
  const answer = deferred<Buffer>();
  const host = server.includes(':') ? '::' : '0.0.0.0';
  const socket = await world.network.listenUdp({ host, port: 0 }, (message, from) => {
    if (from.address === server && from.port === port && isReply(message, query)) answer.resolve(message);
  });
  const timer = world.clock.after(timeoutMs, () => answer.reject(new Error(`no answer within ${timeoutMs} ms`)));
  try {
    socket.send(query.query, { address: server, port });
    return await answer.promise;
  } finally {
    timer.cancel();
    await socket[Symbol.asyncDispose]();
  }
}

async function askTcp(world: World, server: string, query: Query): Promise<Buffer> {
  const socket = await world.network.dialTcp({ host: server, port }, { timeoutMs });
  const timer = world.clock.after(timeoutMs, () => socket.destroy());
  try {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.query.length);
    socket.write(Buffer.concat([length, query.query]));
    let read = Buffer.alloc(0);
    for await (const chunk of socket) {
      read = Buffer.concat([read, chunk as Buffer]);
      if (read.length < 2 || read.length < 2 + read.readUInt16BE(0)) continue;
      const reply = read.subarray(2, 2 + read.readUInt16BE(0));
      if (!isReply(reply, query)) throw new Error('an answer to another question');
      return reply;
    }
    throw new Error('the connection ended without an answer');
  } finally {
    timer.cancel();
    socket.destroy();
  }
}

/** How long a reply may be kept: its shortest time to live. Failures and truncated ones are not kept. */
function secondsOf(reply: Buffer, { bytes }: Question): number {
  const code = reply.readUInt8(3) & 15;
  if ((code !== 0 && code !== 3) || (reply.readUInt8(2) & 2) !== 0) return 0;
  let seconds = cacheSecondsMax;
  let records = 0;
  const whole = walkRecords(reply, headerBytes + bytes.length, ({ type, at }) => {
    if (type === types.OPT) return;
    records++;
    seconds = Math.min(seconds, reply.readUInt32BE(at + 4));
  });
  return whole && records > 0 ? seconds : 0;
}

/** A copy for this client: its number, its spelling, and times to live that have run on. Undefined for a reply that is damaged. */
function age(reply: Buffer, { id, bytes }: Question, seconds: number): Buffer | undefined {
  const copy = Buffer.from(reply);
  copy.writeUInt16BE(id, 0);
  bytes.copy(copy, headerBytes);
  const whole = walkRecords(copy, headerBytes + bytes.length, ({ type, at }) => {
    if (type !== types.OPT) copy.writeUInt32BE(Math.max(0, copy.readUInt32BE(at + 4) - seconds), at + 4);
  });
  return whole ? copy : undefined;
}
