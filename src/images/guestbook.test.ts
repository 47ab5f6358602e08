import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeWorld } from '#world/node/world.ts';
import { temporaryDirectory } from './testing.ts';

const world = nodeWorld({ log: { level: 'error' } });
const app = new URL('./demo/guestbook.mjs', import.meta.url).pathname;

async function freePort(): Promise<number> {
  await using listener = await world.network.listenTcp({ host: '127.0.0.1', port: 0 }, (socket) => socket.destroy());
  return 'port' in listener.address ? listener.address.port : 0;
}

async function start(role: string, env: Record<string, string>) {
  const port = await freePort();
  const child = world.processes.spawn([process.execPath, app, role], {
    env: { ...env, PORT: String(port), DRAIN_SECONDS: '0.3' },
  });
  let output = '';
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => String(chunk).includes('listens') && resolve());
    void child.exited.then((code) => reject(new Error(`ended with ${code}: ${output}`)));
  });
  const url = `http://127.0.0.1:${port}`;
  const ask = async (path: string, init: { method?: string; body?: string } = {}) => {
    const response = await world.network.request({
      url: `${url}${path}`,
      method: init.method ?? 'GET',
      ...(init.body === undefined ? {} : { body: init.body }),
    });
    return { status: response.status, text: (await response.bytes(1_000_000)).toString('utf8') };
  };
  return {
    url,
    child,
    ask,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await child.exited;
    },
  };
}

test('the guestbook shows what was written, keeps it in its file, and escapes it', async () => {
  await using place = await temporaryDirectory();
  const file = `${place.path}/messages`;
  {
    await using backend = await start('backend', { DATA_FILE: file });
    await using frontend = await start('frontend', { BACKEND_URL: backend.url });
    const written = await frontend.ask('/', { method: 'POST', body: 'author=Ada&text=%3Cb%3Ehello' });
    assert.equal(written.status, 303);
    const { status, text } = await frontend.ask('/');
    assert.equal(status, 200);
    assert.match(text, /<b>Ada<\/b> &#60;b&#62;hello/);
    assert.match(text, /Guestbook v1/);
    assert.equal((await frontend.ask('/', { method: 'POST', body: 'text=' })).status, 400);
    assert.equal((await frontend.ask('/', { method: 'POST', body: 'x'.repeat(20_000) })).status, 413);
    assert.equal((await frontend.ask('/nothing')).status, 404);
    assert.equal((await frontend.ask('/healthz')).text, 'ok\n');
  }
  await using backend = await start('backend', { DATA_FILE: file });
  await using second = await start('frontend', { BACKEND_URL: backend.url, GUESTBOOK_VERSION: 'v2' });
  assert.match((await second.ask('/')).text, /Guestbook v2 ✨[^]*hello/);
  await backend[Symbol.asyncDispose]();
  assert.equal((await second.ask('/')).status, 503);
});

test('after SIGTERM the guestbook is not ready, answers on for a moment, and ends with 0', async () => {
  await using backend = await start('backend', {});
  backend.child.kill('SIGTERM');
  let answer = await backend.ask('/healthz');
  while (answer.status === 200) answer = await backend.ask('/healthz');
  assert.equal(answer.status, 503);
  assert.equal((await backend.ask('/messages')).status, 200);
  assert.equal(await backend.child.exited, 0);
});
