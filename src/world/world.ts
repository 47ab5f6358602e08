/**
 * The only door to the machine. Every component gets a `World` and nothing else that can observe time, chance, disk,
 * network or processes; `world/node/` makes the real one, `sim/` a simulated one. Code outside `world/node/` must never
 * import node:fs, node:net, node:child_process or timers: what escapes the World escapes the simulator.
 */
import type { Duplex, Readable, Writable } from 'node:stream';

/** Milliseconds: an instant since the Unix epoch, or a span, as the name says. */
export type Millis = number;

export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  readonly processes: Processes;
  readonly log: Log;
}

export interface Clock {
  /** Wall time, ms since the epoch. May jump; use for timestamps that people and objects see. */
  now(): Millis;
  /** Never goes back; use for spans and deadlines. */
  monotonic(): Millis;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: Millis, options?: { signal?: AbortSignal }): Promise<void>;
  /** Calls `run` once after `ms`, unless the returned timer is cancelled first. Does not keep a process alive if `unref`. */
  after(ms: Millis, run: () => void, options?: { unref?: boolean }): Timer;
  /** Lets everything else that is ready run first: loops over many items await this at least every 5 ms. */
  yield(): Promise<void>;
}

export interface Timer {
  cancel(): void;
}

export interface Random {
  bytes(count: number): Uint8Array;
  /** A version 4 UUID. */
  uuid(): string;
  /** Uniform in [0, 1). */
  fraction(): number;
  /** `length` characters of Kubernetes' name alphabet (bcdfghjklmnpqrstvwxz2456789), as generateName uses. */
  suffix(length: number): string;
}

/** Files. Paths are absolute. A missing path answers undefined where the return type says so; every other failure throws. */
export interface Disk {
  read(path: string): Promise<Buffer | undefined>;
  readText(path: string): Promise<string | undefined>;
  /** Writes to a sibling temporary file, syncs, and renames: readers see the old or the new content, never half. */
  write(path: string, content: string | Uint8Array, options?: { mode?: number }): Promise<void>;
  append(path: string, content: string | Uint8Array): Promise<void>;
  readStream(path: string, options?: { start?: number; end?: number }): Readable;
  writeStream(path: string, options?: { mode?: number; append?: boolean }): Writable;
  /** Opens without blocking for read and write, so a named pipe never ends while no writer is there. */
  openPipe(path: string): Promise<Readable & AsyncDisposable>;
  makeDirectory(path: string, options?: { mode?: number }): Promise<void>;
  list(path: string): Promise<readonly DirectoryEntry[] | undefined>;
  stat(path: string): Promise<FileStat | undefined>;
  rename(from: string, to: string): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  readLink(path: string): Promise<string | undefined>;
  link(existing: string, path: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  chown(path: string, uid: number, gid: number, options?: { followLinks?: boolean }): Promise<void>;
  truncate(path: string, length: number): Promise<void>;
  /** Removes a file, or a tree when `recursive`. A missing path is no error. */
  remove(path: string, options?: { recursive?: boolean }): Promise<void>;
  /** Bytes of the filesystem that holds `path`. */
  space(path: string): Promise<{ totalBytes: number; freeBytes: number; inodes: number; inodesFree: number }>;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'other';
}

export interface FileStat {
  readonly type: DirectoryEntry['type'];
  readonly sizeBytes: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedAt: Millis;
  readonly inode: number;
}

export interface Network {
  /** One port that speaks HTTP/2, HTTP/1.1 and upgrades over TLS (or plain HTTP/1.1 when `tls` is absent, see `clearHttp2`). */
  serveHttp(options: HttpServerOptions, handlers: HttpHandlers): Promise<HttpServer>;
  /** One request. HTTP/2 connections to one authority and identity are shared and re-dialled. Throws NetworkError. */
  request(request: HttpClientRequest): Promise<HttpClientResponse>;
  /** HTTP/1.1 Upgrade; resolves with the raw stream after 101, or with the refusing response. */
  upgrade(
    request: HttpClientRequest,
  ): Promise<{ socket: Duplex; head: Buffer; headers: HttpHeaders } | HttpClientResponse>;
  /** Sockets are half-open capable: after the peer's end the holder must still end its own side. */
  listenTcp(address: SocketAddress, onConnection: (socket: Duplex) => void): Promise<Listener>;
  dialTcp(address: SocketAddress, options?: { timeoutMs?: Millis; signal?: AbortSignal }): Promise<Duplex>;
  listenUdp(
    address: { host: string; port: number },
    onMessage: (message: Buffer, from: UdpPeer) => void,
  ): Promise<UdpListener>;
  /** Addresses of this network namespace's interfaces. */
  interfaces(): readonly { name: string; address: string; family: 4 | 6; internal: boolean; cidr: string }[];
}

export type SocketAddress = { readonly host: string; readonly port: number } | { readonly path: string };

export interface Listener extends AsyncDisposable {
  readonly address: SocketAddress;
}

export interface UdpPeer {
  readonly address: string;
  readonly port: number;
}

export interface UdpListener extends AsyncDisposable {
  readonly port: number;
  send(message: Uint8Array, to: UdpPeer): void;
}

export type HttpHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface TlsIdentity {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface HttpServerOptions {
  readonly listen: SocketAddress;
  readonly tls?: TlsIdentity & {
    readonly clientCa?: string;
    /** No connection without a certificate of `clientCa`'s; else the handler decides. */
    readonly clientCertRequired?: boolean;
  };
  /** Without TLS: connections that begin as HTTP/2 (prior knowledge, as gRPC does) are served as such, others as HTTP/1.1. */
  readonly clearHttp2?: boolean;
  /** Bytes of all request headers together. */
  readonly maxHeaderBytes?: number;
  /** How long a client may take: for the headers of a request, for a body that is read whole, between requests. */
  readonly timeouts?: { readonly headersMs?: Millis; readonly bodyMs?: Millis; readonly idleMs?: Millis };
}

export interface HttpHandlers {
  request(exchange: HttpExchange): void;
  /** A connection-upgrade request (HTTP/1.1). The handler owns the socket from here on. */
  upgrade?(upgrade: HttpUpgrade): void;
}

export interface HttpServer extends AsyncDisposable {
  /** The port that was bound; 0 for a unix socket. */
  readonly port: number;
  /** Refuses new connections and streams; running ones may end within `graceMs`. */
  close(graceMs: Millis): Promise<void>;
}

export interface HttpRequestHead {
  readonly method: string;
  /** Path and query, undecoded. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: HttpHeaders;
  readonly httpVersion: '1.1' | '2';
  readonly remoteAddress: string;
  /** The client's certificate chain was verified against `clientCa`; absent otherwise. DER of the leaf and its subject. */
  readonly peer?: { readonly commonName: string; readonly organizations: readonly string[]; readonly der: Buffer };
}

/** One request on the server side. Exactly one of `respond` and `stream` is called, once. */
export interface HttpExchange extends HttpRequestHead {
  /** Aborted when the client goes away or resets the stream. */
  readonly signal: AbortSignal;
  /** The whole body; throws RangeError past `limitBytes` (the connection stays usable), NetworkError ETIMEDOUT for one that comes too slowly. */
  body(limitBytes: number): Promise<Buffer>;
  readonly bodyStream: Readable;
  /** False when the request certainly has no body. */
  readonly hasBody: boolean;
  respond(status: number, headers: HttpHeaders, body?: Uint8Array | string, options?: HttpAnswerOptions): void;
  /** Starts a streamed answer. Writes return false when the peer is slow; `drained` resolves when it caught up. */
  stream(status: number, headers: HttpHeaders, options?: HttpAnswerOptions): HttpResponseStream;
}

export interface HttpAnswerOptions {
  /** Asked at the end for what follows the body, if there is one; HTTP/1.1 has none. */
  readonly trailers?: () => HttpHeaders;
}

export interface HttpResponseStream {
  write(chunk: Uint8Array | string): boolean;
  /** Many pieces as one write; none of them is copied on the way. */
  writeAll(chunks: readonly Uint8Array[]): boolean;
  drained(): Promise<void>;
  end(chunk?: Uint8Array | string): void;
  /** Bytes accepted by `write` that the peer has not taken yet. */
  readonly bufferedBytes: number;
  readonly writable: Writable;
}

export interface HttpUpgrade extends HttpRequestHead {
  readonly socket: Duplex;
  readonly head: Buffer;
}

export interface HttpClientRequest {
  readonly method: string;
  /** `https://host:port/path?query`, `http://…`. */
  readonly url: string;
  readonly headers?: HttpHeaders;
  readonly body?: Uint8Array | string | Readable;
  readonly tls?: {
    readonly ca?: string;
    readonly identity?: TlsIdentity;
    readonly serverName?: string;
    readonly insecure?: boolean;
  };
  /** Dial this unix socket instead of the URL's host. */
  readonly socketPath?: string;
  /** Connections to the URL's host are made by the caller, e.g. through another machine; HTTP/1.1 only, TLS inside when the URL says so. */
  readonly via?: HttpVia;
  /** HTTP/2 by ALPN (the default for https), or force one: 'h2' with http:// is HTTP/2 in the clear, without negotiation. */
  readonly protocol?: 'h2' | 'http/1.1';
  /** Until the response's headers have come. */
  readonly timeoutMs?: Millis;
  readonly signal?: AbortSignal;
}

export interface HttpVia {
  /** Requests with the same key may share connections. */
  readonly key: string;
  /** Rejects with NetworkError when the host cannot be reached. */
  dial(): Promise<Duplex>;
}

export interface HttpClientResponse {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly body: Readable;
  /** Reads the whole body; throws RangeError past `limitBytes`. */
  bytes(limitBytes?: number): Promise<Buffer>;
  /** What the peer sent after the body; empty when nothing. To be asked for once the body has been read. */
  trailers(): Promise<HttpHeaders>;
}

/** The peer could not be reached or the connection broke; `code` is the system's (ECONNREFUSED, ETIMEDOUT …). */
export class NetworkError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'NetworkError';
    this.code = code;
  }
}

export interface Processes {
  readonly self: { readonly pid: number; readonly uid: number; readonly platform: string; readonly arch: string };
  /** Environment of this process; never written. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Runs to the end. Never throws for a non-zero exit: the caller reads `code`. Throws when the program is missing, when
   * `timeoutMs` or `signal` ended it (it is killed then), and when it prints without end.
   */
  run(command: readonly string[], options?: RunOptions): Promise<RunResult>;
  spawn(command: readonly string[], options?: SpawnOptions): ChildProcess;
  /** A child under a pseudo terminal. */
  spawnPty(command: readonly string[], options?: SpawnOptions & { columns?: number; rows?: number }): PtyProcess;
  /** Signals a process (negative: its group). False when it is gone. Signal 0 only asks. */
  kill(pid: number, signal: string | 0): boolean;
  /** A program's absolute path, or undefined. */
  which(program: string): Promise<string | undefined>;
  /** Memory and processor time of this process. */
  usage(): { residentBytes: number; cpuMs: Millis };
  /** Collects all garbage of this process now and gives its memory back: blocks for tens of milliseconds. */
  collectGarbage(): void;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  /** On top of this process' environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs?: Millis;
  readonly signal?: AbortSignal;
}

export interface RunResult {
  /** Exit code; 128 + n when killed by signal n. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SpawnOptions {
  /** On top of this process' environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Lives on when this process ends, in a session of its own. */
  readonly detached?: boolean;
  /** 'pipe' (default), 'ignore', or a file that both outputs are appended to. */
  readonly stdio?: 'pipe' | 'ignore' | { readonly appendTo: string };
}

export interface ChildProcess {
  readonly pid: number;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** Resolves with the exit code (128 + n for signal n). */
  readonly exited: Promise<number>;
  kill(signal: string): void;
}

export interface PtyProcess {
  readonly pid: number;
  /** Bytes from and to the terminal. */
  readonly terminal: Duplex;
  readonly exited: Promise<number>;
  resize(columns: number, rows: number): void;
  kill(signal: string): void;
}

/** Structured log. Never give it a Secret's data, a token or a key. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose lines carry these fields too. */
  with(fields: LogFields): Log;
}

export type LogFields = Readonly<Record<string, unknown>>;
