/**
 * The demo application of k8ts: a guestbook in two halves. `frontend` shows a page and sends what people write to
 * `backend`, which it finds by its Service name; `backend` keeps the messages, in a file when DATA_FILE names one.
 * One dependency-free file, because it is also meant to be read. It runs inside a container: nothing of k8ts is imported.
 *
 *   PORT               where to listen (8080)
 *   BACKEND_URL        frontend: the message store (http://guestbook-backend:8080)
 *   DATA_FILE          backend: one JSON message a line; absent: memory only
 *   DRAIN_SECONDS      how long new requests are still answered after SIGTERM (2), until every proxy has forgotten this pod
 *   GUESTBOOK_VERSION  what the page calls itself; v2 looks different
 */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { hostname } from 'node:os';

const port = Number(process.env.PORT || 8080);
const backendUrl = process.env.BACKEND_URL || 'http://guestbook-backend:8080';
const dataFile = process.env.DATA_FILE || '';
const drainMs = Number(process.env.DRAIN_SECONDS || 2) * 1000;
const version = process.env.GUESTBOOK_VERSION || 'v1';

const bodyBytesMax = 16 * 1024;
const textLengthMax = 500;
const messagesMax = 1000;
const backendTimeoutMs = 3000;

class HttpError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const roles = { frontend, backend };
const role = process.argv[2] || process.env.ROLE || 'frontend';
if (!Object.hasOwn(roles, role)) {
  console.error(`guestbook: unknown role ${JSON.stringify(role)}: say "frontend" or "backend"`);
  process.exit(2);
}
if (!Number.isInteger(port) || port < 1 || port > 65535 || !(drainMs >= 0)) {
  console.error('guestbook: PORT must be 1 to 65535 and DRAIN_SECONDS a number');
  process.exit(2);
}
serve(await roles[role]());

/** Answers requests until SIGTERM or SIGINT; then drains and leaves. */
function serve(handle) {
  let stopping = false;
  const server = createServer((req, res) => {
    // After SIGTERM clients are told to open their next connection elsewhere.
    if (stopping) res.setHeader('connection', 'close');
    answer(handle, req, res).catch((error) => fail(res, error));
  });
  const ready = () => !stopping;

  async function answer(work, req, res) {
    const { pathname } = new URL(req.url, 'http://guestbook');
    if (pathname === '/healthz') {
      if (ready()) send(res, 200, 'text/plain', 'ok\n');
      else send(res, 503, 'text/plain', 'stopping\n');
      return;
    }
    await work(req, res, pathname);
  }

  server.listen(port, () => console.log(`guestbook ${version} ${role} listens on port ${port}`));
  const stop = (signal) => {
    if (stopping) return;
    stopping = true;
    console.log(`${signal}: finishing what has begun`);
    setTimeout(() => {
      // Refuses new connections, closes idle ones, and calls back when the last request has its answer.
      server.close(() => {
        console.log('all requests answered, goodbye');
        process.exit(0);
      });
    }, drainMs);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

function frontend() {
  return async (req, res, pathname) => {
    if (pathname === '/' && (req.method === 'GET' || req.method === 'HEAD')) {
      const messages = JSON.parse(await callBackend('GET', '/messages'));
      send(res, 200, 'text/html; charset=utf-8', page(messages));
    } else if (pathname === '/' && req.method === 'POST') {
      const form = new URLSearchParams(await readBody(req));
      await callBackend(
        'POST',
        '/messages',
        JSON.stringify({ author: form.get('author') ?? '', text: form.get('text') ?? '' }),
      );
      res.writeHead(303, { location: '/' }).end();
    } else if (pathname === '/api/messages' && (req.method === 'GET' || req.method === 'POST')) {
      const body = req.method === 'POST' ? await readBody(req) : undefined;
      send(
        res,
        req.method === 'POST' ? 201 : 200,
        'application/json',
        await callBackend(req.method, '/messages', body),
      );
    } else if (pathname === '/version') {
      send(res, 200, 'application/json', `${JSON.stringify({ version, pod: hostname() })}\n`);
    } else throw new HttpError(404, 'there is no such page');
  };
}

async function backend() {
  const messages = await load();
  // One write after the other, so that the file never holds half a line between two others.
  let writing = Promise.resolve();
  return async (req, res, pathname) => {
    if (pathname !== '/messages') throw new HttpError(404, 'there is no such page');
    if (req.method === 'GET') {
      send(res, 200, 'application/json', `${JSON.stringify(messages)}\n`);
      return;
    }
    if (req.method !== 'POST') throw new HttpError(405, 'only GET and POST');
    const message = parseMessage(await readBody(req));
    if (dataFile) {
      writing = writing.catch(() => {}).then(() => appendFile(dataFile, `${JSON.stringify(message)}\n`));
      await writing;
    }
    messages.push(message);
    if (messages.length > messagesMax) messages.shift();
    send(res, 201, 'application/json', `${JSON.stringify(message)}\n`);
  };
}

async function load() {
  if (!dataFile) return [];
  let content;
  try {
    content = await readFile(dataFile, 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    await writeFile(dataFile, '');
    return [];
  }
  const messages = content
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  return messages.slice(-messagesMax);
}

function parseMessage(body) {
  let json;
  try {
    json = JSON.parse(body);
  } catch {
    throw new HttpError(400, 'the message is not JSON');
  }
  const text = typeof json?.text === 'string' ? json.text.trim() : '';
  const author = typeof json?.author === 'string' ? json.author.trim() : '';
  if (text === '') throw new HttpError(400, 'a message needs a text');
  if (text.length > textLengthMax || author.length > 80)
    throw new HttpError(400, `at most ${textLengthMax} characters, please`);
  return { author: author || 'somebody', text, at: new Date().toISOString() };
}

async function readBody(req) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of req) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw new HttpError(413, 'that is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The answer's body. Reads are tried again once: the back end may just be moving to another node. */
async function callBackend(method, path, body) {
  try {
    return await callOnce(method, path, body);
  } catch (error) {
    if (method !== 'GET' || error instanceof HttpError) throw error;
    return await callOnce(method, path, body);
  }
}

function callOnce(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers =
      body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const call = request(
      new URL(path, backendUrl),
      { method, headers, timeout: backendTimeoutMs, agent: false },
      (res) => {
        const chunks = [];
        res.on('data', (chunk) => chunks.push(chunk));
        res.on('error', reject);
        res.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          if (res.statusCode < 300) resolve(text);
          else reject(new HttpError(res.statusCode, text.trim()));
        });
      },
    );
    call.on('timeout', () => call.destroy(new Error(`no answer within ${backendTimeoutMs} ms`)));
    call.on('error', reject);
    call.end(body);
  });
}

function fail(res, error) {
  const status = error instanceof HttpError ? error.status : 503;
  if (status >= 500) console.error(`guestbook: ${error.message}`);
  if (res.headersSent) res.destroy();
  else
    send(
      res,
      status,
      'text/plain; charset=utf-8',
      status === 503 ? 'the guestbook cannot reach its back end, try again soon\n' : `${error.message}\n`,
    );
}

function send(res, status, type, body) {
  res.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'x-guestbook-version': version,
  });
  res.end(body);
}

function page(messages) {
  const second = version !== 'v1';
  const colour = second ? '#0b7a4b' : '#326ce5';
  const list = messages
    .toReversed()
    .map(
      ({ author, text, at }) =>
        `<li><b>${escape(author)}</b> ${escape(text)}${second ? ` <time>${escape(at)}</time>` : ''}</li>`,
    )
    .join('\n');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Guestbook ${escape(version)}</title>
<style>
  body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { color: white; background: ${colour}; padding: .5rem 1rem; border-radius: .5rem; }
  input, button { font: inherit; padding: .3rem .6rem; }
  button { background: ${colour}; color: white; border: 0; border-radius: .3rem; }
  time, footer { color: #777; font-size: .8rem; }
</style>
<h1>Guestbook ${escape(version)}${second ? ' ✨' : ''}</h1>
<form method="post" action="/">
  <input name="author" placeholder="Your name" maxlength="80">
  <input name="text" placeholder="Your message" maxlength="${textLengthMax}" required>
  <button>Sign</button>
</form>
<ul>
${list}
</ul>
<footer>answered by ${escape(hostname())}</footer>
</html>
`;
}

function escape(text) {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
