/** What a registry says of the part of a blob that it sends: `Content-Range`, and bytes that may not be those. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { ContentMismatch, openContentStore } from '#images/content-store.ts';
import { digestOf, parseReference } from '#images/reference.ts';
import { registrySession, RegistryError } from '#images/registry-client.ts';
import { NetworkError, type HttpClientRequest, type HttpClientResponse, type World } from '#world/world.ts';
import { halves, type Target } from '../target.ts';
import { machineWith } from './images.ts';

const blob = Buffer.from('0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/');
const digest = digestOf(blob);
const half = blob.length / 2;

const answer = (status: number, headers: HttpClientResponse['headers'], body: Readable): HttpClientResponse => ({
  status,
  headers,
  body,
  bytes: async () => Buffer.alloc(0),
  trailers: async () => ({}),
});

async function* brokenOff(): AsyncGenerator<Buffer> {
  yield blob.subarray(0, half);
  throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
}

export const registryTargets: readonly Target[] = [
  {
    name: 'content-range',
    refuses: [ContentMismatch, RegistryError, NetworkError],
    async run(bytes) {
      const [head, body] = halves(bytes);
      const machine = await machineWith({});
      let asked = 0;
      const request = async ({ headers }: HttpClientRequest): Promise<HttpClientResponse> => {
        asked++;
        if (headers?.['range'] === undefined) return answer(200, {}, Readable.from(brokenOff()));
        const pieces = Array.from({ length: Math.ceil(body.length / 7) }, (_, at) => body.subarray(7 * at, 7 * at + 7));
        return answer(206, { 'content-range': head.toString('latin1') }, Readable.from(pieces));
      };
      const world: World = {
        ...machine,
        clock: { ...machine.clock, sleep: async () => undefined },
        network: { ...machine.network, request },
      };
      const content = await openContentStore(world, '/store');
      const session = registrySession(world, parseReference('registry.example.com/app'), {});
      try {
        await content.fetch(digest, blob.length, {
          open: (offset) => session.blob(digest, offset),
          retry: (error, attempt) => session.retry(error, attempt),
        });
        assert.deepEqual(await content.read(digest, blob.length), blob);
      } catch (error) {
        // What begins behind what is there cannot be joined to it: that is said, before anything of it is taken.
        if (Number(/^bytes (\d+)-/.exec(head.toString('latin1'))?.[1] ?? 0) > half)
          assert.match((error as Error).message, /goes on at byte .*, and only the first 32 are here/);
        throw error;
      } finally {
        assert.ok(asked <= 8, `${asked} requests`);
        // Shown under its name is what has it, and nothing else is left.
        if (await content.has(digest)) assert.deepEqual(await machine.disk.read(content.path(digest)), blob);
        assert.deepEqual(await machine.disk.list('/store/incoming'), []);
      }
    },
  },
];
