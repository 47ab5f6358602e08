/**
 * The HTTP server: one port for HTTP/2 and HTTP/1.1 (chosen by ALPN) over TLS, or plain HTTP/1.1. We accept the TLS
 * connections ourselves and hand each to an HTTP/2 session (stream API, never the compatibility layer, which costs 40 %) or
 * to node's HTTP/1.1 parser. It knows nothing of Kubernetes; it must survive any bytes a client sends.
 */
import { createServer as createHttp1, type Server as Http1Server } from 'node:http';
import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { createServer as createPlain, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTls } from 'node:tls';
import type { HttpHandlers, HttpServer, HttpServerOptions, HttpUpgrade, Log, Millis, SocketAddress } from '../world.ts';
import { connectionOf, type Connection } from './http-peer.ts';
import { Http1Exchange } from './http1-exchange.ts';
import { Http2Exchange } from './http2-exchange.ts';
import { guardSession, sessionLimits } from './http2-session.ts';
import { keepAliveMs, listen } from './tcp.ts';
import { UnsentAnswers } from './unsent-answers.ts';

/** Room for a dozen of the largest real headers (bearer tokens, impersonation extras); upstream's default is 1 MiB. */
const maxHeaderBytesDefault = 128 * 1024;
/** Upstream's ReadHeaderTimeout. */
const headersTimeoutMs = 32_000;
/** Upstream's --request-timeout. */
const bodyTimeoutMs = 60_000;
/** Upstream's IdleTimeout, Go's default for kept-alive client connections. */
const idleTimeoutMs = 90_000;
const lingerMs = 500;
const handshakeTimeoutMs = 20_000;
/** Each costs a file descriptor and about 30 kB: half a gigabyte at the limit. */
const connectionsMax = 16_384;

export async function serveHttp(options: HttpServerOptions, handlers: HttpHandlers, log: Log): Promise<HttpServer> {
  const { tls } = options;
  const maxHeaderBytes = options.maxHeaderBytes ?? maxHeaderBytesDefault;
  const verify = tls?.clientCa !== undefined;
  const { headersMs = headersTimeoutMs, bodyMs = bodyTimeoutMs, idleMs = idleTimeoutMs } = options.timeouts ?? {};
  const connections = new WeakMap<Socket, Connection>();
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  const unsent = new UnsentAnswers();
  let closing = false;

  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // Resets reach the exchanges as aborted signals; the raw event must only not go unheard.
    socket.on('error', () => {});
    connections.set(socket, connectionOf(socket, verify, { bodyTimeoutMs: bodyMs, unsent }));
  };

  const handle = (exchange: Http1Exchange | Http2Exchange): void => {
    try {
      handlers.request(exchange);
    } catch (error) {
      log.error('a request handler threw', { error, method: exchange.method });
      exchange.respond(500, { 'content-type': 'text/plain' }, 'internal error\n');
    }
  };

  const http1 = http1Server(maxHeaderBytes, { headersMs, idleMs });
  http1.on('request', (request, response) => {
    handle(new Http1Exchange(request, response, connections.get(request.socket) as Connection));
  });
  const { upgrade } = handlers;
  if (upgrade) {
    http1.on('upgrade', (request, socket, head) => {
      const connection = connections.get(request.socket) as Connection;
      request.socket.setTimeout(0);
      const offer: HttpUpgrade = {
        method: request.method as string,
        url: request.url as string,
        headers: request.headers,
        httpVersion: '1.1',
        remoteAddress: connection.remoteAddress,
        ...(connection.peer ? { peer: connection.peer } : {}),
        socket,
        head,
      };
      try {
        upgrade(offer);
      } catch (error) {
        log.error('an upgrade handler threw', { error });
        socket.destroy();
      }
    });
  }

  const onSession = (socket: Socket): void => {
    const connection = connections.get(socket) as Connection;
    const session = performServerHandshake(socket, sessionLimits(maxHeaderBytes));
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.on('error', (error) => {
      log.debug('an HTTP/2 session broke', {
        remote: connection.remoteAddress,
        code: (error as NodeJS.ErrnoException).code,
      });
    });
    const guard = guardSession(session, socket, { connection, idleTimeoutMs: idleMs });
    session.on('stream', (stream: ServerHttp2Stream, headers) => {
      guard.opened(stream);
      if (headers[':method'] === 'CONNECT' || headers[':path'] === undefined) {
        stream.on('error', () => {});
        stream.respond({ ':status': 405 }, { endStream: true });
        return;
      }
      if (headers.expect === '100-continue') stream.additionalHeaders({ ':status': 100 });
      handle(new Http2Exchange(stream, headers, connection));
    });
  };

  let listener: Server;
  if (tls) {
    const server = createTls({
      cert: tls.cert,
      key: tls.key,
      ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true }),
      rejectUnauthorized: tls.clientCertRequired ?? false,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: handshakeTimeoutMs,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveMs,
    });
    // Also those that never finish their handshake: closing must not wait for them.
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    server.on('secureConnection', (socket) => {
      if (closing) {
        socket.destroy();
        return;
      }
      track(socket);
      if (socket.alpnProtocol === 'h2') onSession(socket);
      else http1.emit('connection', socket);
    });
    server.on('tlsClientError', (error, socket) => {
      log.debug('TLS handshake failed', { remote: socket.remoteAddress, code: (error as NodeJS.ErrnoException).code });
      socket.destroy();
    });
    // The HTTP/1.1 server never listens itself; its watch over slow headers starts with this event.
    http1.emit('listening');
    listener = server;
  } else if (options.clearHttp2) {
    const server = createPlain({ noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs });
    server.on('connection', (socket) => {
      track(socket);
      chooseProtocol(socket, headersMs, (isHttp2) => {
        if (isHttp2) onSession(socket);
        else http1.emit('connection', socket);
      });
    });
    http1.emit('listening');
    listener = server;
  } else {
    http1.on('connection', track);
    listener = http1;
  }
  listener.maxConnections = connectionsMax;

  const bound = await listen(listener, options.listen).catch((error: unknown) => {
    http1.close(() => {});
    throw error;
  });

  const close = async (graceMs: Millis): Promise<void> => {
    closing = true;
    const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
    if (listener !== http1) http1.close(() => {});
    for (const session of sessions) session.close();
    http1.closeIdleConnections();
    const timer = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, graceMs);
    await closed;
    clearTimeout(timer);
  };
  return { port: portOf(bound), close, [Symbol.asyncDispose]: () => close(0) };
}

/** Every HTTP/2 connection begins with these bytes (RFC 9113, 3.4), which no HTTP/1.1 request does. */
const preface = Buffer.from('PRI * HTTP/2.0\r\n');

/** Looks at a connection's first bytes and leaves them in it. One that says too little is closed. */
function chooseProtocol(socket: Socket, timeoutMs: Millis, chosen: (isHttp2: boolean) => void): void {
  let seen = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), timeoutMs).unref();
  socket.once('close', () => clearTimeout(timer));
  const onReadable = (): void => {
    for (let chunk: Buffer | null; (chunk = socket.read() as Buffer | null) !== null;)
      seen = Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, preface.length);
    const begins = seen.subarray(0, length).equals(preface.subarray(0, length));
    if (length === 0 || (begins && length < preface.length)) return;
    clearTimeout(timer);
    socket.removeListener('readable', onReadable);
    socket.unshift(seen);
    chosen(begins);
  };
  socket.on('readable', onReadable);
}

function http1Server(
  maxHeaderBytes: number,
  { headersMs, idleMs }: { readonly headersMs: Millis; readonly idleMs: Millis },
): Http1Server {
  const server = createHttp1({
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: headersMs,
    keepAliveTimeout: idleMs,
    connectionsCheckingInterval: Math.min(30_000, headersMs),
    // Bodies may come as slowly as they like (exec over HTTP/1.1, image uploads): handlers set their own limits.
    requestTimeout: 0,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
    // curl offers h2c on plain ports: an offer that may be ignored, not a request for another protocol.
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() !== 'h2c',
  });
  // Their bytes are bounded; a header beyond a count would be dropped without a word.
  server.maxHeadersCount = 0;
  const refused = new WeakSet<Duplex>();
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (refused.has(socket)) return;
    refused.add(socket);
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const status =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
          ? '408 Request Timeout'
          : '400 Bad Request';
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    // Closing with unread bytes would reset the connection before the client has read why: read on for a moment.
    socket.resume();
    setTimeout(() => socket.destroy(), lingerMs).unref();
  });
  return server;
}

function portOf(address: SocketAddress): number {
  return 'path' in address ? 0 : address.port;
}
