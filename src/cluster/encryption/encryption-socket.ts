/**
 * How `k8ts encryption` speaks to the running server: a unix socket in the store's directory, which only the cluster's owner can enter. No key ever goes over it.
 */
import type { Millis, World } from '#world/world.ts';
import type { Layout } from '../layout.ts';
import type { Encryption, EncryptionStatus, Replaced } from './encryption.ts';

const bodyBytesMax = 1024 * 1024;
/** A million values take minutes. */
const timeoutMs: Millis = 30 * 60 * 1_000;

export type EncryptionRequest = 'status' | 'reencrypt' | 'rotate-keys';

export async function serveEncryption(
  world: World,
  layout: Pick<Layout, 'encryptionSocket'>,
  encryption: Encryption,
): Promise<AsyncDisposable> {
  await world.disk.remove(layout.encryptionSocket);
  const answers: Readonly<Record<string, () => Promise<EncryptionStatus | Replaced>>> = {
    'POST /status': () => encryption.status(),
    'POST /reencrypt': () => encryption.reencrypt(),
    'POST /rotate-keys': () => encryption.rotateKeys(),
  };
  return world.network.serveHttp(
    { listen: { path: layout.encryptionSocket } },
    {
      request(exchange) {
        const route = `${exchange.method} ${exchange.url}`;
        const answer = Object.hasOwn(answers, route) ? answers[route] : undefined;
        if (!answer) {
          exchange.respond(404, {}, 'not found');
          return;
        }
        answer().then(
          (done) => exchange.respond(200, { 'content-type': 'application/json' }, JSON.stringify(done)),
          (error: unknown) => exchange.respond(500, {}, error instanceof Error ? error.message : String(error)),
        );
      },
    },
  );
}

/** Rejects with what the server said, or NetworkError when none answers. */
export async function askEncryption(
  world: World,
  layout: Pick<Layout, 'encryptionSocket'>,
  request: EncryptionRequest,
): Promise<EncryptionStatus | Replaced> {
  const response = await world.network.request({
    method: 'POST',
    url: `http://localhost/${request}`,
    socketPath: layout.encryptionSocket,
    protocol: 'http/1.1',
    timeoutMs,
  });
  const answer = (await response.bytes(bodyBytesMax)).toString();
  if (response.status !== 200) throw new Error(answer);
  return JSON.parse(answer) as EncryptionStatus | Replaced;
}
