/**
 * The served etcd API and a real etcd side by side, where one is installed: puts, gets and compare-and-swaps a second of 1, 16 and 64 clients, values
 * of a kilobyte, each server a process of its own with its data on the same disk. `node bench/etcd-api.ts`
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import {
  CompareSchema,
  PutRequestSchema,
  RangeRequestSchema,
  RequestOpSchema,
  TxnRequestSchema,
} from '../src/store/etcd/gen/etcd_pb.ts';
import { encode } from '../src/store/etcd/messages.ts';
import { etcdMissing } from '../src/store/etcd/test-etcd.ts';
import { grpcCall } from '../src/world/grpc.ts';
import { nodeWorld } from '../src/world/node/world.ts';

const seconds = 2;
const keys = 1_000;
const ports = { ours: 22_379, etcd: 22_380, peers: 22_381 } as const;
const world = nodeWorld({ log: { level: 'warn' } });
const value = Buffer.alloc(1_000, 'x');

interface Work {
  readonly method: string;
  message(key: Buffer): Uint8Array;
}

const work = <I extends DescMessage>(verb: string, input: I, of: (key: Buffer) => MessageInitShape<I>): Work => ({
  method: `/etcdserverpb.KV/${verb}`,
  message: (key) => encode(input, create(input, of(key))),
});
const works = {
  put: work('Put', PutRequestSchema, (key) => ({ key, value })),
  get: work('Range', RangeRequestSchema, (key) => ({ key })),
  swap: work('Txn', TxnRequestSchema, (key) => ({
    compare: [create(CompareSchema, { key, target: 2, targetUnion: { case: 'modRevision', value: 1n } })],
    failure: [
      create(RequestOpSchema, { request: { case: 'requestPut', value: create(PutRequestSchema, { key, value }) } }),
    ],
  })),
} satisfies Readonly<Record<string, Work>>;

async function perSecond(url: string, { method, message }: Work, clients: number): Promise<number> {
  let count = 0;
  const end = world.clock.monotonic() + seconds * 1_000;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (world.clock.monotonic() < end) {
        const key = Buffer.from(`/registry/pods/default/pod-${count++ % keys}`);
        await grpcCall(world, { url }, { method, message: message(key), timeoutMs: 10_000 });
      }
    }),
  );
  return Math.round(count / seconds);
}

async function serving(url: string): Promise<string> {
  for (let tries = 0; ; tries++) {
    try {
      await grpcCall(
        world,
        { url },
        {
          method: '/etcdserverpb.KV/Range',
          message: works.get.message(Buffer.from('a')),
          timeoutMs: 1_000,
        },
      );
      return url;
    } catch (error) {
      if (tries > 100) throw error;
      await sleep(50);
    }
  }
}

const folder = await mkdtemp(join(tmpdir(), 'k8ts-bench-etcd-'));
const children: ChildProcess[] = [];
const start = (command: string, args: readonly string[]): void =>
  void children.push(spawn(command, args, { stdio: 'ignore' }));
try {
  const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
  const urls: Record<string, string> = { k8ts: `http://127.0.0.1:${ports.ours}` };
  start(process.execPath, [
    ...['--disable-warning=ExperimentalWarning', main, 'etcd', 'serve', '--data-dir', join(folder, 'k8ts')],
    ...['--listen-client-urls', `http://127.0.0.1:${ports.ours}`],
  ]);
  if (etcdMissing === undefined) {
    const url = (urls['etcd'] = `http://127.0.0.1:${ports.etcd}`);
    start('etcd', [
      ...['--data-dir', join(folder, 'etcd'), '--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', `http://127.0.0.1:${ports.peers}`],
    ]);
  } else console.log(etcdMissing);
  const rows: Record<string, string | number>[] = [];
  for (const url of Object.values(urls)) await serving(url);
  // Just-in-time compilers, ours here and the server's, have seen each kind of request.
  for (const url of Object.values(urls)) for (const each of Object.values(works)) await perSecond(url, each, 16);
  for (const [name, each] of Object.entries(works))
    for (const clients of [1, 16, 64]) {
      const row: Record<string, string | number> = { what: `${name}/s`, clients };
      for (const [server, url] of Object.entries(urls)) row[server] = await perSecond(url, each, clients);
      rows.push(row);
    }
  console.table(rows);
} finally {
  for (const child of children) {
    const exited = once(child, 'exit');
    if (child.exitCode === null && child.kill()) await exited;
  }
  await rm(folder, { recursive: true });
}
