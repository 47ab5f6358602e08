/**
 * The cluster's DNS server: listens over UDP and TCP, answers names of the cluster from its views and passes the others on. It needs to list and watch Services,
 * EndpointSlices and Namespaces (upstream's role system:coredns allows that), nothing else. A damaged message costs one short reply and
 * must never stop it.
 */
import type { Duplex } from 'node:stream';
import { Namespace } from '#api/core/namespace.ts';
import { Service } from '#api/core/service.ts';
import { EndpointSlice } from '#api/discovery/endpointslice.ts';
import { Lru } from '#base/lru.ts';
import type { Client } from '#client/client.ts';
import { startView } from '#client/view.ts';
import type { World } from '#world/world.ts';
import {
  codes,
  headerBytes,
  readQuestion,
  types,
  walkRecords,
  writeAnswer,
  writeFailure,
  type Answer,
  type Code,
  type Question,
  type Record,
} from './message.ts';
import { clusterIpsOf, planAnswer, type DnsFacts } from './plan.ts';
import { upstreams } from './upstreams.ts';

export interface DnsOptions {
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  readonly clusterDomain: string;
  /** Addresses of the servers that know all other names, the first to ask first. */
  readonly upstreams: readonly string[];
}

export interface Dns extends AsyncDisposable {
  /** Resolves when it knows the cluster's names; earlier questions get SERVFAIL. */
  readonly synced: Promise<void>;
}

const cacheMax = 10_000;
/** CNAMEs that lead to CNAMEs. */
const aliasesMax = 8;
const connectionsMax = 1_024;
const tcpIdleMs = 10_000;
const classIn = 1;

const failure = (code: Answer['code']): Answer => ({
  code,
  authoritative: false,
  answers: [],
  authorities: [],
  additionals: [],
});

export async function startDns(world: World, client: Client, options: DnsOptions): Promise<Dns> {
  const services = startView(world, client, Service, { indexes: { ip: clusterIpsOf } });
  const slices = startView(world, client, EndpointSlice, {
    indexes: {
      service: ({ metadata }) => [`${metadata.namespace}/${metadata.labels?.['kubernetes.io/service-name'] ?? ''}`],
      ip: ({ endpoints }) => [...new Set(endpoints.flatMap(({ addresses }) => addresses))],
    },
  });
  const namespaces = startView(world, client, Namespace);
  const views = [services, slices, namespaces];
  const own = new Set(options.listen.map(({ host }) => host));
  const others = upstreams(
    world,
    options.upstreams.filter((server) => !own.has(server)),
  );
  // By the question's very bytes; what has several answers is written anew, so that they take turns.
  const cache = new Lru<string, Buffer>({ limit: cacheMax });
  for (const view of views) view.onChange(() => cache.clear());

  const facts: DnsFacts = {
    clusterDomain: options.clusterDomain.toLowerCase(),
    get serial() {
      return Math.max(services.revision, slices.revision, namespaces.revision);
    },
    hasNamespace: (name) => namespaces.get(name) !== undefined,
    service: (namespace, name) => services.get(`${namespace}/${name}`),
    slicesOf: (namespace, name) => slices.by('service', `${namespace}/${name}`),
    servicesAt: (ip) => services.by('ip', ip),
    slicesAt: (ip) => slices.by('ip', ip),
  };

  /** Follows an alias: within the cluster by the plan, outside by asking for it and taking what comes. */
  const follow = async (question: Question, first: Answer, transport: 'udp' | 'tcp'): Promise<Answer> => {
    let answer = first;
    for (let i = 0; i < aliasesMax; i++) {
      const last = answer.answers.at(-1);
      if (last?.type !== 'CNAME' || question.type === types.CNAME) return answer;
      const next = planAnswer({ name: last.target, type: question.type }, facts);
      if (next) {
        answer = { ...next, answers: [...answer.answers, ...next.answers] };
        continue;
      }
      const bytes = Buffer.concat([nameBytes(last.target), question.bytes.subarray(-4)]);
      const head = Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
      const asked = { ...question, name: last.target, bytes, ednsBytes: undefined };
      const reply = await others.ask(asked, Buffer.concat([head, bytes]), transport);
      if (!reply) return { ...failure(codes.serverFailure), answers: answer.answers };
      const code = (reply.readUInt8(3) & 15) as Code;
      return { ...answer, code, answers: [...answer.answers, ...addressesOf(reply, asked)], authorities: [] };
    }
    return failure(codes.serverFailure);
  };

  const answer = async (message: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> => {
    const question = readQuestion(message);
    if (question === 'ignore') return undefined;
    if (question === 'malformed') return writeFailure(message, codes.formatError);
    if (question.opcode !== 0) return writeFailure(message, codes.notImplemented);
    if (question.class !== classIn) return writeAnswer(question, failure(codes.refused), transport);
    if (!views.every(({ hasSynced }) => hasSynced)) {
      return writeAnswer(question, failure(codes.serverFailure), transport);
    }
    const key = `${transport} ${question.ednsBytes ?? 0} ${question.recursionDesired} ${question.bytes.toString('latin1')}`;
    const known = cache.get(key);
    if (known) {
      const reply = Buffer.from(known);
      reply.writeUInt16BE(question.id, 0);
      return reply;
    }
    const planned = planAnswer(question, facts);
    if (!planned) {
      const reply = await others.ask(question, message, transport);
      return reply ?? writeAnswer(question, failure(codes.serverFailure), transport);
    }
    if (planned.answers.at(-1)?.type === 'CNAME') {
      return writeAnswer(question, await follow(question, planned, transport), transport);
    }
    const reply = writeAnswer(question, shuffled(world, planned), transport);
    if (planned.answers.length <= 1) cache.set(key, Buffer.from(reply));
    return reply;
  };

  const safely = async (message: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> => {
    try {
      return await answer(message, transport);
    } catch (error) {
      world.log.warn('a DNS question could not be answered', { error: String(error) });
      return message.length >= headerBytes ? writeFailure(message, codes.serverFailure) : undefined;
    }
  };

  let connections = 0;
  const serveTcp = async (socket: Duplex): Promise<void> => {
    if (connections >= connectionsMax) {
      socket.destroy();
      return;
    }
    connections++;
    let timer = world.clock.after(tcpIdleMs, () => socket.destroy());
    try {
      let read = Buffer.alloc(0);
      for await (const chunk of socket) {
        read = Buffer.concat([read, chunk as Buffer]);
        while (read.length >= 2 && read.length >= 2 + read.readUInt16BE(0)) {
          const message = read.subarray(2, 2 + read.readUInt16BE(0));
          read = read.subarray(2 + message.length);
          const reply = await safely(message, 'tcp');
          if (!reply) continue;
          const length = Buffer.alloc(2);
          length.writeUInt16BE(reply.length);
          socket.write(Buffer.concat([length, reply]));
          timer.cancel();
          timer = world.clock.after(tcpIdleMs, () => socket.destroy());
        }
      }
      socket.end();
    } catch (error) {
      world.log.debug('a DNS connection broke', { error: String(error) });
    } finally {
      timer.cancel();
      connections--;
    }
  };

  const listeners: AsyncDisposable[] = [];
  const close = async (): Promise<void> => {
    await Promise.all([...listeners, ...views].map((part) => part[Symbol.asyncDispose]()));
  };
  try {
    for (const address of options.listen) {
      const udp = await world.network.listenUdp(address, (message, from) => {
        void safely(message, 'udp').then((reply) => reply && udp.send(reply, from));
      });
      listeners.push(udp);
      listeners.push(await world.network.listenTcp(address, (socket) => void serveTcp(socket)));
    }
  } catch (error) {
    await close();
    throw error;
  }
  const synced = Promise.all(views.map((view) => view.synced)).then(() => undefined);
  return { synced, [Symbol.asyncDispose]: close };
}

/** Addresses in another server's reply, whatever aliases led to them, as records of the name that was asked for. */
function addressesOf(reply: Buffer, { name, type, bytes }: Question): readonly Record[] {
  const found: Record[] = [];
  const count = reply.readUInt16BE(6);
  walkRecords(reply, headerBytes + bytes.length, ({ type: kind, at, index }) => {
    const length = reply.readUInt16BE(at + 8);
    if (index >= count || kind !== type || at + 10 + length > reply.length) return;
    const record = { name, ttl: reply.readUInt32BE(at + 4), address: reply.subarray(at + 10, at + 10 + length) };
    if (kind === types.A && length === 4) found.push({ ...record, type: 'A' });
    else if (kind === types.AAAA && length === 16) found.push({ ...record, type: 'AAAA' });
  });
  return found;
}

function nameBytes(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(label.slice(0, 63), 'latin1'));
  return Buffer.concat([...labels.flatMap((label) => [Buffer.from([label.length]), label]), Buffer.from([0])]);
}

function shuffled(world: World, answer: Answer): Answer {
  if (answer.answers.length <= 1) return answer;
  const from = Math.floor(world.random.fraction() * answer.answers.length);
  return { ...answer, answers: [...answer.answers.slice(from), ...answer.answers.slice(0, from)] };
}
